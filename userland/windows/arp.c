/* arp: shows and changes what is known of the hardware addresses of IPv4 neighbours.
 * Source: Windows commands, arp (learn.microsoft.com/windows-server/administration/windows-commands/arp). */
#include "network.h"

static int usage(void) {
    complain(L"\nDisplays and modifies the IP-to-Physical address translation tables.\n\n"
             L"ARP -a [inet_addr] [-N if_addr]      shows entries (-g is the same)\n"
             L"ARP -s inet_addr eth_addr [if_addr]  adds an entry that stays\n"
             L"ARP -d inet_addr [if_addr]           deletes an entry; * deletes all\n");
    return 1;
}

static const wchar_t *type_text(DWORD type) {
    switch (type) {
    case MIB_IPNET_TYPE_STATIC: return L"static";
    case MIB_IPNET_TYPE_DYNAMIC: return L"dynamic";
    case MIB_IPNET_TYPE_INVALID: return L"invalid";
    default: return L"other";
    }
}

/* A table of the IP helper that is asked for its size first; NULL when it is empty or cannot be had. */
static void *table(ULONG (WINAPI *ask)(void *, ULONG *, BOOL)) {
    ULONG size = 0;
    if (ask(NULL, &size, TRUE) != ERROR_INSUFFICIENT_BUFFER)
        return NULL;
    void *found = calloc(1, size += 1024);
    if (found && ask(found, &size, TRUE)) {
        free(found);
        return NULL;
    }
    return found;
}

static ULONG WINAPI ask_neighbours(void *found, ULONG *size, BOOL order) { return GetIpNetTable(found, size, order); }
static ULONG WINAPI ask_addresses(void *found, ULONG *size, BOOL order) { return GetIpAddrTable(found, size, order); }

/* The interface with an address; 0 when there is none. */
static DWORD interface_at(const MIB_IPADDRTABLE *own, const wchar_t *word) {
    SOCKADDR_INET wanted;
    if (!read_host(word, &wanted))
        return 0;
    for (DWORD each = 0; own && each < own->dwNumEntries; each++)
        if (own->table[each].dwAddr == wanted.Ipv4.sin_addr.s_addr)
            return own->table[each].dwIndex;
    return 0;
}

/* The interface in whose net a host is, else the first that is no loopback; 0 when there is none. */
static DWORD interface_towards(const MIB_IPADDRTABLE *own, DWORD host) {
    DWORD first = 0;
    for (DWORD each = 0; own && each < own->dwNumEntries; each++) {
        const MIB_IPADDRROW *row = &own->table[each];
        if (row->dwAddr && !((row->dwAddr ^ host) & row->dwMask))
            return row->dwIndex;
        if (!first && row->dwAddr && (row->dwAddr & 0xff) != 127)
            first = row->dwIndex;
    }
    return first;
}

static int show(const MIB_IPADDRTABLE *own, const wchar_t *host, const wchar_t *from) {
    MIB_IPNETTABLE *known = table(ask_neighbours);
    SOCKADDR_INET wanted = {0};
    DWORD before = 0, only = from ? interface_at(own, from) : 0;
    int count = 0;
    if ((host && !read_host(host, &wanted)) || (from && !only))
        return complain(L"ARP: bad argument: %ls\n", from && !only ? from : host), 1;
    for (DWORD each = 0; known && each < known->dwNumEntries; each++) {
        MIB_IPNETROW *row = &known->table[each];
        SOCKADDR_INET address = ipv4(row->dwAddr), mine = ipv4(0);
        if ((host && row->dwAddr != wanted.Ipv4.sin_addr.s_addr) || (only && row->dwIndex != only) || !row->dwPhysAddrLen)
            continue;
        for (DWORD number = own ? own->dwNumEntries : 0; number--;)
            if (own->table[number].dwIndex == row->dwIndex)
                mine = ipv4(own->table[number].dwAddr);
        if (!count++ || before != row->dwIndex)
            say(L"\nInterface: %ls --- 0x%lx\n  Internet Address      Physical Address      Type\n", text_of(&mine),
                row->dwIndex);
        before = row->dwIndex;
        say(L"  %-20ls  %-20ls  %-8ls\n", text_of(&address), hardware_text(row->bPhysAddr, row->dwPhysAddrLen, L'-'),
            type_text(row->dwType));
    }
    free(known);
    if (!count)
        say(L"No ARP Entries Found.\n");
    return count == 0;
}

