/* Threads from their first to their last instruction: arguments, exit codes, ids, priorities, suspending, contexts. */
#include "check.h"

static volatile LONG step;
static DWORD local, fiber_local;
static volatile LONG callbacks;

static DWORD WINAPI give_back(void *argument)
{
    return (DWORD)(ULONG_PTR)argument;
}

static DWORD WINAPI exit_early(void *argument)
{
    (void)argument;
    ExitThread(77);
}

static DWORD WINAPI wait_for_ever(void *argument)
{
    (void)argument;
    Sleep(INFINITE);
    return 0;
}

static DWORD WINAPI suspend_itself(void *argument)
{
    step = 1;
    SuspendThread(GetCurrentThread());
    step = 2;
    return *(DWORD *)argument;
}

static VOID WINAPI forget(void *data)
{
    if (data == &step)
        callbacks++;
}

static DWORD WINAPI use_locals(void *argument)
{
    (void)argument;
    if (TlsGetValue(local) || FlsGetValue(fiber_local))
        return 1;
    TlsSetValue(local, &local);
    FlsSetValue(fiber_local, (void *)&step);
    return TlsGetValue(local) == &local && GetLastError() == ERROR_SUCCESS ? 5 : 2;
}

/* Runs until its registers are changed: rbx then leads it on. */
static DWORD WINAPI spin(void *argument)
{
    DWORD result;

    (void)argument;
    __asm__ volatile("xor %%ebx, %%ebx\n\tmovl $1, %1\n1:\tpause\n\ttest %%rbx, %%rbx\n\tjz 1b\n\tmov %%ebx, %0"
                     : "=r"(result), "=m"(step) : : "rbx");
    return result;
}

static DWORD run(LPTHREAD_START_ROUTINE routine, void *argument)
{
    HANDLE thread = CreateThread(NULL, 0, routine, argument, 0, NULL);
    DWORD code = 0;

    if (WaitForSingleObject(thread, 5000) != WAIT_OBJECT_0 || !GetExitCodeThread(thread, &code))
        code = 0xDEAD;
    CloseHandle(thread);
    return code;
}

static void endings(void)
{
    HANDLE thread, again;
    DWORD code, id;

    check(run(give_back, (void *)0x12345678) == 0x12345678, "a thread gets its argument, its result is its exit code");
    check(run(give_back, (void *)STILL_ACTIVE) == STILL_ACTIVE, "even one that looks like none");
    check(run(exit_early, NULL) == 77, "a thread ends itself");
    thread = CreateThread(NULL, 0, wait_for_ever, NULL, 0, &id);
    check(id && id == GetThreadId(thread) && GetProcessIdOfThread(thread) == GetCurrentProcessId(), "it has an id");
    check(GetExitCodeThread(thread, &code) && code == STILL_ACTIVE, "one that runs has no exit code yet");
    again = OpenThread(THREAD_ALL_ACCESS, FALSE, id);
    check(again && GetThreadId(again) == id, "by which it is opened");
    check(!OpenThread(THREAD_ALL_ACCESS, FALSE, 0xFFFFFFF0) && GetLastError() == ERROR_INVALID_PARAMETER,
          "no thread has an id like this");
    check(TerminateThread(again, 99) && WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0, "it is ended by another");
    check(GetExitCodeThread(thread, &code) && code == 99, "with a code of the other's");
    check(SuspendThread(thread) == (DWORD)-1 && GetLastError() == ERROR_ACCESS_DENIED, "one that has ended is not suspended");
    check(!TerminateThread((HANDLE)0x7777, 0) && GetLastError() == ERROR_INVALID_HANDLE, "what is no handle is no thread");
    CloseHandle(thread);
    CloseHandle(again);
}

