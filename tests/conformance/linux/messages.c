/* Messages at the edges: several at once, with descriptors in between, to full queues, from other processes. */
#include "helpers.h"

#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static char buffer[65536];

static socklen_t abstract(const char *name, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "%s-%d", name, getpid());
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address->sun_path + 1));
}

/* What poll says about one descriptor without waiting. */
static int ready(int fd, short events) {
    struct pollfd one = {fd, events, 0};
    return poll(&one, 1, 0) >= 0 ? one.revents : -1;
}

static void several(void) {
    int pair[2];
    NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    struct iovec parts[3] = {{"one", 3}, {"second", 6}, {"", 0}}, rooms[4];
    struct mmsghdr sent[3] = {0}, got[4] = {0};
    char room[4][8];
    for (int i = 0; i < 3; i++)
        sent[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    for (int i = 0; i < 4; i++) {
        rooms[i] = (struct iovec){room[i], sizeof room[i]};
        got[i].msg_hdr = (struct msghdr){.msg_iov = &rooms[i], .msg_iovlen = 1};
    }
    CHECK_EQ(sendmmsg(pair[0], sent, 3, 0), 3, "sendmmsg");
    CHECK(sent[0].msg_len == 3 && sent[1].msg_len == 6 && sent[2].msg_len == 0, "sendmmsg tells each length");
    CHECK_EQ(recvmmsg(pair[1], got, 4, MSG_DONTWAIT, NULL), 3, "recvmmsg takes what there is");
    CHECK(got[0].msg_len == 3 && got[1].msg_len == 6 && got[2].msg_len == 0, "recvmmsg tells each length");
    CHECK(memcmp(room[1], "second", 6) == 0, "each message has its own room");
    CHECK_ERRNO(recvmmsg(pair[1], got, 4, MSG_DONTWAIT, NULL), EAGAIN, "recvmmsg of nothing");
    NEED(sendmmsg(pair[0], sent, 2, 0) == 2);
    CHECK_EQ(recvmmsg(pair[1], got, 4, MSG_WAITFORONE, NULL), 2, "MSG_WAITFORONE");
    sent[1].msg_hdr.msg_iov = forbidden_page(PROT_NONE);
    CHECK_EQ(sendmmsg(pair[0], sent, 3, 0), 1, "sendmmsg stops at a bad message");
    CHECK_ERRNO(sendmmsg(pair[0], sent + 1, 1, 0), EFAULT, "sendmmsg of a bad message alone");
    CHECK_EQ(sendmmsg(pair[0], sent, 0, 0), 0, "sendmmsg of nothing");
    close(pair[0]);
    close(pair[1]);
}

static void scattered(void) {
    int pair[2];
    char head[3], tail[8];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    struct iovec from[3] = {{"ab", 2}, {"", 0}, {"cdef", 4}}, to[2] = {{head, 3}, {tail, 8}};
    struct msghdr message = {.msg_iov = from, .msg_iovlen = 3};
    CHECK_EQ(sendmsg(pair[0], &message, 0), 6, "sendmsg gathers");
    message = (struct msghdr){.msg_iov = to, .msg_iovlen = 2};
    CHECK(recvmsg(pair[1], &message, 0) == 6 && memcmp(head, "abc", 3) == 0 && memcmp(tail, "def", 3) == 0,
          "recvmsg scatters");
    message.msg_iovlen = 1025;
    CHECK_ERRNO(sendmsg(pair[0], &message, 0), EMSGSIZE, "sendmsg from too many places");
    message = (struct msghdr){.msg_iov = from, .msg_iovlen = 3, .msg_control = buffer, .msg_controllen = 17};
    memset(buffer, 0, 64);
    *(size_t *)buffer = 8;
    CHECK_ERRNO(sendmsg(pair[0], &message, 0), EINVAL, "a control message shorter than its head");
    *(size_t *)buffer = 100;
    CHECK_ERRNO(sendmsg(pair[0], &message, 0), EINVAL, "a control message longer than its room");
    message.msg_control = forbidden_page(PROT_NONE);
    CHECK_ERRNO(sendmsg(pair[0], &message, 0), EFAULT, "control messages at a bad address");
    CHECK_ERRNO(recv(pair[1], buffer, 1, MSG_DONTWAIT), EAGAIN, "what failed sent nothing");
    close(pair[0]);
    close(pair[1]);
}

/* Sends some bytes with `count` descriptors. */
static ssize_t send_with(int socket_fd, const char *bytes, const int *fds, int count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(300 * sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN((size_t)count * sizeof(int))}};
    struct iovec vector = {(char *)bytes, strlen(bytes)};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
    memcpy(CMSG_DATA(&control.header), fds, (size_t)count * sizeof(int));
    return sendmsg(socket_fd, &message, 0);
}

