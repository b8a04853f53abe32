/* netstat: connections and who listens, with their processes; statistics, interfaces, routes.
 * Source: Windows commands, netstat (learn.microsoft.com/windows-server/administration/windows-commands/netstat). */
#include "network.h"
#include <tlhelp32.h>

static int all, owners, numeric, programs;
static const wchar_t *protocol;

static int usage(void) {
    complain(L"\nDisplays protocol statistics and current TCP/IP network connections.\n\n"
             L"NETSTAT [-a] [-b] [-e] [-n] [-o] [-p proto] [-r] [-s]\n\n"
             L"  -a        shows who listens too, and UDP\n"
             L"  -b        shows the program of each\n"
             L"  -e        shows what the interfaces have sent and received\n"
             L"  -n        shows addresses as numbers\n"
             L"  -o        shows the process of each\n"
             L"  -p proto  shows one of TCP, TCPv6, UDP, UDPv6; with -s also IP and ICMP\n"
             L"  -r        shows the routes\n"
             L"  -s        shows statistics by protocol\n");
    return 1;
}

static const wchar_t *const states[] = {L"", L"CLOSED", L"LISTENING", L"SYN_SENT", L"SYN_RECEIVED", L"ESTABLISHED",
                                        L"FIN_WAIT_1", L"FIN_WAIT_2", L"CLOSE_WAIT", L"CLOSING", L"LAST_ACK",
                                        L"TIME_WAIT", L"DELETE_TCB"};

static int wants(const wchar_t *name) { return !protocol || !_wcsicmp(protocol, name); }

/* An endpoint as it is shown: by name unless numbers are wanted, or no name is known. */
static void endpoint(wchar_t *text, size_t room, SOCKADDR_INET *address, DWORD port) {
    wchar_t name[NI_MAXHOST] = L"";
    int length = address->si_family == AF_INET ? sizeof address->Ipv4 : sizeof address->Ipv6;
    if (!numeric && !is_any(address))
        GetNameInfoW((struct sockaddr *)address, length, name, LENGTH(name), NULL, 0, NI_NAMEREQD);
    const wchar_t *form = *name || address->si_family == AF_INET ? L"%ls:%u" : L"[%ls]:%u";
    _snwprintf(text, room, form, *name ? name : text_of(address), ntohs((u_short)port));
}

/* Tell the program of a process below its line, as far as it is known. */
static void print_program(DWORD process) {
    PROCESSENTRY32W entry = {.dwSize = sizeof entry};
    HANDLE snapshot = process ? CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) : INVALID_HANDLE_VALUE;
    int found = 0;
    if (snapshot != INVALID_HANDLE_VALUE) {
        for (BOOL more = Process32FirstW(snapshot, &entry); more && !found; more = !found && Process32NextW(snapshot, &entry))
            found = entry.th32ProcessID == process;
        CloseHandle(snapshot);
    }
    if (found)
        say(L" [%ls]\n", entry.szExeFile);
    else
        say(L" Can not obtain ownership information\n");
}

static void line(const wchar_t *kind, const wchar_t *local, const wchar_t *remote, const wchar_t *state, DWORD process) {
    if (owners)
        say(L"  %-6ls %-22ls %-22ls %-15ls %lu\n", kind, local, remote, state, process);
    else
        say(L"  %-6ls %-22ls %-22ls %ls\n", kind, local, remote, state);
    if (programs)
        print_program(process);
}

/* A table of sockets, whatever their number is; NULL when it cannot be had. */
static void *sockets(int udp, ULONG family) {
    ULONG size = 1 << 14;
    for (int tries = 0; tries < 5; tries++) {
        void *table = malloc(size);
        DWORD error = !table ? ERROR_OUTOFMEMORY
                      : udp  ? GetExtendedUdpTable(table, &size, TRUE, family, UDP_TABLE_OWNER_PID, 0)
                             : GetExtendedTcpTable(table, &size, TRUE, family, TCP_TABLE_OWNER_PID_ALL, 0);
        if (!error)
            return table;
        free(table);
        if (error != ERROR_INSUFFICIENT_BUFFER)
            return NULL;
        size += 4096;
    }
    return NULL;
}

static SOCKADDR_INET ipv6(const UCHAR *host) {
    SOCKADDR_INET address = {0};
    address.Ipv6.sin6_family = AF_INET6;
    memcpy(&address.Ipv6.sin6_addr, host, 16);
    return address;
}

static void connection(SOCKADDR_INET local, DWORD local_port, SOCKADDR_INET remote, DWORD remote_port, DWORD state,
                       DWORD process) {
    wchar_t here[TEXT_ROOM + 8], there[NI_MAXHOST + 8];
    if (state == MIB_TCP_STATE_LISTEN && !all)
        return;
    endpoint(here, LENGTH(here), &local, local_port);
    endpoint(there, LENGTH(there), &remote, remote_port);
    line(L"TCP", here, there, state < LENGTH(states) ? states[state] : L"", process);
}

