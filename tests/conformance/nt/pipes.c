/* Named pipes: messages, waiting for clients, overlapped operations and cancelling them. */
#include <string.h>

#include "check.h"

#define NAME "\\\\.\\pipe\\lichen-test"

static DWORD WINAPI come(void *argument)
{
    HANDLE client;
    DWORD size;

    (void)argument;
    Sleep(30);
    client = CreateFileA(NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (client == INVALID_HANDLE_VALUE || !WriteFile(client, "first", 5, &size, NULL))
        return 1;
    WriteFile(client, "second", 6, &size, NULL);
    Sleep(30);
    CloseHandle(client);
    return 0;
}

int main(void)
{
    char data[16];
    DWORD size;
    OVERLAPPED overlapped = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    HANDLE server = CreateNamedPipeA(NAME, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                     PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, 4096, 4096, 0, NULL);

    check(server != INVALID_HANDLE_VALUE, "a pipe is made");
    check(CreateNamedPipeA(NAME, PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE, 1, 0, 0, 0, NULL) == INVALID_HANDLE_VALUE &&
              GetLastError() == ERROR_PIPE_BUSY, "no more instances than it may have");
    check(!ConnectNamedPipe(server, &overlapped) && GetLastError() == ERROR_IO_PENDING, "waiting for a client goes on");
    CloseHandle(CreateThread(NULL, 0, come, NULL, 0, NULL));
    check(GetOverlappedResult(server, &overlapped, &size, TRUE), "until one comes");
    check(ReadFile(server, data, 3, &size, &overlapped) || GetLastError() == ERROR_MORE_DATA ||
              GetLastError() == ERROR_IO_PENDING, "a read begins");
    check(!GetOverlappedResult(server, &overlapped, &size, TRUE) && GetLastError() == ERROR_MORE_DATA && size == 3,
          "of a part of a message");
    ReadFile(server, data, 16, &size, &overlapped);
    check(GetOverlappedResult(server, &overlapped, &size, TRUE) && size == 2, "then of its rest");
    ReadFile(server, data, 16, &size, &overlapped);
    check(GetOverlappedResult(server, &overlapped, &size, TRUE) && size == 6, "then of the next");
    check(!ReadFile(server, data, 16, &size, &overlapped) && GetLastError() == ERROR_IO_PENDING, "without one it goes on");
    check(CancelIoEx(server, &overlapped), "until it is cancelled");
    check(!GetOverlappedResult(server, &overlapped, &size, TRUE) && GetLastError() == ERROR_OPERATION_ABORTED,
          "which its end tells");
    Sleep(100);
    check(!ReadFile(server, data, 16, &size, &overlapped) && GetLastError() == ERROR_BROKEN_PIPE, "the client has gone");
    check(DisconnectNamedPipe(server), "the server lets go of it");
    return 0;
}
