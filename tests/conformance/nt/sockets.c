/* Winsock on the loopback: connections and datagrams, waiting for them in every manner, options, and what is refused. */
#include <winsock2.h>
#include <mswsock.h>
#include <ws2tcpip.h>
#include "check.h"

static struct sockaddr_in loopback(USHORT port)
{
    struct sockaddr_in address = {0};

    address.sin_family = AF_INET;
    address.sin_port = port;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* A socket that listens on a port of the system's choice, which is told in network order. */
static SOCKET listener(USHORT *port)
{
    struct sockaddr_in address = loopback(0);
    int size = sizeof address;
    SOCKET made = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

    if (bind(made, (struct sockaddr *)&address, size) || listen(made, 5) ||
        getsockname(made, (struct sockaddr *)&address, &size))
        return INVALID_SOCKET;
    *port = address.sin_port;
    return made;
}

static SOCKET connected_to(USHORT port)
{
    struct sockaddr_in address = loopback(port);
    SOCKET made = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

    return connect(made, (struct sockaddr *)&address, sizeof address) ? INVALID_SOCKET : made;
}

static int ready(SOCKET one, int write, long milliseconds)
{
    struct timeval time = {0, milliseconds * 1000};
    fd_set set;

    FD_ZERO(&set);
    FD_SET(one, &set);
    return select(0, write ? NULL : &set, write ? &set : NULL, NULL, &time);
}

static DWORD WINAPI answers(void *listening)
{
    SOCKET one = accept((SOCKET)listening, NULL, NULL);
    char text[64];
    int size;

    while ((size = recv(one, text, sizeof text, 0)) > 0)
        send(one, text, size, 0);
    shutdown(one, SD_SEND);
    closesocket(one);
    return size;
}

static void streams(void)
{
    struct sockaddr_in name;
    char text[64] = "";
    int size = sizeof name;
    USHORT port;
    SOCKET server = listener(&port);
    HANDLE thread = CreateThread(NULL, 0, answers, (void *)server, 0, NULL);
    SOCKET client = connected_to(port);

    check(server != INVALID_SOCKET && client != INVALID_SOCKET, "a connection over the loopback");
    check(!getpeername(client, (struct sockaddr *)&name, &size) && name.sin_port == port &&
              name.sin_addr.s_addr == htonl(INADDR_LOOPBACK),
          "the peer has a name");
    check(send(client, "hello", 5, 0) == 5 && recv(client, text, 2, MSG_PEEK) == 2 &&
              recv(client, text, 5, MSG_WAITALL) == 5 && !memcmp(text, "hello", 5),
          "what was sent comes back, and can be looked at before");
    check(!shutdown(client, SD_SEND) && recv(client, text, sizeof text, 0) == 0, "a stream has an end");
    check(send(client, "x", 1, 0) == -1 && WSAGetLastError() == WSAESHUTDOWN, "nothing is sent after it");
    WaitForSingleObject(thread, 5000);
    closesocket(client);
    closesocket(server);
    check(connected_to(port) == INVALID_SOCKET && WSAGetLastError() == WSAECONNREFUSED, "nobody listens there any more");
}

static void without_waiting(void)
{
    struct sockaddr_in address;
    USHORT port;
    u_long on = 1, there = 0;
    char text[8];
    int error = -1, size = sizeof error;
    SOCKET server = listener(&port), client = socket(AF_INET, SOCK_STREAM, 0), other;
    WSAPOLLFD polled;

    ioctlsocket(server, FIONBIO, &on);
    ioctlsocket(client, FIONBIO, &on);
    check(accept(server, NULL, NULL) == INVALID_SOCKET && WSAGetLastError() == WSAEWOULDBLOCK, "nobody has connected yet");
    check(ready(server, 0, 0) == 0, "so the server is not ready");
    address = loopback(port);
    check(connect(client, (struct sockaddr *)&address, sizeof address) == -1 && WSAGetLastError() == WSAEWOULDBLOCK,
          "a connection is begun");
    check(ready(client, 1, 2000) == 1 && ready(server, 0, 2000) == 1, "and both ends become ready");
    check(!getsockopt(client, SOL_SOCKET, SO_ERROR, (char *)&error, &size) && error == 0, "nothing went wrong");
    other = accept(server, NULL, NULL);
    ioctlsocket(other, FIONBIO, &on);
    check(recv(other, text, sizeof text, 0) == -1 && WSAGetLastError() == WSAEWOULDBLOCK, "there is nothing to receive");
    send(client, "abc", 3, 0);
    polled.fd = other;
    polled.events = POLLIN;
    check(WSAPoll(&polled, 1, 2000) == 1 && polled.revents == POLLRDNORM, "WSAPoll finds what has come");
    check(!ioctlsocket(other, FIONREAD, &there) && there == 3 && recv(other, text, sizeof text, 0) == 3,
          "as much as was sent");
    closesocket(client);
    check(ready(other, 0, 2000) == 1 && recv(other, text, sizeof text, 0) == 0, "an end makes a socket ready");
    closesocket(other);
    closesocket(server);
}

static void events(void)
{
    USHORT port;
    char text[8];
    WSANETWORKEVENTS news;
    WSAEVENT event = WSACreateEvent();
    SOCKET server = listener(&port), client, other;

    WSAEventSelect(server, event, FD_ACCEPT);
    check(WSAWaitForMultipleEvents(1, &event, FALSE, 0, FALSE) == WSA_WAIT_TIMEOUT, "no event yet");
    client = connected_to(port);
    check(WSAWaitForMultipleEvents(1, &event, FALSE, 2000, FALSE) == WSA_WAIT_EVENT_0, "an event for a connection");
    check(!WSAEnumNetworkEvents(server, event, &news) && news.lNetworkEvents == FD_ACCEPT, "which says what it is");
    check(WSAWaitForMultipleEvents(1, &event, FALSE, 0, FALSE) == WSA_WAIT_TIMEOUT, "and is told once");
    other = accept(server, NULL, NULL);
    WSAEventSelect(other, event, FD_READ | FD_CLOSE);
    send(client, "ab", 2, 0);
    check(WSAWaitForMultipleEvents(1, &event, FALSE, 2000, FALSE) == WSA_WAIT_EVENT_0 &&
              !WSAEnumNetworkEvents(other, event, &news) && news.lNetworkEvents == FD_READ,
          "an event for data");
    recv(other, text, 1, 0);
    check(WSAWaitForMultipleEvents(1, &event, FALSE, 2000, FALSE) == WSA_WAIT_EVENT_0, "again while there is more");
    recv(other, text, 1, 0);
    WSAEnumNetworkEvents(other, event, &news);
    closesocket(client);
    check(WSAWaitForMultipleEvents(1, &event, FALSE, 2000, FALSE) == WSA_WAIT_EVENT_0 &&
              !WSAEnumNetworkEvents(other, event, &news) && news.lNetworkEvents & FD_CLOSE,
          "an event for the end");
    closesocket(other);
    closesocket(server);
    WSACloseEvent(event);
}

static void overlapped(void)
{
    GUID accept_ex = WSAID_ACCEPTEX, connect_ex = WSAID_CONNECTEX;
    LPFN_ACCEPTEX accepts;
    LPFN_CONNECTEX connects;
    OVERLAPPED first = {0}, second = {0}, *found;
    char text[256], more[8];
    DWORD size, flags = 0;
    ULONG_PTR key;
    USHORT port;
    struct sockaddr_in address = loopback(0);
    SOCKET server = listener(&port), other = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    HANDLE completions = CreateIoCompletionPort((HANDLE)server, NULL, 7, 0);
    WSABUF buffer = {sizeof more, more};

    WSAIoctl(server, SIO_GET_EXTENSION_FUNCTION_POINTER, &accept_ex, sizeof accept_ex, &accepts, sizeof accepts, &size, NULL,
             NULL);
    WSAIoctl(server, SIO_GET_EXTENSION_FUNCTION_POINTER, &connect_ex, sizeof connect_ex, &connects, sizeof connects, &size,
             NULL, NULL);
    check(!accepts(server, other, text, 0, 32, 32, &size, &first) && WSAGetLastError() == ERROR_IO_PENDING,
          "AcceptEx goes on");
    bind(client, (struct sockaddr *)&address, sizeof address);
    address = loopback(port);
    CreateIoCompletionPort((HANDLE)client, completions, 8, 0);
    check(!connects(client, (struct sockaddr *)&address, sizeof address, NULL, 0, &size, &second) &&
              WSAGetLastError() == ERROR_IO_PENDING,
          "so does ConnectEx");
    for (int seen = 0, i = 0; i < 2; i++) {
        int came = GetQueuedCompletionStatus(completions, &size, &key, &found, 2000);

        seen |= came && key == 7 && found == &first ? 1 : came && key == 8 && found == &second ? 2 : 0;
        if (i)
            check(seen == 3, "the port tells of both");
    }
    CreateIoCompletionPort((HANDLE)other, completions, 9, 0);
    memset(&first, 0, sizeof first);
    check(WSARecv(other, &buffer, 1, NULL, &flags, &first, NULL) == -1 && WSAGetLastError() == WSA_IO_PENDING,
          "a receive goes on");
    setsockopt(client, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0);
    send(client, "data", 4, 0);
    check(GetQueuedCompletionStatus(completions, &size, &key, &found, 2000) && key == 9 && size == 4 &&
              !memcmp(more, "data", 4),
          "until there is something");
    memset(&first, 0, sizeof first);
    WSARecv(other, &buffer, 1, NULL, &flags, &first, NULL);
    check(CancelIoEx((HANDLE)other, &first) && !GetQueuedCompletionStatus(completions, &size, &key, &found, 2000) &&
              GetLastError() == ERROR_OPERATION_ABORTED,
          "or it is cancelled");
    closesocket(client);
    closesocket(other);
    closesocket(server);
    CloseHandle(completions);
}

static void datagrams(int family)
{
    struct sockaddr_storage name = {0}, sender;
    int size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6), length = sizeof sender, got;
    DWORD time = 100;
    char text[8], line[80];
    SOCKET one = socket(family, SOCK_DGRAM, 0), other = socket(family, SOCK_DGRAM, 0);

