/* poll, ppoll, select, pselect: what is ready, what hangs up, who is waited for and what interrupts. */
#include "helpers.h"

#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

enum { ALL = POLLIN | POLLOUT | POLLPRI };

static volatile sig_atomic_t signals;

static void on_signal(int number) {
    (void)number;
    signals++;
}

/* What poll says about one descriptor without waiting; -1 when it says that nothing is ready but not by 0. */
static int ready(int fd, short events) {
    struct pollfd one = {fd, events, 0x7fff};
    int count = poll(&one, 1, 0);
    return count == (one.revents != 0) ? one.revents : -1;
}

static void pipe_ends(void) {
    static char block[65536];
    int end[2];
    NEED(pipe(end) == 0);
    CHECK_EQ(ready(end[0], ALL), 0, "an empty pipe has nothing to read");
    CHECK_EQ(ready(end[1], ALL), POLLOUT, "an empty pipe can be written");
    NEED(write(end[1], block, sizeof block) == sizeof block);
    CHECK_EQ(ready(end[0], ALL), POLLIN, "a full pipe can be read");
    CHECK_EQ(ready(end[1], ALL), 0, "a full pipe cannot be written");
    NEED(read(end[0], block, sizeof block) == sizeof block && write(end[1], "x", 1) == 1 &&
         close(end[1]) == 0);
    CHECK_EQ(ready(end[0], ALL), POLLIN | POLLHUP, "bytes left after the writer is gone");
    NEED(read(end[0], block, sizeof block) == 1);
    CHECK_EQ(ready(end[0], ALL), POLLHUP, "POLLHUP when the writer is gone");
    CHECK_EQ(ready(end[0], 0), POLLHUP, "POLLHUP comes unasked");
    close(end[0]);
    NEED(pipe(end) == 0 && close(end[0]) == 0);
    CHECK_EQ(ready(end[1], ALL), POLLOUT | POLLERR, "POLLERR when the reader is gone");
    CHECK_EQ(ready(end[1], 0), POLLERR, "POLLERR comes unasked");
    close(end[1]);
}

