/* A program that starts itself with other arguments, and waits for what it started. */
#include <string.h>

#include "check.h"

static char self[MAX_PATH];

static BOOL start(const char *what, DWORD flags, PROCESS_INFORMATION *process)
{
    STARTUPINFOA startup = {.cb = sizeof startup};
    char line[MAX_PATH + 40];

    snprintf(line, sizeof line, "\"%s\" %s", self, what);
    return CreateProcessA(NULL, line, NULL, NULL, FALSE, flags, NULL, NULL, &startup, process);
}

static DWORD end_of(PROCESS_INFORMATION *process)
{
    DWORD code = 0xBAD;

    if (WaitForSingleObject(process->hProcess, 10000) != WAIT_OBJECT_0 || !GetExitCodeProcess(process->hProcess, &code))
        code = 0xDEAD;
    CloseHandle(process->hProcess);
    CloseHandle(process->hThread);
    return code;
}
