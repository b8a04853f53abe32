/* Clocks, sleeping, interval timers and POSIX timers. Only what must be is checked of how long something takes. */
#include "process.h"

#include <pthread.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { NO_CLOCK = 100 };

static volatile sig_atomic_t caught;
static volatile pid_t handled_in;
static siginfo_t last_info;
static struct gate called;

static void take_info(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    last_info = *info;
    handled_in = gettid();
    caught++;
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    return clock_gettime(clock, &time) == 0 ? time.tv_sec * 1000000000 + time.tv_nsec : -1;
}

static struct timespec at(int64_t time) {
    return (struct timespec){time / 1000000000, time % 1000000000};
}

static void wait_until_caught(int count) {
    for (int tries = 0; caught < count && tries < 3000; tries++)
        nap(1);
}

static void run_until_caught(int count) {
    int64_t end = nanoseconds(CLOCK_MONOTONIC) + 3000000000;
    while (caught < count && nanoseconds(CLOCK_MONOTONIC) < end)
        ;
}

static void clocks(void) {
    static const clockid_t all[] = {CLOCK_REALTIME,      CLOCK_MONOTONIC,       CLOCK_PROCESS_CPUTIME_ID,
                                    CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                    CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME};
    struct timespec read_time;
    struct timeval of_day;
    int64_t last = 0;
    int right = 1, forward = 1;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        right &= clock_gettime(all[i], &read_time) == 0 && read_time.tv_nsec >= 0 && read_time.tv_nsec < 1000000000;
    CHECK(right, "every clock can be read");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        right &= clock_getres(all[i], &read_time) == 0 && read_time.tv_sec == 0 && read_time.tv_nsec > 0;
    CHECK(right, "every clock has a resolution");
    for (int i = 0; i < 1000; i++) {
        int64_t now = nanoseconds(CLOCK_MONOTONIC);
        forward &= now >= last;
        last = now;
    }
    CHECK(forward, "CLOCK_MONOTONIC never goes back");
    CHECK(nanoseconds(CLOCK_BOOTTIME) >= last, "CLOCK_BOOTTIME is not behind CLOCK_MONOTONIC");
    int64_t real = nanoseconds(CLOCK_REALTIME);
    CHECK(gettimeofday(&of_day, NULL) == 0 && of_day.tv_sec - real / 1000000000 <= 1, "gettimeofday agrees");
    time_t seconds = time(NULL);
    CHECK(seconds - real / 1000000000 <= 1 && seconds >= real / 1000000000 - 1, "time agrees");
    CHECK_ERRNO(clock_gettime(NO_CLOCK, &read_time), EINVAL, "clock_gettime: unknown clock");
    CHECK_ERRNO(clock_getres(NO_CLOCK, &read_time), EINVAL, "clock_getres: unknown clock");
    CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_REALTIME, forbidden_page(PROT_READ)), EFAULT, "clock_gettime: bad pointer");
    CHECK_ERRNO(clock_settime(CLOCK_MONOTONIC, &read_time), EINVAL, "CLOCK_MONOTONIC cannot be set");
}

static void burn(int milliseconds) {
    int64_t end = nanoseconds(CLOCK_THREAD_CPUTIME_ID) + milliseconds * 1000000LL;
    while (nanoseconds(CLOCK_THREAD_CPUTIME_ID) < end)
        ;
}

static void *burn_in_thread(void *argument) {
    burn(20);
    return argument;
}

