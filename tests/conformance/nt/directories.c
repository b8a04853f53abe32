/* Directories: making, listing, removing and watching them. */
#include <string.h>

#include "check.h"
#include <winternl.h>

typedef NTSTATUS(NTAPI *QueryDirectory)(HANDLE, HANDLE, void *, void *, IO_STATUS_BLOCK *, void *, ULONG, int, BOOLEAN,
                                        UNICODE_STRING *, BOOLEAN);

static char top[MAX_PATH];

static const char *in(const char *name)
{
    static char path[4][MAX_PATH];
    static int next;
    char *here = path[next++ % 4];

    snprintf(here, MAX_PATH, "%s\\%s", top, name);
    return here;
}

static int make(const char *name)
{
    HANDLE file = CreateFileA(in(name), GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);

    return file != INVALID_HANDLE_VALUE && CloseHandle(file);
}

/* How many names a mask finds. */
static int count(const char *mask)
{
    WIN32_FIND_DATAA data;
    HANDLE search = FindFirstFileA(in(mask), &data);
    int found = 0;

    if (search == INVALID_HANDLE_VALUE)
        return 0;
    do
        found++;
    while (FindNextFileA(search, &data));
    if (GetLastError() != ERROR_NO_MORE_FILES)
        return -1;
    return FindClose(search) ? found : -1;
}

static void list(void)
{
    WIN32_FIND_DATAA data;
    HANDLE search;

    check(make("Alpha.txt") && make("beta.TXT") && make("gamma") && make("delta.text"), "files are made in it");
    check(count("*") == 7 && count("*.*") == 7, "a listing has them, the subdirectory, and the two dots");
    check(count("*.txt") == 2 || count("*.txt") == 3, "a mask is blind to case");
    check(count("?eta.*") == 1 && count("g*a") == 1, "question marks and stars");
    check(count("alpha.TXT") == 1, "a whole name is a mask too");
    search = FindFirstFileA(in("ALPHA.*"), &data);
    check(search != INVALID_HANDLE_VALUE && !strcmp(data.cFileName, "Alpha.txt"), "a name is found as it was made");
    check(data.nFileSizeLow == 0 && data.dwFileAttributes & FILE_ATTRIBUTE_ARCHIVE, "with size and attributes");
    check(!FindNextFileA(search, &data) && GetLastError() == ERROR_NO_MORE_FILES, "a listing ends");
    FindClose(search);
    check(FindFirstFileA(in("nothing*"), &data) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_NOT_FOUND,
          "a mask without a match");
    check(FindFirstFileA(in("nothing\\*"), &data) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PATH_NOT_FOUND,
          "a directory that is not there");
    search = FindFirstFileExA(in("*"), FindExInfoBasic, &data, FindExSearchLimitToDirectories, NULL, 0);
    check(search != INVALID_HANDLE_VALUE && FindClose(search), "the extended search begins");
}

/* Names come in an order, which programs count on that number their files. */
static void order(void)
{
    static const char *const made[] = {"sub\\b2", "sub\\A1", "sub\\c", "sub\\a0", "sub\\B", "sub\\_"};
    char found[100] = "";
    WIN32_FIND_DATAA data;
    HANDLE search;

    for (int i = 0; i < 6; i++)
        make(made[i]);
    search = FindFirstFileA(in("sub\\*"), &data);
    do
        strcat(strcat(found, data.cFileName), " ");
    while (FindNextFileA(search, &data));
    FindClose(search);
    check(!strcmp(found, ". .. a0 A1 B b2 c _ "), "a listing is in order, blind to case");
    for (int i = 0; i < 6; i++)
        DeleteFileA(in(made[i]));
}

