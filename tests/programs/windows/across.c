/* One end of a conversation with a Linux program: `across serve|ask WAY ADDRESS [PORT]`, by WSAPoll or a completion port.
 *
 * A server answers each message of a connection with the message backwards, until the end; who asks sends three messages, the
 * last of which is long, and says whether the answers are right. */
#include <winsock2.h>
#include <afunix.h>
#include <mswsock.h>
#include <ws2tcpip.h>

#include <stdio.h>
#include <string.h>

enum { LONGEST = 200000 };

static char sent[LONGEST], got[LONGEST];

static int address_of(struct sockaddr_storage *place, const char *text, const char *port)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;

    memset(place, 0, sizeof *place);
    if (!port) {
        place->ss_family = AF_UNIX;
        snprintf(((struct sockaddr_un *)place)->sun_path, UNIX_PATH_MAX, "%s", text);
        return sizeof(struct sockaddr_un);
    }
    if (getaddrinfo(text, port, &hints, &found))
        return 0;
    memcpy(place, found->ai_addr, found->ai_addrlen);
    return (int)found->ai_addrlen;
}

static int backwards(const char *answer, const char *question, int size)
{
    for (int i = 0; i < size; i++)
        if (answer[i] != question[size - 1 - i])
            return 0;
    return 1;
}

/* ---- WSAPoll, with sockets that do not wait */

static int ready(SOCKET one, short events)
{
    WSAPOLLFD polled = {.fd = one, .events = events};

    return WSAPoll(&polled, 1, 10000) == 1 && polled.revents & (events | POLLHUP);
}

static int moves_by_poll(SOCKET one, char *data, int size, int sends)
{
    int done = 0, some;

    while (done < size) {
        if (!ready(one, sends ? POLLOUT : POLLIN))
            return -1;
        some = sends ? send(one, data + done, size - done, 0) : recv(one, data + done, size - done, 0);
        if (some == 0)
            return done;
        if (some < 0 && WSAGetLastError() != WSAEWOULDBLOCK)
            return -1;
        done += some > 0 ? some : 0;
    }
    return done;
}

/* ---- a completion port */

static HANDLE completions;

static int moves_by_port(SOCKET one, char *data, int size, int sends)
{
    OVERLAPPED operation = {0}, *found;
    WSABUF buffer;
    ULONG_PTR key;
    DWORD some, flags;
    int done = 0;

    while (done < size) {
        buffer.buf = data + done;
        buffer.len = size - done;
        flags = 0;
        if ((sends ? WSASend(one, &buffer, 1, NULL, 0, &operation, NULL) : WSARecv(one, &buffer, 1, NULL, &flags, &operation, NULL)) &&
            WSAGetLastError() != WSA_IO_PENDING)
            return -1;
        if (!GetQueuedCompletionStatus(completions, &some, &key, &found, 10000) || found != &operation)
            return -1;
        if (!some)
            return done;
        done += some;
    }
    return done;
}

static int by_port;

static void begin(SOCKET one)
{
    u_long on = 1;

    if (by_port)
        CreateIoCompletionPort((HANDLE)one, completions, 1, 0);
    else
        ioctlsocket(one, FIONBIO, &on);
}

static int moves(SOCKET one, char *data, int size, int sends)
{
    return (by_port ? moves_by_port : moves_by_poll)(one, data, size, sends);
}

/* ---- the two ends: each message has its size in front */

static int answers(SOCKET one)
{
    int size, count = 0;

    while (moves(one, (char *)&size, sizeof size, 0) == sizeof size && size <= LONGEST) {
        if (moves(one, got, size, 0) != size)
            break;
        for (int i = 0; i < size; i++)
            sent[i] = got[size - 1 - i];
        if (moves(one, (char *)&size, sizeof size, 1) < 0 || moves(one, sent, size, 1) < 0)
            break;
        count++;
    }
    return count;
}

static int asks(SOCKET one, int size)
{
    int told = 0;

    for (int i = 0; i < size; i++)
        sent[i] = (char)(i * 7 + size);
    return moves(one, (char *)&size, sizeof size, 1) == sizeof size && moves(one, sent, size, 1) == size &&
           moves(one, (char *)&told, sizeof told, 0) == sizeof told && told == size && moves(one, got, size, 0) == size &&
           backwards(got, sent, size);
}

static DWORD peer(SOCKET one)
{
    DWORD process = 0, size;

    return WSAIoctl(one, SIO_AF_UNIX_GETPEERPID, NULL, 0, &process, sizeof process, &size, NULL, NULL) ? 0 : process;
}

int main(int count, char **arguments)
{
    WSADATA data;
    struct sockaddr_storage name;
    SOCKET one, listening;
    int size, bound = sizeof name;

    if (count < 4)
        return 2;
    WSAStartup(MAKEWORD(2, 2), &data);
    by_port = !strcmp(arguments[2], "port");
    completions = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    size = address_of(&name, arguments[3], arguments[4]);
    one = socket(name.ss_family, SOCK_STREAM, 0);
    if (!strcmp(arguments[1], "ask")) {
        if (connect(one, (struct sockaddr *)&name, size))
            return 3;
        if (name.ss_family == AF_UNIX)
            printf("peer %lu\n", peer(one));
        begin(one);
        printf("windows asks: %d %d %d\n", asks(one, 5), asks(one, 1000), asks(one, LONGEST));
        return 0;
    }
    listening = one;
    if (bind(listening, (struct sockaddr *)&name, size) || listen(listening, 3))
        return 4;
    getsockname(listening, (struct sockaddr *)&name, &bound);
    printf("port %d process %lu\n", name.ss_family == AF_UNIX ? 0 : ntohs(((struct sockaddr_in *)&name)->sin_port),
           GetCurrentProcessId());
    fflush(stdout);
    if (!by_port && !ready(listening, POLLIN))
        return 5;
    one = accept(listening, NULL, NULL);
    if (name.ss_family == AF_UNIX)
        printf("peer %lu\n", peer(one));
    begin(one);
    printf("windows answered %d\n", answers(one));
    return 0;
}
