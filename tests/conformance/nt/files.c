/* Files: making, sharing, moving and deleting them; pipes. */
#include <string.h>

#include "check.h"

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
    check(CreatePipe(&reader, &writer, NULL, 0), "a pipe is made");
    check(WriteFile(writer, "abc", 3, &size, NULL) && size == 3, "written to");
    check(PeekNamedPipe(reader, data, 2, &size, NULL, NULL) && size == 2, "peeked into");
    check(ReadFile(reader, data, 16, &size, NULL) && size == 3, "and read");
    CloseHandle(writer);
    check(!ReadFile(reader, data, 16, &size, NULL) && GetLastError() == ERROR_BROKEN_PIPE, "until its writer is gone");
    return 0;
}
