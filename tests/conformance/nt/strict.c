/* Rights that Windows asks for and Wine does not. */
#include "rights.h"

static BOOL token_of(HANDLE object)
{
    HANDLE made;

    return OpenProcessToken(object, TOKEN_QUERY, &made);
}
static BOOL alert(HANDLE object) { return outcome(((OfHandle *)native("NtAlertThread"))(object, NULL)); }
static BOOL present(HANDLE object)
{
    BOOL found;

    return CheckRemoteDebuggerPresent(object, &found);
}
static void view(void)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READONLY, 0, 65536, NULL);

    check(!MapViewOfFile(with(section, SECTION_ALL_ACCESS), FILE_MAP_WRITE, 0, 0, 0) && GetLastError() == ERROR_INVALID_PARAMETER,
          "memory for reading is not written, whatever the handle");
    CloseHandle(section);
}
static DWORD WINAPI sleeper(void *unused) { return unused ? 1 : (Sleep(20000), 0); }

int main(int count, char **arguments)
{
    char path[MAX_PATH];
    HANDLE file, thread = CreateThread(NULL, 0, sleeper, NULL, 0, NULL);
    PROCESS_INFORMATION child;

    GetModuleFileNameA(NULL, self, sizeof self);
    if (count > 1 && !strcmp(arguments[1], "sleep"))
        return Sleep(20000), 0;
    view();
    start("sleep", 0, &child);
    check(!token_of(with(child.hProcess, SYNCHRONIZE)) && GetLastError() == ERROR_ACCESS_DENIED,
          "a process's token is refused without the right");
    check(token_of(with(child.hProcess, PROCESS_QUERY_INFORMATION)), "a process's token");
    needs("asking for a debugger", child.hProcess, PROCESS_ALL_ACCESS, PROCESS_QUERY_INFORMATION, present);
    check(TerminateProcess(child.hProcess, 1) && end_of(&child) == 1, "a process ends");
    needs("alerting a thread", thread, THREAD_ALL_ACCESS, 4, alert);
    GetTempPathA(sizeof path - 20, path);
    strcat(path, "lichen-strict.txt");
    file = CreateFileA(path, GENERIC_ALL, 7, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    check(granted(with(file, SYNCHRONIZE)) == SYNCHRONIZE, "a duplicate of a file may have less");
    check(!with(with(file, GENERIC_READ), GENERIC_WRITE) && GetLastError() == ERROR_ACCESS_DENIED,
          "a duplicate of a file has no more than it is of");
    CloseHandle(file);
    return 0;
}
