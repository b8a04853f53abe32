/* Events, semaphores, mutexes, timers and what waiting for them does. */
#include "check.h"

static DWORD WINAPI take_and_die(void *mutex)
{
    return WaitForSingleObject(mutex, INFINITE);
}

static DWORD WINAPI set_later(void *event)
{
    Sleep(30);
    SetEvent(event);
    return 5;
}

int main(void)
{
    HANDLE manual = CreateEventA(NULL, TRUE, FALSE, NULL), automatic = CreateEventA(NULL, FALSE, TRUE, NULL);
    HANDLE semaphore = CreateSemaphoreA(NULL, 1, 2, NULL), mutex = CreateMutexA(NULL, TRUE, NULL);
    HANDLE timer = CreateWaitableTimerA(NULL, TRUE, NULL), thread, both[2] = {manual, automatic};
    LARGE_INTEGER due = {.QuadPart = -300000};
    LONG before;
    DWORD code;

    check(WaitForSingleObject(manual, 0) == WAIT_TIMEOUT, "an event that is not set times out");
    check(WaitForSingleObject(manual, 20) == WAIT_TIMEOUT, "so it does after waiting");
    check(WaitForSingleObject(automatic, 0) == WAIT_OBJECT_0, "an automatic event is taken");
    check(WaitForSingleObject(automatic, 0) == WAIT_TIMEOUT, "and is clear then");
    thread = CreateThread(NULL, 0, set_later, manual, 0, NULL);
    check(WaitForSingleObject(manual, 5000) == WAIT_OBJECT_0, "another thread's SetEvent ends a wait");
    check(WaitForSingleObject(manual, 0) == WAIT_OBJECT_0, "a manual event stays set");
    check(WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0, "a thread that has ended is signalled");
    check(GetExitCodeThread(thread, &code) && code == 5, "and has an exit code");
    check(WaitForMultipleObjects(2, both, FALSE, 0) == WAIT_OBJECT_0, "any of two: the first");
    check(WaitForMultipleObjects(2, both, TRUE, 10) == WAIT_TIMEOUT, "all of two: one is missing");
    SetEvent(automatic);
    check(WaitForMultipleObjects(2, both, TRUE, 10) == WAIT_OBJECT_0, "all of two: both are there");
    check(WaitForSingleObject(automatic, 0) == WAIT_TIMEOUT, "and were taken together");
    check(WaitForSingleObject(semaphore, 0) == WAIT_OBJECT_0, "a semaphore of one can be taken");
    check(WaitForSingleObject(semaphore, 0) == WAIT_TIMEOUT, "once");
    check(ReleaseSemaphore(semaphore, 2, &before) && before == 0, "releasing tells the count before");
    check(!ReleaseSemaphore(semaphore, 1, NULL) && GetLastError() == ERROR_TOO_MANY_POSTS, "not beyond its limit");
    check(WaitForSingleObject(mutex, 0) == WAIT_OBJECT_0, "a mutex's owner may take it again");
    check(ReleaseMutex(mutex) && ReleaseMutex(mutex), "and gives it back as often");
    check(!ReleaseMutex(mutex) && GetLastError() == ERROR_NOT_OWNER, "but no more than that");
    thread = CreateThread(NULL, 0, take_and_die, mutex, 0, NULL);
    WaitForSingleObject(thread, 5000);
    check(WaitForSingleObject(mutex, 1000) == WAIT_ABANDONED, "a mutex whose owner died is abandoned");
    check(ReleaseMutex(mutex) && WaitForSingleObject(mutex, 0) == WAIT_OBJECT_0, "only once");
    check(CreateEventA(NULL, TRUE, FALSE, "named") && CreateEventA(NULL, TRUE, FALSE, "named") &&
              GetLastError() == ERROR_ALREADY_EXISTS, "a name leads to the event that is there");
    check(!CreateMutexA(NULL, TRUE, "named") && GetLastError() == ERROR_INVALID_HANDLE, "not to one of another type");
    check(WaitForSingleObject(timer, 0) == WAIT_TIMEOUT, "a timer that does not run is not signalled");
    check(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE), "a timer can be set");
    check(WaitForSingleObject(timer, 5000) == WAIT_OBJECT_0, "and is signalled when it is due");
    due.QuadPart = -600000000;
    SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE);
    check(CancelWaitableTimer(timer) && WaitForSingleObject(timer, 50) == WAIT_TIMEOUT, "a cancelled one is not");
    return 0;
}
