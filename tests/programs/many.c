/* Makes so many children, one after the other, that end at once. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int one_child(void) {
    pid_t child = vfork();
    if (child == 0)
        _exit(0);
    return waitpid(child, NULL, 0) == child;
}

int main(int count, char **arguments) {
    for (int left = count > 1 ? atoi(arguments[1]) : 1; left > 0; left--)
        if (!one_child())
            return 1;
    return 0;
}
