/* Structured exceptions: who handles them, in which order, unwinding, guard pages, and what is left to the filter at the end. */
#include <excpt.h>
#include <string.h>

#include "check.h"

static DWORD code, flags;
static LONG verdict;
static char order[16];
static int guards;
static volatile char *stack_page;

static LONG CALLBACK first(EXCEPTION_POINTERS *info)
{
    strcat(order, "1");
    code = info->ExceptionRecord->ExceptionCode;
    flags = info->ExceptionRecord->ExceptionFlags;
    return EXCEPTION_CONTINUE_SEARCH;
}

static LONG CALLBACK last(EXCEPTION_POINTERS *info)
{
    (void)info;
    strcat(order, "2");
    return code == 0xE0000001 || code == 0xE0000002 ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH;
}

__attribute__((used)) long CALLBACK judge(EXCEPTION_POINTERS *info, void *frame)
{
    (void)frame;
    code = info->ExceptionRecord->ExceptionCode;
    flags = info->ExceptionRecord->ExceptionFlags;
    return verdict;
}

/* Whether an action came to its end; `judge` decides what becomes of its exceptions. */
static __attribute__((noinline)) int attempt(void (*action)(void))
{
    volatile int done = 0;

    __try1(judge);
    action();
    done = 1;
    __except1;
    return done;
}

static LONG CALLBACK open_guard(EXCEPTION_POINTERS *info)
{
    if (info->ExceptionRecord->ExceptionCode != STATUS_GUARD_PAGE_VIOLATION)
        return EXCEPTION_CONTINUE_SEARCH;
    guards++;
    return info->ExceptionRecord->ExceptionInformation[1] == (ULONG_PTR)stack_page ? EXCEPTION_CONTINUE_EXECUTION
                                                                                    : EXCEPTION_CONTINUE_SEARCH;
}

