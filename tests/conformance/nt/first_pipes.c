/* Who asks for it makes the first instance of a named pipe, or none. */
#include "check.h"

#define NAME "\\\\.\\pipe\\one that is the first"

static HANDLE make(DWORD flags)
{
    return CreateNamedPipeA(NAME, PIPE_ACCESS_DUPLEX | flags, PIPE_TYPE_BYTE, 4, 100, 100, 0, NULL);
}

int main(void)
{
    HANDLE first = make(FILE_FLAG_FIRST_PIPE_INSTANCE), second, client;

    check(first != INVALID_HANDLE_VALUE, "a pipe's first instance");
    check(make(FILE_FLAG_FIRST_PIPE_INSTANCE) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_ACCESS_DENIED,
          "there is one already");
    second = make(0);
    check(second != INVALID_HANDLE_VALUE, "another instance is no first one");
    client = CreateFileA(NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(client != INVALID_HANDLE_VALUE, "a client");
    CloseHandle(first);
    CloseHandle(second);
    CloseHandle(client);
    first = make(FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_OVERLAPPED);
    check(first != INVALID_HANDLE_VALUE, "it is a first one again when the others have gone");
    check(make(FILE_FLAG_FIRST_PIPE_INSTANCE) == INVALID_HANDLE_VALUE, "once");
    return 0;
}
