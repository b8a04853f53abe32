/* Whatever is asked of a thread, it is afterwards in the state that it was in: every operation upon every state. */
#include "check.h"
#include <winternl.h>

/* Each state is a worker's endless loop. A round ends with a result that the worker itself can judge. */
static volatile LONG rounds, wrong, stop, ready, called;
static volatile unsigned first_wrong;
static HANDLE event, never, pipe_in, pipe_out;
static NTSTATUS(WINAPI *wait_one)(HANDLE, BOOLEAN, LARGE_INTEGER *);
static NTSTATUS(WINAPI *delay)(BOOLEAN, LARGE_INTEGER *);
static NTSTATUS(WINAPI *clear)(HANDLE, LONG *);

static void judge(unsigned status, unsigned expected, unsigned also)
{
    if (status != expected && status != also) {
        if (!wrong)
            first_wrong = status;
        InterlockedIncrement(&wrong);
    }
    InterlockedIncrement(&rounds);
}

static void compute(void)
{
    /* every general register has a value that only the thread itself may change */
    unsigned long long sum = 0;

    for (int i = 0; i < 2000; i++)
        sum = sum * 6364136223846793005ull + i;
    judge((unsigned)sum, 0xe9c9f898u, 0xe9c9f898u);
}

static void wait_with_end(void)
{
    LARGE_INTEGER end;

    end.QuadPart = -10000;
    judge(wait_one(event, FALSE, &end), 0, STATUS_TIMEOUT);
}

static void wait_alertably(void)
{
    LARGE_INTEGER end;

    end.QuadPart = -10000;
    judge(wait_one(never, TRUE, &end), STATUS_TIMEOUT, STATUS_USER_APC);
}

static void sleep_a_little(void)
{
    LARGE_INTEGER end;

    end.QuadPart = -10000;
    judge(delay(FALSE, &end), 0, 0);
}

static void call_quickly(void)
{
    judge(clear((HANDLE)0x12344, NULL), STATUS_INVALID_HANDLE, STATUS_INVALID_HANDLE);
}

static void read_a_pipe(void)
{
    char byte;
    DWORD got = 0;

    judge(ReadFile(pipe_in, &byte, 1, &got, NULL) ? got : GetLastError(), 1, 1);
}