static void print_tcp(void) {
    MIB_TCPTABLE_OWNER_PID *table = wants(L"tcp") ? sockets(0, AF_INET) : NULL;
    for (DWORD each = 0; table && each < table->dwNumEntries; each++) {
        MIB_TCPROW_OWNER_PID *row = &table->table[each];
        connection(ipv4(row->dwLocalAddr), row->dwLocalPort, ipv4(row->dwRemoteAddr), row->dwRemotePort, row->dwState,
                   row->dwOwningPid);
    }
    free(table);
    MIB_TCP6TABLE_OWNER_PID *newer = wants(L"tcpv6") ? sockets(0, AF_INET6) : NULL;
    for (DWORD each = 0; newer && each < newer->dwNumEntries; each++) {
        MIB_TCP6ROW_OWNER_PID *row = &newer->table[each];
        connection(ipv6(row->ucLocalAddr), row->dwLocalPort, ipv6(row->ucRemoteAddr), row->dwRemotePort, row->dwState,
                   row->dwOwningPid);
    }
    free(newer);
}

static void print_udp(void) {
    wchar_t here[TEXT_ROOM + 8];
    MIB_UDPTABLE_OWNER_PID *table = wants(L"udp") ? sockets(1, AF_INET) : NULL;
    for (DWORD each = 0; table && each < table->dwNumEntries; each++) {
        SOCKADDR_INET local = ipv4(table->table[each].dwLocalAddr);
        endpoint(here, LENGTH(here), &local, table->table[each].dwLocalPort);
        line(L"UDP", here, L"*:*", L"", table->table[each].dwOwningPid);
    }
    free(table);
    MIB_UDP6TABLE_OWNER_PID *newer = wants(L"udpv6") ? sockets(1, AF_INET6) : NULL;
    for (DWORD each = 0; newer && each < newer->dwNumEntries; each++) {
        SOCKADDR_INET local = ipv6(newer->table[each].ucLocalAddr);
        endpoint(here, LENGTH(here), &local, newer->table[each].dwLocalPort);
        line(L"UDP", here, L"*:*", L"", newer->table[each].dwOwningPid);
    }
    free(newer);
}

static void print_connections(void) {
    say(L"\nActive Connections\n\n  Proto  Local Address          Foreign Address        State%ls\n",
        owners ? L"           PID" : L"");
    print_tcp();
    if (all || (protocol && !_wcsnicmp(protocol, L"udp", 3)))
        print_udp();
}

static void print_interfaces(void) {
    MIB_IF_TABLE2 *table = NULL;
    ULONG64 in[5] = {0}, out[5] = {0};
    if (GetIfTable2(&table))
        return;
    for (ULONG each = 0; each < table->NumEntries; each++) {
        MIB_IF_ROW2 *row = &table->Table[each];
        in[0] += row->InOctets, in[1] += row->InUcastPkts, in[2] += row->InNUcastPkts;
        in[3] += row->InDiscards, in[4] += row->InErrors;
        out[0] += row->OutOctets, out[1] += row->OutUcastPkts, out[2] += row->OutNUcastPkts;
        out[3] += row->OutDiscards, out[4] += row->OutErrors;
    }
    FreeMibTable(table);
    static const wchar_t *const names[] = {L"Bytes", L"Unicast packets", L"Non-unicast packets", L"Discards", L"Errors"};
    say(L"Interface Statistics\n\n                           Received            Sent\n\n");
    for (size_t each = 0; each < LENGTH(names); each++)
        say(L"%-20ls %14llu %15llu\n", names[each], in[each], out[each]);
}

static void count(const wchar_t *name, DWORD value) { say(L"  %-34ls = %lu\n", name, value); }

static void print_ip(ULONG family, const wchar_t *title) {
    MIB_IPSTATS ip;
    if (GetIpStatisticsEx(&ip, family))
        return;
    say(L"\n%ls Statistics\n\n", title);
    count(L"Packets Received", ip.dwInReceives);
    count(L"Received Header Errors", ip.dwInHdrErrors);
    count(L"Received Address Errors", ip.dwInAddrErrors);
    count(L"Datagrams Forwarded", ip.dwForwDatagrams);
    count(L"Unknown Protocols Received", ip.dwInUnknownProtos);
    count(L"Received Packets Discarded", ip.dwInDiscards);
    count(L"Received Packets Delivered", ip.dwInDelivers);
    count(L"Output Requests", ip.dwOutRequests);
    count(L"Routing Discards", ip.dwRoutingDiscards);
    count(L"Discarded Output Packets", ip.dwOutDiscards);
    count(L"Output Packet No Route", ip.dwOutNoRoutes);
    count(L"Reassembly Required", ip.dwReasmReqds);
    count(L"Reassembly Successful", ip.dwReasmOks);
    count(L"Reassembly Failures", ip.dwReasmFails);
    count(L"Datagrams Successfully Fragmented", ip.dwFragOks);
    count(L"Datagrams Failing Fragmentation", ip.dwFragFails);
    count(L"Fragments Created", ip.dwFragCreates);
}

