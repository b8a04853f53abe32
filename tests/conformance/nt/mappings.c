/* Sections: shared memory by name and files in memory; what VirtualAlloc refuses; reading and writing a process's memory. */
#include <stddef.h>
#include <string.h>

#include "check.h"
#include "native.h"

static char path[MAX_PATH];

static void shared(void)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x30000, "lichen-memory"), again;
    MEMORY_BASIC_INFORMATION info;
    char *first, *second;

    check(section != NULL, "memory with a name");
    again = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x1000, "lichen-memory");
    check(again && GetLastError() == ERROR_ALREADY_EXISTS, "is there already for the next one");
    CloseHandle(again);
    again = OpenFileMappingA(FILE_MAP_READ, FALSE, "lichen-memory");
    check(again != NULL, "and is opened by it");
    check(!OpenFileMappingA(FILE_MAP_READ, FALSE, "lichen-no-memory") && GetLastError() == ERROR_FILE_NOT_FOUND,
          "there is no other name");
    first = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    second = MapViewOfFile(again, FILE_MAP_READ, 0, 0x10000, 0x10000);
    check(first && second && first != second, "two views of it");
    first[0x10005] = 'x';
    check(second[5] == 'x' && first[0] == 0, "show the same memory, which is zero at first");
    check(VirtualQuery(second, &info, sizeof info) && info.Type == MEM_MAPPED && info.Protect == PAGE_READONLY &&
              info.RegionSize == 0x10000, "a view is a region of its own");
    check(VirtualQuery(first, &info, sizeof info) && info.RegionSize == 0x30000 && info.Protect == PAGE_READWRITE,
          "the whole has the size that it was made with");
    check(!MapViewOfFile(section, FILE_MAP_READ, 0, 0x40000, 0) && GetLastError() != 0, "behind its end is nothing");
    check(!MapViewOfFile(section, FILE_MAP_READ, 0, 0x800, 0) && GetLastError() == ERROR_MAPPED_ALIGNMENT, "views begin at 64 KB");
    check(UnmapViewOfFile(second) && !UnmapViewOfFile(second) && GetLastError() == ERROR_INVALID_ADDRESS, "a view goes once");
    check(CloseHandle(section) && CloseHandle(again) && first[0x10005] == 'x', "a view outlives its handles");
    check(UnmapViewOfFile(first), "it goes too");
    section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x1000, "lichen-memory");
    check(section && GetLastError() == 0, "then the name is free");
    CloseHandle(section);
    check(!CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0, NULL) && GetLastError() == ERROR_INVALID_PARAMETER,
          "memory of no size");
}

static void files(void)
{
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 7, NULL, CREATE_ALWAYS, 0, NULL), section;
    DWORD size;
    char data[8], *view, *copy;

    check(!CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 0, NULL) && GetLastError() == ERROR_FILE_INVALID,
          "an empty file has nothing to show");
    WriteFile(file, "hello file", 10, &size, NULL);
    section = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 0, NULL);
    view = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    check(section && view && !memcmp(view, "hello file", 10) && view[10] == 0, "a file in memory");
    view[0] = 'H';
    check(FlushViewOfFile(view, 10) && SetFilePointer(file, 0, NULL, FILE_BEGIN) == 0 && ReadFile(file, data, 5, &size, NULL) &&
              !memcmp(data, "Hello", 5), "what is written there is in the file");
    SetFilePointer(file, 6, NULL, FILE_BEGIN);
    WriteFile(file, "FILE", 4, &size, NULL);
    check(!memcmp(view, "Hello FILE", 10), "and the other way round");
    copy = MapViewOfFile(section, FILE_MAP_COPY, 0, 0, 0);
    copy[0] = 'J';
    check(copy[0] == 'J' && view[0] == 'H', "a copy is one's own");
    UnmapViewOfFile(copy);
    UnmapViewOfFile(view);
    CloseHandle(section);
    check(!CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 100, NULL) && GetLastError() == ERROR_NOT_ENOUGH_MEMORY,
          "who only reads makes no file longer");
    section = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 5000, NULL);
    check(section && GetFileSize(file, NULL) == 5000, "who writes does");
    CloseHandle(section);
    CloseHandle(file);
    file = CreateFileA(path, GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL);
    check(!CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 0, NULL) && GetLastError() == ERROR_ACCESS_DENIED,
          "a file that is open for reading is not written");
    section = CreateFileMappingA(file, NULL, PAGE_READONLY, 0, 0, NULL);
    check(section && !MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0) && GetLastError() == ERROR_ACCESS_DENIED,
          "nor is a section that is made for reading");
    CloseHandle(section);
    CloseHandle(file);
    DeleteFileA(path);
}

