/* Resource limits: reading, lowering and not raising them, and what happens to a process that meets one. */
#include "process.h"

#include <pthread.h>
#include <sys/resource.h>

enum { PAGE = 4096, LOW = 32 };

static struct gate forth;
static volatile sig_atomic_t caught;

static void count(int number) {
    (void)number;
    caught++;
}

/* Lowers the soft limit only. */
static void lower(int resource, rlim_t value) {
    struct rlimit limit;
    NEED(prlimit(0, (__rlimit_resource_t)resource, NULL, &limit) == 0);
    limit.rlim_cur = value;
    NEED(prlimit(0, (__rlimit_resource_t)resource, &limit, NULL) == 0);
}

static void pass_forth(void) {
    pass(forth);
}

static void reading(void) {
    struct rlimit limit, other;
    int right = 1;
    for (int resource = 0; resource < RLIM_NLIMITS; resource++)
        right &= getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_cur <= limit.rlim_max;
    CHECK(right, "all 16 limits can be read, none is above its maximum");
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > LOW, "RLIMIT_NOFILE leaves room");
    CHECK(prlimit(0, RLIMIT_NOFILE, NULL, &other) == 0 && memcmp(&limit, &other, sizeof limit) == 0, "prlimit tells the same");
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit to what it is");
    CHECK_ERRNO(syscall(SYS_getrlimit, RLIM_NLIMITS, &limit), EINVAL, "getrlimit: unknown limit");
    CHECK_ERRNO(syscall(SYS_getrlimit, -1, &limit), EINVAL, "getrlimit: limit -1");
    CHECK_ERRNO(syscall(SYS_setrlimit, RLIM_NLIMITS, &limit), EINVAL, "setrlimit: unknown limit");
    CHECK_ERRNO(syscall(SYS_getrlimit, RLIMIT_NOFILE, forbidden_page(PROT_READ)), EFAULT, "getrlimit: bad pointer");
    CHECK_ERRNO(syscall(SYS_setrlimit, RLIMIT_NOFILE, forbidden_page(PROT_NONE)), EFAULT, "setrlimit: bad pointer");
    CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIM_NLIMITS, NULL, NULL), EINVAL, "prlimit: unknown limit");
    CHECK_OK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL), "prlimit for nothing");
    other = (struct rlimit){limit.rlim_max, limit.rlim_max - 1};
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &other), EINVAL, "a limit above its maximum");
    other = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &other), EPERM, "descriptors without limit, for root too");
}

static void raise_again(void) {
    struct rlimit low = {5, 10}, limit;
    CHECK_OK(setrlimit(RLIMIT_CORE, &low), "a maximum is lowered");
    become_ordinary();
    low.rlim_cur = 10;
    CHECK_OK(setrlimit(RLIMIT_CORE, &low), "a limit is raised to its maximum");
    low.rlim_max = 11;
    CHECK_ERRNO(setrlimit(RLIMIT_CORE, &low), EPERM, "a maximum is not raised");
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 10 && limit.rlim_max == 10, "it is what it was");
}

static void of_others(void) {
    struct rlimit limit, low;
    pid_t child = start(pass_forth);
    NEED(prlimit(child, RLIMIT_NOFILE, NULL, &limit) == 0);
    low = (struct rlimit){LOW, limit.rlim_max};
    CHECK_OK(prlimit(child, RLIMIT_NOFILE, &low, NULL), "prlimit of a child");
    CHECK(prlimit(child, RLIMIT_NOFILE, NULL, &low) == 0 && low.rlim_cur == LOW, "the child has it");
    CHECK(getrlimit(RLIMIT_NOFILE, &low) == 0 && low.rlim_cur == limit.rlim_cur, "the parent does not");
    open_gate(forth);
    status_of(child);
    CHECK_ERRNO(prlimit(child, RLIMIT_NOFILE, NULL, &low), ESRCH, "prlimit of a process that is gone");
}

