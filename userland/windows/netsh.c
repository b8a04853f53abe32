/* netsh: the part of it that shows and changes addresses, routes and neighbours (`netsh interface ipv4 ...`).
 * Source: Netsh interface commands (learn.microsoft.com/windows-server/administration/windows-commands/netsh-interface). */
#include "network.h"

static ADDRESS_FAMILY family;

static int usage(void) {
    complain(L"\nUsage: netsh interface show interface [interface]\n"
             L"       netsh interface set interface interface admin=enabled|disabled\n"
             L"       netsh interface ip|ipv4|ipv6 command\n\n"
             L"  show addresses|config|dnsservers|interfaces [interface]\n"
             L"  show neighbors|route [interface]\n"
             L"  add address interface address[/length] [mask] [gateway]\n"
             L"  set address interface static address[/length] [mask] [gateway]\n"
             L"  delete address interface address\n"
             L"  add route prefix/length interface [gateway] [metric=number]\n"
             L"  delete route prefix/length interface [gateway]\n\n"
             L"A word may be written as name=value too. Nothing else of netsh is here.\n");
    return 1;
}

static int not_found(int count, wchar_t **words) {
    complain(L"The following command was not found:");
    for (int each = 1; each < count; each++)
        complain(L" %ls", words[each]);
    complain(L".\n");
    return 1;
}

static int refuse(DWORD error) {
    complain(L"%ls\n\n", error_text(error));
    return 1;
}

/* ---- words: in their order, or as name=value */

struct values {
    const wchar_t *const *names;
    const wchar_t *found[8];
};

/* Take words for the names in their order, but for those that say which they are; 0 when one is too many. */
static int read_values(int count, wchar_t **words, struct values *values) {
    int next = 0;
    for (int each = 0; each < count; each++) {
        const wchar_t *equals = wcschr(words[each], L'=');
        int place = -1, number = 0;
        for (; equals && values->names[number]; number++)
            if ((size_t)(equals - words[each]) == wcslen(values->names[number]) &&
                !_wcsnicmp(words[each], values->names[number], equals - words[each]))
                place = number;
        if (equals && place < 0)
            return 0;
        while (!equals && values->names[next] && values->found[next])
            next++;
        place = equals ? place : next;
        if (!values->names[place])
            return 0;
        values->found[place] = equals ? equals + 1 : words[each];
    }
    return 1;
}

/* The interface that a word means; 0 after a message. */
static NET_IFINDEX need_interface(const wchar_t *word) {
    NET_IFINDEX index = word ? interface_of(word) : 0;
    if (!index)
        complain(L"The filename, directory name, or volume label syntax is incorrect.\n\n");
    return index;
}

/* ---- what is shown */

/* The adapters with their addresses of the family, to be freed; NULL after a message. */
static IP_ADAPTER_ADDRESSES *adapters(void) {
    ULONG size = 1 << 15, error = ERROR_BUFFER_OVERFLOW;
    IP_ADAPTER_ADDRESSES *found = NULL;
    for (int tries = 0; tries < 4 && error == ERROR_BUFFER_OVERFLOW; tries++) {
        free(found);
        found = malloc(size);
        error = found ? GetAdaptersAddresses(family, GAA_FLAG_INCLUDE_GATEWAYS, NULL, found, &size) : ERROR_OUTOFMEMORY;
    }
    if (!error)
        return found;
    free(found);
    refuse(error);
    return NULL;
}

/* The index of an adapter, which not every implementation tells for IPv6 too. */
static NET_IFINDEX index_in(const IP_ADAPTER_ADDRESSES *adapter) {
    return family == AF_INET6 && adapter->Ipv6IfIndex ? adapter->Ipv6IfIndex : adapter->IfIndex;
}

/* The metric of an adapter, 0 when it has none. */
static ULONG metric_of(const IP_ADAPTER_ADDRESSES *adapter) {
    ULONG metric = family == AF_INET ? adapter->Ipv4Metric : adapter->Ipv6Metric;
    return metric == 0xFFFFFFFF ? 0 : metric;
}

static int show_interfaces(NET_IFINDEX only) {
    IP_ADAPTER_ADDRESSES *all = adapters();
    say(L"\nIdx     Met         MTU          State                Name\n"
        L"---  ----------  ----------  ------------  ---------------------------\n");
    for (IP_ADAPTER_ADDRESSES *each = all; each; each = each->Next) {
        if (only && index_in(each) != only)
            continue;
        say(L"%3lu  %10lu  %10lu  %-12ls  %ls\n", index_in(each), metric_of(each), each->Mtu,
            each->OperStatus == IfOperStatusUp ? L"connected" : L"disconnected", each->FriendlyName);
    }
    say(L"\n");
    free(all);
    return all == NULL;
}