static void print_tcp_statistics(ULONG family, const wchar_t *title) {
    MIB_TCPSTATS tcp;
    if (GetTcpStatisticsEx(&tcp, family))
        return;
    say(L"\nTCP Statistics for %ls\n\n", title);
    count(L"Active Opens", tcp.dwActiveOpens);
    count(L"Passive Opens", tcp.dwPassiveOpens);
    count(L"Failed Connection Attempts", tcp.dwAttemptFails);
    count(L"Reset Connections", tcp.dwEstabResets);
    count(L"Current Connections", tcp.dwCurrEstab);
    count(L"Segments Received", tcp.dwInSegs);
    count(L"Segments Sent", tcp.dwOutSegs);
    count(L"Segments Retransmitted", tcp.dwRetransSegs);
}

static void print_udp_statistics(ULONG family, const wchar_t *title) {
    MIB_UDPSTATS udp;
    if (GetUdpStatisticsEx(&udp, family))
        return;
    say(L"\nUDP Statistics for %ls\n\n", title);
    count(L"Datagrams Received", udp.dwInDatagrams);
    count(L"No Ports", udp.dwNoPorts);
    count(L"Receive Errors", udp.dwInErrors);
    count(L"Datagrams Sent", udp.dwOutDatagrams);
}

static void print_icmp(void) {
    MIB_ICMP icmp;
    if (GetIcmpStatistics(&icmp))
        return;
    say(L"\nICMPv4 Statistics\n\n                            Received    Sent\n");
    say(L"  %-25ls %-10lu  %lu\n", L"Messages", icmp.stats.icmpInStats.dwMsgs, icmp.stats.icmpOutStats.dwMsgs);
    say(L"  %-25ls %-10lu  %lu\n", L"Errors", icmp.stats.icmpInStats.dwErrors, icmp.stats.icmpOutStats.dwErrors);
    say(L"  %-25ls %-10lu  %lu\n", L"Destination Unreachable", icmp.stats.icmpInStats.dwDestUnreachs,
        icmp.stats.icmpOutStats.dwDestUnreachs);
    say(L"  %-25ls %-10lu  %lu\n", L"Time Exceeded", icmp.stats.icmpInStats.dwTimeExcds,
        icmp.stats.icmpOutStats.dwTimeExcds);
    say(L"  %-25ls %-10lu  %lu\n", L"Echos", icmp.stats.icmpInStats.dwEchos, icmp.stats.icmpOutStats.dwEchos);
    say(L"  %-25ls %-10lu  %lu\n", L"Echo Replies", icmp.stats.icmpInStats.dwEchoReps,
        icmp.stats.icmpOutStats.dwEchoReps);
}

static void print_statistics(void) {
    if (wants(L"ip"))
        print_ip(AF_INET, L"IPv4");
    if (wants(L"ipv6"))
        print_ip(AF_INET6, L"IPv6");
    if (wants(L"icmp"))
        print_icmp();
    if (wants(L"tcp"))
        print_tcp_statistics(AF_INET, L"IPv4");
    if (wants(L"tcpv6"))
        print_tcp_statistics(AF_INET6, L"IPv6");
    if (wants(L"udp"))
        print_udp_statistics(AF_INET, L"IPv4");
    if (wants(L"udpv6"))
        print_udp_statistics(AF_INET6, L"IPv6");
}

int wmain(int count, wchar_t **words) {
    static const wchar_t *const known[] = {L"ip", L"ipv6", L"icmp", L"icmpv6", L"tcp", L"tcpv6", L"udp", L"udpv6"};
    int interfaces = 0, routes = 0, statistics = 0, is_known = 0;
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    for (int each = 1; each < count; each++) {
        if (*words[each] != L'-' && *words[each] != L'/')
            return usage();
        for (const wchar_t *letter = words[each] + 1; *letter; letter++)
            switch (towlower(*letter)) {
            case L'a': all = 1; break;
            case L'b': programs = 1; break;
            case L'e': interfaces = 1; break;
            case L'n': numeric = 1; break;
            case L'o': owners = 1; break;
            case L'r': routes = 1; break;
            case L's': statistics = 1; break;
            case L'p':
                if (letter[1] || each + 1 >= count)
                    return usage();
                protocol = words[++each];
                letter = L"p";
                break;
            default: return usage();
            }
    }
    for (size_t each = 0; protocol && each < LENGTH(known); each++)
        is_known |= !_wcsicmp(protocol, known[each]);
    if (protocol && !is_known)
        return usage();
    if (routes) {
        print_interface_list();
        print_ipv4_routes(NULL);
        print_ipv6_routes(NULL);
    }
    if (interfaces)
        print_interfaces();
    if (statistics)
        print_statistics();
    if (!routes && !interfaces && !statistics)
        print_connections();
    return 0;
}
