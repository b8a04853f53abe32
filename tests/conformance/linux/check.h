/* What the conformance programs share: checks that print one line each, and a fresh folder to work in.
 * The output is compared byte for byte with another kernel's: nothing in it depends on machine, user or time. */
#ifndef CHECK_H
#define CHECK_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;
static char folder[4096];

static inline void report(int passed, const char *name, int line, const char *code, long result, int error) {
    if (passed)
        return (void)printf("ok %s\n", name);
    failures++;
    const char *text = error ? strerrorname_np(error) : NULL;
    printf("FAIL %s: line %d: %s gave %ld, errno %s\n", name, line, code, result, text ? text : "0");
}

static inline void expect_error(long result, int expected, const char *name, int line, const char *code) {
    int error = errno;
    report(result == -1 && error == expected, name, line, code, result, error);
}

static inline void expect_equal(long result, long expected, const char *name, int line, const char *code) {
    report(result == expected, name, line, code, result, errno);
}

static inline void expect_success(long result, const char *name, int line, const char *code) {
    report(result >= 0, name, line, code, result, errno);
}

#define CHECK(condition, name) (errno = 0, expect_equal(!!(condition), 1, name, __LINE__, #condition))
#define CHECK_OK(expression, name) \
    (errno = 0, expect_success((long)(expression), name, __LINE__, #expression))
#define CHECK_EQ(expression, expected, name) \
    (errno = 0, expect_equal((long)(expression), (long)(expected), name, __LINE__, #expression))
#define CHECK_ERRNO(expression, expected, name) \
    (errno = 0, expect_error((long)(expression), expected, name, __LINE__, #expression))
/* For set-up that is no check of its own. */
#define NEED(condition) ((condition) ? (void)0 : (printf("FAIL set-up: %s\n", #condition), exit(1)))

static inline int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    return (void)info, (void)kind, (void)place, remove(path);
}

static inline void begin(void) {
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* so that a fork never copies unwritten lines */
    umask(022);
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/conformance-XXXXXX", parent && *parent ? parent : "/tmp");
    NEED(mkdtemp(folder) && chmod(folder, 0755) == 0 && chdir(folder) == 0);
}

static inline int finish(void) {
    NEED(chdir("/") == 0 && nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
    return failures ? 1 : 0;
}

/* Runs checks in a child, whose failures count here; returns its wait status. */
static inline int in_child(void (*body)(void)) {
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(failures ? 1 : 0);
    }
    int status = -1;
    NEED(child > 0 && waitpid(child, &status, 0) == child);
    failures += status != 0;
    return status;
}
#endif
