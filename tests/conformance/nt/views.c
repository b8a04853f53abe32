/* Views: which protections their pages may get, where they may be, and images that are mapped more than once. */
#include "check.h"
#include "native.h"
#include <psapi.h>
#include <winternl.h>
#include <string.h>

static NTSTATUS(WINAPI *create)(HANDLE *, ACCESS_MASK, void *, LARGE_INTEGER *, ULONG, ULONG, HANDLE);
static NTSTATUS(WINAPI *map)(HANDLE, HANDLE, void **, ULONG_PTR, SIZE_T, LARGE_INTEGER *, SIZE_T *, ULONG, ULONG,
                             ULONG);
static NTSTATUS(WINAPI *allocate)(HANDLE, void **, ULONG_PTR, SIZE_T *, ULONG, ULONG);

static const DWORD all[] = {PAGE_READONLY,     PAGE_READWRITE,         PAGE_WRITECOPY,
                            PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY};

static NTSTATUS view_of(HANDLE section, void **view, ULONG_PTR zero_bits, DWORD protect)
{
    SIZE_T size = 0;
    LARGE_INTEGER offset = {.QuadPart = 0};

    *view = NULL;
    return map(section, GetCurrentProcess(), view, zero_bits, 0, &offset, &size, 1, 0, protect);
}

static DWORD protection_of(const void *address)
{
    MEMORY_BASIC_INFORMATION information = {0};

    VirtualQuery(address, &information, sizeof information);
    return information.Protect;
}

/* A digit for each protection: whether pages of the view get it. */
static int allowed(HANDLE section, DWORD protect)
{
    void *view;
    int result = 0;
    DWORD before;

    if (view_of(section, &view, 0, protect))
        return -1;
    for (int each = 0; each < 6; each++)
        if (VirtualProtect(view, 1, all[each], &before))
            result |= protection_of(view) == all[each] ? 1 << each : 1 << 8;
    UnmapViewOfFile(view);
    return result;
}

static void protections(HANDLE section)
{
    char *first, *second;
    DWORD before;

    check(allowed(section, PAGE_READONLY) == 0x05, "a view for reading may be read, and copied on write");
    check(allowed(section, PAGE_READWRITE) == 0x07, "one for writing may be written");
    check(allowed(section, PAGE_WRITECOPY) == 0x05, "one that is copied on write is not written");
    check(allowed(section, PAGE_EXECUTE_READ) == 0x2d, "one for execution may be executed");
    check(allowed(section, PAGE_EXECUTE_READWRITE) == 0x3f, "one for everything may have any");
    check(allowed(section, PAGE_EXECUTE_WRITECOPY) == 0x2d, "one that is executed and copied is not written");
    view_of(section, (void **)&first, 0, PAGE_READWRITE);
    view_of(section, (void **)&second, 0, PAGE_READONLY);
    first[5] = 1;
    check(second[5] == 1, "views show the same");
    check(VirtualProtect(second, 1, PAGE_WRITECOPY, &before), "one of them is copied on write from now on");
    second[6] = 2;
    check(second[5] == 1 && second[6] == 2 && first[6] == 0, "and what is written there is its own");
    check(VirtualProtect(first, 1, PAGE_READONLY, &before) && VirtualProtect(first, 1, PAGE_READWRITE, &before),
          "a protection that was taken may be given back");
    UnmapViewOfFile(first);
    UnmapViewOfFile(second);
}

static void zero_bits(HANDLE section)
{
    void *place = NULL;
    SIZE_T size = 0x1000;

    check(!allocate(GetCurrentProcess(), &place, 1, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) &&
              (ULONG_PTR)place < 0x80000000,
          "one zero bit is below 2 GB");
    place = NULL;
    check(!allocate(GetCurrentProcess(), &place, 0x1aaaaaaa, &size, MEM_RESERVE, PAGE_READWRITE) &&
              (ULONG_PTR)place < 0x20000000,
          "a mask tells the highest bit");
    place = NULL;
    check((unsigned)allocate(GetCurrentProcess(), &place, 25, &size, MEM_RESERVE, PAGE_READWRITE) == 0xC00000F1,
          "25 zero bits are too many");
    check((unsigned)allocate(GetCurrentProcess(), &place, 21, &size, MEM_RESERVE, PAGE_READWRITE) == 0xC0000017,
          "21 leave no room");
    check(!view_of(section, &place, 1, PAGE_READONLY) && (ULONG_PTR)place < 0x80000000, "a view may be low, too");
    check((unsigned)view_of(section, &place, 25, PAGE_READONLY) == 0xC00000F2, "but not that low");
}