static const wchar_t *socket_text(const SOCKET_ADDRESS *address) {
    return text_of((const SOCKADDR_INET *)address->lpSockaddr);
}

static void print_ipv4_address(const IP_ADAPTER_UNICAST_ADDRESS *address) {
    SOCKADDR_INET net = *(SOCKADDR_INET *)address->Address.lpSockaddr, mask = ipv4(mask_of(address->OnLinkPrefixLength));
    say(L"    IP Address:                           %ls\n", socket_text(&address->Address));
    net.Ipv4.sin_addr.s_addr &= mask.Ipv4.sin_addr.s_addr;
    say(L"    Subnet Prefix:                        %ls/%u (mask %ls)\n", text_of(&net), address->OnLinkPrefixLength,
        text_of(&mask));
}

static void print_servers(const IP_ADAPTER_ADDRESSES *adapter) {
    const wchar_t *title = L"Statically Configured DNS Servers:    ";
    if (!adapter->FirstDnsServerAddress)
        say(L"    %lsNone\n", title);
    for (IP_ADAPTER_DNS_SERVER_ADDRESS *each = adapter->FirstDnsServerAddress; each; each = each->Next, title = NULL)
        say(L"    %-38ls%ls\n", title ? title : L"", socket_text(&each->Address));
}

static void print_ipv4_adapter(const IP_ADAPTER_ADDRESSES *adapter) {
    say(L"    DHCP enabled:                         %ls\n", adapter->Flags & IP_ADAPTER_DHCP_ENABLED ? L"Yes" : L"No");
    for (IP_ADAPTER_UNICAST_ADDRESS *each = adapter->FirstUnicastAddress; each; each = each->Next)
        print_ipv4_address(each);
    for (IP_ADAPTER_GATEWAY_ADDRESS *each = adapter->FirstGatewayAddress; each; each = each->Next)
        say(L"    Default Gateway:                      %ls\n", socket_text(&each->Address));
    say(L"    InterfaceMetric:                      %lu\n", metric_of(adapter));
}

static int show_ipv4(NET_IFINDEX only, int with_addresses, int with_servers) {
    IP_ADAPTER_ADDRESSES *all = adapters();
    for (IP_ADAPTER_ADDRESSES *each = all; each; each = each->Next) {
        if (only && index_in(each) != only)
            continue;
        say(L"\nConfiguration for interface \"%ls\"\n", each->FriendlyName);
        if (with_addresses)
            print_ipv4_adapter(each);
        if (with_servers)
            print_servers(each);
    }
    say(L"\n");
    free(all);
    return all == NULL;
}

static int show_ipv6(NET_IFINDEX only, int with_servers) {
    IP_ADAPTER_ADDRESSES *all = adapters();
    for (IP_ADAPTER_ADDRESSES *each = all; each; each = each->Next) {
        if (only && index_in(each) != only)
            continue;
        say(L"\nInterface %lu: %ls\n\n", index_in(each), each->FriendlyName);
        if (with_servers)
            print_servers(each);
        else {
            say(L"Addr Type  DAD State   Valid Life Pref. Life Address\n"
                L"---------  ----------- ---------- ---------- ------------------------\n");
            for (IP_ADAPTER_UNICAST_ADDRESS *own = each->FirstUnicastAddress; own; own = own->Next)
                say(L"%-9ls  %-11ls %10ls %10ls %ls\n", own->PrefixOrigin == IpPrefixOriginManual ? L"Manual" : L"Other",
                    own->DadState == IpDadStatePreferred ? L"Preferred" : L"Tentative", L"infinite", L"infinite",
                    socket_text(&own->Address));
        }
    }
    say(L"\n");
    free(all);
    return all == NULL;
}

static int show_routes(NET_IFINDEX only) {
    MIB_IPFORWARD_TABLE2 *table = routes_of(family);
    say(L"\nPublish  Type      Met  Prefix                    Idx  Gateway/Interface Name\n"
        L"-------  --------  ---  ------------------------  ---  ------------------------\n");
    for (ULONG each = 0; table && each < table->NumEntries; each++) {
        MIB_IPFORWARD_ROW2 *row = &table->Table[each];
        wchar_t prefix[TEXT_ROOM + 8];
        _snwprintf(prefix, LENGTH(prefix), L"%ls/%u", text_of(&row->DestinationPrefix.Prefix),
                   row->DestinationPrefix.PrefixLength);
        if (!only || row->InterfaceIndex == only)
            say(L"%-7ls  %-8ls  %3lu  %-24ls  %3lu  %ls\n", row->Publish ? L"Yes" : L"No",
                row->Protocol == MIB_IPPROTO_NETMGMT ? L"Manual" : L"System", row->Metric, prefix, row->InterfaceIndex,
                is_any(&row->NextHop) ? alias_of(row->InterfaceIndex) : text_of(&row->NextHop));
    }
    say(L"\n");
    FreeMibTable(table);
    return 0;
}

