/* Requests to \Device\Afd that mean nothing: any code, any size, addresses that lead nowhere, handles that are no sockets. The
 * kernel must answer each, and sockets must work afterwards; nothing but the loopback is ever named. */
#include <winsock2.h>
#include <windows.h>
#include <winternl.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { CALLS = 20000, FILES = 5, ROOM = 256, OWN_CODES = 0x120320 };

typedef NTSTATUS(NTAPI *Control)(HANDLE, HANDLE, void *, void *, IO_STATUS_BLOCK *, ULONG, void *, ULONG, void *, ULONG);

static IO_STATUS_BLOCK blocks[CALLS];
static uint64_t state = 88172645463325252u;

static uint64_t any(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static ULONG code(void)
{
    static const ULONG windows[] = {0x12003, 0x1200b, 0x12017, 0x12024, 0x1202f, 0x12087, 0x1208b};

    return any() % 3 ? OWN_CODES + 4 * (ULONG)(any() % 110) : windows[any() % 7];
}

/* Small numbers, places that exist and places that do not, and now and then the beginning of an address of the loopback. */
static void fill(unsigned char *data, const SOCKET *files)
{
    static const unsigned char loopback[] = {2, 0, 0, 9, 127, 0, 0, 1};

    for (int i = 0; i < ROOM; i += 8) {
        uint64_t value = any() % 5 == 0 ? any() : any() % 5 == 1 ? (uintptr_t)data : any() % 5 == 2 ? files[any() % FILES] : any() % 9;

        memcpy(data + i, &value, 8);
    }
    for (int i = 0; i < ROOM; i += 4) /* what could be an address is none, but for the one below */
        if ((data[i] == AF_INET || data[i] == AF_INET6) && !data[i + 1])
            data[i] = 3;
    if (any() % 2)
        memcpy(data + 4 * (any() % 3), loopback, sizeof loopback);
}

static int talks(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    SOCKET server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), other;
    int size = sizeof name;
    char text[3] = "";

    if (bind(server, (struct sockaddr *)&name, size) || listen(server, 1) ||
        getsockname(server, (struct sockaddr *)&name, &size) || connect(client, (struct sockaddr *)&name, size))
        return 0;
    other = accept(server, NULL, NULL);
    return send(other, "ok", 3, 0) == 3 && recv(client, text, 3, 0) == 3 && !strcmp(text, "ok");
}

int main(void)
{
    Control control = (Control)(void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtDeviceIoControlFile");
    static unsigned char data[ROOM], answer[ROOM];
    SOCKET files[FILES];
    WSADATA started;
    int succeeded = 0;

    WSAStartup(MAKEWORD(2, 2), &started);
    for (int i = 0; i < CALLS; i++) {
        if (i % 500 == 0)
            for (int file = 0; file < FILES; file++) {
                u_long on = 1;

                if (i)
                    CloseHandle((HANDLE)files[file]);
                files[file] = file ? socket(file % 2 ? AF_INET : AF_INET6, file < 3 ? SOCK_STREAM : SOCK_DGRAM, 0)
                                   : (SOCKET)CreateEventA(NULL, TRUE, FALSE, NULL);
                if (file)
                    ioctlsocket(files[file], FIONBIO, &on);
            }
        fill(data, files);
        succeeded += control((HANDLE)files[any() % FILES], NULL, NULL, NULL, &blocks[i], code(),
                            any() % 9 ? data : (void *)(uintptr_t)any(), (ULONG)(any() % 5 ? any() % ROOM : any()),
                            any() % 9 ? answer : (void *)(uintptr_t)any(), (ULONG)(any() % 5 ? any() % ROOM : any())) == 0;
    }
    printf("%s\n", succeeded > CALLS / 100 ? "some succeeded" : "nearly none succeeded");
    printf("afterwards: exit %d\n", !talks());
    return 0;
}