static void suspending(void)
{
    DWORD result = 31, code;
    HANDLE thread = CreateThread(NULL, 0, suspend_itself, &result, CREATE_SUSPENDED, NULL);

    check(SuspendThread(thread) == 1 && SuspendThread(thread) == 2, "suspending is counted");
    check(ResumeThread(thread) == 3 && ResumeThread(thread) == 2, "so is resuming");
    Sleep(10);
    check(step == 0, "a thread that is suspended more often than resumed stands still");
    ResumeThread(thread);
    while (!step)
        Sleep(1);
    Sleep(10);
    check(step == 1, "a thread suspends itself");
    check(ResumeThread(thread) == 1 && WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0 && step == 2, "and is resumed");
    check(GetExitCodeThread(thread, &code) && code == 31, "to its end");
    CloseHandle(thread);
    step = 0;
    thread = CreateThread(NULL, 0, wait_for_ever, NULL, CREATE_SUSPENDED, NULL);
    check(TerminateThread(thread, 6) && WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0, "a suspended thread can be ended");
    check(GetExitCodeThread(thread, &code) && code == 6, "and has the code it was given");
    CloseHandle(thread);
}

static void contexts(void)
{
    static CONTEXT context;
    HANDLE thread = CreateThread(NULL, 0, spin, NULL, 0, NULL);
    DWORD code;

    step = 0;
    while (!step)
        Sleep(1);
    SuspendThread(thread);
    context.ContextFlags = CONTEXT_INTEGER;
    context.Rip = 1;
    check(GetThreadContext(thread, &context) && context.Rbx == 0, "the registers of a thread that computes");
    check(context.Rip == 1, "are given only as far as they are asked for");
    context.ContextFlags = CONTEXT_CONTROL;
    check(GetThreadContext(thread, &context) && context.Rip > 0x10000 && context.SegCs == 0x33, "all those of a part");
    context.ContextFlags = CONTEXT_INTEGER;
    context.Rbx = 4711;
    check(SetThreadContext(thread, &context), "they are changed");
    ResumeThread(thread);
    check(WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0 && GetExitCodeThread(thread, &code) && code == 4711,
          "and it goes on with them");
    check(!GetThreadContext(thread, &context), "a thread that has ended has none");
    CloseHandle(thread);
}

static void variables(void)
{
    local = TlsAlloc();
    fiber_local = FlsAlloc(forget);
    check(local != TLS_OUT_OF_INDEXES && fiber_local != FLS_OUT_OF_INDEXES, "places for variables");
    check(run(use_locals, NULL) == 5, "which are empty in a new thread");
    check(callbacks == 1, "whose end is told");
    check(TlsGetValue(local) == NULL && GetLastError() == ERROR_SUCCESS, "other threads see nothing of it");
    check(TlsFree(local) && !TlsFree(local) && GetLastError() == ERROR_INVALID_PARAMETER, "a place is given back once");
    check(!TlsSetValue(5000, &local) && GetLastError() == ERROR_INVALID_PARAMETER, "there are not so many places");
}

int main(void)
{
    FILETIME made, ended, kernel, user;
    HANDLE copy;

    endings();
    suspending();
    contexts();
    variables();
    check(GetThreadPriority(GetCurrentThread()) == THREAD_PRIORITY_NORMAL, "a thread has a priority");
    check(SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_ABOVE_NORMAL) &&
              GetThreadPriority(GetCurrentThread()) == THREAD_PRIORITY_ABOVE_NORMAL, "which is changed");
    check(!SetThreadPriority(GetCurrentThread(), 44) && GetLastError() == ERROR_INVALID_PARAMETER, "within limits");
    check(GetThreadTimes(GetCurrentThread(), &made, &ended, &kernel, &user) && made.dwHighDateTime > 0x01d00000,
          "when it was made is known");
    check(!DuplicateHandle(GetCurrentProcess(), NULL, NULL, NULL, 0, FALSE, 0) && GetLastError() == ERROR_INVALID_HANDLE,
          "no handle is given to nobody");
    check(DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS) &&
              GetThreadId(copy) == GetCurrentThreadId(), "the pseudo handle becomes a real one");
    return 0;
}