static void change_memory(void)
{
    DWORD before;
    char *place = VirtualAlloc(NULL, 0x3000, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    unsigned fine = place != NULL;

    if (fine) {
        place[0x1000] = 1;
        fine = VirtualProtect(place, 0x1000, PAGE_READONLY, &before) && VirtualFree(place, 0, MEM_RELEASE);
    }
    judge(fine, 1, 1);
}

static void raise_and_catch(void)
{
    ULONG_PTR seen = 0;



    RaiseException(0xE0000001, 0, 1, &seen);
    judge(1, 1, 1);
}

static LONG CALLBACK go_on(EXCEPTION_POINTERS *pointers)
{
    return pointers->ExceptionRecord->ExceptionCode == 0xE0000001 ? EXCEPTION_CONTINUE_EXECUTION
                                                                 : EXCEPTION_CONTINUE_SEARCH;
}

static DWORD WINAPI nothing(void *argument)
{
    (void)argument;
    return 7;
}

static void make_a_thread(void)
{
    DWORD code = 0;
    HANDLE made = CreateThread(NULL, 0, nothing, NULL, 0, NULL);

    WaitForSingleObject(made, INFINITE);
    GetExitCodeThread(made, &code);
    CloseHandle(made);
    judge(code, 7, 7);
}

static void suspend_itself(void)
{
    judge(SuspendThread(GetCurrentThread()) < 3, 1, 1);
}

static const struct {
    const char *name;
    void (*round)(void);
} states[] = {
    {"computes", compute},
    {"waits", wait_with_end},
    {"waits alertably", wait_alertably},
    {"sleeps", sleep_a_little},
    {"calls", call_quickly},
    {"reads a pipe", read_a_pipe},
    {"changes memory", change_memory},
    {"raises exceptions", raise_and_catch},
    {"makes threads", make_a_thread},
    {"suspends itself", suspend_itself},
};

static DWORD WINAPI work(void *round)
{
    ready = 1;
    while (!stop)
        ((void (*)(void))round)();
    return 3;
}

static DWORD WINAPI feed(void *argument)
{
    DWORD put;

    while (!stop) {
        SetEvent(event);
        if (argument)
            WriteFile(pipe_out, "x", 1, &put, NULL);
        else
            Sleep(0);
    }
    return 0;
}

static void CALLBACK call(ULONG_PTR argument)
{
    InterlockedIncrement(&called);
    (void)argument;
}

/* ---- operations: each leaves the thread as it was */

static CONTEXT context __attribute__((aligned(16)));
static unsigned refused;

static void get(HANDLE thread)
{
    context.ContextFlags = CONTEXT_FULL;
    refused += !GetThreadContext(thread, &context) || !context.Rip || !context.Rsp;
}

static void suspend(HANDLE thread)
{
    refused += SuspendThread(thread) == (DWORD)-1;
    ResumeThread(thread);
}

static void suspend_twice(HANDLE thread)
{
    refused += SuspendThread(thread) == (DWORD)-1;
    refused += SuspendThread(thread) == 0;
    refused += ResumeThread(thread) < 2;
    ResumeThread(thread);
}

static void suspend_and_get(HANDLE thread)
{
    refused += SuspendThread(thread) == (DWORD)-1;
    get(thread);
    ResumeThread(thread);
}

static void suspend_and_set(HANDLE thread)
{
    refused += SuspendThread(thread) == (DWORD)-1;
    get(thread);
    refused += !SetThreadContext(thread, &context);
    get(thread);
    ResumeThread(thread);
}

static void suspend_and_stay(HANDLE thread)
{
    CONTEXT again __attribute__((aligned(16)));

    refused += SuspendThread(thread) == (DWORD)-1;
    get(thread);
    Sleep(0);
    again.ContextFlags = CONTEXT_FULL;
    refused += !GetThreadContext(thread, &again) || again.Rip != context.Rip || again.Rsp != context.Rsp;
    ResumeThread(thread);
}

static void queue(HANDLE thread)
{
    refused += !QueueUserAPC(call, thread, 0);
}

static void suspend_and_queue(HANDLE thread)
{
    refused += SuspendThread(thread) == (DWORD)-1;
    queue(thread);
    get(thread);
    ResumeThread(thread);
}

static const struct {
    const char *name;
    void (*operation)(HANDLE);
    int apcs;
} operations[] = {
    {"looked at", get, 0},
    {"suspended", suspend, 0},
    {"suspended twice", suspend_twice, 0},
    {"suspended and looked at", suspend_and_get, 0},
    {"suspended and set", suspend_and_set, 0},
    {"kept suspended", suspend_and_stay, 0},
    {"called", queue, 1},
    {"suspended and called", suspend_and_queue, 1},
};

static void every_operation(int state)
{
    char fact[160];
    int itself = states[state].round == suspend_itself;
    LONG before, worked;
    HANDLE thread, feeder;

    stop = ready = wrong = rounds = called = 0;
    refused = 0;
    thread = CreateThread(NULL, 0, work, (void *)states[state].round, 0, NULL);
    feeder = CreateThread(NULL, 0, feed, (void *)(INT_PTR)(states[state].round == read_a_pipe), 0, NULL);
    while (!ready)
        Sleep(0);
    for (unsigned each = 0; each < sizeof operations / sizeof *operations; each++) {
        if (operations[each].apcs && states[state].round != wait_alertably)
            continue;
        wrong = refused = 0;
        worked = rounds;
        for (int times = 0; times < 60 || (rounds == worked && times < 100000); times++) {
            operations[each].operation(thread);
            if (itself)
                while (ResumeThread(thread) == 0 && !stop)
                    Sleep(0);
        }
        before = rounds;
        for (int times = 0; rounds <= before + 1 && times < 5000; times++) {
            if (itself)
                ResumeThread(thread);
            Sleep(1);
        }
        snprintf(fact, sizeof fact, "a thread that %s, %s, goes on as it was", states[state].name, operations[each].name);
        check(rounds > before + 1 && !wrong && !refused, fact);
        if (wrong || refused) {
            printf("FAILED wrong %ld, first %08x, refused %u\n", wrong, first_wrong, refused);
            fflush(stdout);
        }
    }
    stop = 1;
    while (WaitForSingleObject(thread, 1) == WAIT_TIMEOUT) {
        DWORD put;

        if (itself)
            ResumeThread(thread);
        if (states[state].round == read_a_pipe)
            WriteFile(pipe_out, "x", 1, &put, NULL);
    }
    WaitForSingleObject(feeder, INFINITE);
    if (states[state].round == wait_alertably)
        check(called > 0, "calls to it were run");
    CloseHandle(thread);
    CloseHandle(feeder);
}

/* A thread can be ended in every state that holds no lock of the DLLs. */
static void ended(int state, int suspended)
{
    char fact[160];
    DWORD code = 0;
    HANDLE thread;

    stop = ready = wrong = 0;
    thread = CreateThread(NULL, 0, work, (void *)states[state].round, 0, NULL);
    while (!ready)
        Sleep(0);
    Sleep(2);
    if (suspended)
        SuspendThread(thread);
    check(TerminateThread(thread, 77) && WaitForSingleObject(thread, 5000) == 0 &&
              GetExitCodeThread(thread, &code) && code == 77 && !wrong,
          (snprintf(fact, sizeof fact, "a thread that %s%s is ended", states[state].name,
                    suspended ? ", suspended," : ""),
           fact));
    CloseHandle(thread);
}

static void set_its_own(void)
{
    static const DWORD parts[] = {CONTEXT_FLOATING_POINT, CONTEXT_SEGMENTS, CONTEXT_AMD64};
    NTSTATUS(WINAPI * set)(HANDLE, CONTEXT *) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtSetContextThread");
    int fine = 1;

    for (unsigned each = 0; each < 3; each++) {
        context.ContextFlags = CONTEXT_FULL | CONTEXT_SEGMENTS;
        fine &= GetThreadContext(GetCurrentThread(), &context);
        context.ContextFlags = parts[each];
        fine &= set(GetCurrentThread(), &context) == 0;
    }
    check(fine, "a thread that sets other parts of its own context is told of success");
}

static volatile LONG made;

static void CALLBACK make(ULONG_PTR argument)
{
    made += (LONG)argument;
}

/* How many calls are made that wait when a thread goes on by a CONTEXT. */
static LONG continued(const void *argument)
{
    NTSTATUS(NTAPI * go_on_by)(CONTEXT *, const void *) = (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtContinueEx");
    static volatile LONG times;
    CONTEXT context;

    made = times = 0;
    QueueUserAPC(make, GetCurrentThread(), 1);
    RtlCaptureContext(&context);
    if (!times++)
        go_on_by(&context, argument);
    return times == 2 ? made : -1;
}

static void continuing(void)
{
    const struct
    {
        ULONG type, flags;
        ULONGLONG reserved[2];
    } plainly = {0}, alertably = {.flags = 1};
    NTSTATUS(NTAPI * queue)(HANDLE, HANDLE, void *, ULONG_PTR, ULONG_PTR, ULONG_PTR) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQueueApcThreadEx");

    if (!queue)
        return; /* as with the files of Wine 8 */
    check(continued(NULL) == 0 && continued(&plainly) == 0, "a thread goes on without the calls that wait");
    SleepEx(0, TRUE);
    check(continued((void *)1) == 1, "or makes them first");
    check(continued(&alertably) == 1, "as a record may say as well");
    check(queue(GetCurrentThread(), NULL, NULL, 0, 0, 0) == 0 && queue(GetCurrentThread(), NULL, make, 5, 0, 0) == 0, "a call without a reserve");
    made = 0;
    check(SleepEx(0, TRUE) == WAIT_IO_COMPLETION && made == 5, "is made as any other");
    check(queue(GetCurrentThread(), event, make, 5, 0, 0) == (NTSTATUS)0xC0000024, "an event is no reserve");
    check(queue(GetCurrentThread(), (HANDLE)0x12340, make, 5, 0, 0) == (NTSTATUS)0xC0000008, "nor is no handle");
}

int main(void)
{
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");

    wait_one = (void *)GetProcAddress(ntdll, "NtWaitForSingleObject");
    delay = (void *)GetProcAddress(ntdll, "NtDelayExecution");
    clear = (void *)GetProcAddress(ntdll, "NtResetEvent");
    event = CreateEventA(NULL, FALSE, FALSE, NULL);
    never = CreateEventA(NULL, TRUE, FALSE, NULL);
    CreatePipe(&pipe_in, &pipe_out, NULL, 0);
    AddVectoredExceptionHandler(1, go_on);
    for (unsigned state = 0; state < sizeof states / sizeof *states; state++)
        every_operation(state);
    for (unsigned state = 0; state < sizeof states / sizeof *states; state++)
        for (int suspended = 0; suspended < 2; suspended++)
            if (states[state].round != change_memory && states[state].round != raise_and_catch &&
                states[state].round != make_a_thread)
                ended(state, suspended);
    set_its_own();
    continuing();
    return 0;
}
