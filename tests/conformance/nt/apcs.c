/* Calls that are queued to a thread and made when it waits alertably; the completions of ReadFileEx among them. */
#include <string.h>

#include "check.h"

static volatile LONG calls, sum, last_error;
static volatile DWORD transferred;
static HANDLE begun, never;

static void CALLBACK add(ULONG_PTR number)
{
    calls++;
    sum = sum * 10 + (LONG)number;
}

static void CALLBACK add_and_queue(ULONG_PTR number)
{
    add(number);
    QueueUserAPC(add, GetCurrentThread(), number + 1);
}

static void CALLBACK completed(DWORD error, DWORD size, OVERLAPPED *overlapped)
{
    calls++;
    last_error = error;
    transferred = size;
    overlapped->hEvent = (HANDLE)1;
}

static DWORD WINAPI wait_twice(void *argument)
{
    DWORD first, second;

    (void)argument;
    SetEvent(begun);
    first = WaitForSingleObjectEx(never, 5000, TRUE);
    SetEvent(begun);
    second = WaitForSingleObjectEx(never, 100, FALSE);
    return first == WAIT_IO_COMPLETION && second == WAIT_TIMEOUT;
}

static DWORD WINAPI count_to_nothing(void *argument)
{
    (void)argument;
    return calls;
}

static DWORD WINAPI read_blocked(void *pipe)
{
    char data[4];
    DWORD size;

    SetEvent(begun);
    return ReadFile(pipe, data, 4, &size, NULL) && size == 2;
}

static void reset(void)
{
    calls = sum = 0;
}

static void own(void)
{
    HANDLE both[2] = {never, begun};

    QueueUserAPC(add, GetCurrentThread(), 1);
    QueueUserAPC(add, GetCurrentThread(), 2);
    QueueUserAPC(add, GetCurrentThread(), 3);
    Sleep(1);
    check(calls == 0, "what is queued waits for an alertable wait");
    check(SleepEx(0, TRUE) == WAIT_IO_COMPLETION && calls == 3 && sum == 123, "which makes all calls in their order");
    check(SleepEx(0, TRUE) == 0, "and the next one none");
    reset();
    QueueUserAPC(add_and_queue, GetCurrentThread(), 4);
    check(SleepEx(100, TRUE) == WAIT_IO_COMPLETION && sum == 45, "a call that queues another");
    reset();
    QueueUserAPC(add, GetCurrentThread(), 1);
    check(WaitForMultipleObjectsEx(2, both, FALSE, 1000, TRUE) == WAIT_IO_COMPLETION && calls == 1, "waiting for several");
    SetEvent(begun);
    QueueUserAPC(add, GetCurrentThread(), 1);
    check(WaitForSingleObjectEx(begun, 1000, TRUE) == WAIT_OBJECT_0, "what is signalled comes before a call");
    check(WaitForSingleObjectEx(begun, 1000, TRUE) == WAIT_IO_COMPLETION, "which is made in the next wait");
    QueueUserAPC(add, GetCurrentThread(), 1);
    check(SignalObjectAndWait(begun, never, 1000, TRUE) == WAIT_IO_COMPLETION && WaitForSingleObject(begun, 0) == 0,
          "signalling one and waiting for another");
    reset();
}

static void others(void)
{
    HANDLE thread = CreateThread(NULL, 0, wait_twice, NULL, 0, NULL), reader, writer;
    DWORD code, size;

    WaitForSingleObject(begun, 5000);
    Sleep(20);
    check(QueueUserAPC(add, thread, 6), "a call is queued to a thread that waits");
    WaitForSingleObject(begun, 5000);
    check(calls == 1, "it is made");
    QueueUserAPC(add, thread, 7);
    WaitForSingleObject(thread, 5000);
    check(GetExitCodeThread(thread, &code) && code == 1 && calls == 1, "a wait that is not alertable goes on");
    check(!QueueUserAPC(add, thread, 8), "nothing is queued to a thread that has ended");
    CloseHandle(thread);
    reset();
    thread = CreateThread(NULL, 0, count_to_nothing, NULL, CREATE_SUSPENDED, NULL);
    QueueUserAPC(add, thread, 9);
    ResumeThread(thread);
    WaitForSingleObject(thread, 5000);
    check(GetExitCodeThread(thread, &code) && code == 1, "a new thread makes its calls before anything else");
    CreatePipe(&reader, &writer, NULL, 0);
    thread = CreateThread(NULL, 0, read_blocked, reader, 0, NULL);
    WaitForSingleObject(begun, 5000);
    Sleep(20);
    QueueUserAPC(add, thread, 1);
    Sleep(20);
    WriteFile(writer, "ab", 2, &size, NULL);
    WaitForSingleObject(thread, 5000);
    check(GetExitCodeThread(thread, &code) && code == 1, "nor does a call end a read that waits");
    CloseHandle(reader);
    CloseHandle(writer);
}

static void input(void)
{
    char path[MAX_PATH], data[32] = "";
    OVERLAPPED overlapped = {.Offset = 3};
    HANDLE file;

    GetTempPathA(sizeof path - 20, path);
    strcat(path, "lichen-apc.txt");
    reset();
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                       FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    overlapped.Offset = 0;
    check(WriteFileEx(file, "0123456789", 10, &overlapped, completed), "writing with a routine");
    check(calls == 0, "which is not called at once");
    check(SleepEx(5000, TRUE) == WAIT_IO_COMPLETION && calls == 1 && last_error == 0 && transferred == 10,
          "but when the thread waits");
    check(overlapped.hEvent == (HANDLE)1, "with the record of the operation");
    overlapped.Offset = 3;
    overlapped.hEvent = NULL;
    check(ReadFileEx(file, data, 4, &overlapped, completed) && SleepEx(5000, TRUE) == WAIT_IO_COMPLETION &&
              transferred == 4 && !memcmp(data, "3456", 4), "reading the same way");
    overlapped.Offset = 20;
    overlapped.hEvent = NULL;
    reset();
    check(!ReadFileEx(file, data, 4, &overlapped, completed) || SleepEx(5000, TRUE) == WAIT_IO_COMPLETION,
          "behind the end there is an error");
    CloseHandle(file);
    check(!ReadFileEx(file, data, 4, &overlapped, completed) && GetLastError() == ERROR_INVALID_HANDLE,
          "what is no handle is not read");
}

static unsigned queue_null(void)
{
    unsigned(WINAPI * queue)(HANDLE, void *, ULONG_PTR, ULONG_PTR, ULONG_PTR) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQueueApcThread");

    return queue(GetCurrentThread(), NULL, 1, 2, 3);
}

int main(void)
{
    begun = CreateEventA(NULL, FALSE, FALSE, NULL);
    never = CreateEventA(NULL, FALSE, FALSE, NULL);
    own();
    others();
    input();
    check(queue_null() == 0 && SleepEx(0, TRUE) == 0, "a call of nothing ends no wait");
    return 0;
}
