/* Priority classes of processes and priorities of threads: what is set is what is read. */
#include "check.h"

static const struct
{
    DWORD number;
    const char *name;
} classes[] = {{IDLE_PRIORITY_CLASS, "idle"},
               {BELOW_NORMAL_PRIORITY_CLASS, "below normal"},
               {ABOVE_NORMAL_PRIORITY_CLASS, "above normal"},
               {HIGH_PRIORITY_CLASS, "high"},
               {NORMAL_PRIORITY_CLASS, "normal"}};

static void name(const char *name, BOOL holds, const char *fact)
{
    char line[100];

    snprintf(line, sizeof line, "%s: %s", name, fact);
    check(holds, line);
}

static void tell_classes(void)
{
    HANDLE self = GetCurrentProcess();

    check(GetPriorityClass(self) == NORMAL_PRIORITY_CLASS, "a process begins in the middle");
    for (unsigned i = 0; i < sizeof classes / sizeof *classes; i++)
    {
        name(classes[i].name, SetPriorityClass(self, classes[i].number), "a class that can be set");
        name(classes[i].name, GetPriorityClass(self) == classes[i].number, "is read");
    }
    check(!SetPriorityClass(self, 12345) && GetLastError() == ERROR_INVALID_PARAMETER, "there is no such class");
}

static void tell_steps(void)
{
    static const int steps[] = {-15, -2, -1, 1, 2, 15, 0};
    HANDLE self = GetCurrentThread();
    char line[20];

    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)
    {
        snprintf(line, sizeof line, "step %d", steps[i]);
        name(line, SetThreadPriority(self, steps[i]), "can be set");
        name(line, GetThreadPriority(self) == steps[i], "is read");
    }
    check(!SetThreadPriority(self, 7), "there is no such step");
    check(SetPriorityClass(GetCurrentProcess(), BELOW_NORMAL_PRIORITY_CLASS), "the process goes down");
    check(GetThreadPriority(self) == 0, "its threads stay where they are in it");
    check(SetPriorityClass(GetCurrentProcess(), NORMAL_PRIORITY_CLASS), "and up again");
}

int main(void)
{
    tell_classes();
    tell_steps();
    return 0;
}
