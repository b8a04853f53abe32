/* What CreateProcess hands to a child, and what it makes of files that are no programs. */
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"

static const BYTE reserved[] = {3, 0, 0, 0, 'l', 'i', 'c', 'h', 'e', 'n', 0, 0xff};

static char self[MAX_PATH];

static DWORD end_of(PROCESS_INFORMATION *process)
{
    DWORD code = 0xBAD;

    if (WaitForSingleObject(process->hProcess, 10000) != WAIT_OBJECT_0 || !GetExitCodeProcess(process->hProcess, &code))
        code = 0xDEAD;
    CloseHandle(process->hProcess);
    CloseHandle(process->hThread);
    return code;
}

/* ---- the child: a bit of its exit code for each thing that it finds as it should be */

static int child(void)
{
    STARTUPINFOA found;
    int right = 0;

    GetStartupInfoA(&found);
    if (found.cbReserved2 == sizeof reserved && found.lpReserved2 && !memcmp(found.lpReserved2, reserved, sizeof reserved))
        right |= 1;
    if (found.dwFlags == (STARTF_USEPOSITION | STARTF_USESIZE | STARTF_USECOUNTCHARS | STARTF_USEFILLATTRIBUTE | STARTF_USESHOWWINDOW))
        right |= 2;
    if (found.dwX == 11 && found.dwY == 12 && found.dwXSize == 13 && found.dwYSize == 14)
        right |= 4;
    if (found.dwXCountChars == 15 && found.dwYCountChars == 16 && found.dwFillAttribute == 0x17)
        right |= 8;
    if (found.wShowWindow == SW_SHOWMINIMIZED)
        right |= 16;
    if (found.lpTitle && !strcmp(found.lpTitle, "a title") && found.lpDesktop && !strcmp(found.lpDesktop, "a desktop"))
        right |= 32;
    return right;
}

