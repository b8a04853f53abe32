/* The time that programs read without a call: it goes on while they spin, and is right when they wake. */
#include "check.h"

static int near_to(ULONGLONG value, ULONGLONG wanted)
{
    return value + 60 >= wanted && value <= wanted + 2000;
}

static void CALLBACK called(void *seen, DWORD low, DWORD high)
{
    (void)low;
    (void)high;
    *(ULONGLONG *)seen = GetTickCount64();
}

static DWORD WINAPI reads_when_resumed(void *seen)
{
    *(ULONGLONG *)seen = GetTickCount64();
    return 0;
}

static int zone_tells_local_time(void)
{
    DYNAMIC_TIME_ZONE_INFORMATION dynamic;
    TIME_ZONE_INFORMATION zone;
    DWORD season = GetTimeZoneInformation(&zone), same = GetDynamicTimeZoneInformation(&dynamic);
    LONG bias = zone.Bias + (season == TIME_ZONE_ID_DAYLIGHT ? zone.DaylightBias : season ? zone.StandardBias : 0);
    FILETIME here, there;
    LONGLONG minutes;

    GetSystemTimeAsFileTime(&there);
    FileTimeToLocalFileTime(&there, &here);
    minutes = (LONGLONG)(((ULARGE_INTEGER *)&there)->QuadPart - ((ULARGE_INTEGER *)&here)->QuadPart) / 600000000;
    return season != TIME_ZONE_ID_INVALID && same == season && zone.StandardName[0] && dynamic.Bias == zone.Bias &&
           minutes == bias;
}

int main(void)
{
    ULONGLONG start = GetTickCount64(), seen = 0;
    LARGE_INTEGER due = {.QuadPart = -2500000};
    FILETIME before, after;
    HANDLE timer, thread;

    while (GetTickCount64() == start)
        continue;
    check(1, "a loop without calls sees the time go on");
    start = GetTickCount64();
    Sleep(400);
    check(near_to(GetTickCount64(), start + 400), "the time is right after a sleep");
    start = GetTickCount64();
    timer = CreateWaitableTimerA(NULL, FALSE, NULL);
    SetWaitableTimer(timer, &due, 0, called, &seen, FALSE);
    check(SleepEx(2000, TRUE) == WAIT_IO_COMPLETION && near_to(seen, start + 250), "and in the APC of a timer");
    start = GetTickCount64();
    while (GetTickCount64() == start)
        continue;
    check(1, "and goes on behind it");
    start = GetTickCount64();
    thread = CreateThread(NULL, 0, reads_when_resumed, &seen, CREATE_SUSPENDED, NULL);
    Sleep(200);
    ResumeThread(thread);
    WaitForSingleObject(thread, INFINITE);
    check(near_to(seen, start + 200), "and in a thread that was suspended");
    GetSystemTimeAsFileTime(&before);
    Sleep(300);
    GetSystemTimeAsFileTime(&after);
    check((after.dwLowDateTime - before.dwLowDateTime) >= 2400000, "the time of day goes with it");
    check(zone_tells_local_time(), "the time zone tells the difference of local time");
    return 0;
}
