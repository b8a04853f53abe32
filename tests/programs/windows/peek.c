/* Tells what PeekNamedPipe sees in standard input, until its end, and reads what it has seen. */
#include <stdio.h>
#include <windows.h>

int main(void)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    DWORD mode = PIPE_READMODE_BYTE | PIPE_WAIT, seen, there, size, flags;
    char data[100];

    printf("%d %d", SetNamedPipeHandleState(input, &mode, NULL, NULL), GetNamedPipeInfo(input, &flags, NULL, NULL, NULL));
    while (PeekNamedPipe(input, data, 3, &seen, &there, NULL)) {
        if (!there) {
            Sleep(10);
            continue;
        }
        printf(" %lu:%.*s", there, (int)seen, data);
        ReadFile(input, data, there < sizeof data ? there : sizeof data, &size, NULL);
        printf("=%.*s", (int)size, data);
    }
    printf(" %d\n", GetLastError() == ERROR_BROKEN_PIPE);
    return 0;
}
