/* Starts what follows its own name on its command line, character by character the same, and ends as that does. */
#include <windows.h>

static const wchar_t *after_name(const wchar_t *line)
{
    int quoted = 0;

    while (*line && (quoted || (*line != ' ' && *line != '\t')))
        quoted ^= *line++ == '"';
    while (*line == ' ' || *line == '\t')
        line++;
    return line;
}

int main(void)
{
    static wchar_t line[32768];
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    DWORD code;

    lstrcpynW(line, after_name(GetCommandLineW()), 32768);
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
        return 200;
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    return (int)code;
}
