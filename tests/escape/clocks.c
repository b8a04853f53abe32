/* A negative clock id names a process, a thread or a descriptor: the host's clocks of its own must not answer. */
#include "escape.h"

#include <pthread.h>

enum { PROCESS = 2, THREAD = 6, DESCRIPTOR = 3, GUESSES = 400 };

static pid_t victim;

static clockid_t clock_of(unsigned number, unsigned kind) {
    return (clockid_t)(~number << 3 | kind);
}

/* Refused by all that take a clock. */
static int is_refused(clockid_t clock) {
    struct timespec time = {0, 1};
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    timer_t timer;
    return syscall(SYS_clock_gettime, clock, &time) == -1 && syscall(SYS_clock_getres, clock, &time) == -1 &&
           syscall(SYS_clock_nanosleep, clock, 0, &(struct timespec){0, 1}, NULL) != 0 &&
           syscall(SYS_clock_settime, clock, &time) == -1 && syscall(SYS_timer_create, clock, &event, &timer) == -1;
}

static void of_the_host(void) {
    for (unsigned kind = 0; kind < 8; kind++) {
        char name[32];
        snprintf(name, sizeof name, "the victim's clock, kind %u", kind);
        HELD(is_refused(clock_of((unsigned)victim, kind)), name);
    }
    for (unsigned number = 0; number < 8; number++)
        HELD(is_refused(clock_of(number, DESCRIPTOR)), "a descriptor's clock");
    HELD(is_refused(clock_of(100, DESCRIPTOR)), "the page cache's descriptor as a clock");
}

/* Ids that the machine has not given: only its own processes may answer. */
static void guessed(void) {
    struct timespec time;
    int wrong = 0;
    for (unsigned number = 1; number < GUESSES; number++)
        if (clock_gettime(clock_of(number, PROCESS), &time) == 0 && kill((pid_t)number, 0) == -1 && errno == ESRCH)
            wrong++;
    verdict(wrong == 0, "clocks of ids that nobody has", "ids that answered", wrong);
}

static void own(void) {
    struct timespec process, thread, named, later;
    clockid_t clock;
    HELD(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process) == 0, "CLOCK_PROCESS_CPUTIME_ID");
    HELD(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &thread) == 0, "CLOCK_THREAD_CPUTIME_ID");
    for (volatile int i = 0; i < 3000000; i++)
        ;
    HELD(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &later) == 0 && later.tv_sec * 1000000000 + later.tv_nsec >=
             process.tv_sec * 1000000000 + process.tv_nsec, "the process's clock does not run backwards");
    int found = clock_getcpuclockid(0, &clock) == 0 && clock_gettime(clock, &named) == 0;
    printf("tried the own clock by number: %d\n", found);
    found = pthread_getcpuclockid(pthread_self(), &clock) == 0 && clock_gettime(clock, &named) == 0;
    printf("tried the own thread's clock by number: %d\n", found);
    for (int number = 12; number < 32; number++)
        HELD(is_refused(number), "a number beyond the clocks");
}

static void setting(void) {
    struct timespec time = {1000000000, 0};
    REFUSED(clock_settime(CLOCK_REALTIME, &time), "clock_settime");
    REFUSED(syscall(SYS_settimeofday, &time, NULL), "settimeofday");
    REFUSED(clock_settime(CLOCK_MONOTONIC, &time), "clock_settime of the monotonic clock");
}

static void attempts(int count, char **arguments) {
    if (count < 2)
        _exit(2);
    victim = atoi(arguments[1]);
    try_alone(of_the_host, "clocks of the host");
    try_alone(guessed, "guessed clocks");
    try_alone(own, "own clocks");
    try_alone(setting, "setting the clock");
}
