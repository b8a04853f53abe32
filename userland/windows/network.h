/* What the programs about the network share: addresses as text and back, interfaces by name or index, the table of routes. */
#ifndef NETWORK_H
#define NETWORK_H

#include "common.h"
#include <ws2tcpip.h>
#include <iphlpapi.h>

#define TEXT_ROOM 64
#define LINE L"==========================================================================="

/* Functions that not every implementation of the IP helper has are looked up when they are needed. */
typedef DWORD WINAPI by_route(MIB_IPFORWARD_ROW2 *row);
typedef DWORD WINAPI by_address(MIB_UNICASTIPADDRESS_ROW *row);
typedef DWORD WINAPI by_neighbour(MIB_IPNET_ROW2 *row);

SHARED void *helper(const char *name) {
    HMODULE library = GetModuleHandleW(L"iphlpapi.dll");
    return library ? (void *)GetProcAddress(library, name) : NULL;
}

SHARED DWORD with_route(const char *name, MIB_IPFORWARD_ROW2 *row) {
    by_route *function = helper(name);
    return function ? function(row) : ERROR_CALL_NOT_IMPLEMENTED;
}

SHARED DWORD with_address(const char *name, MIB_UNICASTIPADDRESS_ROW *row) {
    by_address *function = helper(name);
    return function ? function(row) : ERROR_CALL_NOT_IMPLEMENTED;
}

/* ---- addresses */

SHARED void *host_of(const SOCKADDR_INET *address) {
    return address->si_family == AF_INET ? (void *)&address->Ipv4.sin_addr : (void *)&address->Ipv6.sin6_addr;
}

SHARED int is_any(const SOCKADDR_INET *address) {
    static const unsigned char nobody[16];
    return memcmp(host_of(address), nobody, address->si_family == AF_INET ? 4 : 16) == 0;
}

/* An address as text; each of the last four texts lasts. */
SHARED const wchar_t *text_of(const SOCKADDR_INET *address) {
    static wchar_t texts[4][TEXT_ROOM];
    static int next;
    wchar_t *text = texts[next++ & 3];
    if (!InetNtopW(address->si_family, host_of(address), text, TEXT_ROOM))
        wcscpy(text, L"?");
    return text;
}

SHARED SOCKADDR_INET ipv4(DWORD host) {
    SOCKADDR_INET address = {0};
    address.Ipv4.sin_family = AF_INET;
    address.Ipv4.sin_addr.s_addr = host;
    return address;
}

SHARED DWORD mask_of(unsigned length) { return length ? htonl(0xFFFFFFFFu << (32 - length)) : 0; }

/* The prefix length of a mask; -1 for one with a hole. */
SHARED int length_of(DWORD mask) {
    int length = 0;
    while (length < 32 && ntohl(mask) >> (31 - length) & 1)
        length++;
    return mask_of(length) == mask ? length : -1;
}

/* Read `host` or `host/length`; the length is that of a whole host when none is given. 0 when it is neither. */
SHARED int read_prefix(const wchar_t *word, SOCKADDR_INET *address, UINT8 *length) {
    wchar_t host[TEXT_ROOM];
    const wchar_t *slash = wcschr(word, L'/');
    size_t size = slash ? (size_t)(slash - word) : wcslen(word);
    unsigned long number;
    if (size >= TEXT_ROOM)
        return 0;
    wmemcpy(host, word, size)[size] = 0;
    memset(address, 0, sizeof *address);
    address->si_family = wcschr(host, L':') ? AF_INET6 : AF_INET;
    if (InetPtonW(address->si_family, host, host_of(address)) != 1)
        return 0;
    *length = number = address->si_family == AF_INET ? 32 : 128;
    if (slash && !read_number(slash + 1, *length, &number))
        return 0;
    *length = (UINT8)number;
    return 1;
}

SHARED int read_host(const wchar_t *word, SOCKADDR_INET *address) {
    UINT8 length;
    return !wcschr(word, L'/') && read_prefix(word, address, &length);
}

