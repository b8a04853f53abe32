/* Options of sockets: what is told again, what each does, what is refused, and multicast by interface. */
#include <winsock2.h>
#include <mstcpip.h>
#include <mswsock.h>
#include <ws2tcpip.h>
#include "check.h"

static struct sockaddr_in loopback(USHORT port)
{
    struct sockaddr_in address = {0};

    address.sin_family = AF_INET;
    address.sin_port = port;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int get(SOCKET one, int level, int name)
{
    int value = -1, size = sizeof value;

    if (getsockopt(one, level, name, (char *)&value, &size))
        return -WSAGetLastError();
    return size == 1 ? (unsigned char)value : value;
}

static int set(SOCKET one, int level, int name, int value)
{
    return setsockopt(one, level, name, (char *)&value, sizeof value) ? -WSAGetLastError() : 0;
}

/* Whether an int can be set and is told again. */
static int keeps(SOCKET one, int level, int name, int value)
{
    return set(one, level, name, value) == 0 && get(one, level, name) == value;
}

static int connects(SOCKET *server, SOCKET *client, SOCKET *other)
{
    struct sockaddr_in address = loopback(0);
    int size = sizeof address;

    *server = socket(AF_INET, SOCK_STREAM, 0);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(*server, (struct sockaddr *)&address, size) || listen(*server, 1) ||
        getsockname(*server, (struct sockaddr *)&address, &size) || connect(*client, (struct sockaddr *)&address, size))
        return 0;
    *other = accept(*server, NULL, NULL);
    return *other != INVALID_SOCKET;
}

static void streams(void)
{
    struct tcp_keepalive keep = {1, 60000, 5000};
    DWORD size = 7, time = 1500;
    WSAPROTOCOL_INFOW info;
    int length = sizeof info, value;
    SOCKET server, client, other;

    check(connects(&server, &client, &other), "a connection to try options on");
    check(get(client, SOL_SOCKET, SO_TYPE) == SOCK_STREAM, "a stream is one");
    check(!getsockopt(client, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &length) && info.iAddressFamily == AF_INET &&
              info.iProtocol == IPPROTO_TCP,
          "what protocol it speaks");
    check(keeps(client, SOL_SOCKET, SO_KEEPALIVE, 1) && keeps(client, SOL_SOCKET, SO_KEEPALIVE, 0), "SO_KEEPALIVE");
    check(keeps(client, IPPROTO_TCP, TCP_NODELAY, 1) && keeps(client, IPPROTO_TCP, TCP_NODELAY, 0), "TCP_NODELAY on and off");
    check(keeps(client, SOL_SOCKET, SO_OOBINLINE, 1) && keeps(client, SOL_SOCKET, SO_OOBINLINE, 0), "SO_OOBINLINE");
    check(set(client, SOL_SOCKET, SO_RCVTIMEO, time) == 0 && get(client, SOL_SOCKET, SO_RCVTIMEO) == 1500, "SO_RCVTIMEO");
    check(set(client, SOL_SOCKET, SO_SNDTIMEO, 700) == 0 && get(client, SOL_SOCKET, SO_SNDTIMEO) == 700, "SO_SNDTIMEO");
    check(set(client, SOL_SOCKET, SO_RCVTIMEO, 0) == 0 && get(client, SOL_SOCKET, SO_RCVTIMEO) == 0, "no time to end by");
    check(set(client, SOL_SOCKET, SO_SNDBUF, 20000) == 0 && get(client, SOL_SOCKET, SO_SNDBUF) == 20000, "SO_SNDBUF");
    check(set(client, SOL_SOCKET, SO_RCVBUF, 30000) == 0 && get(client, SOL_SOCKET, SO_RCVBUF) == 30000, "SO_RCVBUF");
    check(!WSAIoctl(client, SIO_KEEPALIVE_VALS, &keep, sizeof keep, NULL, 0, &size, NULL, NULL) && size == 0,
          "SIO_KEEPALIVE_VALS");
    check(WSAIoctl(client, SIO_KEEPALIVE_VALS, &keep, 4, NULL, 0, &size, NULL, NULL) == -1 && WSAGetLastError() == WSAEFAULT,
          "and with less than its values");
    check(get(client, SOL_SOCKET, SO_DONTLINGER) == 1, "who does not linger");
    check(get(client, SOL_SOCKET, SO_ERROR) == 0 && get(client, SOL_SOCKET, SO_ACCEPTCONN) == 0, "no error, no listener");
    check(get(client, SOL_SOCKET, SO_CONNECT_TIME) >= 0, "how long it has been connected");
    check(get(server, SOL_SOCKET, SO_CONNECT_TIME) == -1, "who is not connected has no such time");
    check(keeps(client, IPPROTO_IP, IP_TTL, 77), "IP_TTL");
    check(set(client, SOL_SOCKET, 0x7777, 1) == -WSAENOPROTOOPT && get(client, SOL_SOCKET, 0x7777) == -WSAENOPROTOOPT,
          "an option that there is not");
    check(set(client, IPPROTO_TCP, 0x7777, 1) == -WSAENOPROTOOPT, "nor there");
    check(set(client, 0x1234, 1, 1) == -WSAEINVAL && get(client, 0x1234, 1) == -WSAEINVAL, "a level that there is not");
    check(setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, NULL, 4) == -1 && WSAGetLastError() == WSAEFAULT, "no value");
    length = 2;
    check(getsockopt(client, SOL_SOCKET, SO_RCVBUF, (char *)&value, &length) == -1 && WSAGetLastError() == WSAEFAULT,
          "too little room for a value");
    check(set(INVALID_SOCKET, SOL_SOCKET, SO_KEEPALIVE, 1) == -WSAENOTSOCK, "no socket to set it on");
    closesocket(client);
    closesocket(other);
    closesocket(server);
}

