/* A graphics program: what it does with the window that it does not get depends on its argument. */
#include <windows.h>

int WINAPI WinMain(HINSTANCE instance, HINSTANCE before, LPSTR arguments, int show)
{
    WNDCLASSA class = {.lpfnWndProc = DefWindowProcA, .hInstance = instance, .lpszClassName = "ours"};
    DWORD written;
    HANDLE file;

    (void)before, (void)show;
    if (arguments[0] == 'n')
        return 0;
    if (arguments[0] == 'm')
        return MessageBoxA(NULL, "text", "title", MB_OK);
    RegisterClassA(&class);
    CreateWindowA("ours", "a window", WS_OVERLAPPED, 0, 0, 10, 10, NULL, NULL, instance, NULL);
    if (arguments[0] == 'w') {
        file = CreateFileA("Z:\\tmp\\work", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
        WriteFile(file, "done", 4, &written, NULL);
        CloseHandle(file);
    }
    if (arguments[0] == 'c')
        *(volatile int *)8 = 1;
    return arguments[0] == 'f' ? 5 : 0;
}
