/* epoll, and the three descriptors made for it: eventfd, timerfd, signalfd. */
#include "helpers.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, operation, fd, &event);
}

/* The events of the one ready descriptor, 0 when there is none, -1 when there are several. */
static long ready(int epoll) {
    struct epoll_event found[4];
    int count = epoll_wait(epoll, found, 4, 0);
    return count == 1 ? (long)found[0].events : -(count != 0);
}

static void changing(void) {
    int epoll = epoll_create1(EPOLL_CLOEXEC), end[2], file = open("file", O_RDWR | O_CREAT, 0644);
    NEED(pipe(end) == 0);
    CHECK(epoll >= 0 && fcntl(epoll, F_GETFD) == FD_CLOEXEC, "epoll_create1 EPOLL_CLOEXEC");
    CHECK_ERRNO(epoll_create1(1), EINVAL, "epoll_create1 unknown flag");
    CHECK_ERRNO(epoll_create(0), EINVAL, "epoll_create of no size");
    CHECK_EQ(control(epoll, EPOLL_CTL_ADD, end[0], EPOLLIN, 1), 0, "EPOLL_CTL_ADD");
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, end[0], EPOLLIN, 1), EEXIST, "EPOLL_CTL_ADD again");
    CHECK_EQ(control(epoll, EPOLL_CTL_MOD, end[0], EPOLLIN | EPOLLET, 1), 0, "EPOLL_CTL_MOD");
    CHECK_EQ(control(epoll, EPOLL_CTL_DEL, end[0], 0, 0), 0, "EPOLL_CTL_DEL");
    CHECK_ERRNO(control(epoll, EPOLL_CTL_DEL, end[0], 0, 0), ENOENT, "EPOLL_CTL_DEL again");
    CHECK_ERRNO(control(epoll, EPOLL_CTL_MOD, end[0], EPOLLIN, 1), ENOENT,
                "EPOLL_CTL_MOD of what is not there");
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, file, EPOLLIN, 1), EPERM, "EPOLL_CTL_ADD of a file");
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN, 1), EINVAL, "EPOLL_CTL_ADD of itself");
    CHECK_ERRNO(control(epoll, 9, end[0], EPOLLIN, 1), EINVAL, "epoll_ctl unknown operation");
    CHECK_ERRNO(control(end[0], EPOLL_CTL_ADD, end[1], EPOLLIN, 1), EINVAL, "epoll_ctl on a pipe");
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, -1, EPOLLIN, 1), EBADF, "EPOLL_CTL_ADD of no descriptor");
    CHECK_ERRNO(control(-1, EPOLL_CTL_ADD, end[0], EPOLLIN, 1), EBADF, "epoll_ctl on no descriptor");
    CHECK_ERRNO(syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, end[0], forbidden_page(PROT_NONE)), EFAULT,
                "epoll_ctl with a bad pointer");
    char byte;
    CHECK_ERRNO(read(epoll, &byte, 1), EINVAL, "read from an epoll descriptor");
    close(epoll);
    close(end[0]);
    close(end[1]);
    close(file);
}

static void levels_and_edges(void) {
    int epoll = epoll_create1(0), end[2];
    char buffer[8];
    NEED(pipe(end) == 0 && control(epoll, EPOLL_CTL_ADD, end[0], EPOLLIN, 7) == 0);
    CHECK_EQ(ready(epoll), 0, "nothing is ready");
    NEED(write(end[1], "xy", 2) == 2);
    CHECK(ready(epoll) == EPOLLIN && ready(epoll) == EPOLLIN, "a level stays until it is read");
    struct epoll_event found;
    CHECK(epoll_wait(epoll, &found, 1, -1) == 1 && found.data.u64 == 7, "the data comes back");
    NEED(control(epoll, EPOLL_CTL_MOD, end[0], EPOLLIN | EPOLLET, 8) == 0);
    CHECK_EQ(ready(epoll), EPOLLIN, "an edge after EPOLL_CTL_MOD");
    CHECK_EQ(ready(epoll), 0, "an edge is told once");
    NEED(read(end[0], buffer, 1) == 1);
    CHECK_EQ(ready(epoll), 0, "reading a part is no edge");
    NEED(write(end[1], "z", 1) == 1);
    CHECK_EQ(ready(epoll), EPOLLIN, "another write is another edge");
    NEED(control(epoll, EPOLL_CTL_MOD, end[0], EPOLLIN | EPOLLONESHOT, 9) == 0);
    CHECK(ready(epoll) == EPOLLIN && ready(epoll) == 0, "EPOLLONESHOT is told once");
    NEED(write(end[1], "z", 1) == 1);
    CHECK_EQ(ready(epoll), 0, "EPOLLONESHOT stays off");
    NEED(control(epoll, EPOLL_CTL_MOD, end[0], EPOLLIN | EPOLLONESHOT, 9) == 0);
    CHECK_EQ(ready(epoll), EPOLLIN, "EPOLL_CTL_MOD turns EPOLLONESHOT on again");
    NEED(control(epoll, EPOLL_CTL_MOD, end[0], EPOLLIN, 7) == 0 && read(end[0], buffer, 8) > 0);
    NEED(close(end[1]) == 0);
    CHECK_EQ(ready(epoll), EPOLLHUP, "EPOLLHUP comes unasked");
    NEED(close(end[0]) == 0);
    CHECK_EQ(ready(epoll), 0, "a closed descriptor is gone from the list");
    close(epoll);
}