/* Whether no bit is set beyond the prefix. */
SHARED int is_prefix(const SOCKADDR_INET *address, unsigned length) {
    const unsigned char *host = host_of(address);
    unsigned width = address->si_family == AF_INET ? 32 : 128;
    for (unsigned bit = length; bit < width; bit++)
        if (host[bit / 8] >> (7 - bit % 8) & 1)
            return 0;
    return 1;
}

/* A hardware address, its bytes in hex with something between them. */
SHARED const wchar_t *hardware_text(const UCHAR *bytes, ULONG length, wchar_t between) {
    static wchar_t text[3 * IF_MAX_PHYS_ADDRESS_LENGTH + 1];
    wchar_t *at = text;
    *at = 0;
    for (ULONG each = 0; each < length && each < IF_MAX_PHYS_ADDRESS_LENGTH; each++, at += 3)
        _snwprintf(at, 4, L"%02x%lc", bytes[each], each + 1 < length ? between : L'\0');
    return text;
}

/* Read `00-11-22-33-44-55`; how many bytes there are, 0 when it is none. */
SHARED ULONG read_hardware(const wchar_t *word, UCHAR *bytes) {
    ULONG count = 0;
    wchar_t *end;
    for (; count < IF_MAX_PHYS_ADDRESS_LENGTH; word = end + 1) {
        unsigned long value = wcstoul(word, &end, 16);
        if (end == word || end - word > 2 || value > 255)
            return 0;
        bytes[count++] = (UCHAR)value;
        if (!*end)
            return count;
        if (*end != L'-' && *end != L':')
            return 0;
    }
    return 0;
}

/* ---- interfaces */

/* The index of an interface by its number or its alias; 0 when there is none. */
SHARED NET_IFINDEX interface_of(const wchar_t *word) {
    unsigned long number = 0;
    NET_LUID luid;
    NET_IFINDEX index = 0;
    if (read_number(word, 0xFFFFFF, &number))
        return ConvertInterfaceIndexToLuid(number, &luid) ? 0 : number;
    if (ConvertInterfaceAliasToLuid(word, &luid) || ConvertInterfaceLuidToIndex(&luid, &index))
        return 0;
    return index;
}

SHARED const wchar_t *alias_of(NET_IFINDEX index) {
    static wchar_t name[IF_MAX_STRING_SIZE + 1];
    NET_LUID luid;
    if (ConvertInterfaceIndexToLuid(index, &luid) || ConvertInterfaceLuidToAlias(&luid, name, LENGTH(name)))
        wcscpy(name, L"?");
    return name;
}

/* The first address of a family that an interface has; 0 when it has none. */
SHARED int address_of(const MIB_UNICASTIPADDRESS_TABLE *table, NET_IFINDEX index, int family, SOCKADDR_INET *found) {
    for (ULONG each = 0; table && each < table->NumEntries; each++)
        if (table->Table[each].InterfaceIndex == index && table->Table[each].Address.si_family == family) {
            *found = table->Table[each].Address;
            return 1;
        }
    return 0;
}

/* ---- routes */

SHARED int by_destination(const void *one, const void *other) {
    const MIB_IPFORWARD_ROW2 *left = one, *right = other;
    int order = memcmp(host_of(&left->DestinationPrefix.Prefix), host_of(&right->DestinationPrefix.Prefix),
                       left->DestinationPrefix.Prefix.si_family == AF_INET ? 4 : 16);
    return order ? order : left->DestinationPrefix.PrefixLength - right->DestinationPrefix.PrefixLength;
}

/* The routes of a family by destination; to be freed. */
SHARED MIB_IPFORWARD_TABLE2 *routes_of(ADDRESS_FAMILY family) {
    MIB_IPFORWARD_TABLE2 *table = NULL;
    if (GetIpForwardTable2(family, &table))
        return NULL;
    qsort(table->Table, table->NumEntries, sizeof *table->Table, by_destination);
    return table;
}

