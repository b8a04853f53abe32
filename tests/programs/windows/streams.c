/* Reads, writes and gives away handles that a Linux program has set flags on, or Windows has: `streams read|write N|at|give`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static int read_all(void)
{
    static char data[4096];
    DWORD size, error;
    unsigned long total = 0;

    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), data, sizeof data, &size, NULL) && size)
        total += size;
    error = GetLastError();
    printf("read %lu, then %lu\n", total, error);
    return 0;
}

static int write_once(DWORD size)
{
    char *data = calloc(1, size);
    DWORD written = 0;
    BOOL done = WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), data, size, &written, NULL);

    fprintf(stderr, "wrote %lu, then %lu\n", written, done ? 0 : GetLastError());
    return 0;
}

static int write_at_the_start(void)
{
    OVERLAPPED place = {0};
    DWORD written = 0;
    HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
    BOOL done = WriteFile(output, "end", 3, &written, &place);

    fprintf(stderr, "wrote %d %lu, stands at %lu\n", done, written, SetFilePointer(output, 0, NULL, FILE_CURRENT));
    return 0;
}

static HANDLE start(char *command, HANDLE input, HANDLE output)
{
    STARTUPINFOA startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;

    startup.hStdInput = input;
    startup.hStdOutput = output;
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (!CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
        exit(1);
    return process.hProcess;
}

/* An end that does not wait, and a handle that may only append, in the hands of Linux programs. */
static int give(char *reader, char *teller)
{
    SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
    DWORD mode = PIPE_NOWAIT, size;
    HANDLE child, file, input, output;

    CreatePipe(&input, &output, &inherit, 0);
    SetNamedPipeHandleState(input, &mode, NULL, NULL);
    SetHandleInformation(output, HANDLE_FLAG_INHERIT, 0);
    child = start(reader, input, GetStdHandle(STD_OUTPUT_HANDLE));
    Sleep(200);
    WriteFile(output, "late\n", 5, &size, NULL);
    CloseHandle(output);
    WaitForSingleObject(child, INFINITE);
    file = CreateFileA("appended", FILE_APPEND_DATA | SYNCHRONIZE, FILE_SHARE_READ, &inherit, CREATE_ALWAYS, 0, NULL);
    child = start(teller, GetStdHandle(STD_INPUT_HANDLE), file);
    WaitForSingleObject(child, INFINITE);
    return 0;
}

int main(int count, char **words)
{
    if (count == 2 && !strcmp(words[1], "read"))
        return read_all();
    if (count == 3 && !strcmp(words[1], "write"))
        return write_once(atoi(words[2]));
    if (count == 2 && !strcmp(words[1], "at"))
        return write_at_the_start();
    return count == 4 ? give(words[2], words[3]) : 2;
}
