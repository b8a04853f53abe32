/* What an ordinary user's program may do to a process of root's by ways that name it long before anything happens. */
#include "escape.h"

#include <grp.h>

static pid_t victim;

static void become_ordinary(void) {
    if (setgroups(0, NULL) == -1 || setresgid(1000, 1000, 1000) == -1 || setresuid(1000, 1000, 1000) == -1)
        _exit(2);
}

static int alive(void) {
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    return waitpid(victim, NULL, WNOHANG) == 0;
}

/* Has a signal sent to the owner of a pipe that becomes ready. */
static void tell_owner(int type) {
    int ends[2];
    struct f_owner_ex owner = {type, victim};
    become_ordinary();
    if (pipe(ends) == -1 || fcntl(ends[0], F_SETOWN_EX, &owner) == -1)
        _exit(0);
    fcntl(ends[0], F_SETSIG, SIGKILL);
    fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
    if (write(ends[1], "x", 1) == 1)
        nanosleep(&(struct timespec){0, 50000000}, NULL);
}

static void tell_process(void) {
    tell_owner(F_OWNER_PID);
}

static void tell_thread(void) {
    tell_owner(F_OWNER_TID);
}

static void tell_group(void) {
    tell_owner(F_OWNER_PGRP);
}

static void look_at_home(void) {
    become_ordinary();
    REFUSED(open("/root", O_RDONLY | O_DIRECTORY), "the home folder of root");
    REFUSED(open("/root/secret", O_RDONLY), "a file in the home folder of root");
}

static void look_into_memory(void) {
    char path[64], byte;
    become_ordinary();
    snprintf(path, sizeof path, "/proc/%d/mem", victim);
    REFUSED(open(path, O_RDONLY), "the memory of a process of root's");
    REFUSED(open(path, O_RDWR), "writing it");
    REFUSED(open("/proc/sys/kernel/pid_max", O_WRONLY), "a setting of the machine");
    REFUSED(open("/proc/1/mem", O_RDONLY), "the memory of init");
    int own = open("/proc/self/mem", O_RDWR), ends[2];
    pid_t watcher = pipe(ends) == 0 ? fork() : -1;
    if (watcher == 0) { /* what this one looks at has started another program */
        close(ends[1]);
        if (read(ends[0], &byte, 1) == 0)
            HELD(pread(own, &byte, 1, (off_t)(uintptr_t)path) <= 0, "memory that was given back");
        HELD(pwrite(own, "x", 1, 0x555555554000) <= 0, "the program that was started");
        _exit(0);
    }
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    close(ends[0]);
    execl("/bin/sleep", "sleep", "0.3", NULL);
}

static void attempts(int count, char **arguments) {
    (void)count, (void)arguments;
    victim = fork();
    if (victim == 0) {
        setpgid(0, 0);
        for (;;)
            pause();
    }
    setpgid(victim, victim);
    try_alone(tell_process, "F_SETOWN of a process");
    HELD(alive(), "the process");
    try_alone(tell_thread, "F_SETOWN_EX of a thread");
    HELD(alive(), "the thread");
    try_alone(tell_group, "F_SETOWN of a group");
    HELD(alive(), "the group");
    close(open("/root/secret", O_CREAT | O_WRONLY, 0644));
    try_alone(look_at_home, "the home folder");
    try_alone(look_into_memory, "memory");
    kill(victim, SIGKILL);
}
