/* Names that Windows refuses, wherever a name is made or looked for, and names that are the same but for their case. */
#include <string.h>

#include "check.h"

static wchar_t folder[MAX_PATH];

static wchar_t *in(const wchar_t *name)
{
    static wchar_t paths[4][MAX_PATH];
    static int next;

    next = (next + 1) % 4;
    _snwprintf(paths[next], MAX_PATH, L"%ls\\%ls", folder, name);
    return paths[next];
}

static int opens(const wchar_t *path, DWORD disposition)
{
    HANDLE file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, 7, NULL, disposition, 0, NULL);

    return file != INVALID_HANDLE_VALUE && CloseHandle(file);
}

static int refused(int done)
{
    return !done && GetLastError() == ERROR_INVALID_NAME;
}

static int finds(const wchar_t *mask, const wchar_t *first, int count)
{
    WIN32_FIND_DATAW data = {0};
    HANDLE found = FindFirstFileW(in(mask), &data);
    int seen = 0, same = found != INVALID_HANDLE_VALUE && !wcscmp(data.cFileName, first);

    if (found != INVALID_HANDLE_VALUE)
    {
        do
            seen++;
        while (FindNextFileW(found, &data));
        FindClose(found);
    }
    return same && seen == count;
}

static void refusing(void)
{
    static const wchar_t *names[] = {L"a*b", L"a?b", L"a<b", L"a>b", L"a|b", L"a\"b"};
    wchar_t full[MAX_PATH];
    char fact[40];
    int made = 0, seen = 0, moved = 0;

    for (int i = 0; i < 6; i++)
    {
        snprintf(fact, sizeof fact, "a name with %c", (char)names[i][1]);
        check(refused(opens(in(names[i]), CREATE_ALWAYS)), fact);
        made += !refused(CreateDirectoryW(in(names[i]), NULL)) + !refused(CreateHardLinkW(in(names[i]), in(L"plain"), NULL));
        seen += !refused(GetFileAttributesW(in(names[i])) != INVALID_FILE_ATTRIBUTES) + !refused(DeleteFileW(in(names[i])));
        moved += !refused(MoveFileW(in(L"plain"), in(names[i])));
    }
    check(made == 0, "neither is a directory called so, nor a link");
    check(seen == 0, "nor looked for or deleted");
    check(moved == 0 && GetFileAttributesW(in(L"plain")) != INVALID_FILE_ATTRIBUTES, "nor is a file renamed to it");
    _snwprintf(full, MAX_PATH, L"%ls\\a*b\\c", folder);
    check(refused(opens(full, OPEN_EXISTING)), "nor is a directory on the way");
}

static void dots(void)
{
    check(opens(in(L"dots..."), CREATE_NEW) && finds(L"dots", L"dots", 1), "dots at the end of a name go");
    check(opens(in(L"space. . "), CREATE_NEW) && finds(L"space", L"space", 1), "and spaces");
    check(opens(in(L"nul"), OPEN_EXISTING), "a device is no file");
    check(DeleteFileW(in(L"dots")) && DeleteFileW(in(L"space ")), "they are deleted by either name");
}

static void cases(void)
{
    check(!opens(in(L"PLAIN"), CREATE_NEW) && GetLastError() == ERROR_FILE_EXISTS, "a name in other letters is taken");
    check(finds(L"PlAiN", L"plain", 1) && finds(L"PL*", L"plain", 1), "it is found, as it is spelled");
    check(MoveFileExW(in(L"PLAIN"), in(L"plain"), MOVEFILE_REPLACE_EXISTING), "and is renamed to itself");
    check(!finds(L"plai", L"plain", 1) && GetLastError() == ERROR_FILE_NOT_FOUND, "another name is not found");
    check(DeleteFileW(in(L"plaiN")), "it is deleted by any");
}

int main(void)
{
    wchar_t temporary[MAX_PATH - 40];

    GetTempPathW(MAX_PATH - 40, temporary);
    _snwprintf(folder, MAX_PATH, L"%lslichen-names", temporary);
    CreateDirectoryW(folder, NULL);
    check(opens(in(L"plain"), CREATE_NEW), "a file");
    refusing();
    dots();
    cases();
    check(RemoveDirectoryW(folder), "nothing is left");
    return 0;
}