static void other_files(void) {
    int pair[2], file = open("file", O_RDWR | O_CREAT, 0644), null = open("/dev/null", O_RDWR);
    CHECK_EQ(ready(file, POLLIN | POLLOUT), POLLIN | POLLOUT, "a file is always ready");
    CHECK_EQ(ready(file, POLLRDNORM | POLLWRNORM), POLLRDNORM | POLLWRNORM,
             "a file is ready by the other names");
    CHECK_EQ(ready(null, POLLIN | POLLOUT), POLLIN | POLLOUT, "/dev/null is always ready");
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK_EQ(ready(pair[0], POLLIN | POLLOUT | POLLRDHUP), POLLOUT, "a socket pair can be written");
    NEED(shutdown(pair[1], SHUT_WR) == 0);
    CHECK_EQ(ready(pair[0], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP,
             "POLLRDHUP after SHUT_WR");
    close(pair[1]);
    CHECK_EQ(ready(pair[0], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP | POLLHUP, "POLLHUP after close");
    close(pair[0]);
    close(file);
    CHECK_EQ(ready(file, ALL), POLLNVAL, "POLLNVAL for a closed descriptor");
    CHECK_EQ(ready(0x7fff, 0), POLLNVAL, "POLLNVAL comes unasked");
    CHECK_EQ(ready(-1, ALL), 0, "a negative descriptor is passed over");
    close(null);
}

static void many(void) {
    int end[2];
    struct timespec nothing = {0, 0}, bad = {0, 1000000000};
    NEED(pipe(end) == 0 && write(end[1], "x", 1) == 1);
    struct pollfd all[4] = {{end[0], POLLIN, 0}, {-1, POLLIN, 0}, {end[1], POLLIN, 0}, {0x7fff, POLLIN, 0}};
    CHECK_EQ(poll(all, 4, -1), 2, "poll counts the ready ones");
    CHECK_EQ(all[0].revents | all[1].revents << 8 | all[2].revents << 16, POLLIN,
             "poll marks the ready ones");
    CHECK_EQ(all[3].revents, POLLNVAL, "poll marks the invalid one");
    CHECK_EQ(poll(NULL, 0, 0), 0, "poll of nothing");
    CHECK_EQ(poll(all + 1, 1, 1), 0, "poll runs out of time");
    CHECK_EQ(ppoll(all, 1, &nothing, NULL), 1, "ppoll");
    CHECK_ERRNO(ppoll(all, 1, &bad, NULL), EINVAL, "ppoll with a bad time");
    CHECK_ERRNO(syscall(SYS_poll, forbidden_page(PROT_NONE), 1L, 0L), EFAULT, "poll with a bad pointer");
    CHECK_ERRNO(syscall(SYS_poll, all, 0x7fffffffL, 0L), EINVAL, "poll of too many");
    close(end[0]);
    close(end[1]);
}

/* Sends a byte, or closes, from a child while the parent waits. */
static pid_t later(int fd) {
    pid_t child = fork();
    if (child == 0) {
        usleep(20000);
        _exit(write(fd, "x", 1) != 1);
    }
    return child;
}

static void waiting(void) {
    int end[2];
    char byte;
    fd_set set;
    NEED(pipe(end) == 0);
    struct pollfd one = {end[0], POLLIN, 0};
    pid_t child = later(end[1]);
    CHECK(poll(&one, 1, -1) == 1 && one.revents == POLLIN, "poll wakes when a byte comes");
    NEED(read(end[0], &byte, 1) == 1 && waitpid(child, NULL, 0) == child);
    child = later(end[1]);
    FD_ZERO(&set);
    FD_SET(end[0], &set);
    CHECK_EQ(select(end[0] + 1, &set, NULL, NULL, NULL), 1, "select wakes when a byte comes");
    NEED(waitpid(child, NULL, 0) == child);
    close(end[0]);
    close(end[1]);
}

static void sets(void) {
    int end[2];
    fd_set reading, writing, failing;
    struct timeval nothing = {0, 0}, bad = {-1, 0};
    struct timespec zero = {0, 0};
    NEED(pipe(end) == 0 && write(end[1], "x", 1) == 1);
    FD_ZERO(&reading);
    FD_SET(end[0], &reading);
    FD_SET(end[1], &reading);
    writing = failing = reading;
    int limit = (end[0] > end[1] ? end[0] : end[1]) + 1;
    CHECK_EQ(select(limit, &reading, &writing, &failing, &nothing), 2, "select counts bits");
    CHECK(FD_ISSET(end[0], &reading) && !FD_ISSET(end[1], &reading), "select leaves what can be read");
    CHECK(!FD_ISSET(end[0], &writing) && FD_ISSET(end[1], &writing), "select leaves what can be written");
    CHECK(!FD_ISSET(end[0], &failing) && !FD_ISSET(end[1], &failing), "select clears the rest");
    CHECK_EQ(select(0, NULL, NULL, NULL, &nothing), 0, "select of nothing");
    CHECK_ERRNO(select(-1, NULL, NULL, NULL, &nothing), EINVAL, "select with a negative limit");
    CHECK_ERRNO(select(limit, &reading, NULL, NULL, &bad), EINVAL, "select with a negative time");
    CHECK_EQ(pselect(limit, &reading, NULL, NULL, &zero, NULL), 1, "pselect");
    CHECK_ERRNO(syscall(SYS_select, limit, forbidden_page(PROT_NONE), NULL, NULL, &nothing), EFAULT,
                "select with a bad pointer");
    nothing.tv_usec = 1000;
    FD_ZERO(&reading);
    CHECK_EQ(select(limit, &reading, NULL, NULL, &nothing), 0, "select runs out of time");
    CHECK_EQ(nothing.tv_sec + nothing.tv_usec, 0, "select tells the time left");
    close(end[0]);
    FD_SET(end[0], &reading);
    CHECK_ERRNO(select(limit, &reading, NULL, NULL, &nothing), EBADF, "select of a closed descriptor");
    close(end[1]);
}

static void interrupted(void) {
    sigset_t usr1, none;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct timespec long_time = {10, 0};
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    NEED(sigprocmask(SIG_BLOCK, &usr1, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    raise(SIGUSR1);
    CHECK_EQ(poll(NULL, 0, 1), 0, "a blocked signal does not interrupt");
    CHECK_ERRNO(ppoll(NULL, 0, &long_time, &none), EINTR, "ppoll opens its mask to a pending signal");
    CHECK_EQ(signals, 1, "the handler ran");
    raise(SIGUSR1);
    CHECK_ERRNO(pselect(0, NULL, NULL, NULL, &long_time, &none), EINTR,
                "pselect opens its mask to a pending signal");
    CHECK_EQ(signals, 2, "the handler ran again");
    sigset_t now;
    NEED(sigprocmask(SIG_SETMASK, NULL, &now) == 0);
    CHECK(sigismember(&now, SIGUSR1), "the mask is as it was");
    NEED(sigprocmask(SIG_UNBLOCK, &usr1, NULL) == 0);
    pid_t child = signal_parent_again_and_again(SIGUSR1);
    CHECK_ERRNO(poll(NULL, 0, 10000), EINTR, "a signal interrupts poll in spite of SA_RESTART");
    stop_child(child);
}

int main(void) {
    begin();
    pipe_ends();
    other_files();
    many();
    waiting();
    sets();
    interrupted();
    return finish();
}
