/* Whatever is asked of a process, it is afterwards in the state that it was in: stops and signals upon every kind of wait. */
#include "check.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static volatile sig_atomic_t handled;
static int feed[2];
static int *word;

static void handler(int number) { (void)number, handled++; }

/* ---- states: each returns what its call gave, 1000 when that is right, -errno when it failed */

static int computes(void) {
    unsigned long long sum = 0;
    while (!__atomic_load_n(word, __ATOMIC_SEQ_CST))
        for (int i = 0; i < 1000; i++)
            sum = sum * 6364136223846793005ull + 1;
    return sum ? 1000 : 0;
}

static int calls(void) {
    while (!__atomic_load_n(word, __ATOMIC_SEQ_CST))
        if (syscall(SYS_close, -1) != -1 || errno != EBADF)
            return 1;
    return 1000;
}

static int reads(void) {
    char byte;
    ssize_t got = read(feed[0], &byte, 1);
    return got == 1 ? 1000 : -errno;
}

static int polls(void) {
    struct pollfd one = {.fd = feed[0], .events = POLLIN};
    int got = poll(&one, 1, 20000);
    return got == 1 ? 1000 : got == 0 ? 0 : -errno;
}

static int waits_for_events(void) {
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, feed[0], &event);
    int got = epoll_wait(set, &event, 1, 20000);
    return got == 1 ? 1000 : got == 0 ? 0 : -errno;
}

static int waits_for_a_word(void) {
    long got = syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
    return got == 0 || errno == EAGAIN ? 1000 : -errno;
}

static int waits_for_a_word_with_end(void) {
    struct timespec end = {20, 0};
    long got = syscall(SYS_futex, word, FUTEX_WAIT, 0, &end, NULL, 0);
    return got == 0 || errno == EAGAIN ? 1000 : -errno;
}

static int sleeps(void) {
    struct timespec time = {0, 60000000}, left;
    return nanosleep(&time, &left) == 0 ? 1000 : -errno;
}

static int sleeps_until(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += 60000000;
    if (time.tv_nsec >= 1000000000)
        time.tv_sec++, time.tv_nsec -= 1000000000;
    int error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
    return error ? -error : 1000;
}

static int waits_for_a_signal(void) {
    sigset_t none;
    sigemptyset(&none);
    sigaddset(&none, SIGUSR2);
    sigsuspend(&none);
    return -errno;
}

static int waits_for_a_child(void) {
    pid_t child = fork();
    if (child == 0) {
        char byte;
        _exit(read(feed[0], &byte, 1) == 1 ? 5 : 6);
    }
    int status = 0;
    pid_t got = waitpid(child, &status, 0);
    int error = errno;
    if (got != child) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        return -error;
    }
    return WEXITSTATUS(status) == 5 ? 1000 : 1;
}

static int locks(void) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open("lock", O_RDWR | O_CREAT, 0600);
    return fcntl(file, F_SETLKW, &lock) == 0 ? 1000 : -errno;
}

static int waits_in_a_thread(void) {
    pthread_t thread;
    void *result;
    sigset_t mask, before;
    sigfillset(&mask); /* the first thread runs the handlers */
    pthread_sigmask(SIG_SETMASK, &mask, &before);
    pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))reads, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_join(thread, &result);
    return (int)(long)result;
}

static const struct state {
    const char *name;
    int (*enter)(void);
    int runs; /* it does not sleep */
    int ends; /* by itself */
} states[] = {
    {"computes", computes, 1, 0},
    {"makes calls", calls, 1, 0},
    {"reads", reads, 0, 0},
    {"polls", polls, 0, 0},
    {"waits for events", waits_for_events, 0, 0},
    {"waits for a word", waits_for_a_word, 0, 0},
    {"waits for a word for some time", waits_for_a_word_with_end, 0, 0},
    {"sleeps", sleeps, 0, 1},
    {"sleeps until a time", sleeps_until, 0, 1},
    {"waits for a signal", waits_for_a_signal, 0, 1},
    {"waits for a child", waits_for_a_child, 0, 0},
    {"waits for a lock", locks, 0, 0},
    {"has a thread that reads", waits_in_a_thread, 0, 0},
};

/* ---- operations */

/* Waits for a change of the child's; one that has ended by itself meanwhile stays to be waited for. */
static int changed(pid_t child, int kind, int code) {
    siginfo_t info;
    return waitid(P_PID, child, &info, kind | WEXITED | WNOWAIT) == 0 &&
           (info.si_code == CLD_EXITED ||
            (info.si_code == code && waitid(P_PID, child, &info, kind | WNOHANG) == 0));
}

static int stop(pid_t child) { return kill(child, SIGSTOP) == 0 && changed(child, WSTOPPED, CLD_STOPPED); }

static int go_on(pid_t child) { return kill(child, SIGCONT) == 0 && changed(child, WCONTINUED, CLD_CONTINUED); }

static int stop_and_continue(pid_t child) { return stop(child) && go_on(child); }

static int stop_twice(pid_t child) {
    return stop(child) && kill(child, SIGSTOP) == 0 && go_on(child) && stop_and_continue(child);
}

static int continue_only(pid_t child) { return kill(child, SIGCONT) == 0; }

