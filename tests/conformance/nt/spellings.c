/* Names with characters of Unicode's private area, which stand for those that Windows forbids, and what else a name may be. */
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

static wchar_t *literally(const wchar_t *name)
{
    static wchar_t path[MAX_PATH];

    _snwprintf(path, MAX_PATH, L"\\\\?\\%ls\\%ls", folder, name);
    return path;
}

static int make(const wchar_t *path)
{
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 7, NULL, CREATE_NEW, 0, NULL);

    return file != INVALID_HANDLE_VALUE && CloseHandle(file);
}

static int finds(const wchar_t *mask, const wchar_t *name)
{
    WIN32_FIND_DATAW data = {0};
    HANDLE found = FindFirstFileW(in(mask), &data);

    return found != INVALID_HANDLE_VALUE && FindClose(found) && !wcscmp(data.cFileName, name);
}

static void characters(void)
{
    static const wchar_t *names[] = {L"a\xF03A" L"b", L"a\xF05C" L"b", L"\xF02A", L"co\xF06E", L"AU\xF058.txt", L"line\xF00A",
                                     L"dot\xF02E", L"space\xF020", L"\xF041", L"\xF02E\xF02E\xF02E", L"\xF03A\xF05C\xF03F"};
    int count = sizeof names / sizeof *names, made = 0, found = 0, gone = 0;

    for (int i = 0; i < count; i++)
        made += make(in(names[i]));
    for (int i = 0; i < count; i++)
        found += finds(names[i], names[i]) && GetFileAttributesW(in(names[i])) == FILE_ATTRIBUTE_ARCHIVE;
    for (int i = 0; i < count; i++)
        gone += DeleteFileW(in(names[i]));
    check(made == count, "private characters may be in names");
    check(found == count, "which are listed as they were given");
    check(gone == count, "and deleted");
    check(!make(in(L"none\xF05C" L"b\\c")) && GetLastError() == ERROR_PATH_NOT_FOUND, "none is a separator");
    check(!make(in(L"\xF02E\xF02E\\up")) && GetLastError() == ERROR_PATH_NOT_FOUND, "nor a step upwards");
}

static void others(void)
{
    check(!make(in(L"a:b")) && GetLastError() == ERROR_INVALID_NAME, "there are no streams");
    check(!make(literally(L"a:b")) && GetLastError() == ERROR_INVALID_NAME, "by no path");
    check(!make(in(L"a\x1F" L"b")) && GetLastError() == ERROR_INVALID_NAME, "and no control characters");
    check(make(literally(L"dot.")) && finds(L"dot*", L"dot\xF02E"), "a dot at the end has to be asked for");
    check(!DeleteFileW(in(L"dot.")) && DeleteFileW(in(L"dot\xF02E")), "and is named otherwise then");
    check(make(literally(L"con")) && finds(L"c*", L"co\xF06E"), "so is a device's name");
    check(DeleteFileW(literally(L"con")), "it goes by its own name too");
}

static void letters(void)
{
    check(make(in(L"one")) && MoveFileW(in(L"ONE"), in(L"One")) && finds(L"one", L"One"), "a name's letters change");
    check(MoveFileExW(in(L"one"), in(L"ONE"), MOVEFILE_REPLACE_EXISTING) && finds(L"one", L"ONE"), "and change again");
    check(DeleteFileW(in(L"one")), "it is still one file");
}

int main(void)
{
    wchar_t temporary[MAX_PATH - 40];

    GetTempPathW(MAX_PATH - 40, temporary);
    _snwprintf(folder, MAX_PATH, L"%lslichen-spellings", temporary);
    CreateDirectoryW(folder, NULL);
    characters();
    others();
    letters();
    check(RemoveDirectoryW(folder), "nothing is left");
    return 0;
}