static void what_is_handed_over(void)
{
    BYTE given[sizeof reserved];
    STARTUPINFOA startup = {
        .cb = sizeof startup, .lpTitle = "a title", .lpDesktop = "a desktop", .dwX = 11, .dwY = 12, .dwXSize = 13, .dwYSize = 14,
        .dwXCountChars = 15, .dwYCountChars = 16, .dwFillAttribute = 0x17, .wShowWindow = SW_SHOWMINIMIZED,
        .dwFlags = STARTF_USEPOSITION | STARTF_USESIZE | STARTF_USECOUNTCHARS | STARTF_USEFILLATTRIBUTE | STARTF_USESHOWWINDOW,
        .cbReserved2 = sizeof given, .lpReserved2 = given};
    PROCESS_INFORMATION process;
    char line[MAX_PATH + 40];
    DWORD found = 0;

    memcpy(given, reserved, sizeof given);
    snprintf(line, sizeof line, "\"%s\" child", self);
    if (CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
        found = end_of(&process);
    check(found & 1, "what is reserved for the C runtime");
    check(found & 2, "the flags of STARTUPINFO");
    check(found & 4, "place and size of the window");
    check(found & 8, "size and colours of the console");
    check(found & 16, "how the window shows");
    check(found & 32, "title and desktop");
}

/* ---- descriptors of the C runtime, which pass in what is reserved for it */

static int write_to(const char *descriptor)
{
    return _write(atoi(descriptor), "from the child", 14) == 14 ? 5 : 6;
}

static void descriptors(void)
{
    char number[8], text[16] = "", quoted[MAX_PATH + 2];
    int file = _open("descriptor.txt", _O_RDWR | _O_CREAT | _O_TRUNC | _O_BINARY, _S_IREAD | _S_IWRITE);
    int hidden = _open("hidden.txt", _O_RDWR | _O_CREAT | _O_TRUNC | _O_NOINHERIT, _S_IREAD | _S_IWRITE);

    snprintf(quoted, sizeof quoted, "\"%s\"", self);
    snprintf(number, sizeof number, "%d", file);
    check(file > 2 && _spawnl(_P_WAIT, self, quoted, number, NULL) == 5, "a child writes to a descriptor by its number");
    check(_lseek(file, 0, SEEK_SET) == 0 && _read(file, text, 15) == 14 && !strcmp(text, "from the child"), "which is the same file");
    snprintf(number, sizeof number, "%d", hidden);
    check(_spawnl(_P_WAIT, self, quoted, number, NULL) == 6, "but not to one that is not inherited");
    _close(file);
    _close(hidden);
    _unlink("descriptor.txt");
    _unlink("hidden.txt");
}

/* ---- batch files */

static void make(const char *path, const void *content, DWORD size)
{
    HANDLE file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    DWORD written;

    WriteFile(file, content, size, &written, NULL);
    CloseHandle(file);
}

/* The exit code of a command line; the error when it cannot be started. */
static DWORD run(const char *application, const char *line, DWORD *error)
{
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    char changing[MAX_PATH];

    lstrcpynA(changing, line, sizeof changing);
    *error = 0;
    SetLastError(0);
    if (CreateProcessA(application, changing, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
        return end_of(&process);
    *error = GetLastError();
    return 0xBAD;
}

static void batch_files(void)
{
    static const char content[] = "@exit 4%1\r\n";
    DWORD error;

    make("batch.bat", content, sizeof content - 1);
    make("batch.cmd", content, sizeof content - 1);
    make("with space.bat", content, sizeof content - 1);
    make("batch.txt", content, sizeof content - 1);
    make("empty.exe", content, 0);
    check(run("batch.bat", "batch.bat 2", &error) == 42 && !error, "a batch file is run by the shell");
    check(run(NULL, "batch.cmd 3", &error) == 43 && !error, "also by its other extension, and from the command line");
    check(run(NULL, "\"with space.bat\" 4", &error) == 44 && !error, "with a blank in its name");
    check(run("batch.txt", "batch.txt", &error) == 0xBAD && error == ERROR_BAD_EXE_FORMAT, "text of another name is no program");
    check(run("empty.exe", "empty.exe", &error) == 0xBAD && error == ERROR_BAD_EXE_FORMAT, "nor is an empty file");
    check(run("missing.bat", "missing.bat", &error) == 0xBAD && error == ERROR_FILE_NOT_FOUND, "a missing batch file");
    DeleteFileA("batch.bat");
    DeleteFileA("batch.cmd");
    DeleteFileA("with space.bat");
    check(DeleteFileA("batch.txt") && DeleteFileA("empty.exe"), "of what was refused no file stays open");
}

/* ---- a folder too deep to be in */

static void deep_folder(void)
{
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    WCHAR path[400] = L"\\\\?\\", line[MAX_PATH + 40], program[MAX_PATH];
    int ends[4], made = 0;

    GetTempPathW(MAX_PATH, path + 4);
    for (; made < 4; made++)
    {
        ends[made] = lstrlenW(path);
        for (int i = 0; i < 80; i++)
            lstrcatW(path, L"d");
        if (!CreateDirectoryW(path, NULL))
            break;
        lstrcatW(path, L"\\");
    }
    check(made == 4, "folders are made that no program can be in");
    GetModuleFileNameW(NULL, program, MAX_PATH);
    wsprintfW(line, L"\"%s\" child", program);
    SetLastError(0);
    check(!CreateProcessW(program, line, NULL, NULL, FALSE, 0, NULL, path + 4, &startup, &process), "none is started there");
    while (made--)
    {
        path[ends[made] + 80] = 0;
        RemoveDirectoryW(path);
        path[ends[made]] = 0;
    }
}

int main(int count, char **words)
{
    char folder[MAX_PATH];

    if (count > 1)
        return strcmp(words[1], "child") ? write_to(words[1]) : child();
    GetModuleFileNameA(NULL, self, sizeof self);
    GetTempPathA(sizeof folder, folder);
    SetCurrentDirectoryA(folder);
    what_is_handed_over();
    descriptors();
    batch_files();
    deep_folder();
    return 0;
}
