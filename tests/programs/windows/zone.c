/* Tells the time zone: minutes to UTC, of winter and of summer, the months in which clocks change, and the name of winter's time. */
#include <stdio.h>
#include <windows.h>

int main(void)
{
    TIME_ZONE_INFORMATION zone;

    GetTimeZoneInformation(&zone);
    printf("%ld %ld %d %d %ls\n", zone.Bias + zone.StandardBias, zone.Bias + zone.DaylightBias, zone.StandardDate.wMonth,
           zone.DaylightDate.wMonth, zone.StandardName);
    return 0;
}
