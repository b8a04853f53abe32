/* Completion ports: packets of one's own and those of files and pipes. */
#include <string.h>

#include "check.h"

static HANDLE port;

static DWORD WINAPI take_one(void *argument)
{
    DWORD size;
    ULONG_PTR key;
    OVERLAPPED *overlapped;

    (void)argument;
    return GetQueuedCompletionStatus(port, &size, &key, &overlapped, 5000) ? size : 0;
}

static DWORD WINAPI post_later(void *argument)
{
    (void)argument;
    Sleep(30);
    PostQueuedCompletionStatus(port, 8, 9, NULL);
    return 0;
}

static void packets(void)
{
    OVERLAPPED marker, *overlapped;
    OVERLAPPED_ENTRY entries[4];
    HANDLE threads[2];
    DWORD size, first, second;
    ULONG count;
    ULONG_PTR key;

    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    check(port != NULL, "a port is made");
    overlapped = (void *)1;
    check(!GetQueuedCompletionStatus(port, &size, &key, &overlapped, 0) && GetLastError() == WAIT_TIMEOUT && !overlapped,
          "it is empty");
    check(!GetQueuedCompletionStatus(port, &size, &key, &overlapped, 20) && GetLastError() == WAIT_TIMEOUT, "and stays so");
    check(PostQueuedCompletionStatus(port, 3, 4, &marker) && PostQueuedCompletionStatus(port, 5, 6, NULL), "packets are put in");
    check(GetQueuedCompletionStatus(port, &size, &key, &overlapped, 0) && size == 3 && key == 4 && overlapped == &marker,
          "the first comes first");
    check(GetQueuedCompletionStatus(port, &size, &key, &overlapped, 0) && size == 5 && key == 6 && !overlapped, "then the second");
    CloseHandle(CreateThread(NULL, 0, post_later, NULL, 0, NULL));
    check(GetQueuedCompletionStatus(port, &size, &key, &overlapped, 5000) && size == 8 && key == 9, "one is waited for");
    for (size = 1; size <= 3; size++)
        PostQueuedCompletionStatus(port, size, 0, NULL);
    check(GetQueuedCompletionStatusEx(port, entries, 4, &count, 0, FALSE) && count == 3 &&
              entries[2].dwNumberOfBytesTransferred == 3, "several are taken at once");
    check(!GetQueuedCompletionStatusEx(port, entries, 4, &count, 10, FALSE) && GetLastError() == WAIT_TIMEOUT,
          "of which there are none then");
    threads[0] = CreateThread(NULL, 0, take_one, NULL, 0, NULL);
    threads[1] = CreateThread(NULL, 0, take_one, NULL, 0, NULL);
    Sleep(20);
    PostQueuedCompletionStatus(port, 10, 0, NULL);
    PostQueuedCompletionStatus(port, 20, 0, NULL);
    WaitForMultipleObjects(2, threads, TRUE, 5000);
    check(GetExitCodeThread(threads[0], &first) && GetExitCodeThread(threads[1], &second) && first + second == 30,
          "two threads get one each");
}

static void files(void)
{
    char path[MAX_PATH], data[16];
    OVERLAPPED begin = {0}, far_away = {.Offset = 1000}, silent = {0}, *done;
    HANDLE file, event = CreateEventA(NULL, TRUE, FALSE, NULL);
    DWORD size;
    ULONG_PTR key;

    GetTempPathA(sizeof path - 20, path);
    strcat(path, "lichen-port.txt");
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                       FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    check(CreateIoCompletionPort(file, port, 77, 0) == port, "a file is tied to the port");
    check(!CreateIoCompletionPort(file, port, 78, 0) && GetLastError() == ERROR_INVALID_PARAMETER, "once");
    check(WriteFile(file, "hello", 5, NULL, &begin) || GetLastError() == ERROR_IO_PENDING, "writing");
    check(GetQueuedCompletionStatus(port, &size, &key, &done, 5000) && size == 5 && key == 77 && done == &begin,
          "gives a packet");
    check(ReadFile(file, data, 16, NULL, &begin) || GetLastError() == ERROR_IO_PENDING, "reading");
    check(GetQueuedCompletionStatus(port, &size, &key, &done, 5000) && size == 5 && !memcmp(data, "hello", 5), "gives one too");
    if (ReadFile(file, data, 16, NULL, &far_away) || GetLastError() == ERROR_IO_PENDING)
        check(!GetQueuedCompletionStatus(port, &size, &key, &done, 5000) && GetLastError() == ERROR_HANDLE_EOF && done == &far_away,
              "reading behind the end gives an error");
    else
        check(GetLastError() == ERROR_HANDLE_EOF, "reading behind the end gives an error");
    silent.hEvent = (HANDLE)((ULONG_PTR)event | 1);
    ResetEvent(event);
    check(ReadFile(file, data, 2, NULL, &silent) || GetLastError() == ERROR_IO_PENDING, "an event with its lowest bit set");
    check(WaitForSingleObject(event, 5000) == 0 && !GetQueuedCompletionStatus(port, &size, &key, &done, 30) && !done,
          "keeps the packet away");
    CloseHandle(file);
}

static void pipes(void)
{
    char data[8];
    OVERLAPPED reading = {0}, *done;
    HANDLE server = CreateNamedPipeA("\\\\.\\pipe\\lichen-port", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1, 0, 0, 0, NULL);
    HANDLE client;
    DWORD size;
    ULONG_PTR key;

    check(CreateIoCompletionPort(server, port, 5, 0) == port, "a pipe is tied to the port");
    check(!ConnectNamedPipe(server, &reading) && GetLastError() == ERROR_IO_PENDING, "it waits for a client");
    client = CreateFileA("\\\\.\\pipe\\lichen-port", GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(GetQueuedCompletionStatus(port, &size, &key, &done, 5000) && key == 5 && done == &reading, "who comes");
    check(!ReadFile(server, data, 8, NULL, &reading) && GetLastError() == ERROR_IO_PENDING, "a read waits");
    WriteFile(client, "abc", 3, &size, NULL);
    check(GetQueuedCompletionStatus(port, &size, &key, &done, 5000) && size == 3 && !memcmp(data, "abc", 3), "for what is written");
    check(!ReadFile(server, data, 8, NULL, &reading) && CancelIo(server), "a read is cancelled");
    check(!GetQueuedCompletionStatus(port, &size, &key, &done, 5000) && GetLastError() == ERROR_OPERATION_ABORTED && done == &reading,
          "and says so");
    check(!ReadFile(server, data, 8, NULL, &reading) && CloseHandle(client), "the client goes");
    check(!GetQueuedCompletionStatus(port, &size, &key, &done, 5000) && GetLastError() == ERROR_BROKEN_PIPE && done == &reading,
          "which a read tells as well");
    CloseHandle(server);
}

int main(void)
{
    DWORD size;
    ULONG_PTR key;
    OVERLAPPED *overlapped;

    packets();
    files();
    pipes();
    check(CloseHandle(port) && !PostQueuedCompletionStatus(port, 0, 0, NULL) && GetLastError() == ERROR_INVALID_HANDLE,
          "a closed port takes nothing");
    check(!GetQueuedCompletionStatus(port, &size, &key, &overlapped, 0) && GetLastError() == ERROR_INVALID_HANDLE,
          "and gives nothing");
    return 0;
}
