/* Numbers with the x32 bit: a second entrance to the host's calls that filters by number may overlook. */
#include "escape.h"

enum { X32 = 0x40000000 };

static const char *canary;

static void ordinary_numbers(void) {
    struct iovec {
        void *base;
        size_t size;
    } text = {"ESCAPED writev\n", 15};
    long process = syscall(X32 + SYS_getpid);
    HELD(process == -1 || process == getpid(), "getpid");
    REFUSED(syscall(X32 + SYS_open, canary, O_RDWR | O_CREAT, 0666), "open");
    REFUSED(syscall(X32 + SYS_openat, AT_FDCWD, canary, O_RDWR | O_CREAT, 0666), "openat");
    REFUSED(syscall(X32 + SYS_write, 1, "ESCAPED write\n", 14), "write");
    REFUSED(syscall(X32 + 516, 1, &text, 1), "writev");
    REFUSED(syscall(X32 + SYS_socket, 2, 1, 0), "socket");
    REFUSED(syscall(X32 + SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, 100, 0), "mmap of the page cache");
    REFUSED(syscall(X32 + SYS_mprotect, STUB, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), "mprotect of the stub");
    REFUSED(syscall(X32 + SYS_memfd_create, "name", 0), "memfd_create");
}

static void own_numbers(void) {
    /* rt_sigaction, rt_sigreturn, ioctl, readv ... have numbers of their own there */
    for (long number = X32 + 512; number < X32 + 548; number++) {
        if (number == X32 + 513)
            continue;
        long result = syscall(number, 0, 0, 0, 0, 0, 0);
        verdict(result == -1, "a number of x32 alone", "call", result);
    }
}

static void return_from_signal(void) {
    syscall(X32 + 513);
}

static void fork_unseen(void) {
    REFUSED(syscall(X32 + SYS_fork), "fork");
}

static void leave(void) {
    syscall(X32 + SYS_exit_group, 7);
    _exit(0);
}

static void attempts(int count, char **arguments) {
    canary = count > 1 ? arguments[1] : "/tmp/canary";
    try_alone(ordinary_numbers, "ordinary numbers");
    try_alone(own_numbers, "own numbers");
    try_alone(return_from_signal, "rt_sigreturn");
    try_alone(fork_unseen, "fork");
    try_alone(leave, "exit_group");
}
