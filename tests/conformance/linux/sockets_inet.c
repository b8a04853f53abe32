/* TCP and UDP with oneself, at 127.0.0.1 and ports of the kernel's choice. */
#include "helpers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static char buffer[256];

static struct sockaddr_in loopback(in_port_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int bind_to(int fd, in_port_t port) {
    struct sockaddr_in address = loopback(port);
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static int connect_to(int fd, in_port_t port) {
    struct sockaddr_in address = loopback(port);
    return connect(fd, (struct sockaddr *)&address, sizeof address);
}

/* The port a socket is bound to, in network order, or 0. */
static in_port_t port_of(int fd) {
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &length) == 0 ? address.sin_port : 0;
}

static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

static int set(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value);
}

/* What poll says within two seconds. */
static int ready(int fd, short events) {
    struct pollfd one = {fd, events, 0};
    return poll(&one, 1, 2000) >= 0 ? one.revents : -1;
}

static int listening(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    NEED(fd >= 0 && bind_to(fd, 0) == 0 && listen(fd, 5) == 0);
    return fd;
}

static void connecting(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        client = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    CHECK(listener >= 0 && fcntl(listener, F_GETFD) == FD_CLOEXEC, "a TCP socket");
    CHECK_EQ(bind_to(listener, 0), 0, "bind to port 0");
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0 && length == sizeof address,
          "getsockname");
    CHECK(address.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && address.sin_port != 0,
          "the kernel chose a port");
    CHECK_ERRNO(bind_to(listener, 0), EINVAL, "bind again");
    CHECK_ERRNO(connect_to(client, address.sin_port), ECONNREFUSED, "connect before listen");
    CHECK_EQ(listen(listener, 5), 0, "listen");
    CHECK_EQ(option(listener, SOL_SOCKET, SO_ACCEPTCONN), 1, "SO_ACCEPTCONN");
    CHECK_EQ(connect_to(client, address.sin_port), 0, "connect");
    CHECK_ERRNO(connect_to(client, address.sin_port), EISCONN, "connect again");
    CHECK_EQ(ready(listener, POLLIN), POLLIN, "a listener is ready when somebody waits");
    NEED(failures == 0); /* without a connection the rest would only wait */
    length = sizeof address;
    int server = accept(listener, (struct sockaddr *)&address, &length);
    CHECK(server >= 0 && address.sin_port == port_of(client), "accept tells the client's port");
    length = sizeof address;
    CHECK(getpeername(client, (struct sockaddr *)&address, &length) == 0 &&
              address.sin_port == port_of(listener),
          "getpeername");
    CHECK(send(client, "ping", 4, 0) == 4 && recv(server, buffer, 9, 0) == 4 &&
              memcmp(buffer, "ping", 4) == 0,
          "there");
    CHECK(write(server, "pong", 4) == 4 && read(client, buffer, 9) == 4 && memcmp(buffer, "pong", 4) == 0,
          "and back");
    close(listener);
    CHECK(send(client, "on", 2, 0) == 2 && recv(server, buffer, 9, 0) == 2,
          "a connection outlives the listener");
    int late = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(connect_to(late, address.sin_port), ECONNREFUSED, "connect after the listener is gone");
    close(late);
    close(server);
    close(client);
}

