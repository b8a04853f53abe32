/* Deleting: while others have the file open, what is read-only, and with POSIX's semantics (FileDispositionInformationEx,
   FileRenameInformationEx). */
#include <string.h>

#include "check.h"

#define DISPOSITION_EX 64
#define RENAME_EX 65
enum { DELETE_IT = 1, POSIX = 2, IGNORE_READONLY = 0x10 };

typedef struct
{
    union
    {
        LONG status;
        void *pointer;
    };
    ULONG_PTR information;
} STATUS_BLOCK;

typedef struct
{
    ULONG flags;
    HANDLE root;
    ULONG length;
    WCHAR name[200];
} RENAME;

static LONG (WINAPI *set_information)(HANDLE, STATUS_BLOCK *, void *, ULONG, int);
static char folder[MAX_PATH];

static const char *in(const char *name)
{
    static char paths[2][MAX_PATH];
    static int next;

    next ^= 1;
    snprintf(paths[next], MAX_PATH, "%s\\%s", folder, name);
    return paths[next];
}

static HANDLE make(const char *name)
{
    return CreateFileA(in(name), GENERIC_WRITE | DELETE, 7, NULL, CREATE_ALWAYS, 0, NULL);
}

static int is_there(const char *name)
{
    return GetFileAttributesA(in(name)) != INVALID_FILE_ATTRIBUTES;
}

static LONG dispose(HANDLE file, ULONG flags)
{
    STATUS_BLOCK block;

    return set_information(file, &block, &flags, sizeof flags, DISPOSITION_EX);
}

static LONG rename_to(HANDLE file, const char *name, ULONG flags)
{
    static RENAME request;
    STATUS_BLOCK block;
    char full[MAX_PATH + 4];

    snprintf(full, sizeof full, "\\??\\%s", in(name));
    request.flags = flags;
    request.length = 2 * mbstowcs(request.name, full, 200);
    return set_information(file, &block, &request, offsetof(RENAME, name) + request.length, RENAME_EX);
}

static int refused(const char *name, DWORD access, DWORD error)
{
    HANDLE file = CreateFileA(in(name), access, 7, NULL, OPEN_EXISTING, 0, NULL);

    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return file == INVALID_HANDLE_VALUE && GetLastError() == error;
}

static void pending(void)
{
    HANDLE file = make("one"), second = CreateFileA(in("one"), GENERIC_READ | DELETE, 7, NULL, OPEN_EXISTING,
                                                    FILE_FLAG_DELETE_ON_CLOSE, NULL);
    FILE_BASIC_INFO basic = {0};

    CloseHandle(second);
    check(refused("one", GENERIC_READ, ERROR_ACCESS_DENIED) && is_there("one") == 0, "what is to go opens no more");
    check(!CreateDirectoryA(in("one"), NULL) && GetLastError() != ERROR_SUCCESS, "though its name is not free yet");
    CloseHandle(file);
    check(CreateDirectoryA(in("one"), NULL) && RemoveDirectoryA(in("one")), "with the last handle it is");
    file = make("one");
    check(dispose(file, DELETE_IT) == 0 && refused("one", DELETE, ERROR_ACCESS_DENIED), "the same when its handle deletes it");
    check(!SetFileInformationByHandle(file, FileBasicInfo, &basic, 4) && GetLastError() == ERROR_BAD_LENGTH,
          "a record that is cut short");
    CloseHandle(file);
    CloseHandle(make("one"));
    SetFileAttributesA(in("one"), FILE_ATTRIBUTE_READONLY);
    check(refused("one", GENERIC_WRITE, ERROR_ACCESS_DENIED), "what is read-only is not written, whoever asks");
    check(refused("one", FILE_APPEND_DATA, ERROR_ACCESS_DENIED), "nor appended to");
    check(!DeleteFileA(in("one")) && GetLastError() == ERROR_ACCESS_DENIED, "nor deleted");
    SetFileAttributesA(in("one"), FILE_ATTRIBUTE_NORMAL);
    check(DeleteFileA(in("one")), "until it is so no more");
    file = CreateFileA(in("one"), GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_READONLY, NULL);
    check(file != INVALID_HANDLE_VALUE && CloseHandle(file) && GetFileAttributesA(in("one")) & FILE_ATTRIBUTE_READONLY,
          "a file may be made so");
    SetFileAttributesA(in("one"), FILE_ATTRIBUTE_NORMAL);
    DeleteFileA(in("one"));
}