static void descriptors(void) {
    int ends[2], above = fcntl(0, F_DUPFD, LOW + 10), count_open = 0, fd;
    lower(RLIMIT_NOFILE, LOW);
    CHECK_OK(fcntl(above, F_GETFD), "a descriptor above the new limit stays open");
    while ((fd = dup(0)) >= 0)
        count_open++;
    int error = errno;
    CHECK(error == EMFILE && count_open > 0, "dup until the limit");
    CHECK_ERRNO(open("/", O_RDONLY), EMFILE, "open at the limit");
    CHECK_ERRNO(pipe(ends), EMFILE, "pipe at the limit");
    close(LOW - 1);
    CHECK_ERRNO(pipe(ends), EMFILE, "pipe with room for one end");
    CHECK_EQ(dup(0), LOW - 1, "the failed pipe took no descriptor, and the highest is one below the limit");
    CHECK_ERRNO(dup2(0, LOW), EBADF, "dup2 to the limit");
    CHECK_ERRNO(dup3(0, LOW, O_CLOEXEC), EBADF, "dup3 to the limit");
    CHECK_OK(dup2(0, LOW - 1), "dup2 below the limit");
    CHECK_ERRNO(fcntl(0, F_DUPFD, LOW), EINVAL, "F_DUPFD from the limit on");
    CHECK_ERRNO(fcntl(0, F_DUPFD, LOW - 1), EMFILE, "F_DUPFD when none is free");
    CHECK_OK(close(above), "the descriptor above the limit is closed");
    CHECK_EQ(sysconf(_SC_OPEN_MAX), LOW, "sysconf tells the limit");
}

static void file_size(void) {
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    char bytes[100] = "";
    handle(SIGXFSZ, count, 0);
    lower(RLIMIT_FSIZE, 1000);
    CHECK_EQ(pwrite(fd, bytes, 100, 950), 50, "a write ends at the limit");
    CHECK_ERRNO(pwrite(fd, bytes, 100, 1000), EFBIG, "a write behind it");
    CHECK_EQ(caught, 1, "SIGXFSZ comes with it");
    CHECK_ERRNO(ftruncate(fd, 1001), EFBIG, "ftruncate beyond it");
    CHECK_EQ(caught, 2, "SIGXFSZ comes again");
    CHECK_OK(ftruncate(fd, 1000), "ftruncate up to it");
    handle(SIGXFSZ, SIG_IGN, 0);
    CHECK_ERRNO(pwrite(fd, bytes, 1, 5000), EFBIG, "SIGXFSZ may be ignored");
}

static void write_too_far(void) {
    int fd = open("file", O_RDWR);
    no_core();
    lower(RLIMIT_FSIZE, 10);
    NEED(pwrite(fd, "x", 1, 20) == 1);
}

static void memory(void) {
    lower(RLIMIT_AS, 1UL << 30);
    CHECK_ERRNO(mmap(NULL, 2UL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), ENOMEM,
                "mmap beyond RLIMIT_AS");
    CHECK(malloc(2UL << 30) == NULL && errno == ENOMEM, "malloc beyond RLIMIT_AS");
    void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED, "mmap below it");
    CHECK_ERRNO(mremap(page, PAGE, 2UL << 30, MREMAP_MAYMOVE), ENOMEM, "mremap beyond RLIMIT_AS");
    void *end = (void *)syscall(SYS_brk, 0);
    CHECK_EQ(syscall(SYS_brk, (char *)end + (2UL << 30)), end, "the break does not move beyond RLIMIT_AS");
}

static void data(void) {
    lower(RLIMIT_DATA, 1 << 20);
    void *end = (void *)syscall(SYS_brk, 0);
    CHECK_EQ(syscall(SYS_brk, (char *)end + (8 << 20)), end, "the break does not move beyond RLIMIT_DATA");
}

static void *do_nothing(void *argument) {
    return argument;
}

static void processes(void) {
    pthread_t thread;
    become_ordinary();
    lower(RLIMIT_NPROC, 0);
    CHECK_ERRNO(fork(), EAGAIN, "fork beyond RLIMIT_NPROC");
    CHECK_ERRNO(vfork(), EAGAIN, "vfork beyond RLIMIT_NPROC");
    CHECK_EQ(pthread_create(&thread, NULL, do_nothing, NULL), EAGAIN, "a thread beyond RLIMIT_NPROC");
}

static void check_inherited(void) {
    struct rlimit limit;
    lower(RLIMIT_NOFILE, 50);
    pid_t child = fork();
    if (child == 0)
        _exit(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 50 ? 0 : 1);
    CHECK_EQ(status_of(child), 0, "limits are inherited");
    child = fork();
    if (child == 0)
        _exit(execl("/bin/sh", "sh", "-c", "test $(ulimit -n) = 50", (char *)NULL));
    CHECK_EQ(status_of(child), 0, "limits stay at exec");
}

int main(void) {
    begin();
    forth = new_gate();
    reading();
    in_child(raise_again);
    of_others();
    in_child(descriptors);
    in_child(file_size);
    CHECK(killed_by(status_after(write_too_far), SIGXFSZ), "SIGXFSZ kills by default");
    in_child(memory);
    in_child(data);
    in_child(processes);
    in_child(check_inherited);
    return finish();
}
