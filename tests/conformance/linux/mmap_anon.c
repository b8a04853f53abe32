/* Anonymous memory: mapping, unmapping, protecting, moving and forgetting it, the program break and the stack. */
#include "process.h"

#include <setjmp.h>
#include <sys/resource.h>

#define GIB (1UL << 30)

enum { PAGE = 4096, PIECES = 1000 };

static sigjmp_buf place;
static volatile int fault_code;

static void on_fault(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    fault_code = info->si_code;
    siglongjmp(place, 1);
}

/* Reads or writes a byte; returns 0 or the code of the fault. */
static int reading(const volatile void *address) {
    fault_code = 0;
    if (sigsetjmp(place, 1) == 0)
        (void)*(const volatile char *)address;
    return fault_code;
}

static int writing(volatile void *address) {
    fault_code = 0;
    if (sigsetjmp(place, 1) == 0)
        *(volatile char *)address = 1;
    return fault_code;
}

static char *map(size_t size, int protection) {
    char *address = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(address != MAP_FAILED);
    return address;
}

static char *map_at(void *address, size_t size, int flags) {
    return mmap(address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int is_zero(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return 0;
    return 1;
}

static void mapping(void) {
    char *pages = map(16 * PAGE, PROT_READ | PROT_WRITE);
    CHECK(((uintptr_t)pages & (PAGE - 1)) == 0, "memory starts at a page");
    CHECK(is_zero(pages, 16 * PAGE), "new memory is zero");
    memset(pages, 1, 16 * PAGE);
    CHECK_EQ(map_at(pages + 4 * PAGE, 2 * PAGE, MAP_FIXED), pages + 4 * PAGE, "MAP_FIXED maps there");
    CHECK(is_zero(pages + 4 * PAGE, 2 * PAGE), "MAP_FIXED replaces what was there");
    CHECK(pages[4 * PAGE - 1] == 1 && pages[6 * PAGE] == 1, "its neighbours stay");
    CHECK_ERRNO(map_at(pages + PAGE, PAGE, MAP_FIXED_NOREPLACE), EEXIST, "MAP_FIXED_NOREPLACE replaces nothing");
    NEED(munmap(pages, 16 * PAGE) == 0);
    CHECK_EQ(map_at(pages, PAGE, MAP_FIXED_NOREPLACE), pages, "MAP_FIXED_NOREPLACE maps where nothing is");
    CHECK_EQ(map_at(pages + 8 * PAGE, PAGE, 0), pages + 8 * PAGE, "a hint is taken where nothing is");
    char *elsewhere = map_at(pages, PAGE, 0);
    CHECK(elsewhere != pages && elsewhere != MAP_FAILED, "a hint is not taken where something is");
    CHECK_EQ(mmap(pages + PAGE, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 12345, 0), pages + PAGE,
             "a descriptor does not matter, and one byte is a page");
    CHECK_EQ(reading(pages + 2 * PAGE - 1), 0, "the page's last byte is there");
}

static void refused(void) {
    char *pages = map(2 * PAGE, PROT_READ | PROT_WRITE);
    CHECK_ERRNO(map_at(NULL, 0, 0), EINVAL, "mmap of nothing");
    CHECK_ERRNO(map_at(pages + 1, PAGE, MAP_FIXED), EINVAL, "MAP_FIXED at an odd address");
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL, "mmap neither private nor shared");
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1), EINVAL, "mmap at an odd offset");
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF, "mmap of no file");
    CHECK_ERRNO(map_at(NULL, 1UL << 47, 0), ENOMEM, "mmap of more than there are addresses");
    CHECK_ERRNO(map_at(NULL, SIZE_MAX, 0), ENOMEM, "mmap of a size that wraps around");
    CHECK_ERRNO(map_at((void *)(1UL << 47), PAGE, MAP_FIXED), ENOMEM, "MAP_FIXED above the user's addresses");
    CHECK_ERRNO(munmap(pages + 1, PAGE), EINVAL, "munmap at an odd address");
    CHECK_ERRNO(munmap(pages, 0), EINVAL, "munmap of nothing");
    CHECK_ERRNO(munmap(pages, SIZE_MAX), EINVAL, "munmap of a size that wraps around");
    CHECK_ERRNO(munmap((void *)(1UL << 47), PAGE), EINVAL, "munmap above the user's addresses");
    CHECK_OK(munmap(pages, 2 * PAGE), "munmap");
    CHECK_OK(munmap(pages, 2 * PAGE), "munmap where nothing is");
    CHECK_ERRNO(mprotect(pages, PAGE, PROT_READ), ENOMEM, "mprotect where nothing is");
    CHECK_ERRNO(mprotect(pages + 1, PAGE, PROT_READ), EINVAL, "mprotect at an odd address");
    CHECK_ERRNO(madvise(pages, PAGE, MADV_DONTNEED), ENOMEM, "madvise where nothing is");
    CHECK_ERRNO(madvise(pages + 1, PAGE, MADV_DONTNEED), EINVAL, "madvise at an odd address");
    CHECK_ERRNO(madvise(pages, PAGE, 1234), EINVAL, "unknown advice");
    CHECK_ERRNO(msync(pages, PAGE, MS_SYNC), ENOMEM, "msync where nothing is");
    CHECK_ERRNO(mlock(pages, PAGE), ENOMEM, "mlock where nothing is");
}

