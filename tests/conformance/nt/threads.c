/* Threads: their own variables, calls to them, suspending them and looking into them. */
#include "check.h"
#include "native.h"

static __thread int own = 3;
static volatile LONG counter, seen_by_thread;
static DWORD slot;

static DWORD WINAPI look(void *argument)
{
    seen_by_thread = own == 3 && TlsGetValue(slot) == NULL;
    own = 9;
    TlsSetValue(slot, argument);
    return own + (TlsGetValue(slot) == argument);
}

static DWORD WINAPI count(void *stop)
{
    while (!*(volatile int *)stop)
        InterlockedIncrement(&counter);
    return 0;
}

static void CALLBACK call(ULONG_PTR argument)
{
    counter = (LONG)argument;
}

static DWORD WINAPI sleep_alertably(void *argument)
{
    (void)argument;
    return SleepEx(5000, TRUE);
}

static void describe(void)
{
    HMODULE library = GetModuleHandleA("kernelbase.dll");
    HRESULT(WINAPI * set)(HANDLE, PCWSTR) = (void *)GetProcAddress(library, "SetThreadDescription");
    HRESULT(WINAPI * get)(HANDLE, PWSTR *) = (void *)GetProcAddress(library, "GetThreadDescription");
    NTSTATUS(WINAPI * change)(HANDLE, ULONG, void *, ULONG) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtSetInformationThread");
    PWSTR text = NULL;
    int number = 0;

    check(SUCCEEDED(get(GetCurrentThread(), &text)) && text && !text[0], "a thread has no description");
    check(SUCCEEDED(set(GetCurrentThread(), L"worker")), "until it is given one");
    check(SUCCEEDED(get(GetCurrentThread(), &text)) && text && !lstrcmpW(text, L"worker"), "which is told");
    check((unsigned)change(GetCurrentThread(), 38, &number, 4) == 0xC0000004, "but no part of one");
    LocalFree(text);
}

static DWORD WINAPI tell_place(void *argument)
{
    *(SIZE_T *)argument = (SIZE_T)&argument;
    return 0;
}

/* Where the stack of a thread is that was made with a number or mask of zero bits; the status when there was none. */
static NTSTATUS place(SIZE_T zero_bits, SIZE_T *found)
{
    const SIZE_T commit = 0x1000, reserve = 0x100000;
    HANDLE thread;
    NTSTATUS status = native(NtCreateThreadEx)(&thread, THREAD_ALL_ACCESS, NULL, GetCurrentProcess(), tell_place, found, 0,
                                               zero_bits, commit, reserve, NULL);

    if (status)
        return status;
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    return 0;
}

static void stacks(void)
{
    SIZE_T found = 0;

    check(place(1, &found) == 0 && found && found < 0x80000000, "a stack is below 2 GB when one bit is to be zero");
    check(place(4, &found) == 0 && found < 0x10000000, "four bits");
    check(place(0x3fffffff, &found) == 0 && found < 0x40000000, "a mask of bits");
    check(place(0, &found) == 0, "none");
    check(place(21, &found) == (NTSTATUS)0xC0000017, "there is no room below 2 KB");
    check(place(22, &found) == (NTSTATUS)0xC00000F1, "so many bits are no number");
    check(place(31, &found) == (NTSTATUS)0xC00000F1, "up to where masks begin");
}

int main(void)
{
    static CONTEXT context;
    volatile int stop = 0;
    DWORD code = 0;
    HANDLE thread;
    LONG before;

    slot = TlsAlloc();
    TlsSetValue(slot, &code);
    own = 4;
    thread = CreateThread(NULL, 0, look, (void *)&stop, 0, NULL);
    WaitForSingleObject(thread, 5000);
    GetExitCodeThread(thread, &code);
    check(seen_by_thread, "a thread begins with fresh variables of its own");
    check(code == 10, "and changes them");
    check(own == 4 && TlsGetValue(slot) == &code, "but not those of others");
    QueueUserAPC(call, GetCurrentThread(), 42);
    check(SleepEx(0, FALSE) == 0 && counter != 42, "a call waits for an alertable wait");
    check(SleepEx(1000, TRUE) == WAIT_IO_COMPLETION && counter == 42, "which it ends");
    thread = CreateThread(NULL, 0, sleep_alertably, NULL, 0, NULL);
    Sleep(50);
    check(QueueUserAPC(call, thread, 43), "a call to another thread is queued");
    WaitForSingleObject(thread, 5000);
    check(GetExitCodeThread(thread, &code) && code == WAIT_IO_COMPLETION && counter == 43, "and wakes it");
    thread = CreateThread(NULL, 0, count, (void *)&stop, CREATE_SUSPENDED, NULL);
    counter = 0;
    Sleep(20);
    check(counter == 0, "a thread that is made suspended does not run");
    check(ResumeThread(thread) == 1, "resuming tells the count before");
    while (!counter)
        Sleep(1);
    check(SuspendThread(thread) == 0, "so does suspending");
    context.ContextFlags = CONTEXT_FULL;
    check(GetThreadContext(thread, &context) && context.Rip && context.Rsp, "a suspended thread's registers");
    before = counter;
    Sleep(20);
    check(counter == before, "a suspended thread stands still");
    check(SetThreadContext(thread, &context), "its registers may be set");
    stop = 1;
    ResumeThread(thread);
    check(WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0, "it goes on from there");
    describe();
    stacks();
    return 0;
}
