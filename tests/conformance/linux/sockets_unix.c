/* Unix sockets: pairs, names in folders and abstract ones, descriptors and identities that travel along. */
#include "helpers.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static char buffer[256];

static socklen_t address_of(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static int bind_to(int fd, const char *path) {
    struct sockaddr_un address;
    socklen_t length = address_of(path, &address);
    return bind(fd, (struct sockaddr *)&address, length);
}

static int connect_to(int fd, const char *path) {
    struct sockaddr_un address;
    socklen_t length = address_of(path, &address);
    return connect(fd, (struct sockaddr *)&address, length);
}

static int received(int fd, int flags, const char *expected) {
    ssize_t size = recv(fd, buffer, sizeof buffer, flags);
    return size == (ssize_t)strlen(expected) && memcmp(buffer, expected, strlen(expected)) == 0;
}

static void stream_pair(void) {
    int pair[2], waiting;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0, "socketpair of streams");
    CHECK_EQ(fcntl(pair[0], F_GETFD), FD_CLOEXEC, "SOCK_CLOEXEC");
    CHECK(write(pair[0], "hel", 3) == 3 && send(pair[0], "lo", 2, 0) == 2, "write and send");
    CHECK(ioctl(pair[1], FIONREAD, &waiting) == 0 && waiting == 5, "FIONREAD");
    CHECK(received(pair[1], MSG_PEEK, "hello"), "MSG_PEEK");
    CHECK(received(pair[1], 0, "hello"), "a stream runs messages together");
    CHECK_ERRNO(recv(pair[1], buffer, 1, MSG_DONTWAIT), EAGAIN, "MSG_DONTWAIT");
    CHECK(write(pair[1], "back", 4) == 4 && read(pair[0], buffer, 9) == 4, "the other way");
    CHECK_ERRNO(lseek(pair[0], 0, SEEK_SET), ESPIPE, "lseek on a socket");
    CHECK_ERRNO(send(pair[0], forbidden_page(PROT_NONE), 8, 0), EFAULT, "send with a bad pointer");
    CHECK_EQ(shutdown(pair[0], SHUT_WR), 0, "shutdown SHUT_WR");
    CHECK_EQ(recv(pair[1], buffer, 8, 0), 0, "end of stream after SHUT_WR");
    CHECK(write(pair[1], "late", 4) == 4 && received(pair[0], 0, "late"), "the other way is still open");
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(pair[0], "x", 1), EPIPE, "write after SHUT_WR");
    CHECK_ERRNO(shutdown(pair[0], 9), EINVAL, "shutdown of an unknown way");
    NEED(write(pair[1], "unread", 6) == 6 && close(pair[0]) == 0);
    CHECK_ERRNO(recv(pair[1], buffer, 8, 0), ECONNRESET, "the peer closed without reading all");
    CHECK_ERRNO(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE, "send when the peer is gone");
    signal(SIGPIPE, SIG_DFL);
    CHECK_ERRNO(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE, "MSG_NOSIGNAL");
    close(pair[1]);
}

static void message_pairs(void) {
    int pair[2];
    NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    CHECK(send(pair[0], "one", 3, 0) == 3 && send(pair[0], "", 0, 0) == 0 && send(pair[0], "two", 3, 0) == 3,
          "datagrams");
    CHECK(received(pair[1], 0, "one") && received(pair[1], 0, "") && received(pair[1], 0, "two"),
          "datagrams stay apart");
    NEED(send(pair[0], "long message", 12, 0) == 12 && send(pair[0], "next", 4, 0) == 4);
    struct iovec vector = {buffer, 4};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    CHECK(recvmsg(pair[1], &message, 0) == 4 && message.msg_flags == MSG_TRUNC,
          "MSG_TRUNC tells of a cut datagram");
    CHECK_EQ(recv(pair[1], buffer, 1, MSG_TRUNC), 4, "asking for MSG_TRUNC tells the true length");
    close(pair[1]);
    CHECK_ERRNO(send(pair[0], "x", 1, 0), ECONNREFUSED, "a datagram to one who is gone");
    close(pair[0]);
    NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    CHECK(send(pair[0], "one", 3, 0) == 3 && send(pair[0], "two", 3, 0) == 3, "packets in sequence");
    CHECK(received(pair[1], 0, "one") && received(pair[1], 0, "two"), "packets stay apart");
    close(pair[0]);
    CHECK_EQ(recv(pair[1], buffer, 8, 0), 0, "end of packets");
    close(pair[1]);
}