/* Receives up to `size` bytes; how many descriptors came along (they are closed) goes to *count. */
static ssize_t receive_with(int socket_fd, size_t size, int *count, int *flags, size_t room) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(300 * sizeof(int))];
    } control;
    struct iovec vector = {buffer, size};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = room};
    ssize_t got = recvmsg(socket_fd, &message, 0);
    *count = 0;
    *flags = message.msg_flags;
    if (message.msg_controllen >= sizeof control.header && control.header.cmsg_type == SCM_RIGHTS)
        *count = (int)((control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int i = 0; i < *count; i++)
        close(((int *)(void *)CMSG_DATA(&control.header))[i]);
    return got;
}

static void descriptors(void) {
    int pair[2], many[254], count, flags;
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    for (int i = 0; i < 254; i++)
        many[i] = pair[0];
    NEED(send(pair[0], "plain", 5, 0) == 5 && send_with(pair[0], "two", many, 2) == 3 &&
         send(pair[0], "after", 5, 0) == 5);
    CHECK(receive_with(pair[1], 7, &count, &flags, 1000) == 7 && count == 2,
          "descriptors come with the first byte of theirs");
    CHECK(receive_with(pair[1], 99, &count, &flags, 1000) == 6 && count == 0, "and only once");
    NEED(send_with(pair[0], "a", many, 1) == 1 && send_with(pair[0], "b", many, 1) == 1);
    CHECK(receive_with(pair[1], 99, &count, &flags, 1000) == 1 && count == 1,
          "a read ends after a piece that brought descriptors");
    CHECK(receive_with(pair[1], 99, &count, &flags, 1000) == 1 && count == 1, "the next piece is the next read's");
    CHECK_EQ(send_with(pair[0], "x", many, 253), 1, "253 descriptors at once");
    CHECK(receive_with(pair[1], 1, &count, &flags, CMSG_SPACE(253 * sizeof(int))) == 1 && count == 253,
          "all of them arrive");
    CHECK_ERRNO(send_with(pair[0], "x", many, 254), EINVAL, "254 are too many");
    NEED(send_with(pair[0], "x", many, 5) == 1);
    CHECK(receive_with(pair[1], 1, &count, &flags, CMSG_LEN(2 * sizeof(int))) == 1 && count == 2 &&
              flags & MSG_CTRUNC,
          "room for two of five");
    NEED(send_with(pair[0], "x", many, 1) == 1);
    CHECK_EQ(read(pair[1], buffer, 9), 1, "read takes the byte and drops the descriptor");
    int before = dup(0);
    close(before);
    CHECK_EQ(send_with(pair[0], "x", pair, 2), 1, "a pair is sent through itself");
    close(pair[0]);
    close(pair[1]);
    int after = dup(0);
    CHECK(after < before, "its descriptors are free again");
    close(after);
}

static void from_elsewhere(void) {
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0), on = 1;
    struct sockaddr_un address;
    socklen_t length = abstract("packets", &address), size = sizeof(struct ucred);
    struct ucred peer;
    NEED(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        int client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        NEED(connect(client, (struct sockaddr *)&address, length) == 0);
        NEED(send(client, "first", 5, 0) == 5 && send(client, "next", 4, 0) == 4);
        _exit(recv(client, buffer, 9, 0) != 2);
    }
    int server = accept(listener, NULL, NULL);
    CHECK(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == child,
          "SO_PEERCRED tells who connected");
    CHECK(recv(server, buffer, 99, 0) == 5 && recv(server, buffer, 99, 0) == 4, "packets of another process");
    NEED(setsockopt(server, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && send(server, "ok", 2, 0) == 2);
    int status;
    NEED(waitpid(child, &status, 0) == child);
    CHECK(exited_with(status, 0), "and an answer to it");
    CHECK_EQ(recv(server, buffer, 9, 0), 0, "the end when it exits");
    CHECK_ERRNO(send(server, "x", 1, MSG_NOSIGNAL), EPIPE, "nobody is left to send to");
    close(server);
    close(listener);
}

/* Sends until nothing more is taken, and returns why. */
static int fill(int fd, size_t size) {
    while (send(fd, buffer, size, 0) > 0)
        ;
    return errno;
}

static int drain(int fd) {
    while (recv(fd, buffer, sizeof buffer, 0) > 0)
        ;
    return errno;
}

