/* ipconfig: shows the interfaces with their addresses, gateways and name servers.
 * Source: Windows commands, ipconfig (learn.microsoft.com/windows-server/administration/windows-commands/ipconfig). */
#include "network.h"

#define WIDTH 34 /* of a title with its dots */

static int everything;

static int usage(void) {
    complain(L"\nUSAGE:\n    ipconfig [/? | /all]\n\n"
             L"    /all   Shows hardware addresses and name servers too.\n\n"
             L"Leases (/release, /renew) and a cache of names (/flushdns, /displaydns, /registerdns) are not managed.\n");
    return 1;
}

/* One line: a title, dots as far as the others have them, a colon and the value. */
static void print_line(const wchar_t *title, const wchar_t *value) {
    wchar_t dots[WIDTH + 1];
    size_t at = 0;
    for (; at < WIDTH && title[at]; at++)
        dots[at] = title[at];
    for (; at < WIDTH; at++)
        dots[at] = at % 2 ? L' ' : L'.';
    dots[at] = 0;
    say(L"   %ls: %ls\n", dots, value);
}

/* One more value below a line's first. */
static void print_more(const wchar_t *value) { say(L"   %*ls%ls\n", WIDTH + 2, L"", value); }

static const wchar_t *yes(int is_so) { return is_so ? L"Yes" : L"No"; }

/* An address as text; one that is good on one link only has the link's number. */
static const wchar_t *address_text(const SOCKET_ADDRESS *given) {
    static wchar_t text[TEXT_ROOM + 12];
    const SOCKADDR_INET *address = (const SOCKADDR_INET *)given->lpSockaddr;
    if (address->si_family == AF_INET6 && address->Ipv6.sin6_scope_id)
        _snwprintf(text, LENGTH(text), L"%ls%%%lu", text_of(address), address->Ipv6.sin6_scope_id);
    else
        _snwprintf(text, LENGTH(text), L"%ls", text_of(address));
    return text;
}

static int print_machine(void) {
    static const wchar_t *const kinds[] = {L"Unknown", L"Broadcast", L"Peer-Peer", L"Mixed", L"Hybrid"};
    ULONG size = 0;
    GetNetworkParams(NULL, &size);
    FIXED_INFO *info = malloc(size += 1024);
    DWORD error = info ? GetNetworkParams(info, &size) : ERROR_OUTOFMEMORY;
    if (error)
        return complain(L"An error occurred: %ls\n", error_text(error)), 1;
    wchar_t text[300];
    _snwprintf(text, LENGTH(text), L"%hs", info->HostName);
    print_line(L"Host Name . ", text);
    _snwprintf(text, LENGTH(text), L"%hs", info->DomainName);
    print_line(L"Primary Dns Suffix  . ", text);
    print_line(L"Node Type . ", kinds[info->NodeType == 1 ? 1 : info->NodeType == 2 ? 2 : info->NodeType == 4 ? 3
                                      : info->NodeType == 8 ? 4 : 0]);
    print_line(L"IP Routing Enabled. ", yes(info->EnableRouting));
    print_line(L"WINS Proxy Enabled. ", yes(info->EnableProxy));
    free(info);
    return 0;
}

static const wchar_t *kind_text(IFTYPE type) {
    switch (type) {
    case IF_TYPE_ETHERNET_CSMACD: return L"Ethernet adapter";
    case IF_TYPE_SOFTWARE_LOOPBACK: return L"Loopback adapter";
    case IF_TYPE_IEEE80211: return L"Wireless LAN adapter";
    case IF_TYPE_TUNNEL: return L"Tunnel adapter";
    case IF_TYPE_PPP: return L"PPP adapter";
    default: return L"Unknown adapter";
    }
}

static void print_address(const IP_ADAPTER_UNICAST_ADDRESS *own) {
    const SOCKADDR_INET *address = (const SOCKADDR_INET *)own->Address.lpSockaddr;
    if (address->si_family == AF_INET6) {
        int is_local = IN6_IS_ADDR_LINKLOCAL(&address->Ipv6.sin6_addr);
        print_line(is_local ? L"Link-local IPv6 Address . " : L"IPv6 Address. ", address_text(&own->Address));
        return;
    }
    SOCKADDR_INET mask = ipv4(mask_of(own->OnLinkPrefixLength));
    print_line(L"IPv4 Address. ", address_text(&own->Address));
    print_line(L"Subnet Mask . ", text_of(&mask));
}