static const wchar_t *neighbour_text(NL_NEIGHBOR_STATE state) {
    static const wchar_t *const texts[] = {L"Unreachable", L"Incomplete", L"Probe", L"Delay",
                                           L"Stale",       L"Reachable",  L"Permanent"};
    return (unsigned)state < LENGTH(texts) ? texts[state] : L"";
}

static int show_neighbours(NET_IFINDEX only) {
    MIB_IPNET_TABLE2 *table = NULL;
    NET_IFINDEX before = 0;
    DWORD error = GetIpNetTable2(family, &table);
    if (error)
        return refuse(error);
    for (ULONG each = 0; each < table->NumEntries; each++) {
        MIB_IPNET_ROW2 *row = &table->Table[each];
        if (only && row->InterfaceIndex != only)
            continue;
        if (row->InterfaceIndex != before)
            say(L"\nInterface %lu: %ls\n\n"
                L"Internet Address                              Physical Address   Type\n"
                L"--------------------------------------------  -----------------  -----------\n",
                row->InterfaceIndex, alias_of(row->InterfaceIndex));
        before = row->InterfaceIndex;
        say(L"%-44ls  %-17ls  %ls\n", text_of(&row->Address),
            hardware_text(row->PhysicalAddress, row->PhysicalAddressLength, L'-'), neighbour_text(row->State));
    }
    say(L"\n");
    FreeMibTable(table);
    return 0;
}

static int show(int count, wchar_t **words) {
    static const wchar_t *const names[] = {L"interface", NULL};
    struct values values = {names, {0}};
    NET_IFINDEX only = 0;
    if (count < 1 || !read_values(count - 1, words + 1, &values))
        return -1;
    if (values.found[0] && !(only = need_interface(values.found[0])))
        return 1;
    if (!_wcsicmp(*words, L"interfaces") || !_wcsicmp(*words, L"interface"))
        return show_interfaces(only);
    if (!_wcsicmp(*words, L"route") || !_wcsicmp(*words, L"routes"))
        return show_routes(only);
    if (!_wcsicmp(*words, L"neighbors") || !_wcsicmp(*words, L"neighbours"))
        return show_neighbours(only);
    int addresses = !_wcsicmp(*words, L"addresses") || !_wcsicmp(*words, L"address");
    int servers = !_wcsicmp(*words, L"dnsservers"), both = !_wcsicmp(*words, L"config");
    if (!addresses && !servers && !both)
        return -1;
    return family == AF_INET ? show_ipv4(only, addresses || both, servers || both) : show_ipv6(only, servers);
}

/* ---- what is changed */

/* Read an address with its length, which a mask may tell; 0 after a message. */
static int read_own(const wchar_t *word, const wchar_t *mask, MIB_UNICASTIPADDRESS_ROW *row) {
    SOCKADDR_INET bits;
    int length;
    if (!word || !read_prefix(word, &row->Address, &row->OnLinkPrefixLength) || row->Address.si_family != family)
        return complain(L"The parameter is incorrect.\n\n"), 0;
    if (family == AF_INET6 && !wcschr(word, L'/'))
        row->OnLinkPrefixLength = 64;
    if (mask) {
        length = read_host(mask, &bits) && bits.si_family == AF_INET ? length_of(bits.Ipv4.sin_addr.s_addr) : -1;
        if (length < 0)
            return complain(L"Invalid mask parameter (%ls).\n\n", mask), 0;
        row->OnLinkPrefixLength = (UINT8)length;
    }
    return 1;
}

/* Have an interface lead to a gateway. Without a metric that is said, another interface's way to everywhere is preferred. */
static DWORD add_gateway(NET_IFINDEX index, const SOCKADDR_INET *gateway, const wchar_t *metric) {
    MIB_IPFORWARD_ROW2 row = {0};
    unsigned long number = 0;
    row.InterfaceIndex = index;
    row.DestinationPrefix.Prefix.si_family = family;
    row.NextHop = *gateway;
    if (metric && !read_number(metric, 9999, &number))
        return ERROR_INVALID_PARAMETER;
    row.Metric = number;
    row.ValidLifetime = row.PreferredLifetime = 0xFFFFFFFF;
    row.Protocol = MIB_IPPROTO_NETMGMT;
    DWORD error = with_route("CreateIpForwardEntry2", &row);
    if (error != ERROR_OBJECT_ALREADY_EXISTS || metric)
        return error;
    row.Metric = index;
    return with_route("CreateIpForwardEntry2", &row);
}

