/* Shows its arguments in UTF-8, each in brackets, as the runtime took them from the command line. */
#include <stdio.h>
#include <windows.h>

int wmain(int count, wchar_t **arguments)
{
    char text[4096];

    for (int index = 1; index < count; index++) {
        WideCharToMultiByte(CP_UTF8, 0, arguments[index], -1, text, sizeof text, NULL, NULL);
        printf("[%s]", text);
    }
    return 0;
}
