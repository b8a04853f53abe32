/* The null device is nobody's to delete, rename or replace, and knows no share modes; pipes tell when nobody reads or writes. */
#include "check.h"
#include "native.h"

#define DISPOSITION 13
#define RENAME 10

static HANDLE null_device(DWORD access, DWORD share)
{
    return CreateFileA("nul", access, share, NULL, OPEN_EXISTING, 0, NULL);
}

static int is_there(void)
{
    HANDLE file = null_device(GENERIC_READ | GENERIC_WRITE, 0);
    DWORD size;
    int written = WriteFile(file, "x", 1, &size, NULL) && size == 1;

    CloseHandle(file);
    return written;
}

static int is_refused(HANDLE file, void *data, ULONG size, FILE_INFORMATION_CLASS kind)
{
    IO_STATUS_BLOCK status;
    return native(NtSetInformationFile)(file, &status, data, size, kind) < 0;
}

static void deletion(void)
{
    struct {
        ULONG_PTR replace;
        HANDLE root;
        ULONG length;
        WCHAR name[4];
    } rename = {0, NULL, 8, L"nul2"};
    BOOLEAN delete = TRUE;
    HANDLE file;

    check(!DeleteFileA("nul"), "a device is not deleted");
    check(!DeleteFileA("\\\\.\\NUL"), "not by its whole name either");
    file = CreateFileA("nul", GENERIC_WRITE | DELETE, 0, NULL, OPEN_EXISTING, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    check(file == INVALID_HANDLE_VALUE, "nor when it is closed");
    file = null_device(GENERIC_WRITE | DELETE, 0);
    check(is_refused(file, &delete, 1, DISPOSITION), "nor by way of a handle");
    check(is_refused(file, &rename, sizeof rename, RENAME), "nor renamed");
    CloseHandle(file);
    check(!MoveFileA("nul", "other"), "nor moved");
    CloseHandle(CreateFileA("file", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
    check(!MoveFileExA("file", "nul", MOVEFILE_REPLACE_EXISTING), "nor replaced");
    DeleteFileA("file");
    check(!DeleteFileA("con"), "a console is not deleted");
    check(!DeleteFileA("prn"), "nor a printer that is not there");
    check(!RemoveDirectoryA("nul"), "a device is no folder to be removed");
    check(is_there(), "after all that it is there");
}

static void sharing(void)
{
    HANDLE first = null_device(GENERIC_READ | GENERIC_WRITE, 0), second = null_device(GENERIC_WRITE, 0);

    check(first != INVALID_HANDLE_VALUE && second != INVALID_HANDLE_VALUE, "who has a device keeps nobody out");
    CloseHandle(first);
    CloseHandle(second);
}

static void anonymous_pipe(void)
{
    HANDLE input, output;
    char data[4];
    DWORD size = 7;

    CreatePipe(&input, &output, NULL, 0);
    CloseHandle(output);
    check(!ReadFile(input, data, 4, &size, NULL) && GetLastError() == ERROR_BROKEN_PIPE, "nobody writes any more");
    check(!ReadFile(input, data, 0, &size, NULL) && GetLastError() == ERROR_BROKEN_PIPE, "as a read of nothing tells too");
    CloseHandle(input);
    CreatePipe(&input, &output, NULL, 0);
    CloseHandle(input);
    check(!WriteFile(output, data, 4, &size, NULL) && GetLastError() == ERROR_NO_DATA, "nobody reads any more");
    CloseHandle(output);
}

static void empty_read(void)
{
    HANDLE server = CreateNamedPipeA("\\\\.\\pipe\\lichen-empty", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1, 4096,
                                     4096, 0, NULL);
    HANDLE client = CreateFileA("\\\\.\\pipe\\lichen-empty", GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    OVERLAPPED overlapped = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    DWORD size = 7;
    char data[4];

    check(!ReadFile(server, data, 0, NULL, &overlapped) && GetLastError() == ERROR_IO_PENDING, "a read of nothing waits");
    check(WaitForSingleObject(overlapped.hEvent, 0) == WAIT_TIMEOUT, "while there is nothing");
    WriteFile(client, "x", 1, &size, NULL);
    check(GetOverlappedResult(server, &overlapped, &size, TRUE) && size == 0, "and takes nothing of what comes");
    check(PeekNamedPipe(server, NULL, 0, NULL, &size, NULL) && size == 1, "which stays there");
    CloseHandle(client);
    CloseHandle(server);
}

int main(void)
{
    SetCurrentDirectoryA("C:\\windows\\temp");
    deletion();
    sharing();
    anonymous_pipe();
    empty_read();
    return 0;
}
