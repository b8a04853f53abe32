/* A program that runs is busy: nobody writes to it, and what somebody may write to is not run. */
#include "check.h"

static int ends[2], back[2];

static void copy_self(const char *name) {
    char buffer[65536];
    int from = open("/proc/self/exe", O_RDONLY), to = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ssize_t size;
    NEED(from >= 0 && to >= 0);
    while ((size = read(from, buffer, sizeof buffer)) > 0)
        NEED(write(to, buffer, size) == size);
    close(from);
    close(to);
}

/* Runs a copy, which waits until it is told to end. */
static pid_t start(char *name) {
    char *words[] = {name, "wait", NULL}, byte;
    NEED(pipe(ends) == 0 && pipe(back) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[0], 0);
        dup2(back[1], 3);
        close(ends[1]);
        execv(name, words);
        _exit(100);
    }
    close(ends[0]);
    close(back[1]);
    NEED(read(back[0], &byte, 1) == 1);
    return child;
}

static int end_of(pid_t child) {
    int status;
    close(ends[1]);
    close(back[0]);
    NEED(waitpid(child, &status, 0) == child);
    return WEXITSTATUS(status);
}

static int run(char *name) {
    char *words[] = {name, "at once", NULL};
    int status;
    pid_t child = fork();
    if (child == 0) {
        execv(name, words);
        _exit(errno == ETXTBSY ? 101 : 100);
    }
    NEED(waitpid(child, &status, 0) == child);
    return WEXITSTATUS(status);
}

int main(int count, char **words) {
    (void)words;
    if (count == 2) {
        char byte = 0;
        if (words[1][0] == 'w')
            return write(3, "x", 1) != 1 || read(0, &byte, 1) != 0;
        return 7;
    }
    begin();
    copy_self("program");
    pid_t child = start("program");
    CHECK_ERRNO(open("program", O_WRONLY), ETXTBSY, "a running program opens for no writing");
    CHECK_ERRNO(open("program", O_RDWR | O_APPEND), ETXTBSY, "nor for appending");
    CHECK_ERRNO(open("program", O_RDONLY | O_TRUNC), ETXTBSY, "nor to be emptied");
    CHECK_ERRNO(open("program", O_WRONLY | O_CREAT, 0755), ETXTBSY, "nor to be made if need be");
    CHECK_ERRNO(truncate("program", 10), ETXTBSY, "it is not truncated");
    CHECK_OK(close(open("program", O_RDONLY)), "it opens for reading");
    CHECK_OK(chmod("program", 0700), "its mode changes");
    CHECK_EQ(run("program"), 7, "it runs once more");
    CHECK_ERRNO(open("program", O_WRONLY), ETXTBSY, "it is still busy when one of two has ended");
    CHECK_OK(link("program", "other"), "it takes another name");
    CHECK_OK(rename("program", "renamed"), "it is renamed");
    CHECK_ERRNO(open("renamed", O_WRONLY), ETXTBSY, "by its new name it is as busy");
    copy_self("fresh");
    CHECK_OK(rename("fresh", "renamed"), "it is replaced");
    CHECK_OK(close(open("renamed", O_WRONLY)), "what replaced it is not busy");
    CHECK_OK(unlink("other"), "its last name is removed");
    CHECK_EQ(end_of(child), 0, "it goes on until its end");

    copy_self("program");
    child = start("program");
    CHECK_EQ(end_of(child), 0, "a program ends");
    int writer = open("program", O_WRONLY);
    CHECK_OK(writer, "which can be written to then");
    CHECK_EQ(run("program"), 101, "what is open for writing does not run");
    close(writer);
    CHECK_EQ(run("program"), 7, "and runs once that is closed");
    return finish();
}
