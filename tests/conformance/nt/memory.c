/* Reserving, committing, protecting and asking about memory. */
#include "check.h"

static int faults;

static LONG CALLBACK count_guards(EXCEPTION_POINTERS *info)
{
    if (info->ExceptionRecord->ExceptionCode != STATUS_GUARD_PAGE_VIOLATION)
        return EXCEPTION_CONTINUE_SEARCH;
    faults++;
    return EXCEPTION_CONTINUE_EXECUTION;
}

int main(void)
{
    MEMORY_BASIC_INFORMATION info;
    DWORD old;
    volatile char *memory = VirtualAlloc(NULL, 0x20000, MEM_RESERVE, PAGE_READWRITE);

    check(memory && !((ULONG_PTR)memory & 0xffff), "reserved memory begins at 64 KB");
    check(VirtualQuery((void *)memory, &info, sizeof info) == sizeof info && info.State == MEM_RESERVE, "it is reserved");
    check(info.RegionSize == 0x20000 && info.AllocationBase == (void *)memory, "in one region");
    check(VirtualAlloc((char *)memory + 0x1000, 0x2000, MEM_COMMIT, PAGE_READWRITE) == memory + 0x1000, "commit a part");
    VirtualQuery((char *)memory + 0x1800, &info, sizeof info);
    check(info.State == MEM_COMMIT && info.BaseAddress == memory + 0x1000 && info.RegionSize == 0x2000,
          "the part is a region of its own");
    check(memory[0x1000] == 0 && memory[0x2fff] == 0, "it is zero");
    memory[0x1000] = 7;
    check(VirtualProtect((char *)memory + 0x1000, 0x1000, PAGE_READONLY, &old) && old == PAGE_READWRITE,
          "protecting tells the protection before");
    check(memory[0x1000] == 7, "what was written can be read");
    VirtualQuery((char *)memory + 0x1000, &info, sizeof info);
    check(info.Protect == PAGE_READONLY && info.RegionSize == 0x1000, "the region is split");
    AddVectoredExceptionHandler(1, count_guards);
    VirtualProtect((char *)memory + 0x2000, 0x1000, PAGE_READWRITE | PAGE_GUARD, &old);
    memory[0x2000] = 1;
    memory[0x2001] = 1;
    check(faults == 1 && memory[0x2001] == 1, "a guard page warns once");
    check(VirtualFree((char *)memory + 0x1000, 0x1000, MEM_DECOMMIT), "a part is decommitted");
    VirtualQuery((char *)memory + 0x1000, &info, sizeof info);
    check(info.State == MEM_RESERVE, "and is reserved then");
    check(VirtualFree((void *)memory, 0, MEM_RELEASE), "the whole is released");
    VirtualQuery((void *)memory, &info, sizeof info);
    check(info.State == MEM_FREE, "and free then");
    check(!VirtualAlloc(NULL, 0x1000, MEM_COMMIT, 0x3), "two protections at once are none");
    return 0;
}
