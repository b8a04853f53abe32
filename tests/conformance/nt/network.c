/* The network by the IP helper: interfaces, addresses, routes, neighbours, sockets with their owners, servers and changes. */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <iphlpapi.h>
#include <icmpapi.h>
#include "check.h"

static char room[1 << 18];

static IP_ADAPTER_ADDRESSES *adapters(ULONG family, ULONG flags)
{
    ULONG size = sizeof room;

    return GetAdaptersAddresses(family, flags, NULL, (void *)room, &size) ? NULL : (void *)room;
}

static IP_ADAPTER_ADDRESSES *loopback(IP_ADAPTER_ADDRESSES *each)
{
    while (each && each->IfType != IF_TYPE_SOFTWARE_LOOPBACK)
        each = each->Next;
    return each;
}

static int has_address(IP_ADAPTER_ADDRESSES *adapter, int family, int prefix)
{
    IP_ADAPTER_UNICAST_ADDRESS *each;

    for (each = adapter ? adapter->FirstUnicastAddress : NULL; each; each = each->Next)
        if (each->Address.lpSockaddr->sa_family == family && each->OnLinkPrefixLength == prefix)
            return 1;
    return 0;
}

static DWORD loopback_index(void)
{
    IP_ADAPTER_ADDRESSES *found = loopback(adapters(AF_UNSPEC, 0));

    return found ? found->IfIndex : 0;
}

static void interfaces(void)
{
    IP_ADAPTER_ADDRESSES *found = loopback(adapters(AF_UNSPEC, GAA_FLAG_INCLUDE_PREFIX));
    DWORD index = found ? found->IfIndex : 0, count = 0, error;
    ULONG size = 0;
    NET_LUID luid;
    GUID guid;
    WCHAR name[IF_MAX_STRING_SIZE + 1];
    MIB_IF_TABLE2 *table = NULL;
    MIB_IF_ROW2 row = {0};
    MIB_IFROW old = {0};
    ULONG each, seen = 0;
    IP_ADAPTER_INFO *old_adapters = (void *)room;

    check(found != NULL && found->OperStatus == IfOperStatusUp, "there is a loopback, and it is up");
    check(has_address(found, AF_INET, 8), "it has an address of IPv4");
    check(found && found->PhysicalAddressLength == 0, "and none of hardware");
    check(found && found->FriendlyName[0] && found->AdapterName[0], "it has two names");
    check(GetAdaptersAddresses(AF_UNSPEC, 0, NULL, NULL, &size) == ERROR_BUFFER_OVERFLOW && size > 100,
          "what has no room is told how much it needs");
    check(!GetIfTable2(&table) && table->NumEntries >= 1, "a table of interfaces");
    for (each = 0; table && each < table->NumEntries; each++)
        seen += table->Table[each].InterfaceIndex == index && table->Table[each].Type == IF_TYPE_SOFTWARE_LOOPBACK;
    check(seen == 1, "has the loopback once");
    check(!GetNumberOfInterfaces(&count) && table && count == table->NumEntries, "and as many rows as interfaces");
    if (table)
        FreeMibTable(table);
    check(!ConvertInterfaceIndexToLuid(index, &luid) && luid.Info.IfType == IF_TYPE_SOFTWARE_LOOPBACK,
          "a LUID knows the kind of its interface");
    check(!ConvertInterfaceLuidToIndex(&luid, &count) && count == index, "and leads to its index");
    check(!ConvertInterfaceLuidToGuid(&luid, &guid) && !ConvertInterfaceGuidToLuid(&guid, &luid), "and to its GUID");
    check(!ConvertInterfaceLuidToAlias(&luid, name, IF_MAX_STRING_SIZE + 1) && name[0], "and to its alias");
    row.InterfaceIndex = index;
    check(!GetIfEntry2(&row) && row.Mtu > 1000 && row.MediaConnectState == MediaConnectStateConnected,
          "one row is asked for");
    old.dwIndex = index;
    check(!GetIfEntry(&old) && old.dwType == IF_TYPE_SOFTWARE_LOOPBACK && old.dwAdminStatus == 1, "or the row of old");
    old.dwIndex = 0x7ffffff;
    check(GetIfEntry(&old) != NO_ERROR, "an interface that is not there");
    row.InterfaceIndex = 0x7ffffff;
    row.InterfaceLuid.Value = 0;
    check(GetIfEntry2(&row) != NO_ERROR, "nor has a row");
    size = sizeof room;
    error = GetAdaptersInfo(old_adapters, &size);
    check(error == NO_ERROR || error == ERROR_NO_DATA, "the adapters of old");
}

