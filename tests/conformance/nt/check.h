/* What every program here begins with: `check` prints one line for each fact. */
#include <stdio.h>
#include <windows.h>

static void check(int holds, const char *fact)
{
    char line[200];
    int length = snprintf(line, sizeof line, "%s %s\r\n", holds ? "ok" : "FAILED", fact);
    DWORD written;

    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, length, &written, NULL);
}
