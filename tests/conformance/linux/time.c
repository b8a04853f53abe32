/* Clocks, sleeps and timers. Bounds are one-sided or wide: a slow machine is no wrong machine. */
#include "helpers.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

enum { MILLISECOND = 1000000 };

static volatile sig_atomic_t alarms, sent_value, sent_code;

static void on_alarm(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    alarms++;
    sent_value = info->si_value.sival_int;
    sent_code = info->si_code;
}

static long long now(clockid_t clock) {
    struct timespec time;
    NEED(clock_gettime(clock, &time) == 0);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int never_back(clockid_t clock) {
    long long before = now(clock);
    for (int i = 0; i < 1000; i++) {
        long long after = now(clock);
        if (after < before)
            return 0;
        before = after;
    }
    return 1;
}

static void clocks(void) {
    struct timespec time, resolution;
    struct timeval day;
    CHECK(never_back(CLOCK_MONOTONIC), "CLOCK_MONOTONIC never goes back");
    CHECK(never_back(CLOCK_BOOTTIME), "CLOCK_BOOTTIME never goes back");
    CHECK(never_back(CLOCK_MONOTONIC_RAW) && never_back(CLOCK_MONOTONIC_COARSE),
          "nor do its raw and coarse sisters");
    CHECK(never_back(CLOCK_PROCESS_CPUTIME_ID) && never_back(CLOCK_THREAD_CPUTIME_ID),
          "nor do the processor clocks");
    CHECK(now(CLOCK_BOOTTIME) + MILLISECOND >= now(CLOCK_MONOTONIC),
          "CLOCK_BOOTTIME is not behind CLOCK_MONOTONIC");
    CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0 && resolution.tv_nsec > 0,
          "clock_getres");
    NEED(clock_gettime(CLOCK_REALTIME, &time) == 0 && gettimeofday(&day, NULL) == 0);
    CHECK(day.tv_sec - time.tv_sec <= 1 && day.tv_sec >= time.tv_sec,
          "gettimeofday and CLOCK_REALTIME agree");
    CHECK(labs(time.tv_sec - (long)syscall(SYS_time, NULL)) <= 1, "time agrees");
    CHECK_ERRNO(clock_gettime(99, &time), EINVAL, "clock_gettime of an unknown clock");
    CHECK_ERRNO(clock_getres(99, &time), EINVAL, "clock_getres of an unknown clock");
    CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, forbidden_page(PROT_READ)), EFAULT,
                "clock_gettime with a bad pointer");
    CHECK_ERRNO(clock_settime(CLOCK_MONOTONIC, &time), EINVAL, "CLOCK_MONOTONIC cannot be set");
    struct tms used;
    CHECK(times(&used) != -1 && used.tms_utime >= 0, "times");
}

static void sleeping(void) {
    struct timespec short_time = {0, 5 * MILLISECOND}, left, bad = {0, 1000000000}, negative = {-1, 0};
    long long before = now(CLOCK_MONOTONIC);
    CHECK_EQ(nanosleep(&short_time, NULL), 0, "nanosleep");
    CHECK(now(CLOCK_MONOTONIC) - before >= 5 * MILLISECOND, "it sleeps at least as long as it should");
    struct timespec until = {(before + 15 * MILLISECOND) / 1000000000,
                             (before + 15 * MILLISECOND) % 1000000000};
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0,
             "clock_nanosleep to a point in time");
    CHECK(now(CLOCK_MONOTONIC) - before >= 15 * MILLISECOND, "it sleeps until then");
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0,
             "clock_nanosleep to a past point");
    CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL, "nanosleep with too many nanoseconds");
    CHECK_ERRNO(nanosleep(&negative, NULL), EINVAL, "nanosleep with a negative time");
    CHECK_EQ(clock_nanosleep(99, 0, &short_time, NULL), EINVAL, "clock_nanosleep on an unknown clock");
    CHECK_ERRNO(syscall(SYS_nanosleep, forbidden_page(PROT_NONE), NULL), EFAULT,
                "nanosleep with a bad pointer");
    struct timespec long_time = {100, 0};
    pid_t child = signal_parent_again_and_again(SIGALRM);
    CHECK_ERRNO(nanosleep(&long_time, &left), EINTR, "a signal interrupts nanosleep");
    CHECK(left.tv_sec <= 100 && left.tv_sec >= 50, "nanosleep tells the time left");
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &long_time, &left), EINTR,
             "a signal interrupts clock_nanosleep");
    stop_child(child);
}

/* Sleeps until the handler has run this often; a signal between test and sleep waits in the mask. */
static int alarms_reach(int count) {
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    while (alarms < count)
        sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return alarms >= count;
}

