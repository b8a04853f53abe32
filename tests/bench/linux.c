/* What basic operations cost, in microseconds each: the best of several batches, one line `name value` each. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char buffer[4096], *self;
static int there[2], back[2];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void measure(const char *name, int count, void (*operation)(void)) {
    double best = 1e18;
    for (int batch = 0; batch < 5; batch++) {
        double start = now();
        for (int i = 0; i < count; i++)
            operation();
        double each = (now() - start) / count;
        if (each < best)
            best = each;
    }
    printf("%s %.3f\n", name, best);
    fflush(stdout);
}

static void trivial(void) { syscall(SYS_getppid); }

static void open_read(void) {
    struct stat state;
    int file = open("/etc/passwd", O_RDONLY);
    fstat(file, &state);
    if (read(file, buffer, sizeof buffer) < 0)
        _exit(1);
    close(file);
}

static void map_unmap(void) { munmap(mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 65536); }

static void round_trip(void) {
    if (write(there[1], "x", 1) != 1 || read(back[0], buffer, 1) != 1)
        _exit(1);
}

static void fork_wait(void) {
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
}

static void fork_exec(void) {
    char *arguments[] = {self, "exit", NULL};
    pid_t child = fork();
    if (child == 0) {
        execve(self, arguments, environ);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

static void *nothing(void *argument) { return argument; }

static void thread_join(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, nothing, NULL);
    pthread_join(thread, NULL);
}

static void on_signal(int number) { (void)number; }

static void self_signal(void) { kill(getpid(), SIGUSR1); }

static volatile unsigned long sum;

static void loop(void) {
    for (unsigned long i = 0; i < 20000000; i++)
        sum += i;
}

int main(int count, char **arguments) {
    if (count > 1)
        return 0;
    self = arguments[0];
    measure("getppid", 2000, trivial);
    measure("open+fstat+read 4K+close", 500, open_read);
    measure("mmap+munmap 64K", 300, map_unmap);
    signal(SIGUSR1, on_signal);
    measure("signal to self", 200, self_signal);
    measure("pthread create+join", 100, thread_join);
    measure("fork+wait", 50, fork_wait);
    measure("fork+exec+wait static", 30, fork_exec);
    measure("loop of 20 million", 1, loop);
    if (pipe(there) || pipe(back))
        return 1;
    if (fork() == 0) {
        char byte;
        close(there[1]);
        while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
            ;
        _exit(0);
    }
    measure("pipe round trip", 500, round_trip);
    return 0;
}
