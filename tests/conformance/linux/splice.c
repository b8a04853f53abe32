/* splice, tee and vmsplice: what they move when not all of it fits, and between which files they move anything. */
#include "process.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

enum { CAPACITY = 65536, LARGE = 4 * CAPACITY };

static char *memory;

static void no_more(int number) {
    (void)number;
}

static void more_than_fits(void) {
    int end[2];
    NEED(pipe(end) == 0);
    struct iovec vector = {memory, LARGE};
    CHECK_EQ(vmsplice(end[1], &vector, 1, 0), CAPACITY, "vmsplice of more than a pipe holds");
    CHECK_ERRNO(vmsplice(end[1], &vector, 1, SPLICE_F_NONBLOCK), EAGAIN, "vmsplice to a full pipe, without waiting");
    handle(SIGUSR1, no_more, 0);
    pid_t child = signal_parent_again_and_again(SIGUSR1);
    CHECK_ERRNO(vmsplice(end[1], &vector, 1, 0), EINTR, "vmsplice to a full pipe waits");
    fcntl(end[1], F_SETFL, O_NONBLOCK);
    CHECK_ERRNO(vmsplice(end[1], &vector, 1, 0), EINTR, "vmsplice waits whatever O_NONBLOCK says");
    stop_child(child);
    CHECK_EQ(vmsplice(end[0], &vector, 1, 0), CAPACITY, "vmsplice from a pipe into memory");
    CHECK_ERRNO(vmsplice(end[0], &vector, 1, SPLICE_F_NONBLOCK), EAGAIN, "vmsplice from an empty pipe");
    vector.iov_len = 0;
    CHECK_EQ(vmsplice(end[0], &vector, 1, 0), 0, "vmsplice of nothing does not wait");
    close(end[1]);
    vector.iov_len = LARGE;
    CHECK_EQ(vmsplice(end[0], &vector, 1, 0), 0, "vmsplice from a pipe without writers");
    close(end[0]);
}

static void into_a_room_that_is_small(void) {
    int from[2], to[2];
    NEED(pipe(from) == 0 && pipe(to) == 0);
    NEED(write(from[1], memory, CAPACITY) == CAPACITY);
    NEED(write(to[1], memory, CAPACITY - 4096) == CAPACITY - 4096);
    CHECK_EQ(splice(from[0], NULL, to[1], NULL, CAPACITY, 0), 4096, "splice moves what there is room for");
    CHECK_ERRNO(splice(from[0], NULL, to[1], NULL, CAPACITY, SPLICE_F_NONBLOCK), EAGAIN, "splice to a full pipe");
    CHECK_ERRNO(splice(from[0], NULL, from[1], NULL, 1, 0), EINVAL, "splice from a pipe to itself");
    close(to[0]);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(splice(from[0], NULL, to[1], NULL, 1, 0), EPIPE, "splice to a pipe without readers");
    struct iovec vector = {memory, 1};
    CHECK_ERRNO(vmsplice(to[1], &vector, 1, 0), EPIPE, "vmsplice to a pipe without readers");
    close(to[1]);
    close(from[0]);
    close(from[1]);
}

/* None of these waits for the pipe to have something: what cannot be spliced to never will be. */
static void what_cannot_be_spliced(void) {
    int end[2], pair[2], file = open("file", O_RDWR | O_CREAT, 0644);
    NEED(pipe(end) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    int event = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0), epoll = epoll_create1(0);
    int full = open("/dev/full", O_RDWR), null = open("/dev/null", O_RDWR), name = open("/proc/self/comm", O_RDWR);
    int appending = open("file", O_WRONLY | O_APPEND), folder_fd = open(".", O_RDONLY);
    CHECK_ERRNO(splice(end[0], NULL, event, NULL, 8, 0), EINVAL, "splice to an eventfd");
    CHECK_ERRNO(splice(end[0], NULL, timer, NULL, 8, 0), EINVAL, "splice to a timerfd");
    CHECK_ERRNO(splice(end[0], NULL, epoll, NULL, 8, 0), EINVAL, "splice to an epoll");
    CHECK_ERRNO(splice(end[0], NULL, full, NULL, 8, 0), EINVAL, "splice to /dev/full");
    CHECK_ERRNO(splice(end[0], NULL, name, NULL, 8, 0), EINVAL, "splice to a file of /proc");
    CHECK_ERRNO(splice(end[0], NULL, appending, NULL, 8, 0), EINVAL, "splice to a file that is appended to");
    CHECK_ERRNO(splice(event, NULL, end[1], NULL, 8, 0), EINVAL, "splice from an eventfd");
    CHECK_ERRNO(splice(epoll, NULL, end[1], NULL, 8, 0), EINVAL, "splice from an epoll");
    CHECK_ERRNO(splice(null, NULL, end[1], NULL, 8, 0), EINVAL, "splice from /dev/null");
    CHECK_ERRNO(splice(folder_fd, NULL, end[1], NULL, 8, 0), EINVAL, "splice from a folder");
    CHECK_EQ(splice(full, NULL, end[1], NULL, 8, 0), 8, "splice from /dev/full");
    off_t offset = 0;
    CHECK_ERRNO(splice(end[0], NULL, pair[0], &offset, 8, 0), EINVAL, "splice to an offset in a socket");
    CHECK_ERRNO(splice(end[0], &offset, pair[0], NULL, 8, 0), ESPIPE, "splice from an offset in a pipe");
    CHECK_EQ(splice(end[0], NULL, pair[0], NULL, 8, 0), 8, "splice to a socket");
    NEED(ftruncate(file, 8) == 0);
    CHECK_ERRNO(sendfile(event, file, NULL, 8), EINVAL, "sendfile to an eventfd");
    CHECK_ERRNO(sendfile(full, file, NULL, 8), EINVAL, "sendfile to /dev/full");
    CHECK_ERRNO(tee(event, end[1], 8, 0), EINVAL, "tee from what is no pipe");
    const int all[] = {end[0], end[1], pair[0], pair[1], file, event, timer, epoll, full, null, name, appending, folder_fd};
    for (size_t index = 0; index < sizeof all / sizeof *all; index++)
        close(all[index]);
}

int main(void) {
    begin();
    memory = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(memory != MAP_FAILED);
    more_than_fits();
    into_a_room_that_is_small();
    what_cannot_be_spliced();
    return finish();
}