static void ending(void) {
    int listener = listening(), client = socket(AF_INET, SOCK_STREAM, 0), waiting = -1;
    NEED(connect_to(client, port_of(listener)) == 0);
    int server = accept(listener, NULL, NULL);
    NEED(send(client, "abcdef", 6, 0) == 6 && ready(server, POLLIN) == POLLIN);
    CHECK(ioctl(server, FIONREAD, &waiting) == 0 && waiting == 6, "FIONREAD");
    CHECK(recv(server, buffer, 3, MSG_PEEK) == 3 && memcmp(buffer, "abc", 3) == 0, "MSG_PEEK");
    CHECK(recv(server, buffer, 6, MSG_WAITALL) == 6 && memcmp(buffer, "abcdef", 6) == 0, "MSG_WAITALL");
    CHECK_ERRNO(recv(server, buffer, 1, MSG_DONTWAIT), EAGAIN, "MSG_DONTWAIT");
    CHECK_EQ(shutdown(client, SHUT_WR), 0, "shutdown SHUT_WR");
    CHECK_EQ(ready(server, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP, "POLLRDHUP");
    CHECK_EQ(recv(server, buffer, 1, 0), 0, "end of stream after SHUT_WR");
    CHECK(send(server, "late", 4, 0) == 4 && recv(client, buffer, 9, 0) == 4, "the other way is still open");
    CHECK_ERRNO(send(client, "x", 1, MSG_NOSIGNAL), EPIPE, "send after SHUT_WR");
    close(server);
    CHECK_EQ(recv(client, buffer, 1, 0), 0, "end of stream after close");
    close(client);
    client = socket(AF_INET, SOCK_STREAM, 0);
    struct linger at_once = {1, 0};
    NEED(connect_to(client, port_of(listener)) == 0);
    server = accept(listener, NULL, NULL);
    NEED(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0 && close(client) == 0);
    CHECK_ERRNO(recv(server, buffer, 1, 0), ECONNRESET, "a reset connection");
    CHECK_EQ(recv(server, buffer, 1, 0), 0, "the error is told once");
    close(server);
    close(listener);
}

static void without_waiting(void) {
    int listener = listening(), client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    in_port_t port = port_of(listener);
    CHECK_ERRNO(connect_to(client, port), EINPROGRESS, "a connect that does not wait");
    CHECK_EQ(ready(client, POLLOUT), POLLOUT, "it is ready when it is done");
    CHECK_EQ(option(client, SOL_SOCKET, SO_ERROR), 0, "SO_ERROR of success");
    CHECK_EQ(connect_to(client, port), 0, "connect tells of success once");
    CHECK_ERRNO(connect_to(client, port), EISCONN, "then it is connected");
    CHECK_ERRNO(recv(client, buffer, 1, 0), EAGAIN, "recv that does not wait");
    NEED(ioctl(listener, FIONBIO, &(int){1}) == 0);
    int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    CHECK(server >= 0 && fcntl(server, F_GETFL) & O_NONBLOCK, "accept4 SOCK_NONBLOCK");
    CHECK_ERRNO(accept(listener, NULL, NULL), EAGAIN, "accept that does not wait");
    close(server);
    close(client);
    close(listener);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    NEED(bind_to(listener, 0) == 0); /* keeps the port for one who never listens */
    CHECK_ERRNO(connect_to(client, port_of(listener)), EINPROGRESS, "a connect to one who does not listen");
    CHECK(ready(client, POLLOUT) & POLLERR, "POLLERR when it is refused");
    CHECK_EQ(option(client, SOL_SOCKET, SO_ERROR), ECONNREFUSED, "SO_ERROR tells why");
    CHECK_EQ(option(client, SOL_SOCKET, SO_ERROR), 0, "SO_ERROR tells it once");
    close(client);
    close(listener);
}

static void much(void) {
    static char sent[200000], got[200000];
    int listener = listening(), client = socket(AF_INET, SOCK_STREAM, 0);
    size_t have = 0;
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 13 + i / 777);
    pid_t child = fork();
    if (child == 0) {
        int server = accept(listener, NULL, NULL);
        _exit(send(server, sent, sizeof sent, 0) != sizeof sent || shutdown(server, SHUT_WR) != 0);
    }
    NEED(connect_to(client, port_of(listener)) == 0);
    for (ssize_t more; (more = recv(client, got + have, sizeof got - have, 0)) > 0;)
        have += (size_t)more;
    int status;
    NEED(waitpid(child, &status, 0) == child);
    CHECK(exited_with(status, 0) && have == sizeof sent && memcmp(sent, got, have) == 0,
          "200000 bytes from another process");
    close(client);
    close(listener);
}

static void options(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM && option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET,
          "SO_TYPE and SO_DOMAIN");
    CHECK_EQ(option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP, "SO_PROTOCOL");
    CHECK(option(fd, SOL_SOCKET, SO_REUSEADDR) == 0 && set(fd, SOL_SOCKET, SO_REUSEADDR, 7) == 0,
          "SO_REUSEADDR");
    CHECK_EQ(option(fd, SOL_SOCKET, SO_REUSEADDR), 1, "an option that is on is 1");
    CHECK(set(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0 && option(fd, IPPROTO_TCP, TCP_NODELAY) == 1,
          "TCP_NODELAY");
    CHECK(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) == 0 && option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1,
          "SO_KEEPALIVE");
    CHECK(set(fd, SOL_SOCKET, SO_RCVBUF, 8192) == 0 && option(fd, SOL_SOCKET, SO_RCVBUF) == 16384,
          "SO_RCVBUF is doubled");
    NEED(bind_to(fd, 0) == 0 && listen(fd, 1) == 0);
    CHECK_ERRNO(bind_to(other, port_of(fd)), EADDRINUSE, "bind to a port that is taken");
    NEED(set(other, SOL_SOCKET, SO_REUSEADDR, 1) == 0);
    CHECK_ERRNO(bind_to(other, port_of(fd)), EADDRINUSE, "SO_REUSEADDR does not take a listener's port");
    CHECK_ERRNO(set(fd, SOL_SOCKET, 9999, 1), ENOPROTOOPT, "setsockopt unknown option");
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, buffer, 2), EINVAL,
                "setsockopt with too short a value");
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, forbidden_page(PROT_NONE), 4), EFAULT,
                "setsockopt with a bad pointer");
    struct sockaddr_in address = loopback(0);
    CHECK_ERRNO(bind(other, (struct sockaddr *)&address, 4), EINVAL, "bind with too short an address");
    address.sin_addr.s_addr = htonl(0xc0000201);
    CHECK_ERRNO(bind(other, (struct sockaddr *)&address, sizeof address), EADDRNOTAVAIL,
                "bind to an address of another machine");
    address.sin_family = AF_UNIX;
    CHECK_ERRNO(bind(other, (struct sockaddr *)&address, sizeof address), EAFNOSUPPORT,
                "bind of another family");
    CHECK_ERRNO(send(other, "x", 1, MSG_NOSIGNAL), EPIPE, "send without a connection");
    CHECK_ERRNO(recv(other, buffer, 1, 0), ENOTCONN, "recv without a connection");
    CHECK_ERRNO(shutdown(other, SHUT_WR), ENOTCONN, "shutdown without a connection");
    CHECK_ERRNO(accept(other, NULL, NULL), EINVAL, "accept without listen");
    CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT, "a stream of UDP");
    close(fd);
    close(other);
}

