/* A process may have far more handles than a Linux program, and so may the ones that it starts. */
#include "check.h"
#include <stdlib.h>

#define MANY 3000

static HANDLE handles[MANY];

int main(int count, char **arguments)
{
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    char line[600];
    DWORD code = 0;
    int made = 0;

    if (count > 1)
        return SetEvent((HANDLE)(ULONG_PTR)strtoull(arguments[1], NULL, 10)) ? 7 : 8;
    while (made < MANY && (handles[made] = CreateEventA(made == MANY - 1 ? &inheritable : NULL, FALSE, FALSE, NULL)))
        made++;
    check(made == MANY, "thousands of events");
    check(WaitForSingleObject(handles[MANY - 1], 0) == WAIT_TIMEOUT, "the last of which is not set");
    GetModuleFileNameA(NULL, line, 400);
    wsprintfA(line + lstrlenA(line), " %u", (unsigned)(ULONG_PTR)handles[MANY - 1]);
    check(CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process), "a child");
    WaitForSingleObject(process.hProcess, 10000);
    GetExitCodeProcess(process.hProcess, &code);
    check(code == 7, "that has the handle under the same number");
    check(WaitForSingleObject(handles[MANY - 1], 0) == WAIT_OBJECT_0, "and sets the event");
    for (made = 0; made < MANY && CloseHandle(handles[made]); made++)
        ;
    check(made == MANY, "all are closed");
    return 0;
}