static void urgent(void)
{
    SOCKET server, client, other;
    u_long mark = 9, on = 1;
    char text[8] = "";
    struct timeval time = {2, 0};
    fd_set set;
    DWORD flags, size;
    WSABUF buffer = {1, text};

    connects(&server, &client, &other);
    check(!ioctlsocket(other, SIOCATMARK, &mark) && mark == 1, "no urgent data yet");
    ioctlsocket(other, FIONBIO, &on);
    check(recv(other, text, 1, MSG_OOB) == -1 && WSAGetLastError() == WSAEWOULDBLOCK, "so there is none to receive");
    on = 0;
    ioctlsocket(other, FIONBIO, &on);
    check(send(client, "ab", 2, 0) == 2 && send(client, "!", 1, MSG_OOB) == 1 && send(client, "cd", 2, 0) == 2,
          "an urgent byte among others");
    FD_ZERO(&set);
    FD_SET(other, &set);
    check(select(0, NULL, NULL, &set, &time) == 1 && FD_ISSET(other, &set), "select tells of it as an exception");
    check(recv(other, text, 8, 0) == 2 && !memcmp(text, "ab", 2), "what is before it ends there");
    flags = MSG_OOB;
    check(!WSARecv(other, &buffer, 1, &size, &flags, NULL, NULL) && size == 1 && text[0] == '!', "the urgent byte");
    check(recv(other, text, 8, 0) == 2 && !memcmp(text, "cd", 2), "and what is behind it");
    closesocket(client);
    closesocket(other);
    closesocket(server);
}

static void times(void)
{
    SOCKET server, client, other;
    static char much[1 << 20];
    char text[4];
    int got;
    u_long on = 1;

    connects(&server, &client, &other);
    set(other, SOL_SOCKET, SO_RCVTIMEO, 60);
    check(recv(other, text, 4, 0) == -1 && WSAGetLastError() == WSAETIMEDOUT, "a receive that comes to no end in its time");
    set(client, SOL_SOCKET, SO_SNDTIMEO, 60);
    do
        got = send(client, much, sizeof much, 0);
    while (got == sizeof much);
    check(got == -1 ? WSAGetLastError() == WSAETIMEDOUT : got > 0, "and a send that nobody takes");
    ioctlsocket(client, FIONBIO, &on);
    do
        got = send(client, much, sizeof much, 0);
    while (got > 0);
    check(got == -1 && WSAGetLastError() == WSAEWOULDBLOCK, "which a socket that does not wait is told at once");
    closesocket(client);
    closesocket(other);
    closesocket(server);
}

static void ports(void)
{
    struct sockaddr_in address = loopback(0);
    int size = sizeof address;
    SOCKET one = socket(AF_INET, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0), alone = socket(AF_INET, SOCK_DGRAM, 0);

    check(keeps(one, SOL_SOCKET, SO_REUSEADDR, 1), "SO_REUSEADDR");
    check(set(one, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1) == -WSAEINVAL, "does not go with SO_EXCLUSIVEADDRUSE");
    check(keeps(alone, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1), "SO_EXCLUSIVEADDRUSE");
    check(set(alone, SOL_SOCKET, SO_REUSEADDR, 1) == -WSAEINVAL, "nor that with this");
    check(!bind(one, (struct sockaddr *)&address, size) && !getsockname(one, (struct sockaddr *)&address, &size),
          "a port that is shared");
    check(bind(two, (struct sockaddr *)&address, size) == -1 && WSAGetLastError() == WSAEADDRINUSE,
          "is not for who has not asked");
    set(two, SOL_SOCKET, SO_REUSEADDR, 1);
    check(!bind(two, (struct sockaddr *)&address, size), "but for who has");
    check(bind(alone, (struct sockaddr *)&address, size) == -1, "and not for who wants it alone");
    closesocket(one);
    closesocket(two);
    closesocket(alone);
    check(keeps(one = socket(AF_INET, SOCK_DGRAM, 0), SOL_SOCKET, SO_BROADCAST, 1), "SO_BROADCAST");
    check(get(one, SOL_SOCKET, SO_LINGER) == -WSAENOPROTOOPT && get(one, SOL_SOCKET, SO_MAX_MSG_SIZE) == 65507,
          "the largest datagram");
    check(keeps(one, IPPROTO_IP, IP_DONTFRAGMENT, 1) && keeps(one, IPPROTO_IP, IP_DONTFRAGMENT, 0), "IP_DONTFRAGMENT");
    check(keeps(one, IPPROTO_IP, IP_PKTINFO, 1) && keeps(one, IPPROTO_IP, IP_PKTINFO, 0), "IP_PKTINFO");
    check(keeps(one, IPPROTO_IP, IP_MULTICAST_TTL, 9) && keeps(one, IPPROTO_IP, IP_MULTICAST_LOOP, 0), "how far groups reach");
    check(set(one, IPPROTO_IP, IP_TTL, 0) == -WSAEINVAL && set(one, IPPROTO_IP, IP_TTL, 256) == -WSAEINVAL,
          "no such life of a packet");
    closesocket(one);
}

