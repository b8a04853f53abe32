/* Tells its process id. */
#include <stdio.h>
#include <windows.h>

int main(void)
{
    printf("%lu\n", GetCurrentProcessId());
    return 0;
}
