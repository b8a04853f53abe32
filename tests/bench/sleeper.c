/* Sleeps for ten minutes. */
#include <windows.h>

int main(void) {
    Sleep(600000);
    return 0;
}
