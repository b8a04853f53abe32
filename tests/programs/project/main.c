#include <stdio.h>

#include "calculator.h"

int main(int count, char **arguments)
{
    long result;

    if (count != 2 || !evaluate(arguments[1], &result))
        return 1;
    if (result >= 0 && result < 22)
        printf("%ld (%s)\n", result, words[result]);
    else
        printf("%ld\n", result);
    return 0;
}
