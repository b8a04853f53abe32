/* Kinds of mappings: those that grow, flags that are looked at and flags that are not, and personalities that change them. */
#include "process.h"

#include <linux/fs.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
enum { PAGE = 4096, SYNC = 0x80000, UNKNOWN = 0x200000, GAP = 256 };

static sigjmp_buf place;

static void jump_out(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    siglongjmp(place, info->si_code);
}

/* 0, or the code of the SIGSEGV that a write gives. */
static int write_to(char *address) {
    int code = sigsetjmp(place, 1);
    if (code == 0)
        *(volatile char *)address = 1;
    return code;
}

static long map(int protection, int flags, int fd) {
    char *at = mmap(NULL, PAGE, protection, flags, fd, 0);
    return at == MAP_FAILED ? -1 : munmap(at, PAGE);
}

/* Free addresses, and in them a page that grows. */
static char *growing_page(size_t pages_below) {
    char *room = mmap(NULL, (pages_below + 1) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(room != MAP_FAILED && munmap(room, (pages_below + 1) * PAGE) == 0);
    char *wanted = room + pages_below * PAGE;
    NEED(mmap(wanted, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0) == wanted);
    return wanted;
}

static void growing(void) {
    char *page = growing_page(1000), *room = page - 1000 * PAGE;
    handle_info(SIGSEGV, jump_out, SA_ONSTACK);
    CHECK_EQ(write_to(page - 1), 0, "MAP_GROWSDOWN: one byte below");
    CHECK(page[-1] == 1 && page[-2] == 0, "is memory now");
    CHECK_EQ(write_to(page - 500 * PAGE), 0, "and so is what is far below");
    NEED(mmap(room, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == room);
    CHECK_EQ(write_to(room + GAP * PAGE), SEGV_MAPERR, "not what is near to a neighbour");
    CHECK_EQ(write_to(room + (GAP + 1) * PAGE), 0, "but all that is not");
    NEED(mprotect(room, PAGE, PROT_NONE) == 0);
    CHECK_EQ(write_to(room + PAGE), 0, "unless the neighbour cannot be touched");
    page = growing_page(100);
    struct rlimit before, limit;
    NEED(getrlimit(RLIMIT_STACK, &before) == 0);
    limit = (struct rlimit){16 * PAGE, before.rlim_max};
    NEED(setrlimit(RLIMIT_STACK, &limit) == 0);
    int most = write_to(page - 15 * PAGE), more = write_to(page - 16 * PAGE);
    NEED(setrlimit(RLIMIT_STACK, &before) == 0);
    CHECK_EQ(most, 0, "as far as RLIMIT_STACK lets it");
    CHECK_EQ(more, SEGV_MAPERR, "and no further");
    CHECK_ERRNO(map(PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1), EINVAL, "MAP_GROWSDOWN of shared memory");
    CHECK_EQ(mprotect(page, PAGE, PROT_READ | PROT_GROWSDOWN), 0, "PROT_GROWSDOWN");
    CHECK_EQ(write_to(page - PAGE), SEGV_ACCERR, "changes all of it");
    CHECK_ERRNO(mprotect(page, PAGE, PROT_READ | PROT_GROWSUP), EINVAL, "PROT_GROWSUP");
    char *usual = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_ERRNO(mprotect(usual, PAGE, PROT_READ | PROT_GROWSDOWN), EINVAL, "PROT_GROWSDOWN of what does not grow");
}

static void flags(void) {
    make_file("file", "content");
    int fd = open("file", O_RDWR), readable = open("file", O_RDONLY);
    CHECK_EQ(map(PROT_READ, MAP_SHARED_VALIDATE, fd), 0, "MAP_SHARED_VALIDATE");
    CHECK_EQ(map(PROT_READ, MAP_SHARED_VALIDATE | MAP_NORESERVE | MAP_POPULATE | MAP_STACK | MAP_32BIT, fd), 0,
             "MAP_SHARED_VALIDATE with flags that are known");
    CHECK_ERRNO(map(PROT_READ, MAP_SHARED_VALIDATE | UNKNOWN, fd), EOPNOTSUPP, "MAP_SHARED_VALIDATE with one that is not");
    CHECK_ERRNO(map(PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | UNKNOWN, readable), EOPNOTSUPP, "that comes first");
    CHECK_ERRNO(map(PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE, readable), EACCES, "the rights come then");
    CHECK_ERRNO(map(PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1), EINVAL, "MAP_SHARED_VALIDATE without a file");
    CHECK_ERRNO(map(PROT_READ, MAP_SHARED_VALIDATE | SYNC, fd), EOPNOTSUPP, "MAP_SYNC");
    CHECK_EQ(map(PROT_READ, MAP_SHARED | UNKNOWN, fd), 0, "MAP_SHARED takes any flag");
    errno = 0;
    CHECK(mmap(NULL, 0, PROT_READ, MAP_SHARED, -1, 0) == MAP_FAILED && errno == EBADF, "no descriptor comes before no size");
    CHECK_ERRNO(map(PROT_READ, 4, fd), EINVAL, "a type of mapping that there is not");
    CHECK_ERRNO(map(PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, fd), EINVAL, "MAP_GROWSDOWN of a file");
    CHECK_ERRNO(map(PROT_READ, MAP_PRIVATE | MAP_HUGETLB, fd), EINVAL, "MAP_HUGETLB of a file");
    int place_only = open("file", O_PATH);
    CHECK_ERRNO(map(PROT_READ, MAP_PRIVATE, place_only), EBADF, "mmap of a place");
    CHECK(ioctl(fd, FICLONE, readable) == -1 && errno != ENOTTY, "FICLONE is known, whether it can be done or not");
    close(place_only);
    close(fd);
    close(readable);
}

/* VmLck of this process, in kB. */
static long locked(void) {
    char line[256];
    long size = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmLck:", 6) == 0)
            size = strtol(line + 6, NULL, 10);
    NEED(file && fclose(file) == 0);
    return size;
}

static void locking(void) {
    become_ordinary();
    char *area = mmap(NULL, 40 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct rlimit limit = {16 * PAGE, 16 * PAGE};
    NEED(area != MAP_FAILED && setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    CHECK_EQ(locked(), 0, "nothing is locked");
    CHECK_EQ(mlock(area + 1, 8 * PAGE), 0, "mlock");
    CHECK_EQ(locked(), 36, "VmLck counts whole pages");
    CHECK_EQ(mlock(area, 16 * PAGE), 0, "what is locked counts once");
    CHECK_ERRNO(mlock(area + 16 * PAGE, PAGE), ENOMEM, "no more than RLIMIT_MEMLOCK");
    CHECK_ERRNO(mlockall(MCL_CURRENT), ENOMEM, "mlockall of more than that");
    CHECK_ERRNO(map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1), EAGAIN, "MAP_LOCKED of more than that");
    CHECK(munlock(area, 10 * PAGE) == 0 && locked() == 24, "munlock");
    CHECK(munmap(area + 12 * PAGE, PAGE) == 0 && locked() == 20, "what is unmapped is not locked");
    CHECK_ERRNO(mlock(area + 12 * PAGE, PAGE), ENOMEM, "mlock of no memory");
    CHECK(mlockall(MCL_FUTURE) == 0 && mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED &&
              locked() == 24,
          "MCL_FUTURE: what is mapped next");
    CHECK(munlockall() == 0 && locked() == 0, "munlockall");
    NEED(mlock(area, PAGE) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(locked() != 0);
    CHECK(exited_with(status_of(child), 0), "a child has nothing locked");
    limit.rlim_cur = 0;
    NEED(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    CHECK_ERRNO(mlock(area, PAGE), EPERM, "RLIMIT_MEMLOCK of nothing");
}

/* Whether memory that is mapped to be read only can be executed. */
static int can_execute(void) {
    unsigned char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    code[0] = 0xC3;
    NEED(mprotect(code, PAGE, PROT_READ) == 0);
    int code_of_fault = sigsetjmp(place, 1);
    if (code_of_fault == 0)
        ((void (*)(void))(uintptr_t)code)();
    return code_of_fault == 0;
}

static void personalities(void) {
    struct utsname name;
    CHECK_EQ(personality(0xffffffff), 0, "no personality at first");
    CHECK(personality(ADDR_NO_RANDOMIZE) == 0 && personality(0xffffffff) == ADDR_NO_RANDOMIZE, "ADDR_NO_RANDOMIZE");
    CHECK_EQ(personality(PER_LINUX32), ADDR_NO_RANDOMIZE, "personality tells what it was");
    CHECK(uname(&name) == 0 && strcmp(name.machine, "i686") == 0, "PER_LINUX32 is i686 to uname");
    pid_t child = fork();
    if (child == 0)
        _exit(personality(0xffffffff) == PER_LINUX32);
    CHECK(exited_with(status_of(child), 1), "children have it too");
    NEED(personality(0x20000) == PER_LINUX32);
    CHECK(uname(&name) == 0 && strncmp(name.release, "2.6.", 4) == 0, "UNAME26");
    NEED(personality(0) == 0x20000);
    CHECK(uname(&name) == 0 && strcmp(name.machine, "x86_64") == 0, "PER_LINUX again");
    CHECK(!can_execute(), "what is read cannot be executed");
    NEED(personality(READ_IMPLIES_EXEC) == 0);
    CHECK(can_execute(), "READ_IMPLIES_EXEC");
    char line[16] = "";
    int fd = open("/proc/self/personality", O_RDONLY);
    CHECK(read(fd, line, sizeof line) == 9 && strncmp(line, "00400000\n", 9) == 0, "/proc/self/personality");
    close(fd);
    NEED(personality(STICKY_TIMEOUTS) == READ_IMPLIES_EXEC);
    struct timeval time = {0, 1000};
    NEED(select(0, NULL, NULL, NULL, &time) == 0);
    CHECK_EQ(time.tv_usec, 1000, "STICKY_TIMEOUTS: select leaves its timeout alone");
    NEED(personality(0) == STICKY_TIMEOUTS);
    NEED(select(0, NULL, NULL, NULL, &time) == 0);
    CHECK_EQ(time.tv_usec, 0, "else it tells what is left");
}

int main(void) {
    begin();
    growing();
    flags();
    personalities();
    in_child(locking);
    return finish();
}
