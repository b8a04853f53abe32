/* ping: asks a host of IPv4 to answer, and tells how long it took. Its status is 0 when one answer came.
 * Source: Windows commands, ping (learn.microsoft.com/windows-server/administration/windows-commands/ping); IcmpSendEcho. */
#include "network.h"
#include <icmpapi.h>

#define MOST_BYTES 65500
#define BETWEEN 1000 /* milliseconds from one question to the next */

static const wchar_t *target;
static unsigned long questions = 4, size = 32, patience = 4000, hops = 128;
static int endless, by_name, whole;

static struct {
    unsigned long sent, received, least, most;
    unsigned long long total;
} counts = {.least = 0xFFFFFFFF};
static wchar_t host_text[TEXT_ROOM];

static int usage(void) {
    complain(L"\nUsage: ping [-t] [-a] [-n count] [-l size] [-f] [-i TTL] [-w timeout] [-4] target_name\n\n"
             L"Options:\n"
             L"    -t             Asks until it is interrupted.\n"
             L"    -a             Tells the name of an address.\n"
             L"    -n count       How often to ask.\n"
             L"    -l size        How many bytes to send.\n"
             L"    -f             What is sent is not to be taken apart.\n"
             L"    -i TTL         How many hops it may take.\n"
             L"    -w timeout     How many milliseconds to wait for an answer.\n"
             L"    -4             Asks by IPv4, as is done anyway.\n");
    return 1;
}

/* ---- words */

static const struct number_option {
    const wchar_t *name;
    unsigned long *value, least, most;
} number_options[] = {
    {L"n", &questions, 1, 0xFFFFFFFF},
    {L"l", &size, 0, MOST_BYTES},
    {L"i", &hops, 1, 255},
    {L"w", &patience, 0, 0xFFFFFFFF},
};

/* Read the option at a word, with its number; how many words it is, 0 when it is none, -1 after a message. */
static int read_number_option(int left, wchar_t **words) {
    for (size_t each = 0; each < LENGTH(number_options); each++) {
        const struct number_option *option = &number_options[each];
        unsigned long number = 0;
        if (!is_option(*words, option->name))
            continue;
        if (left < 2)
            return complain(L"Value must be supplied for option %ls.\n", *words), -1;
        if (!read_number(words[1], option->most, &number) || number < option->least)
            return complain(L"Bad value for option %ls, valid range is from %lu to %lu.\n", *words, option->least,
                            option->most), -1;
        *option->value = number;
        return 2;
    }
    return 0;
}

/* Take the words apart; 0 after a message. */
static int read_words(int count, wchar_t **words) {
    for (int each = 1; each < count;) {
        const wchar_t *word = words[each];
        int taken = read_number_option(count - each, words + each);
        if (taken < 0)
            return 0;
        if (!taken) {
            taken = 1;
            if (is_option(word, L"t"))
                endless = 1;
            else if (is_option(word, L"a"))
                by_name = 1;
            else if (is_option(word, L"f"))
                whole = 1;
            else if (is_option(word, L"?"))
                return usage(), 0;
            else if (*word == L'-' || *word == L'/') {
                if (!is_option(word, L"4"))
                    return complain(L"Bad option %ls.\n", word), usage(), 0;
            } else if (target)
                return complain(L"Bad parameter %ls.\n", word), 0;
            else
                target = word;
        }
        each += taken;
    }
    if (!target)
        return usage(), 0;
    return 1;
}

/* The address of the target, and its name where one is known; 0 after a message. */
static int find_target(SOCKADDR_INET *address, wchar_t *name) {
    ADDRINFOW wanted = {0}, *found = NULL;
    wanted.ai_family = AF_INET;
    if (GetAddrInfoW(target, NULL, &wanted, &found) || !found) {
        complain(L"Ping request could not find host %ls. Please check the name and try again.\n", target);
        return 0;
    }
    memcpy(address, found->ai_addr, sizeof address->Ipv4);
    wcscpy(host_text, text_of(address));
    if (_wcsicmp(host_text, target))
        _snwprintf(name, NI_MAXHOST, L"%ls", target);
    else if (by_name)
        GetNameInfoW(found->ai_addr, (socklen_t)found->ai_addrlen, name, NI_MAXHOST, NULL, 0, NI_NAMEREQD);
    FreeAddrInfoW(found);
    return 1;
}

/* ---- questions and answers */

