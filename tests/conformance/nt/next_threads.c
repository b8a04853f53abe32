/* Going through the threads of a process with NtGetNextThread. */
#include <winternl.h>

#include "check.h"

static NTSTATUS (NTAPI *NtGetNextThread)(HANDLE process, HANDLE previous, ACCESS_MASK access, ULONG attributes,
                                         ULONG flags, HANDLE *thread);

#define NO_MORE ((NTSTATUS)0x8000001A)
#define ASKED THREAD_QUERY_LIMITED_INFORMATION

static DWORD WINAPI wait_for(void *event)
{
    return WaitForSingleObject(event, 5000);
}

/* How many threads a walk meets, in either direction, and whether one of them has the id. */
static int walk(ULONG flags, DWORD id, int *met)
{
    HANDLE thread = NULL, next;
    int count = 0;

    *met = 0;
    while (NtGetNextThread(GetCurrentProcess(), thread, ASKED, 0, flags, &next) == 0) {
        if (thread)
            CloseHandle(thread);
        thread = next;
        count++;
        *met += GetThreadId(thread) == id;
    }
    CloseHandle(thread);
    return count;
}

int main(void)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL), threads[3], first, none;
    DWORD ids[3], flags = 1;
    int met, others;

    NtGetNextThread = (void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtGetNextThread");
    others = walk(0, GetCurrentThreadId(), &met);
    check(others >= 1 && met == 1, "a walk meets the thread that makes it, once");
    for (int index = 0; index < 3; index++)
        threads[index] = CreateThread(NULL, 0, wait_for, event, 0, &ids[index]);
    check(walk(0, ids[1], &met) == others + 3 && met == 1, "and threads that were made since");
    check(walk(1, ids[1], &met) == others + 3 && met == 1, "a walk backwards meets as many");
    check(NtGetNextThread(GetCurrentProcess(), NULL, ASKED, OBJ_INHERIT, 0, &first) == 0 &&
              GetHandleInformation(first, &flags) && flags == HANDLE_FLAG_INHERIT,
          "the handle has the attributes that were asked for");
    check(TerminateThread(first, 0) == 0 && GetLastError() == ERROR_ACCESS_DENIED, "and no more rights");
    check(NtGetNextThread(GetCurrentProcess(), NULL, ASKED, 0, 2, &none) == (NTSTATUS)STATUS_INVALID_PARAMETER,
          "other flags are refused");
    check(NtGetNextThread(GetCurrentProcess(), event, ASKED, 0, 0, &none) == (NTSTATUS)0xC0000024,
          "an event is no thread to begin behind");
    check(NtGetNextThread((HANDLE)0xDEAC, NULL, ASKED, 0, 0, &none) == (NTSTATUS)STATUS_INVALID_HANDLE,
          "nor is a number a process");
    SetEvent(event);
    WaitForMultipleObjects(3, threads, TRUE, 5000);
    check(NtGetNextThread(GetCurrentProcess(), threads[2], ASKED, 0, 0, &none) == NO_MORE && none == NULL,
          "nothing is behind the last");
    CloseHandle(first);
    for (int index = 0; index < 3; index++)
        CloseHandle(threads[index]);
    check(walk(0, ids[1], &met) == others && met == 0, "threads that have gone are not met");
    return 0;
}
