/* Small things many topics need: files with a text, pages that refuse, children, an ordinary user's rights. */
#ifndef HELPERS_H
#define HELPERS_H
#include "check.h"

#include <grp.h>
#include <signal.h>
#include <sys/mman.h>

static inline void make_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    NEED(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

/* Whether the file holds exactly this text (of fewer than 256 bytes). */
static inline int holds(const char *path, const char *text) {
    char found[256];
    int fd = open(path, O_RDONLY);
    ssize_t size = read(fd, found, sizeof found);
    close(fd);
    return size == (ssize_t)strlen(text) && memcmp(found, text, strlen(text)) == 0;
}

/* A new page, for calls to be given as a bad pointer: PROT_NONE, or PROT_READ where they would write. */
static inline void *forbidden_page(int protection) {
    void *page = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(page != MAP_FAILED);
    return page;
}

static inline mode_t mode_of(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 ? info.st_mode : 0;
}

/* Root passes every mode check, so a child that looks for EACCES gives its rights up first. */
static inline void become_ordinary(void) {
    const id_t nobody = 65534;
    if (geteuid() == 0)
        NEED(setgroups(0, NULL) == 0 && setresgid(nobody, nobody, nobody) == 0 &&
             setresuid(nobody, nobody, nobody) == 0);
}

/* A child that interrupts whatever its parent waits for; one signal could come before the wait begins. */
static inline pid_t signal_parent_again_and_again(int number) {
    pid_t parent = getpid(), child = fork();
    while (child == 0 && kill(parent, number) == 0)
        usleep(5000);
    NEED(child > 0);
    return child;
}

static inline void stop_child(pid_t child) {
    NEED(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

static inline int exited_with(int status, int code) {
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static inline int killed_by(int status, int signal_number) {
    return WIFSIGNALED(status) && WTERMSIG(status) == signal_number;
}
#endif
