/* One boot for all who tell of it: CLOCK_BOOTTIME however it is read, /proc/uptime, sysinfo, the boot time in /proc/stat and
 * the start times of processes and threads. Each reading lies between two readings of the clock, never within some time. */
#include "helpers.h"

#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <time.h>

static double seconds(clockid_t clock) {
    struct timespec time;
    NEED(clock_gettime(clock, &time) == 0);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double boot_clock(void) {
    return seconds(CLOCK_BOOTTIME);
}

static double boot_clock_by_call(void) {
    struct timespec time;
    NEED(syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &time) == 0);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static char text[65536];

static const char *slurp(const char *path) {
    int fd = open(path, O_RDONLY);
    NEED(fd >= 0);
    size_t size = 0;
    for (ssize_t got; (got = read(fd, text + size, sizeof text - 1 - size)) > 0;)
        size += got;
    close(fd);
    text[size] = 0;
    return text;
}

static double uptime(void) {
    return atof(slurp("/proc/uptime"));
}

static double uptime_of_sysinfo(void) {
    struct sysinfo info;
    NEED(sysinfo(&info) == 0);
    return info.uptime;
}

/* When the machine was booted, in seconds since 1970. */
static double boot(void) {
    const char *line = strstr(slurp("/proc/stat"), "\nbtime ");
    NEED(line);
    return atof(line + 7);
}

/* Field 22 of a stat file of a process or thread: seconds from boot to its start. */
static double start_in(const char *path) {
    const char *field = strrchr(slurp(path), ')');
    for (int count = 2; count < 22 && field; count++)
        field = strchr(field + 1, ' ');
    NEED(field);
    return strtoull(field, NULL, 10) / (double)sysconf(_SC_CLK_TCK);
}

/* Whether `read` tells the same as the boot clock, give or take `step`. */
static int agrees(double (*read)(void), double step) {
    double before = boot_clock(), told = read(), after = boot_clock();
    return before - step <= told && told <= after + step;
}

static void readings(void) {
    CHECK(agrees(boot_clock_by_call, 0), "the clock by a call and by the vDSO");
    CHECK(agrees(uptime, 0.02), "/proc/uptime");
    CHECK(agrees(uptime_of_sysinfo, 1.01), "sysinfo");
    double began = seconds(CLOCK_REALTIME) - boot_clock();
    CHECK(boot() <= began + 0.1 && began <= boot() + 1.1, "btime is when the boot clock began");
    CHECK(boot_clock() + 0.001 >= seconds(CLOCK_MONOTONIC), "it is not behind CLOCK_MONOTONIC");
}

static void starts_of_processes(void) {
    int ready[2];
    char byte, path[64];
    NEED(pipe(ready) == 0);
    double before = boot_clock(), wall = seconds(CLOCK_REALTIME);
    pid_t child = fork();
    if (child == 0)
        _exit(write(ready[1], "r", 1) == 1 && pause());
    NEED(child > 0 && read(ready[0], &byte, 1) == 1);
    double after = boot_clock(), wall_after = seconds(CLOCK_REALTIME);
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    double start = start_in(path);
    CHECK(before - 0.011 <= start && start <= after, "a process starts between two readings of the clock");
    CHECK(start == start_in(path), "its start stays the same");
    double began = boot() + start;
    CHECK(wall - 1.1 <= began && began <= wall_after + 1.1, "btime and its start are the time of day");
    CHECK(start_in("/proc/self/stat") <= start, "its parent is not younger");
    CHECK(start_in("/proc/1/stat") <= start_in("/proc/self/stat"), "nor is the first process");
    stop_child(child);
}

static void *tell_start(void *start) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", syscall(SYS_gettid));
    *(double *)start = start_in(path);
    return NULL;
}

static void starts_of_threads(void) {
    pthread_t thread;
    double start = 0, before = boot_clock();
    NEED(pthread_create(&thread, NULL, tell_start, &start) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(before - 0.011 <= start && start <= boot_clock(), "a thread starts between two readings of the clock");
}

static struct timespec point_of(double target) {
    return (struct timespec){(time_t)target, (long)((target - (time_t)target) * 1e9)};
}

/* What is waited for on the clock has come when the machine's other clocks say so too. */
static void waits(void) {
    double target = uptime() + 0.05;
    struct timespec point = point_of(target);
    struct itimerspec setting = {.it_value = point};
    CHECK_EQ(clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &point, NULL), 0, "a sleep to a point of the clock");
    CHECK(uptime() >= target - 0.02, "has reached it in /proc/uptime");

    target = uptime() + 0.05;
    setting.it_value = point_of(target);
    int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    NEED(fd >= 0 && timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL) == 0);
    struct pollfd there = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&there, 1, 60000), 1, "a timer of a descriptor expires");
    CHECK(uptime() >= target - 0.02, "at the point in /proc/uptime");
    close(fd);

    target = uptime() + 0.05;
    setting.it_value = point_of(target);
    sigset_t alarm;
    timer_t timer;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    NEED(sigprocmask(SIG_BLOCK, &alarm, NULL) == 0 && timer_create(CLOCK_BOOTTIME, NULL, &timer) == 0);
    NEED(timer_settime(timer, TIMER_ABSTIME, &setting, NULL) == 0);
    CHECK_EQ(sigwaitinfo(&alarm, NULL), SIGALRM, "a timer of a process expires");
    CHECK(uptime() >= target - 0.02, "at the point in /proc/uptime too");
    setting.it_value.tv_nsec = 1000000000;
    CHECK_ERRNO(timer_settime(timer, TIMER_ABSTIME, &setting, NULL), EINVAL, "a point that is none");
    CHECK_EQ(clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &setting.it_value, NULL), EINVAL, "for a sleep");
    CHECK_ERRNO(clock_settime(CLOCK_BOOTTIME, &point), EINVAL, "nobody sets the clock");
    NEED(timer_delete(timer) == 0);
}

int main(void) {
    begin();
    readings();
    starts_of_processes();
    starts_of_threads();
    waits();
    return finish();
}