/* Take the ways to everywhere away that an interface has. */
static DWORD remove_gateways(NET_IFINDEX index) {
    MIB_IPFORWARD_TABLE2 *table = routes_of(family);
    DWORD error = NO_ERROR;
    for (ULONG each = 0; table && !error && each < table->NumEntries; each++) {
        MIB_IPFORWARD_ROW2 *row = &table->Table[each];
        if (row->InterfaceIndex == index && !row->DestinationPrefix.PrefixLength && !is_any(&row->NextHop))
            error = with_route("DeleteIpForwardEntry2", row);
    }
    FreeMibTable(table);
    return error;
}

/* Take the addresses away that an interface has, but one. */
static DWORD remove_others(const MIB_UNICASTIPADDRESS_ROW *kept) {
    MIB_UNICASTIPADDRESS_TABLE *table = NULL;
    DWORD error = GetUnicastIpAddressTable(family, &table);
    for (ULONG each = 0; !error && each < table->NumEntries; each++) {
        MIB_UNICASTIPADDRESS_ROW *row = &table->Table[each];
        if (row->InterfaceIndex == kept->InterfaceIndex &&
            memcmp(host_of(&row->Address), host_of(&kept->Address), family == AF_INET ? 4 : 16))
            error = with_address("DeleteUnicastIpAddressEntry", row);
    }
    FreeMibTable(table);
    return error;
}

/* Give the interface that is named first an address, which the words from `at` on tell, with its mask, gateway and metric. */
static int add_address(const struct values *values, int at, int alone) {
    const wchar_t *const *words = values->found + at, *gateway = words[2];
    MIB_UNICASTIPADDRESS_ROW row = {0};
    SOCKADDR_INET way;
    if (!(row.InterfaceIndex = need_interface(values->found[0])) || !read_own(words[0], words[1], &row))
        return 1;
    if (gateway && !_wcsicmp(gateway, L"none"))
        gateway = NULL;
    if (gateway && (!read_host(gateway, &way) || way.si_family != family))
        return complain(L"Invalid gateway parameter (%ls).\n\n", gateway), 1;
    row.ValidLifetime = row.PreferredLifetime = 0xFFFFFFFF;
    DWORD error = with_address("CreateUnicastIpAddressEntry", &row);
    if (alone && error == ERROR_OBJECT_ALREADY_EXISTS)
        error = NO_ERROR;
    if (!error && alone && !(error = remove_gateways(row.InterfaceIndex)))
        error = remove_others(&row);
    if (!error && gateway)
        error = add_gateway(row.InterfaceIndex, &way, words[3]);
    if (error)
        return refuse(error);
    say(L"\n");
    return 0;
}

static int change_address(const wchar_t *what, int count, wchar_t **words) {
    static const wchar_t *const added[] = {L"name", L"address", L"mask", L"gateway", L"gwmetric", NULL};
    static const wchar_t *const added_6[] = {L"interface", L"address", NULL};
    static const wchar_t *const set[] = {L"name", L"source", L"address", L"mask", L"gateway", L"gwmetric", NULL};
    struct values values = {family == AF_INET6 ? added_6 : !_wcsicmp(what, L"set") ? set : added, {0}};
    MIB_UNICASTIPADDRESS_ROW row = {0};
    if (!read_values(count, words, &values))
        return -1;
    if (!_wcsicmp(what, L"delete")) {
        if (!(row.InterfaceIndex = need_interface(values.found[0])) || !read_own(values.found[1], NULL, &row))
            return 1;
        DWORD error = with_address("DeleteUnicastIpAddressEntry", &row);
        return error ? refuse(error) : (say(L"\n"), 0);
    }
    if (values.names != set)
        return add_address(&values, 1, !_wcsicmp(what, L"set"));
    if (!values.found[1] || _wcsicmp(values.found[1], L"static"))
        return complain(L"Only addresses that are static are set here.\n\n"), 1;
    return add_address(&values, 2, 1);
}

