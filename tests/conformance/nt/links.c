/* Symbolic links and junctions: made, read, listed, renamed and removed as things of their own, and followed by all else. */
#include <stddef.h>
#include <string.h>

#include <windows.h>
#include <winioctl.h>

#include "check.h"

#define SYMLINK 0xA000000CUL
#define JUNCTION 0xA0000003UL

typedef struct
{
    ULONG tag;
    USHORT length, reserved, substitute_offset, substitute_length, print_offset, print_length;
    WCHAR text[1000];
} REPARSE;

static wchar_t folder[MAX_PATH];

static wchar_t *in(const wchar_t *name)
{
    static wchar_t paths[4][MAX_PATH];
    static int next;

    next = (next + 1) % 4;
    _snwprintf(paths[next], MAX_PATH, L"%ls\\%ls", folder, name);
    return paths[next];
}

static HANDLE open_it(const wchar_t *name, DWORD access, DWORD flags)
{
    return CreateFileW(in(name), access, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | flags, NULL);
}

static HANDLE open_link(const wchar_t *name, DWORD access)
{
    return open_it(name, access, FILE_FLAG_OPEN_REPARSE_POINT);
}

static void write_file(const wchar_t *name, const char *text)
{
    HANDLE file = CreateFileW(in(name), GENERIC_WRITE, 7, NULL, CREATE_ALWAYS, 0, NULL);
    DWORD size;

    WriteFile(file, text, strlen(text), &size, NULL);
    CloseHandle(file);
}

static int holds(const wchar_t *name, const char *text)
{
    HANDLE file = open_it(name, GENERIC_READ, 0);
    char data[20];
    DWORD size = 0;
    int same = ReadFile(file, data, sizeof data, &size, NULL) && size == strlen(text) && !memcmp(data, text, size);

    CloseHandle(file);
    return same;
}

static int fails(BOOL done, DWORD error)
{
    return !done && GetLastError() == error;
}

static DWORD attributes(const wchar_t *name)
{
    return GetFileAttributesW(in(name));
}

static ULONG tag_in_listing(const wchar_t *name, DWORD *attributes)
{
    WIN32_FIND_DATAW data = {0};
    HANDLE found = FindFirstFileW(in(name), &data);

    FindClose(found);
    *attributes = data.dwFileAttributes;
    return data.dwReserved0;
}

static BOOL read_point(const wchar_t *name, REPARSE *point)
{
    HANDLE file = open_link(name, 0);
    DWORD size = 0;
    BOOL done;

    memset(point, 0, sizeof *point);
    done = DeviceIoControl(file, FSCTL_GET_REPARSE_POINT, NULL, 0, point, sizeof *point, &size, NULL);
    CloseHandle(file);
    return done && size == 8U + point->length;
}

static int leads_to(const wchar_t *name, ULONG tag, const wchar_t *stored, const wchar_t *shown)
{
    REPARSE point;
    const wchar_t *text = point.text + (tag == SYMLINK ? 2 : 0);

    return read_point(name, &point) && point.tag == tag && point.substitute_length == 2 * wcslen(stored) &&
           !memcmp((char *)text + point.substitute_offset, stored, point.substitute_length) &&
           point.print_length == 2 * wcslen(shown) && !memcmp((char *)text + point.print_offset, shown, point.print_length);
}

static BOOL set_point(HANDLE file, ULONG tag, const wchar_t *stored, ULONG flags)
{
    REPARSE point = {0};
    USHORT head = tag == SYMLINK ? 2 : 0, length = 2 * wcslen(stored);
    DWORD size;

    point.tag = tag;
    point.substitute_length = point.print_offset = length;
    memcpy(point.text, &flags, 2 * head);
    memcpy(point.text + head, stored, length);
    point.length = 8 + 2 * head + length;
    return DeviceIoControl(file, FSCTL_SET_REPARSE_POINT, &point, 8 + point.length, NULL, 0, &size, NULL);
}

static BOOL take_away(HANDLE file, ULONG tag)
{
    REPARSE point = {.tag = tag};
    DWORD size;

    return DeviceIoControl(file, FSCTL_DELETE_REPARSE_POINT, &point, 8, NULL, 0, &size, NULL);
}

