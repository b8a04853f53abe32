/* Has a handle of every kind that is easily had, says so, and waits. */
#include <stdio.h>
#include <windows.h>

static DWORD WINAPI nothing(void *argument)
{
    return argument != NULL;
}

int main(void)
{
    HKEY key;

    CreateEventA(NULL, FALSE, FALSE, NULL);
    CreateMutexA(NULL, FALSE, "handles");
    CreateSemaphoreA(NULL, 1, 1, NULL);
    CreateWaitableTimerA(NULL, FALSE, NULL);
    CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    CreateJobObjectA(NULL, NULL);
    CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 4096, NULL);
    CreateThread(NULL, 0, nothing, NULL, 0, NULL);
    OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, GetCurrentProcessId());
    RegOpenKeyA(HKEY_LOCAL_MACHINE, "Software", &key);
    puts("ready");
    fflush(stdout);
    Sleep(20000);
    return 0;
}