static void holes(void) {
    char *pages = map(6 * PAGE, PROT_READ | PROT_WRITE);
    memset(pages, 1, 6 * PAGE);
    NEED(munmap(pages + 2 * PAGE, PAGE) == 0);
    CHECK(pages[2 * PAGE - 1] == 1 && pages[3 * PAGE] == 1, "munmap leaves what is around");
    CHECK_EQ(reading(pages + 2 * PAGE), SEGV_MAPERR, "reading a hole");
    CHECK_EQ(writing(pages + 3 * PAGE - 1), SEGV_MAPERR, "writing a hole");
    CHECK_ERRNO(mprotect(pages, 6 * PAGE, PROT_READ), ENOMEM, "mprotect over a hole");
    CHECK_ERRNO(madvise(pages, 6 * PAGE, MADV_NORMAL), ENOMEM, "madvise over a hole");
    CHECK_EQ(map_at(pages + 2 * PAGE, PAGE, MAP_FIXED), pages + 2 * PAGE, "a hole is filled");
    CHECK_OK(mprotect(pages, 6 * PAGE, PROT_READ | PROT_WRITE), "mprotect over pieces");
    CHECK_EQ(writing(pages + 2 * PAGE), 0, "the filled hole can be written");
    CHECK_OK(munmap(pages + PAGE, 4 * PAGE), "munmap over pieces");
    CHECK_EQ(reading(pages + 4 * PAGE), SEGV_MAPERR, "all the pieces are gone");
    CHECK(reading(pages) == 0 && reading(pages + 5 * PAGE) == 0, "the ends stay");
}

static void protecting(void) {
    static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov eax, 42; ret */
    char *pages = map(4 * PAGE, PROT_READ | PROT_WRITE);
    int ends[2];
    NEED(pipe(ends) == 0 && write(ends[1], "abcdef", 6) == 6);
    memset(pages, 1, 4 * PAGE);
    CHECK_OK(mprotect(pages + PAGE, PAGE, PROT_READ), "mprotect of one page");
    CHECK_EQ(writing(pages + PAGE), SEGV_ACCERR, "writing a read-only page");
    CHECK_EQ(reading(pages + PAGE), 0, "reading a read-only page");
    CHECK(writing(pages) == 0 && writing(pages + 2 * PAGE) == 0, "its neighbours can be written");
    CHECK_ERRNO(read(ends[0], pages + PAGE, 4), EFAULT, "read into a read-only page");
    NEED(mprotect(pages + 2 * PAGE, PAGE, PROT_NONE) == 0);
    CHECK_EQ(reading(pages + 2 * PAGE), SEGV_ACCERR, "reading a closed page");
    CHECK_ERRNO(write(ends[1], pages + 2 * PAGE, 4), EFAULT, "write from a closed page");
    NEED(mprotect(pages, 4 * PAGE, PROT_READ | PROT_WRITE) == 0);
    CHECK(pages[PAGE] == 1 && pages[2 * PAGE] == 1, "what was there is there when a page is opened again");
    memcpy(pages, code, sizeof code);
    CHECK_OK(mprotect(pages, PAGE, PROT_READ | PROT_EXEC), "mprotect to run");
    CHECK_EQ(((int (*)(void))(uintptr_t)pages)(), 42, "written code runs");
    CHECK_EQ(writing(pages), SEGV_ACCERR, "and cannot be written");
    CHECK_OK(mlock(pages, PAGE), "mlock of a page");
    CHECK_OK(munlock(pages, PAGE), "munlock");
    close(ends[0]);
    close(ends[1]);
    munmap(pages, 4 * PAGE);
}

