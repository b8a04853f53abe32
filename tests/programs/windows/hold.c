/* Opens the file that the first argument names for what the second one lists (r, w, d) while others may do what the third one
   lists, and tells whether that went; then keeps it open until standard input ends. */
#include <stdio.h>
#include <string.h>
#include <windows.h>

static DWORD bits(const char *letters, DWORD read, DWORD write, DWORD delete)
{
    return (strchr(letters, 'r') ? read : 0) | (strchr(letters, 'w') ? write : 0) | (strchr(letters, 'd') ? delete : 0);
}

int main(int count, char **arguments)
{
    HANDLE file;

    if (count != 4)
        return 1;
    file = CreateFileA(arguments[1], bits(arguments[2], GENERIC_READ, GENERIC_WRITE, DELETE),
                       bits(arguments[3], FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_SHARE_DELETE), NULL, OPEN_EXISTING, 0, NULL);
    printf("%lu\n", file == INVALID_HANDLE_VALUE ? GetLastError() : 0);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