static void full_queues(void) {
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un address;
    socklen_t length = abstract("full", &address);
    NEED(bind(receiver, (struct sockaddr *)&address, length) == 0);
    NEED(connect(sender, (struct sockaddr *)&address, length) == 0);
    CHECK_EQ(ready(sender, POLLOUT), POLLOUT, "a queue with room");
    CHECK(fill(sender, 1) == EAGAIN && ready(sender, POLLOUT) == 0, "a full queue");
    NEED(recv(receiver, buffer, 1, 0) == 1);
    CHECK_EQ(ready(sender, POLLOUT), POLLOUT, "room for one more");
    close(receiver);
    CHECK_ERRNO(send(sender, "x", 1, 0), ECONNREFUSED, "the receiver is gone");
    close(sender);
    int pair[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(fill(pair[0], sizeof buffer) == EAGAIN && ready(pair[0], POLLOUT) == 0, "a full stream");
    CHECK(drain(pair[1]) == EAGAIN && ready(pair[0], POLLOUT) == POLLOUT, "an empty one");
    close(pair[0]);
    close(pair[1]);
}

static void waiting_for_all(void) {
    int pair[2];
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 6; i++) {
            usleep(2000);
            NEED(send(pair[0], "abcdef" + i, 1, 0) == 1);
        }
        _exit(0);
    }
    CHECK(recv(pair[1], buffer, 6, MSG_WAITALL) == 6 && memcmp(buffer, "abcdef", 6) == 0,
          "MSG_WAITALL waits for every byte");
    NEED(waitpid(child, NULL, 0) == child && send(pair[0], "gh", 2, 0) == 2 && close(pair[0]) == 0);
    CHECK_EQ(recv(pair[1], buffer, 6, MSG_WAITALL), 2, "or for the end");
    close(pair[1]);
}

static void packet_pipes(void) {
    int end[2];
    NEED(pipe2(end, O_DIRECT | O_NONBLOCK) == 0);
    CHECK(write(end[1], "one", 3) == 3 && write(end[1], "second", 6) == 6, "writes in packet mode");
    CHECK_EQ(read(end[0], buffer, 100), 3, "a read gives one packet");
    CHECK_EQ(read(end[0], buffer, 2), 2, "or a part of one");
    CHECK_ERRNO(read(end[0], buffer, 100), EAGAIN, "the rest of which is lost");
    CHECK_EQ(write(end[1], buffer, 4100), 4100, "a long write");
    CHECK(read(end[0], buffer, 9999) == 4096 && read(end[0], buffer, 9999) == 4, "is several packets");
    close(end[0]);
    close(end[1]);
}

static void hang_ups(void) {
    int end[2];
    fd_set set;
    struct timeval short_time = {0, 20000};
    NEED(pipe(end) == 0 && close(end[1]) == 0);
    FD_ZERO(&set);
    FD_SET(end[0], &set);
    CHECK_EQ(select(end[0] + 1, NULL, NULL, &set, &short_time), 0, "a hang-up is nothing exceptional to select");
    FD_SET(end[0], &set);
    CHECK_EQ(select(end[0] + 1, &set, NULL, NULL, NULL), 1, "but something to read");
    close(end[0]);
    NEED(pipe(end) == 0 && close(end[0]) == 0);
    FD_ZERO(&set);
    FD_SET(end[1], &set);
    CHECK_EQ(select(end[1] + 1, &set, NULL, NULL, &short_time), 1, "an error is something to read, too");
    close(end[1]);
}

static void at_once(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int one = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET}, found;
    NEED(bind(one, (struct sockaddr *)&address, length) == 0 &&
         getsockname(one, (struct sockaddr *)&address, &length) == 0 &&
         epoll_ctl(epoll, EPOLL_CTL_ADD, one, &event) == 0);
    CHECK_EQ(epoll_wait(epoll, &found, 1, 0), 0, "nothing has come");
    NEED(sendto(other, "x", 1, 0, (struct sockaddr *)&address, length) == 1);
    CHECK_EQ(epoll_wait(epoll, &found, 1, 0), 1, "an epoll knows at once what came over the loopback");
    CHECK_EQ(epoll_wait(epoll, &found, 1, 0), 0, "and tells of an edge once");
    NEED(sendto(other, "y", 1, 0, (struct sockaddr *)&address, length) == 1);
    CHECK_EQ(epoll_wait(epoll, &found, 1, 0), 1, "another message is another edge");
    close(one);
    CHECK_EQ(epoll_wait(epoll, &found, 1, 0), 0, "a closed socket is gone");
    close(other);
    close(epoll);
}

int main(void) {
    begin();
    several();
    scattered();
    descriptors();
    from_elsewhere();
    full_queues();
    waiting_for_all();
    packet_pipes();
    hang_ups();
    at_once();
    return finish();
}
