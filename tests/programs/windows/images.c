/* Tells the image of a process in every way that there is: by handle in both forms, by its modules, by a snapshot of all. */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include <psapi.h>
#include <tlhelp32.h>

static void snapshot(DWORD id)
{
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32 entry = {.dwSize = sizeof entry};

    for (BOOL more = Process32First(all, &entry); more; more = Process32Next(all, &entry))
        if (entry.th32ProcessID == id)
            puts(entry.szExeFile);
    CloseHandle(all);
}

int main(int count, char **arguments)
{
    DWORD id = count > 1 ? (DWORD)atoi(arguments[1]) : GetCurrentProcessId(), size = MAX_PATH, native = MAX_PATH;
    HANDLE process = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, id);
    char text[MAX_PATH] = "";
    BOOL old = TRUE, told;

    QueryFullProcessImageNameA(process, 0, text, &size);
    puts(text);
    QueryFullProcessImageNameA(process, PROCESS_NAME_NATIVE, text, &native);
    puts(text);
    text[0] = 0;
    GetProcessImageFileNameA(process, text, sizeof text);
    puts(text);
    text[0] = 0;
    GetModuleFileNameExA(process, NULL, text, sizeof text);
    puts(text);
    text[0] = 0;
    GetModuleBaseNameA(process, NULL, text, sizeof text);
    puts(text);
    snapshot(id);
    told = IsWow64Process(process, &old);
    printf("%d %d\n", told, old);
    return 0;
}
