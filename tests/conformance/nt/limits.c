/* What jobs limit, and jobs within jobs. This program starts itself with other arguments. */
#include "children.h"

/* What a child in a job can start: 1 something, 2 nothing as there are too many, 3 nothing as it may not, 4 something outside. */
static int child(DWORD flags)
{
    PROCESS_INFORMATION process;
    BOOL inside;

    if (!start("quick", CREATE_SUSPENDED | flags, &process))
        return GetLastError() == ERROR_NOT_ENOUGH_QUOTA ? 2 : GetLastError() == ERROR_ACCESS_DENIED ? 3 : 9;
    IsProcessInJob(process.hProcess, NULL, &inside);
    ResumeThread(process.hThread);
    return end_of(&process) != 5 ? 8 : inside ? 1 : 4;
}

static HANDLE limited(DWORD flags, DWORD most)
{
    HANDLE job = CreateJobObjectA(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit = {0};

    limit.BasicLimitInformation.LimitFlags = flags;
    limit.BasicLimitInformation.ActiveProcessLimit = most;
    return SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit) ? job : NULL;
}

static DWORD run_in(HANDLE job, const char *what)
{
    PROCESS_INFORMATION process;

    if (!start(what, CREATE_SUSPENDED, &process) || !AssignProcessToJobObject(job, process.hProcess))
        return 0xDEAD;
    ResumeThread(process.hThread);
    return end_of(&process);
}

static void remembered(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit;
    JOBOBJECT_BASIC_LIMIT_INFORMATION basic = {.LimitFlags = JOB_OBJECT_LIMIT_ACTIVE_PROCESS, .ActiveProcessLimit = 5};
    const DWORD flags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK | JOB_OBJECT_LIMIT_ACTIVE_PROCESS;
    HANDLE job = limited(flags, 3);
    BOOL inside;
    DWORD size;

    check(QueryInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit, &size) && size == sizeof limit &&
              limit.BasicLimitInformation.LimitFlags == flags && limit.BasicLimitInformation.ActiveProcessLimit == 3,
          "a job remembers its limits");
    check(SetInformationJobObject(job, JobObjectBasicLimitInformation, &basic, sizeof basic) &&
              QueryInformationJobObject(job, JobObjectBasicLimitInformation, &basic, sizeof basic, NULL) &&
              basic.ActiveProcessLimit == 5, "and takes new ones");
    basic.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    check(!SetInformationJobObject(job, JobObjectBasicLimitInformation, &basic, sizeof basic) &&
              GetLastError() == ERROR_INVALID_PARAMETER, "some only in the longer record");
    check(limited(JOB_OBJECT_LIMIT_ACTIVE_PROCESS, 0) == NULL && GetLastError() == ERROR_INVALID_PARAMETER, "no processes at all are none");
    CloseHandle(job);
    check(IsProcessInJob(GetCurrentProcess(), NULL, &inside) && !inside, "this process is in no job");
    check(!QueryInformationJobObject(NULL, JobObjectBasicLimitInformation, &basic, sizeof basic, NULL) &&
              GetLastError() == ERROR_ACCESS_DENIED, "and so is not told about one");
}

static void enforced(void)
{
    PROCESS_INFORMATION first, second;
    HANDLE job = limited(JOB_OBJECT_LIMIT_ACTIVE_PROCESS, 1);

    check(run_in(job, "inside") == 2, "a process too many is not started");
    start("quick", CREATE_SUSPENDED, &first);
    start("quick", CREATE_SUSPENDED, &second);
    check(AssignProcessToJobObject(job, first.hProcess), "one may be in it");
    check(!AssignProcessToJobObject(job, second.hProcess) && GetLastError() == ERROR_NOT_ENOUGH_QUOTA, "not two");
    ResumeThread(first.hThread);
    check(end_of(&first) == 5 && end_of(&second) == 0, "the second one is ended");
    CloseHandle(job);
    job = limited(0, 0);
    check(run_in(job, "inside") == 1, "what is started is inside");
    check(run_in(job, "outside") == 3, "and does not get out");
    CloseHandle(job);
    job = limited(JOB_OBJECT_LIMIT_BREAKAWAY_OK, 0);
    check(run_in(job, "outside") == 4, "unless it may");
    check(run_in(job, "inside") == 1, "and asks for it");
    CloseHandle(job);
    job = limited(JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK, 0);
    check(run_in(job, "inside") == 4, "or need not even ask");
    CloseHandle(job);
}

static void nested(void)
{
    HANDLE outer = limited(0, 0), inner = limited(0, 0), other = limited(0, 0);
    PROCESS_INFORMATION first, second;
    BOOL in_outer, in_inner;

    start("sleep", CREATE_SUSPENDED, &first);
    start("sleep", CREATE_SUSPENDED, &second);
    AssignProcessToJobObject(outer, first.hProcess);
    AssignProcessToJobObject(outer, second.hProcess);
    check(AssignProcessToJobObject(inner, first.hProcess), "a job within a job");
    check(IsProcessInJob(first.hProcess, outer, &in_outer) && IsProcessInJob(first.hProcess, inner, &in_inner) && in_outer && in_inner,
          "its process is in both");
    check(IsProcessInJob(second.hProcess, inner, &in_inner) && !in_inner, "that of the outer only there");
    AssignProcessToJobObject(other, GetCurrentProcess());
    check(!AssignProcessToJobObject(other, second.hProcess) && GetLastError() == ERROR_ACCESS_DENIED,
          "a job that holds others does not come in");
    check(TerminateJobObject(inner, 31) && end_of(&first) == 31 && WaitForSingleObject(second.hProcess, 20) == WAIT_TIMEOUT,
          "the end of the inner one leaves the outer");
    check(TerminateJobObject(outer, 32) && end_of(&second) == 32, "whose end is the end of all");
}

int main(int count, char **words)
{
    GetModuleFileNameA(NULL, self, sizeof self);
    if (count > 1 && !strcmp(words[1], "sleep"))
        Sleep(20000);
    if (count > 1 && !strcmp(words[1], "quick"))
        return 5;
    if (count > 1)
        return child(strcmp(words[1], "outside") ? 0 : CREATE_BREAKAWAY_FROM_JOB);
    remembered();
    enforced();
    nested();
    return 0;
}
