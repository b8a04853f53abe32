/* Starts so many processes that compute, and does so until they have been seen on so many processors, or for so many seconds.
 * With a time given at which to begin, each sleeps until then: nobody calls the kernel once it computes. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile char *seen;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static int processors(void) {
    int count = 0;
    for (int number = 0; number < 4096; number++)
        count += seen[number];
    return count;
}

static void compute(int wanted, double end) {
    while (processors() < wanted && now() < end) {
        seen[sched_getcpu()] = 1;
        for (volatile int turn = 0; turn < 10000; turn++)
            continue;
    }
}

int main(int count, char **arguments) {
    if (count < 4)
        return 2;
    int processes = atoi(arguments[1]), wanted = atoi(arguments[2]);
    double pause = count > 4 ? atof(arguments[4]) : 0, end = now() + pause + atof(arguments[3]);
    seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int number = 0; number < processes; number++)
        if (fork() == 0) {
            struct timespec length = {(time_t)pause, (long)((pause - (time_t)pause) * 1e9)};
            nanosleep(&length, NULL);
            compute(wanted, end);
            _exit(0);
        }
    while (wait(NULL) > 0)
        continue;
    printf("%d\n", processors());
    return 0;
}
