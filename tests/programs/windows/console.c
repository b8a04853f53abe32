/* Uses the console as its argument says, and tells what it finds: one line each. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static HANDLE input, output;

static void line(const char *format, ...)
{
    char text[512];
    DWORD written;
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text - 2, format, arguments);
    va_end(arguments);
    text[length++] = '\r';
    text[length++] = '\n';
    WriteFile(output, text, length, &written, NULL);
}

static void state(void)
{
    CONSOLE_SCREEN_BUFFER_INFO screen = {0};
    CONSOLE_CURSOR_INFO cursor = {0};
    DWORD mode = 0, count = 99, ids[4];
    char title[64] = "";

    line("types %lu %lu", GetFileType(input), GetFileType(output));
    int known = GetConsoleMode(input, &mode);
    line("input mode %d %#lx", known, mode);
    known = GetConsoleMode(output, &mode);
    line("output mode %d %#lx", known, mode);
    known = GetConsoleScreenBufferInfo(output, &screen);
    line("screen %d %d x %d, window to %d %d", known, screen.dwSize.X, screen.dwSize.Y, screen.srWindow.Right,
         screen.srWindow.Bottom);
    line("attributes %#x", screen.wAttributes);
    known = GetConsoleCursorInfo(output, &cursor);
    line("cursor %d %lu %d", known, cursor.dwSize, cursor.bVisible);
    line("code pages %u %u", GetConsoleCP(), GetConsoleOutputCP());
    known = SetConsoleOutputCP(65001);
    line("set %d, then %u", known, GetConsoleOutputCP());
    SetConsoleTitleA("A title");
    DWORD length = GetConsoleTitleA(title, sizeof title);
    line("title %lu %s", length, title);
    known = GetNumberOfConsoleInputEvents(input, &count);
    line("events %d %lu", known, count);
    DWORD processes = GetConsoleProcessList(ids, 4);
    line("processes %lu, I am %s", processes, ids[0] == GetCurrentProcessId() ? "one" : "none");
    HANDLE again = CreateFileA("CONOUT$", GENERIC_READ | GENERIC_WRITE, 3, NULL, OPEN_EXISTING, 0, NULL);
    line("CONOUT$ %d", GetConsoleMode(again, &mode));
    again = CreateFileA("CONIN$", GENERIC_READ | GENERIC_WRITE, 3, NULL, OPEN_EXISTING, 0, NULL);
    line("CONIN$ %d", GetConsoleMode(again, &mode));
}

static void read_lines(DWORD mode)
{
    WCHAR text[64];
    DWORD count;

    SetConsoleMode(input, mode);
    for (;;) {
        line("reads");
        if (!ReadConsoleW(input, text, 63, &count, NULL) || !count)
            break;
        char shown[256] = "";
        for (DWORD i = 0; i < count; i++)
            sprintf(shown + strlen(shown), "%x ", text[i]);
        line("got %s", shown);
        if (text[0] == 'q')
            return;
    }
    line("end of input");
}

static void read_keys(void)
{
    INPUT_RECORD record;
    DWORD count;

    SetConsoleMode(input, ENABLE_WINDOW_INPUT);
    line("keys");
    for (;;) {
        if (WaitForSingleObject(input, INFINITE) || !ReadConsoleInputW(input, &record, 1, &count) || count != 1)
            line("nothing");
        if (record.EventType == WINDOW_BUFFER_SIZE_EVENT)
            line("size %d x %d", record.Event.WindowBufferSizeEvent.dwSize.X, record.Event.WindowBufferSizeEvent.dwSize.Y);
        if (record.EventType != KEY_EVENT)
            continue;
        KEY_EVENT_RECORD *key = &record.Event.KeyEvent;
        line("%s %x %x %x %lx", key->bKeyDown ? "down" : "up", key->wVirtualKeyCode, key->wVirtualScanCode,
             key->uChar.UnicodeChar, key->dwControlKeyState);
        if (!key->bKeyDown && key->uChar.UnicodeChar == 'q')
            return;
    }
}

static void peek(void)
{
    INPUT_RECORD records[8];
    DWORD count = 0, number = 0;

    line("waits %lu", WaitForSingleObject(input, 0));
    line("peeks");
    while (!count)
        PeekConsoleInputW(input, records, 8, &count), Sleep(10);
    GetNumberOfConsoleInputEvents(input, &number);
    line("peeked %lu of %lu", count, number);
    line("waits %lu", WaitForSingleObject(input, 0));
    FlushConsoleInputBuffer(input);
    GetNumberOfConsoleInputEvents(input, &number);
    line("left %lu", number);
    records[0].EventType = KEY_EVENT;
    WriteConsoleInputW(input, records, 1, &count);
    GetNumberOfConsoleInputEvents(input, &number);
    line("written %lu, there %lu", count, number);
}

static void screen(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    COORD place = {3, 0};
    CHAR_INFO cells[2] = {{{'o'}, 0x1c}, {{'k'}, 0x07}};
    COORD size = {2, 1}, origin = {0, 0};
    SMALL_RECT region = {4, 3, 5, 3};
    DWORD count;

    WriteConsoleW(output, L"\x20ac\x4e16", 2, &count, NULL);
    GetConsoleScreenBufferInfo(output, &info);
    line(" at %d %d", info.dwCursorPosition.X, info.dwCursorPosition.Y);
    SetConsoleCursorPosition(output, place);
    GetConsoleScreenBufferInfo(output, &info);
    line("at %d %d", info.dwCursorPosition.X, info.dwCursorPosition.Y);
    SetConsoleTextAttribute(output, FOREGROUND_RED | FOREGROUND_INTENSITY);
    line("red");
    SetConsoleTextAttribute(output, 7);
    WriteConsoleOutputW(output, cells, size, origin, &region);
    FillConsoleOutputCharacterA(output, '=', 5, place, &count);
    line("filled %lu", count);
    SetConsoleOutputCP(437);
    WriteFile(output, "\x82\x9c", 2, &count, NULL);
    line(" in code page 437");
    SetConsoleMode(output, ENABLE_PROCESSED_OUTPUT | ENABLE_WRAP_AT_EOL_OUTPUT);
    line("\x1b[31m");
}

static BOOL WINAPI handler(DWORD event)
{
    line("event %lu", event);
    return event == CTRL_C_EVENT;
}

static void handle(int ignores)
{
    SetConsoleCtrlHandler(ignores ? NULL : handler, TRUE);
    line("handles");
    for (int i = 0; i < 100; i++)
        Sleep(100);
}

static void leave(void)
{
    DWORD mode;
    HANDLE opened, kept;

    DuplicateHandle(GetCurrentProcess(), input, GetCurrentProcess(), &kept, 0, FALSE, DUPLICATE_SAME_ACCESS);
    FreeConsole();
    line("left: %u, %d", GetConsoleCP(), SetConsoleMode(kept, 0));
    opened = CreateFileA("CONOUT$", GENERIC_WRITE, 3, NULL, OPEN_EXISTING, 0, NULL);
    line("opened: %d", opened != INVALID_HANDLE_VALUE);
    int attached = AttachConsole(ATTACH_PARENT_PROCESS);
    output = GetStdHandle(STD_OUTPUT_HANDLE);
    line("attached: %d, %d", attached, GetConsoleMode(output, &mode));
    line("again: %d", AttachConsole(ATTACH_PARENT_PROCESS));
}

/* Much more than a terminal takes at once that nobody looks at. */
static void flood(void)
{
    static char lines[5000 * 8 + 1];

    for (int i = 0; i < 5000; i++)
        sprintf(lines + 8 * i, "%06d\r\n", i);
    line("%s", "begins");
    WriteFile(output, lines, 8 * 5000, &(DWORD){0}, NULL);
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "state";

    input = GetStdHandle(STD_INPUT_HANDLE);
    output = GetStdHandle(STD_OUTPUT_HANDLE);
    if (!strcmp(what, "lines"))
        read_lines(0x1f7);
    else if (!strcmp(what, "secret"))
        read_lines(ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT);
    else if (!strcmp(what, "characters"))
        read_lines(0);
    else if (!strcmp(what, "keys"))
        read_keys();
    else if (!strcmp(what, "peek"))
        peek();
    else if (!strcmp(what, "leave"))
        leave();
    else if (!strcmp(what, "flood"))
        flood();
    else if (!strcmp(what, "screen"))
        screen();
    else if (!strcmp(what, "handle") || !strcmp(what, "ignore"))
        handle(what[0] == 'i');
    else if (!strcmp(what, "raise"))
        SetConsoleCtrlHandler(handler, TRUE), GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0), Sleep(10000);
    else if (!strcmp(what, "wait"))
        line("waits"), Sleep(10000);
    else
        state();
    return 3;
}
