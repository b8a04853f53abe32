/* A program that runs and a library that is loaded are busy: nobody writes to them, deletes or replaces them. */
#include <string.h>

#include "check.h"

static char folder[MAX_PATH], self[MAX_PATH];

static const char *in(const char *name)
{
    static char paths[4][MAX_PATH];
    static int next;

    next = (next + 1) % 4;
    snprintf(paths[next], MAX_PATH, "%s\\%s", folder, name);
    return paths[next];
}

static DWORD open_error(const char *name, DWORD access, DWORD disposition, DWORD flags)
{
    HANDLE file = CreateFileA(in(name), access, 7, NULL, disposition, flags, NULL);

    if (file == INVALID_HANDLE_VALUE)
        return GetLastError();
    CloseHandle(file);
    return 0;
}

static DWORD error_of(BOOL done)
{
    return done ? 0 : GetLastError();
}

static void check_busy(const char *name, const char *what)
{
    char fact[100];
    struct
    {
        DWORD found, expected;
        const char *text;
    } facts[] = {
        {open_error(name, GENERIC_WRITE, OPEN_EXISTING, 0), ERROR_SHARING_VIOLATION, "is not written to"},
        {open_error(name, FILE_APPEND_DATA, OPEN_EXISTING, 0), ERROR_SHARING_VIOLATION, "is not appended to"},
        {open_error(name, GENERIC_WRITE, CREATE_ALWAYS, 0), ERROR_SHARING_VIOLATION, "is not made anew"},
        {open_error(name, GENERIC_READ, OPEN_EXISTING, 0), 0, "is read"},
        {open_error(name, DELETE, OPEN_EXISTING, 0), 0, "is opened for DELETE"},
        {open_error(name, DELETE, OPEN_EXISTING, FILE_FLAG_DELETE_ON_CLOSE), ERROR_ACCESS_DENIED, "does not go at a close"},
        {error_of(DeleteFileA(in(name))), ERROR_ACCESS_DENIED, "is not deleted"},
        {error_of(CopyFileA(self, in(name), FALSE)), ERROR_SHARING_VIOLATION, "is not copied over"},
    };

    for (unsigned i = 0; i < sizeof facts / sizeof *facts; i++)
    {
        snprintf(fact, sizeof fact, "%s %s", what, facts[i].text);
        check(facts[i].found == facts[i].expected, fact);
    }
}

int main(int count, char **words)
{
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    char line[MAX_PATH + 20];

    if (count == 2)
        return WaitForSingleObject(OpenEventA(SYNCHRONIZE, FALSE, words[1]), 20000) != WAIT_OBJECT_0;
    GetModuleFileNameA(NULL, self, sizeof self);
    GetTempPathA(sizeof folder, folder);
    strcat(folder, "busy images");
    CreateDirectoryA(folder, NULL);
    HANDLE end = CreateEventA(NULL, TRUE, FALSE, "busy images end");

    CopyFileA(self, in("program.exe"), FALSE);
    CopyFileA(self, in("other.exe"), FALSE);
    snprintf(line, sizeof line, "\"%s\" \"busy images end\"", in("program.exe"));
    check(CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process), "a copy starts");
    check_busy("program.exe", "a running program");
    check(error_of(MoveFileExA(in("other.exe"), in("program.exe"), MOVEFILE_REPLACE_EXISTING)) == ERROR_ACCESS_DENIED,
          "a running program is not replaced");
    check(MoveFileA(in("program.exe"), in("renamed.exe")), "a running program is renamed");
    check(!DeleteFileA(in("renamed.exe")), "by its new name it is not deleted either");
    SetEvent(end);
    WaitForSingleObject(process.hProcess, INFINITE);
    CloseHandle(process.hProcess);
    CloseHandle(process.hThread);
    check(open_error("renamed.exe", GENERIC_WRITE, OPEN_EXISTING, 0) == 0, "a program that has ended is written to");
    check(DeleteFileA(in("renamed.exe")), "a program that has ended is deleted");

    CopyFileA("C:\\windows\\system32\\version.dll", in("library.dll"), FALSE);
    SetFileAttributesA(in("library.dll"), FILE_ATTRIBUTE_NORMAL);
    HMODULE library = LoadLibraryA(in("library.dll"));
    check(library != NULL, "a library is loaded");
    check_busy("library.dll", "a loaded library");
    FreeLibrary(library);
    check(open_error("library.dll", GENERIC_WRITE, OPEN_EXISTING, 0) == 0, "a library that was unloaded is written to");
    check(DeleteFileA(in("library.dll")), "a library that was unloaded is deleted");
    DeleteFileA(in("other.exe"));
    check(RemoveDirectoryA(folder), "nothing is left");
    return 0;
}
