/* What the programs about processes share: children that are started without waiting, and gates that order them.
 * Nothing here waits by the clock: on a slow kernel a nap proves nothing. */
#ifndef PROCESS_H
#define PROCESS_H
#include "helpers.h"

#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

/* Waiters pass one by one, as often as the gate was opened. It is a pipe, so it works between processes and threads. */
struct gate {
    int out, in;
};

static inline struct gate new_gate(void) {
    int ends[2];
    NEED(pipe(ends) == 0);
    return (struct gate){ends[0], ends[1]};
}

static inline void open_gate(struct gate gate) {
    NEED(write(gate.in, "", 1) == 1);
}

static inline void pass(struct gate gate) {
    char byte;
    ssize_t size;
    do
        size = read(gate.out, &byte, 1);
    while (size == -1 && errno == EINTR);
    NEED(size == 1);
}

static inline void drop_gate(struct gate gate) {
    close(gate.out);
    close(gate.in);
}

/* Starts a child that runs `body` and exits with 0, or with 1 when a check failed in it. */
static inline pid_t start(void (*body)(void)) {
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        body();
        _exit(failures ? 1 : 0);
    }
    NEED(child > 0);
    return child;
}

/* Reaps the child and returns its wait status, or -1. */
static inline int status_of(pid_t child) {
    int status = -1;
    while (waitpid(child, &status, 0) == -1 && errno == EINTR)
        ;
    return status;
}

static inline int status_after(void (*body)(void)) {
    return status_of(start(body));
}

/* For a child that dies of a fault on purpose: no core file, and no crash reporter of the host's. */
static inline void no_core(void) {
    prctl(PR_SET_DUMPABLE, 0);
}

static inline void nap(int milliseconds) {
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (nanosleep(&time, &time) == -1 && errno == EINTR)
        ;
}

static inline void handle(int number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    NEED(sigaction(number, &action, NULL) == 0);
}

static inline void handle_info(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};
    NEED(sigaction(number, &action, NULL) == 0);
}

static inline sigset_t set_of(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

static inline void block(int number) {
    sigset_t set = set_of(number);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static inline void unblock(int number) {
    sigset_t set = set_of(number);
    NEED(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static inline int is_blocked(int number) {
    sigset_t set;
    return sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, number);
}

static inline int is_pending(int number) {
    sigset_t set;
    return sigpending(&set) == 0 && sigismember(&set, number);
}
#endif
