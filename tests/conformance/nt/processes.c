/* Processes: this program starts itself with other arguments. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include <tlhelp32.h>

static char self[MAX_PATH];

static HANDLE start(const char *arguments, BOOL inherit, DWORD flags, void *environment, const char *folder,
                    PROCESS_INFORMATION *information)
{
    char line[2 * MAX_PATH];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION unused;

    if (!information)
        information = &unused;
    snprintf(line, sizeof line, "\"%s\" %s", self, arguments);
    if (!CreateProcessA(NULL, line, NULL, NULL, inherit, flags, environment, folder, &startup, information))
        return NULL;
    if (information == &unused)
        CloseHandle(unused.hThread);
    return information->hProcess;
}

static DWORD end_of(HANDLE process)
{
    DWORD code = 0xBAD;

    if (!process || WaitForSingleObject(process, 10000) != WAIT_OBJECT_0 || !GetExitCodeProcess(process, &code))
        return 0xDEAD;
    CloseHandle(process);
    return code;
}

static LONG WINAPI give_up(EXCEPTION_POINTERS *info)
{
    (void)info;
    return EXCEPTION_EXECUTE_HANDLER;
}

/* What the children do: each answers with its exit code. */
static int child(int count, char **words)
{
    char text[MAX_PATH];
    DWORD size;
    HANDLE handle;

    if (!strcmp(words[1], "exit"))
        ExitProcess(strtoul(words[2], NULL, 0));
    if (!strcmp(words[1], "arguments"))
        return count == 6 && !strcmp(words[2], "a b") && !strcmp(words[3], "c\"d") && !strcmp(words[4], "") && !strcmp(words[5], "e\\");
    if (!strcmp(words[1], "variable"))
        return GetEnvironmentVariableA("LICHEN_TEST", text, sizeof text) == strlen(words[2]) && !strcmp(text, words[2]);
    if (!strcmp(words[1], "folder"))
        return GetCurrentDirectoryA(sizeof text, text) && !_stricmp(text, words[2]);
    if (!strcmp(words[1], "write"))
    {
        handle = (HANDLE)(ULONG_PTR)strtoull(words[2], NULL, 0);
        return WriteFile(handle, "from below", 10, &size, NULL) ? 1 : 2;
    }
    if (!strcmp(words[1], "sleep"))
        Sleep(20000);
    if (!strcmp(words[1], "crash"))
    {
        SetUnhandledExceptionFilter(give_up);
        RaiseException(0xE0001234, EXCEPTION_NONCONTINUABLE, 0, NULL);
    }
    return 3;
}

static void endings(void)
{
    PROCESS_INFORMATION process;
    HANDLE again;
    DWORD code;

    check(end_of(start("exit 7", FALSE, 0, NULL, NULL, NULL)) == 7, "a process ends with its exit code");
    check(end_of(start("exit 0xC0000005", FALSE, 0, NULL, NULL, NULL)) == 0xC0000005, "which may be any");
    check(end_of(start("arguments \"a b\" c\\\"d \"\" e\\", FALSE, 0, NULL, NULL, NULL)) == 1, "arguments in quotes");
    check(start("sleep", FALSE, 0, NULL, NULL, &process) && process.dwProcessId && process.dwThreadId, "one that sleeps");
    check(GetProcessId(process.hProcess) == process.dwProcessId && GetProcessIdOfThread(process.hThread) == process.dwProcessId,
          "has ids");
    check(WaitForSingleObject(process.hProcess, 20) == WAIT_TIMEOUT && GetExitCodeProcess(process.hProcess, &code) &&
              code == STILL_ACTIVE, "and no exit code yet");
    again = OpenProcess(PROCESS_ALL_ACCESS, FALSE, process.dwProcessId);
    check(again != NULL, "it is opened by its id");
    check(TerminateProcess(again, 55) && WaitForSingleObject(process.hProcess, 10000) == WAIT_OBJECT_0, "and ended");
    check(GetExitCodeProcess(again, &code) && code == 55, "with another's code");
    check(WaitForSingleObject(process.hThread, 1000) == WAIT_OBJECT_0, "its thread has ended too");
    CloseHandle(again);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    check(!OpenProcess(PROCESS_ALL_ACCESS, FALSE, 0xFFFFFF0) && GetLastError() == ERROR_INVALID_PARAMETER, "no process has this id");
    check(start("exit 8", FALSE, CREATE_SUSPENDED, NULL, NULL, &process) && WaitForSingleObject(process.hProcess, 50) == WAIT_TIMEOUT,
          "one that is made suspended does nothing");
    check(ResumeThread(process.hThread) == 1 && end_of(process.hProcess) == 8, "until it is resumed");
    CloseHandle(process.hThread);
    check(end_of(start("crash", FALSE, 0, NULL, NULL, NULL)) == 0xE0001234, "an exception that nobody handles is an exit code");
}

