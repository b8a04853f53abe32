/* The console of a program without a terminal: nobody sees it, but it has code pages, a title and control events. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

static HANDLE handled;

static BOOL WINAPI on_event(DWORD event)
{
    if (event != CTRL_BREAK_EVENT)
        return FALSE;
    SetEvent(handled);
    return TRUE;
}

/* What a program tells of its console that was asked to set the output code page. */
static DWORD child(const char *program, int code_page, DWORD flags)
{
    char line[600];
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION made;
    DWORD code = 99999;

    snprintf(line, sizeof line, "\"%s\" %d", program, code_page);
    if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, flags, NULL, NULL, &start, &made))
        return 99998;
    WaitForSingleObject(made.hProcess, 20000);
    GetExitCodeProcess(made.hProcess, &code);
    return code;
}

int main(int argc, char **argv)
{
    DWORD mode, ids[8];
    char title[64] = "";

    if (argc > 1) {
        SetConsoleOutputCP(atoi(argv[1]));
        return (int)GetConsoleOutputCP();
    }
    check(GetConsoleCP() && GetConsoleOutputCP(), "there are code pages");
    check(SetConsoleOutputCP(437) && GetConsoleOutputCP() == 437, "that of the output can be set");
    check(SetConsoleCP(1252) && GetConsoleCP() == 1252 && GetConsoleOutputCP() == 437, "and that of the input");
    SetLastError(0);
    check(!SetConsoleOutputCP(1) && GetLastError() == ERROR_INVALID_PARAMETER && GetConsoleOutputCP() == 437,
          "but not to one that does not exist");
    check(!GetConsoleMode(GetStdHandle(STD_OUTPUT_HANDLE), &mode) && GetLastError() == ERROR_INVALID_HANDLE,
          "what is no console has no mode");
    check(!GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &mode), "nor has the input");
    check(SetConsoleTitleA("a title") && GetConsoleTitleA(title, sizeof title) && !strcmp(title, "a title"),
          "there is a title");
    check(GetConsoleProcessList(ids, 8) == 1 && ids[0] == GetCurrentProcessId(), "there is one process");
    check(!AllocConsole() && GetLastError() == ERROR_ACCESS_DENIED, "who has a console gets no second one");
    check(child(argv[0], 850, 0) == 850 && GetConsoleOutputCP() == 850, "a child shares the console");
    check(child(argv[0], 1252, CREATE_NO_WINDOW) == 1252 && GetConsoleOutputCP() == 850,
          "unless it is made without a window");
    check(child(argv[0], 1252, DETACHED_PROCESS) == 0 && GetConsoleOutputCP() == 850,
          "a detached one has none");
    handled = CreateEventA(NULL, TRUE, FALSE, NULL);
    SetConsoleCtrlHandler(on_event, TRUE);
    check(GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, 0) && WaitForSingleObject(handled, 20000) == WAIT_OBJECT_0,
          "control events arrive");
    check(FreeConsole() && !GetConsoleCP() && !GetConsoleOutputCP(), "a console can be left");
    return 0;
}