static void named(void) {
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    CHECK_EQ(bind_to(listener, "socket"), 0, "bind to a path");
    CHECK_EQ(mode_of("socket"), S_IFSOCK | 0755, "the path is a socket");
    CHECK_ERRNO(connect_to(client, "socket"), ECONNREFUSED, "connect before listen");
    CHECK_EQ(listen(listener, 5), 0, "listen");
    CHECK_ERRNO(accept4(client, NULL, NULL, 0), EINVAL, "accept on one who does not listen");
    CHECK_EQ(connect_to(client, "socket"), 0, "connect");
    CHECK_ERRNO(connect_to(client, "socket"), EISCONN, "connect again");
    int server = accept4(listener, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);
    CHECK(server >= 0 && fcntl(server, F_GETFD) == FD_CLOEXEC, "accept4");
    CHECK(length == sizeof(sa_family_t) && address.sun_family == AF_UNIX, "a client without a name");
    CHECK(send(client, "ping", 4, 0) == 4 && received(server, 0, "ping"), "from client to server");
    CHECK(send(server, "pong", 4, 0) == 4 && received(client, 0, "pong"), "from server to client");
    length = sizeof address;
    CHECK(getsockname(server, (struct sockaddr *)&address, &length) == 0 &&
              strcmp(address.sun_path, "socket") == 0,
          "getsockname");
    length = sizeof address;
    CHECK(getpeername(client, (struct sockaddr *)&address, &length) == 0 &&
              strcmp(address.sun_path, "socket") == 0,
          "getpeername");
    CHECK_ERRNO(getpeername(listener, (struct sockaddr *)&address, &length), ENOTCONN,
                "getpeername of a listener");
    CHECK_ERRNO(bind_to(listener, "again"), EINVAL, "bind again");
    NEED(unlink("socket") == 0);
    CHECK(send(client, "on", 2, 0) == 2 && received(server, 0, "on"), "a connection outlives the path");
    close(server);
    close(client);
    close(listener);
}

static void paths(void) {
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
    NEED(bind_to(listener, "taken") == 0 && listen(listener, 1) == 0);
    CHECK_ERRNO(bind_to(other, "taken"), EADDRINUSE, "bind to a path that exists");
    CHECK_ERRNO(bind_to(other, "no/socket"), ENOENT, "bind in a missing folder");
    CHECK_ERRNO(connect_to(other, "missing"), ENOENT, "connect to nothing");
    make_file("file", "");
    CHECK_ERRNO(connect_to(other, "file"), ECONNREFUSED, "connect to a file");
    CHECK_ERRNO(open("taken", O_RDWR), ENXIO, "open of a socket");
    NEED(rename("taken", "moved") == 0);
    CHECK_ERRNO(connect_to(other, "taken"), ENOENT, "connect to the old name");
    CHECK_EQ(connect_to(other, "moved"), 0, "connect to the new name");
    NEED(unlink("moved") == 0);
    close(other);
    close(listener);
}

static void abstract_names(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX}, found;
    socklen_t length = sizeof found;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0,
             "bind to a name of the kernel's choice");
    CHECK(getsockname(fd, (struct sockaddr *)&found, &length) == 0 && length == 8 && found.sun_path[0] == 0,
          "it is five digits");
    CHECK_ERRNO(bind(other, (struct sockaddr *)&found, length), EADDRINUSE, "it is taken");
    CHECK_EQ(sendto(other, "hello", 5, 0, (struct sockaddr *)&found, length), 5, "sendto an abstract name");
    struct sockaddr_un from;
    socklen_t from_length = sizeof from;
    CHECK(recvfrom(fd, buffer, 9, 0, (struct sockaddr *)&from, &from_length) == 5 &&
              from_length <= sizeof(sa_family_t),
          "recvfrom one without a name");
    close(fd);
    CHECK_ERRNO(sendto(other, "x", 1, 0, (struct sockaddr *)&found, length), ECONNREFUSED,
                "sendto a name that is gone");
    CHECK_ERRNO(send(other, "x", 1, 0), ENOTCONN, "send without a peer");
    close(other);
}

