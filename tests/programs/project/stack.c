#include "calculator.h"

static long stack[64];
static int depth;

void push(long value)
{
    if (depth < 64)
        stack[depth++] = value;
}

long pop(void)
{
    return depth ? stack[--depth] : 0;
}