static void duplicates(void) {
    int epoll = epoll_create1(0), end[2];
    NEED(pipe(end) == 0 && write(end[1], "x", 1) == 1 &&
         control(epoll, EPOLL_CTL_ADD, end[0], EPOLLIN, 1) == 0);
    int copy = dup(end[0]);
    CHECK_EQ(control(epoll, EPOLL_CTL_ADD, copy, EPOLLIN, 2), 0, "a duplicate counts as another");
    struct epoll_event found[4];
    CHECK_EQ(epoll_wait(epoll, found, 4, 0), 2, "both are ready");
    CHECK_EQ(epoll_wait(epoll, found, 1, 0), 1, "no more than asked for");
    NEED(control(epoll, EPOLL_CTL_DEL, copy, 0, 0) == 0 && close(end[0]) == 0);
    CHECK_EQ(ready(epoll), EPOLLIN, "what was closed is ready as long as a duplicate is open");
    close(copy);
    CHECK_EQ(ready(epoll), 0, "closing the last duplicate removes it");
    close(end[1]);
    close(epoll);
}

static void waiting(void) {
    int epoll = epoll_create1(0), outer = epoll_create1(0), end[2];
    struct epoll_event found;
    NEED(pipe(end) == 0 && control(epoll, EPOLL_CTL_ADD, end[0], EPOLLIN, 1) == 0);
    NEED(control(outer, EPOLL_CTL_ADD, epoll, EPOLLIN, 2) == 0);
    CHECK_EQ(ready(outer), 0, "an epoll in an epoll, nothing ready");
    CHECK_ERRNO(control(epoll, EPOLL_CTL_ADD, outer, EPOLLIN, 1), ELOOP, "a circle of epolls");
    CHECK_EQ(epoll_wait(epoll, &found, 1, 1), 0, "epoll_wait runs out of time");
    pid_t child = fork();
    if (child == 0) {
        usleep(20000);
        _exit(write(end[1], "x", 1) != 1);
    }
    CHECK(epoll_wait(outer, &found, 1, -1) == 1 && found.data.u64 == 2, "the outer epoll wakes");
    CHECK_EQ(ready(epoll), EPOLLIN, "and the inner one tells why");
    NEED(waitpid(child, NULL, 0) == child);
    struct pollfd one = {epoll, POLLIN, 0};
    CHECK(poll(&one, 1, 0) == 1 && one.revents == POLLIN, "poll of an epoll");
    CHECK_ERRNO(epoll_wait(epoll, &found, 0, 0), EINVAL, "epoll_wait for nothing");
    CHECK_ERRNO(syscall(SYS_epoll_wait, epoll, &found, -1L, 0L), EINVAL, "epoll_wait for a negative number");
    CHECK_ERRNO(epoll_wait(end[0], &found, 1, 0), EINVAL, "epoll_wait on a pipe");
    CHECK_ERRNO(epoll_wait(-1, &found, 1, 0), EBADF, "epoll_wait on no descriptor");
    CHECK_ERRNO(syscall(SYS_epoll_wait, epoll, forbidden_page(PROT_READ), 1L, 0L), EFAULT,
                "epoll_wait with a bad pointer");
    close(epoll);
    close(outer);
    close(end[0]);
    close(end[1]);
}

