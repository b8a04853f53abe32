/* Reads and writes: where they go, what they tell of themselves, buffers that are none, pages that lie apart; change records. */
#include <string.h>

#include "check.h"
#include "native.h"

#define PAGE 4096
#define ACCESS_VIOLATION ((NTSTATUS)0xC0000005)
#define INVALID_PARAMETER ((NTSTATUS)0xC000000D)
#define INVALID_USER_BUFFER ((NTSTATUS)0xC00000E8)
#define END_OF_FILE ((NTSTATUS)0xC0000011)
#define MODE 16

static IO_STATUS_BLOCK status;
static LARGE_INTEGER place;
static char data[3 * PAGE];
static HANDLE event;
static const char constant[16] = "constant";

static LARGE_INTEGER *at(LONGLONG offset)
{
    place.QuadPart = offset;
    status.Status = 0x55;
    status.Information = 0x55;
    return &place;
}

static int is_signalled(HANDLE object)
{
    return WaitForSingleObject(object, 0) == WAIT_OBJECT_0;
}

static HANDLE file_with(DWORD flags)
{
    return CreateFileA("file", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, flags | FILE_FLAG_DELETE_ON_CLOSE, NULL);
}

static NTSTATUS read_file(HANDLE file, HANDLE done, void *buffer, ULONG size, LARGE_INTEGER *offset)
{
    return native(NtReadFile)(file, done, NULL, NULL, &status, buffer, size, offset, NULL);
}

static NTSTATUS write_file(HANDLE file, HANDLE done, const void *buffer, ULONG size, LARGE_INTEGER *offset)
{
    return native(NtWriteFile)(file, done, NULL, NULL, &status, buffer, size, offset, NULL);
}

static DWORD position(HANDLE file)
{
    return SetFilePointer(file, 0, NULL, FILE_CURRENT);
}