static int change_route(const wchar_t *what, int count, wchar_t **words) {
    static const wchar_t *const names[] = {L"prefix", L"interface", L"nexthop", L"metric", NULL};
    struct values values = {names, {0}};
    MIB_IPFORWARD_ROW2 row = {0};
    unsigned long metric = 1;
    IP_ADDRESS_PREFIX *prefix = &row.DestinationPrefix;
    if (!read_values(count, words, &values) || !_wcsicmp(what, L"set"))
        return -1;
    if (!(row.InterfaceIndex = need_interface(values.found[1])))
        return 1;
    if (!read_prefix(values.found[0], &prefix->Prefix, &prefix->PrefixLength) || prefix->Prefix.si_family != family ||
        (values.found[3] && !read_number(values.found[3], 9999, &metric)))
        return refuse(ERROR_INVALID_PARAMETER);
    row.NextHop.si_family = family;
    if (values.found[2] && (!read_host(values.found[2], &row.NextHop) || row.NextHop.si_family != family))
        return refuse(ERROR_INVALID_PARAMETER);
    row.Metric = metric;
    row.ValidLifetime = row.PreferredLifetime = 0xFFFFFFFF;
    row.Protocol = MIB_IPPROTO_NETMGMT;
    DWORD error = with_route(!_wcsicmp(what, L"add") ? "CreateIpForwardEntry2" : "DeleteIpForwardEntry2", &row);
    if (error)
        return refuse(error);
    say(L"Ok.\n\n");
    return 0;
}

/* ---- interfaces, whatever addresses they have */

static int show_states(const wchar_t *only) {
    MIB_IF_TABLE2 *table = NULL;
    NET_IFINDEX index = 0;
    if (only && !(index = need_interface(only)))
        return 1;
    DWORD error = GetIfTable2(&table);
    if (error)
        return refuse(error);
    say(L"\nAdmin State    State          Type             Interface Name\n"
        L"-------------------------------------------------------------------------\n");
    for (ULONG each = 0; each < table->NumEntries; each++) {
        const MIB_IF_ROW2 *row = &table->Table[each];
        if (!index || row->InterfaceIndex == index)
            say(L"%-13ls  %-13ls  %-15ls  %ls\n", row->AdminStatus == NET_IF_ADMIN_STATUS_UP ? L"Enabled" : L"Disabled",
                row->OperStatus == IfOperStatusUp ? L"Connected" : L"Disconnected",
                row->Type == IF_TYPE_SOFTWARE_LOOPBACK ? L"Loopback" : L"Dedicated", row->Alias);
    }
    say(L"\n");
    FreeMibTable(table);
    return 0;
}

/* Enable or disable an interface. */
static int set_state(int count, wchar_t **words) {
    static const wchar_t *const names[] = {L"name", L"admin", NULL};
    struct values values = {names, {0}};
    MIB_IFROW row = {0};
    if (!read_values(count, words, &values) || !values.found[1])
        return -1;
    if (_wcsicmp(values.found[1], L"enabled") && _wcsicmp(values.found[1], L"disabled"))
        return refuse(ERROR_INVALID_PARAMETER);
    if (!(row.dwIndex = need_interface(values.found[0])))
        return 1;
    row.dwAdminStatus = !_wcsicmp(values.found[1], L"enabled") ? MIB_IF_ADMIN_STATUS_UP : MIB_IF_ADMIN_STATUS_DOWN;
    DWORD error = SetIfEntry(&row);
    return error ? refuse(error) : (say(L"\n"), 0);
}

int wmain(int count, wchar_t **words) {
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    if (count > 3 && !_wcsicmp(words[1], L"interface") && !_wcsicmp(words[3], L"interface")) {
        int done = -1;
        if (!_wcsicmp(words[2], L"show") && count < 6)
            done = show_states(count == 5 ? words[4] : NULL);
        else if (!_wcsicmp(words[2], L"set"))
            done = set_state(count - 4, words + 4);
        return done < 0 ? not_found(count, words) : done;
    }
    if (count == 2 && (is_option(words[1], L"?") || !_wcsicmp(words[1], L"help")))
        return usage();
    if (count < 5 || _wcsicmp(words[1], L"interface"))
        return count > 1 ? not_found(count, words) : usage();
    family = !_wcsicmp(words[2], L"ipv6") ? AF_INET6 : AF_INET;
    if (family == AF_INET && _wcsicmp(words[2], L"ip") && _wcsicmp(words[2], L"ipv4"))
        return not_found(count, words);
    const wchar_t *verb = words[3];
    int result = -1, changes = !_wcsicmp(verb, L"add") || !_wcsicmp(verb, L"set") || !_wcsicmp(verb, L"delete");
    if (!_wcsicmp(verb, L"show"))
        result = show(count - 4, words + 4);
    else if (changes && !_wcsicmp(words[4], L"address"))
        result = change_address(verb, count - 5, words + 5);
    else if (changes && !_wcsicmp(words[4], L"route"))
        result = change_route(verb, count - 5, words + 5);
    return result < 0 ? not_found(count, words) : result;
}