static void moving(void) {
    char *pages = map(2 * PAGE, PROT_READ | PROT_WRITE), *area = map(16 * PAGE, PROT_NONE), *moved;
    pages[0] = 7;
    pages[2 * PAGE - 1] = 8;
    CHECK((moved = mremap(pages, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE)) != MAP_FAILED, "mremap grows");
    CHECK(moved[0] == 7 && moved[2 * PAGE - 1] == 8, "what was there comes along");
    CHECK(is_zero(moved + 2 * PAGE, 62 * PAGE), "what is new is zero");
    CHECK_EQ(mremap(moved, 64 * PAGE, PAGE, 0), moved, "mremap shrinks in place");
    CHECK_EQ(reading(moved + PAGE), SEGV_MAPERR, "the rest is gone");
    CHECK_EQ(mremap(moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area), area, "mremap to a place");
    CHECK(area[0] == 7 && writing(area + PAGE) == 0, "the memory is there, with its protection");
    CHECK_EQ(reading(moved), SEGV_MAPERR, "and no longer where it was");
    CHECK_EQ(reading(area + 2 * PAGE), SEGV_ACCERR, "what is behind it stays");
    CHECK_ERRNO(mremap(area, 2 * PAGE, 4 * PAGE, 0), ENOMEM, "mremap cannot grow where something is");
    CHECK_ERRNO(mremap(moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT, "mremap of nothing");
    CHECK_ERRNO(mremap(area, PAGE, 0, 0), EINVAL, "mremap to nothing");
    CHECK_ERRNO(mremap(area + 1, PAGE, PAGE, 0), EINVAL, "mremap at an odd address");
    CHECK_ERRNO(mremap(area, PAGE, PAGE, 64), EINVAL, "mremap: unknown flag");
    CHECK_ERRNO(mremap(area, 2 * PAGE, 2 * PAGE, MREMAP_FIXED, area + 8 * PAGE), EINVAL, "MREMAP_FIXED without MAYMOVE");
    CHECK_ERRNO(mremap(area, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + PAGE), EINVAL, "mremap onto itself");
    CHECK_ERRNO(mremap(area, 0, PAGE, MREMAP_MAYMOVE), EINVAL, "mremap: private memory cannot be doubled");
    munmap(area, 16 * PAGE);
}

static void forgetting(void) {
    char *pages = map(4 * PAGE, PROT_READ | PROT_WRITE);
    memset(pages, 1, 4 * PAGE);
    CHECK_OK(madvise(pages + PAGE, 2 * PAGE, MADV_DONTNEED), "MADV_DONTNEED");
    CHECK(is_zero(pages + PAGE, 2 * PAGE), "what is not needed is zero");
    CHECK(pages[PAGE - 1] == 1 && pages[3 * PAGE] == 1, "what is needed stays");
    CHECK_EQ(writing(pages + PAGE), 0, "forgotten memory can be written");
    CHECK_OK(madvise(pages, PAGE, MADV_WILLNEED), "MADV_WILLNEED");
    CHECK_OK(madvise(pages, 0, MADV_DONTNEED), "advice about nothing");
    memset(pages, 1, 4 * PAGE);
    CHECK_OK(madvise(pages, PAGE, MADV_DONTFORK), "MADV_DONTFORK");
    CHECK_OK(madvise(pages + PAGE, PAGE, MADV_WIPEONFORK), "MADV_WIPEONFORK");
    pid_t child = fork();
    if (child == 0)
        _exit((reading(pages) == SEGV_MAPERR) + 2 * is_zero(pages + PAGE, PAGE) + 4 * (pages[2 * PAGE] == 1));
    int status = status_of(child);
    CHECK(WEXITSTATUS(status) & 1, "a child does not get MADV_DONTFORK pages");
    CHECK(WEXITSTATUS(status) & 2, "a child gets MADV_WIPEONFORK pages as zeros");
    CHECK(WEXITSTATUS(status) & 4, "a child gets the others");
    CHECK(pages[0] == 1 && pages[PAGE] == 1, "the parent keeps all");
    munmap(pages, 4 * PAGE);
}

static void huge(void) {
    char *area = mmap(NULL, 64 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(area != MAP_FAILED, "64 GiB of addresses are reserved");
    CHECK_OK(mprotect(area + 32 * GIB, PAGE, PROT_READ | PROT_WRITE), "a page in their middle is opened");
    CHECK(writing(area + 32 * GIB) == 0 && reading(area + 32 * GIB + PAGE) == SEGV_ACCERR, "that page alone");
    CHECK_OK(munmap(area, 64 * GIB), "and all are given back");
    CHECK_EQ(reading(area + 32 * GIB), SEGV_MAPERR, "the page in the middle too");
    char *pieces = map(PIECES * PAGE, PROT_READ | PROT_WRITE);
    int right = 1;
    for (int i = 0; i < PIECES; i += 2)
        right &= mprotect(pieces + i * PAGE, PAGE, PROT_READ) == 0;
    for (int i = 0; i < PIECES; i++)
        right &= writing(pieces + i * PAGE) == (i % 2 ? 0 : SEGV_ACCERR);
    CHECK(right, "1000 pages with alternating protection");
    CHECK_OK(munmap(pieces, PIECES * PAGE), "all unmapped at once");
}

static void program_break(void) {
    char *start = (char *)syscall(SYS_brk, 0), *end = start + (1 << 20);
    CHECK_EQ(syscall(SYS_brk, end), end, "the break grows");
    CHECK(is_zero(start, 1 << 20), "it grows by zeros");
    memset(start, 1, 1 << 20);
    CHECK_EQ(writing((char *)(((uintptr_t)end + PAGE - 1) & ~(PAGE - 1UL)) + PAGE), SEGV_MAPERR, "nothing is behind it");
    CHECK_EQ(syscall(SYS_brk, start + PAGE), start + PAGE, "the break shrinks");
    CHECK_EQ(reading(start + 8 * PAGE), SEGV_MAPERR, "what it gave up is gone");
    CHECK_EQ(syscall(SYS_brk, end), end, "it grows again");
    CHECK(is_zero(start + 2 * PAGE, (1 << 20) - 2 * PAGE), "by zeros again");
    CHECK_EQ(syscall(SYS_brk, PAGE), end, "a break before its start is refused by telling the old one");
    CHECK_EQ(syscall(SYS_brk, 1UL << 47), end, "so is one beyond the user's addresses");
    CHECK_EQ(syscall(SYS_brk, start), start, "back where it was");
}

static int dive(int depth) {
    volatile char weight[PAGE];
    weight[PAGE - 1] = 1;
    return depth == 0 ? 0 : dive(depth - 1) + weight[PAGE - 1];
}

static void fall_off(void) {
    struct rlimit limit;
    NEED(getrlimit(RLIMIT_STACK, &limit) == 0);
    limit.rlim_cur = 1 << 20;
    NEED(setrlimit(RLIMIT_STACK, &limit) == 0);
    signal(SIGSEGV, SIG_DFL);
    no_core();
    dive(1024);
}

static void stack(void) {
    CHECK(killed_by(status_after(fall_off), SIGSEGV), "the stack does not grow past its limit");
    CHECK_EQ(dive(512), 512, "the stack grows by 2 MiB");
}

int main(void) {
    begin();
    handle_info(SIGSEGV, on_fault, 0);
    mapping();
    refused();
    holes();
    protecting();
    moving();
    forgetting();
    huge();
    program_break();
    stack();
    return finish();
}
