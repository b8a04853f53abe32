/* Waits until an address of IPv4 comes or goes, with and without an event, and tells so. */
#include <winsock2.h>
#include <iphlpapi.h>
#include <stdio.h>

int main(void)
{
    OVERLAPPED overlapped = {0};
    HANDLE handle = NULL;
    DWORD error;

    overlapped.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    error = NotifyAddrChange(&handle, &overlapped);
    printf("waiting %lu\n", error);
    fflush(stdout);
    printf("changed %lu\n", WaitForSingleObject(overlapped.hEvent, 20000));
    return 0;
}
