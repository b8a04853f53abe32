/* Starts the program that its arguments name with a pipe as standard output, reads that to its end and tells the exit code. */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <windows.h>

int main(int count, char **arguments)
{
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    STARTUPINFOA startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    HANDLE reader, writer;
    DWORD size, code, total = 0;
    char data[300];

    _setmode(_fileno(stdout), _O_BINARY);
    if (count != 2 || !CreatePipe(&reader, &writer, &inheritable, 0))
        return 100;
    SetHandleInformation(reader, HANDLE_FLAG_INHERIT, 0);
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = writer;
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (!CreateProcessA(NULL, arguments[1], NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
        return 101;
    CloseHandle(writer);
    while (ReadFile(reader, data, sizeof data, &size, NULL) && size) {
        fwrite(data, 1, size, stdout);
        total += size;
    }
    if (GetLastError() != ERROR_BROKEN_PIPE)
        return 102;
    if (WaitForSingleObject(process.hProcess, 10000) != WAIT_OBJECT_0)
        return 103;
    GetExitCodeProcess(process.hProcess, &code);
    printf("%lu bytes, exit code %lu\n", total, code);
    return 0;
}
