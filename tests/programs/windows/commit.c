/* Sets two values of a key to 1, 2, 3, ... without end and tells each number once it is on the disk. The values are long, so
 * that writing takes a while. */
#include <stdio.h>
#include <windows.h>

enum { WORDS = 16384 };

int main(void)
{
    static DWORD data[WORDS];
    HKEY key;

    if (RegCreateKeyExA(HKEY_LOCAL_MACHINE, "Software\\Committed", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL))
        return 1;
    for (DWORD number = 1;; number++) {
        for (int i = 0; i < WORDS; i++)
            data[i] = number;
        if (RegSetValueExA(key, "first", 0, REG_BINARY, (const BYTE *)data, sizeof data) ||
            RegSetValueExA(key, "second", 0, REG_BINARY, (const BYTE *)data, sizeof data) || RegFlushKey(key))
            return 2;
        printf("%lu\n", number);
        fflush(stdout);
    }
}