static int ignored(pid_t child) { return kill(child, SIGWINCH) == 0 && kill(child, SIGURG) == 0; }

static int blocked(pid_t child) { return kill(child, SIGUSR2) == 0; }

static int restarting(pid_t child) { return kill(child, SIGHUP) == 0; }

static int interrupting(pid_t child) { return kill(child, SIGUSR1) == 0; }

static int stopped_and_restarting(pid_t child) {
    return stop(child) && restarting(child) && go_on(child);
}

static int stopped_and_interrupting(pid_t child) {
    return stop(child) && interrupting(child) && go_on(child);
}

static int restarting_and_stopped(pid_t child) { return restarting(child) && stop_and_continue(child); }

static const struct operation {
    const char *name;
    int (*act)(pid_t);
    int handlers; /* how many handlers run */
} operations[] = {
    {"stopped and continued", stop_and_continue, 0},
    {"stopped twice", stop_twice, 0},
    {"continued", continue_only, 0},
    {"sent an ignored signal", ignored, 0},
    {"sent a blocked signal", blocked, 0},
    {"sent a restarting signal", restarting, 1},
    {"sent an interrupting signal", interrupting, 1},
    {"stopped and sent a restarting signal", stopped_and_restarting, 1},
    {"stopped and sent an interrupting signal", stopped_and_interrupting, 1},
    {"sent a restarting signal and stopped", restarting_and_stopped, 1},
};

static void prepare(void) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigset_t mask;
    sigaction(SIGHUP, &action, NULL);
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mask, NULL);
}

/* Waits until the child is where it should be: what it does is written in its status. */
static void arrive(pid_t child, int runs, volatile int *begun) {
    char path[64], text[256];
    while (!*begun)
        usleep(200);
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    for (int tries = 0; !runs && tries < 5000; tries++) {
        int file = open(path, O_RDONLY);
        ssize_t got = read(file, text, sizeof text - 1);
        close(file);
        text[got > 0 ? got : 0] = 0;
        char *end = strrchr(text, ')');
        if (end && end[2] == 'S')
            break;
        usleep(200);
    }
    usleep(1000);
}

struct outcome {
    int begun, result, handled;
};

static void feed_and_wait(pid_t child, const struct state *state, int *status) {
    __atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, word, FUTEX_WAKE, 100, NULL, NULL, 0);
    if (!state->ends)
        NEED(write(feed[1], "x", 1) == 1);
    NEED(waitpid(child, status, 0) == child);
}

static void pair(const struct state *state, const struct operation *operation, struct outcome *outcome) {
    char name[200];
    int status = 0, lock_file = -1;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    memset(outcome, 0, sizeof *outcome);
    *word = 0;
    NEED(pipe(feed) == 0);
    if (state->enter == locks) {
        lock_file = open("lock", O_RDWR | O_CREAT, 0600);
        NEED(fcntl(lock_file, F_SETLK, &lock) == 0);
    }
    pid_t child = fork();
    if (child == 0) {
        prepare();
        outcome->begun = 1;
        outcome->result = state->enter();
        outcome->handled = handled;
        _exit(0);
    }
    arrive(child, state->runs, &outcome->begun);
    int acted = operation->act(child);
    if (lock_file >= 0)
        usleep(2000), close(lock_file);
    else if (operation->handlers || state->ends)
        usleep(2000);
    if (state->enter == waits_for_a_signal && !operation->handlers)
        kill(child, SIGUSR1);
    feed_and_wait(child, state, &status);
    close(feed[0]), close(feed[1]);
    snprintf(name, sizeof name, "a process that %s, %s: %s, %d handler%s", state->name, operation->name,
             outcome->result == 1000 ? "as it was" : outcome->result < 0 ? strerrorname_np(-outcome->result) : "wrong",
             outcome->handled, outcome->handled == 1 ? "" : "s");
    report(acted && WIFEXITED(status), name, __LINE__, "pair", outcome->result, 0);
}

/* A wait with an end is over when it was to be over, however often its process was stopped meanwhile. */
static void ends_in_time(int (*wait)(void), const char *name) {
    pid_t child = fork();
    int status;
    if (child == 0)
        _exit(wait() != 0);
    for (int times = 0; times < 40; times++) {
        usleep(10000);
        if (!stop(child) || !go_on(child))
            break;
    }
    CHECK_EQ(waitpid(child, &status, WNOHANG), child, name);
    kill(child, SIGKILL);
}

static int polls_for_a_while(void) { return poll(NULL, 0, 100); }

static int sleeps_for_a_while(void) {
    struct timespec time = {0, 100000000};
    return nanosleep(&time, NULL);
}

static int selects_for_a_while(void) {
    struct timeval time = {0, 100000};
    return select(0, NULL, NULL, NULL, &time);
}

int main(void) {
    begin();
    word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned state = 0; state < sizeof states / sizeof *states; state++)
        for (unsigned each = 0; each < sizeof operations / sizeof *operations; each++)
            pair(&states[state], &operations[each], (struct outcome *)(word + 16));
    ends_in_time(polls_for_a_while, "a poll that is stopped again and again ends in time");
    ends_in_time(sleeps_for_a_while, "a sleep that is stopped again and again ends in time");
    ends_in_time(selects_for_a_while, "a select that is stopped again and again ends in time");
    return finish();
}
