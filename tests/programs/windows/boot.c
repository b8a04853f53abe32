/* Tells in milliseconds how long ago the machine was booted: by the ticks, by its boot time, and by the performance counter;
 * and how old this process is. */
#include <stdio.h>
#include <windows.h>
#include <winternl.h>

int main(void)
{
    struct { LARGE_INTEGER boot, now, bias; ULONG zone, reserved; ULONGLONG bias_of_boot, bias_of_sleep; } told;
    LARGE_INTEGER counter, frequency;
    FILETIME created, other, now;

    if (NtQuerySystemInformation(SystemTimeOfDayInformation, &told, sizeof(told), NULL))
        return 1;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&counter);
    GetProcessTimes(GetCurrentProcess(), &created, &other, &other, &other);
    GetSystemTimeAsFileTime(&now);
    printf("%llu %llu %llu %lld\n", GetTickCount64(), (told.now.QuadPart - told.boot.QuadPart) / 10000,
           counter.QuadPart / (frequency.QuadPart / 1000),
           (LONGLONG)(((ULARGE_INTEGER *)&now)->QuadPart - ((ULARGE_INTEGER *)&created)->QuadPart) / 10000);
    return 0;
}
