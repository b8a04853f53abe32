/* Bad pointers and lengths in every argument that is one: they are errors of the call, and the kernel writes nowhere
 * that the guest itself may not write, its own platform page least of all. */
#include "escape.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>

/* A place in a call's arguments where a pointer is wanted. */
#define HERE 0x7e57ab1e

struct attempt {
    const char *name;
    long number, arguments[6];
};

static int pipe_ends[2], null_file, file, folder, epoll;
static char text[64] = "/etc/passwd";
static struct iovec vector = {text, sizeof text};

/* Calls that write through the pointer. */
static struct attempt writers[] = {
    {"read", SYS_read, {0, HERE, 8}},
    {"getcwd", SYS_getcwd, {HERE, 4096}},
    {"pipe", SYS_pipe, {HERE}},
    {"stat", SYS_stat, {(long)text, HERE}},
    {"fstat", SYS_fstat, {1, HERE}},
    {"newfstatat", SYS_newfstatat, {AT_FDCWD, (long)text, HERE, 0}},
    {"statx", SYS_statx, {AT_FDCWD, (long)text, 0, STATX_ALL, HERE}},
    {"uname", SYS_uname, {HERE}},
    {"gettimeofday", SYS_gettimeofday, {HERE, 0}},
    {"clock_gettime", SYS_clock_gettime, {CLOCK_PROCESS_CPUTIME_ID, HERE}},
    {"getrlimit", SYS_getrlimit, {RLIMIT_NOFILE, HERE}},
    {"prlimit64", SYS_prlimit64, {0, RLIMIT_NOFILE, 0, HERE}},
    {"getrusage", SYS_getrusage, {RUSAGE_SELF, HERE}},
    {"sysinfo", SYS_sysinfo, {HERE}},
    {"times", SYS_times, {HERE}},
    {"getresuid", SYS_getresuid, {HERE, HERE, HERE}},
    {"rt_sigprocmask", SYS_rt_sigprocmask, {SIG_BLOCK, 0, HERE, 8}},
    {"rt_sigpending", SYS_rt_sigpending, {HERE, 8}},
    {"rt_sigaction", SYS_rt_sigaction, {SIGUSR1, 0, HERE, 8}},
    {"sigaltstack", SYS_sigaltstack, {0, HERE}},
    {"sched_getaffinity", SYS_sched_getaffinity, {0, 128, HERE}},
    {"getrandom", SYS_getrandom, {HERE, 16, 0}},
    {"readlink", SYS_readlink, {(long)"/proc/self/exe", HERE, 64}},
    {"prctl name", SYS_prctl, {16, HERE}},
    {"ioctl FIONREAD", SYS_ioctl, {0, FIONREAD, HERE}},
    {"statfs", SYS_statfs, {(long)text, HERE}},
    {"getitimer", SYS_getitimer, {0, HERE}},
    {"timer_create", SYS_timer_create, {0, 0, HERE}},
    {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, HERE}},
    {"get_robust_list", SYS_get_robust_list, {0, HERE, HERE}},
    {"getdents64", SYS_getdents64, {0, HERE, 4096}},
};

/* Calls that read through the pointer. */
static struct attempt readers[] = {
    {"write", SYS_write, {0, HERE, 8}},
    {"pwrite64", SYS_pwrite64, {0, HERE, 8, 0}},
    {"writev", SYS_writev, {0, HERE, 1}},
    {"readv", SYS_readv, {0, HERE, 1}},
    {"open", SYS_open, {HERE, O_RDONLY}},
    {"openat2", SYS_openat2, {AT_FDCWD, (long)text, HERE, 24}},
    {"execve", SYS_execve, {HERE, 0, 0}},
    {"execve arguments", SYS_execve, {(long)"/bin/true", HERE, 0}},
    {"execve environment", SYS_execve, {(long)"/bin/true", 0, HERE}},
    {"chdir", SYS_chdir, {HERE}},
    {"rename", SYS_rename, {HERE, (long)text}},
    {"symlink", SYS_symlink, {HERE, (long)text}},
    {"access", SYS_access, {HERE, 0}},
    {"nanosleep", SYS_nanosleep, {HERE, 0}},
    {"rt_sigaction new", SYS_rt_sigaction, {SIGUSR1, HERE, 0, 8}},
    {"sigaltstack new", SYS_sigaltstack, {HERE, 0}},
    {"setrlimit", SYS_setrlimit, {RLIMIT_CORE, HERE}},
    {"setitimer", SYS_setitimer, {0, HERE, 0}},
    {"poll", SYS_poll, {HERE, 1, 0}},
    {"select", SYS_select, {8, HERE, 0, 0, HERE}},
    {"futex", SYS_futex, {HERE, 0, 0, 0}},
    {"clone3", SYS_clone3, {HERE, 88}},
    {"sendmsg", SYS_sendmsg, {0, HERE, 0}},
    {"setgroups", SYS_setgroups, {1, HERE}},
    {"set_robust_list", SYS_set_robust_list, {HERE, 23}},
    {"capset", SYS_capset, {HERE, HERE}},
};

