/* getaddrinfo of what needs no name server: numeric addresses, ports, the loopback, and what it refuses. */
#include <winsock2.h>
#include <ws2tcpip.h>
#include "check.h"

static struct addrinfo *found;

static int ask(const char *node, const char *service, int flags, int family)
{
    struct addrinfo hints = {0};

    hints.ai_flags = flags;
    hints.ai_family = family;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;
    found = NULL;
    return getaddrinfo(node, service, &hints, &found);
}

static int is4(const struct addrinfo *one, ULONG address, USHORT port)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)one->ai_addr;

    return one->ai_family == AF_INET && one->ai_socktype == SOCK_STREAM && one->ai_protocol == IPPROTO_TCP &&
           one->ai_addrlen == sizeof *in && in->sin_family == AF_INET && ntohl(in->sin_addr.s_addr) == address &&
           ntohs(in->sin_port) == port;
}

static int is6(const struct addrinfo *one, UCHAR last, USHORT port)
{
    const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)one->ai_addr;

    return one->ai_family == AF_INET6 && one->ai_addrlen == sizeof *in && in->sin6_family == AF_INET6 &&
           in->sin6_addr.s6_addr[15] == last && ntohs(in->sin6_port) == port;
}

static int both(UCHAR last, ULONG address, USHORT port)
{
    int four = 0, six = 0;

    for (const struct addrinfo *one = found; one; one = one->ai_next) {
        four += is4(one, address, port);
        six += is6(one, last, port);
    }
    return four == 1 && six == 1;
}

int main(void)
{
    WSADATA data;
    const struct hostent *host;
    int here = 1;

    check(WSAStartup(MAKEWORD(2, 2), &data) == 0, "Winsock starts");
    check(ask("192.0.2.7", "80", AI_NUMERICHOST, AF_UNSPEC) == 0 && is4(found, 0xC0000207, 80) && !found->ai_next,
          "a numeric address of version 4");
    check(ask("127.1", NULL, 0, AF_INET) == 0 && is4(found, 0x7F000001, 0), "one in fewer parts");
    check(ask("2001:db8::9", "65535", AI_NUMERICHOST, AF_UNSPEC) == 0 && is6(found, 9, 65535), "one of version 6");
    check(ask("192.0.2.7", "80", AI_CANONNAME, AF_INET) == 0 && found->ai_canonname &&
              !strcmp(found->ai_canonname, "192.0.2.7"),
          "its canonical name is itself");
    check(ask(NULL, "81", AI_PASSIVE, AF_UNSPEC) == 0 && both(0, 0, 81), "any address, to be bound to");
    check(ask(NULL, "82", 0, AF_UNSPEC) == 0 && both(1, 0x7F000001, 82), "the loopback when no host is named");
    check(ask("localhost", "83", 0, AF_INET) == 0 && is4(found, 0x7F000001, 83), "localhost");
    check(ask("localhost", "83", AI_NUMERICHOST, AF_INET) == WSAHOST_NOT_FOUND, "localhost is no number");
    check(ask("2001:db8::9", NULL, AI_NUMERICHOST, AF_INET) != 0, "an address of the other version");
    check(ask("1.2.3.4.5", NULL, AI_NUMERICHOST, AF_UNSPEC) == WSAHOST_NOT_FOUND, "no address");
    check(ask(NULL, NULL, 0, AF_UNSPEC) == WSAHOST_NOT_FOUND, "nothing asked for");
    check(ask("192.0.2.7", "no-such-service", 0, AF_INET) == WSATYPE_NOT_FOUND, "no service");
    host = gethostbyname("localhost");
    check(host && host->h_addrtype == AF_INET && host->h_length == 4 && host->h_addr_list[0], "gethostbyname");
    for (char **each = host ? host->h_addr_list : NULL; each && *each; each++)
        here &= *(ULONG *)*each == htonl(INADDR_LOOPBACK);
    check(here, "finds localhost here");
    check(!host->h_aliases[0] || host->h_aliases[0][0], "and its aliases");
    return 0;
}
