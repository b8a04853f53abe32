/* What every program here begins with: `check` prints one line for each fact. */
#include <stdio.h>
#include <windows.h>

static void check(int holds, const char *fact)
{
    printf("%s %s\n", holds ? "ok" : "FAILED", fact);
    fflush(stdout);
}