/* The end of a listing is a warning, which the status block tells too. */
static void end_listing(void)
{
    QueryDirectory query = (QueryDirectory)(void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtQueryDirectoryFile");
    HANDLE directory = CreateFileA(in("sub"), FILE_LIST_DIRECTORY | SYNCHRONIZE, 7, NULL, OPEN_EXISTING,
                                   FILE_FLAG_BACKUP_SEMANTICS, NULL);
    IO_STATUS_BLOCK block = {.Information = 77};
    char records[1024];

    check(!query(directory, NULL, NULL, NULL, &block, records, sizeof records, 3, FALSE, NULL, TRUE) &&
              block.Information > 2 * 94, "an empty directory has two records");
    block.Information = 77;
    check((ULONG)query(directory, NULL, NULL, NULL, &block, records, sizeof records, 3, FALSE, NULL, FALSE) == 0x80000006 &&
              (ULONG)block.Status == 0x80000006 && !block.Information, "and then no more, which the status block tells");
    CloseHandle(directory);
}

static void remove_them(void)
{
    WIN32_FILE_ATTRIBUTE_DATA data;

    check(!RemoveDirectoryA(top) && GetLastError() == ERROR_DIR_NOT_EMPTY, "a directory with files stays");
    check(!DeleteFileA(in("sub")) && GetLastError() == ERROR_ACCESS_DENIED, "a directory is not deleted like a file");
    check(!RemoveDirectoryA(in("gamma")) && GetLastError() == ERROR_DIRECTORY, "nor a file like a directory");
    check(!RemoveDirectoryA(in("none")) && GetLastError() == ERROR_FILE_NOT_FOUND, "what is not there is not removed");
    check(GetFileAttributesExA(in("SUB"), GetFileExInfoStandard, &data) &&
              data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY, "a directory says that it is one");
    check(MoveFileA(in("sub"), in("moved")) && count("moved") == 1 && count("sub") == 0, "a directory is renamed");
    check(!MoveFileA(in("gamma"), in("moved")) && GetLastError() == ERROR_ALREADY_EXISTS, "not over another");
    check(RemoveDirectoryA(in("moved")) && count("moved") == 0, "and removed");
    check(DeleteFileA(in("alpha.txt")) && DeleteFileA(in("BETA.txt")) && DeleteFileA(in("gamma")) &&
              DeleteFileA(in("delta.text")), "its files are deleted by names of any case");
    check(RemoveDirectoryA(top) && GetFileAttributesA(top) == INVALID_FILE_ATTRIBUTES, "then it can go");
}

static HANDLE open_directory(DWORD flags)
{
    return CreateFileA(top, FILE_LIST_DIRECTORY, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | flags, NULL);
}

static int is(const FILE_NOTIFY_INFORMATION *change, DWORD action, const WCHAR *name)
{
    return change->Action == action && change->FileNameLength == 2 * wcslen(name) &&
           !memcmp(change->FileName, name, change->FileNameLength);
}

static void watch(void)
{
    union
    {
        FILE_NOTIFY_INFORMATION first;
        char bytes[1024];
    } buffer;
    const DWORD names = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME;
    OVERLAPPED overlapped = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    HANDLE directory = open_directory(FILE_FLAG_OVERLAPPED), change;
    FILE_NOTIFY_INFORMATION *second;
    DWORD size;

    check(directory != INVALID_HANDLE_VALUE, "a directory is opened");
    check(ReadDirectoryChangesW(directory, &buffer, sizeof buffer, FALSE, names, NULL, &overlapped, NULL),
          "changes are asked for");
    check(WaitForSingleObject(overlapped.hEvent, 50) == WAIT_TIMEOUT, "of which there are none yet");
    make("new.txt");
    check(WaitForSingleObject(overlapped.hEvent, 5000) == WAIT_OBJECT_0 &&
              GetOverlappedResult(directory, &overlapped, &size, FALSE) && size, "a new file is one");
    check(is(&buffer.first, FILE_ACTION_ADDED, L"new.txt"), "which is told with its name");
    ReadDirectoryChangesW(directory, &buffer, sizeof buffer, FALSE, names, NULL, &overlapped, NULL);
    MoveFileA(in("new.txt"), in("newer.txt"));
    check(GetOverlappedResult(directory, &overlapped, &size, TRUE) && is(&buffer.first, FILE_ACTION_RENAMED_OLD_NAME, L"new.txt"),
          "a renamed one: its old name");
    second = (void *)(buffer.bytes + buffer.first.NextEntryOffset);
    check(buffer.first.NextEntryOffset && is(second, FILE_ACTION_RENAMED_NEW_NAME, L"newer.txt"), "and its new name");
    ReadDirectoryChangesW(directory, &buffer, sizeof buffer, FALSE, names, NULL, &overlapped, NULL);
    DeleteFileA(in("newer.txt"));
    check(GetOverlappedResult(directory, &overlapped, &size, TRUE) && is(&buffer.first, FILE_ACTION_REMOVED, L"newer.txt"),
          "a deleted one");
    ReadDirectoryChangesW(directory, &buffer, sizeof buffer, FALSE, names, NULL, &overlapped, NULL);
    check(CancelIo(directory) && !GetOverlappedResult(directory, &overlapped, &size, TRUE) &&
              GetLastError() == ERROR_OPERATION_ABORTED, "watching is cancelled");
    CloseHandle(directory);
    change = FindFirstChangeNotificationA(top, FALSE, FILE_NOTIFY_CHANGE_FILE_NAME);
    check(change != INVALID_HANDLE_VALUE && WaitForSingleObject(change, 0) == WAIT_TIMEOUT, "a notification is waited for");
    make("another.txt");
    check(WaitForSingleObject(change, 5000) == WAIT_OBJECT_0, "until a name changes");
    check(FindNextChangeNotification(change) && WaitForSingleObject(change, 20) == WAIT_TIMEOUT, "and begun anew");
    DeleteFileA(in("another.txt"));
    check(WaitForSingleObject(change, 5000) == WAIT_OBJECT_0 && FindCloseChangeNotification(change), "for the next one");
    check(FindFirstChangeNotificationA(in("nowhere"), FALSE, FILE_NOTIFY_CHANGE_FILE_NAME) == INVALID_HANDLE_VALUE &&
              GetLastError() == ERROR_FILE_NOT_FOUND, "what is not there is not watched");
}

int main(void)
{
    char temporary[MAX_PATH], here[MAX_PATH], before[MAX_PATH];

    GetTempPathA(sizeof temporary, temporary);
    snprintf(top, sizeof top, "%slichen-%lu", temporary, GetCurrentProcessId());
    check(CreateDirectoryA(top, NULL), "a directory is made");
    check(!CreateDirectoryA(top, NULL) && GetLastError() == ERROR_ALREADY_EXISTS, "once");
    check(!CreateDirectoryA(in("a\\b"), NULL) && GetLastError() == ERROR_PATH_NOT_FOUND, "only where one is above it");
    check(CreateDirectoryA(in("sub"), NULL), "a directory in a directory");
    check(CreateFileA(top, GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE &&
              GetLastError() == ERROR_ACCESS_DENIED, "a directory is not opened as a file");
    GetCurrentDirectoryA(sizeof before, before);
    check(SetCurrentDirectoryA(in("sub")) && GetCurrentDirectoryA(sizeof here, here) && !strcmp(here, in("sub")),
          "the current directory changes");
    check(!SetCurrentDirectoryA("nothing") && GetLastError() == ERROR_FILE_NOT_FOUND, "not to what is not there");
    SetCurrentDirectoryA("..");
    check(GetFileAttributesA("sub") & FILE_ATTRIBUTE_DIRECTORY && GetFileAttributesA(".\\SUB\\..\\sub") != INVALID_FILE_ATTRIBUTES,
          "names begin there");
    SetCurrentDirectoryA(before);
    watch();
    list();
    order();
    end_listing();
    remove_them();
    return 0;
}
