/* Cancelling what goes on: of one's own, of one operation, of another thread that waits for it. */
#include <string.h>

#include "check.h"

#define NAME "\\\\.\\pipe\\lichen-cancel"

static HANDLE begun, reader;

static DWORD WINAPI read_it(void *argument)
{
    char data[8];
    DWORD size;

    (void)argument;
    SetEvent(begun);
    return ReadFile(reader, data, 8, &size, NULL) ? 1 : GetLastError();
}

static DWORD WINAPI only_wait(void *argument)
{
    SetEvent(begun);
    return WaitForSingleObject(argument, 5000);
}

static DWORD end_of(HANDLE thread)
{
    DWORD code = 0xDEAD;

    if (WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0)
        GetExitCodeThread(thread, &code);
    CloseHandle(thread);
    return code;
}

/* Tries until the other thread has come to where it waits. */
static int cancel(HANDLE thread)
{
    int tries;

    WaitForSingleObject(begun, 5000);
    for (tries = 0; tries < 200 && !CancelSynchronousIo(thread); tries++)
        Sleep(5);
    return tries < 200;
}

static void synchronous(void)
{
    HANDLE writer, thread, never = CreateEventA(NULL, FALSE, FALSE, NULL);
    DWORD size;
    char data[8];

    CreatePipe(&reader, &writer, NULL, 0);
    thread = CreateThread(NULL, 0, read_it, NULL, 0, NULL);
    check(cancel(thread), "a read that another thread waits for is cancelled");
    check(end_of(thread) == ERROR_OPERATION_ABORTED, "which it learns");
    check(WriteFile(writer, "abc", 3, &size, NULL) && ReadFile(reader, data, 8, &size, NULL) && size == 3, "the pipe goes on as ever");
    thread = CreateThread(NULL, 0, only_wait, never, 0, NULL);
    WaitForSingleObject(begun, 5000);
    Sleep(20);
    check(!CancelSynchronousIo(thread) && GetLastError() == ERROR_NOT_FOUND, "waiting for an object is no operation");
    SetEvent(never);
    check(end_of(thread) == WAIT_OBJECT_0, "and goes on");
    check(!CancelSynchronousIo(GetCurrentThread()) && GetLastError() == ERROR_NOT_FOUND, "who asks waits for nothing");
    check(!CancelSynchronousIo((HANDLE)0x7770) && GetLastError() == ERROR_INVALID_HANDLE, "what is no thread has nothing");
    CloseHandle(writer);
    CloseHandle(reader);
}

static void overlapped(void)
{
    OVERLAPPED first = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)}, second = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    HANDLE server = CreateNamedPipeA(NAME, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1, 0, 0, 0, NULL), client;
    char one[8], two[8];
    DWORD size;

    client = CreateFileA(NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(!ReadFile(server, one, 8, NULL, &first) && GetLastError() == ERROR_IO_PENDING &&
              !ReadFile(server, two, 8, NULL, &second) && GetLastError() == ERROR_IO_PENDING, "two reads go on");
    check(CancelIoEx(server, &second), "the second is cancelled");
    check(!GetOverlappedResult(server, &second, &size, TRUE) && GetLastError() == ERROR_OPERATION_ABORTED && size == 0, "and ends");
    check(!GetOverlappedResult(server, &first, &size, FALSE) && GetLastError() == ERROR_IO_INCOMPLETE, "the first goes on");
    check(!CancelIoEx(server, &second) && GetLastError() == ERROR_NOT_FOUND, "what has ended is not cancelled");
    check(WriteFile(client, "xyz", 3, &size, NULL) && GetOverlappedResult(server, &first, &size, TRUE) && size == 3 &&
              !memcmp(one, "xyz", 3), "the first gets what comes");
    ReadFile(server, one, 8, NULL, &first);
    ReadFile(server, two, 8, NULL, &second);
    check(WriteFile(client, "xyz", 3, &size, NULL) && GetOverlappedResult(server, &first, &size, TRUE) && CancelIoEx(server, &second) &&
              !GetOverlappedResult(server, &second, &size, TRUE) && GetLastError() == ERROR_OPERATION_ABORTED,
          "one that went without is cancelled");
    ReadFile(server, one, 8, NULL, &first);
    ReadFile(server, two, 8, NULL, &second);
    check(CancelIoEx(server, NULL), "all at once");
    check(!GetOverlappedResult(server, &first, &size, TRUE) && !GetOverlappedResult(server, &second, &size, TRUE) &&
              GetLastError() == ERROR_OPERATION_ABORTED, "end both");
    check(CancelIo(server), "having nothing to cancel is no error to CancelIo");
    CloseHandle(client);
    CloseHandle(server);
}

int main(void)
{
    begun = CreateEventA(NULL, FALSE, FALSE, NULL);
    synchronous();
    overlapped();
    return 0;
}
