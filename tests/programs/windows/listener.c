/* Listens on the loopback at a port of the system's choice and has a socket for datagrams, tells both ports, and goes on until
 * its input ends. */
#include <winsock2.h>
#include <stdio.h>

static unsigned short bound(SOCKET made)
{
    struct sockaddr_in name = {0};
    int size = sizeof name;

    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(made, (struct sockaddr *)&name, size) || getsockname(made, (struct sockaddr *)&name, &size))
        return 0;
    return ntohs(name.sin_port);
}

int main(void)
{
    WSADATA data;
    SOCKET stream, datagrams;
    unsigned short ports[2];
    int status = WSAStartup(MAKEWORD(2, 2), &data);

    stream = socket(AF_INET, SOCK_STREAM, 0);
    datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    ports[0] = bound(stream);
    ports[1] = bound(datagrams);
    if (status || !ports[0] || !ports[1] || listen(stream, 3))
        return 1;
    printf("%u %u\n", ports[0], ports[1]);
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    return 0;
}