static const wchar_t *status_text(IP_STATUS status) {
    switch (status) {
    case IP_DEST_NET_UNREACHABLE: return L"Destination net unreachable.";
    case IP_DEST_HOST_UNREACHABLE: return L"Destination host unreachable.";
    case IP_DEST_PROT_UNREACHABLE: return L"Destination protocol unreachable.";
    case IP_DEST_PORT_UNREACHABLE: return L"Destination port unreachable.";
    case IP_PACKET_TOO_BIG: return L"Packet needs to be fragmented but DF set.";
    case IP_REQ_TIMED_OUT: return L"Request timed out.";
    case IP_TTL_EXPIRED_TRANSIT: return L"TTL expired in transit.";
    case IP_TTL_EXPIRED_REASSEM: return L"TTL expired during reassembly.";
    default: return NULL;
    }
}

static void print_statistics(void) {
    unsigned long lost = counts.sent - counts.received;
    say(L"\nPing statistics for %ls:\n    Packets: Sent = %lu, Received = %lu, Lost = %lu (%lu%% loss),\n", host_text,
        counts.sent, counts.received, lost, counts.sent ? (unsigned long)(100ULL * lost / counts.sent) : 0);
    if (counts.received)
        say(L"Approximate round trip times in milli-seconds:\n    Minimum = %lums, Maximum = %lums, Average = %lums\n",
            counts.least, counts.most, (unsigned long)(counts.total / counts.received));
}

static void print_answer(const ICMP_ECHO_REPLY *reply) {
    SOCKADDR_INET from = ipv4(reply->Address);
    const wchar_t *why = status_text(reply->Status);
    if (reply->Status != IP_SUCCESS) {
        say(L"Reply from %ls: %ls\n", text_of(&from), why ? why : L"General failure.");
        return;
    }
    counts.received++;
    counts.total += reply->RoundTripTime;
    if (reply->RoundTripTime < counts.least)
        counts.least = reply->RoundTripTime;
    if (reply->RoundTripTime > counts.most)
        counts.most = reply->RoundTripTime;
    say(L"Reply from %ls: bytes=%u time", text_of(&from), reply->DataSize);
    if (reply->RoundTripTime)
        say(L"=%lums TTL=%u\n", reply->RoundTripTime, reply->Options.Ttl);
    else
        say(L"<1ms TTL=%u\n", reply->Options.Ttl);
}

/* Ask once, and tell what came of it. */
static void ask(HANDLE icmp, const SOCKADDR_INET *address, char *data) {
    DWORD room = (DWORD)(sizeof(ICMP_ECHO_REPLY) + size + 64); /* and for an error's message */
    ICMP_ECHO_REPLY *replies = malloc(room);
    IP_OPTION_INFORMATION options = {0};
    options.Ttl = (UCHAR)hops;
    options.Flags = whole ? IP_FLAG_DF : 0;
    counts.sent++;
    if (replies && IcmpSendEcho(icmp, address->Ipv4.sin_addr.s_addr, data, (WORD)size, &options, replies, room, patience))
        print_answer(replies);
    else {
        const wchar_t *why = replies ? status_text(GetLastError()) : NULL;
        say(L"%ls\n", why ? why : L"PING: transmit failed. General failure.");
    }
    free(replies);
}

static BOOL WINAPI interrupted(DWORD event) {
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        return FALSE;
    print_statistics();
    return event == CTRL_BREAK_EVENT;
}

int wmain(int count, wchar_t **words) {
    WSADATA data;
    SOCKADDR_INET address = {0};
    wchar_t name[NI_MAXHOST] = L"";
    static char sent[MOST_BYTES];
    WSAStartup(MAKEWORD(2, 2), &data);
    if (!read_words(count, words) || !find_target(&address, name))
        return 1;
    for (unsigned long each = 0; each < size; each++)
        sent[each] = (char)('a' + each % 23);
    HANDLE icmp = IcmpCreateFile();
    if (icmp == INVALID_HANDLE_VALUE)
        return complain(L"Unable to contact IP driver. %ls\n", error_text(GetLastError())), 1;
    SetConsoleCtrlHandler(interrupted, TRUE);
    say(*name ? L"\nPinging %ls [%ls] with %lu bytes of data:\n" : L"\nPinging %ls%ls with %lu bytes of data:\n",
        *name ? name : host_text, *name ? host_text : L"", size);
    for (unsigned long each = 0; endless || each < questions; each++) {
        if (each)
            Sleep(BETWEEN);
        ask(icmp, &address, sent);
    }
    print_statistics();
    return counts.received ? 0 : 1;
}
