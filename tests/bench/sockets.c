/* Both ends of the network's benchmark, for either world: `serve` tells its port, `ask PORT` measures and ends the server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <winsock2.h>
#include <windows.h>
typedef int socklen_t;

static double now(void)
{
    LARGE_INTEGER count, frequency;

    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return count.QuadPart * 1e6 / frequency.QuadPart;
}
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
typedef int SOCKET;
#define closesocket close
static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}
#endif
#define ROUNDS 3000
#define BYTES (128 << 20)
#define CONNECTIONS 300
#define IDLE 1000

static char buffer[1 << 16];

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static SOCKET connected(int port)
{
    struct sockaddr_in address = loopback(port);
    SOCKET made = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    int on = 1;

    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, (void *)&on, sizeof on);
    if (connect(made, (struct sockaddr *)&address, sizeof address))
        exit(1);
    return made;
}

/* The first byte of a connection says what it is for. */
static int serve_one(SOCKET one)
{
    char kind = 0;
    int size, on = 1;

    setsockopt(one, IPPROTO_TCP, TCP_NODELAY, (void *)&on, sizeof on);
    recv(one, &kind, 1, 0);
    if (kind == 'i') /* it stays open */
        return 1;
    while (kind != 'c' && (size = recv(one, buffer, kind == 'r' ? 1 : sizeof buffer, 0)) > 0)
        if (kind == 'r')
            send(one, buffer, size, 0);
    if (kind == 't')
        send(one, "x", 1, 0);
    closesocket(one);
    return kind != 'q';
}

static void serve(void)
{
    struct sockaddr_in address = loopback(0);
    SOCKET listening = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    socklen_t size = sizeof address;

    bind(listening, (struct sockaddr *)&address, size);
    listen(listening, 100);
    getsockname(listening, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (serve_one(accept(listening, NULL, NULL)))
        ;
}

static double round_trip(int port)
{
    SOCKET one = connected(port);
    double start;
    int i;

    send(one, "r", 1, 0);
    start = now();
    for (i = 0; i < ROUNDS; i++) {
        send(one, "x", 1, 0);
        recv(one, buffer, 1, 0);
    }
    start = now() - start;
    closesocket(one);
    return start / ROUNDS;
}

static double megabyte(int port)
{
    SOCKET one = connected(port);
    double start;
    int sent;

    send(one, "t", 1, 0);
    start = now();
    for (sent = 0; sent < BYTES; sent += sizeof buffer)
        send(one, buffer, sizeof buffer, 0);
    shutdown(one, 1);
    recv(one, buffer, 1, 0);
    start = now() - start;
    closesocket(one);
    return start / (BYTES >> 20);
}

static double connection(int port)
{
    double start = now();
    int i;

    for (i = 0; i < CONNECTIONS; i++) {
        SOCKET one = connected(port);

        send(one, "c", 1, 0);
        recv(one, buffer, 1, 0);
        closesocket(one);
    }
    return (now() - start) / CONNECTIONS;
}

/* The round trip once there are a thousand connections that do nothing. */
static double beside_idle(int port)
{
    int i;

    for (i = 0; i < IDLE; i++)
        send(connected(port), "i", 1, 0);
    return round_trip(port);
}

int main(int count, char **words)
{
    int port;

#ifdef _WIN32
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
#endif
    if (count < 3) {
        serve();
        return 0;
    }
    port = atoi(words[2]);
    printf("round trip of a byte %f\n", round_trip(port));
    printf("a megabyte one way %f\n", megabyte(port));
    printf("connect, send and close %f\n", connection(port));
    printf("round trip beside 1,000 idle %f\n", beside_idle(port));
    send(connected(port), "q", 1, 0);
    return 0;
}
