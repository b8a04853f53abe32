/* route: shows and changes the tables of routes.
 * Source: Windows commands, route (learn.microsoft.com/windows-server/administration/windows-commands/route_ws2008). */
#include "network.h"

struct asked {
    const wchar_t *command;
    const wchar_t *destination;
    const wchar_t *mask;
    const wchar_t *gateway;
    unsigned long metric, interface_index;
    int has_metric, only_4, only_6;
};

static int usage(void) {
    complain(L"\nManipulates network routing tables.\n\n"
             L"ROUTE [-4|-6] command [destination] [MASK netmask] [gateway] [METRIC metric] [IF interface]\n\n"
             L"  command    PRINT   shows routes; the destination may have * and ?\n"
             L"             ADD     adds a route\n"
             L"             DELETE  deletes routes\n"
             L"             CHANGE  changes the gateway or the metric of a route\n\n"
             L"Examples: route print 10.*\n"
             L"          route add 10.1.0.0 mask 255.255.0.0 192.168.1.1 metric 3 if 2\n"
             L"          route -6 add 2001:db8::/32 fe80::1 if 2\n"
             L"          route delete 10.1.0.0\n");
    return 1;
}

static int refuse(const wchar_t *what, const wchar_t *why) {
    complain(L"The route %ls failed: %ls\n", what, why);
    return 1;
}

static int print(const struct asked *asked) {
    int found = 0;
    print_interface_list();
    if (!asked->only_6)
        found += print_ipv4_routes(asked->destination);
    if (!asked->only_4)
        found += print_ipv6_routes(asked->destination);
    (void)found;
    return 0;
}

/* Whether a host lies within a prefix. */
static int is_within(const SOCKADDR_INET *host, const IP_ADDRESS_PREFIX *prefix) {
    const unsigned char *one = host_of(host), *other = host_of(&prefix->Prefix);
    for (unsigned bit = 0; bit < prefix->PrefixLength; bit++)
        if ((one[bit / 8] ^ other[bit / 8]) >> (7 - bit % 8) & 1)
            return 0;
    return 1;
}

/* The interface through which a gateway is reached, by the longest prefix that it lies within; 0 when there is none. */
static NET_IFINDEX way_to(const SOCKADDR_INET *gateway) {
    MIB_IPFORWARD_TABLE2 *table = routes_of(gateway->si_family);
    NET_IFINDEX found = 0;
    int longest = -1;
    for (ULONG each = 0; table && each < table->NumEntries; each++) {
        MIB_IPFORWARD_ROW2 *row = &table->Table[each];
        if (is_within(gateway, &row->DestinationPrefix) && row->DestinationPrefix.PrefixLength > longest) {
            longest = row->DestinationPrefix.PrefixLength;
            found = row->InterfaceIndex;
        }
    }
    FreeMibTable(table);
    return found;
}

/* Fill a row from the words; 0 after a message. */
static int read_row(const struct asked *asked, MIB_IPFORWARD_ROW2 *row, const wchar_t *what) {
    IP_ADDRESS_PREFIX *prefix = &row->DestinationPrefix;
    SOCKADDR_INET mask;
    memset(row, 0, sizeof *row);
    if (!asked->destination || !read_prefix(asked->destination, &prefix->Prefix, &prefix->PrefixLength))
        return refuse(what, L"The parameter is incorrect."), 0;
    if (asked->mask) {
        int length = read_host(asked->mask, &mask) && mask.si_family == AF_INET && prefix->Prefix.si_family == AF_INET
                         ? length_of(mask.Ipv4.sin_addr.s_addr) : -1;
        if (length < 0)
            return complain(L"route: bad netmask %ls\n", asked->mask), 0;
        prefix->PrefixLength = (UINT8)length;
    } else if (!wcschr(asked->destination, L'/') && is_any(&prefix->Prefix))
        prefix->PrefixLength = 0;
    if (!is_prefix(&prefix->Prefix, prefix->PrefixLength))
        return refuse(what, L"The specified mask parameter is invalid. (Destination & Mask) != Destination."), 0;
    row->NextHop.si_family = prefix->Prefix.si_family;
    if (asked->gateway && (!read_host(asked->gateway, &row->NextHop) || row->NextHop.si_family != prefix->Prefix.si_family))
        return complain(L"route: bad gateway address %ls\n", asked->gateway), 0;
    row->InterfaceIndex = asked->interface_index;
    row->Metric = asked->has_metric ? asked->metric : 1;
    row->Protocol = MIB_IPPROTO_NETMGMT;
    row->ValidLifetime = row->PreferredLifetime = 0xFFFFFFFF;
    row->Immortal = TRUE;
    return 1;
}

static int done(DWORD error, const wchar_t *what) {
    if (error)
        return refuse(what, error_text(error));
    say(L" OK!\n");
    return 0;
}

