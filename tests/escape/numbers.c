/* Every system call number with arguments that are wrong in several ways: the kernel may refuse, kill or let wait,
 * but never fall over. Workers make the calls; when one dies or waits for ever, the next goes on behind that call. */
#include "escape.h"

enum { LAST = 600, WAIT_MILLISECONDS = 300 };

static const long kinds[][6] = {
    {0, 0, 0, 0, 0, 0},
    {-1, -1, -1, -1, -1, -1},
    {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN},
    {1, 0xffffffff81000000, 0xffffffff81000000, 0xffffffff81000000, 0xffffffff81000000, 0xffffffff81000000},
    {0xffffffff81000000, 64, 0xffffffff81000000, 64, 0xffffffff81000000, 64},
    {STUB, STUB, STUB, STUB, STUB, STUB},
    {SCRATCH, PAGE, SCRATCH, PAGE, SCRATCH, PAGE},
    {0x7ffffffff000 - 8, 64, 0x7ffffffff000 - 8, 64, 0x7ffffffff000 - 8, 64},
    {-100, STUB, 0x7fffffff, 0x7fffffff, -100, 0x7fffffff},
    {1, 2, 3, 4, 5, 6},
    {100, 100, 100, 100, 100, 100},
    {0, 0x10001, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
};
static const long odd_numbers[] = {-1, 0xffffffff, 0x80000000, 0x7fffffff, 0x10000, 0x10fff, 1L << 32, INT64_MIN, INT64_MAX};

enum { KINDS = sizeof kinds / sizeof *kinds, ODD = sizeof odd_numbers / sizeof *odd_numbers, CALLS = (LAST + 1 + ODD) * KINDS };

/* What ends the worker or makes another of it says nothing about the kernel: exit, exit_group, fork, vfork, clone. */
static int is_left_out(long number) {
    return number == SYS_exit || number == SYS_exit_group || number == SYS_fork || number == SYS_vfork ||
           number == SYS_clone || number == SYS_clone3;
}

/* Process 1 restarts the machine when root sends it SIGINT. */
static int ends_the_machine(long number, const long *a) {
    return number == SYS_kill && a[0] == 1 && a[1] == SIGINT;
}

static long number_of(int call) {
    int index = call / KINDS;
    return index <= LAST ? index : odd_numbers[index - LAST - 1];
}

static void work(int first, int report) {
    for (int call = first; call < CALLS; call++) {
        const long *a = kinds[call % KINDS];
        if (is_left_out(number_of(call)) || ends_the_machine(number_of(call), a))
            continue;
        if (write(report, &call, sizeof call) != sizeof call)
            _exit(2);
        syscall(number_of(call), a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    _exit(0);
}

/* Follows a worker's reports; returns the call after which none came, because it died, waits or is done. */
static int follow(int reports, int first) {
    int call = first, next;
    struct timespec moment = {0, 1000000};
    for (int quiet = 0; quiet < WAIT_MILLISECONDS;) {
        ssize_t size = read(reports, &next, sizeof next);
        if (size == sizeof next) {
            call = next;
            quiet = 0;
        } else if (size == 0) {
            break;
        } else {
            nanosleep(&moment, NULL);
            quiet++;
        }
    }
    return call;
}

static void attempts(int count, char **arguments) {
    int workers = 0;
    (void)count, (void)arguments;
    for (int first = 0; first < CALLS; workers++) {
        int ends[2], status;
        if (pipe2(ends, O_NONBLOCK) == -1)
            _exit(1);
        int report = fcntl(ends[1], F_DUPFD, 200 + workers % 50); /* where closing 0..6 and 100 does not reach */
        fcntl(report, F_SETFL, 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            close(ends[1]);
            setsid();
            work(first, report);
        }
        if (child == -1)
            _exit(1);
        close(ends[1]);
        close(report);
        int call = follow(ends[0], first);
        close(ends[0]);
        if (waitpid(child, &status, WNOHANG) == 0) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
        }
        if (call / KINDS <= LAST || WIFSIGNALED(status))
            printf("tried %ld, arguments %d: %s\n", number_of(call), call % KINDS, ending(status));
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            break;
        first = call + 1;
    }
    printf("numbers: %d calls by %d workers\n", CALLS, workers);
}