static int set(const MIB_IPADDRTABLE *own, const wchar_t *host, const wchar_t *hardware, const wchar_t *from) {
    SOCKADDR_INET address;
    UCHAR bytes[IF_MAX_PHYS_ADDRESS_LENGTH];
    MIB_IPNETROW row = {0};
    ULONG length = read_hardware(hardware, bytes);
    if (!read_host(host, &address) || address.si_family != AF_INET)
        return complain(L"ARP: bad IP address: %ls\n", host), 1;
    if (!length || length > sizeof row.bPhysAddr)
        return complain(L"ARP: bad argument: %ls\n", hardware), 1;
    row.dwIndex = from ? interface_at(own, from) : interface_towards(own, address.Ipv4.sin_addr.s_addr);
    row.dwPhysAddrLen = length;
    memcpy(row.bPhysAddr, bytes, length);
    row.dwAddr = address.Ipv4.sin_addr.s_addr;
    row.dwType = MIB_IPNET_TYPE_STATIC;
    DWORD error = row.dwIndex ? CreateIpNetEntry(&row) : ERROR_INVALID_PARAMETER;
    if (error == ERROR_OBJECT_ALREADY_EXISTS)
        error = SetIpNetEntry(&row);
    if (error)
        complain(L"The ARP entry addition failed: %ls\n", error_text(error));
    return error != 0;
}

static int forget(const MIB_IPADDRTABLE *own, const wchar_t *host, const wchar_t *from) {
    MIB_IPNETTABLE *known = table(ask_neighbours);
    SOCKADDR_INET address = {0};
    DWORD error = ERROR_NOT_FOUND, only = from ? interface_at(own, from) : 0;
    int all = !wcscmp(host, L"*");
    if (!all && (!read_host(host, &address) || address.si_family != AF_INET))
        return complain(L"ARP: bad IP address: %ls\n", host), 1;
    if (from && !only)
        return complain(L"ARP: bad argument: %ls\n", from), 1;
    for (DWORD each = 0; known && each < known->dwNumEntries; each++) {
        MIB_IPNETROW *row = &known->table[each];
        if ((all || row->dwAddr == address.Ipv4.sin_addr.s_addr) && (!only || row->dwIndex == only))
            error = DeleteIpNetEntry(row);
    }
    free(known);
    if (error && !(all && error == ERROR_NOT_FOUND))
        complain(L"The ARP entry deletion failed: %ls\n", error_text(error));
    return error && !(all && error == ERROR_NOT_FOUND);
}

int wmain(int count, wchar_t **words) {
    MIB_IPADDRTABLE *own = table(ask_addresses);
    if (count < 2)
        return usage();
    if (is_option(words[1], L"s") && (count == 4 || count == 5))
        return set(own, words[2], words[3], count == 5 ? words[4] : NULL);
    if (is_option(words[1], L"d") && (count == 3 || count == 4))
        return forget(own, words[2], count == 4 ? words[3] : NULL);
    if (is_option(words[1], L"a") || is_option(words[1], L"g")) {
        const wchar_t *host = NULL, *from = NULL;
        for (int each = 2; each < count; each++)
            if (is_option(words[each], L"n") && each + 1 < count)
                from = words[++each];
            else if (!host && *words[each] != L'-')
                host = words[each];
            else
                return usage();
        return show(own, host, from);
    }
    return usage();
}
