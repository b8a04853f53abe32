/* Copies standard input to standard output; with the argument `upper`, small ASCII letters become capitals on the way. */
#include <string.h>
#include <windows.h>

static char data[1 << 16];

int main(int count, char **arguments)
{
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE), output = GetStdHandle(STD_OUTPUT_HANDLE);
    int upper = count > 1 && !strcmp(arguments[1], "upper");
    DWORD size, written, total;

    while (ReadFile(input, data, sizeof data, &size, NULL) && size) {
        for (DWORD index = 0; upper && index < size; index++)
            if (data[index] >= 'a' && data[index] <= 'z')
                data[index] -= 32;
        for (total = 0; total < size; total += written)
            if (!WriteFile(output, data + total, size - total, &written, NULL))
                return 1;
    }
    return GetLastError() == ERROR_BROKEN_PIPE || GetLastError() == ERROR_SUCCESS ? 0 : 2;
}