    name.ss_family = family;
    if (family == AF_INET)
        ((struct sockaddr_in *)&name)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&name)->sin6_addr.s6_addr[15] = 1;
    bind(one, (struct sockaddr *)&name, size);
    getsockname(one, (struct sockaddr *)&name, &size);
    got = sendto(other, "datagram", 8, 0, (struct sockaddr *)&name, size);
    snprintf(line, sizeof line, "a datagram of version %d is sent", family == AF_INET ? 4 : 6);
    check(got == 8, line);
    got = recvfrom(one, text, 4, 0, (struct sockaddr *)&sender, &length);
    snprintf(line, sizeof line, "and cut where there is no room (%d)", family == AF_INET ? 4 : 6);
    check(got == -1 && WSAGetLastError() == WSAEMSGSIZE && length == size && sender.ss_family == family &&
              !memcmp(text, "data", 4),
          line);
    setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, (char *)&time, sizeof time);
    snprintf(line, sizeof line, "a receive has a time to end by (%d)", family == AF_INET ? 4 : 6);
    check(recv(one, text, sizeof text, 0) == -1 && WSAGetLastError() == WSAETIMEDOUT, line);
    closesocket(one);
    closesocket(other);
}

static void refusals(void)
{
    struct sockaddr_in address = loopback(0);
    struct linger linger = {1, 3}, told = {0};
    int value = 1, size = sizeof value;
    char text[8];
    USHORT port;
    SOCKET server = listener(&port), one = socket(AF_INET, SOCK_STREAM, 0);

    check(send(one, "x", 1, 0) == -1, "nothing is sent without a connection");
    check(recv(one, text, 1, 0) == -1 && WSAGetLastError() == WSAENOTCONN, "nor received");
    check(listen(one, 1) == -1 && WSAGetLastError() == WSAEINVAL, "nor listened without a name");
    address.sin_port = port;
    check(bind(one, (struct sockaddr *)&address, sizeof address) == -1 && WSAGetLastError() == WSAEADDRINUSE,
          "a port that is listened on is taken");
    check(accept(one, NULL, NULL) == INVALID_SOCKET && WSAGetLastError() == WSAEINVAL, "who does not listen accepts nobody");
    check(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP) == INVALID_SOCKET && WSAGetLastError() == WSAEPROTONOSUPPORT,
          "UDP makes no streams");
    check(!setsockopt(one, IPPROTO_TCP, TCP_NODELAY, (char *)&value, sizeof value) &&
              !getsockopt(one, IPPROTO_TCP, TCP_NODELAY, (char *)&value, &size) && value,
          "TCP_NODELAY");
    size = sizeof told;
    check(!setsockopt(one, SOL_SOCKET, SO_LINGER, (char *)&linger, sizeof linger) &&
              !getsockopt(one, SOL_SOCKET, SO_LINGER, (char *)&told, &size) && told.l_onoff && told.l_linger == 3,
          "SO_LINGER");
    value = 0;
    size = sizeof value;
    check(!getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, (char *)&value, &size) && value, "SO_ACCEPTCONN");
    closesocket(one);
    check(send(one, "x", 1, 0) == -1 && WSAGetLastError() == WSAENOTSOCK, "a closed socket is none");
    closesocket(server);
}

int main(void)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    streams();
    without_waiting();
    events();
    overlapped();
    datagrams(AF_INET);
    datagrams(AF_INET6);
    refusals();
    return 0;
}
