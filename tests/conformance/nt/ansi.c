/* The ANSI code page of a machine: UTF-8, so that programs without Unicode reach every file. */
#include <string.h>

#include "check.h"

int main(void)
{
    static const char name[] = "\xc5\xbe\xe6\x97\xa5.txt"; /* a z with a caron and the character of the sun */
    char folder[MAX_PATH], path[MAX_PATH];
    WCHAR wide[MAX_PATH];
    CPINFO information;
    WIN32_FIND_DATAA found;
    HANDLE file, search;

    check(GetACP() == CP_UTF8 && GetOEMCP() == CP_UTF8, "both code pages are UTF-8");
    check(GetCPInfo(CP_ACP, &information) && information.MaxCharSize == 4, "a character has up to four bytes");
    check(MultiByteToWideChar(CP_ACP, 0, name, -1, wide, MAX_PATH) == 7 && wide[0] == 0x17E && wide[1] == 0x65E5,
          "bytes are taken as UTF-8");
    check(MultiByteToWideChar(CP_ACP, MB_ERR_INVALID_CHARS, "\xff", -1, wide, MAX_PATH) == 0 &&
              GetLastError() == ERROR_NO_UNICODE_TRANSLATION,
          "and those that are none are refused");
    check(MultiByteToWideChar(1252, 0, "\xe9", -1, wide, MAX_PATH) == 2 && wide[0] == 0xE9, "others can be named");
    GetTempPathA(MAX_PATH, folder);
    wsprintfA(path, "%s\\%s", folder, name);
    file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    check(file != INVALID_HANDLE_VALUE, "a file of any name can be made");
    search = FindFirstFileA(path, &found);
    check(search != INVALID_HANDLE_VALUE && !strcmp(found.cFileName, name), "and found");
    FindClose(search);
    CloseHandle(file);
    return 0;
}
