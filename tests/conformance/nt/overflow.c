/* Stacks: how large they are, what their guard is, and what becomes of a thread that overflows its own. */
#include "check.h"
#include <malloc.h>

static volatile int never;
static volatile DWORD codes[4], count, used;
static CONTEXT back __attribute__((aligned(16)));
static volatile int returned;
static volatile char *guard;

static int down(int depth)
{
    volatile char room[3000];

    room[0] = (char)depth;
    return never ? depth : down(depth + 1) + room[0];
}

static int down_in_large_steps(int depth)
{
    volatile char room[100000];

    room[0] = (char)depth;
    return never ? depth : down_in_large_steps(depth + 1) + room[0];
}

/* Uses `size` bytes of stack. */
static int use(int size)
{
    volatile char *room = _alloca(size);
    int sum = 0;

    for (int at = size - 1; at >= 0; at -= 1000)
        sum += room[at] = (char)at;
    return sum;
}

static LONG CALLBACK seen(EXCEPTION_POINTERS *pointers)
{
    if (count < 4)
        codes[count] = pointers->ExceptionRecord->ExceptionCode;
    count++;
    if (pointers->ExceptionRecord->ExceptionCode == (DWORD)EXCEPTION_GUARD_PAGE)
        return EXCEPTION_CONTINUE_EXECUTION;
    if (pointers->ExceptionRecord->ExceptionCode != (DWORD)EXCEPTION_STACK_OVERFLOW)
        return EXCEPTION_CONTINUE_SEARCH;
    if (used)
        use(used);
    returned = 1;
    *pointers->ContextRecord = back;
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* Overflows the stack and comes back; whether the exception was seen once. */
static int overflow(int (*how)(int))
{
    count = returned = 0;
    codes[0] = 0;
    RtlCaptureContext(&back);
    if (!returned)
        how(0);
    return count == 1 && codes[0] == (DWORD)EXCEPTION_STACK_OVERFLOW;
}

static DWORD WINAPI overflow_twice(void *how)
{
    ULONG keep = 40000;
    int first, reset, second;

    SetThreadStackGuarantee(&keep);
    first = overflow(how);
    reset = _resetstkoflw();
    used = 30000;
    second = overflow(how);
    used = 0;
    return first + 2 * (reset != 0) + 4 * second;
}

static DWORD WINAPI use_much(void *size)
{
    use((int)(INT_PTR)size);
    return 9;
}

static DWORD WINAPI rest(void *event)
{
    ULONG_PTR low, high;

    GetCurrentThreadStackLimits(&low, &high);
    guard = (char *)((void **)NtCurrentTeb())[2] - 1;
    SetEvent(event);
    Sleep(200);
    return 0;
}

static DWORD run(LPTHREAD_START_ROUTINE routine, void *argument, SIZE_T size)
{
    DWORD code = 0;
    HANDLE thread = CreateThread(NULL, size, routine, argument, 0, NULL);

    WaitForSingleObject(thread, 20000);
    GetExitCodeThread(thread, &code);
    CloseHandle(thread);
    return code;
}

static DWORD child(const char *program, const char *argument)
{
    char line[600];
    STARTUPINFOA start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION made;
    DWORD code = 0;

    snprintf(line, sizeof line, "\"%s\" %s", program, argument);
    if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &made))
        return 1;
    WaitForSingleObject(made.hProcess, 20000);
    GetExitCodeProcess(made.hProcess, &code);
    return code;
}

int main(int argc, char **argv)
{
    MEMORY_BASIC_INFORMATION information;
    ULONG_PTR low = 0, high = 0;
    HANDLE event, thread;
    ULONG keep = 0;
    int here;

    if (argc > 1)
        return argv[1][0] == 't' ? (int)run((void *)down, NULL, 0) : down(0);
    GetCurrentThreadStackLimits(&low, &high);
    check(low < (ULONG_PTR)&here && (ULONG_PTR)&here < high && high - low >= 0x100000, "the bounds of a stack");
    check(VirtualQuery((void *)&here, &information, sizeof information) &&
              (ULONG_PTR)information.AllocationBase == low && information.Protect == PAGE_READWRITE,
          "it is one allocation");
    check(SetThreadStackGuarantee(&keep), "what handlers may use can be asked for");
    check(VirtualQuery((char *)((void **)NtCurrentTeb())[2] - 1, &information, sizeof information) &&
              information.Protect == (PAGE_READWRITE | PAGE_GUARD) && (ULONG_PTR)information.AllocationBase == low,
          "below the stack's limit there is a guard page");
    AddVectoredExceptionHandler(1, seen);
    check(run(overflow_twice, (void *)down, 0) == 7, "a thread overflows its stack twice, and goes on");
    check(run(overflow_twice, (void *)down_in_large_steps, 0) == 7, "with large frames, too");
    check(run(overflow_twice, (void *)down, 0x400000) == 7, "so does one with a larger stack");
    check(overflow_twice((void *)down) == 7, "so does the first thread");
    check(run(use_much, (void *)0xf0000, 0) == 9, "a stack can be used as far as it goes");
    check(run(use_much, (void *)0x700000, 0x800000) == 9, "the size of a new thread's stack is what was asked for");
    event = CreateEventA(NULL, TRUE, FALSE, NULL);
    thread = CreateThread(NULL, 0, rest, event, 0, NULL);
    WaitForSingleObject(event, 5000);
    count = 0;
    here = *guard;
    check(count == 1 && codes[0] == (DWORD)EXCEPTION_GUARD_PAGE,
          "the guard of another thread is no end of the own stack");
    WaitForSingleObject(thread, 5000);
    check(child(argv[0], "x") == (DWORD)EXCEPTION_STACK_OVERFLOW, "a process ends with the code of an overflow");
    check(child(argv[0], "t") == (DWORD)EXCEPTION_STACK_OVERFLOW, "in whichever thread it was");
    return 0;
}
