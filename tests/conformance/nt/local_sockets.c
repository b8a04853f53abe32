/* Local sockets: a path of Windows' as a name, both ends, waiting, who the peer is, and what is refused. */
#include <winsock2.h>
#include <afunix.h>
#include <mswsock.h>
#include <ws2tcpip.h>
#include "check.h"

static char folder[MAX_PATH];

static struct sockaddr_un named(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s%s", folder, name);
    return address;
}

static SOCKET listener(const char *name)
{
    struct sockaddr_un address = named(name);
    SOCKET made = socket(AF_UNIX, SOCK_STREAM, 0);

    return bind(made, (struct sockaddr *)&address, sizeof address) || listen(made, 4) ? INVALID_SOCKET : made;
}

static SOCKET connected_to(const char *name)
{
    struct sockaddr_un address = named(name);
    SOCKET made = socket(AF_UNIX, SOCK_STREAM, 0);

    if (connect(made, (struct sockaddr *)&address, sizeof address) == 0)
        return made;
    closesocket(made);
    return INVALID_SOCKET;
}

static int fails(const char *name)
{
    struct sockaddr_un address = named(name);
    SOCKET made = socket(AF_UNIX, SOCK_STREAM, 0);
    int error = bind(made, (struct sockaddr *)&address, sizeof address) ? WSAGetLastError() : 0;

    closesocket(made);
    return error;
}

static void talking(void)
{
    struct sockaddr_un address = named("one.sock"), told;
    int size = sizeof told;
    char text[64] = "";
    u_long there = 0;
    DWORD peer = 0, got = 0, attributes;
    WIN32_FIND_DATAW found;
    WCHAR wide[MAX_PATH];
    SOCKET server = listener("one.sock"), client = connected_to("one.sock"), other = accept(server, NULL, NULL);

    check(server != INVALID_SOCKET && client != INVALID_SOCKET && other != INVALID_SOCKET, "a connection by a path");
    check(!getsockname(server, (struct sockaddr *)&told, &size) && !_stricmp(told.sun_path, address.sun_path), "the name here");
    memset(&told, 1, sizeof told);
    size = sizeof told;
    check(!getpeername(client, (struct sockaddr *)&told, &size) && told.sun_family == AF_UNIX &&
              !_stricmp(told.sun_path, address.sun_path),
          "and the peer's");
    size = sizeof told;
    check(!getpeername(other, (struct sockaddr *)&told, &size) && told.sun_family == AF_UNIX && !told.sun_path[0],
          "which may have none");
    check(send(client, "hello", 5, 0) == 5 && !ioctlsocket(other, FIONREAD, &there) && there == 5 &&
              recv(other, text, sizeof text, 0) == 5 && !memcmp(text, "hello", 5),
          "what is sent comes");
    check(!WSAIoctl(client, SIO_AF_UNIX_GETPEERPID, NULL, 0, &peer, sizeof peer, &got, NULL, NULL) &&
              peer == GetCurrentProcessId(),
          "the process at the other end of a client");
    peer = 0;
    check(!WSAIoctl(other, SIO_AF_UNIX_GETPEERPID, NULL, 0, &peer, sizeof peer, &got, NULL, NULL) &&
              peer == GetCurrentProcessId() && got == sizeof peer,
          "and of a server");
    check(WSAIoctl(other, SIO_AF_UNIX_GETPEERPID, NULL, 0, &peer, 2, &got, NULL, NULL) == -1 && WSAGetLastError() == WSAEFAULT,
          "which needs room");
    check(WSAIoctl(server, SIO_AF_UNIX_GETPEERPID, NULL, 0, &peer, sizeof peer, &got, NULL, NULL) == -1 &&
              WSAGetLastError() == WSAENOTCONN,
          "a listener has no peer");
    attributes = GetFileAttributesA(address.sun_path);
    check(attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY) &&
              attributes & FILE_ATTRIBUTE_REPARSE_POINT,
          "the name is a file");
    check(MultiByteToWideChar(CP_UTF8, 0, address.sun_path, -1, wide, MAX_PATH) &&
              FindClose(FindFirstFileW(wide, &found)) && found.dwReserved0 == 0x80000023, "which has a tag of its own");
    check(CreateFileA(address.sun_path, GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE,
          "and no content");
    check(!shutdown(client, SD_SEND) && recv(other, text, sizeof text, 0) == 0 && send(other, "end", 3, 0) == 3, "half an end");
    check(recv(client, text, sizeof text, 0) == 3, "leaves the other half");
    closesocket(other);
    check(recv(client, text, sizeof text, 0) == 0, "until that ends too");
    closesocket(client);
    closesocket(server);
    check(connected_to("one.sock") == INVALID_SOCKET && WSAGetLastError() == WSAECONNREFUSED, "nobody listens there any more");
    check(fails("one.sock") == WSAEADDRINUSE, "but the name is taken");
    check(DeleteFileA(address.sun_path) && GetFileAttributesA(address.sun_path) == INVALID_FILE_ATTRIBUTES,
          "until the file is deleted");
    check(connected_to("one.sock") == INVALID_SOCKET && WSAGetLastError() == WSAENETDOWN, "then there is nothing");
}

