/* Overlapped operations on sockets: connections with data, names and ends; files that are sent; completion routines and ports. */
#include <winsock2.h>
#include <mswsock.h>
#include <ws2tcpip.h>
#include "check.h"

static LPFN_ACCEPTEX accepts;
static LPFN_CONNECTEX connects;
static LPFN_DISCONNECTEX disconnects;
static LPFN_TRANSMITFILE transmits;
static LPFN_GETACCEPTEXSOCKADDRS finds_names;

static struct sockaddr_in loopback(USHORT port)
{
    struct sockaddr_in address = {0};

    address.sin_family = AF_INET;
    address.sin_port = port;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static SOCKET listener(struct sockaddr_in *name)
{
    int size = sizeof *name;
    SOCKET made = socket(AF_INET, SOCK_STREAM, 0);

    *name = loopback(0);
    bind(made, (struct sockaddr *)name, size);
    listen(made, 5);
    getsockname(made, (struct sockaddr *)name, &size);
    return made;
}

static int extension(SOCKET one, GUID which, void *function)
{
    DWORD size;

    return WSAIoctl(one, SIO_GET_EXTENSION_FUNCTION_POINTER, &which, sizeof which, function, sizeof(void *), &size, NULL, NULL) ==
               0 &&
           size == sizeof(void *);
}

static void functions(void)
{
    GUID accept_ex = WSAID_ACCEPTEX, connect_ex = WSAID_CONNECTEX, disconnect_ex = WSAID_DISCONNECTEX,
         transmit = WSAID_TRANSMITFILE, names = WSAID_GETACCEPTEXSOCKADDRS, nothing = {0};
    SOCKET one = socket(AF_INET, SOCK_STREAM, 0);
    void *found;

    check(extension(one, accept_ex, &accepts) && extension(one, connect_ex, &connects) &&
              extension(one, disconnect_ex, &disconnects) && extension(one, transmit, &transmits) &&
              extension(one, names, &finds_names),
          "the functions of Microsoft's own");
    check(!extension(one, nothing, &found) && WSAGetLastError() == WSAEINVAL, "one that there is not");
    closesocket(one);
}

static int ended(SOCKET one, OVERLAPPED *operation, DWORD *size)
{
    DWORD flags;

    return WaitForSingleObject(operation->hEvent, 5000) == WAIT_OBJECT_0 &&
           WSAGetOverlappedResult(one, operation, size, FALSE, &flags);
}

static void accepting(void)
{
    struct sockaddr_in name, bound = loopback(0), *here, *there;
    struct sockaddr *local, *remote;
    OVERLAPPED first = {0}, second = {0};
    char data[128] = "", text[8];
    DWORD size = 0, sent = 0;
    int local_size = 0, remote_size = 0;
    SOCKET server = listener(&name), other = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

    first.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    second.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    check(!accepts(server, other, data, 16, sizeof name + 16, sizeof name + 16, &size, &first) &&
              WSAGetLastError() == ERROR_IO_PENDING,
          "AcceptEx that waits for data");
    check(!connects(client, (struct sockaddr *)&name, sizeof name, "hello", 5, &sent, &second) &&
              WSAGetLastError() == WSAEINVAL,
          "ConnectEx of who has no name");
    bind(client, (struct sockaddr *)&bound, sizeof bound);
    check(connects(client, (struct sockaddr *)&name, sizeof name, "hello", 5, &sent, &second) ||
              WSAGetLastError() == ERROR_IO_PENDING,
          "ConnectEx that sends");
    check(ended(client, &second, &sent) && sent == 5, "what it had to send is gone");
    check(ended(server, &first, &size) && size == 5 && !memcmp(data, "hello", 5), "and has come");
    finds_names(data, 16, sizeof name + 16, sizeof name + 16, &local, &local_size, &remote, &remote_size);
    here = (struct sockaddr_in *)local;
    there = (struct sockaddr_in *)remote;
    check(local_size == sizeof *here && here->sin_port == name.sin_port && here->sin_family == AF_INET, "with the name here");
    local_size = sizeof bound;
    getsockname(client, (struct sockaddr *)&bound, &local_size);
    check(remote_size == sizeof *there && there->sin_port == bound.sin_port, "and the name there");
    check(!setsockopt(other, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char *)&server, sizeof server) &&
              !setsockopt(client, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0),
          "both ends are told that they are connected");
    check(!getpeername(client, (struct sockaddr *)&bound, &local_size) && bound.sin_port == name.sin_port, "and know it");
    check(send(other, "back", 4, 0) == 4 && recv(client, text, sizeof text, 0) == 4, "and talk");
    check(!accepts(server, INVALID_SOCKET, data, 0, sizeof name + 16, sizeof name + 16, &size, &first),
          "nobody is accepted into what is no socket");
    check(!connects(client, (struct sockaddr *)&name, sizeof name, NULL, 0, &sent, &second) && WSAGetLastError() == WSAEISCONN,
          "and nobody connected twice");
    check(!connects(client, (struct sockaddr *)&name, sizeof name, NULL, 0, &sent, NULL) &&
              WSAGetLastError() == ERROR_INVALID_PARAMETER,
          "ConnectEx needs something to be told by");
    closesocket(client);
    closesocket(other);
    other = socket(AF_INET, SOCK_STREAM, 0);
    ResetEvent(first.hEvent);
    accepts(server, other, data, 0, sizeof name + 16, sizeof name + 16, &size, &first);
    closesocket(server);
    check(WaitForSingleObject(first.hEvent, 5000) == WAIT_OBJECT_0 && first.Internal == 0xC0000120,
          "an accept ends with its listener");
    client = socket(AF_INET, SOCK_STREAM, 0);
    bound = loopback(0);
    bind(client, (struct sockaddr *)&bound, sizeof bound);
    ResetEvent(second.hEvent);
    connects(client, (struct sockaddr *)&name, sizeof name, NULL, 0, &sent, &second);
    check(WaitForSingleObject(second.hEvent, 5000) == WAIT_OBJECT_0 && !ended(client, &second, &sent) &&
              WSAGetLastError() == WSAECONNREFUSED,
          "ConnectEx to where nobody listens");
    closesocket(client);
    closesocket(other);
}

