/* Waitable timers, with periods and routines; timer queues. */
#include "check.h"

static volatile LONG fired, given;

static void CALLBACK expired(void *argument, DWORD low, DWORD high)
{
    fired++;
    given = (LONG)(ULONG_PTR)argument;
    if (!low || !high)
        given = -1;
}

static void CALLBACK queue_expired(void *argument, BOOLEAN timer)
{
    InterlockedAdd(&given, timer ? (LONG)(ULONG_PTR)argument : 1000);
    InterlockedIncrement(&fired);
}

static LARGE_INTEGER after(int milliseconds)
{
    LARGE_INTEGER due = {.QuadPart = -10000LL * milliseconds};

    return due;
}

static void waitable(void)
{
    HANDLE timer = CreateWaitableTimerA(NULL, FALSE, NULL), named, again;
    LARGE_INTEGER due = after(30);
    FILETIME now;
    ULONGLONG before = GetTickCount64();

    check(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE), "a timer is set");
    check(WaitForSingleObject(timer, 5) == WAIT_TIMEOUT, "it is not yet due");
    check(WaitForSingleObject(timer, 5000) == WAIT_OBJECT_0 && GetTickCount64() - before < 4000, "then it is");
    check(WaitForSingleObject(timer, 0) == WAIT_TIMEOUT, "a synchronisation timer is so once");
    due = after(10);
    SetWaitableTimer(timer, &due, 10, NULL, NULL, FALSE);
    check(WaitForSingleObject(timer, 5000) == 0 && WaitForSingleObject(timer, 5000) == 0 && WaitForSingleObject(timer, 5000) == 0,
          "a period makes it so again and again");
    check(CancelWaitableTimer(timer), "it is stopped");
    WaitForSingleObject(timer, 0);
    check(WaitForSingleObject(timer, 40) == WAIT_TIMEOUT, "and stays so");
    GetSystemTimeAsFileTime(&now);
    due.LowPart = now.dwLowDateTime;
    due.HighPart = (LONG)now.dwHighDateTime;
    due.QuadPart -= 10000000;
    check(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE) && WaitForSingleObject(timer, 1000) == 0,
          "a time that has gone by is due at once");
    check(!SetWaitableTimer(GetCurrentProcess(), &due, 0, NULL, NULL, FALSE) && GetLastError() == ERROR_INVALID_HANDLE,
          "what is no timer is not set");
    named = CreateWaitableTimerA(NULL, TRUE, "lichen-timer");
    again = OpenWaitableTimerA(TIMER_ALL_ACCESS, FALSE, "lichen-timer");
    due = after(5);
    check(named && again && SetWaitableTimer(again, &due, 0, NULL, NULL, FALSE) && WaitForSingleObject(named, 5000) == 0,
          "a timer is opened by its name");
    check(WaitForSingleObject(named, 0) == 0, "a notification timer stays due");
    check(!OpenWaitableTimerA(TIMER_ALL_ACCESS, FALSE, "lichen-none") && GetLastError() == ERROR_FILE_NOT_FOUND,
          "by another name there is none");
    CloseHandle(timer);
}

static void routines(void)
{
    HANDLE timer = CreateWaitableTimerA(NULL, FALSE, NULL);
    LARGE_INTEGER due = after(10);

    check(SetWaitableTimer(timer, &due, 0, expired, (void *)55, FALSE), "a timer with a routine");
    Sleep(30);
    check(fired == 0, "which waits for an alertable wait");
    check(SleepEx(1000, TRUE) == WAIT_IO_COMPLETION && fired == 1 && given == 55, "and has its argument");
    due = after(20);
    SetWaitableTimer(timer, &due, 0, expired, (void *)56, FALSE);
    check(SleepEx(5000, TRUE) == WAIT_IO_COMPLETION && given == 56, "it ends an alertable wait");
    due = after(10);
    SetWaitableTimer(timer, &due, 0, expired, (void *)57, FALSE);
    Sleep(30);
    CancelWaitableTimer(timer);
    check(SleepEx(0, TRUE) == 0 && given == 56, "a timer that is stopped takes its call back");
    CloseHandle(timer);
    fired = given = 0;
}

static void queues(void)
{
    HANDLE queue = CreateTimerQueue(), timer, event = CreateEventA(NULL, TRUE, FALSE, NULL);
    LONG count;

    check(queue && CreateTimerQueueTimer(&timer, queue, queue_expired, (void *)7, 10, 0, 0), "a queue of timers");
    Sleep(60);
    check(fired == 1 && given == 7, "one calls its routine once");
    check(DeleteTimerQueueTimer(queue, timer, INVALID_HANDLE_VALUE), "it is deleted");
    fired = given = 0;
    check(CreateTimerQueueTimer(&timer, queue, queue_expired, (void *)1, 5, 10, 0), "another has a period");
    for (int tries = 0; fired < 3 && tries < 500; tries++)
        Sleep(10);
    check(fired >= 3, "and is called again and again");
    check(ChangeTimerQueueTimer(queue, timer, 60000, 0), "its time is changed");
    Sleep(20);
    count = fired;
    Sleep(50);
    check(fired == count, "then it rests");
    check(DeleteTimerQueueTimer(queue, timer, INVALID_HANDLE_VALUE), "and is deleted too");
    DeleteTimerQueueEx(queue, event);
    check(WaitForSingleObject(event, 5000) == 0, "the end of a queue is told");
}

int main(void)
{
    waitable();
    routines();
    queues();
    return 0;
}
