/* What the escape programs share. They run as guests only, never on the host: each tries to reach what is not the
 * guest's, and prints `held NAME`, or `ESCAPED NAME: what it got`. The attempts run in a child, so that the program
 * outlives them and can say at the end whether the machine still starts a program. */
#ifndef ESCAPE_H
#define ESCAPE_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, HUNG = -1, ATTEMPT_SECONDS = 5, ALL_SECONDS = 200 };

/* The page of the platform's code that every guest has, and the scratch page behind it. */
#define STUB 0x7fffffff0000
#define SCRATCH (STUB + PAGE)

#define HELD(condition, name) (errno = 0, verdict(condition, name, #condition, 0))
/* A call that must be an error, whichever. */
#define REFUSED(call, name) (errno = 0, refused((long)(call), name, #call))

static void attempts(int count, char **arguments);

static inline void verdict(int is_held, const char *name, const char *code, long result) {
    if (is_held)
        printf("held %s\n", name);
    else
        printf("ESCAPED %s: %s gave %ld (%#lx), errno %d\n", name, code, result, result, errno);
}

static inline void refused(long result, const char *name, const char *code) {
    verdict(result == -1, name, code, result);
}

static inline const char *ending(int status) {
    static char text[32];
    if (status == HUNG)
        return "hung";
    if (WIFSTOPPED(status))
        snprintf(text, sizeof text, "stop %d", WSTOPSIG(status));
    else if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof text, "exit %d", WEXITSTATUS(status));
    return text;
}

/* Reaps a child, which is killed when it stops or takes too long; returns its wait status or HUNG. */
static inline int end_of(pid_t child, int seconds) {
    int status, last = HUNG;
    for (time_t end = time(NULL) + seconds; time(NULL) <= end && last == HUNG;) {
        if (waitpid(child, &status, WNOHANG | WUNTRACED) == 0)
            nanosleep(&(struct timespec){0, 2000000}, NULL);
        else if (WIFSTOPPED(status))
            last = status;
        else
            return status;
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return last;
}

/* Runs `body` in a child of its own and returns how that ended. */
static inline int alone(void (*body)(void)) {
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    return child == -1 ? HUNG : end_of(child, ATTEMPT_SECONDS);
}

/* For attempts that may end their process: what counts is that everyone else goes on. */
static inline void try_alone(void (*body)(void), const char *name) {
    printf("tried %s: %s\n", name, ending(alone(body)));
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    pid_t child = fork();
    if (child == 0) {
        attempts(count, arguments);
        _exit(0);
    }
    printf("attempts: %s\n", ending(end_of(child, ALL_SECONDS)));
    child = fork();
    if (child == 0)
        _exit(execl("/bin/true", "true", (char *)NULL));
    int status = end_of(child, ALL_SECONDS);
    printf("afterwards: %s\n", ending(status));
    return status != 0;
}
#endif