static void alarm_clock(void) {
    struct itimerval soon = {{0, 0}, {0, 5000}}, often = {{0, 2000}, {0, 2000}}, none = {0}, left,
                     bad = {{0, 0}, {0, 1000000}};
    alarms = 0;
    CHECK_EQ(alarm(100), 0, "alarm tells that none was set");
    CHECK_EQ(alarm(0), 100, "alarm tells what was left");
    CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0, "setitimer");
    CHECK(alarms_reach(1), "SIGALRM comes");
    CHECK(getitimer(ITIMER_REAL, &left) == 0 && left.it_value.tv_sec + left.it_value.tv_usec == 0, "once");
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0 && alarms_reach(4), "an interval timer goes on");
    CHECK(setitimer(ITIMER_REAL, &none, &left) == 0 && left.it_interval.tv_usec == 2000,
          "setitimer tells the old interval");
    int before = alarms;
    usleep(10000);
    CHECK_EQ(alarms, before, "none comes when it is unset");
    soon.it_value.tv_sec = 50;
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0 && alarm(0) >= 50, "alarm and ITIMER_REAL are one timer");
    CHECK_ERRNO(setitimer(ITIMER_REAL, &bad, NULL), EINVAL, "setitimer with too many microseconds");
    CHECK_ERRNO(setitimer((__itimer_which_t)9, &soon, NULL), EINVAL, "setitimer of an unknown timer");
    CHECK_ERRNO(getitimer((__itimer_which_t)9, &left), EINVAL, "getitimer of an unknown timer");
    CHECK_ERRNO(syscall(SYS_getitimer, ITIMER_REAL, forbidden_page(PROT_READ)), EFAULT,
                "getitimer with a bad pointer");
}

static void across_fork(void) {
    CHECK_EQ(alarm(0), 0, "a child does not inherit the alarm");
}

static void timers(void) {
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
    struct itimerspec soon = {{0, 0}, {0, 3 * MILLISECOND}}, left, late = {{0, 0}, {1000, 0}}, none = {0},
                      bad = {{0, 0}, {0, -1}};
    timer_t timer, other;
    alarms = 0;
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0, "timer_create SIGEV_SIGNAL");
    CHECK(timer_gettime(timer, &left) == 0 && left.it_value.tv_sec + left.it_value.tv_nsec == 0,
          "a new timer is unset");
    CHECK_EQ(timer_settime(timer, 0, &soon, NULL), 0, "timer_settime");
    CHECK(alarms_reach(1), "its signal comes");
    CHECK(sent_value == 77 && sent_code == SI_TIMER, "it brings the value");
    CHECK_EQ(timer_getoverrun(timer), 0, "no overrun");
    struct itimerspec past = {{0, 0}, {1, 0}};
    CHECK(timer_settime(timer, TIMER_ABSTIME, &past, NULL) == 0 && alarms_reach(2),
          "a point in the past comes at once");
    CHECK_EQ(timer_settime(timer, 0, &late, NULL), 0, "timer_settime far ahead");
    CHECK(timer_settime(timer, 0, &none, &left) == 0 && left.it_value.tv_sec > 900,
          "unsetting tells what was left");
    event.sigev_notify = SIGEV_NONE;
    CHECK_EQ(timer_create(CLOCK_REALTIME, &event, &other), 0, "timer_create SIGEV_NONE");
    CHECK(timer_settime(other, 0, &late, NULL) == 0 && timer_gettime(other, &left) == 0 &&
              left.it_value.tv_sec > 900,
          "it runs unseen");
    CHECK_ERRNO(timer_settime(timer, 0, &bad, NULL), EINVAL, "timer_settime with a bad time");
    CHECK_ERRNO(timer_create(99, &event, &other), EINVAL, "timer_create with an unknown clock");
    event.sigev_notify = 99;
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &other), EINVAL, "timer_create with an unknown notice");
    event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99};
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &other), EINVAL, "timer_create with an unknown signal");
    CHECK_EQ(timer_delete(timer), 0, "timer_delete");
    CHECK_ERRNO(syscall(SYS_timer_delete, 12345), EINVAL, "timer_delete of nothing");
    CHECK_ERRNO(syscall(SYS_timer_settime, 12345, 0, &soon, NULL), EINVAL, "timer_settime of nothing");
}

static void overruns(void) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    struct itimerspec often = {{0, MILLISECOND}, {0, MILLISECOND}};
    sigset_t set;
    siginfo_t info;
    timer_t timer;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    NEED(timer_settime(timer, 0, &often, NULL) == 0);
    usleep(20000);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR2, "sigwaitinfo of a timer");
    CHECK(info.si_overrun >= 8 && timer_getoverrun(timer) >= 8, "runs nobody saw are counted");
    NEED(timer_delete(timer) == 0);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
    begin();
    NEED(sigaction(SIGALRM, &action, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    clocks();
    sleeping();
    alarm_clock();
    NEED(alarm(100) == 0);
    in_child(across_fork);
    NEED(alarm(0) > 0);
    timers();
    overruns();
    return finish();
}