static void processor_time(void) {
    clockid_t clock;
    pthread_t thread;
    int64_t process = nanoseconds(CLOCK_PROCESS_CPUTIME_ID), own = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    NEED(pthread_create(&thread, NULL, burn_in_thread, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - process >= 20000000, "a thread's time is the process's");
    CHECK(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - own < 20000000, "but not another thread's");
    own = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    nap(20);
    CHECK(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - own < 15000000, "sleeping takes no processor time");
    CHECK(clock_getcpuclockid(0, &clock) == 0 && nanoseconds(clock) >= own, "the process's clock by number");
    CHECK(pthread_getcpuclockid(pthread_self(), &clock) == 0 && nanoseconds(clock) > 0, "a thread's clock by number");
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    status_of(child);
    CHECK_EQ(clock_getcpuclockid(child, &clock), ESRCH, "a process that is gone has no clock");
}

static void sleeping(void) {
    struct timespec time = {0, 10000000}, wrong = {0, 1000000000}, negative = {-1, 0}, left = {7, 7};
    int64_t start = nanoseconds(CLOCK_MONOTONIC);
    CHECK_OK(nanosleep(&time, &left), "nanosleep");
    CHECK(nanoseconds(CLOCK_MONOTONIC) - start >= 10000000, "it sleeps as long as it was told");
    CHECK_EQ(left.tv_sec, 7, "nothing is left, and nothing is written");
    CHECK_ERRNO(nanosleep(&wrong, NULL), EINVAL, "nanosleep: a second has fewer nanoseconds");
    CHECK_ERRNO(nanosleep(&negative, NULL), EINVAL, "nanosleep: a negative time");
    CHECK_ERRNO(syscall(SYS_nanosleep, forbidden_page(PROT_NONE), NULL), EFAULT, "nanosleep: bad pointer");
    start = nanoseconds(CLOCK_MONOTONIC);
    time = at(start + 5000000);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0, "clock_nanosleep until a moment");
    CHECK(nanoseconds(CLOCK_MONOTONIC) >= start + 5000000, "it sleeps until then");
    time = at(start);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0, "until a moment that is past");
    time = at(nanoseconds(CLOCK_REALTIME) + 2000000);
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL), 0, "until a time of day");
    time = at(1000000);
    CHECK_EQ(clock_nanosleep(CLOCK_BOOTTIME, 0, &time, NULL), 0, "by CLOCK_BOOTTIME");
    CHECK_EQ(clock_nanosleep(NO_CLOCK, 0, &time, NULL), EINVAL, "clock_nanosleep: unknown clock");
    CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL), EINVAL, "not by the thread's own clock");
    CHECK_ERRNO(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL), EOPNOTSUPP, "the kernel's word for it");
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL), EINVAL, "clock_nanosleep: too many nanoseconds");
    struct itimerval once = {{0, 0}, {0, 5000}};
    handle_info(SIGALRM, take_info, SA_RESTART);
    NEED(setitimer(ITIMER_REAL, &once, NULL) == 0);
    time = at(nanoseconds(CLOCK_MONOTONIC) + 10000000000);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), EINTR, "a handler ends it");
}

static void interval_timers(void) {
    struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}}, old, wrong = {{0, 0}, {0, 1000000}};
    CHECK_EQ(alarm(100), 0, "alarm: none was set");
    unsigned left = alarm(200);
    CHECK(left >= 99 && left <= 100, "alarm tells the seconds left");
    CHECK(getitimer(ITIMER_REAL, &old) == 0 && old.it_value.tv_sec >= 199, "getitimer tells the alarm");
    CHECK_EQ(alarm(0) > 0, 1, "alarm 0 ends it");
    CHECK(getitimer(ITIMER_REAL, &old) == 0 && old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0, "no timer is set");
    CHECK_ERRNO(setitimer(ITIMER_REAL, &wrong, NULL), EINVAL, "setitimer: a second has fewer microseconds");
    CHECK_ERRNO(syscall(SYS_setitimer, 3, &often, NULL), EINVAL, "setitimer: unknown timer");
    CHECK_ERRNO(syscall(SYS_getitimer, 3, &old), EINVAL, "getitimer: unknown timer");
    CHECK_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, forbidden_page(PROT_NONE), NULL), EFAULT, "setitimer: bad pointer");
    caught = 0;
    CHECK_OK(setitimer(ITIMER_REAL, &often, NULL), "setitimer");
    wait_until_caught(3);
    CHECK(caught >= 3, "ITIMER_REAL comes again and again");
    CHECK(setitimer(ITIMER_REAL, &never, &old) == 0 && old.it_interval.tv_usec == 3000, "setitimer tells the old one");
    int after = caught;
    nap(10);
    CHECK_EQ(caught, after, "no signal after the timer was ended");
    handle_info(SIGVTALRM, take_info, 0);
    handle_info(SIGPROF, take_info, 0);
    struct itimerval soon = {{0, 0}, {0, 20000}};
    caught = 0;
    NEED(setitimer(ITIMER_VIRTUAL, &soon, NULL) == 0);
    nap(40);
    CHECK_EQ(caught, 0, "ITIMER_VIRTUAL does not count sleep");
    run_until_caught(1);
    CHECK_EQ(last_info.si_signo, SIGVTALRM, "ITIMER_VIRTUAL counts running");
    NEED(setitimer(ITIMER_PROF, &soon, NULL) == 0);
    run_until_caught(2);
    CHECK_EQ(last_info.si_signo, SIGPROF, "ITIMER_PROF counts running");
}

static void set(timer_t timer, int flags, int64_t first, int64_t interval) {
    struct itimerspec times = {at(interval), at(first)};
    NEED(timer_settime(timer, flags, &times, NULL) == 0);
}

