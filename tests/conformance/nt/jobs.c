/* Jobs: processes that are counted, limited and ended together. This program starts itself with other arguments. */
#include "children.h"

#define NAME "lichen-job"

static int child(const char *what)
{
    PROCESS_INFORMATION process;
    HANDLE job = OpenJobObjectA(JOB_OBJECT_ALL_ACCESS, FALSE, NAME);
    BOOL inside = FALSE;

    if (!strcmp(what, "sleep"))
        Sleep(20000);
    if (!strcmp(what, "start-sleeper"))
        return start("sleep", 0, &process) ? 1 : 2;
    if (!strcmp(what, "inside"))
        return IsProcessInJob(GetCurrentProcess(), job, &inside) && inside ? 1 : 2;
    return 9;
}

static int next(HANDLE port, DWORD *message, DWORD *id)
{
    ULONG_PTR key;
    OVERLAPPED *value;

    if (!GetQueuedCompletionStatus(port, message, &key, &value, 5000) || key != 42)
        return 0;
    *id = (DWORD)(ULONG_PTR)value;
    return 1;
}

static DWORD active(HANDLE job)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION accounting;

    return QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &accounting, sizeof accounting, NULL)
               ? accounting.ActiveProcesses : 999;
}

static void members(void)
{
    HANDLE job = CreateJobObjectA(NULL, NAME), again;
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION accounting;
    struct
    {
        JOBOBJECT_BASIC_PROCESS_ID_LIST list;
        ULONG_PTR more[3];
    } ids;
    PROCESS_INFORMATION first, second;
    BOOL inside = TRUE;
    DWORD size;

    check(job != NULL, "a job with a name");
    again = CreateJobObjectA(NULL, NAME);
    check(again && GetLastError() == ERROR_ALREADY_EXISTS && CloseHandle(again), "is there already for the next one");
    check(!OpenJobObjectA(JOB_OBJECT_ALL_ACCESS, FALSE, "lichen-no-job") && GetLastError() == ERROR_FILE_NOT_FOUND,
          "there is no other");
    check(IsProcessInJob(GetCurrentProcess(), job, &inside) && !inside, "this process is not in it");
    check(start("inside", CREATE_SUSPENDED, &first) && AssignProcessToJobObject(job, first.hProcess), "another is put in");
    check(IsProcessInJob(first.hProcess, job, &inside) && inside && active(job) == 1, "and is inside");
    ResumeThread(first.hThread);
    check(end_of(&first) == 1 && active(job) == 0, "as it knows, until it ends");
    start("sleep", CREATE_SUSPENDED, &first);
    start("start-sleeper", CREATE_SUSPENDED, &second);
    AssignProcessToJobObject(job, first.hProcess);
    AssignProcessToJobObject(job, second.hProcess);
    ResumeThread(first.hThread);
    ResumeThread(second.hThread);
    check(end_of(&second) == 1 && active(job) == 2, "what one in it starts is in it too");
    check(QueryInformationJobObject(job, JobObjectBasicProcessIdList, &ids, sizeof ids, &size) &&
              ids.list.NumberOfProcessIdsInList == 2 && ids.list.ProcessIdList[0] == first.dwProcessId, "its processes are listed");
    check(QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &accounting, sizeof accounting, NULL) &&
              accounting.TotalProcesses == 4, "and counted");
    check(!AssignProcessToJobObject(job, (HANDLE)0x7770) && GetLastError() == ERROR_INVALID_HANDLE, "what is no process is not put in");
    check(TerminateJobObject(job, 66) && end_of(&first) == 66 && active(job) == 0, "all are ended at once");
    check(!QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &accounting, 4, NULL) &&
              GetLastError() == ERROR_BAD_LENGTH, "a record that is cut short");
    check(!TerminateJobObject((HANDLE)0x7770, 1) && GetLastError() == ERROR_INVALID_HANDLE, "what is no job has no end");
    CloseHandle(job);
}

static void limits(void)
{
    HANDLE job = CreateJobObjectA(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit = {.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};
    PROCESS_INFORMATION process;

    check(SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit), "a job that ends with its last handle");
    start("sleep", CREATE_SUSPENDED, &process);
    AssignProcessToJobObject(job, process.hProcess);
    ResumeThread(process.hThread);
    check(WaitForSingleObject(process.hProcess, 20) == WAIT_TIMEOUT && CloseHandle(job), "it is closed");
    check(end_of(&process) != 0xDEAD, "and its process ends");
    job = CreateJobObjectA(NULL, NULL);
    limit.BasicLimitInformation.LimitFlags = 0x80000000;
    check(!SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit) &&
              GetLastError() == ERROR_INVALID_PARAMETER, "there are no such limits");
    CloseHandle(job);
}

static void messages(void)
{
    HANDLE job = CreateJobObjectA(NULL, NULL), port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    JOBOBJECT_ASSOCIATE_COMPLETION_PORT association = {(void *)42, port};
    PROCESS_INFORMATION process;
    DWORD message = 0, id = 0, pid;

    check(SetInformationJobObject(job, JobObjectAssociateCompletionPortInformation, &association, sizeof association),
          "a job tells a port");
    start("quick", CREATE_SUSPENDED, &process);
    pid = process.dwProcessId;
    AssignProcessToJobObject(job, process.hProcess);
    check(next(port, &message, &id) && message == JOB_OBJECT_MSG_NEW_PROCESS && id == pid, "of a process that comes");
    ResumeThread(process.hThread);
    check(end_of(&process) == 9, "and which ends");
    check(next(port, &message, &id) && message == JOB_OBJECT_MSG_EXIT_PROCESS && id == pid, "which it tells");
    check(next(port, &message, &id) && message == JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO, "and that none is left");
    CloseHandle(job);
}

int main(int count, char **words)
{
    GetModuleFileNameA(NULL, self, sizeof self);
    if (count > 1)
        return child(words[1]);
    members();
    limits();
    messages();
    return 0;
}
