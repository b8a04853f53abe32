/* Messages with what is known of them besides: addresses, interfaces, hops and classes, of both versions, and cut ones. */
#include <winsock2.h>
#include <mswsock.h>
#include <ws2tcpip.h>
#include "check.h"

static LPFN_WSARECVMSG receives;
static char room[256], text[16];

static SOCKET bound(int family, struct sockaddr_storage *name, int *size)
{
    SOCKET made = socket(family, SOCK_DGRAM, 0);

    memset(name, 0, sizeof *name);
    name->ss_family = family;
    if (family == AF_INET)
        ((struct sockaddr_in *)name)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)name)->sin6_addr.s6_addr[15] = 1;
    *size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    bind(made, (struct sockaddr *)name, *size);
    getsockname(made, (struct sockaddr *)name, size);
    return made;
}

static int wants(SOCKET one, int level, int option)
{
    int on = 1;

    return setsockopt(one, level, option, (char *)&on, sizeof on);
}

/* The data of a control message of the last message, if there is one of that kind. */
static void *along(WSAMSG *message, int level, int type)
{
    for (WSACMSGHDR *each = WSA_CMSG_FIRSTHDR(message); each; each = WSA_CMSG_NXTHDR(message, each))
        if (each->cmsg_level == level && each->cmsg_type == type)
            return WSA_CMSG_DATA(each);
    return NULL;
}

static int get(SOCKET one, WSAMSG *message, WSABUF *buffer, struct sockaddr_storage *from, ULONG control)
{
    WSAMSG fresh = {(struct sockaddr *)from, sizeof *from, buffer, 1, {control, room}, 0};
    DWORD size = 0;

    memset(room, 0, sizeof room);
    *message = fresh;
    return receives(one, message, &size, NULL, NULL) ? -WSAGetLastError() : (int)size;
}

static void version_4(void)
{
    struct sockaddr_storage name, from;
    int size, hops = 44, service = 8;
    WSABUF buffer = {sizeof text, text};
    WSAMSG message;
    struct in_pktinfo *packet;
    SOCKET two = socket(AF_INET, SOCK_DGRAM, 0), one = bound(AF_INET, &name, &size);

    check(!wants(one, IPPROTO_IP, IP_PKTINFO) && !wants(one, IPPROTO_IP, IP_RECVTTL) && !wants(one, IPPROTO_IP, IP_RECVTOS),
          "a socket that wants to know more");
    check(!setsockopt(two, IPPROTO_IP, IP_TTL, (char *)&hops, sizeof hops) &&
              !setsockopt(two, IPPROTO_IP, IP_TOS, (char *)&service, sizeof service),
          "one that says more");
    sendto(two, "four", 4, 0, (struct sockaddr *)&name, size);
    check(get(one, &message, &buffer, &from, sizeof room) == 4 && !memcmp(text, "four", 4) && message.namelen == size &&
              from.ss_family == AF_INET,
          "a message and its sender");
    packet = along(&message, IPPROTO_IP, IP_PKTINFO);
    check(packet && packet->ipi_addr.s_addr == htonl(INADDR_LOOPBACK) && packet->ipi_ifindex, "where it was sent to");
    check(along(&message, IPPROTO_IP, IP_TTL) && *(int *)along(&message, IPPROTO_IP, IP_TTL) == 44, "how far it could have gone");
    check(along(&message, IPPROTO_IP, IP_TOS) && (*(int *)along(&message, IPPROTO_IP, IP_TOS) & 0xff) == 8, "of which service");
    buffer.len = 2;
    sendto(two, "four", 4, 0, (struct sockaddr *)&name, size);
    check(get(one, &message, &buffer, &from, sizeof room) == -WSAEMSGSIZE && !memcmp(text, "fo", 2), "there may be no room for all of it");
    closesocket(one);
    closesocket(two);
}

static void version_6(void)
{
    struct sockaddr_storage name, from;
    int size, hops = 33;
    WSABUF buffer = {sizeof text, text};
    WSAMSG message;
    struct in6_pktinfo *packet;
    SOCKET two = socket(AF_INET6, SOCK_DGRAM, 0), one = bound(AF_INET6, &name, &size);

    check(!wants(one, IPPROTO_IPV6, IPV6_PKTINFO) && !wants(one, IPPROTO_IPV6, IPV6_HOPLIMIT), "the same of version 6");
    setsockopt(two, IPPROTO_IPV6, IPV6_UNICAST_HOPS, (char *)&hops, sizeof hops);
    sendto(two, "six", 3, 0, (struct sockaddr *)&name, size);
    check(get(one, &message, &buffer, &from, sizeof room) == 3 && message.namelen == size && from.ss_family == AF_INET6,
          "a message of version 6 and its sender");
    packet = along(&message, IPPROTO_IPV6, IPV6_PKTINFO);
    check(packet && packet->ipi6_addr.s6_addr[15] == 1 && packet->ipi6_ifindex, "where it went");
    check(along(&message, IPPROTO_IPV6, IPV6_HOPLIMIT) && *(int *)along(&message, IPPROTO_IPV6, IPV6_HOPLIMIT) == 33,
          "how many hops it had left");
    closesocket(one);
    closesocket(two);
}

static void plain(void)
{
    struct sockaddr_storage name, from;
    int size;
    WSABUF buffer = {sizeof text, text};
    WSAMSG message;
    DWORD sent = 0;
    SOCKET two = socket(AF_INET, SOCK_DGRAM, 0), one = bound(AF_INET, &name, &size);
    WSABUF halves[2] = {{3, "abc"}, {2, "de"}};
    WSAMSG given = {(struct sockaddr *)&name, size, halves, 2, {0, NULL}, 0};

    check(!WSASendMsg(two, &given, 0, &sent, NULL, NULL) && sent == 5, "WSASendMsg of two buffers");
    check(get(one, &message, &buffer, &from, sizeof room) == 5 && !memcmp(text, "abcde", 5) && !message.Control.len &&
              !message.dwFlags,
          "nothing is told that nobody wants");
    check(WSASendMsg(two, NULL, 0, &sent, NULL, NULL) == -1 && WSAGetLastError() == WSAEFAULT, "no message");
    check(receives(one, NULL, &sent, NULL, NULL) == -1 && WSAGetLastError() == WSAEFAULT, "nor place for one");
    closesocket(one);
    closesocket(two);
}

int main(void)
{
    GUID which = WSAID_WSARECVMSG;
    WSADATA data;
    DWORD size;
    SOCKET any;

    WSAStartup(MAKEWORD(2, 2), &data);
    any = socket(AF_INET, SOCK_DGRAM, 0);
    WSAIoctl(any, SIO_GET_EXTENSION_FUNCTION_POINTER, &which, sizeof which, &receives, sizeof receives, &size, NULL, NULL);
    closesocket(any);
    version_4();
    version_6();
    plain();
    return 0;
}