static void print_ways(const IP_ADAPTER_ADDRESSES *adapter) {
    const IP_ADAPTER_GATEWAY_ADDRESS *way = adapter->FirstGatewayAddress;
    print_line(L"Default Gateway . ", way ? address_text(&way->Address) : L"");
    while (way && (way = way->Next))
        print_more(address_text(&way->Address));
    const IP_ADAPTER_DNS_SERVER_ADDRESS *server = adapter->FirstDnsServerAddress;
    if (!everything || !server)
        return;
    print_line(L"DNS Servers . ", address_text(&server->Address));
    while ((server = server->Next))
        print_more(address_text(&server->Address));
}

static void print_adapter(const IP_ADAPTER_ADDRESSES *adapter) {
    int is_up = adapter->OperStatus == IfOperStatusUp;
    say(L"\n%ls %ls:\n\n", kind_text(adapter->IfType), adapter->FriendlyName);
    if (!is_up)
        print_line(L"Media State . ", L"Media disconnected");
    print_line(L"Connection-specific DNS Suffix  . ", adapter->DnsSuffix ? adapter->DnsSuffix : L"");
    if (everything) {
        wchar_t hardware[3 * MAX_ADAPTER_ADDRESS_LENGTH + 1];
        wcscpy(hardware, hardware_text(adapter->PhysicalAddress, adapter->PhysicalAddressLength, L'-'));
        print_line(L"Description . ", adapter->Description);
        print_line(L"Physical Address. ", _wcsupr(hardware));
        print_line(L"DHCP Enabled. ", yes(adapter->Flags & IP_ADAPTER_DHCP_ENABLED));
    }
    for (const IP_ADAPTER_UNICAST_ADDRESS *own = adapter->FirstUnicastAddress; own; own = own->Next)
        print_address(own);
    if (is_up)
        print_ways(adapter);
}

/* Every adapter, to be freed; NULL after a message. */
static IP_ADAPTER_ADDRESSES *adapters(void) {
    ULONG size = 1 << 15, error = ERROR_BUFFER_OVERFLOW;
    IP_ADAPTER_ADDRESSES *found = NULL;
    for (int tries = 0; tries < 4 && error == ERROR_BUFFER_OVERFLOW; tries++) {
        free(found);
        found = malloc(size);
        error = found ? GetAdaptersAddresses(AF_UNSPEC, GAA_FLAG_INCLUDE_GATEWAYS, NULL, found, &size) : ERROR_OUTOFMEMORY;
    }
    if (error) {
        complain(L"An error occurred: %ls\n", error_text(error));
        free(found);
        return NULL;
    }
    return found;
}

static int show(void) {
    say(L"\nWindows IP Configuration\n\n");
    if (everything && print_machine())
        return 1;
    IP_ADAPTER_ADDRESSES *all = adapters();
    for (const IP_ADAPTER_ADDRESSES *each = all; each; each = each->Next)
        print_adapter(each);
    free(all);
    return all == NULL;
}

/* Say why a lease is neither given back nor renewed: there is none, or it is none of ours. */
static int refuse_lease(void) {
    IP_ADAPTER_ADDRESSES *all = adapters();
    int leased = 0;
    for (const IP_ADAPTER_ADDRESSES *each = all; each; each = each->Next)
        leased |= each->Flags & IP_ADAPTER_DHCP_ENABLED;
    if (all)
        complain(L"%ls\n", leased ? error_text(ERROR_NOT_SUPPORTED)
                                  : L"The operation failed as no adapter is in the state permissible for this operation.");
    free(all);
    return 1;
}

int wmain(int count, wchar_t **words) {
    static const wchar_t *const leases[] = {L"release", L"renew", L"release6", L"renew6"};
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    if (count == 1)
        return show();
    if (count == 2 && is_option(words[1], L"all"))
        return everything = 1, show();
    for (size_t each = 0; each < LENGTH(leases); each++)
        if (is_option(words[1], leases[each]))
            return refuse_lease();
    if (is_option(words[1], L"flushdns"))
        return complain(L"Could not flush the DNS Resolver Cache: %ls\n", error_text(ERROR_NOT_SUPPORTED)), 1;
    if (is_option(words[1], L"displaydns"))
        return complain(L"Could not display the DNS Resolver Cache: %ls\n", error_text(ERROR_NOT_SUPPORTED)), 1;
    if (is_option(words[1], L"registerdns"))
        return complain(L"Registration of DNS records failed: %ls\n", error_text(ERROR_NOT_SUPPORTED)), 1;
    if (!is_option(words[1], L"?"))
        complain(L"\nError: unrecognized or incomplete command line.\n");
    return usage();
}