static void waiting(void)
{
    struct sockaddr_un address = named("two.sock");
    u_long on = 1;
    char text[8];
    struct timeval time = {3, 0};
    fd_set writes, reads;
    WSAPOLLFD polled = {0};
    WSANETWORKEVENTS news;
    WSAEVENT event = WSACreateEvent();
    SOCKET server = listener("two.sock"), client = socket(AF_UNIX, SOCK_STREAM, 0), other;

    ioctlsocket(server, FIONBIO, &on);
    check(accept(server, NULL, NULL) == INVALID_SOCKET && WSAGetLastError() == WSAEWOULDBLOCK, "nobody has connected");
    ioctlsocket(client, FIONBIO, &on);
    check(connect(client, (struct sockaddr *)&address, sizeof address) == -1 && WSAGetLastError() == WSAEWOULDBLOCK,
          "a connection is begun");
    FD_ZERO(&writes);
    FD_SET(client, &writes);
    FD_ZERO(&reads);
    FD_SET(server, &reads);
    check(select(0, &reads, &writes, NULL, &time) == 2, "and both ends become ready");
    other = accept(server, NULL, NULL);
    check(recv(client, text, 8, 0) == -1 && WSAGetLastError() == WSAEWOULDBLOCK, "nothing has come");
    send(other, "abc", 3, 0);
    polled.fd = client;
    polled.events = POLLIN;
    check(WSAPoll(&polled, 1, 3000) == 1 && polled.revents & POLLRDNORM && recv(client, text, 8, 0) == 3, "WSAPoll tells of it");
    WSAEventSelect(client, event, FD_READ | FD_CLOSE);
    send(other, "d", 1, 0);
    check(WSAWaitForMultipleEvents(1, &event, FALSE, 3000, FALSE) == WSA_WAIT_EVENT_0 &&
              !WSAEnumNetworkEvents(client, event, &news) && news.lNetworkEvents == FD_READ,
          "so does an event");
    recv(client, text, 8, 0);
    closesocket(other);
    check(WSAWaitForMultipleEvents(1, &event, FALSE, 3000, FALSE) == WSA_WAIT_EVENT_0 &&
              !WSAEnumNetworkEvents(client, event, &news) && news.lNetworkEvents & FD_CLOSE,
          "and of the end");
    closesocket(client);
    closesocket(server);
    DeleteFileA(address.sun_path);
}

static void overlapped(void)
{
    GUID accept_ex = WSAID_ACCEPTEX;
    LPFN_ACCEPTEX accepts;
    OVERLAPPED first = {0}, second = {0}, *found;
    char names[512], text[8];
    WSABUF buffer = {sizeof text, text};
    DWORD size, flags = 0;
    ULONG_PTR key;
    struct sockaddr_un address = named("three.sock");
    SOCKET server = listener("three.sock"), other = socket(AF_UNIX, SOCK_STREAM, 0), client;
    HANDLE port = CreateIoCompletionPort((HANDLE)server, NULL, 1, 0);

    CreateIoCompletionPort((HANDLE)other, port, 2, 0);
    WSAIoctl(server, SIO_GET_EXTENSION_FUNCTION_POINTER, &accept_ex, sizeof accept_ex, &accepts, sizeof accepts, &size, NULL,
             NULL);
    check(!accepts(server, other, names, 0, sizeof address + 16, sizeof address + 16, &size, &first) &&
              WSAGetLastError() == ERROR_IO_PENDING,
          "AcceptEx goes on");
    client = connected_to("three.sock");
    check(GetQueuedCompletionStatus(port, &size, &key, &found, 3000) && key == 1 && found == &first, "until somebody connects");
    check(WSARecv(other, &buffer, 1, NULL, &flags, &second, NULL) == -1 && WSAGetLastError() == WSA_IO_PENDING, "so does WSARecv");
    send(client, "data", 4, 0);
    check(GetQueuedCompletionStatus(port, &size, &key, &found, 3000) && key == 2 && size == 4 && !memcmp(text, "data", 4),
          "until there is something to receive");
    closesocket(client);
    closesocket(other);
    closesocket(server);
    DeleteFileA(address.sun_path);
}

static void refusals(void)
{
    struct sockaddr_un address = named("four.sock");
    char long_name[200];
    SOCKET one = socket(AF_UNIX, SOCK_STREAM, 0);

    check(socket(AF_UNIX, SOCK_DGRAM, 0) == INVALID_SOCKET && WSAGetLastError() == WSAESOCKTNOSUPPORT, "no local datagrams");
    check(fails("no such folder\\x") == WSAENETDOWN, "no such folder");
    check(listen(one, 1) == -1 && WSAGetLastError() == WSAEINVAL, "nobody listens without a name");
    check(send(one, "x", 1, 0) == -1 && WSAGetLastError() == WSAENOTCONN, "or sends without a peer");
    address.sun_family = AF_INET;
    check(bind(one, (struct sockaddr *)&address, sizeof address) == -1, "a name of another family");
    memset(long_name, 'x', sizeof long_name);
    *(ADDRESS_FAMILY *)long_name = AF_UNIX;
    check(bind(one, (struct sockaddr *)long_name, 1) == -1, "a name that is shorter than its family");
    address = named("");
    check(bind(one, (struct sockaddr *)&address, sizeof address) == -1, "a folder is no name");
    CreateDirectoryA("here", NULL);
    SetCurrentDirectoryA("here");
    folder[0] = 0;
    closesocket(one);
    one = listener(".\\sub\\..\\four.sock");
    check(one != INVALID_SOCKET && GetFileAttributesA("four.sock") != INVALID_FILE_ATTRIBUTES, "a relative path");
    check(connected_to("four.sock") != INVALID_SOCKET && connected_to("FOUR.SOCK") != INVALID_SOCKET, "in any case");
    closesocket(one);
    DeleteFileA("four.sock");
}

int main(void)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    GetTempPathA(sizeof folder, folder);
    SetCurrentDirectoryA(folder);
    talking();
    waiting();
    overlapped();
    refusals();
    return 0;
}