/* Sends a byte with a descriptor. */
static ssize_t send_descriptor(int socket_fd, int fd) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {
        .header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec vector = {"d", 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(socket_fd, &message, 0);
}

/* Receives a byte with a descriptor, or -1 when none came; the message's flags go to *flags. */
static int receive_descriptor(int socket_fd, size_t room, int wish, int *flags) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec vector = {buffer, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = room};
    int fd = -1;
    memset(&control, 0, sizeof control);
    if (recvmsg(socket_fd, &message, wish) == 1 && message.msg_controllen >= CMSG_LEN(sizeof(int)) &&
        control.header.cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    *flags = message.msg_flags;
    return fd;
}

static void descriptors(void) {
    int pair[2], flags, room = CMSG_SPACE(sizeof(int));
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    make_file("sent", "content");
    int fd = open("sent", O_RDONLY);
    NEED(unlink("sent") == 0);
    CHECK_EQ(send_descriptor(pair[0], fd), 1, "SCM_RIGHTS is sent");
    NEED(lseek(fd, 3, SEEK_SET) == 3 && close(fd) == 0);
    int got = receive_descriptor(pair[1], room, 0, &flags);
    CHECK(got >= 0 && flags == 0 && fcntl(got, F_GETFD) == 0, "SCM_RIGHTS is received");
    CHECK(read(got, buffer, 16) == 4 && memcmp(buffer, "tent", 4) == 0,
          "it is the same open file, closed by the sender");
    NEED(send_descriptor(pair[0], got) == 1);
    int other = receive_descriptor(pair[1], room, MSG_CMSG_CLOEXEC, &flags);
    CHECK(other != got && fcntl(other, F_GETFD) == FD_CLOEXEC && flags & MSG_CMSG_CLOEXEC,
          "MSG_CMSG_CLOEXEC");
    NEED(send_descriptor(pair[0], got) == 1);
    CHECK(receive_descriptor(pair[1], 0, 0, &flags) == -1 && flags == MSG_CTRUNC,
          "no room for the descriptor: MSG_CTRUNC");
    CHECK_ERRNO(send_descriptor(pair[0], 0x7fff), EBADF, "SCM_RIGHTS of no descriptor");
    int end[2];
    char byte;
    NEED(pipe(end) == 0 && send_descriptor(pair[0], end[1]) == 1 && close(end[1]) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(end[0]);
        got = receive_descriptor(pair[1], room, 0, &flags);
        _exit(write(got, "x", 1) != 1);
    }
    NEED(waitpid(child, NULL, 0) == child);
    CHECK(read(end[0], &byte, 1) == 1 && read(end[0], &byte, 1) == 0, "a pipe sent to another process");
    NEED(send_descriptor(pair[0], end[0]) == 1 && close(pair[0]) == 0 && close(pair[1]) == 0);
    close(end[0]);
    close(got);
    close(other);
}

static void identities(void) {
    int pair[2], on = 1;
    struct ucred peer;
    socklen_t length = sizeof peer;
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && length == sizeof peer,
          "SO_PEERCRED");
    CHECK(peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid(), "the peer is oneself");
    NEED(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && send(pair[0], "x", 1, 0) == 1);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec vector = {buffer, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    CHECK(recvmsg(pair[1], &message, 0) == 1 && control.header.cmsg_type == SCM_CREDENTIALS, "SO_PASSCRED");
    memcpy(&peer, CMSG_DATA(&control.header), sizeof peer);
    CHECK(peer.pid == getpid() && peer.uid == geteuid(), "the sender is oneself");
    close(pair[0]);
    close(pair[1]);
}

static int option(int fd, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

static void options_and_refusals(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), file = open("file", O_RDONLY), pair[2];
    struct timeval short_time = {0, 10000};
    CHECK(option(fd, SO_TYPE) == SOCK_STREAM && option(fd, SO_DOMAIN) == AF_UNIX, "SO_TYPE and SO_DOMAIN");
    CHECK(option(fd, SO_ERROR) == 0 && option(fd, SO_ACCEPTCONN) == 0, "SO_ERROR and SO_ACCEPTCONN");
    CHECK(fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK), "SOCK_NONBLOCK");
    CHECK(bind_to(fd, "listener") == 0 && listen(fd, 1) == 0 && option(fd, SO_ACCEPTCONN) == 1,
          "a listener says so");
    CHECK_ERRNO(accept(fd, NULL, NULL), EAGAIN, "accept when nobody is there");
    CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 99), EPROTONOSUPPORT, "socket with an unknown protocol");
    CHECK_ERRNO(socket(AF_UNIX, 99, 0), EINVAL, "socket of an unknown type");
    CHECK_ERRNO(socket(9999, SOCK_STREAM, 0), EAFNOSUPPORT, "socket of an unknown family");
    CHECK_ERRNO(listen(file, 1), ENOTSOCK, "listen on a file");
    CHECK_ERRNO(send(-1, "x", 1, 0), EBADF, "send on no descriptor");
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, 9999, buffer, &(socklen_t){4}), ENOPROTOOPT,
                "getsockopt unknown option");
    CHECK_ERRNO(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, forbidden_page(PROT_NONE)), EFAULT,
                "socketpair with a bad pointer");
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    NEED(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time) == 0);
    CHECK_ERRNO(recv(pair[0], buffer, 1, 0), EAGAIN, "SO_RCVTIMEO");
    close(pair[0]);
    close(pair[1]);
    close(fd);
    close(file);
}

int main(void) {
    begin();
    stream_pair();
    message_pairs();
    named();
    paths();
    abstract_names();
    descriptors();
    identities();
    options_and_refusals();
    return finish();
}
