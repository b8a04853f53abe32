/* What is known of the names that are given: by getaddrinfo, gethostbyname, getnameinfo and DnsQuery, a line for each. */
#include <winsock2.h>
#include <windns.h>
#include <ws2tcpip.h>

#include <stdio.h>

static void addresses(const char *name, int family)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME}, *list = NULL;
    int error = getaddrinfo(name, "80", &hints, &list);
    char text[64];

    printf("%s:", name);
    if (error)
        printf(" error %d", error);
    else
        printf(" is %s", list->ai_canonname);
    for (struct addrinfo *each = list; each; each = each->ai_next) {
        getnameinfo(each->ai_addr, (int)each->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
        printf(" %s", text);
    }
    printf("\n");
    if (list)
        freeaddrinfo(list);
}

static void back(const char *number)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(number)};
    char name[NI_MAXHOST] = "";
    int error = getnameinfo((struct sockaddr *)&address, sizeof address, name, sizeof name, NULL, 0, NI_NAMEREQD);
    struct hostent *host = gethostbyaddr((char *)&address.sin_addr, 4, AF_INET);

    printf("%s: %d %s %s\n", number, error, name, host ? host->h_name : "-");
}

static void query(const char *name, WORD type)
{
    DNS_RECORD *records = NULL;
    int count = 0;
    DNS_STATUS status = DnsQuery_A(name, type, DNS_QUERY_STANDARD, NULL, (void *)&records, NULL);

    for (DNS_RECORD *each = records; !status && each; each = each->pNext)
        count += each->wType == type;
    printf("query %s %u: %ld, %d records\n", name, type, status, count);
    if (records)
        DnsRecordListFree(records, DnsFreeRecordList);
}

int main(void)
{
    WSADATA data;
    struct hostent *host;

    WSAStartup(MAKEWORD(2, 2), &data);
    addresses("host.test", AF_UNSPEC);
    addresses("alias.test", AF_INET);
    addresses("inner", AF_INET);
    addresses("many.test", AF_INET);
    addresses("nobody.test", AF_UNSPEC);
    addresses("inner.domain.test", AF_INET6);
    addresses("listed", AF_INET);
    host = gethostbyname("alias.test");
    printf("gethostbyname: %s %d\n", host ? host->h_name : "-", host ? host->h_addr_list[0][3] : WSAGetLastError());
    host = gethostbyname("nobody.test");
    printf("gethostbyname: %d\n", host ? 0 : WSAGetLastError());
    back("192.0.2.7");
    back("192.0.2.8");
    query("host.test", DNS_TYPE_A);
    query("many.test", DNS_TYPE_A);
    query("host.test", DNS_TYPE_AAAA);
    query("host.test", DNS_TYPE_MX);
    query("nobody.test", DNS_TYPE_AAAA);
    return 0;
}
