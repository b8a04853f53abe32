/* Tells the numbers in the two values that commit.c sets; `torn` for one whose words differ. */
#include <stdio.h>
#include <windows.h>

enum { WORDS = 16384 };

int main(void)
{
    static const char *const names[] = {"first", "second"};
    static DWORD data[WORDS];
    HKEY key;

    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, "Software\\Committed", 0, KEY_READ, &key))
        return 1;
    for (int n = 0; n < 2; n++) {
        DWORD size = sizeof data;
        if (RegQueryValueExA(key, names[n], NULL, NULL, (BYTE *)data, &size) || size != sizeof data)
            return 2;
        for (int i = 1; i < WORDS; i++)
            if (data[i] != data[0])
                printf("torn ");
        printf("%lu ", data[0]);
    }
    return 0;
}