static void surroundings(void)
{
    char temporary[MAX_PATH], folder[MAX_PATH], arguments[2 * MAX_PATH], data[32];
    SECURITY_ATTRIBUTES inheritable = {.nLength = sizeof inheritable, .bInheritHandle = TRUE};
    HANDLE reader, writer;
    DWORD size, flags;

    SetEnvironmentVariableA("LICHEN_TEST", "mine");
    check(end_of(start("variable mine", FALSE, 0, NULL, NULL, NULL)) == 1, "the environment is handed down");
    check(end_of(start("variable given", FALSE, 0, "LICHEN_TEST=given\0SystemRoot=C:\\windows\0", NULL, NULL)) == 1, "or given");
    GetTempPathA(sizeof temporary, temporary);
    temporary[strlen(temporary) - 1] = 0;
    snprintf(folder, sizeof folder, "%s", temporary);
    snprintf(arguments, sizeof arguments, "folder \"%s\"", folder);
    check(end_of(start(arguments, FALSE, 0, NULL, folder, NULL)) == 1, "it begins in a folder");
    check(!start("exit 0", FALSE, 0, NULL, "C:\\no\\such\\folder", NULL) && GetLastError() == ERROR_DIRECTORY,
          "which must be there");
    CreatePipe(&reader, &writer, &inheritable, 0);
    SetHandleInformation(reader, HANDLE_FLAG_INHERIT, 0);
    check(GetHandleInformation(writer, &flags) && flags == HANDLE_FLAG_INHERIT, "a handle that is handed down");
    snprintf(arguments, sizeof arguments, "write %llu", (unsigned long long)(ULONG_PTR)writer);
    check(end_of(start(arguments, TRUE, 0, NULL, NULL, NULL)) == 1 && ReadFile(reader, data, 32, &size, NULL) && size == 10,
          "is used by a child");
    check(end_of(start(arguments, FALSE, 0, NULL, NULL, NULL)) == 2, "not by one that inherits nothing");
    SetHandleInformation(writer, HANDLE_FLAG_INHERIT, 0);
    check(end_of(start(arguments, TRUE, 0, NULL, NULL, NULL)) == 2, "nor when the handle is one's own");
    CloseHandle(writer);
    check(!ReadFile(reader, data, 32, &size, NULL) && GetLastError() == ERROR_BROKEN_PIPE, "no child keeps it");
    CloseHandle(reader);
    check(!WinExec("no-such-program.exe", 0) || GetLastError() == ERROR_FILE_NOT_FOUND, "a program that is not there");
    snprintf(arguments, sizeof arguments, "%s\\lichen-empty.exe", temporary);
    CloseHandle(CreateFileA(arguments, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
    check(!CreateProcessA(arguments, NULL, NULL, NULL, FALSE, 0, NULL, NULL, &(STARTUPINFOA){.cb = sizeof(STARTUPINFOA)},
                          &(PROCESS_INFORMATION){0}) && GetLastError() == ERROR_BAD_EXE_FORMAT, "a file that is none");
    DeleteFileA(arguments);
}

static void lists(void)
{
    PROCESSENTRY32 entry = {.dwSize = sizeof entry};
    THREADENTRY32 thread = {.dwSize = sizeof thread};
    MODULEENTRY32 module = {.dwSize = sizeof module};
    PROCESS_INFORMATION process;
    HANDLE snapshot;
    int own = 0, below = 0, threads = 0, ntdll = 0;
    char name[MAX_PATH];
    DWORD size = sizeof name;
    FILETIME made, ended, kernel, user;

    start("sleep", FALSE, 0, NULL, NULL, &process);
    snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPALL, 0);
    check(snapshot != INVALID_HANDLE_VALUE && Process32First(snapshot, &entry), "a list of processes");
    do
    {
        own += entry.th32ProcessID == GetCurrentProcessId() && entry.cntThreads >= 1;
        below += entry.th32ProcessID == process.dwProcessId && entry.th32ParentProcessID == GetCurrentProcessId() &&
                 !_stricmp(entry.szExeFile, strrchr(self, '\\') + 1);
    } while (Process32Next(snapshot, &entry));
    check(GetLastError() == ERROR_NO_MORE_FILES, "has an end");
    check(own == 1, "this one is in it");
    check(below == 1, "and the one below, with its name and who started it");
    if (Thread32First(snapshot, &thread))
        do
            threads += thread.th32OwnerProcessID == process.dwProcessId && thread.th32ThreadID == process.dwThreadId;
        while (Thread32Next(snapshot, &thread));
    check(threads == 1, "its thread too");
    if (Module32First(snapshot, &module))
        do
            ntdll += !_stricmp(module.szModule, "ntdll.dll");
        while (Module32Next(snapshot, &module));
    check(ntdll == 1, "and the modules of this one");
    CloseHandle(snapshot);
    check(QueryFullProcessImageNameA(process.hProcess, 0, name, &size) && !_stricmp(name, self), "its program is known");
    check(GetProcessTimes(process.hProcess, &made, &ended, &kernel, &user) && made.dwHighDateTime > 0x01d00000, "and when it began");
    TerminateProcess(process.hProcess, 0);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    check(CreateToolhelp32Snapshot(TH32CS_SNAPMODULE, 0xFFFFFF0) == INVALID_HANDLE_VALUE, "no modules of no process");
}

int main(int count, char **words)
{
    if (count > 1)
        return child(count, words);
    GetModuleFileNameA(NULL, self, sizeof self);
    endings();
    surroundings();
    lists();
    return 0;
}