static void addresses(void)
{
    ULONG size = sizeof room, each, seen = 0;
    DWORD index = loopback_index(), best = 0;
    MIB_IPADDRTABLE *table = (void *)room;
    MIB_IPFORWARDTABLE *routes = (void *)room;
    MIB_IPFORWARD_TABLE2 *routes_2 = NULL;
    MIB_UNICASTIPADDRESS_TABLE *unicast = NULL;
    MIB_UNICASTIPADDRESS_ROW row = {0};
    MIB_IPNET_TABLE2 *neighbours = NULL;
    FIXED_INFO *info = (void *)room;
    DWORD error;

    check(!GetIpAddrTable(table, &size, TRUE), "a table of addresses of IPv4");
    for (each = 0; each < table->dwNumEntries; each++)
        seen += table->table[each].dwAddr == htonl(INADDR_LOOPBACK) && table->table[each].dwMask == htonl(0xff000000) &&
                table->table[each].dwIndex == index;
    check(seen == 1, "has that of the loopback");
    size = 4;
    check(GetIpAddrTable(table, &size, TRUE) == ERROR_INSUFFICIENT_BUFFER && size > 4, "which needs room");
    check(!GetUnicastIpAddressTable(AF_UNSPEC, &unicast) && unicast->NumEntries >= 1, "a table of all addresses");
    if (unicast)
        FreeMibTable(unicast);
    row.InterfaceIndex = index;
    row.Address.Ipv4.sin_family = AF_INET;
    row.Address.Ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(!GetUnicastIpAddressEntry(&row) && row.OnLinkPrefixLength == 8 && row.DadState == IpDadStatePreferred,
          "one address is asked for");
    row.Address.Ipv4.sin_addr.s_addr = htonl(0x01020304);
    check(GetUnicastIpAddressEntry(&row) != NO_ERROR, "one that is not there");
    size = sizeof room;
    error = GetIpForwardTable(routes, &size, TRUE);
    check(error == NO_ERROR || error == ERROR_NO_DATA, "a table of routes");
    check(!GetIpForwardTable2(AF_INET, &routes_2), "and the newer one");
    if (routes_2)
        FreeMibTable(routes_2);
    check(!GetIpNetTable2(AF_UNSPEC, &neighbours), "a table of neighbours");
    if (neighbours)
        FreeMibTable(neighbours);
    size = sizeof room;
    error = GetIpNetTable((void *)room, &size, TRUE);
    check(error == NO_ERROR || error == ERROR_NO_DATA, "and that of old");
    check(!GetBestInterface(htonl(INADDR_LOOPBACK), &best) || best == 0, "the best way to oneself");
    size = sizeof room;
    check(!GetNetworkParams(info, &size) && info->HostName[0], "the machine has a name and its servers");
}

static int is_at(USHORT port, DWORD written) { return (USHORT)written == port; }

