/* posix_spawn: file actions in their order, attributes, and errors told to the caller. */
#include "process.h"

#include <spawn.h>

extern char **environ;

static void ignore(int number) {
    (void)number;
}

/* Runs a shell script with the actions and attributes; returns its exit status, or -1. */
static int run(const char *script, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes) {
    char *arguments[] = {"sh", "-c", (char *)(uintptr_t)script, NULL};
    pid_t child;
    if (posix_spawn(&child, "/bin/sh", actions, attributes, arguments, environ) != 0)
        return -1;
    int status = status_of(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int spawn_error(const char *path, posix_spawn_file_actions_t *actions) {
    char *arguments[] = {"program", NULL};
    pid_t child;
    return posix_spawn(&child, path, actions, NULL, arguments, environ);
}

static void plain(void) {
    char *arguments[] = {"sh", "-c", "test \"$KEY\" = value && exit 9", NULL}, *environment[] = {"KEY=value", NULL};
    pid_t child = 0;
    CHECK_EQ(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environment), 0, "posix_spawn");
    CHECK(exited_with(status_of(child), 9), "arguments and environment arrive");
    CHECK_EQ(posix_spawnp(&child, "sh", NULL, NULL, arguments, environment), 0, "posix_spawnp looks along PATH");
    CHECK(exited_with(status_of(child), 9), "and finds it");
    CHECK_EQ(spawn_error("./missing", NULL), ENOENT, "a missing program");
    make_file("plain", "exit 0\n");
    CHECK_EQ(spawn_error("./plain", NULL), EACCES, "a file that is no program");
    NEED(chmod("plain", 0755) == 0);
    CHECK_EQ(spawn_error("./plain", NULL), ENOEXEC, "a script without #!");
    CHECK_EQ(posix_spawnp(&child, "no-such-program", NULL, NULL, arguments, environ), ENOENT, "nowhere along PATH");
    CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD, "a failed spawn leaves no child");
}

static void files(void) {
    posix_spawn_file_actions_t actions;
    int marked = open("/", O_RDONLY | O_CLOEXEC), kept = open("/", O_RDONLY), ends[2];
    char script[128], text[16] = "";
    NEED(pipe2(ends, O_CLOEXEC) == 0 && posix_spawn_file_actions_init(&actions) == 0);
    snprintf(script, sizeof script, "test ! -e /proc/self/fd/%d && test -e /proc/self/fd/%d", marked, kept);
    CHECK_EQ(run(script, NULL, NULL), 0, "descriptors pass unless they are close-on-exec");
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, kept);
    snprintf(script, sizeof script, "printf hello; test ! -e /proc/self/fd/%d", kept);
    CHECK_EQ(run(script, &actions, NULL), 0, "adddup2 and addclose");
    CHECK(read(ends[0], text, sizeof text) == 5 && strcmp(text, "hello") == 0, "the output came through the pipe");
    posix_spawn_file_actions_destroy(&actions);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "output", O_WRONLY | O_CREAT | O_TRUNC, 0640);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    CHECK_EQ(run("echo one; echo two >&2", &actions, NULL), 0, "addopen, then adddup2 of it");
    CHECK(holds("output", "one\ntwo\n"), "both went into the file");
    CHECK_EQ(mode_of("output"), S_IFREG | 0640, "the file has its mode");
    posix_spawn_file_actions_destroy(&actions);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, marked, marked);
    snprintf(script, sizeof script, "test -e /proc/self/fd/%d", marked);
    CHECK_EQ(run(script, &actions, NULL), 0, "adddup2 to itself clears close-on-exec");
    posix_spawn_file_actions_addopen(&actions, 3, "no/such/file", O_RDONLY, 0);
    CHECK_EQ(spawn_error("/bin/sh", &actions), ENOENT, "an action that fails");
    posix_spawn_file_actions_destroy(&actions);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 999, 1);
    CHECK_EQ(spawn_error("/bin/sh", &actions), EBADF, "adddup2 of a bad descriptor");
    CHECK_EQ(posix_spawn_file_actions_addclose(&actions, -1), EBADF, "addclose of descriptor -1");
    posix_spawn_file_actions_destroy(&actions);
    NEED(mkdir("folder", 0755) == 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, "folder");
    CHECK_EQ(run("test $(basename \"$(pwd -P)\") = folder", &actions, NULL), 0, "addchdir");
    CHECK_OK(access("folder", F_OK), "the caller stays where it is");
    posix_spawn_file_actions_destroy(&actions);
    close(marked);
    close(kept);
}

