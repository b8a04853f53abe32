/* Threads: their own variables, calls to them, suspending them and looking into them. */
#include "check.h"

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
    return 0;
}