static int connected(SOCKET *client, SOCKET *other)
{
    struct sockaddr_in name;
    SOCKET server = listener(&name);

    *client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(*client, (struct sockaddr *)&name, sizeof name))
        return 0;
    *other = accept(server, NULL, NULL);
    closesocket(server);
    return *other != INVALID_SOCKET;
}

static int receives(SOCKET one, const char *expected)
{
    char text[64];
    int got, all = 0;

    while (all < (int)strlen(expected) && (got = recv(one, text + all, sizeof text - all, 0)) > 0)
        all += got;
    return all == (int)strlen(expected) && !memcmp(text, expected, all);
}

static void files(void)
{
    char path[MAX_PATH], folder[MAX_PATH];
    TRANSMIT_FILE_BUFFERS around = {"head ", 5, " tail", 5};
    OVERLAPPED operation = {0};
    DWORD size;
    HANDLE file;
    SOCKET client, other, lone = socket(AF_INET, SOCK_STREAM, 0);

    GetTempPathA(sizeof folder, folder);
    GetTempFileNameA(folder, "snd", 0, path);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    WriteFile(file, "0123456789", 10, &size, NULL);
    connected(&client, &other);
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    check(transmits(client, file, 0, 0, NULL, NULL, 0) && receives(other, "0123456789"), "a whole file is sent");
    SetFilePointer(file, 4, NULL, FILE_BEGIN);
    check(transmits(client, file, 3, 0, NULL, &around, 0) && receives(other, "head 456 tail"),
          "a part of one, with something around it");
    check(transmits(client, NULL, 0, 0, NULL, &around, 0) && receives(other, "head  tail"), "or no file at all");
    operation.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    operation.Offset = 7;
    check(!transmits(client, file, 0, 0, &operation, NULL, 0) && WSAGetLastError() == ERROR_IO_PENDING, "or later");
    check(ended(client, &operation, &size) && size == 3 && receives(other, "789"), "from a place of its own");
    check(!transmits(lone, file, 0, 0, NULL, NULL, 0) && WSAGetLastError() == WSAENOTCONN, "not without a connection");
    CloseHandle(file);
    closesocket(client);
    closesocket(other);
    closesocket(lone);
}

static int routines;
static DWORD routine_error, routine_size;

static void CALLBACK routine(DWORD error, DWORD size, OVERLAPPED *operation, DWORD flags)
{
    (void)operation;
    (void)flags;
    routines++;
    routine_error = error;
    routine_size = size;
}