static void groups(void) {
    posix_spawnattr_t attributes;
    char *arguments[] = {"sh", "-c", "read line", NULL};
    pid_t child;
    int ends[2];
    posix_spawn_file_actions_t actions;
    NEED(pipe2(ends, O_CLOEXEC) == 0 && posix_spawn_file_actions_init(&actions) == 0);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    NEED(posix_spawnattr_init(&attributes) == 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    NEED(posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ) == 0);
    CHECK_EQ(getpgid(child), child, "POSIX_SPAWN_SETPGROUP: a group of its own");
    CHECK_EQ(getsid(child), getsid(0), "in the same session");
    NEED(write(ends[1], "\n", 1) == 1);
    status_of(child);
    posix_spawnattr_setpgroup(&attributes, getpgrp());
    NEED(posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ) == 0);
    CHECK_EQ(getpgid(child), getpgrp(), "POSIX_SPAWN_SETPGROUP: a given group");
    NEED(write(ends[1], "\n", 1) == 1);
    status_of(child);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    NEED(posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ) == 0);
    CHECK(getsid(child) == child && getpgid(child) == child, "POSIX_SPAWN_SETSID");
    NEED(write(ends[1], "\n", 1) == 1);
    status_of(child);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
}

static void signals(void) {
    posix_spawnattr_t attributes;
    sigset_t mask = set_of(SIGUSR1), defaults = set_of(SIGUSR2);
    NEED(posix_spawnattr_init(&attributes) == 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &mask);
    CHECK_EQ(run("kill -USR1 $$; exit 4", NULL, &attributes), 4, "POSIX_SPAWN_SETSIGMASK: a blocked signal");
    CHECK(!is_blocked(SIGUSR1), "the caller's mask is its own");
    handle(SIGUSR2, SIG_IGN, 0);
    CHECK_EQ(run("kill -USR2 $$; exit 5", NULL, NULL), 5, "an ignored signal stays ignored");
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    CHECK_EQ(run("kill -USR2 $$; exit 6", NULL, &attributes), -1, "POSIX_SPAWN_SETSIGDEF: unless it is set back");
    handle(SIGUSR2, ignore, 0);
    CHECK_EQ(run("kill -USR2 $$; exit 7", NULL, NULL), -1, "a handler does not pass");
    short flags;
    CHECK(posix_spawnattr_getflags(&attributes, &flags) == 0 && flags == POSIX_SPAWN_SETSIGDEF, "flags are told");
    CHECK_EQ(posix_spawnattr_setflags(&attributes, 0x4000), EINVAL, "unknown flag");
    posix_spawnattr_destroy(&attributes);
}

static void many(void) {
    pid_t children[20];
    char *arguments[] = {"sh", "-c", "exit 3", NULL};
    int right = 1;
    for (int i = 0; i < 20; i++)
        right &= posix_spawn(&children[i], "/bin/sh", NULL, NULL, arguments, environ) == 0;
    CHECK(right, "20 programs at a time");
    for (int i = 0; i < 20; i++)
        right &= exited_with(status_of(children[i]), 3);
    CHECK(right, "each ends as it should");
    FILE *stream = popen("cat; exit 6", "w");
    CHECK(stream != NULL, "popen");
    CHECK(exited_with(pclose(stream), 6), "pclose tells the status");
    CHECK(exited_with(system("exit 8"), 8), "system tells the status");
}

int main(void) {
    begin();
    NEED(setenv("PATH", "/usr/bin:/bin", 1) == 0);
    plain();
    files();
    groups();
    signals();
    many();
    return finish();
}
