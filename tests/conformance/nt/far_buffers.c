/* What does not fit behind a buffer near the end of all addresses is refused as any other bad buffer is. */
#include "check.h"
#include "native.h"

enum { MAPPED_NAME = 2, IMAGE_NAME = 27, COMMAND_LINE = 60, NAME = 1, TYPE = 2, BAD = (int)0xC0000005 };

int main(void)
{
    HANDLE self = GetCurrentProcess(), event = CreateEventA(NULL, FALSE, FALSE, "Lichen far buffers");
    void *place = (void *)-(INT_PTR)8;
    ULONG size = 0x1000;

    check(native(NtQueryInformationProcess)(self, IMAGE_NAME, place, size, (ULONG *)NULL) == BAD, "the name of a process");
    check(native(NtQueryInformationProcess)(self, COMMAND_LINE, place, size, (ULONG *)NULL) == BAD, "its command line");
    check(native(NtQueryVirtualMemory)(self, (void *)GetModuleHandleA("ntdll"), MAPPED_NAME, place, (SIZE_T)size, (SIZE_T *)NULL) == BAD,
          "the name of a mapped file");
    check(native(NtQueryObject)(event, NAME, place, size, (ULONG *)NULL) == BAD, "the name of an object");
    check(native(NtQueryObject)(event, TYPE, place, size, (ULONG *)NULL) == BAD, "its type");
    return 0;
}