static void deleting(void)
{
    HANDLE file = make("one"), second = CreateFileA(in("one"), GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL);
    char data[4];
    DWORD size;

    check(WriteFile(file, "abcd", 4, &size, NULL) && dispose(file, DELETE_IT | POSIX) == 0, "a file is deleted");
    CloseHandle(file);
    check(!is_there("one"), "its name goes though the file is open");
    check(ReadFile(second, data, 4, &size, NULL) && size == 4 && !memcmp(data, "abcd", 4), "which is read on");
    file = make("one");
    check(file != INVALID_HANDLE_VALUE, "the name is free at once");
    CloseHandle(second);
    check(is_there("one"), "closing the old file leaves the new one");
    check(dispose(file, DELETE_IT) == 0 && dispose(file, 0) == 0, "a deletion is taken back");
    CloseHandle(file);
    check(is_there("one"), "and does not happen");
    SetFileAttributesA(in("one"), FILE_ATTRIBUTE_READONLY);
    file = CreateFileA(in("one"), DELETE, 7, NULL, OPEN_EXISTING, 0, NULL);
    check(dispose(file, DELETE_IT | POSIX) == (LONG)0xC0000121, "a read-only file is not deleted");
    check(dispose(file, DELETE_IT | POSIX | IGNORE_READONLY) == 0 && CloseHandle(file) && !is_there("one"), "unless that is said");
    file = make("two");
    second = CreateFileA(in("two"), GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL);
    check(dispose(second, DELETE_IT | POSIX) == (LONG)0xC0000022, "deleting needs the right to");
    CloseHandle(second);
    CloseHandle(file);
    CreateDirectoryA(in("full"), NULL);
    CreateDirectoryA(in("full\\x"), NULL);
    file = CreateFileA(in("full"), DELETE, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    check(dispose(file, DELETE_IT | POSIX) == (LONG)0xC0000101, "a directory with files stays");
    RemoveDirectoryA(in("full\\x"));
    check(dispose(file, DELETE_IT | POSIX) == 0 && CloseHandle(file) && !is_there("full"), "an empty one goes");
}

static void renaming(void)
{
    HANDLE file = make("from"), second = make("to");
    DWORD size;
    char data[4];

    check(rename_to(file, "to", 0) == (LONG)0xC0000035, "a name that is taken is taken");
    check(rename_to(file, "to", 1) == (LONG)0xC0000022, "and not replaced while it is open");
    WriteFile(second, "old!", 4, &size, NULL);
    check(rename_to(file, "to", 3) == 0, "but with POSIX's semantics");
    check(!is_there("from") && is_there("to"), "the file has its new name");
    CloseHandle(file);
    CloseHandle(second);
    file = CreateFileA(in("to"), GENERIC_READ | DELETE, 7, NULL, OPEN_EXISTING, 0, NULL);
    check(ReadFile(file, data, 4, &size, NULL) && size == 0, "which leads to it and not to the old one");
    check(rename_to(file, "nowhere\\to", 3) == (LONG)0xC000003A, "a directory that is not there");
    check(rename_to(file, "TO", 3) == 0, "only the case of a name changes");
    CloseHandle(file);
    check(DeleteFileA(in("to")) && DeleteFileA(in("two")), "they are deleted as ever");
}

int main(void)
{
    char temporary[MAX_PATH - 40];

    set_information = (void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtSetInformationFile");
    GetTempPathA(sizeof temporary, temporary);
    snprintf(folder, sizeof folder, "%slichen-posix", temporary);
    CreateDirectoryA(folder, NULL);
    pending();
    deleting();
    renaming();
    check(RemoveDirectoryA(folder), "nothing is left");
    return 0;
}