static void events(void) {
    int epoll = epoll_create1(0), fd = eventfd(3, EFD_NONBLOCK);
    uint64_t value = 0;
    NEED(fd >= 0 && control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT, 1) == 0);
    CHECK(read(fd, &value, 8) == 8 && value == 3, "eventfd gives its value");
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN, "eventfd is empty then");
    CHECK_EQ(ready(epoll), EPOLLOUT, "an empty eventfd can be written");
    value = 5;
    CHECK(write(fd, &value, 8) == 8 && write(fd, &value, 8) == 8, "write to an eventfd");
    CHECK_EQ(ready(epoll), EPOLLIN | EPOLLOUT, "an eventfd with a value can be read");
    CHECK(read(fd, &value, 8) == 8 && value == 10, "eventfd adds up");
    value = UINT64_MAX - 1;
    CHECK(write(fd, &value, 8) == 8 && ready(epoll) == EPOLLIN, "a full eventfd cannot be written");
    value = 1;
    CHECK_ERRNO(write(fd, &value, 8), EAGAIN, "write to a full eventfd");
    value = UINT64_MAX;
    CHECK_ERRNO(write(fd, &value, 8), EINVAL, "write of the value that means nothing");
    CHECK_ERRNO(read(fd, &value, 4), EINVAL, "read of half a value");
    CHECK_ERRNO(write(fd, &value, 4), EINVAL, "write of half a value");
    close(fd);
    fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    CHECK(read(fd, &value, 8) == 8 && value == 1 && read(fd, &value, 8) == 8 && value == 1,
          "EFD_SEMAPHORE gives ones");
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN, "EFD_SEMAPHORE is used up");
    CHECK_ERRNO(eventfd(0, 0x40000000), EINVAL, "eventfd unknown flag");
    close(fd);
    close(epoll);
}

static void timers(void) {
    struct itimerspec once = {{0, 0}, {0, 1000000}}, often = {{0, 1000000}, {0, 1000000}}, left,
                      bad = {{0, 0}, {0, -1}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct pollfd one = {fd, POLLIN, 0};
    uint64_t count = 0;
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "timerfd_create");
    CHECK_EQ(poll(&one, 1, 0), 0, "an unset timer is not ready");
    CHECK_EQ(timerfd_settime(fd, 0, &once, NULL), 0, "timerfd_settime");
    CHECK(read(fd, &count, 8) == 8 && count == 1, "a one-shot timer runs out once");
    CHECK(timerfd_gettime(fd, &left) == 0 && left.it_value.tv_sec + left.it_value.tv_nsec == 0,
          "it is unset then");
    CHECK_EQ(timerfd_settime(fd, 0, &often, &left), 0, "timerfd_settime with an interval");
    usleep(10000);
    CHECK(read(fd, &count, 8) == 8 && count >= 9, "an interval timer counts");
    CHECK(read(fd, &count, 8) == 8 && count >= 1, "an interval timer goes on");
    CHECK(timerfd_gettime(fd, &left) == 0 && left.it_interval.tv_nsec == 1000000,
          "timerfd_gettime tells the interval");
    struct itimerspec past = {{0, 0}, {1, 0}}, never = {{0, 0}, {0, 0}}, late = {{0, 0}, {1000, 0}};
    CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &past, NULL), 0,
             "timerfd_settime to a time that is past");
    CHECK(read(fd, &count, 8) == 8 && count == 1, "it runs out at once");
    CHECK_EQ(timerfd_settime(fd, 0, &late, NULL), 0, "timerfd_settime far ahead");
    CHECK(timerfd_settime(fd, 0, &never, &left) == 0 && left.it_value.tv_sec > 900,
          "unsetting tells what was left");
    CHECK_EQ(poll(&one, 1, 5), 0, "an unset timer never runs out");
    CHECK_ERRNO(timerfd_settime(fd, 0, &bad, NULL), EINVAL, "timerfd_settime with a bad time");
    CHECK_ERRNO(timerfd_settime(0x7fff, 0, &once, NULL), EBADF, "timerfd_settime on no descriptor");
    CHECK_ERRNO(timerfd_create(99, 0), EINVAL, "timerfd_create with an unknown clock");
    CHECK_ERRNO(read(fd, &count, 4), EINVAL, "read of half a count");
    close(fd);
    fd = open("file", O_RDONLY);
    CHECK_ERRNO(timerfd_settime(fd, 0, &once, NULL), EINVAL, "timerfd_settime on a file");
    close(fd);
    fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    CHECK_ERRNO(read(fd, &count, 8), EAGAIN, "TFD_NONBLOCK");
    close(fd);
}

static void signals(void) {
    sigset_t set;
    struct signalfd_siginfo found[3];
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int epoll = epoll_create1(0), fd = signalfd(-1, &set, SFD_NONBLOCK);
    NEED(control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 1) == 0);
    CHECK_ERRNO(read(fd, found, sizeof found), EAGAIN, "signalfd without a signal");
    NEED(kill(getpid(), SIGUSR2) == 0 && sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 42}) == 0);
    CHECK_EQ(ready(epoll), EPOLLIN, "signalfd with signals is ready");
    CHECK_EQ(read(fd, found, sizeof found), 2 * sizeof *found, "read of two signals");
    CHECK(found[0].ssi_signo == SIGUSR1 && found[0].ssi_code == SI_QUEUE && found[0].ssi_int == 42,
          "the lower number first");
    CHECK(found[1].ssi_signo == SIGUSR2 && found[1].ssi_code == SI_USER, "then the other");
    CHECK(found[1].ssi_pid == (uint32_t)getpid() && found[1].ssi_uid == getuid(),
          "signalfd tells who sent it");
    CHECK_EQ(ready(epoll), 0, "the signals are taken");
    sigdelset(&set, SIGUSR2);
    CHECK_EQ(signalfd(fd, &set, 0), fd, "signalfd changes its set");
    NEED(raise(SIGUSR2) == 0);
    CHECK_ERRNO(read(fd, found, sizeof found), EAGAIN, "a signal outside the set");
    CHECK_ERRNO(read(fd, found, 8), EINVAL, "read of a part of a record");
    CHECK_ERRNO(signalfd(-1, &set, 0x40000000), EINVAL, "signalfd unknown flag");
    CHECK_ERRNO(signalfd(epoll, &set, 0), EINVAL, "signalfd on an epoll");
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, 4L, 0), EINVAL, "signalfd with a bad size");
    close(fd);
    close(epoll);
}