static void making(void)
{
    wchar_t whole[MAX_PATH + 4];
    DWORD flags;
    HANDLE file;

    check(CreateSymbolicLinkW(in(L"to file"), L"file", 2), "a link to a file");
    check(CreateSymbolicLinkW(in(L"to folder"), L".\\Folder", 1), "and one to a folder");
    check(CreateSymbolicLinkW(in(L"absolute"), in(L"folder"), 1), "by its whole path");
    check(fails(CreateSymbolicLinkW(in(L"to file"), L"file", 0), ERROR_ALREADY_EXISTS), "a name that is taken");
    check(fails(CreateSymbolicLinkW(in(L"none\\link"), L"file", 0), ERROR_PATH_NOT_FOUND), "a folder that is not there");
    check(fails(CreateSymbolicLinkW(in(L"link"), L"file", 8), ERROR_INVALID_PARAMETER), "an unknown flag");
    check(attributes(L"link") == INVALID_FILE_ATTRIBUTES, "what fails makes nothing");
    check(holds(L"to file", "text") && holds(L"to folder\\in", "inside") && holds(L"absolute\\IN", "inside"), "all are followed");
    check(attributes(L"to file") == (FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_ARCHIVE), "a link's attributes");
    check(attributes(L"to folder") == (FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DIRECTORY), "those of one to a folder");
    check(tag_in_listing(L"to file", &flags) == SYMLINK && flags == attributes(L"to file"), "a listing tells the tag");
    check(tag_in_listing(L"to folder", &flags) == SYMLINK && flags == attributes(L"to folder"), "of both");
    check(tag_in_listing(L"file", &flags) == 0 && flags == FILE_ATTRIBUTE_ARCHIVE, "and of a file that it has none");
    check(leads_to(L"to file", SYMLINK, L"file", L"file"), "where a link leads");
    check(leads_to(L"to folder", SYMLINK, L".\\folder", L".\\folder"), "is spelled as it is on the disk");
    _snwprintf(whole, MAX_PATH + 4, L"\\??\\%ls", in(L"folder"));
    check(leads_to(L"absolute", SYMLINK, whole, whole + 4), "an absolute path is a name of NT's too");
    check(CreateSymbolicLinkW(in(L"folder\\up"), L"..\\file", 0) && holds(L"folder\\up", "text"), "a link leads upwards");
    check(CreateSymbolicLinkW(in(L"nowhere"), L"missing\\thing", 1), "and to what is not there");
    check(attributes(L"nowhere") == attributes(L"to folder"), "as a folder if that was said");
    check(fails(CloseHandle(open_it(L"nowhere", GENERIC_READ, 0)), ERROR_INVALID_HANDLE), "it cannot be opened");
    check(leads_to(L"nowhere", SYMLINK, L"missing\\thing", L"missing\\thing"), "and is read nevertheless");
    file = open_it(L"file", 0, 0);
    check(fails(DeviceIoControl(file, FSCTL_GET_REPARSE_POINT, NULL, 0, whole, 200, &flags, NULL), ERROR_NOT_A_REPARSE_POINT),
          "a file is no link");
    CloseHandle(file);
}