static void sockets(void)
{
    struct sockaddr_in name = {0};
    int length = sizeof name, seen = 0;
    ULONG size = sizeof room, each;
    SOCKET server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), accepted;
    SOCKET datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    MIB_TCPTABLE_OWNER_PID *owned = (void *)room;
    MIB_TCPTABLE_OWNER_MODULE *modules = (void *)room;
    MIB_UDPTABLE_OWNER_PID *bound = (void *)room;
    MIB_TCPTABLE *table = (void *)room;
    USHORT port;

    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(server, (void *)&name, length);
    listen(server, 5);
    getsockname(server, (void *)&name, &length);
    port = name.sin_port;
    connect(client, (void *)&name, length);
    accepted = accept(server, NULL, NULL);
    check(!GetExtendedTcpTable(owned, &size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0), "sockets of TCP with owners");
    for (each = 0; each < owned->dwNumEntries; each++)
        if (is_at(port, owned->table[each].dwLocalPort))
            seen |= owned->table[each].dwState == MIB_TCP_STATE_LISTEN                         ? 1
                    : owned->table[each].dwState == MIB_TCP_STATE_ESTAB &&
                              owned->table[each].dwRemoteAddr == htonl(INADDR_LOOPBACK) ? 2
                                                                                        : 4;
    check(seen == 3, "one listens, and one is connected");
    for (each = 0, seen = 0; each < owned->dwNumEntries; each++)
        seen += is_at(port, owned->table[each].dwLocalPort) && owned->table[each].dwOwningPid == GetCurrentProcessId();
    check(seen == 2, "both are this process's");
    size = sizeof room;
    check(!GetExtendedTcpTable(owned, &size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_LISTENER, 0), "those that listen");
    for (each = 0, seen = 0; each < owned->dwNumEntries; each++)
        seen += is_at(port, owned->table[each].dwLocalPort);
    check(seen == 1, "are one at that port");
    size = sizeof room;
    check(!GetExtendedTcpTable(modules, &size, TRUE, AF_INET, TCP_TABLE_OWNER_MODULE_ALL, 0), "those with modules");
    for (each = 0, seen = 0; each < modules->dwNumEntries; each++)
        seen += is_at(port, modules->table[each].dwLocalPort) && modules->table[each].dwOwningPid == GetCurrentProcessId();
    check(seen == 2, "are the same");
    size = sizeof room;
    check(!GetTcpTable(table, &size, TRUE) && table->dwNumEntries >= 3, "the table of old");
    size = sizeof room;
    check(!GetExtendedTcpTable(room, &size, TRUE, AF_INET6, TCP_TABLE_OWNER_PID_ALL, 0), "sockets of TCP over IPv6");
    name.sin_port = 0;
    bind(datagrams, (void *)&name, length);
    getsockname(datagrams, (void *)&name, &length);
    size = sizeof room;
    check(!GetExtendedUdpTable(bound, &size, TRUE, AF_INET, UDP_TABLE_OWNER_PID, 0), "sockets of UDP with owners");
    for (each = 0, seen = 0; each < bound->dwNumEntries; each++)
        seen += is_at(name.sin_port, bound->table[each].dwLocalPort) &&
                bound->table[each].dwOwningPid == GetCurrentProcessId();
    check(seen == 1, "have this process's once");
    closesocket(datagrams);
    closesocket(accepted);
    closesocket(client);
    closesocket(server);
    size = sizeof room;
    GetExtendedTcpTable(owned, &size, TRUE, AF_INET, TCP_TABLE_OWNER_PID_LISTENER, 0);
    for (each = 0, seen = 0; each < owned->dwNumEntries; each++)
        seen += is_at(port, owned->table[each].dwLocalPort);
    check(seen == 0, "who is closed listens no more");
}

static void statistics(void)
{
    MIB_IPSTATS ip = {0};
    MIB_TCPSTATS tcp = {0};
    MIB_UDPSTATS udp = {0};
    MIB_ICMP icmp = {0};

    check(!GetIpStatistics(&ip) && ip.dwNumIf >= 1 && ip.dwNumAddr >= 1, "what IP counts");
    check(!GetTcpStatistics(&tcp) && tcp.dwInSegs > 0 && tcp.dwRtoMin > 0, "what TCP counts");
    check(!GetUdpStatistics(&udp), "what UDP counts");
    check(!GetIcmpStatistics(&icmp), "what ICMP counts");
    check(GetTcpStatisticsEx(&tcp, 99) == ERROR_NOT_SUPPORTED || GetTcpStatisticsEx(&tcp, 99) == ERROR_INVALID_PARAMETER,
          "nothing is counted of a family that is none");
}

static void changes(void)
{
    OVERLAPPED overlapped = {0};
    HANDLE handle = NULL;
    DWORD got;

    overlapped.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    check(NotifyAddrChange(&handle, &overlapped) == ERROR_IO_PENDING && handle, "a change is waited for");
    check(WaitForSingleObject(overlapped.hEvent, 0) == WAIT_TIMEOUT, "and has not come");
    check(CancelIPChangeNotify(&overlapped), "it is waited for no longer");
    check(WaitForSingleObject(overlapped.hEvent, 2000) == WAIT_OBJECT_0 &&
              !GetOverlappedResult(handle, &overlapped, &got, FALSE) && GetLastError() == ERROR_OPERATION_ABORTED,
          "which is what is told then");
}

int main(void)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    interfaces();
    addresses();
    sockets();
    statistics();
    changes();
    return 0;
}
