/* A thread that never leaves the platform's page: it returns from one `ret` there to the same, along a stack of nothing else.
 * Who stops it must not follow it all the way. */
#include <windows.h>

#include <stdint.h>
#include <stdio.h>

#define RETURN 0x7fffffff0075

enum { PART = 16 << 20, PARTS = 64 };

uintptr_t stack;

void walk(void);
__asm__(".text\nwalk:\n mov stack(%rip), %rsp\n ret\nback: jmp walk\n");
extern char back[];

static DWORD WINAPI go(void *argument)
{
    (void)argument;
    walk();
    return 0;
}

int main(void)
{
    HANDLE way = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, PART, NULL);
    HANDLE end = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, PART, NULL);
    char *base = (char *)0x400000000;
    HANDLE thread;

    for (int part = 0; part < PARTS; part++)
        if (!MapViewOfFileEx(part < PARTS - 1 ? way : end, FILE_MAP_ALL_ACCESS, 0, 0, 0, base + (uintptr_t)part * PART))
            return 1;
    uintptr_t *first = (uintptr_t *)base, *last = (uintptr_t *)(base + (PARTS - 1ull) * PART);
    for (unsigned i = 0; i < PART / 8; i++)
        first[i] = last[i] = RETURN;
    last[PART / 8 - 64] = (uintptr_t)back;
    stack = (uintptr_t)base;
    thread = CreateThread(NULL, 0, go, NULL, 0, NULL);
    Sleep(300);
    SuspendThread(thread);
    return 2;
}
