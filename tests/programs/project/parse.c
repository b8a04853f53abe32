#include <stdlib.h>

#include "calculator.h"

int evaluate(const char *text, long *result)
{
    char *end;

    for (; *text; text++) {
        long right, number = strtol(text, &end, 10);

        if (end != text) {
            push(number);
            text = end - 1;
            continue;
        }
        if (*text == ' ')
            continue;
        right = pop();
        switch (*text) {
        case '+': push(pop() + right); break;
        case '-': push(pop() - right); break;
        case '*': push(pop() * right); break;
        default: return 0;
        }
    }
    *result = pop();
    return 1;
}