static void private_pages(void)
{
    void *place = NULL;
    SIZE_T size = 0x1000;
    char device[MAX_PATH], name[MAX_PATH];
    DWORD before;

    check((unsigned)allocate(GetCurrentProcess(), &place, 0, &size, MEM_COMMIT | MEM_RESERVE, PAGE_WRITECOPY) ==
              0xC0000045,
          "there is nothing that private pages could be a copy of");
    place = VirtualAlloc(NULL, 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    check(!VirtualProtect(place, 1, PAGE_EXECUTE_WRITECOPY, &before) && protection_of(place) == PAGE_READWRITE,
          "not even later");
    check(QueryDosDeviceA("C:", device, sizeof device) &&
              K32GetMappedFileNameA(GetCurrentProcess(), GetModuleHandleA("ntdll.dll"), name, sizeof name) &&
              !strncmp(name, device, strlen(device)) && name[strlen(device)] == '\\',
          "the file of a view is told by its device");
}

static int region_is(const void *address, const void *base, ULONG kind, SIZE_T size)
{
    struct
    {
        const void *base;
        ULONG protect, kind;
        SIZE_T size, committed, partition, node;
    } region;
    NTSTATUS status = native(NtQueryVirtualMemory)(GetCurrentProcess(), address, 3, &region, sizeof region, NULL);

    return !status && region.base == base && region.kind == kind && (!size || region.size == size) &&
           (kind != 1 || region.committed == 0x2000);
}

static void regions(HANDLE section)
{
    const char *image = (const char *)GetModuleHandleA("ntdll.dll");
    char *memory = VirtualAlloc(NULL, 0x30000, MEM_RESERVE, PAGE_NOACCESS), spare[48];
    HANDLE pages = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0x20000, NULL);
    void *view, *shared = MapViewOfFile(pages, FILE_MAP_READ, 0, 0, 0);
    const void *nothing = NULL;

    VirtualAlloc(memory + 0x20000, 0x2000, MEM_COMMIT, PAGE_READWRITE);
    view_of(section, &view, 0, PAGE_READONLY);
    check(region_is(memory + 0x2f000, memory, 1, 0x30000), "a region of private memory, as large as it was reserved");
    check(region_is((char *)view + 0x1000, view, 2, 0x10000), "of a file");
    check(region_is(image + 0x1000, image, 4, 0), "of an image");
    check(region_is(shared, shared, 8, 0x20000), "of memory that is shared");
    VirtualFree(memory, 0, MEM_RELEASE), UnmapViewOfFile(view), UnmapViewOfFile(shared), CloseHandle(pages);
    check(native(NtQueryVirtualMemory)(GetCurrentProcess(), nothing, 3, spare, sizeof spare, NULL) == (NTSTATUS)0xC0000141,
          "what is free is no region");
}

static int is_image(const char *view)
{
    const IMAGE_NT_HEADERS *header = (const void *)(view + ((const IMAGE_DOS_HEADER *)view)->e_lfanew);

    return header->Signature == IMAGE_NT_SIGNATURE && protection_of(view) == PAGE_READONLY;
}

static void images(void)
{
    char path[MAX_PATH + 20];
    void *first, *second;
    DWORD before;
    HANDLE file, section = NULL;

    GetSystemDirectoryA(path, MAX_PATH);
    strcat(path, "\\version.dll");
    file = CreateFileA(path, GENERIC_READ | GENERIC_EXECUTE, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    check(!create(&section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_EXECUTE_READ, SEC_IMAGE, file), "an image");
    check(view_of(section, &first, 0, PAGE_READONLY) >= 0 && is_image(first), "is mapped");
    check(view_of(section, &second, 0, PAGE_READONLY) == 0x40000003 && second != first &&
              is_image(second),
          "and a second time elsewhere");
    check(VirtualProtect(first, 1, PAGE_READWRITE, &before) && before == PAGE_READONLY &&
              protection_of(first) == PAGE_WRITECOPY,
          "writable pages of an image are copied on write");
    check(VirtualProtect(second, 1, PAGE_EXECUTE_READWRITE, &before) &&
              protection_of(second) == PAGE_EXECUTE_WRITECOPY,
          "executable ones, too");
    ((char *)first)[0x50]++;
    check(((char *)first)[0x50] != ((char *)second)[0x50], "each view has its own");
    check(UnmapViewOfFile(first) && UnmapViewOfFile(second), "both are unmapped");
}

int main(void)
{
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    char folder[MAX_PATH], path[MAX_PATH];
    LARGE_INTEGER size = {.QuadPart = 0x10000};
    HANDLE section = NULL, file;

    create = (void *)GetProcAddress(ntdll, "NtCreateSection");
    map = (void *)GetProcAddress(ntdll, "NtMapViewOfSection");
    allocate = (void *)GetProcAddress(ntdll, "NtAllocateVirtualMemory");
    GetTempPathA(sizeof folder, folder);
    GetTempFileNameA(folder, "v", 0, path);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE, 0, NULL, CREATE_ALWAYS,
                       FILE_FLAG_DELETE_ON_CLOSE, NULL);
    check(!create(&section, SECTION_ALL_ACCESS, NULL, &size, PAGE_EXECUTE_READWRITE, SEC_COMMIT, file),
          "a section of a file");
    protections(section);
    zero_bits(section);
    images();
    regions(section);
    private_pages();
    return 0;
}
