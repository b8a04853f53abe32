/* Walking the stack from where the system calls a program back: what was interrupted is found there. */
#include "check.h"

static void (*target)(void);
static int found;

/* Whether one of the frames above is within a function. */
static int is_above(void *function)
{
    void *frames[60];
    DWORD64 base;
    RUNTIME_FUNCTION *entry = RtlLookupFunctionEntry((DWORD64)function, &base, NULL);
    USHORT count = RtlCaptureStackBackTrace(0, 60, frames, NULL);

    for (int index = 0; index < count; index++) {
        DWORD64 address = (DWORD64)frames[index] - base;
        if (address > entry->BeginAddress && address <= entry->EndAddress)
            return 1;
    }
    return 0;
}

static LONG CALLBACK look(EXCEPTION_POINTERS *info)
{
    found = is_above((void *)target);
    if (info->ExceptionRecord->ExceptionCode == EXCEPTION_BREAKPOINT)
        info->ContextRecord->Rip++;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static __attribute__((noinline)) void stop(void)
{
    volatile char room[64];

    room[0] = 0;
    __asm__ volatile("int3");
    room[1] = room[0];
}

static __attribute__((noinline)) void complain(void)
{
    volatile char room[256];

    room[0] = 0;
    RaiseException(0xE0000001, 0, 0, NULL);
    room[1] = room[0];
}

static __attribute__((noinline)) void innocent(void)
{
    __asm__ volatile("nop; int3");
}

static int seen(void (*from)(void), void (*sought)(void))
{
    found = -1;
    target = sought;
    from();
    return found;
}

int main(void)
{
    void *handler = AddVectoredExceptionHandler(1, look);

    check(is_above((void *)main), "a function finds itself above the one it calls");
    check(!is_above((void *)stop), "and not what does not run");
    check(seen(stop, stop) == 1, "a handler finds the function that hit a breakpoint");
    check(seen(stop, (void (*)(void))main) == 1, "and the one that called it");
    check(seen(stop, innocent) == 0, "but no other");
    check(seen(complain, complain) == 1, "a handler finds the function that raised an exception");
    check(seen(complain, (void (*)(void))main) == 1, "and its caller");
    RemoveVectoredExceptionHandler(handler);
    return 0;
}
