/* What Windows does with sockets and Wine does not: hard ends, sockets that are used again, control data that is sent, ports. */
#include <winsock2.h>
#include <mswsock.h>
#include <ws2tcpip.h>
#include "check.h"

static LPFN_DISCONNECTEX disconnects;
static LPFN_ACCEPTEX accepts;
static LPFN_CONNECTEX connects;
static LPFN_WSASENDMSG sends;
static LPFN_WSARECVMSG receives;

static struct sockaddr_in loopback(USHORT port)
{
    struct sockaddr_in address = {0};

    address.sin_family = AF_INET;
    address.sin_port = port;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static SOCKET bound(int type, struct sockaddr_in *name)
{
    int size = sizeof *name;
    SOCKET made = socket(AF_INET, type, 0);

    *name = loopback(0);
    bind(made, (struct sockaddr *)name, size);
    if (type == SOCK_STREAM)
        listen(made, 5);
    getsockname(made, (struct sockaddr *)name, &size);
    return made;
}

static void find(SOCKET one, GUID which, void *function)
{
    DWORD size;

    WSAIoctl(one, SIO_GET_EXTENSION_FUNCTION_POINTER, &which, sizeof which, function, sizeof(void *), &size, NULL, NULL);
}

static void functions(void)
{
    GUID disconnect = WSAID_DISCONNECTEX, accept_ex = WSAID_ACCEPTEX, connect_ex = WSAID_CONNECTEX, send_it = WSAID_WSASENDMSG,
         receive_it = WSAID_WSARECVMSG, packets = WSAID_TRANSMITPACKETS;
    SOCKET one = socket(AF_INET, SOCK_STREAM, 0);
    void *none = NULL;

    find(one, disconnect, &disconnects);
    find(one, accept_ex, &accepts);
    find(one, connect_ex, &connects);
    find(one, send_it, &sends);
    find(one, receive_it, &receives);
    find(one, packets, &none);
    check(disconnects && accepts && connects && sends && receives, "functions");
    check(!none && WSAGetLastError() == WSAEINVAL, "no TransmitPackets, and it is said so");
    closesocket(one);
}

static void hard(void)
{
    struct linger now = {1, 0};
    struct sockaddr_in name;
    char text[8];
    SOCKET server = bound(SOCK_STREAM, &name), client = socket(AF_INET, SOCK_STREAM, 0), other;

    connect(client, (struct sockaddr *)&name, sizeof name);
    other = accept(server, NULL, NULL);
    check(!setsockopt(client, SOL_SOCKET, SO_LINGER, (char *)&now, sizeof now) && !closesocket(client),
          "a socket that lingers for no time is closed");
    check(recv(other, text, sizeof text, 0) == -1 && WSAGetLastError() == WSAECONNRESET, "which resets the connection");
    closesocket(other);
    closesocket(server);
}

static int done(SOCKET one, OVERLAPPED *operation, DWORD *size)
{
    DWORD flags;

    return WSAGetOverlappedResult(one, operation, size, TRUE, &flags);
}

static void again(void)
{
    struct sockaddr_in name, mine = loopback(0);
    OVERLAPPED first = {0}, second = {0};
    char data[128], text[8];
    DWORD size;
    SOCKET server = bound(SOCK_STREAM, &name), other = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

    first.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    second.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    bind(client, (struct sockaddr *)&mine, sizeof mine);
    for (int round = 0; round < 3; round++) {
        accepts(server, other, data, 0, sizeof name + 16, sizeof name + 16, &size, &first);
        connects(client, (struct sockaddr *)&name, sizeof name, "hi", 2, &size, &second);
        if (!done(server, &first, &size) || !done(client, &second, &size) || recv(other, text, 8, 0) != 2)
            break;
        disconnects(client, &second, TF_REUSE_SOCKET, 0);
        if (recv(other, text, 8, 0) != 0)
            break;
        disconnects(other, &first, TF_REUSE_SOCKET, 0);
        if (!done(client, &second, &size) || !done(other, &first, &size))
            break;
        if (round == 2)
            check(1, "the same two sockets are connected three times");
    }
    check(shutdown(client, 0x7) == -1 && WSAGetLastError() == WSAEINVAL, "there is no such way to end");
    check(!accepts(server, server, data, 0, sizeof name + 16, sizeof name + 16, &size, &first) &&
              WSAGetLastError() == WSAEINVAL,
          "a listener is accepted into nothing");
    closesocket(client);
    closesocket(other);
    closesocket(server);
}

static void *control(WSAMSG *message, int level, int type, void *data, int size)
{
    WSACMSGHDR *header = WSA_CMSG_FIRSTHDR(message);

    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = WSA_CMSG_LEN(size);
    memcpy(WSA_CMSG_DATA(header), data, size);
    message->Control.len = WSA_CMSG_SPACE(size);
    return header;
}

static void along(void)
{
    struct sockaddr_in name, from;
    char text[8], room[256], small[8];
    int hops = 99, on = 1, size;
    struct in_pktinfo through = {{{{127, 0, 0, 9}}}, 0};
    WSABUF buffer = {sizeof text, text};
    WSAMSG message = {(struct sockaddr *)&name, sizeof name, &buffer, 1, {sizeof room, room}, 0};
    DWORD sent = 0;
    SOCKET one = bound(SOCK_DGRAM, &name), two = socket(AF_INET, SOCK_DGRAM, 0);

    setsockopt(one, IPPROTO_IP, IP_RECVTTL, (char *)&on, sizeof on);
    memset(room, 0, sizeof room);
    memcpy(text, "along", 5);
    buffer.len = 5;
    control(&message, IPPROTO_IP, IP_HOPLIMIT, &hops, sizeof hops);
    check(!sends(two, &message, 0, &sent, NULL, NULL) && sent == 5, "a datagram with how far it may go");
    message.name = (struct sockaddr *)&from;
    buffer.len = sizeof text;
    message.Control.len = sizeof room;
    check(!receives(one, &message, &sent, NULL, NULL) && sent == 5 &&
              *(int *)WSA_CMSG_DATA(WSA_CMSG_FIRSTHDR(&message)) == 99,
          "comes with that");
    message.name = (struct sockaddr *)&name;
    message.namelen = sizeof name;
    control(&message, IPPROTO_IP, IP_PKTINFO, &through, sizeof through);
    check(!sends(two, &message, 0, &sent, NULL, NULL), "one with the address that it comes from");
    size = sizeof from;
    check(recvfrom(one, text, 8, 0, (struct sockaddr *)&from, &size) == 8 &&
              from.sin_addr.s_addr == through.ipi_addr.s_addr,
          "comes from there");
    control(&message, IPPROTO_IP, 77, &on, sizeof on);
    check(sends(two, &message, 0, &sent, NULL, NULL) == -1, "nobody knows what this is");
    control(&message, IPPROTO_IP, IP_HOPLIMIT, &hops, sizeof hops);
    WSA_CMSG_FIRSTHDR(&message)->cmsg_len = 1000;
    check(sends(two, &message, 0, &sent, NULL, NULL) == -1 && WSAGetLastError() == WSAEINVAL, "which is longer than it is");
    WSA_CMSG_FIRSTHDR(&message)->cmsg_len = 3;
    check(sends(two, &message, 0, &sent, NULL, NULL) == -1 && WSAGetLastError() == WSAEINVAL, "or shorter");
    sendto(two, "cut", 3, 0, (struct sockaddr *)&name, sizeof name);
    message.name = (struct sockaddr *)&from;
    message.Control.buf = small;
    message.Control.len = sizeof small;
    check(!receives(one, &message, &sent, NULL, NULL) && message.dwFlags & MSG_CTRUNC && message.Control.len == 0,
          "what has no room is not told, but that it was there");
    closesocket(one);
    closesocket(two);
}

static void nothing(void)
{
    struct sockaddr_in name;
    OVERLAPPED operation = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    WSABUF none = {0, NULL};
    DWORD size = 7, flags = 0;
    u_long on = 1;
    char text[4];
    SOCKET server = bound(SOCK_STREAM, &name), client = socket(AF_INET, SOCK_STREAM, 0), other;

    connect(client, (struct sockaddr *)&name, sizeof name);
    other = accept(server, NULL, NULL);
    check(WSARecv(other, &none, 1, NULL, &flags, &operation, NULL) == -1 && WSAGetLastError() == WSA_IO_PENDING,
          "to receive no bytes is to wait for some");
    send(client, "ab", 2, 0);
    check(done(other, &operation, &size) && size == 0 && recv(other, text, 4, 0) == 2, "which are left where they are");
    ioctlsocket(other, FIONBIO, &on);
    check(recv(other, text, 0, 0) == -1 && WSAGetLastError() == WSAEWOULDBLOCK, "who does not wait is told that there are none");
    closesocket(client);
    closesocket(other);
    closesocket(server);
}

static void many(void)
{
    static WSABUF buffers[5000];
    static char all[5000], letters[] = "abcdefghijklmnopqrstuvwxyz";
    struct sockaddr_in name;
    DWORD size;
    int got = 0, some;
    SOCKET server = bound(SOCK_STREAM, &name), client = socket(AF_INET, SOCK_STREAM, 0), other;

    connect(client, (struct sockaddr *)&name, sizeof name);
    other = accept(server, NULL, NULL);
    for (int i = 0; i < 5000; i++) {
        buffers[i].len = 1;
        buffers[i].buf = &letters[i % 26];
    }
    check(!WSASend(client, buffers, 5000, &size, 0, NULL, NULL) && size == 5000, "thousands of buffers");
    while (got < 5000 && (some = recv(other, all + got, 5000 - got, 0)) > 0)
        got += some;
    check(got == 5000 && all[4999] == letters[4999 % 26], "arrive as what they are together");
    closesocket(client);
    closesocket(other);
    closesocket(server);
}

static void apart(void)
{
    struct sockaddr_in name, nobody = {0};
    int size = sizeof name;
    SOCKET one = bound(SOCK_DGRAM, &name), two = socket(AF_INET, SOCK_DGRAM, 0);

    connect(two, (struct sockaddr *)&name, sizeof name);
    check(!getpeername(two, (struct sockaddr *)&name, &size) && !connect(two, (struct sockaddr *)&nobody, sizeof nobody),
          "datagrams that had a peer");
    check(getpeername(two, (struct sockaddr *)&name, &size) == -1 && WSAGetLastError() == WSAENOTCONN, "have none");
    check(send(two, "x", 1, 0) == -1 && WSAGetLastError() == WSAENOTCONN, "and go nowhere by themselves");
    closesocket(one);
    closesocket(two);
}

static void names(void)
{
    struct sockaddr_in name = loopback(0);
    int size = sizeof name;
    SOCKET one = socket(AF_INET, SOCK_STREAM, 0), two = socket(AF_INET, SOCK_STREAM, 0), three = socket(AF_INET, SOCK_DGRAM, 0);

    bind(one, (struct sockaddr *)&name, size);
    getsockname(one, (struct sockaddr *)&name, &size);
    check(bind(two, (struct sockaddr *)&name, size) == -1 && WSAGetLastError() == WSAEADDRINUSE,
          "a port is taken before anybody listens there");
    closesocket(one);
    check(!bind(two, (struct sockaddr *)&name, size), "and free afterwards");
    check(bind(two, (struct sockaddr *)&name, size) == -1 && WSAGetLastError() == WSAEINVAL, "nobody is bound twice");
    closesocket(two);
    check(send(three, "x", 1, 0) == -1 && WSAGetLastError() == WSAENOTCONN, "nobody to send to");
    closesocket(three);
}

int main(void)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    functions();
    hard();
    again();
    along();
    nothing();
    many();
    apart();
    names();
    return 0;
}
