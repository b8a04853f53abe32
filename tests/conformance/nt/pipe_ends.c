/* The two ends of a named pipe: quotas and writes that wait, ends that part, what is signalled, alerts, names. */
#include <string.h>

#include "check.h"
#include "native.h"

#define NAME "\\\\.\\pipe\\lichen-ends"
#define BROKEN 0xC000014Bu
#define CANCELLED 0xC0000120u
#define LISTEN 0x110008
#define NOTIFICATION 41

static OVERLAPPED reading, writing;
static char data[8192];
static DWORD size;

static HANDLE server_of(DWORD mode, DWORD quota)
{
    return CreateNamedPipeA(NAME, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, mode, 3, quota, quota, 0, NULL);
}

static HANDLE client_of(void)
{
    return CreateFileA(NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
}

static int pends(BOOL done)
{
    return !done && GetLastError() == ERROR_IO_PENDING;
}

static int is_signalled(HANDLE object)
{
    return WaitForSingleObject(object, 0) == WAIT_OBJECT_0;
}

/* How an operation that went on has ended: its status, ~0 while it has not. */
static DWORD end_of(OVERLAPPED *operation)
{
    return is_signalled(operation->hEvent) ? (DWORD)operation->Internal : ~0u;
}

static void quotas(void)
{
    HANDLE server = server_of(PIPE_TYPE_BYTE, 100), client = client_of();

    check(WriteFile(server, data, 60, &size, &writing) && size == 60, "a write that the quota holds ends at once");
    check(pends(WriteFile(server, data, 60, &size, &writing)), "one that it does not hold goes on");
    check(end_of(&writing) == ~0u, "while nobody reads");
    check(ReadFile(client, data, 10, &size, &reading) && size == 10, "a part is read");
    check(end_of(&writing) == ~0u, "which is not enough");
    check(ReadFile(client, data, 10, &size, &reading), "one more part is read");
    check(end_of(&writing) == 0 && writing.InternalHigh == 60, "then the write ends, of all its bytes");
    check(ReadFile(client, data, 500, &size, &reading) && size == 100, "all bytes are there to be read");
    check(pends(WriteFile(server, data, 200, &size, &writing)), "a write larger than the quota goes on");
    check(PeekNamedPipe(client, NULL, 0, NULL, &size, NULL) && size == 200, "but can be read whole");
    check(CancelIoEx(server, &writing) && end_of(&writing) == CANCELLED, "until it is cancelled");
    check(PeekNamedPipe(client, NULL, 0, NULL, &size, NULL) && size == 0, "which takes it back");
    check(pends(ReadFile(client, data, 8192, &size, &reading)), "a read waits");
    check(WriteFile(server, data, 4000, &size, &writing) && size == 4000, "to it more is written than the quota at once");
    check(end_of(&reading) == 0 && reading.InternalHigh == 4000, "and it ends at that moment");
    CloseHandle(server);
    CloseHandle(client);
    server = server_of(PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 0), client = client_of();
    check(pends(WriteFile(server, data, 1, &size, &writing)), "without a quota every write goes on");
    check(ReadFile(client, data, 1, &size, &reading) && end_of(&writing) == 0, "until it is read");
    check(WriteFile(server, data, 0, &size, &writing), "but for an empty message");
    check(ReadFile(client, data, 10, &size, &reading) && size == 0, "which can be read");
    CloseHandle(server);
    CloseHandle(client);
}

static void not_waiting(void)
{
    HANDLE server = server_of(PIPE_TYPE_BYTE | PIPE_NOWAIT, 100), client = client_of();

    check(!ReadFile(server, data, 1, &size, &reading) && GetLastError() == ERROR_NO_DATA, "an end that waits not reads nothing");
    check(WriteFile(server, data, 101, &size, &writing) && size == 0, "and writes nothing without room");
    check(WriteFile(server, data, 100, &size, &writing) && size == 100, "but all with room");
    check(ReadFile(client, data, 200, &size, &reading) && size == 100, "which is read");
    check(pends(ReadFile(client, data, 1, &size, &reading)), "a read of one byte waits");
    check(WriteFile(server, data, 102, &size, &writing) && size == 1, "and gets that alone of what has no room");
    CloseHandle(server);
    CloseHandle(client);
}

static void parting(void)
{
    HANDLE server = server_of(PIPE_TYPE_BYTE, 100), client = client_of();

    check(pends(ReadFile(client, data, 1, &size, &reading)), "a read waits for the server");
    CloseHandle(server);
    check(end_of(&reading) == BROKEN, "until that goes");
    check(!WriteFile(client, data, 1, &size, &writing) && GetLastError() == ERROR_NO_DATA, "it reads no more");
    CloseHandle(client);

    server = server_of(PIPE_TYPE_BYTE, 100), client = client_of();
    WriteFile(server, data, 10, &size, &writing);
    check(pends(WriteFile(server, data, 100, &size, &writing)), "a write waits for the client");
    CloseHandle(client);
    check(end_of(&writing) == BROKEN, "until that goes too");
    check(!ConnectNamedPipe(server, &reading) && GetLastError() == ERROR_NO_DATA, "the server has to let go of it first");
    check(DisconnectNamedPipe(server), "as it does");
    check(!WriteFile(server, data, 1, &size, &writing) && GetLastError() == ERROR_PIPE_NOT_CONNECTED, "it has no client then");
    CloseHandle(server);

    server = server_of(PIPE_TYPE_BYTE, 100), client = client_of();
    WriteFile(server, data, 10, &size, &writing);
    check(pends(ReadFile(server, data, 1, &size, &reading)), "a read waits for the client");
    check(DisconnectNamedPipe(server), "the client is thrown out");
    check((DWORD)reading.Internal == 0xC00000B0u, "which ends the read");
    check(!ReadFile(client, data, 1, &size, &writing) && GetLastError() == ERROR_PIPE_NOT_CONNECTED, "and what was written is lost");
    check(!PeekNamedPipe(client, NULL, 0, NULL, &size, NULL) && GetLastError() == ERROR_PIPE_NOT_CONNECTED, "as a look tells");
    check(!PeekNamedPipe(server, NULL, 0, NULL, &size, NULL) && GetLastError() == ERROR_BAD_PIPE, "another one the server");
    check(pends(ConnectNamedPipe(server, &reading)), "the server waits for the next");
    CloseHandle(client);
    client = client_of();
    check(end_of(&reading) == 0, "who comes");
    CloseHandle(server);
    CloseHandle(client);
}

static void signalling(void)
{
    HANDLE server = server_of(PIPE_TYPE_BYTE, 100), client = client_of(), port;
    IO_STATUS_BLOCK status = {{0}, 0};
    ULONG modes = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS;
    ULONG_PTR key = 0;
    OVERLAPPED *which = NULL;

    check(is_signalled(client), "an end is signalled");
    status.Status = 0x55;
    check(native(NtReadFile)(client, NULL, NULL, NULL, &status, data, 1, NULL, NULL) == STATUS_PENDING, "a read goes on");
    check(status.Status == 0x55, "which its status block does not tell");
    check(!is_signalled(client), "but the end is not signalled");
    WriteFile(server, data, 1, &size, &writing);
    check(status.Status == 0 && is_signalled(client), "until it ends");
    check(pends(ReadFile(client, data, 1, &size, &reading)), "a read with an event goes on");
    WriteFile(server, data, 1, &size, &writing);
    check(end_of(&reading) == 0 && !is_signalled(client), "then the event is signalled alone");
    port = CreateIoCompletionPort(client, NULL, 7, 0);
    WriteFile(client, data, 1, &size, &writing);
    check(GetQueuedCompletionStatus(port, &size, &key, &which, 0) && key == 7 && which == &writing, "a port hears of a write");
    native(NtSetInformationFile)(client, &status, &modes, sizeof modes, NOTIFICATION);
    WriteFile(client, data, 1, &size, &writing);
    check(!GetQueuedCompletionStatus(port, &size, &key, &which, 0) && !which, "but not of one that ended at once, if so wished");
    ReadFile(client, data, 1, &size, &reading);
    WriteFile(server, data, 1, &size, &writing);
    check(GetQueuedCompletionStatus(port, &size, &key, &which, 0) && which == &reading, "of one that went on it does");
    CloseHandle(server);
    CloseHandle(client);
    CloseHandle(port);
}

static int alerts;

static void CALLBACK alert(ULONG_PTR argument)
{
    alerts += (int)argument;
}

static DWORD WINAPI alert_later(void *thread)
{
    Sleep(50);
    QueueUserAPC(alert, thread, 1);
    return 0;
}

static void alertable(void)
{
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    LARGE_INTEGER timeout = {.QuadPart = -10000};
    IO_STATUS_BLOCK status;
    HANDLE pipe, thread;

    native(RtlInitUnicodeString)(&name, L"\\??\\pipe\\lichen-alert");
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    check(native(NtCreateNamedPipeFile)(&pipe, GENERIC_READ | SYNCHRONIZE, &attributes, &status, 3, FILE_CREATE,
                                        FILE_SYNCHRONOUS_IO_ALERT, 0, 0, 0, 1, 100, 100, &timeout) == 0,
          "a pipe whose waits are alertable is made");
    QueueUserAPC(alert, GetCurrentThread(), 1);
    status.Status = 0x55;
    native(NtFsControlFile)(pipe, NULL, NULL, NULL, &status, LISTEN, NULL, 0, NULL, 0);
    check(alerts == 1 && status.Status == 0x55, "an APC that is queued keeps it from waiting");
    DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &thread, 0, FALSE, DUPLICATE_SAME_ACCESS);
    CloseHandle(CreateThread(NULL, 0, alert_later, thread, 0, NULL));
    native(NtFsControlFile)(pipe, NULL, NULL, NULL, &status, LISTEN, NULL, 0, NULL, 0);
    SleepEx(0, TRUE);
    check(alerts == 2, "one that comes ends the wait");
    CloseHandle(pipe);
}

static void names(void)
{
    HANDLE server = CreateNamedPipeA(NAME "\\", PIPE_ACCESS_DUPLEX, 0, 1, 0, 0, 0, NULL), client;
    ULONG process = 0;

    client = client_of();
    check(client == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_NOT_FOUND, "a backslash at the end belongs to the name");
    client = CreateFileA(NAME "\\", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(client != INVALID_HANDLE_VALUE, "by which the pipe is found");
    check(GetNamedPipeClientProcessId(server, &process) && process == GetCurrentProcessId(), "the client's process is known");
    CloseHandle(client);
    process = 0;
    check(GetNamedPipeClientProcessId(server, &process) && process == GetCurrentProcessId(), "even when it has gone");
    CloseHandle(server);
}

int main(void)
{
    reading.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    writing.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    quotas();
    not_waiting();
    parting();
    signalling();
    alertable();
    names();
    return 0;
}
