/* Hosts and services by name and by address, as far as the machine knows them by itself. */
#include <winsock2.h>
#include <windns.h>
#include <ws2tcpip.h>
#include "check.h"

static int name_of(struct sockaddr_in *address, int flags, char *host, char *service)
{
    return getnameinfo((struct sockaddr *)address, sizeof *address, host, NI_MAXHOST, service, NI_MAXSERV, flags);
}

static void by_address(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 newer = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "";
    struct hostent *found;
    ULONG raw = htonl(INADDR_LOOPBACK);

    check(!name_of(&address, NI_NUMERICHOST | NI_NUMERICSERV, host, service) && !strcmp(host, "127.0.0.1") &&
              !strcmp(service, "80"),
          "a host and a service as numbers");
    check(!name_of(&address, NI_NUMERICHOST, host, service) && !strcmp(service, "http"), "a service by its name");
    check(!name_of(&address, NI_NUMERICSERV, host, service) && !strcmp(host, "localhost"), "a host by its name");
    address.sin_port = htons(53);
    check(!name_of(&address, NI_NUMERICHOST | NI_DGRAM, host, service) && !strcmp(service, "domain"), "a service of datagrams");
    address.sin_port = htons(48001);
    check(!name_of(&address, NI_NUMERICHOST, host, service) && !strcmp(service, "48001"), "a service without a name");
    newer.sin6_addr.s6_addr[15] = 1;
    check(!getnameinfo((struct sockaddr *)&newer, sizeof newer, host, sizeof host, NULL, 0, NI_NUMERICHOST) &&
              !strcmp(host, "::1"),
          "a host of version 6");
    check(getnameinfo((struct sockaddr *)&address, sizeof address, host, 4, NULL, 0, NI_NUMERICHOST) != 0,
          "a name needs room");
    check(getnameinfo((struct sockaddr *)&address, 4, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0,
          "so does an address");
    address.sin_family = 77;
    check(name_of(&address, NI_NUMERICHOST, host, service) == WSAEAFNOSUPPORT, "a family without names");
    found = gethostbyaddr((char *)&raw, 4, AF_INET);
    check(found && !strcmp(found->h_name, "localhost") && found->h_length == 4 && *(ULONG *)found->h_addr_list[0] == raw &&
              !found->h_addr_list[1],
          "gethostbyaddr");
}

static void by_name(void)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list = NULL;
    ADDRINFOW wide_hints = {.ai_family = AF_INET6, .ai_flags = AI_NUMERICHOST}, *wide = NULL;
    char name[256] = "", again[256] = "";
    struct hostent *found;
    struct servent *service;

    check(!gethostname(name, sizeof name) && name[0], "the machine has a name");
    found = gethostbyname(name);
    check(found && found->h_addrtype == AF_INET && found->h_addr_list[0], "which it knows the address of");
    found = gethostbyname(NULL);
    check(found && found->h_addr_list[0], "as it does when no name is given");
    check(!getaddrinfo(name, NULL, &hints, &list) && list->ai_addrlen == sizeof(struct sockaddr_in), "getaddrinfo knows it too");
    check(!gethostname(again, sizeof again) && !strcmp(name, again) && gethostname(again, 1) == -1 &&
              WSAGetLastError() == WSAEFAULT,
          "a name is told where there is room");
    check(!getaddrinfo("127.0.0.1", "http", &hints, &list) && ((struct sockaddr_in *)list->ai_addr)->sin_port == htons(80),
          "a service by name");
    hints.ai_socktype = SOCK_DGRAM;
    check(!getaddrinfo("127.0.0.1", "tftp", &hints, &list) && ((struct sockaddr_in *)list->ai_addr)->sin_port == htons(69),
          "one of datagrams");
    check(getaddrinfo("127.0.0.1", "telnet", &hints, &list) == WSATYPE_NOT_FOUND, "which is no other");
    hints.ai_flags = AI_CANONNAME;
    check(!getaddrinfo("LOCALHOST", NULL, &hints, &list) && list->ai_canonname && !_stricmp(list->ai_canonname, "localhost"),
          "names are blind to case");
    check(!GetAddrInfoW(L"::1", L"81", &wide_hints, &wide) && wide->ai_addrlen == sizeof(struct sockaddr_in6) &&
              ((struct sockaddr_in6 *)wide->ai_addr)->sin6_port == htons(81),
          "GetAddrInfoW");
    FreeAddrInfoW(wide);
    check(GetAddrInfoW(L"no number", NULL, &wide_hints, &wide) == WSAHOST_NOT_FOUND, "of what is a number");
    service = getservbyname("http", "tcp");
    check(service && service->s_port == htons(80), "getservbyname");
    service = getservbyport(htons(53), "udp");
    check(service && !strcmp(service->s_name, "domain"), "getservbyport");
    check(!getservbyname("no such service", NULL) && WSAGetLastError() == WSANO_DATA, "no such service");
}

int main(void)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    by_address();
    by_name();
    return 0;
}