static void synchronous(void)
{
    HANDLE file = file_with(0), appended;

    check(write_file(file, NULL, "0123456789", 10, at(0)) == 0 && position(file) == 10, "a write at a place moves the position");
    check(write_file(file, NULL, "ab", 2, at(-1)) == 0 && position(file) == 12, "one at the end goes there");
    SetFilePointer(file, 2, NULL, FILE_BEGIN);
    check(write_file(file, NULL, "XY", 2, at(-2)) == 0 && position(file) == 4, "one at the position goes there");
    check(write_file(file, NULL, "XY", 2, at(-3)) == INVALID_PARAMETER && status.Status == 0x55, "there are no other places");
    check(read_file(file, NULL, data, 3, at(-2)) == 0 && !memcmp(data, "456", 3), "a read at the position goes there too");
    check(read_file(file, NULL, data, 3, at(-1)) == INVALID_PARAMETER, "but there is none at the end");
    SetEvent(event);
    check(read_file(file, event, data, 3, at(50)) == END_OF_FILE, "behind the end is nothing");
    check(status.Status == END_OF_FILE && status.Information == 0 && is_signalled(event), "as the status block tells");
    check(read_file(file, event, NULL, 3, at(0)) == ACCESS_VIOLATION && status.Status == 0x55, "nothing is read to nowhere");
    check(is_signalled(event), "which leaves the event as it is");
    check(read_file(file, NULL, NULL, 3, at(50)) == ACCESS_VIOLATION, "not even at the end of the file");
    check(read_file(file, NULL, (void *)(ULONG_PTR)constant, 3, at(0)) == ACCESS_VIOLATION, "nor to where nobody may write");
    check(write_file(file, event, NULL, 3, at(0)) == INVALID_USER_BUFFER && !is_signalled(event), "nothing is written from nowhere");
    CloseHandle(file);
    appended = CreateFileA("file", FILE_APPEND_DATA | SYNCHRONIZE | DELETE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    write_file(appended, NULL, "12345", 5, NULL);
    check(write_file(appended, NULL, "67", 2, at(1)) == 0 && position(appended) == 7, "who may only append writes at the end");
    CloseHandle(appended);
}

static void overlapped(void)
{
    HANDLE file = file_with(FILE_FLAG_OVERLAPPED);

    check(is_signalled(file), "a file is signalled");
    check(write_file(file, NULL, "0123456789", 10, NULL) == INVALID_PARAMETER, "an overlapped file has no position");
    check(write_file(file, NULL, "0123456789", 10, at(-2)) == INVALID_PARAMETER, "not by that name either");
    check(write_file(file, event, "0123456789", 10, at(0)) == STATUS_PENDING, "what is written is told later");
    check(is_signalled(event) && status.Status == 0 && status.Information == 10, "if only a little");
    check(write_file(file, NULL, "ab", 2, at(-1)) == STATUS_PENDING && status.Information == 2, "also at the end");
    check(read_file(file, NULL, data, 20, at(8)) == STATUS_PENDING && status.Information == 4, "and so is what is read");
    check(!memcmp(data, "89ab", 4), "which is that");
    check(read_file(file, NULL, data, 20, at(20)) == STATUS_PENDING && status.Status == END_OF_FILE, "as is the end of the file");
    CloseHandle(file);
}

static void modes(void)
{
    HANDLE file = file_with(FILE_FLAG_SEQUENTIAL_SCAN | FILE_FLAG_WRITE_THROUGH);
    ULONG mode = 0;

    native(NtQueryInformationFile)(file, &status, &mode, sizeof mode, MODE);
    check((mode & 0x36) == 0x26, "the mode of a file tells how it was opened");
    CloseHandle(file);
}

static void scattered(void)
{
    HANDLE file = file_with(FILE_FLAG_OVERLAPPED | FILE_FLAG_NO_BUFFERING), plain;
    char *pages = VirtualAlloc(NULL, 4 * PAGE, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    FILE_SEGMENT_ELEMENT segments[4] = {{0}};
    OVERLAPPED operation = {.hEvent = event};
    DWORD size = 0;

    for (int page = 0; page < 3; page++)
        memset(pages + page * PAGE, 'a' + page, PAGE);
    segments[0].Alignment = (ULONG_PTR)(pages + 2 * PAGE);
    segments[1].Alignment = (ULONG_PTR)pages;
    check(WriteFileGather(file, segments, 2 * PAGE, NULL, &operation) || GetLastError() == ERROR_IO_PENDING, "pages are written");
    check(GetOverlappedResult(file, &operation, &size, TRUE) && size == 2 * PAGE, "both of them");
    check(!WriteFileGather(file, segments, 100, NULL, &operation) && GetLastError() == ERROR_INVALID_PARAMETER, "no part of one");
    segments[0].Alignment = (ULONG_PTR)(pages + 3 * PAGE);
    segments[1].Alignment = (ULONG_PTR)(pages + PAGE);
    check(ReadFileScatter(file, segments, 2 * PAGE, NULL, &operation) || GetLastError() == ERROR_IO_PENDING, "pages are read");
    check(GetOverlappedResult(file, &operation, &size, TRUE) && size == 2 * PAGE, "both of them too");
    check(pages[3 * PAGE] == 'c' && pages[4 * PAGE - 1] == 'c' && pages[PAGE] == 'a', "to where they belong");
    operation.Offset = 2 * PAGE;
    ReadFileScatter(file, segments, PAGE, NULL, &operation);
    check(!GetOverlappedResult(file, &operation, &size, TRUE) && GetLastError() == ERROR_HANDLE_EOF, "until the end");
    CloseHandle(file);
    plain = file_with(FILE_FLAG_OVERLAPPED);
    check(!ReadFileScatter(plain, segments, PAGE, NULL, &operation) && GetLastError() == ERROR_INVALID_PARAMETER,
          "only an unbuffered file is read so");
    CloseHandle(plain);
}

static void changes(void)
{
    FILE_NOTIFY_INFORMATION *record = (FILE_NOTIFY_INFORMATION *)data;
    HANDLE folder;

    CreateDirectoryA("watched", NULL);
    folder = CreateFileA("watched", GENERIC_READ, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED, NULL);
    at(0);
    check(native(NtNotifyChangeDirectoryFile)(folder, NULL, NULL, NULL, &status, data, (ULONG)sizeof data, 3, FALSE) ==
              STATUS_PENDING, "a change is waited for");
    check(status.Status == 0x55 && !is_signalled(folder), "which nothing tells yet");
    CreateDirectoryA("watched\\odd", NULL);
    check(WaitForSingleObject(folder, 5000) == WAIT_OBJECT_0 && status.Status == 0, "until there is one");
    check(status.Information == 18 && record->FileNameLength == 6 && !record->NextEntryOffset, "told without anything behind it");
    CloseHandle(folder);
    RemoveDirectoryA("watched\\odd");
    RemoveDirectoryA("watched");
}

int main(void)
{
    SetCurrentDirectoryA("C:\\windows\\temp");
    event = CreateEventA(NULL, TRUE, FALSE, NULL);
    synchronous();
    overlapped();
    modes();
    scattered();
    changes();
    return 0;
}
