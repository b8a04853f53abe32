/* Tells the computer's names, NetBIOS's and the network's; with an argument after a line was read. */
#include <stdio.h>
#include <windows.h>

int main(int count, char **arguments)
{
    char short_name[100] = "", long_name[300] = "", line[20];
    DWORD size = sizeof short_name, length = sizeof long_name;

    (void)arguments;
    if (count > 1)
    {
        puts("ready");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            return 1;
    }
    GetComputerNameA(short_name, &size);
    GetComputerNameExA(ComputerNameDnsHostname, long_name, &length);
    printf("%s %s\n", short_name, long_name);
    return 0;
}
