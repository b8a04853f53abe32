/* Locking parts of a file. */
#include <string.h>

#include "check.h"

int main(void)
{
    char path[MAX_PATH], data[16];
    OVERLAPPED begin = {0}, distant = {.Offset = 100};
    HANDLE file, second;
    DWORD size;

    GetTempPathA(sizeof path - 20, path);
    strcat(path, "lichen-locks.txt");
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 7, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    second = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 7, NULL, OPEN_EXISTING, 0, NULL);
    check(WriteFile(file, "hello world", 11, &size, NULL) && second != INVALID_HANDLE_VALUE, "a file is open twice");
    check(LockFile(file, 0, 0, 4, 0), "a range is locked");
    check(!ReadFile(second, data, 2, &size, NULL) && GetLastError() == ERROR_LOCK_VIOLATION, "others may not read it");
    check(!WriteFile(second, data, 2, &size, NULL) && GetLastError() == ERROR_LOCK_VIOLATION, "or write it");
    check(!LockFile(second, 2, 0, 4, 0) && GetLastError() == ERROR_LOCK_VIOLATION, "or lock it");
    check(!LockFile(file, 0, 0, 4, 0) && GetLastError() == ERROR_LOCK_VIOLATION, "nor does its owner twice");
    check(SetFilePointer(file, 0, NULL, FILE_BEGIN) == 0 && ReadFile(file, data, 4, &size, NULL) && size == 4,
          "its owner reads it");
    check(SetFilePointer(second, 4, NULL, FILE_BEGIN) == 4 && ReadFile(second, data, 4, &size, NULL) && size == 4,
          "behind it anybody reads");
    check(!UnlockFile(file, 0, 0, 2, 0) && GetLastError() == ERROR_NOT_LOCKED, "a part of it is not given back");
    check(UnlockFile(file, 0, 0, 4, 0), "the whole is");
    check(!UnlockFile(file, 0, 0, 4, 0) && GetLastError() == ERROR_NOT_LOCKED, "and only once");
    check(LockFileEx(file, 0, 0, 8, 0, &begin) && LockFileEx(second, LOCKFILE_FAIL_IMMEDIATELY, 0, 8, 0, &begin),
          "a lock for reading is shared");
    check(!LockFileEx(second, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 8, 0, &begin) &&
              GetLastError() == ERROR_LOCK_VIOLATION, "with no other kind");
    check(LockFileEx(second, LOCKFILE_EXCLUSIVE_LOCK, 0, 8, 0, &distant), "behind the end is locked too");
    CloseHandle(second);
    check(LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 8, 0, &distant),
          "closing a file gives its locks back");
    return 0;
}
