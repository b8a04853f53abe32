/* Listens on the loopback at a port of the system's choice, has a connection with itself, tells both ports, and goes on until its
 * input ends. */
#include <winsock2.h>
#include <stdio.h>

static unsigned short port_of(SOCKET made)
{
    struct sockaddr_in name = {0};
    int size = sizeof name;

    return getsockname(made, (struct sockaddr *)&name, &size) ? 0 : ntohs(name.sin_port);
}

int main(void)
{
    WSADATA data;
    SOCKET server, client, accepted;
    struct sockaddr_in name = {0};
    int size = sizeof name, status = WSAStartup(MAKEWORD(2, 2), &data);

    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_STREAM, 0);
    client = socket(AF_INET, SOCK_STREAM, 0);
    if (status || bind(server, (struct sockaddr *)&name, size) || listen(server, 3) ||
        getsockname(server, (struct sockaddr *)&name, &size) || connect(client, (struct sockaddr *)&name, size))
        return 1;
    accepted = accept(server, NULL, NULL);
    if (accepted == INVALID_SOCKET)
        return 1;
    printf("%u %u\n", port_of(server), port_of(client));
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    return 0;
}