/* Whether a thread of this process waits for something. */
static int sleeps(int thread) {
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    int fd = open(path, O_RDONLY);
    ssize_t size = read(fd, line, sizeof line - 1);
    close(fd);
    const char *end = size > 0 ? strrchr(line, ')') : NULL;
    return end && end[2] == 'S';
}

struct waiter {
    pthread_t thread;
    int epoll, id, woken;
};

static void *wait_for_any(void *argument) {
    struct waiter *own = argument;
    struct epoll_event event;
    __atomic_store_n(&own->id, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    int count = epoll_wait(own->epoll, &event, 1, -1);
    __atomic_store_n(&own->woken, count, __ATOMIC_SEQ_CST);
    return NULL;
}

static void begin_to_wait(struct waiter *own, int epoll) {
    *own = (struct waiter){.epoll = epoll};
    NEED(pthread_create(&own->thread, NULL, wait_for_any, own) == 0);
    while (!__atomic_load_n(&own->id, __ATOMIC_SEQ_CST) || !sleeps(own->id))
        sched_yield();
}

static void exclusive(void) {
    int end[2], epoll[3];
    NEED(pipe(end) == 0);
    for (int index = 0; index < 3; index++) {
        epoll[index] = epoll_create1(0);
        NEED(control(epoll[index], EPOLL_CTL_ADD, end[0], EPOLLIN | EPOLLEXCLUSIVE, 1) == 0);
    }
    CHECK_ERRNO(control(epoll[0], EPOLL_CTL_MOD, end[0], EPOLLIN, 1), EINVAL, "EPOLLEXCLUSIVE cannot be changed");
    CHECK_ERRNO(control(epoll[0], EPOLL_CTL_ADD, end[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT, 1), EINVAL,
                "EPOLLEXCLUSIVE with EPOLLONESHOT");
    struct waiter waiter[3];
    for (int index = 0; index < 3; index++)
        begin_to_wait(&waiter[index], epoll[index]);
    NEED(write(end[1], "x", 1) == 1);
    int woken, first = -1;
    do
        for (int index = woken = 0; index < 3; index++)
            if (__atomic_load_n(&waiter[index].woken, __ATOMIC_SEQ_CST))
                woken++, first = index;
    while (!woken);
    CHECK_EQ(ready(epoll[0]) + ready(epoll[1]) + ready(epoll[2]), EPOLLIN, "EPOLLEXCLUSIVE: one epoll is told");
    CHECK(woken == 1 && ready(epoll[first]) == EPOLLIN, "the one that was waited for");
    close(end[1]);
    for (int index = 0; index < 3; index++)
        pthread_join(waiter[index].thread, NULL);
    CHECK(waiter[0].woken + waiter[1].woken + waiter[2].woken == 3, "of the end all are told");
    for (int index = 0; index < 3; index++)
        close(epoll[index]);
    close(end[0]);
    NEED(pipe(end) == 0);
    NEED((epoll[0] = epoll_create1(0)) >= 0 && (epoll[1] = epoll_create1(0)) >= 0);
    NEED(control(epoll[0], EPOLL_CTL_ADD, end[0], EPOLLIN | EPOLLEXCLUSIVE, 1) == 0);
    NEED(control(epoll[1], EPOLL_CTL_ADD, end[0], EPOLLIN | EPOLLEXCLUSIVE, 1) == 0);
    NEED(write(end[1], "x", 1) == 1);
    CHECK(ready(epoll[0]) == EPOLLIN && ready(epoll[1]) == EPOLLIN, "where nobody waits all are told");
    CHECK_EQ(control(epoll[0], EPOLL_CTL_DEL, end[0], 0, 0), 0, "EPOLL_CTL_DEL with EPOLLEXCLUSIVE");
}

int main(void) {
    begin();
    changing();
    levels_and_edges();
    duplicates();
    waiting();
    events();
    timers();
    signals();
    exclusive();
    return finish();
}
