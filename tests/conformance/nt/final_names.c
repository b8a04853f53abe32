/* What open files are called: GetFinalPathNameByHandle, and the name that NtQueryObject tells. */
#include "check.h"
#include <winternl.h>

typedef NTSTATUS(NTAPI *Query)(HANDLE, int, void *, ULONG, ULONG *);

static HANDLE open_it(const wchar_t *path)
{
    return CreateFileW(path, FILE_READ_ATTRIBUTES, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
}

static int is_called(const wchar_t *path, DWORD flags, const wchar_t *expected)
{
    wchar_t name[300] = L"";
    HANDLE file = open_it(path);
    DWORD length = GetFinalPathNameByHandleW(file, name, 300, flags);

    CloseHandle(file);
    return length == (DWORD)lstrlenW(expected) && !lstrcmpW(name, expected);
}

int main(void)
{
    wchar_t small[4];
    struct {
        UNICODE_STRING name;
        wchar_t text[300];
    } information;
    ULONG size;
    HANDLE file, event;
    Query query = (Query)(void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtQueryObject");

    CreateDirectoryW(L"C:\\Final Names", NULL);
    file = CreateFileW(L"C:\\Final Names\\Mixed Case.txt", GENERIC_WRITE, 7, NULL, CREATE_ALWAYS, 0, NULL);
    check(is_called(L"C:\\Final Names\\Mixed Case.txt", 0, L"\\\\?\\C:\\Final Names\\Mixed Case.txt"), "a file's path");
    check(is_called(L"c:\\final names\\MIXED case.TXT", 0, L"\\\\?\\C:\\Final Names\\Mixed Case.txt"), "is spelled as on the disk");
    check(is_called(L"C:\\Final Names\\..\\Final Names\\.", 0, L"\\\\?\\C:\\Final Names"), "dots are gone from a folder's");
    check(is_called(L"C:\\", 0, L"\\\\?\\C:\\"), "a root has a path");
    check(is_called(L"C:\\Final Names", VOLUME_NAME_NONE, L"\\Final Names"), "without its volume");
    check(GetFinalPathNameByHandleW(file, small, 4, 0) == 34, "a small buffer is told what is needed");
    check(query(file, 1, &information, sizeof information, &size) >= 0, "NtQueryObject");
    check(information.name.Length > 26 && information.name.Buffer[0] == '\\', "tells a name in the namespace");
    check(query(file, 1, &information, 20, &size) < 0 && size > 20, "if there is room");
    event = CreateEventW(NULL, FALSE, FALSE, NULL);
    check(query(event, 1, &information, sizeof information, &size) >= 0 && !information.name.Length, "or none");
    check(!GetFinalPathNameByHandleW(event, information.text, 300, 0), "an event is no file");
    CloseHandle(file);
    DeleteFileW(L"C:\\Final Names\\Mixed Case.txt");
    RemoveDirectoryW(L"C:\\Final Names");
    return 0;
}