static void posix_timers(void) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 77};
    struct itimerspec times, long_time = {{0, 0}, {100, 0}};
    sigset_t set_of_one = set_of(SIGRTMIN);
    siginfo_t info;
    timer_t timer, second;
    block(SIGRTMIN);
    NEED(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_gettime(timer, &times) == 0 && times.it_value.tv_sec == 0 && times.it_value.tv_nsec == 0, "a new timer rests");
    set(timer, 0, 1000000, 0);
    CHECK_EQ(sigwaitinfo(&set_of_one, &info), SIGRTMIN, "a timer sends its signal");
    CHECK(info.si_code == SI_TIMER && info.si_value.sival_int == 77 && info.si_overrun == 0, "SI_TIMER and the value");
    set(timer, 0, 1000000, 1000000);
    nap(30);
    CHECK_EQ(sigwaitinfo(&set_of_one, &info), SIGRTMIN, "a timer that goes on");
    CHECK(info.si_overrun >= 5 && timer_getoverrun(timer) == info.si_overrun, "signals that found one pending are counted");
    set(timer, TIMER_ABSTIME, nanoseconds(CLOCK_MONOTONIC) - 1000000000, 0);
    CHECK_EQ(sigwaitinfo(&set_of_one, &info), SIGRTMIN, "a moment that is past comes at once");
    CHECK(timer_settime(timer, 0, &long_time, &times) == 0 && times.it_value.tv_sec == 0, "timer_settime tells the old time");
    CHECK(timer_gettime(timer, &times) == 0 && times.it_value.tv_sec >= 98 && times.it_value.tv_sec < 101, "the time left");
    pid_t child = fork();
    if (child == 0)
        _exit(timer_gettime(timer, &times) == -1 && errno == EINVAL ? 0 : 1);
    CHECK_EQ(status_of(child), 0, "a child has no timers");
    long_time.it_value.tv_nsec = 1000000000;
    CHECK_ERRNO(timer_settime(timer, 0, NULL, NULL), EINVAL, "timer_settime without a time");
    CHECK_ERRNO(timer_settime(timer, 0, &long_time, NULL), EINVAL, "timer_settime: too many nanoseconds");
    CHECK_OK(timer_delete(timer), "timer_delete");
    CHECK_ERRNO(timer_gettime(timer, &times), EINVAL, "a timer that is gone");
    CHECK_ERRNO(timer_create(NO_CLOCK, &event, &timer), EINVAL, "timer_create: unknown clock");
    event.sigev_signo = 65;
    CHECK_ERRNO(timer_create(CLOCK_REALTIME, &event, &timer), EINVAL, "timer_create: signal 65");
    event.sigev_notify = 55;
    CHECK_ERRNO(timer_create(CLOCK_REALTIME, &event, &timer), EINVAL, "timer_create: unknown notice");
    caught = 0;
    NEED(timer_create(CLOCK_REALTIME, NULL, &timer) == 0 && timer_create(CLOCK_BOOTTIME, NULL, &second) == 0);
    set(timer, 0, 1000000, 0);
    wait_until_caught(1);
    CHECK(last_info.si_signo == SIGALRM && last_info.si_code == SI_TIMER, "SIGALRM is sent when nothing is said");
    CHECK(timer_delete(timer) == 0 && timer_delete(second) == 0, "both are deleted");
}

static void *time_in_thread(void *argument) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    timer_t timer;
    event.sigev_notify_thread_id = gettid();
    NEED(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    set(timer, 0, 1000000, 0);
    wait_until_caught(1);
    timer_delete(timer);
    *(pid_t *)argument = gettid();
    return NULL;
}

static void call_back(union sigval value) {
    if (value.sival_int == 5)
        open_gate(called);
}

static void notices(void) {
    struct sigevent event = {.sigev_notify = SIGEV_NONE}, back = {.sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 5};
    struct itimerspec times;
    pthread_t thread;
    timer_t timer;
    pid_t other = 0;
    handle_info(SIGUSR1, take_info, 0);
    caught = 0;
    NEED(pthread_create(&thread, NULL, time_in_thread, &other) == 0 && pthread_join(thread, NULL) == 0);
    CHECK_EQ(handled_in, other, "SIGEV_THREAD_ID: that thread gets the signal");
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGUSR1;
    event.sigev_notify_thread_id = getppid();
    CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer), EINVAL, "not a thread of another process");
    event.sigev_notify = SIGEV_NONE;
    NEED(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    set(timer, 0, 1000000, 0);
    nap(5);
    CHECK(timer_gettime(timer, &times) == 0 && times.it_value.tv_sec == 0 && times.it_value.tv_nsec == 0,
          "SIGEV_NONE: the timer ends in silence");
    timer_delete(timer);
    called = new_gate();
    back.sigev_notify_function = call_back;
    NEED(timer_create(CLOCK_MONOTONIC, &back, &timer) == 0);
    set(timer, 0, 1000000, 0);
    pass(called);
    CHECK_OK(timer_delete(timer), "SIGEV_THREAD: a function is called");
}

int main(void) {
    begin();
    clocks();
    processor_time();
    sleeping();
    interval_timers();
    posix_timers();
    notices();
    return finish();
}