static void private(void)
{
    char *memory = VirtualAlloc(NULL, 0x10000, MEM_RESERVE, PAGE_NOACCESS), data[8] = "abc";
    MEMORY_BASIC_INFORMATION info;
    SIZE_T done;
    DWORD old;

    check(!VirtualAlloc(memory, 0x10000, MEM_RESERVE, PAGE_READWRITE) && GetLastError() == ERROR_INVALID_ADDRESS,
          "what is reserved is not reserved again");
    check(!VirtualProtect(memory, 0x1000, PAGE_READWRITE, &old) && GetLastError() == ERROR_INVALID_ADDRESS,
          "what is not committed has no protection to change");
    check(!VirtualAlloc(memory, 0x20000, MEM_COMMIT, PAGE_READWRITE) && GetLastError() == ERROR_INVALID_ADDRESS,
          "nothing is committed behind the end");
    check(!VirtualFree(memory + 0x1000, 0, MEM_RELEASE) && GetLastError() == ERROR_INVALID_ADDRESS, "releasing names the beginning");
    check(VirtualAlloc(memory + 0x2345, 0x1000, MEM_COMMIT, PAGE_READWRITE) == memory + 0x2000, "committing takes whole pages");
    check(VirtualQuery(memory + 0x2000, &info, sizeof info) && info.RegionSize == 0x2000 &&
              info.AllocationProtect == PAGE_NOACCESS, "all that are touched");
    check(WriteProcessMemory(GetCurrentProcess(), memory + 0x2000, data, 4, &done) && done == 4 && !strcmp(memory + 0x2000, "abc"),
          "a process's memory is written");
    check(ReadProcessMemory(GetCurrentProcess(), memory + 0x2000, data + 4, 4, &done) && done == 4 && data[4] == 'a', "and read");
    check(VirtualProtect(memory + 0x2000, 0x1000, PAGE_EXECUTE_READ, &old) && old == PAGE_READWRITE, "code is made");
    check(VirtualLock(memory + 0x2000, 0x1000) && VirtualUnlock(memory + 0x2000, 0x1000), "memory is locked");
    check(VirtualFree(memory, 0, MEM_RELEASE) && !VirtualFree(memory, 0, MEM_RELEASE), "a reservation is released once");
    memory = VirtualAlloc((void *)0x123456789000, 0x1000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    check(memory == (void *)0x123456780000, "an address may be chosen, as far as 64 KB");
    check(VirtualQuery(memory, &info, sizeof info) && info.RegionSize == 0xa000, "and reaches as far as was asked for");
    check(VirtualFree((void *)0x123456780000, 0, MEM_RELEASE), "it is released there");
}

struct region
{
    void *base;
    ULONG protect, kind;
    SIZE_T size, committed, partition, node;
};

static void regions(void)
{
    char *memory = VirtualAlloc(NULL, 0x30000, MEM_RESERVE, PAGE_READONLY);
    char *whole = VirtualAlloc(NULL, 0x3000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    struct region region = {.committed = 5};
    HANDLE self = GetCurrentProcess();
    const SIZE_T least = offsetof(struct region, committed), most = sizeof region;

    check(native(NtQueryVirtualMemory)(self, whole, 3, &region, least - 1, NULL) == (NTSTATUS)0xC0000004, "a region takes some room");
    check(native(NtQueryVirtualMemory)(self, whole, 3, &region, least, NULL) == 0 && region.base == whole &&
              region.protect == PAGE_READWRITE && region.size == 0x3000 && region.committed == 5, "an old record ends before the rest");
    check(native(NtQueryVirtualMemory)(self, whole, 3, &region, most, NULL) == 0 && region.committed == 0x3000,
          "a new one says how much is committed");
    VirtualAlloc(memory + 0x10000, 0x2000, MEM_COMMIT, PAGE_READWRITE);
    check(native(NtQueryVirtualMemory)(self, memory + 0x11000, 3, &region, most, NULL) == 0 && region.base == memory &&
              region.protect == PAGE_READONLY, "a region is all that was reserved at once");
    check(native(NtQueryVirtualMemory)(self, whole, 3, NULL, most, NULL) == (NTSTATUS)0xC0000005, "it is written to somewhere");
    VirtualFree(memory, 0, MEM_RELEASE);
    VirtualFree(whole, 0, MEM_RELEASE);
}

static void *view_of(HANDLE file, DWORD attributes)
{
    HANDLE section = CreateFileMappingA(file, NULL, PAGE_READONLY | attributes, 0, 0, NULL);
    void *view = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);

    CloseHandle(section);
    return view;
}

static void same(void)
{
    CopyFileA("C:\\windows\\system32\\version.dll", path, FALSE);
    HANDLE copy = CreateFileA(path, GENERIC_READ | GENERIC_EXECUTE, 7, NULL, OPEN_EXISTING, 0, NULL);
    HANDLE other = CreateFileA("C:\\windows\\system32\\version.dll", GENERIC_READ, 7, NULL, OPEN_EXISTING, 0, NULL);
    char *image = view_of(copy, SEC_IMAGE), *second = view_of(copy, SEC_IMAGE), *data = view_of(copy, 0);
    char *again = view_of(copy, 0), *others = view_of(other, 0), *memory, here;
    char *reserved = VirtualAlloc(NULL, 0x10000, MEM_RESERVE, PAGE_READWRITE);
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x10000, NULL);
    void *nothing = NULL;

    memory = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    struct
    {
        void *first, *second;
        NTSTATUS status;
        const char *text;
    } facts[] = {
        {image, second, 0, "two images of a file are of the same"},
        {image, data, 0, "so are an image and a view of its file"},
        {image, others, 0xC00000D4, "a view of another file is not, though it has the same content"},
        {data, image, 0xC00000D4, "the image comes first"},
        {data, again, 0xC00000D4, "two views of a file are not asked about"},
        {data, data + 0x1000, 0, "one view is the same as itself"},
        {memory, memory, 0, "shared memory too"},
        {image, memory, 0xC00000D4, "which is of no image's file"},
        {image, reserved, 0xC0000018, "an allocation is no view"},
        {&here, image, 0xC0000018, "nor is a stack"},
        {nothing, image, 0xC0000141, "nothing lies at address 0"},
        {reserved, nothing, 0xC0000141, "which is said first"},
    };
    check(image && second && data && again && others && memory, "a library's file and a copy of it in memory");
    for (unsigned i = 0; i < sizeof facts / sizeof *facts; i++)
        check(native(NtAreMappedFilesTheSame)(facts[i].first, facts[i].second) == facts[i].status, facts[i].text);
    UnmapViewOfFile(image), UnmapViewOfFile(second), UnmapViewOfFile(data), UnmapViewOfFile(again);
    VirtualFree(reserved, 0, MEM_RELEASE);
    CloseHandle(section), CloseHandle(copy), CloseHandle(other);
    check(DeleteFileA(path), "the copy goes");
}

int main(void)
{
    GetTempPathA(sizeof path - 20, path);
    strcat(path, "lichen-mapped.txt");
    shared();
    files();
    private();
    regions();
    same();
    return 0;
}
