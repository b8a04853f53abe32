/* Opening one file several times: what is shared, what goes when it is closed, and what its name is. */
#include <string.h>

#include "check.h"

static char path[MAX_PATH], other[MAX_PATH];

static HANDLE open_file(DWORD access, DWORD share, DWORD disposition, DWORD flags)
{
    return CreateFileA(path, access, share, NULL, disposition, flags, NULL);
}

static int refused(DWORD access, DWORD share, DWORD disposition, DWORD error)
{
    HANDLE file = open_file(access, share, disposition, 0);

    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return file == INVALID_HANDLE_VALUE && GetLastError() == error;
}

static void share_modes(void)
{
    HANDLE first = open_file(GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING, 0), second, copy;

    check(first != INVALID_HANDLE_VALUE, "a file is opened for reading, shared for reading");
    second = open_file(GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING, 0);
    check(second != INVALID_HANDLE_VALUE, "another reads it too");
    CloseHandle(second);
    check(refused(GENERIC_READ, 0, OPEN_EXISTING, ERROR_SHARING_VIOLATION), "who shares nothing gets nothing that is open");
    check(refused(GENERIC_WRITE, 7, OPEN_EXISTING, ERROR_SHARING_VIOLATION), "nobody writes");
    check(refused(GENERIC_WRITE, 7, CREATE_ALWAYS, ERROR_SHARING_VIOLATION), "or begins anew");
    check(refused(DELETE, 7, OPEN_EXISTING, ERROR_SHARING_VIOLATION), "or deletes");
    check(!DeleteFileA(path) && GetLastError() == ERROR_SHARING_VIOLATION, "by name neither");
    check(!MoveFileA(path, other) && GetLastError() == ERROR_SHARING_VIOLATION, "nor does anybody rename it");
    second = open_file(FILE_READ_ATTRIBUTES, 0, OPEN_EXISTING, 0);
    check(second != INVALID_HANDLE_VALUE && GetFileSize(second, NULL) == 4, "its attributes are for everybody");
    CloseHandle(second);
    check(DuplicateHandle(GetCurrentProcess(), first, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS),
          "a handle is copied");
    CloseHandle(first);
    check(refused(GENERIC_WRITE, 7, OPEN_EXISTING, ERROR_SHARING_VIOLATION), "the copy keeps the file as it is");
    CloseHandle(copy);
    second = open_file(GENERIC_WRITE, 0, OPEN_EXISTING, 0);
    check(second != INVALID_HANDLE_VALUE, "the last one lets go of it");
    check(refused(GENERIC_READ, 7, OPEN_EXISTING, ERROR_SHARING_VIOLATION), "a writer who shares nothing is alone");
    check(refused(GENERIC_READ, 7, CREATE_NEW, ERROR_FILE_EXISTS), "though the name is there");
    CloseHandle(second);
}

static void delete_it(void)
{
    HANDLE file = open_file(GENERIC_READ | DELETE, 7, OPEN_EXISTING, FILE_FLAG_DELETE_ON_CLOSE), second;
    FILE_DISPOSITION_INFO disposition = {TRUE};

    check(file != INVALID_HANDLE_VALUE, "a file is to be deleted when it is closed");
    check(refused(GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING, ERROR_SHARING_VIOLATION), "others must share that");
    second = open_file(GENERIC_READ, 7, OPEN_EXISTING, 0);
    check(second != INVALID_HANDLE_VALUE, "who does may still open it");
    CloseHandle(file);
    CloseHandle(second);
    check(GetFileAttributesA(path) == INVALID_FILE_ATTRIBUTES && GetLastError() == ERROR_FILE_NOT_FOUND,
          "and with the last handle it goes");
    file = open_file(GENERIC_WRITE | DELETE, 7, CREATE_ALWAYS, 0);
    second = open_file(GENERIC_READ, 7, OPEN_EXISTING, 0);
    check(SetFileInformationByHandle(file, FileDispositionInfo, &disposition, sizeof disposition), "deleted by its handle");
    disposition.DeleteFile = FALSE;
    check(SetFileInformationByHandle(file, FileDispositionInfo, &disposition, sizeof disposition), "the deletion is taken back");
    CloseHandle(file);
    CloseHandle(second);
    check(GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES, "then it stays");
    file = open_file(GENERIC_READ, 7, OPEN_EXISTING, 0);
    disposition.DeleteFile = TRUE;
    check(!SetFileInformationByHandle(file, FileDispositionInfo, &disposition, sizeof disposition) &&
              GetLastError() == ERROR_ACCESS_DENIED, "deleting needs the right to");
    check(DeleteFileA(path), "an open file that shares it is deleted by name");
    CloseHandle(file);
    check(refused(GENERIC_READ, 7, OPEN_EXISTING, ERROR_FILE_NOT_FOUND), "and has gone");
}

