/* What an ordinary user's Windows program may do to a process of root's: know that it is there, and wait for it. The first
 * argument is the id of such a process, the second a set-user-id program, which is its starter's to run and nothing more. */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

static int escaped;

static void held(const char *what, BOOL succeeded)
{
    printf("%s %s\n", succeeded ? "ESCAPED" : "held", what);
    escaped |= succeeded;
}

static void attack(HANDLE process, HANDLE thread)
{
    char data[16] = {0};
    SIZE_T moved;
    HANDLE found = NULL;
    CONTEXT context = {.ContextFlags = CONTEXT_FULL};

    held("ending", TerminateProcess(process, 9));
    held("reading", ReadProcessMemory(process, (void *)0x400000, data, sizeof data, &moved) || GetLastError() == ERROR_PARTIAL_COPY);
    held("writing", WriteProcessMemory(process, (void *)0x400000, data, sizeof data, &moved) || GetLastError() == ERROR_PARTIAL_COPY);
    held("allocating", VirtualAllocEx(process, NULL, 4096, MEM_COMMIT, PAGE_READWRITE) != NULL);
    held("its handles", DuplicateHandle(process, (HANDLE)4, GetCurrentProcess(), &found, 0, FALSE, DUPLICATE_SAME_ACCESS));
    held("a handle in it", DuplicateHandle(GetCurrentProcess(), GetCurrentProcess(), process, &found, 0, FALSE, DUPLICATE_SAME_ACCESS));
    held("a job", AssignProcessToJobObject(CreateJobObjectA(NULL, NULL), process));
    held("its token", OpenProcessToken(process, TOKEN_QUERY, &found));
    held("stopping", SuspendThread(thread) != (DWORD)-1);
    held("its registers", GetThreadContext(thread, &context));
    held("ending its thread", TerminateThread(thread, 9));
    if (DuplicateHandle(GetCurrentProcess(), process, GetCurrentProcess(), &found, PROCESS_ALL_ACCESS, FALSE, 0))
        held("a better handle", TerminateProcess(found, 9));
}

int main(int count, char **arguments)
{
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    DWORD id = atoi(arguments[1]), code = 0;
    HANDLE known = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, id);
    HANDLE thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, id);

    setvbuf(stdout, NULL, _IONBF, 0);
    for (int bit = 0; bit < 12; bit++)
        held("opening", OpenProcess(1u << bit, FALSE, id) != NULL);
    held("opening for all", OpenProcess(PROCESS_ALL_ACCESS, FALSE, id) != NULL);
    held("opening a thread", OpenThread(THREAD_SET_CONTEXT, FALSE, id) != NULL);
    held("its console", AttachConsole(id));
    printf("known %d\n", known != NULL && GetExitCodeProcess(known, &code) && code == STILL_ACTIVE);
    attack(known, thread);
    held("resuming", ResumeThread(thread) != (DWORD)-1);
    if (count > 2 && CreateProcessA(NULL, arguments[2], NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &startup, &process)) {
        attack(process.hProcess, process.hThread);
        ResumeThread(process.hThread);
        printf("ran %d\n", WaitForSingleObject(process.hProcess, 10000) == WAIT_OBJECT_0);
    }
    return escaped;
}
