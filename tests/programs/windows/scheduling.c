/* Tells how it is scheduled, or changes that: of itself, or of a process whose id is given. Class and mask are printed.
   "watch" tells of itself for each line that it reads, with the step of its thread, and takes the class that the line names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static HANDLE opened(const char *id)
{
    return id ? OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_SET_INFORMATION, FALSE, atoi(id)) : GetCurrentProcess();
}

static int watch(void)
{
    DWORD_PTR mask, all;
    char line[20];

    SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL);
    while (fgets(line, sizeof line, stdin))
    {
        if (strtoul(line, NULL, 0))
            SetPriorityClass(GetCurrentProcess(), strtoul(line, NULL, 0));
        GetProcessAffinityMask(GetCurrentProcess(), &mask, &all);
        printf("%#lx %#llx %d\n", GetPriorityClass(GetCurrentProcess()), mask, GetThreadPriority(GetCurrentThread()));
        fflush(stdout);
    }
    return 0;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "tell";
    HANDLE process = opened(count > 3 ? arguments[3] : NULL);
    DWORD number = count > 2 ? strtoul(arguments[2], NULL, 0) : 0;
    DWORD_PTR mask, all;
    SYSTEM_INFO info;
    char variable[20] = "";

    if (!strcmp(what, "watch"))
        return watch();
    if (!strcmp(what, "class") && !SetPriorityClass(process, number))
        return printf("refused %lu\n", GetLastError()), 1;
    if (!strcmp(what, "step") && !SetThreadPriority(GetCurrentThread(), (int)number))
        return printf("refused %lu\n", GetLastError()), 1;
    if (!strcmp(what, "mask") && !SetProcessAffinityMask(process, number))
        return printf("refused %lu\n", GetLastError()), 1;
    if (!GetProcessAffinityMask(process, &mask, &all))
        return 2;
    GetSystemInfo(&info);
    GetEnvironmentVariableA("NUMBER_OF_PROCESSORS", variable, sizeof variable);
    printf("%#lx %#llx %#llx %lu %s\n", GetPriorityClass(process), mask, all, info.dwNumberOfProcessors, variable);
    fflush(stdout);
    if (!strcmp(what, "wait") || !strcmp(what, "class") || !strcmp(what, "step"))
        Sleep(count > 3 ? 0 : 20000);
    return 0;
}
