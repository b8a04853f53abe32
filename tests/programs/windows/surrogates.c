/* Uses text that is none (half a surrogate pair) as the name of a file, in a variable and in a command line. */
#include <stdio.h>
#include <windows.h>

int main(void)
{
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    wchar_t line[] = L"Z:\\usr\\bin\\sh -c \"printf '%s-%s' \\\"$VALUE\\\" \xdc00| od -An -tx1\"";
    HANDLE file = CreateFileW(L"C:\\users\\a\xd800.txt", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);

    printf("%d ", file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_INVALID_NAME);
    fflush(stdout);
    SetEnvironmentVariableW(L"VALUE", L"\xd801");
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
        return 1;
    return WaitForSingleObject(process.hProcess, INFINITE);
}