static void both_versions(void)
{
    struct sockaddr_in6 any = {0}, peer;
    struct sockaddr_in address;
    int size = sizeof any;
    SOCKET server = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), other;

    any.sin6_family = AF_INET6;
    check(get(server, IPPROTO_IPV6, IPV6_V6ONLY) == 1, "a socket of version 6 is of that alone");
    check(keeps(server, IPPROTO_IPV6, IPV6_V6ONLY, 0), "unless it is to be of both");
    check(!bind(server, (struct sockaddr *)&any, sizeof any) && !listen(server, 1) &&
              !getsockname(server, (struct sockaddr *)&any, &size),
          "which listens");
    address = loopback(any.sin6_port);
    check(!connect(client, (struct sockaddr *)&address, sizeof address), "for version 4 too");
    size = sizeof peer;
    other = accept(server, (struct sockaddr *)&peer, &size);
    check(other != INVALID_SOCKET && size == sizeof peer && IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr), "whose address is mapped");
    check(set(server, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0, "a name is kept to what it was bound as");
    closesocket(other);
    closesocket(client);
    closesocket(server);
    server = socket(AF_INET6, SOCK_DGRAM, 0);
    check(keeps(server, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33) && keeps(server, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 3), "hops");
    check(keeps(server, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0), "IPV6_MULTICAST_LOOP");
    check(keeps(server, IPPROTO_IPV6, IPV6_PKTINFO, 1) && keeps(server, IPPROTO_IPV6, IPV6_HOPLIMIT, 1), "IPV6_PKTINFO");
    check(keeps(server, IPPROTO_IPV6, IPV6_DONTFRAG, 1), "IPV6_DONTFRAG");
    check(set(server, IPPROTO_IPV6, 0x7777, 1) == -WSAENOPROTOOPT, "an option that version 6 has not");
    closesocket(server);
}

static void groups(void)
{
    struct sockaddr_in address = {0}, group;
    struct ip_mreq request = {{{{239, 1, 2, 3}}}, {{{127, 0, 0, 1}}}};
    struct in_addr through = {{{127, 0, 0, 1}}};
    struct ipv6_mreq request6 = {0};
    int size = sizeof address;
    char text[8] = "";
    SOCKET one = socket(AF_INET, SOCK_DGRAM, 0), two = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0);

    address.sin_family = AF_INET;
    bind(one, (struct sockaddr *)&address, size);
    getsockname(one, (struct sockaddr *)&address, &size);
    check(!setsockopt(one, IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&request, sizeof request), "a group is joined by an interface");
    check(setsockopt(one, IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&request, sizeof request) == -1, "once");
    check(!setsockopt(two, IPPROTO_IP, IP_MULTICAST_IF, (char *)&through, sizeof through), "an interface to send by");
    group = address;
    group.sin_addr = request.imr_multiaddr;
    check(sendto(two, "group", 5, 0, (struct sockaddr *)&group, sizeof group) == 5, "something for the group");
    set(one, SOL_SOCKET, SO_RCVTIMEO, 3000);
    check(recv(one, text, sizeof text, 0) == 5 && !memcmp(text, "group", 5), "comes to its members");
    check(!setsockopt(one, IPPROTO_IP, IP_DROP_MEMBERSHIP, (char *)&request, sizeof request), "a group is left");
    check(setsockopt(one, IPPROTO_IP, IP_DROP_MEMBERSHIP, (char *)&request, sizeof request) == -1,
          "by who is in it");
    request.imr_multiaddr.s_addr = htonl(INADDR_LOOPBACK);
    check(setsockopt(one, IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&request, sizeof request) == -1, "which is no group");
    check(setsockopt(one, IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&request, 3) == -1, "nor is less than an address");
    request6.ipv6mr_multiaddr.s6_addr[0] = 0xff;
    request6.ipv6mr_multiaddr.s6_addr[1] = 1;
    request6.ipv6mr_multiaddr.s6_addr[15] = 0x77;
    request6.ipv6mr_interface = 1;
    check(!setsockopt(six, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, (char *)&request6, sizeof request6) &&
              !setsockopt(six, IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP, (char *)&request6, sizeof request6),
          "a group of version 6");
    check(keeps(six, IPPROTO_IPV6, IPV6_MULTICAST_IF, 1), "an interface to send to such by");
    closesocket(one);
    closesocket(two);
    closesocket(six);
}

int main(void)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    streams();
    urgent();
    times();
    ports();
    both_versions();
    groups();
    return 0;
}
