/* Placeholders: reservations that are split, replaced, given back and joined, as VirtualAlloc2 and VirtualFree do. */
#include "check.h"

#define PAGE 0x1000
#define UNIT 0x10000
#ifndef MEM_RESERVE_PLACEHOLDER
#define MEM_RESERVE_PLACEHOLDER 0x40000
#define MEM_REPLACE_PLACEHOLDER 0x4000
#define MEM_PRESERVE_PLACEHOLDER 0x2
#define MEM_COALESCE_PLACEHOLDERS 0x1
#endif

typedef struct {
    ULONG64 type;
    void *pointer;
} Parameter;
typedef struct {
    void *lowest, *highest;
    SIZE_T alignment;
} Requirements;
typedef void *(WINAPI *Allocate)(HANDLE, void *, SIZE_T, ULONG, ULONG, Parameter *, ULONG);

static Allocate allocate;

static char *reserve(SIZE_T size)
{
    return allocate(GetCurrentProcess(), NULL, size, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS, NULL, 0);
}

static void *replace(char *base, SIZE_T size, ULONG kind)
{
    return allocate(GetCurrentProcess(), base, size, MEM_RESERVE | MEM_REPLACE_PLACEHOLDER | kind, PAGE_READWRITE, NULL, 0);
}

static MEMORY_BASIC_INFORMATION at(char *address)
{
    MEMORY_BASIC_INFORMATION information;

    VirtualQuery(address, &information, sizeof information);
    return information;
}

static int is(char *address, DWORD state, char *base, SIZE_T size)
{
    MEMORY_BASIC_INFORMATION found = at(address);
    return found.State == state && found.AllocationBase == base && found.RegionSize == size;
}

static void splitting(void)
{
    char *base = reserve(4 * UNIT);

    check(base && is(base, MEM_RESERVE, base, 4 * UNIT), "a placeholder is a reservation");
    check(!VirtualAlloc(base, PAGE, MEM_COMMIT, PAGE_READWRITE), "which cannot be committed");
    check(!replace(base, UNIT, 0), "nor replaced in part");
    check(VirtualFree(base + UNIT, PAGE, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER), "but split");
    check(is(base, MEM_RESERVE, base, UNIT), "into what comes before");
    check(is(base + UNIT, MEM_RESERVE, base + UNIT, PAGE), "the part itself");
    check(is(base + UNIT + PAGE, MEM_RESERVE, base + UNIT + PAGE, 3 * UNIT - PAGE), "and what comes behind");
    check(!VirtualFree(base, 2 * UNIT, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER), "one split is of one placeholder");
    check(!VirtualFree(base, UNIT + PAGE + PAGE, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS), "only whole ones are joined");
    check(VirtualFree(base, 4 * UNIT, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS), "and joined again");
    check(is(base, MEM_RESERVE, base, 4 * UNIT), "to one");
    check(VirtualFree(base, 0, MEM_RELEASE), "which is given back");
    check(at(base).State == MEM_FREE, "as any other");
}

static void replacing(void)
{
    char *base = reserve(4 * UNIT);

    VirtualFree(base + UNIT, 2 * UNIT, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER);
    check(replace(base + UNIT, 2 * UNIT, 0) == base + UNIT, "a placeholder is replaced by a reservation");
    check(is(base + UNIT, MEM_RESERVE, base + UNIT, 2 * UNIT), "of its size");
    check(VirtualAlloc(base + UNIT, PAGE, MEM_COMMIT, PAGE_READWRITE) != NULL, "that can be committed");
    base[UNIT] = 7;
    check(!replace(base + UNIT, 2 * UNIT, 0), "and is none any more");
    check(!VirtualFree(base, 4 * UNIT, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS), "so it is not joined");
    check(VirtualFree(base + UNIT, 2 * UNIT, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER), "until it is given back");
    check(is(base + UNIT, MEM_RESERVE, base + UNIT, 2 * UNIT), "to be a placeholder again");
    check(replace(base + UNIT, 2 * UNIT, MEM_COMMIT) == base + UNIT, "which can be committed as it is replaced");
    check(base[UNIT] == 0, "with nothing in it");
    check(VirtualFree(base + UNIT, 0, MEM_RELEASE), "and released for good");
    check(at(base + UNIT).State == MEM_FREE, "so that its place is free");
    check(VirtualFree(base, 0, MEM_RELEASE) && VirtualFree(base + 3 * UNIT, 0, MEM_RELEASE), "like its neighbours");
}

static void mistakes(void)
{
    char *plain = VirtualAlloc(NULL, UNIT, MEM_RESERVE, PAGE_NOACCESS);

    check(!allocate(GetCurrentProcess(), NULL, UNIT, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER, PAGE_READWRITE, NULL, 0),
          "a placeholder has no access");
    check(!allocate(GetCurrentProcess(), NULL, UNIT, MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS, NULL, 0), "and is reserved");
    check(!replace(NULL, UNIT, 0), "what is replaced is named");
    check(!replace(plain, UNIT, 0), "and a placeholder");
    check(!VirtualFree(plain, UNIT, MEM_RELEASE | 3), "one thing at a time");
    check(VirtualFree(plain, 0, MEM_RELEASE), "a plain reservation is given back");
}

static void requirements(void)
{
    Requirements wanted = {NULL, NULL, 1 << 24};
    Parameter parameter = {1, &wanted};
    char *base = allocate(GetCurrentProcess(), NULL, UNIT, MEM_RESERVE, PAGE_NOACCESS, &parameter, 1);

    check(base && !((ULONG_PTR)base & 0xffffff), "aligned as wanted");
    VirtualFree(base, 0, MEM_RELEASE);
    wanted.lowest = (void *)0x300000000, wanted.highest = (void *)0x3ffffffff, wanted.alignment = 0;
    base = allocate(GetCurrentProcess(), NULL, UNIT, MEM_RESERVE, PAGE_NOACCESS, &parameter, 1);
    check(base && base >= (char *)0x300000000 && base < (char *)0x400000000, "between the bounds that were given");
    VirtualFree(base, 0, MEM_RELEASE);
    wanted.alignment = 0x3000;
    check(!allocate(GetCurrentProcess(), NULL, UNIT, MEM_RESERVE, PAGE_NOACCESS, &parameter, 1), "an alignment is a power of two");
    wanted.alignment = 1 << 24;
    check(!allocate(GetCurrentProcess(), (void *)0x310000000, UNIT, MEM_RESERVE, PAGE_NOACCESS, &parameter, 1),
          "and not for an address that is given");
}

int main(void)
{
    allocate = (Allocate)(void *)GetProcAddress(GetModuleHandleA("kernelbase.dll"), "VirtualAlloc2");
    check(allocate != NULL, "VirtualAlloc2");
    splitting();
    replacing();
    mistakes();
    requirements();
    return 0;
}
