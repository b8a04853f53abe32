/* A file is renamed by whoever has it open for that, whatever it lets others do meanwhile. */
#include <string.h>

#include "check.h"
#include "native.h"

#define COLLISION ((NTSTATUS)0xC0000035)
#define ACCESS_DENIED ((NTSTATUS)0xC0000022)
#define RENAME 10
#define PLACE L"\\??\\C:\\windows\\temp\\"

static NTSTATUS rename_to(HANDLE file, const WCHAR *name, int replace)
{
    struct {
        ULONG_PTR replace;
        HANDLE root;
        ULONG length;
        WCHAR name[80];
    } request = {replace, NULL, (ULONG)(wcslen(name) * sizeof *name), L""};
    IO_STATUS_BLOCK status;

    wcscpy(request.name, name);
    return native(NtSetInformationFile)(file, &status, &request, (ULONG)sizeof request, RENAME);
}

static int is_there(const char *name)
{
    return GetFileAttributesA(name) != INVALID_FILE_ATTRIBUTES;
}

int main(void)
{
    HANDLE file, other;

    SetCurrentDirectoryA("C:\\windows\\temp");
    file = CreateFileA("lichen-old", GENERIC_WRITE | DELETE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    check(file != INVALID_HANDLE_VALUE, "a file is opened that nobody else may touch");
    check(rename_to(file, PLACE L"lichen-new", FALSE) == 0, "who has it renames it");
    check(is_there("lichen-new") && !is_there("lichen-old"), "which shows");
    CloseHandle(CreateFileA("lichen-old", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
    check(rename_to(file, PLACE L"lichen-old", FALSE) == COLLISION, "not to a name that is taken");
    other = CreateFileA("lichen-old", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    check(rename_to(file, PLACE L"lichen-old", TRUE) == ACCESS_DENIED, "nor over a file that somebody reads");
    CloseHandle(other);
    check(rename_to(file, PLACE L"lichen-old", TRUE) == 0, "but over any other when that is asked for");
    CloseHandle(file);
    check(!is_there("lichen-new") && DeleteFileA("lichen-old"), "one file is left");
    return 0;
}
