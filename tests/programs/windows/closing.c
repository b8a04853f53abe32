/* Writes the control event that it is told of into a file, says that it has dealt with it, and would go on. With a second
 * argument its handler never returns. */
#include <stdio.h>
#include <windows.h>

static const char *where;
static int stays;

static BOOL WINAPI handle(DWORD event) {
    FILE *file = fopen(where, "wb");
    fprintf(file, "%lu\n", event);
    fclose(file);
    if (stays)
        Sleep(INFINITE);
    return TRUE;
}

int main(int count, char **words) {
    where = words[1];
    stays = count > 2;
    if (!SetConsoleCtrlHandler(handle, TRUE))
        return 1;
    puts("ready");
    fflush(stdout);
    Sleep(INFINITE);
    return 0;
}