/* Whether a destination matches what was asked for, in which * and ? stand for anything. */
SHARED int matches(const wchar_t *text, const wchar_t *pattern) {
    if (!pattern || !*pattern)
        return !pattern || !*text;
    if (*pattern == L'*')
        return matches(text, pattern + 1) || (*text && matches(text + 1, pattern));
    return *text && (*pattern == L'?' || *pattern == *text) && matches(text + 1, pattern + 1);
}

SHARED void print_interface_list(void) {
    MIB_IF_TABLE2 *table = NULL;
    say(LINE L"\nInterface List\n");
    if (!GetIfTable2(&table)) {
        for (ULONG each = 0; each < table->NumEntries; each++) {
            MIB_IF_ROW2 *row = &table->Table[each];
            wchar_t dots[26] = L".........................";
            const wchar_t *hardware = hardware_text(row->PhysicalAddress, row->PhysicalAddressLength, L' ');
            wmemcpy(dots, hardware, wcslen(hardware) < 25 ? wcslen(hardware) : 25);
            say(L"%3lu...%ls %ls\n", row->InterfaceIndex, dots, row->Description);
        }
        FreeMibTable(table);
    }
    say(LINE L"\n");
}

SHARED int print_ipv4_routes(const wchar_t *pattern) {
    MIB_IPFORWARD_TABLE2 *table = routes_of(AF_INET);
    MIB_UNICASTIPADDRESS_TABLE *own = NULL;
    int count = 0;
    GetUnicastIpAddressTable(AF_INET, &own);
    say(L"\nIPv4 Route Table\n" LINE L"\nActive Routes:\n");
    for (ULONG each = 0; table && each < table->NumEntries; each++) {
        MIB_IPFORWARD_ROW2 *row = &table->Table[each];
        SOCKADDR_INET mask = ipv4(mask_of(row->DestinationPrefix.PrefixLength)), interface_address = ipv4(0);
        const wchar_t *destination = text_of(&row->DestinationPrefix.Prefix);
        if (!matches(destination, pattern))
            continue;
        if (!count++)
            say(L"Network Destination        Netmask          Gateway       Interface  Metric\n");
        address_of(own, row->InterfaceIndex, AF_INET, &interface_address);
        say(L"%17ls %16ls %16ls %16ls %6lu\n", destination, text_of(&mask),
            is_any(&row->NextHop) ? L"On-link" : text_of(&row->NextHop), text_of(&interface_address), row->Metric);
    }
    say(count ? LINE L"\n" : L"  None\n");
    say(L"Persistent Routes:\n  None\n");
    FreeMibTable(own);
    FreeMibTable(table);
    return count;
}

SHARED int print_ipv6_routes(const wchar_t *pattern) {
    MIB_IPFORWARD_TABLE2 *table = routes_of(AF_INET6);
    int count = 0;
    say(L"\nIPv6 Route Table\n" LINE L"\nActive Routes:\n");
    for (ULONG each = 0; table && each < table->NumEntries; each++) {
        MIB_IPFORWARD_ROW2 *row = &table->Table[each];
        wchar_t prefix[TEXT_ROOM + 8];
        _snwprintf(prefix, LENGTH(prefix), L"%ls/%u", text_of(&row->DestinationPrefix.Prefix),
                   row->DestinationPrefix.PrefixLength);
        if (!matches(prefix, pattern))
            continue;
        if (!count++)
            say(L" If Metric Network Destination      Gateway\n");
        say(L"%3lu %6lu %-24ls %ls\n", row->InterfaceIndex, row->Metric, prefix,
            is_any(&row->NextHop) ? L"On-link" : text_of(&row->NextHop));
    }
    say(count ? LINE L"\n" : L"  None\n");
    say(L"Persistent Routes:\n  None\n");
    FreeMibTable(table);
    return count;
}

#endif
