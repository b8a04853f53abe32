/* Waits until an address of IPv4 comes or goes, by an event and by functions that are called back, and tells what is told. */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <iphlpapi.h>
#include <stdio.h>

static HANDLE called;

static VOID WINAPI interface_changed(void *context, MIB_IPINTERFACE_ROW *row, MIB_NOTIFICATION_TYPE type)
{
    if (row)
        printf("interface %d %d\n", (int)(INT_PTR)context, type);
    else
        printf("interfaces are watched %d %d\n", (int)(INT_PTR)context, type);
    fflush(stdout);
    SetEvent(called);
}

static VOID WINAPI address_changed(void *context, MIB_UNICASTIPADDRESS_ROW *row, MIB_NOTIFICATION_TYPE type)
{
    printf("address %s %d %d\n", inet_ntoa(row->Address.Ipv4.sin_addr), (int)(INT_PTR)context, type);
    fflush(stdout);
    SetEvent(called);
}

int main(void)
{
    OVERLAPPED overlapped = {0}, asking = {0};
    WSADATA data;
    SOCKET asks;
    DWORD size;
    HANDLE handle = NULL, interfaces = NULL, addresses = NULL;

    overlapped.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    called = CreateEventA(NULL, FALSE, FALSE, NULL);
    printf("%lu %lu\n", NotifyAddrChange(&handle, &overlapped),
           NotifyIpInterfaceChange(AF_INET, NULL, NULL, FALSE, &interfaces));
    if (NotifyIpInterfaceChange(AF_INET, interface_changed, (void *)7, TRUE, &interfaces) ||
        NotifyUnicastIpAddressChange(AF_INET, address_changed, (void *)8, FALSE, &addresses))
        return 1;
    WSAStartup(MAKEWORD(2, 2), &data);
    asking.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    asks = socket(AF_INET, SOCK_DGRAM, 0);
    WSAIoctl(asks, SIO_ADDRESS_LIST_CHANGE, NULL, 0, NULL, 0, &size, &asking, NULL);
    WaitForSingleObject(called, 20000);
    printf("waiting %d\n", WSAGetLastError());
    fflush(stdout);
    WaitForSingleObject(called, 20000);
    printf("changed %lu", WaitForSingleObject(overlapped.hEvent, 20000));
    printf(" %lu\n", WaitForSingleObject(asking.hEvent, 20000));
    printf("%lu %lu", CancelMibChangeNotify2(interfaces), CancelMibChangeNotify2(addresses));
    printf(" %lu\n", CancelMibChangeNotify2(addresses));
    return 0;
}
