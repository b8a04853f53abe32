/* The machine's tree under the name of WSL's network share: \\wsl.localhost\Lichen, as programs for WSL know it. */
#include "check.h"

#define ROOT L"\\\\wsl.localhost\\Lichen"

static DWORD error_of(const wchar_t *path)
{
    SetLastError(0);
    return GetFileAttributesW(path) == INVALID_FILE_ATTRIBUTES ? GetLastError() : 0;
}

static DWORD attributes_of(const wchar_t *path)
{
    return GetFileAttributesW(path);
}

static int is_folder(const wchar_t *path)
{
    DWORD attributes = attributes_of(path);
    return attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY;
}

static void names(void)
{
    check(is_folder(ROOT L"\\"), "the share is a folder");
    check(is_folder(L"\\\\WSL.LocalHost\\LICHEN\\"), "in other letters");
    check(is_folder(L"\\\\wsl$\\lichen\\"), "by its older name");
    check(is_folder(L"\\\\?\\UNC\\wsl$\\Lichen\\"), "by a name that nobody takes apart");
    check(attributes_of(ROOT L"\\etc\\passwd") == attributes_of(L"Z:\\etc\\passwd"), "what is below it is what is on Z:");
    check(attributes_of(ROOT L"/ETC/passwd") == attributes_of(L"Z:\\etc\\passwd"), "blind to case, with slashes too");
    check(error_of(ROOT L"\\etc\\missing") == ERROR_FILE_NOT_FOUND, "a missing file");
    check(error_of(ROOT L"\\missing\\file") == ERROR_PATH_NOT_FOUND, "a missing folder");
    check(error_of(L"\\\\wsl.localhost\\Debian\\etc") == ERROR_BAD_NET_NAME, "another distribution");
    check(error_of(L"\\\\nowhere\\share\\file") == ERROR_BAD_NETPATH, "another server");
}

static void files(void)
{
    WIN32_FIND_DATAW found;
    wchar_t path[64], here[MAX_PATH];
    char text[4] = "";
    DWORD count;
    HANDLE file, search;

    wsprintfW(path, ROOT L"\\tmp\\share-%lu.txt", GetCurrentProcessId());
    file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    check(file != INVALID_HANDLE_VALUE && WriteFile(file, "abc", 3, &count, NULL), "a file is made and written");
    CloseHandle(file);
    wsprintfW(path, L"Z:\\tmp\\share-%lu.txt", GetCurrentProcessId());
    file = CreateFileW(path, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    check(ReadFile(file, text, 3, &count, NULL) && count == 3 && text[0] == 'a', "which is on the drive as well");
    CloseHandle(file);
    wsprintfW(path, ROOT L"\\tmp\\share-%lu*", GetCurrentProcessId());
    search = FindFirstFileW(path, &found);
    check(search != INVALID_HANDLE_VALUE && found.nFileSizeLow == 3, "it is listed");
    FindClose(search);
    wsprintfW(path, ROOT L"\\tmp\\share-%lu.txt", GetCurrentProcessId());
    check(DeleteFileW(path), "it is deleted");
    search = FindFirstFileW(ROOT L"\\*", &found);
    check(search != INVALID_HANDLE_VALUE, "the share's root is listed");
    FindClose(search);
    check(SetCurrentDirectoryW(ROOT L"\\tmp"), "a current folder");
    GetCurrentDirectoryW(MAX_PATH, here);
    check(lstrcmpiW(here, ROOT L"\\tmp") == 0, "has its name");
    check(GetFileAttributesW(L"..\\etc\\passwd") != INVALID_FILE_ATTRIBUTES, "from which relative names lead on");
}

static void children(void)
{
    static wchar_t line[] = ROOT L"\\usr\\bin\\test / -ef .";
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    DWORD code = 1;

    check(CreateProcessW(NULL, line, NULL, NULL, FALSE, 0, NULL, ROOT L"\\", &startup, &process), "a program is started there");
    WaitForSingleObject(process.hProcess, INFINITE);
    check(GetExitCodeProcess(process.hProcess, &code) && code == 0, "and is in the folder that is named");
}

int main(void)
{
    names();
    files();
    children();
    return 0;
}
