/* Fibers: threads of control that a program switches by itself, each on a stack of its own. */
#include "check.h"

static void *first, *second, *third;
static int order[8], count;

static void CALLBACK run(void *argument)
{
    volatile char room[50000];

    room[0] = 1;
    for (;;) {
        order[count++] = (int)(INT_PTR)argument + room[0];
        SwitchToFiber(GetCurrentFiber() == second ? third : first);
    }
}

static int deep(int depth)
{
    volatile char room[1000];

    room[0] = (char)depth;
    return depth ? deep(depth - 1) + room[0] : 0;
}

static void CALLBACK go_deep(void *depth)
{
    order[0] = deep((int)(INT_PTR)depth) != 0x7fffffff;
    SwitchToFiber(first);
}

int main(void)
{
    ULONG_PTR low, high, of_fiber;

    check(!IsThreadAFiber(), "a thread is no fiber");
    first = ConvertThreadToFiber((void *)7);
    check(first && IsThreadAFiber() && GetFiberData() == (void *)7, "until it becomes one");
    SetLastError(0);
    check(!ConvertThreadToFiber(NULL) && GetLastError() == ERROR_ALREADY_FIBER, "once");
    second = CreateFiber(0, run, (void *)10);
    third = CreateFiberEx(0x10000, 0x400000, FIBER_FLAG_FLOAT_SWITCH, run, (void *)20);
    check(second && third && second != third, "others are made");
    SwitchToFiber(second);
    SwitchToFiber(second);
    check(count == 4 && order[0] == 11 && order[1] == 21 && order[2] == 11 && order[3] == 21,
          "each goes on where it was");
    DeleteFiber(second);
    DeleteFiber(third);
    second = CreateFiberEx(0x10000, 0x800000, 0, go_deep, (void *)6000);
    GetCurrentThreadStackLimits(&low, &high);
    of_fiber = 0;
    order[0] = 0;
    SwitchToFiber(second);
    check(order[0] == 1, "the stack of a fiber is as large as was asked for");
    GetCurrentThreadStackLimits(&of_fiber, &high);
    check(of_fiber == low, "the thread's own is what it was");
    DeleteFiber(second);
    check(ConvertFiberToThread() && !IsThreadAFiber(), "a fiber becomes a thread again");
    return 0;
}
