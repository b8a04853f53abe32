/* On which processors processes and threads may run. */
#include "check.h"

static DWORD WINAPI where(void *argument)
{
    DWORD_PTR before = SetThreadAffinityMask(GetCurrentThread(), 1);

    return before == *(DWORD_PTR *)argument;
}

static void tell_what_there_is(DWORD processors)
{
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION records[200];
    MEMORYSTATUSEX memory = {.dwLength = sizeof memory};
    DWORD size = 0, cores = 0, nodes = 0;

    check(!GetLogicalProcessorInformation(records, &size) && GetLastError() == ERROR_INSUFFICIENT_BUFFER && size &&
              size <= sizeof records, "it takes room to tell of the processors");
    check(GetLogicalProcessorInformation(records, &size), "which are told");
    for (DWORD i = 0; i < size / sizeof *records; i++)
    {
        cores += records[i].Relationship == RelationProcessorCore;
        nodes += records[i].Relationship == RelationNumaNode;
    }
    check(cores && cores <= processors && nodes, "as cores and nodes");
    check(GlobalMemoryStatusEx(&memory) && memory.ullTotalPhys > 1 << 28 && memory.ullAvailPhys &&
              memory.ullAvailPhys <= memory.ullTotalPhys, "there is memory, some of it free");
    check(memory.dwMemoryLoad <= 100 && memory.ullTotalVirtual >> 46 == 1, "and room for addresses");
}

int main(void)
{
    DWORD_PTR process, system, some;
    SYSTEM_INFO info;
    HANDLE thread;
    DWORD code;

    GetSystemInfo(&info);
    tell_what_there_is(info.dwNumberOfProcessors);
    check(GetProcessAffinityMask(GetCurrentProcess(), &process, &system) && process == system && process, "a process may run anywhere");
    check(info.dwActiveProcessorMask == system && system >> info.dwNumberOfProcessors == 0, "there are as many as it says");
    check(SetThreadAffinityMask(GetCurrentThread(), 1) == process, "a thread is bound to the first, and was anywhere before");
    check(GetCurrentProcessorNumber() == 0, "there it runs");
    some = system & ~(system >> 1);
    check(SetThreadAffinityMask(GetCurrentThread(), some) == 1, "to the last");
    Sleep(1);
    check((DWORD_PTR)1 << GetCurrentProcessorNumber() == some, "there it runs then");
    check(!SetThreadAffinityMask(GetCurrentThread(), 0) && GetLastError() == ERROR_INVALID_PARAMETER, "it has to run somewhere");
    check(!SetThreadAffinityMask(GetCurrentThread(), system + 1) && GetLastError() == ERROR_INVALID_PARAMETER,
          "and not on processors that are not there");
    thread = CreateThread(NULL, 0, where, &process, 0, NULL);
    check(WaitForSingleObject(thread, 5000) == 0 && GetExitCodeThread(thread, &code) && code, "another thread is not bound");
    check(SetProcessAffinityMask(GetCurrentProcess(), 1) && GetProcessAffinityMask(GetCurrentProcess(), &process, &system) &&
              process == 1, "the process is");
    check(SetThreadAffinityMask(GetCurrentThread(), 1) == 1, "with all its threads");
    check(!SetProcessAffinityMask(GetCurrentProcess(), system + 1) && GetLastError() == ERROR_INVALID_PARAMETER,
          "to what is there");
    thread = CreateThread(NULL, 0, where, &process, 0, NULL);
    check(WaitForSingleObject(thread, 5000) == 0 && GetExitCodeThread(thread, &code) && code, "new ones too");
    check(!SetThreadAffinityMask((HANDLE)0x7770, 1) && GetLastError() == ERROR_INVALID_HANDLE, "what is no thread runs nowhere");
    return 0;
}
