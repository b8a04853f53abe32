/* Sockets that other processes get: inherited, not inherited, duplicated for one; and connections that are looked at first. */
#include <winsock2.h>
#include <ws2tcpip.h>
#include "check.h"

static SOCKET listener(struct sockaddr_in *name)
{
    int size = sizeof *name;
    SOCKET made = socket(AF_INET, SOCK_STREAM, 0);

    memset(name, 0, sizeof *name);
    name->sin_family = AF_INET;
    name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(made, (struct sockaddr *)name, size);
    listen(made, 5);
    getsockname(made, (struct sockaddr *)name, &size);
    return made;
}

static SOCKET connected_to(const struct sockaddr_in *name)
{
    SOCKET made = socket(AF_INET, SOCK_STREAM, 0);

    return connect(made, (const struct sockaddr *)name, sizeof *name) ? INVALID_SOCKET : made;
}

static PROCESS_INFORMATION child(const char *self, const char *how, unsigned long long what)
{
    char line[MAX_PATH + 40];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made = {0};

    snprintf(line, sizeof line, "\"%s\" %s %llu", self, how, what);
    CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &made);
    return made;
}

static DWORD ended(PROCESS_INFORMATION process)
{
    DWORD code = 99;

    WaitForSingleObject(process.hProcess, 15000);
    GetExitCodeProcess(process.hProcess, &code);
    CloseHandle(process.hProcess);
    CloseHandle(process.hThread);
    return code;
}

/* What a child does: says something by a socket, whose number or description it is told. */
static int as_child(const char *how, const char *what)
{
    SOCKET one = (SOCKET)strtoull(what, NULL, 10);
    char text[8] = "";

    if (!strcmp(how, "duplicated")) {
        HANDLE mapping = OpenFileMappingA(FILE_MAP_READ, FALSE, "socket that is handed on");
        HANDLE given = OpenEventA(SYNCHRONIZE, FALSE, "it is there");
        WSAPROTOCOL_INFOW *info;

        WaitForSingleObject(given, 10000);
        info = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, sizeof *info);
        one = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, info, 0, WSA_FLAG_OVERLAPPED);
    }
    if (send(one, "child", 5, 0) != 5)
        return WSAGetLastError() == WSAENOTSOCK ? 1 : 2;
    return recv(one, text, 8, 0) == 2 ? 0 : 3;
}

static void handing(const char *self)
{
    struct sockaddr_in name;
    char text[8] = "";
    HANDLE mapping, given;
    PROCESS_INFORMATION process;
    SOCKET server = listener(&name), client = connected_to(&name), other = accept(server, NULL, NULL), alone;

    process = child(self, "inherited", client);
    closesocket(client);
    check(recv(other, text, 8, 0) == 5 && !memcmp(text, "child", 5) && send(other, "ok", 2, 0) == 2 && ended(process) == 0,
          "a child has its parent's socket");
    check(recv(other, text, 8, 0) == 0, "and with it goes the last of that end");
    closesocket(other);
    alone = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    connect(alone, (struct sockaddr *)&name, sizeof name);
    other = accept(server, NULL, NULL);
    check(ended(child(self, "inherited", alone)) == 1, "but not one that is not to be inherited");
    closesocket(alone);
    closesocket(other);
    client = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    connect(client, (struct sockaddr *)&name, sizeof name);
    other = accept(server, NULL, NULL);
    mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 4096, "socket that is handed on");
    given = CreateEventA(NULL, TRUE, FALSE, "it is there");
    process = child(self, "duplicated", 0);
    check(!WSADuplicateSocketW(client, process.dwProcessId, MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0)),
          "a socket is duplicated for a process");
    SetEvent(given);
    check(recv(other, text, 8, 0) == 5 && send(other, "ok", 2, 0) == 2 && ended(process) == 0, "which uses it");
    closesocket(client);
    closesocket(other);
    closesocket(server);
}

static int answers, calls;

static int CALLBACK decide(WSABUF *caller, WSABUF *data, QOS *quality, QOS *group_quality, WSABUF *called, WSABUF *more, GROUP *group,
                           DWORD_PTR context)
{
    (void)data;
    (void)quality;
    (void)group_quality;
    (void)called;
    (void)more;
    (void)group;
    calls += caller->len == sizeof(struct sockaddr_in) && context == 7;
    return answers;
}

static void looking(void)
{
    struct sockaddr_in name;
    char text[8] = "";
    fd_set set;
    struct timeval time = {2, 0};
    SOCKET server = listener(&name), client = connected_to(&name), other;

    answers = CF_DEFER;
    check(WSAAccept(server, NULL, NULL, decide, 7) == INVALID_SOCKET && WSAGetLastError() == WSATRY_AGAIN && calls == 1,
          "a connection that is looked at");
    FD_ZERO(&set);
    FD_SET(server, &set);
    check(select(0, &set, NULL, NULL, &time) == 1, "is still to be accepted");
    answers = CF_ACCEPT;
    other = WSAAccept(server, NULL, NULL, decide, 7);
    check(other != INVALID_SOCKET && calls == 2 && send(client, "x", 1, 0) == 1 && recv(other, text, 8, 0) == 1,
          "and then it is");
    closesocket(client);
    closesocket(other);
    client = connected_to(&name);
    answers = CF_REJECT;
    check(WSAAccept(server, NULL, NULL, decide, 7) == INVALID_SOCKET && WSAGetLastError() == WSAECONNREFUSED, "or refused");
    check(recv(client, text, 8, 0) <= 0, "which its other end sees");
    closesocket(client);
    closesocket(server);
}

int main(int count, char **arguments)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    if (count == 3)
        return as_child(arguments[1], arguments[2]);
    handing(arguments[0]);
    looking();
    return 0;
}
