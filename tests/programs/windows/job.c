/* Starts a program in a job that ends with this process, tells its id, and goes. */
#include <stdio.h>
#include <windows.h>

int main(int count, char **words)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit = {.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};
    STARTUPINFOA startup = {.cb = sizeof startup};
    HANDLE job = CreateJobObjectA(NULL, NULL);
    PROCESS_INFORMATION process;
    BOOL inside = FALSE;

    if (count < 2 || !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit) ||
        !CreateProcessA(NULL, words[1], NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &startup, &process) ||
        !AssignProcessToJobObject(job, process.hProcess) || !IsProcessInJob(process.hProcess, job, &inside) || !inside)
        return 1;
    ResumeThread(process.hThread);
    Sleep(200);
    printf("%lu\n", process.dwProcessId);
    return WaitForSingleObject(process.hProcess, 0) == WAIT_TIMEOUT ? 0 : 2;
}