/* Lengths and counts that no buffer has. */
static struct attempt lengths[] = {
    {"writev of 1025 parts", SYS_writev, {0, (long)&vector, 1025}},
    {"readv of -1 parts", SYS_readv, {0, (long)&vector, -1}},
    {"process_vm_readv of 2^32 parts", SYS_process_vm_readv, {0, (long)&vector, 1L << 32, (long)&vector, 1, 0}},
    {"poll of 2^31 entries", SYS_poll, {(long)text, 1L << 31, 0}},
    {"getcwd into 1 byte", SYS_getcwd, {(long)text, 1}},
    {"mmap of 2^63", SYS_mmap, {0, INT64_MIN, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"mmap that wraps around", SYS_mmap, {0x7ffffffff000, -1, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0}},
    {"mmap of kernel addresses", SYS_mmap, {0xffff800000000000, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0}},
    {"munmap that wraps around", SYS_munmap, {PAGE, -PAGE}},
    {"munmap of kernel addresses", SYS_munmap, {0xffff800000000000, PAGE}},
    {"mprotect that wraps around", SYS_mprotect, {PAGE, -PAGE, 3}},
    {"mprotect of an odd address", SYS_mprotect, {0x400001, PAGE, 3}},
    {"mremap to 2^63", SYS_mremap, {0x400000, PAGE, INT64_MIN, 1, 0}},
    {"madvise that wraps around", SYS_madvise, {PAGE, -PAGE, 4}},
    {"msync that wraps around", SYS_msync, {PAGE, -PAGE, 4}},
    {"mincore that wraps around", SYS_mincore, {PAGE, -PAGE, (long)text}},
    {"setgroups of 2^31", SYS_setgroups, {1L << 31, (long)text}},
    {"sched_setaffinity of 2^40 bytes", SYS_sched_setaffinity, {0, 1L << 40, INT64_MIN}},
    {"openat2 of a record of 2^40 bytes", SYS_openat2, {AT_FDCWD, (long)text, (long)text, 1L << 40}},
    {"clone3 of a record of 2^40 bytes", SYS_clone3, {(long)text, 1L << 40}},
    {"epoll_wait for 2^31 events", SYS_epoll_wait, {0, (long)text, INT32_MIN, 0}},
    {"futex at an odd address", SYS_futex, {(long)text + 1, 0, 0, 0}},
    {"ioctl of an unknown number", SYS_ioctl, {0, INT64_MIN, INT64_MIN}},
    {"fcntl F_GETLK", SYS_fcntl, {0, F_GETLK, INT64_MIN}},
};

enum { WRITERS = sizeof writers / sizeof *writers, READERS = sizeof readers / sizeof *readers };
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static const struct attempt *chosen;
static long pointer;

/* Each call has the descriptor that it can get furthest with: 0 stands for it in the tables. */
static long descriptor_for(long number) {
    switch (number) {
    case SYS_read:
    case SYS_readv:
    case SYS_ioctl:
        return pipe_ends[0];
    case SYS_write:
    case SYS_writev:
        return pipe_ends[1];
    case SYS_pwrite64:
        return file;
    case SYS_getdents64:
        return folder;
    case SYS_epoll_wait:
        return epoll;
    default:
        return null_file;
    }
}

static int takes_descriptor(long number) {
    return number == SYS_read || number == SYS_readv || number == SYS_ioctl || number == SYS_write || number == SYS_writev ||
           number == SYS_getdents64 || number == SYS_epoll_wait || number == SYS_pwrite64;
}

static void make_call(void) {
    long a[6];
    for (int i = 0; i < 6; i++)
        a[i] = chosen->arguments[i] == HERE ? pointer : chosen->arguments[i];
    if (takes_descriptor(chosen->number))
        a[0] = descriptor_for(chosen->number);
    long result = syscall(chosen->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    verdict(result == -1, chosen->name, "a bad pointer or length", result);
}

static void try_all(struct attempt *list, int count, long bad_pointer) {
    pointer = bad_pointer;
    for (int i = 0; i < count; i++) {
        chosen = &list[i];
        int status = alone(make_call);
        if (status != 0)
            printf("tried %s at %#lx: %s\n", chosen->name, bad_pointer, ending(status));
    }
}

/* The kernel must not write what the guest may only run or read. */
static void keep_the_stub(void) {
    static unsigned char before[PAGE];
    memcpy(before, (void *)STUB, PAGE);
    try_all(writers, WRITERS, STUB);
    try_all(writers, WRITERS, STUB + PAGE - 1);
    HELD(memcmp(before, (void *)STUB, PAGE) == 0, "the stub is what it was");
}

static void many_parts(void) {
    static struct iovec parts[1024];
    for (int i = 0; i < 1024; i++)
        parts[i] = (struct iovec){text, SIZE_MAX / 1024};
    REFUSED(writev(null_file, parts, 1024), "writev of more than SSIZE_MAX");
    REFUSED(preadv(null_file, parts, 1024, 0), "preadv of more than SSIZE_MAX");
    parts[0] = (struct iovec){(void *)-1, 2};
    long result = writev(null_file, parts, 1);
    printf("tried writev of a part that wraps around: %ld, errno %d\n", result, errno);
}

static void attempts(int count, char **arguments) {
    static const long bad[] = {8, 0x10000, 0x7ffffffff000, 0x7ffffffffffc, INT64_MIN, -1, -PAGE, 0xffffffff81000000,
                               0x800000000000};
    (void)count, (void)arguments;
    if (pipe2(pipe_ends, O_NONBLOCK) == -1 || write(pipe_ends[1], text, sizeof text) != sizeof text)
        _exit(1);
    null_file = open("/dev/null", O_RDWR);
    file = memfd_create("file", 0);
    folder = open("/", O_RDONLY | O_DIRECTORY);
    epoll = epoll_create1(0);
    void *page = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap((char *)page + PAGE, PAGE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        try_all(writers, WRITERS, bad[i]);
        try_all(readers, READERS, bad[i]);
    }
    try_all(writers, WRITERS, (long)page);            /* readable only */
    try_all(writers, WRITERS, (long)page + PAGE - 1); /* and over its end */
    try_all(lengths, LENGTHS, 0);
    keep_the_stub();
    try_alone(many_parts, "many parts");
}