static void information(void)
{
    HANDLE file = open_link(L"to folder", FILE_READ_ATTRIBUTES);
    BY_HANDLE_FILE_INFORMATION known;
    FILE_ATTRIBUTE_TAG_INFO tag;
    FILE_STANDARD_INFO standard;
    WIN32_FILE_ATTRIBUTE_DATA data;
    wchar_t path[MAX_PATH];
    REPARSE point;
    DWORD size;

    check(GetFileInformationByHandle(file, &known) && known.dwFileAttributes == attributes(L"to folder"), "an open link");
    check(GetFileInformationByHandleEx(file, FileAttributeTagInfo, &tag, sizeof tag) && tag.ReparseTag == SYMLINK &&
              tag.FileAttributes == attributes(L"to folder"), "has a tag");
    check(GetFileInformationByHandleEx(file, FileStandardInfo, &standard, sizeof standard) && standard.Directory &&
              !standard.EndOfFile.QuadPart, "is a folder without a size");
    check(GetFinalPathNameByHandleW(file, path, MAX_PATH, 0) && !wcscmp(path + 4, in(L"to folder")), "and its own name");
    check(fails(DeviceIoControl(file, FSCTL_GET_REPARSE_POINT, NULL, 0, &point, 4, &size, NULL), ERROR_INSUFFICIENT_BUFFER),
          "there is no room to read it");
    check(fails(DeviceIoControl(file, FSCTL_GET_REPARSE_POINT, NULL, 0, &point, 20, &size, NULL), ERROR_MORE_DATA) && size == 20,
          "or for a part");
    CloseHandle(file);
    file = open_it(L"to folder", FILE_READ_ATTRIBUTES, 0);
    check(GetFileInformationByHandle(file, &known) && known.dwFileAttributes == FILE_ATTRIBUTE_DIRECTORY, "what it leads to");
    check(GetFinalPathNameByHandleW(file, path, MAX_PATH, 0) && !wcscmp(path + 4, in(L"folder")), "has another name");
    CloseHandle(file);
    check(GetFileAttributesExW(in(L"to file"), GetFileExInfoStandard, &data) && data.nFileSizeLow == 4,
          "stat's size is that of the file behind");
}

static void points(void)
{
    wchar_t whole[MAX_PATH + 4];
    HANDLE file;
    DWORD flags;

    CreateDirectoryW(in(L"junction"), NULL);
    _snwprintf(whole, MAX_PATH + 4, L"\\??\\%ls", in(L"folder"));
    file = open_link(L"junction", GENERIC_WRITE);
    check(set_point(file, JUNCTION, whole, 0), "an empty folder becomes a junction");
    check(GetFileAttributesW(in(L"junction\\in")) == FILE_ATTRIBUTE_ARCHIVE, "and is followed at once");
    CloseHandle(file);
    check(tag_in_listing(L"junction", &flags) == JUNCTION && flags == attributes(L"to folder"), "a listing tells its tag");
    check(leads_to(L"junction", JUNCTION, whole, whole + 4), "it is read");
    file = open_link(L"junction", GENERIC_WRITE);
    check(fails(set_point(file, SYMLINK, L"file", 1), ERROR_REPARSE_TAG_MISMATCH), "a junction becomes no symbolic link");
    check(fails(take_away(file, SYMLINK), ERROR_REPARSE_TAG_MISMATCH), "nor is it taken away as one");
    check(take_away(file, JUNCTION), "but as what it is");
    CloseHandle(file);
    check(attributes(L"junction") == FILE_ATTRIBUTE_DIRECTORY, "which leaves a folder");
    check(fails(GetFileAttributesW(in(L"junction\\in")) == FILE_ATTRIBUTE_ARCHIVE, ERROR_FILE_NOT_FOUND), "that is empty");
    file = open_link(L"folder", GENERIC_WRITE);
    check(fails(set_point(file, JUNCTION, whole, 0), ERROR_DIR_NOT_EMPTY), "a folder with files becomes none");
    CloseHandle(file);
    file = open_link(L"file", GENERIC_WRITE);
    check(!set_point(file, JUNCTION, whole, 0) && GetLastError() == ERROR_DIRECTORY, "nor does a file");
    check(fails(take_away(file, JUNCTION), ERROR_NOT_A_REPARSE_POINT), "which has none to take away");
    check(!set_point(file, SYMLINK, L"folder", 1) && holds(L"file", "text"), "a file keeps its content");
    CloseHandle(file);
    file = open_link(L"junction", FILE_READ_ATTRIBUTES);
    check(fails(set_point(file, JUNCTION, whole, 0), ERROR_ACCESS_DENIED), "the right to write is needed");
    CloseHandle(file);
    file = open_link(L"junction", FILE_WRITE_ATTRIBUTES);
    check(fails(set_point(file, JUNCTION, L"folder", 0), ERROR_PATH_NOT_FOUND) || GetLastError() == ERROR_BAD_PATHNAME,
          "a junction has an absolute path");
    check(fails(set_point(file, 0x80000999, L"x", 0), ERROR_NOT_SUPPORTED), "an unknown tag");
    check(set_point(file, SYMLINK, L"folder\\..\\folder", 1), "a folder becomes a symbolic link");
    CloseHandle(file);
    check(tag_in_listing(L"junction", &flags) == SYMLINK && holds(L"junction\\in", "inside"), "which is followed");
    GetVolumeNameForVolumeMountPointW(L"C:\\", whole, 60);
    _snwprintf(whole + 48, MAX_PATH - 48, L"%ls", in(L"folder") + 2);
    check(GetFileAttributesW(whole) == FILE_ATTRIBUTE_DIRECTORY, "a volume's own name leads to what is on it");
    RemoveDirectoryW(in(L"junction"));
    CreateDirectoryW(in(L"junction"), NULL);
    file = open_link(L"junction", GENERIC_WRITE);
    whole[1] = '?';
    check(set_point(file, JUNCTION, whole, 0) && CloseHandle(file) && holds(L"junction\\in", "inside"), "a junction by that too");
    check(RemoveDirectoryW(in(L"junction")) && attributes(L"folder") == FILE_ATTRIBUTE_DIRECTORY, "and goes alone");
}

