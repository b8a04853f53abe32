/* What a socket that accept makes has of the listening one: whether it waits, and the event that it tells of what. */
#include <winsock2.h>
#include <mswsock.h>
#include <ws2tcpip.h>
#include "check.h"

static USHORT port;

static SOCKET listener(void)
{
    struct sockaddr_in address = {0};
    int size = sizeof address;
    SOCKET made = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(made, (struct sockaddr *)&address, size) || listen(made, 5) ||
        getsockname(made, (struct sockaddr *)&address, &size))
        return INVALID_SOCKET;
    port = address.sin_port;
    return made;
}

static SOCKET client(void)
{
    struct sockaddr_in address = {0};
    SOCKET made = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

    address.sin_family = AF_INET;
    address.sin_port = port;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(made, (struct sockaddr *)&address, sizeof address) ? INVALID_SOCKET : made;
}

/* The next connection, whether the listening socket waits for it or not. */
static SOCKET next(SOCKET listening)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(listening, &set);
    select(0, &set, NULL, NULL, NULL);
    return accept(listening, NULL, NULL);
}

static void inherits_that_it_does_not_wait(void)
{
    SOCKET listening = listener(), other, made;
    u_long on = 1;
    char letter;

    ioctlsocket(listening, FIONBIO, &on);
    check(accept(listening, NULL, NULL) == INVALID_SOCKET && WSAGetLastError() == WSAEWOULDBLOCK,
          "a listening socket that does not wait says that nobody has come");
    other = client();
    made = next(listening);
    check(made != INVALID_SOCKET, "and takes who has");
    check(recv(made, &letter, 1, 0) == SOCKET_ERROR && WSAGetLastError() == WSAEWOULDBLOCK,
          "what it accepts does not wait either");
    on = 0;
    check(!ioctlsocket(made, FIONBIO, &on), "until it is told to");
    send(other, "x", 1, 0);
    check(recv(made, &letter, 1, 0) == 1 && letter == 'x', "and then waits");
    closesocket(made);
    closesocket(other);
    closesocket(listening);
}

static void inherits_its_event(void)
{
    SOCKET listening = listener(), other, made;
    WSANETWORKEVENTS news;
    WSAEVENT event = WSACreateEvent();
    u_long off = 0;
    char letter;

    check(!WSAEventSelect(listening, event, FD_ACCEPT | FD_READ), "a listening socket tells of what comes by an event");
    other = client();
    check(WaitForSingleObject(event, 10000) == WAIT_OBJECT_0, "somebody has come");
    check(!WSAEnumNetworkEvents(listening, event, &news) && news.lNetworkEvents == FD_ACCEPT, "which is told once");
    made = next(listening);
    check(made != INVALID_SOCKET, "and is accepted");
    check(recv(made, &letter, 1, 0) == SOCKET_ERROR && WSAGetLastError() == WSAEWOULDBLOCK,
          "what was accepted does not wait");
    check(ioctlsocket(made, FIONBIO, &off) == SOCKET_ERROR && WSAGetLastError() == WSAEINVAL,
          "and cannot be told to while it has an event");
    send(other, "x", 1, 0);
    check(WaitForSingleObject(event, 10000) == WAIT_OBJECT_0, "its event is the listening socket's");
    check(!WSAEnumNetworkEvents(made, event, &news) && news.lNetworkEvents == FD_READ,
          "which tells of what the accepted one has to read");
    check(WaitForSingleObject(event, 0) == WAIT_TIMEOUT, "and was reset by being asked");
    check(!WSAEventSelect(made, NULL, 0), "it lets go of the event");
    check(!ioctlsocket(made, FIONBIO, &off), "and then may wait");
    closesocket(made);
    closesocket(other);
    closesocket(listening);
    WSACloseEvent(event);
}

static void ends_with_the_socket_it_was_to_make(void)
{
    GUID id = WSAID_ACCEPTEX;
    LPFN_ACCEPTEX accept_ex;
    SOCKET listening = listener(), made = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP), other;
    OVERLAPPED state = {0};
    char names[2 * (sizeof(struct sockaddr_in) + 16)], letter;
    DWORD size;

    state.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    WSAIoctl(listening, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &accept_ex, sizeof accept_ex, &size, NULL, NULL);
    check(!accept_ex(listening, made, names, 0, sizeof names / 2, sizeof names / 2, &size, &state) &&
          WSAGetLastError() == ERROR_IO_PENDING, "AcceptEx waits for somebody");
    closesocket(made);
    check(WaitForSingleObject(state.hEvent, 10000) == WAIT_OBJECT_0, "and no longer when its socket is closed");
    check(!GetOverlappedResult((HANDLE)listening, &state, &size, FALSE) && GetLastError() == ERROR_OPERATION_ABORTED,
          "as an operation that was given up");
    other = client();
    made = accept(listening, NULL, NULL);
    send(other, "x", 1, 0);
    check(made != INVALID_SOCKET && recv(made, &letter, 1, 0) == 1, "and takes nobody who comes then");
    closesocket(made);
    closesocket(other);
    closesocket(listening);
    CloseHandle(state.hEvent);
}

int main(void)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    inherits_that_it_does_not_wait();
    inherits_its_event();
    ends_with_the_socket_it_was_to_make();
    WSACleanup();
    return 0;
}