static int add(const struct asked *asked) {
    MIB_IPFORWARD_ROW2 row;
    if (!asked->gateway)
        return usage();
    if (!read_row(asked, &row, L"addition"))
        return 1;
    if (!row.InterfaceIndex && !(row.InterfaceIndex = way_to(&row.NextHop)))
        return refuse(L"addition", L"Either the interface index is wrong or the gateway does not lie on the same network "
                                   L"as the interface.");
    return done(with_route("CreateIpForwardEntry2", &row), L"addition");
}

/* Whether a route of the table is one of those that are meant. */
static int is_meant(const MIB_IPFORWARD_ROW2 *row, const MIB_IPFORWARD_ROW2 *wanted, const struct asked *asked) {
    if (row->DestinationPrefix.Prefix.si_family != wanted->DestinationPrefix.Prefix.si_family || row->Loopback)
        return 0;
    if (memcmp(host_of(&row->DestinationPrefix.Prefix), host_of(&wanted->DestinationPrefix.Prefix),
               row->DestinationPrefix.Prefix.si_family == AF_INET ? 4 : 16))
        return 0;
    if ((asked->mask || wcschr(asked->destination, L'/')) &&
        row->DestinationPrefix.PrefixLength != wanted->DestinationPrefix.PrefixLength)
        return 0;
    if (asked->gateway && _wcsicmp(asked->command, L"change") && memcmp(host_of(&row->NextHop), host_of(&wanted->NextHop), row->NextHop.si_family == AF_INET ? 4 : 16))
        return 0;
    return !asked->interface_index || row->InterfaceIndex == asked->interface_index;
}

/* Put a route in the place of another; the old one stays when the new one cannot be. */
static DWORD exchange(MIB_IPFORWARD_ROW2 *before, const MIB_IPFORWARD_ROW2 *wanted, const struct asked *asked) {
    MIB_IPFORWARD_ROW2 after = *before;
    if (asked->gateway) {
        after.NextHop = wanted->NextHop;
        if (!asked->interface_index && !(after.InterfaceIndex = way_to(&after.NextHop)))
            return ERROR_INVALID_PARAMETER;
        after.InterfaceLuid.Value = 0;
    }
    if (asked->has_metric)
        after.Metric = asked->metric;
    DWORD error = with_route("DeleteIpForwardEntry2", before);
    if (!error && (error = with_route("CreateIpForwardEntry2", &after)))
        with_route("CreateIpForwardEntry2", before);
    return error;
}

/* Delete or change the routes that are meant. */
static int each_meant(const struct asked *asked, const wchar_t *what) {
    MIB_IPFORWARD_ROW2 wanted;
    DWORD error = ERROR_NOT_FOUND;
    int changes = !_wcsicmp(asked->command, L"change");
    if (!read_row(asked, &wanted, what))
        return 1;
    MIB_IPFORWARD_TABLE2 *table = routes_of(wanted.DestinationPrefix.Prefix.si_family);
    for (ULONG each = 0; table && each < table->NumEntries && (!error || error == ERROR_NOT_FOUND); each++) {
        MIB_IPFORWARD_ROW2 *row = &table->Table[each];
        if (is_meant(row, &wanted, asked))
            error = changes ? exchange(row, &wanted, asked) : with_route("DeleteIpForwardEntry2", row);
    }
    FreeMibTable(table);
    return done(error, what);
}

/* Take the words apart; 0 when they cannot be. */
static int read_words(int count, wchar_t **words, struct asked *asked) {
    for (int each = 1; each < count; each++) {
        const wchar_t *word = words[each], *next = each + 1 < count ? words[each + 1] : NULL;
        if (is_option(word, L"4"))
            asked->only_4 = 1;
        else if (is_option(word, L"6"))
            asked->only_6 = 1;
        else if (is_option(word, L"p"))
            return complain(L"route: no route is kept for the next start: -p is not supported\n"), 0;
        else if (*word == L'-' || *word == L'/')
            return complain(L"route: bad option %ls\n", word), 0;
        else if (!asked->command)
            asked->command = word;
        else if (next && !_wcsicmp(word, L"mask"))
            asked->mask = words[++each];
        else if (next && !_wcsicmp(word, L"metric")) {
            if (!read_number(words[++each], 9999, &asked->metric))
                return 0;
            asked->has_metric = 1;
        } else if (next && !_wcsicmp(word, L"if")) {
            if (!(asked->interface_index = interface_of(words[++each])))
                return complain(L"route: bad argument %ls\n", words[each]), 0;
        } else if (!asked->destination)
            asked->destination = word;
        else if (!asked->gateway)
            asked->gateway = word;
        else
            return 0;
    }
    return asked->command != NULL;
}

int wmain(int count, wchar_t **words) {
    struct asked asked = {0};
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    if (!read_words(count, words, &asked))
        return usage();
    if (!_wcsicmp(asked.command, L"print"))
        return print(&asked);
    if (!_wcsicmp(asked.command, L"add"))
        return add(&asked);
    if (!_wcsicmp(asked.command, L"delete"))
        return asked.destination ? each_meant(&asked, L"deletion") : usage();
    if (!_wcsicmp(asked.command, L"change"))
        return asked.destination ? each_meant(&asked, L"change") : usage();
    return usage();
}