static void datagrams(void) {
    int one = socket(AF_INET, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address, from;
    socklen_t length = sizeof from;
    CHECK(one >= 0 && bind_to(one, 0) == 0 && port_of(one) != 0, "a UDP socket");
    address = loopback(port_of(one));
    CHECK_EQ(sendto(two, "hello", 5, 0, (struct sockaddr *)&address, sizeof address), 5, "sendto");
    CHECK(port_of(two) != 0, "sending binds to a port");
    CHECK(recvfrom(one, buffer, 99, 0, (struct sockaddr *)&from, &length) == 5 &&
              from.sin_port == port_of(two),
          "recvfrom");
    CHECK_EQ(sendto(one, "back", 4, 0, (struct sockaddr *)&from, length), 4, "an answer");
    CHECK(recv(two, buffer, 2, MSG_TRUNC) == 4 && memcmp(buffer, "ba", 2) == 0,
          "MSG_TRUNC tells the true length");
    CHECK_ERRNO(recv(two, buffer, 1, MSG_DONTWAIT), EAGAIN, "the rest of a datagram is lost");
    CHECK_ERRNO(send(two, "x", 1, 0), EDESTADDRREQ, "send without a peer");
    CHECK(connect_to(two, port_of(one)) == 0 && send(two, "", 0, 0) == 0, "connect and an empty datagram");
    CHECK(ready(one, POLLIN) == POLLIN && recv(one, buffer, 9, 0) == 0, "an empty datagram is one");
    in_port_t port = port_of(one);
    CHECK_ERRNO(bind_to(two, 0), EINVAL, "bind after sending");
    close(one);
    NEED(connect_to(two, port) == 0 && send(two, "x", 1, 0) == 1);
    CHECK(ready(two, POLLIN) & POLLERR, "POLLERR when nobody is there");
    CHECK_ERRNO(recv(two, buffer, 1, 0), ECONNREFUSED, "recv tells that nobody is there");
    CHECK_ERRNO(listen(two, 1), EOPNOTSUPP, "listen on UDP");
    static char large[70000];
    CHECK_ERRNO(send(two, large, sizeof large, 0), EMSGSIZE, "a datagram over 64 KiB");
    close(two);
}

static void light_datagrams(void) {
    int one = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE), two = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
    if (one < 0)
        return (void)CHECK_EQ(errno, EPROTONOSUPPORT, "a host without UDP-Lite says so");
    int protocol = 0;
    socklen_t length = sizeof protocol;
    CHECK(getsockopt(one, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 && protocol == IPPROTO_UDPLITE, "UDP-Lite");
    NEED(bind_to(one, 0) == 0 && connect_to(two, port_of(one)) == 0);
    CHECK_EQ(send(two, "light", 5, 0), 5, "send by UDP-Lite");
    CHECK(recv(one, buffer, 9, 0) == 5 && memcmp(buffer, "light", 5) == 0, "recv by UDP-Lite");
    close(one);
    close(two);
}

static void newer_addresses(void) {
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof address;
    /* A host without IPv6 has nothing to say here. */
    int absent = fd < 0 || (bind(fd, (struct sockaddr *)&address, length) != 0 && errno == EADDRNOTAVAIL);
    CHECK(absent || (getsockname(fd, (struct sockaddr *)&address, &length) == 0 && length == sizeof address),
          "IPv6 getsockname");
    CHECK(absent || (address.sin6_port != 0 && IN6_IS_ADDR_LOOPBACK(&address.sin6_addr)), "IPv6 loopback");
    close(fd);
}

int main(void) {
    begin();
    connecting();
    ending();
    without_waiting();
    much();
    options();
    datagrams();
    light_datagrams();
    newer_addresses();
    return finish();
}
