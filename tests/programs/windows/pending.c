/* A server that waits in every way at once: twenty AcceptEx, select, WSAPoll, a receive that goes on by itself. */
#include <winsock2.h>
#include <mswsock.h>
#include <stdio.h>
#include <stdlib.h>

static SOCKET listener;

static DWORD WINAPI selects(void *unused)
{
    fd_set asked;

    (void)unused;
    FD_ZERO(&asked);
    FD_SET(listener, &asked);
    return select(0, &asked, NULL, NULL, NULL);
}

static DWORD WINAPI polls(void *unused)
{
    WSAPOLLFD asked = {listener, POLLRDNORM, 0};

    (void)unused;
    return WSAPoll(&asked, 1, -1);
}

int main(void)
{
    WSADATA data;
    struct sockaddr_in name = {.sin_family = AF_INET}, any = {.sin_family = AF_INET};
    GUID accepting = WSAID_ACCEPTEX;
    LPFN_ACCEPTEX accept_ex;
    DWORD size, flags = 0;
    char bytes[16];
    WSABUF buffer = {sizeof bytes, bytes};
    SOCKET datagrams;

    WSAStartup(0x202, &data);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(5050);
    if (bind(listener, (void *)&name, sizeof name) || listen(listener, 5))
        return 1;
    WSAIoctl(listener, SIO_GET_EXTENSION_FUNCTION_POINTER, &accepting, sizeof accepting, &accept_ex, sizeof accept_ex,
             &size, NULL, NULL);
    for (int at = 0; at < 20; at++)
        if (accept_ex(listener, socket(AF_INET, SOCK_STREAM, 0), malloc(256), 0, 64, 64, &size,
                      calloc(1, sizeof(OVERLAPPED))) || WSAGetLastError() != ERROR_IO_PENDING)
            return 2;
    CreateThread(NULL, 0, selects, NULL, 0, NULL);
    CreateThread(NULL, 0, polls, NULL, 0, NULL);
    datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    bind(datagrams, (void *)&any, sizeof any);
    WSARecv(datagrams, &buffer, 1, &size, &flags, calloc(1, sizeof(OVERLAPPED)), NULL);
    printf("%lu\n", GetCurrentProcessId());
    fflush(stdout);
    Sleep(INFINITE);
    return 0;
}
