/* Tells that it runs, then sleeps for a minute. */
#include <stdio.h>
#include <windows.h>

int main(void)
{
    puts("ready");
    fflush(stdout);
    Sleep(60000);
    return 3;
}