static void removing(void)
{
    HANDLE file;

    check(MoveFileW(in(L"to file"), in(L"moved")) && holds(L"file", "text") && holds(L"moved", "text"), "a link is renamed");
    check(MoveFileW(in(L"to folder"), in(L"moved too")) && holds(L"folder\\in", "inside"), "one to a folder too");
    check(fails(RemoveDirectoryW(in(L"moved")), ERROR_DIRECTORY), "a link to a file is no folder");
    check(fails(DeleteFileW(in(L"moved too")), ERROR_ACCESS_DENIED), "a link to a folder is no file");
    check(DeleteFileW(in(L"moved")) && holds(L"file", "text"), "a link is deleted, and its file stays");
    check(RemoveDirectoryW(in(L"moved too")) && holds(L"folder\\in", "inside"), "a link is removed, and its folder stays");
    check(RemoveDirectoryW(in(L"nowhere")) && RemoveDirectoryW(in(L"absolute")), "so are the others");
    CreateSymbolicLinkW(in(L"link"), L"file", 0);
    file = open_link(L"link", DELETE);
    check(file != INVALID_HANDLE_VALUE && MoveFileExW(in(L"link"), in(L"other"), 0), "a link that is open");
    check(CloseHandle(file) && CopyFileW(in(L"other"), in(L"copy"), TRUE) && DeleteFileW(in(L"other")), "is copied by its content");
    check(attributes(L"copy") == FILE_ATTRIBUTE_ARCHIVE && holds(L"copy", "text"), "as a file");
    file = CreateFileW(in(L"copy"), GENERIC_WRITE, 7, NULL, CREATE_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    check(file != INVALID_HANDLE_VALUE && CloseHandle(file), "who asks for links opens files too");
    CreateSymbolicLinkW(in(L"link"), L"file", 0);
    file = CreateFileW(in(L"link"), GENERIC_WRITE, 7, NULL, CREATE_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    check(file == INVALID_HANDLE_VALUE && holds(L"file", "text"), "but a link itself is not overwritten");
    check(DeleteFileW(in(L"link")), "nor lost");
}

int main(void)
{
    wchar_t temporary[MAX_PATH - 40];

    GetTempPathW(MAX_PATH - 40, temporary);
    _snwprintf(folder, MAX_PATH, L"%lslichen-links", temporary);
    CreateDirectoryW(folder, NULL);
    CreateDirectoryW(in(L"folder"), NULL);
    write_file(L"file", "text");
    write_file(L"folder\\in", "inside");
    making();
    information();
    points();
    removing();
    DeleteFileW(in(L"copy"));
    DeleteFileW(in(L"file"));
    DeleteFileW(in(L"folder\\in"));
    DeleteFileW(in(L"folder\\up"));
    check(RemoveDirectoryW(in(L"folder")) && RemoveDirectoryW(folder), "nothing is left");
    return 0;
}
