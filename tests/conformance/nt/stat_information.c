/* What FILE_STAT_INFORMATION tells of a file, at once, against the calls that tell its parts. */
#include <string.h>
#include <winternl.h>

#include "check.h"

struct stat_information {
    LARGE_INTEGER id, created, accessed, written, changed, allocated, size;
    ULONG attributes, tag, links;
    ACCESS_MASK access;
};

static NTSTATUS (NTAPI *query)(HANDLE file, IO_STATUS_BLOCK *status, void *into, ULONG size, int class);

static NTSTATUS ask(HANDLE file, void *into, ULONG size)
{
    IO_STATUS_BLOCK status;

    return query(file, &status, into, size, 68);
}

int main(void)
{
    struct stat_information told;
    BY_HANDLE_FILE_INFORMATION known;
    WCHAR folder[MAX_PATH], path[MAX_PATH], other[MAX_PATH];
    DWORD written;
    HANDLE file;

    query = (void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtQueryInformationFile");
    GetTempPathW(MAX_PATH, folder);
    GetTempFileNameW(folder, L"st", 0, path);
    wsprintfW(other, L"%s.link", path);
    file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, 7, NULL, OPEN_EXISTING, 0, NULL);
    WriteFile(file, "seven b", 7, &written, NULL);
    CreateHardLinkW(other, path, NULL);
    check(sizeof told == 72 && ask(file, &told, sizeof told) == 0, "it is told");
    GetFileInformationByHandle(file, &known);
    check(told.size.QuadPart == 7 && told.allocated.QuadPart >= 7, "the size and what is allocated");
    check(told.links == 2 && known.nNumberOfLinks == 2, "the number of its names");
    check(told.attributes == known.dwFileAttributes && told.tag == 0, "its attributes");
    check(told.id.LowPart == known.nFileIndexLow && (DWORD)told.id.HighPart == known.nFileIndexHigh, "its id");
    check(memcmp(&told.written, &known.ftLastWriteTime, 8) == 0, "when it was written");
    check((told.access & 0x1F01FF) == 0x12019F, "the rights of the handle");
    check(ask(file, &told, sizeof told - 1) == (NTSTATUS)0xC0000004, "a buffer that is too small is refused");
    check(ask((HANDLE)0xDEAC, &told, sizeof told) == (NTSTATUS)STATUS_INVALID_HANDLE, "and what is no file");
    CloseHandle(file);
    file = CreateFileW(folder, FILE_READ_ATTRIBUTES, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    check(ask(file, &told, sizeof told) == 0 && told.attributes & FILE_ATTRIBUTE_DIRECTORY && told.size.QuadPart == 0,
          "a directory has no size");
    CloseHandle(file);
    DeleteFileW(path);
    DeleteFileW(other);
    return 0;
}