static void telling(void)
{
    OVERLAPPED one = {0}, two = {0}, *found;
    char text[8] = "", more[8] = "", halves[2][3];
    WSABUF buffer = {sizeof text, text}, other_buffer = {sizeof more, more}, both[2] = {{3, halves[0]}, {3, halves[1]}};
    DWORD size = 77, flags = 0;
    ULONG_PTR key;
    HANDLE port;
    SOCKET client, other;

    connected(&client, &other);
    check(WSARecv(other, &buffer, 1, NULL, &flags, &one, routine) == -1 && WSAGetLastError() == WSA_IO_PENDING,
          "a receive with a routine");
    send(client, "abc", 3, 0);
    check(SleepEx(3000, TRUE) == WAIT_IO_COMPLETION && routines == 1 && routine_error == 0 && routine_size == 3,
          "which is called in an alertable wait");
    send(client, "abcdef", 6, 0);
    flags = MSG_WAITALL;
    check(!WSARecv(other, both, 2, &size, &flags, NULL, NULL) && size == 6 && !memcmp(halves[1], "def", 3),
          "several buffers are filled one after the other");
    check(!WSASend(client, both, 2, &size, 0, NULL, NULL) && size == 6 && receives(other, "abcdef"), "and sent again");
    check(WSASend(client, both, 2, NULL, 0, NULL, NULL) == -1 && WSAGetLastError() == WSAEFAULT, "how many has to be told");
    flags = 0;
    one.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    two.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    WSARecv(other, &buffer, 1, NULL, &flags, &one, NULL);
    WSARecv(other, &other_buffer, 1, NULL, &flags, &two, NULL);
    check(!WSAGetOverlappedResult(other, &one, &size, FALSE, &flags) && WSAGetLastError() == WSA_IO_INCOMPLETE,
          "a receive that is not at its end");
    send(client, "first", 5, 0);
    check(ended(other, &one, &size) && size == 5 && !memcmp(text, "first", 5), "receives end in the order of their beginning");
    send(client, "second", 6, 0);
    check(ended(other, &two, &size) && size == 6 && !memcmp(more, "second", 6), "one after the other");
    port = CreateIoCompletionPort((HANDLE)other, NULL, 5, 0);
    SetFileCompletionNotificationModes((HANDLE)other, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS);
    send(client, "at once", 7, 0);
    WaitForSingleObject((HANDLE)client, 0);
    memset(&one, 0, sizeof one);
    while (WSARecv(other, &buffer, 1, &size, &flags, &one, NULL) == -1) { /* it may not have arrived at once */
        GetQueuedCompletionStatus(port, &size, &key, &found, 3000);
        if (size)
            send(client, "at once", 7, 0);
    }
    check(size == 7 && !GetQueuedCompletionStatus(port, &size, &key, &found, 0) && GetLastError() == WAIT_TIMEOUT,
          "the port is not told of what ended at once");
    check(WSARecv(other, &buffer, 1, NULL, &flags, &one, NULL) == -1 && WSAGetLastError() == WSA_IO_PENDING &&
              send(client, "x", 1, 0) == 1 && GetQueuedCompletionStatus(port, &size, &key, &found, 3000) && size == 1,
          "but of what took its time");
    WSARecv(other, &buffer, 1, NULL, &flags, &one, NULL);
    memset(&two, 0, sizeof two);
    check(!CancelIoEx((HANDLE)other, &two) && GetLastError() == ERROR_NOT_FOUND, "nothing to cancel");
    check(CancelIo((HANDLE)other) && !GetQueuedCompletionStatus(port, &size, &key, &found, 3000) &&
              GetLastError() == ERROR_OPERATION_ABORTED,
          "what a thread has begun is cancelled");
    WSARecv(other, &buffer, 1, NULL, &flags, &one, NULL);
    closesocket(other);
    check(!GetQueuedCompletionStatus(port, &size, &key, &found, 3000) && found == &one, "a receive ends with its socket");
    CloseHandle(port);
    closesocket(client);
}

static void datagrams(void)
{
    struct sockaddr_in name = loopback(0), from;
    OVERLAPPED operation = {0};
    char text[8] = "";
    WSABUF buffer = {sizeof text, text};
    int size = sizeof name, from_size = sizeof from;
    DWORD got, flags = 0;
    SOCKET one = socket(AF_INET, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0);

    bind(one, (struct sockaddr *)&name, size);
    getsockname(one, (struct sockaddr *)&name, &size);
    operation.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    check(WSARecvFrom(one, &buffer, 1, NULL, &flags, (struct sockaddr *)&from, &from_size, &operation, NULL) == -1 &&
              WSAGetLastError() == WSA_IO_PENDING,
          "a datagram that is waited for");
    buffer.len = 4;
    buffer.buf = "data";
    check(!WSASendTo(two, &buffer, 1, &got, 0, (struct sockaddr *)&name, size, NULL, NULL) && got == 4, "and sent");
    check(ended(one, &operation, &got) && got == 4 && !memcmp(text, "data", 4) && from_size == sizeof from &&
              from.sin_family == AF_INET,
          "comes with its sender");
    check(!connect(two, (struct sockaddr *)&name, size) && send(two, "to you", 6, 0) == 6 && receives(one, "to you"),
          "one that has been told whom to send to");
    check(sendto(two, "", 0, 0, (struct sockaddr *)&name, size) == 0 && recv(one, text, 8, 0) == 0, "a datagram of nothing");
    check(listen(one, 1) == -1 && WSAGetLastError() == WSAEOPNOTSUPP, "datagrams are not listened for");
    closesocket(one);
    closesocket(two);
}

static void leaving(void)
{
    OVERLAPPED operation = {0};
    char text[4];
    SOCKET client, other;
    DWORD size;

    connected(&client, &other);
    operation.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    check(disconnects(client, &operation, 0, 0) || WSAGetLastError() == ERROR_IO_PENDING, "DisconnectEx");
    check(ended(client, &operation, &size) && recv(other, text, 4, 0) == 0, "the peer sees the end");
    check(send(client, "x", 1, 0) == -1 && WSAGetLastError() == WSAESHUTDOWN, "nothing is sent behind it");
    closesocket(client);
    closesocket(other);
    client = socket(AF_INET, SOCK_STREAM, 0);
    check(!disconnects(client, NULL, 0, 0) && WSAGetLastError() == WSAENOTCONN, "who is not connected is not disconnected");
    closesocket(client);
}

int main(void)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    functions();
    accepting();
    files();
    telling();
    datagrams();
    leaving();
    return 0;
}
