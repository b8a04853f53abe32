/* Files: making, sharing, moving and deleting them; pipes. */
#include <string.h>

#include "check.h"

/* A call carries as much as it was given. */
static void much(const char *path)
{
    const DWORD most = 70 << 20;
    char *data = VirtualAlloc(NULL, most, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_OVERLAPPED, NULL);
    OVERLAPPED where = {.Offset = 5, .hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    DWORD size;

    data[0] = 'a';
    data[most - 1] = 'z';
    check((WriteFile(file, data, most, NULL, &where) || GetLastError() == ERROR_IO_PENDING) &&
              GetOverlappedResult(file, &where, &size, TRUE) && size == most, "much is written at once");
    CloseHandle(file);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(GetFileSize(file, NULL) == most + 5, "all of it");
    memset(data, 1, most);
    check(ReadFile(file, data, most, &size, NULL) && size == most && !data[0] && data[5] == 'a', "and read at once");
    check(ReadFile(file, data, most, &size, NULL) && size == 5 && data[4] == 'z', "up to its end");
    check(SetFilePointer(file, 0, NULL, FILE_CURRENT) == most + 5, "where the position is then");
    check(ReadFile(file, data, most, &size, NULL) && size == 0, "behind which is nothing");
    check(!WriteFile(file, (void *)16, most, &size, NULL), "from nowhere nothing is written");
    CloseHandle(file);
    DeleteFileA(path);
    VirtualFree(data, 0, MEM_RELEASE);
}

int main(void)
{
    char path[MAX_PATH], other[MAX_PATH], data[16];
    HANDLE file, second, reader, writer;
    OVERLAPPED where = {.Offset = 2};
    DWORD size;
    BOOL present, defaulted;
    ACL *list;
    static char security[1024];

    GetTempPathA(sizeof path - 20, path);
    strcpy(other, path);
    strcat(path, "lichen-one.txt");
    strcat(other, "lichen-two.txt");
    DeleteFileA(path);
    DeleteFileA(other);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_NEW, 0, NULL);
    check(file != INVALID_HANDLE_VALUE, "a file is made");
    check(CreateFileA(path, GENERIC_READ, 7, NULL, CREATE_NEW, 0, NULL) == INVALID_HANDLE_VALUE &&
              GetLastError() == ERROR_FILE_EXISTS, "once");
    check(WriteFile(file, "hello world", 11, &size, NULL) && size == 11, "written");
    check(ReadFile(file, data, 5, &size, &where) && size == 5 && !memcmp(data, "llo w", 5), "and read in the middle");
    check(SetFilePointer(file, 0, NULL, FILE_CURRENT) == 7, "which moves the position");
    check(CreateFileA(path, GENERIC_WRITE, 7, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE &&
              GetLastError() == ERROR_SHARING_VIOLATION, "who does not share writing is not written to");
    second = CreateFileA(path, GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL);
    check(second != INVALID_HANDLE_VALUE, "reading is shared");
    check(GetFileSize(file, NULL) == 11, "its size");
    SetFilePointer(file, 3, NULL, FILE_BEGIN);
    check(SetEndOfFile(file) && GetFileSize(second, NULL) == 3, "which can be cut");
    GetKernelObjectSecurity(file, 7, NULL, 0, &size);
    check(size > 20 && size <= sizeof security && GetKernelObjectSecurity(file, 7, security, size, &size),
          "it has a security descriptor");
    check(IsValidSecurityDescriptor(security) && GetSecurityDescriptorDacl(security, &present, &list, &defaulted) &&
              present && IsValidAcl(list), "which is valid");
    CloseHandle(file);
    CloseHandle(second);
    check(MoveFileA(path, other) && GetFileAttributesA(path) == INVALID_FILE_ATTRIBUTES, "a file is renamed");
    check(DeleteFileA(other) && !DeleteFileA(other) && GetLastError() == ERROR_FILE_NOT_FOUND, "and deleted");
    much(path);
    check(CreatePipe(&reader, &writer, NULL, 0), "a pipe is made");
    check(WriteFile(writer, "abc", 3, &size, NULL) && size == 3, "written to");
    check(PeekNamedPipe(reader, data, 2, &size, NULL, NULL) && size == 2, "peeked into");
    check(ReadFile(reader, data, 16, &size, NULL) && size == 3, "and read");
    CloseHandle(writer);
    check(!ReadFile(reader, data, 16, &size, NULL) && GetLastError() == ERROR_BROKEN_PIPE, "until its writer is gone");
    return 0;
}