static void attributes(void)
{
    HANDLE file = open_file(GENERIC_WRITE, 0, CREATE_NEW, FILE_ATTRIBUTE_HIDDEN);
    FILE_STANDARD_INFO standard;
    FILETIME wanted = {.dwHighDateTime = 0x01d00000}, found;

    check(SetFileTime(file, NULL, NULL, &wanted) && GetFileTime(file, NULL, NULL, &found) &&
              CompareFileTime(&wanted, &found) == 0, "the time of its last change is set");
    CloseHandle(file);
    check(GetFileAttributesA(path) & FILE_ATTRIBUTE_HIDDEN, "a file is made hidden");
    check(SetFileAttributesA(path, FILE_ATTRIBUTE_READONLY), "it becomes read-only");
    check(!DeleteFileA(path) && GetLastError() == ERROR_ACCESS_DENIED, "nobody deletes it");
    check(GetFileAttributesA(path) == FILE_ATTRIBUTE_READONLY || GetFileAttributesA(path) == 0x21, "it is no longer hidden");
    SetFileAttributesA(path, FILE_ATTRIBUTE_NORMAL);
    file = open_file(GENERIC_READ, 7, OPEN_EXISTING, 0);
    check(GetFileInformationByHandleEx(file, FileStandardInfo, &standard, sizeof standard) &&
              standard.NumberOfLinks == 1 && !standard.Directory && !standard.DeletePending, "what is known of it");
    CloseHandle(file);
    check(CreateHardLinkA(other, path, NULL), "a second name");
    file = open_file(GENERIC_READ, 7, OPEN_EXISTING, 0);
    GetFileInformationByHandleEx(file, FileStandardInfo, &standard, sizeof standard);
    check(standard.NumberOfLinks == 2, "is counted");
    CloseHandle(file);
    check(DeleteFileA(other) && CopyFileA(path, other, TRUE), "a file is copied");
    check(!CopyFileA(path, other, TRUE) && GetLastError() == ERROR_FILE_EXISTS, "not over another unless asked");
    check(MoveFileExA(path, other, MOVEFILE_REPLACE_EXISTING), "but moved over it when asked");
    check(!MoveFileA(path, other) && GetLastError() == ERROR_FILE_NOT_FOUND, "which happens once");
    DeleteFileA(other);
}

static void names(const char *made, const char *asked, const char *fact, const char *renamed)
{
    WIN32_FIND_DATAA data;
    HANDLE file = CreateFileA(made, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_FLAG_DELETE_ON_CLOSE, NULL), search;
    int holds = file != INVALID_HANDLE_VALUE;

    holds = holds && CreateFileA(asked, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL) == INVALID_HANDLE_VALUE &&
            GetLastError() == ERROR_FILE_EXISTS;
    holds = holds && GetFileAttributesA(asked) != INVALID_FILE_ATTRIBUTES;
    search = FindFirstFileA(asked, &data);
    holds = holds && search != INVALID_HANDLE_VALUE && FindClose(search) && !strcmp(data.cFileName, renamed);
    check(holds, fact);
    CloseHandle(file);
}

int main(void)
{
    char temporary[MAX_PATH - 40], made[MAX_PATH], asked[MAX_PATH];
    unsigned long id = GetCurrentProcessId();
    DWORD size;
    HANDLE file;

    GetTempPathA(sizeof temporary, temporary);
    snprintf(path, sizeof path, "%slichen-shared-%lu", temporary, id);
    snprintf(other, sizeof other, "%slichen-other-%lu", temporary, id);
    file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    check(WriteFile(file, "four", 4, &size, NULL) && CloseHandle(file), "a file with four bytes");
    share_modes();
    delete_it();
    attributes();
    snprintf(made, sizeof made, "%sLichen-Name.Txt", temporary);
    snprintf(asked, sizeof asked, "%slichen-NAME.tXT", temporary);
    names(made, asked, "on C: a name is found in any case, and is shown as it was made", "Lichen-Name.Txt");
    snprintf(made, sizeof made, "Z:\\tmp\\Lichen-%lu.Txt", id);
    snprintf(asked, sizeof asked, "z:\\TMP\\lichen-%lu.tXT", id);
    names(made, asked, "on Z: too", strrchr(made, '\\') + 1);
    return 0;
}