static LONG CALLBACK repair(EXCEPTION_POINTERS *info)
{
    DWORD old;

    if (info->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION || info->ExceptionRecord->NumberParameters != 2)
        return EXCEPTION_CONTINUE_SEARCH;
    guards++;
    VirtualProtect((void *)info->ExceptionRecord->ExceptionInformation[1], 1, PAGE_READWRITE, &old);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static LONG WINAPI at_the_end(EXCEPTION_POINTERS *info)
{
    ExitThread(info->ExceptionRecord->ExceptionCode == 0xE0000003 ? 33 : 34);
}

/* Code that no module has and nobody described: a leaf function, which has nothing to be unwound but its address. */
static DWORD WINAPI fault_in_a_leaf(void *argument)
{
    static const unsigned char code[] = {0xc7, 0x04, 0x25, 8, 0, 0, 0, 1, 0, 0, 0, 0xc3}; /* mov dword [8], 1; ret */
    void *place = VirtualAlloc(NULL, 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);

    (void)argument;
    memcpy(place, code, sizeof code);
    ((void (*)(void))place)();
    return 1;
}

static DWORD WINAPI raise_unhandled(void *argument)
{
    (void)argument;
    RaiseException(0xE0000003, 0, 0, NULL);
    return 0;
}

static DWORD WINAPI recurse(void *argument)
{
    volatile char room[20000];

    room[0] = (char)(ULONG_PTR)argument;
    if (argument)
        return recurse((char *)argument - 1) + room[0] * 0 + 1;
    return 1;
}

static void vectors(void)
{
    void *handlers[2] = {AddVectoredExceptionHandler(0, last), AddVectoredExceptionHandler(1, first)};
    ULONG_PTR parameters[EXCEPTION_MAXIMUM_PARAMETERS + 5] = {1, 2, 3};

    RaiseException(0xE0000001, 0, 3, parameters);
    check(!strcmp(order, "12"), "handlers are asked in their order");
    check(code == 0xE0000001 && flags == 0, "an exception that may be continued");
    order[0] = 0;
    RaiseException(0xE0000002, 0x40000000, EXCEPTION_MAXIMUM_PARAMETERS + 5, parameters);
    check(code == 0xE0000002 && flags == 0, "of the flags only one is taken");
    check(RemoveVectoredExceptionHandler(handlers[0]) && RemoveVectoredExceptionHandler(handlers[1]), "they are removed");
    check(!RemoveVectoredContinueHandler(handlers[0]), "and were in no other list");
}

static void read_nothing(void)
{
    (void)*(volatile int *)0x40;
}

static void divide(void)
{
    volatile int zero = 0;

    zero = 5 / zero;
}

static void raise_for_good(void)
{
    RaiseException(0xE0000005, EXCEPTION_NONCONTINUABLE, 0, NULL);
}

static void raise_once(void)
{
    RaiseException(0xE0000006, 0, 0, NULL);
}

static void close_nothing(void)
{
    CloseHandle((HANDLE)0xDEAD0);
}

static __attribute__((noinline)) void deep(int depth)
{
    volatile char room[500];

    room[0] = (char)depth;
    if (depth)
        deep(depth - room[0] / depth);
    else
        read_nothing();
}

static void deeply(void)
{
    deep(50);
}

static void frames(void)
{
    verdict = EXCEPTION_EXECUTE_HANDLER;
    check(!attempt(read_nothing) && code == EXCEPTION_ACCESS_VIOLATION, "a frame handles what happens in it");
    check(!attempt(divide) && code == EXCEPTION_INT_DIVIDE_BY_ZERO, "again and again");
    check(!attempt(deeply) && code == EXCEPTION_ACCESS_VIOLATION, "from however deep below");
    check(!attempt(raise_for_good) && code == 0xE0000005 && flags == EXCEPTION_NONCONTINUABLE, "one that must not be continued");
    check(!attempt(DebugBreak) && code == EXCEPTION_BREAKPOINT, "a breakpoint");
    verdict = EXCEPTION_CONTINUE_EXECUTION;
    check(attempt(raise_once) && code == 0xE0000006, "or it lets it go on");
    code = 0;
    check(attempt(close_nothing) && code == 0, "a bad handle is no exception without a debugger");
}

static void pages(void)
{
    void *handler = AddVectoredExceptionHandler(1, open_guard);
    DWORD old;
    MEMORY_BASIC_INFORMATION info;

    stack_page = VirtualAlloc(NULL, 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE | PAGE_GUARD);
    check(stack_page != NULL, "a guard page");
    *stack_page = 5;
    check(guards == 1 && *stack_page == 5, "tells its first use, and is a page like any other then");
    VirtualQuery((void *)stack_page, &info, sizeof info);
    check(info.Protect == PAGE_READWRITE, "without the guard");
    VirtualProtect((void *)stack_page, 0x1000, PAGE_READWRITE | PAGE_GUARD, &old);
    check(IsBadReadPtr((void *)stack_page, 1) || guards == 2, "it may be set again");
    RemoveVectoredExceptionHandler(handler);
    guards = 0;
    handler = AddVectoredExceptionHandler(1, repair);
    VirtualProtect((void *)stack_page, 0x1000, PAGE_READONLY, &old);
    *stack_page = 6;
    check(guards == 1 && *stack_page == 6, "what a handler repairs is tried again");
    VirtualProtect((void *)stack_page, 0x1000, PAGE_NOACCESS, &old);
    check(*stack_page == 6 && guards == 2, "reading too");
    RemoveVectoredExceptionHandler(handler);
    VirtualFree((void *)stack_page, 0, MEM_RELEASE);
}

int main(void)
{
    HANDLE thread;
    DWORD result;

    vectors();
    frames();
    pages();
    check(SetUnhandledExceptionFilter(at_the_end) != at_the_end, "the filter for what nobody handles");
    thread = CreateThread(NULL, 0, raise_unhandled, NULL, 0, NULL);
    check(WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0 && GetExitCodeThread(thread, &result) && result == 33, "is asked at last");
    thread = CreateThread(NULL, 0, fault_in_a_leaf, NULL, 0, NULL);
    check(WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0 && GetExitCodeThread(thread, &result) && result == 34,
          "whoever made it, a function that nobody described included");
    check(SetUnhandledExceptionFilter(NULL) == at_the_end, "and told when it is replaced");
    thread = CreateThread(NULL, 0, recurse, (void *)30, 0, NULL);
    check(WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0 && GetExitCodeThread(thread, &result) && result == 31,
          "a stack grows as it is needed");
    ExitProcess(0);
}
