/* Writes to address 0x10, which nobody handles. */
#include <stdint.h>

int main(void)
{
    volatile uintptr_t address = 0x10;
    *(volatile int *)address = 1;
    return 0;
}
