/* Mapped files and memory: what is shared, what a mapping refuses, and what touching it does. */
#include "helpers.h"

#include <stdint.h>
#include <sys/prctl.h>

enum { PAGE = 4096 };

static char *map(size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(NULL, length, protection, flags, fd, offset);
}

/* How a child ends that only touches this byte: the number of the signal, or 0. */
static int touching(volatile char *byte, int writing) {
    pid_t child = fork();
    int status;
    if (child == 0) {
        prctl(PR_SET_DUMPABLE, 0); /* a core file would only take time */
        if (writing)
            *byte = 1;
        else
            (void)*byte;
        _exit(0);
    }
    NEED(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int file_of(const char *path, off_t length) {
    make_file(path, "0123456789");
    int fd = open(path, O_RDWR);
    NEED(ftruncate(fd, length) == 0);
    return fd;
}

static void private_mappings(void) {
    int fd = file_of("file", 2 * PAGE);
    char *area = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(area != MAP_FAILED && memcmp(area, "0123456789", 11) == 0, "MAP_PRIVATE shows the file");
    CHECK_EQ((uintptr_t)area % PAGE, 0, "a mapping begins at a page");
    memcpy(area, "private", 7);
    char text[8] = "";
    CHECK(pread(fd, text, 7, 0) == 7 && strcmp(text, "0123456") == 0,
          "MAP_PRIVATE writes do not reach the file");
    NEED(pwrite(fd, "new", 3, PAGE) == 3);
    CHECK(memcmp(area + PAGE, "new", 3) == 0, "an untouched private page shows the file's change");
    CHECK(memcmp(area, "private", 7) == 0, "a touched private page is one's own");
    close(fd);
    CHECK_EQ(area[7], '7', "a mapping outlives its descriptor");
    CHECK_EQ(munmap(area, 2 * PAGE), 0, "munmap");
    CHECK_EQ(touching(area, 0), SIGSEGV, "touching what was unmapped");
}

static void shared_mappings(void) {
    int fd = file_of("file", 3 * PAGE);
    char *area = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), text[8] = "";
    CHECK(area != MAP_FAILED, "MAP_SHARED");
    memcpy(area, "shared", 6);
    CHECK(pread(fd, text, 6, 0) == 6 && strcmp(text, "shared") == 0, "a shared write is read at once");
    NEED(pwrite(fd, "written", 7, PAGE) == 7);
    CHECK(memcmp(area + PAGE, "written", 7) == 0, "a write shows in the mapping at once");
    char *again = map(PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    area[PAGE] = 'W';
    CHECK(again != area + PAGE && again[0] == 'W', "two mappings of one page");
    CHECK_EQ(msync(area, 2 * PAGE, MS_SYNC), 0, "msync MS_SYNC");
    CHECK_EQ(msync(area, PAGE, MS_ASYNC), 0, "msync MS_ASYNC");
    CHECK_ERRNO(msync(area + 1, PAGE, MS_SYNC), EINVAL, "msync between pages");
    CHECK_ERRNO(msync(area, PAGE, MS_SYNC | MS_ASYNC), EINVAL, "msync flags that contradict");
    NEED(munmap(again, PAGE) == 0);
    CHECK_ERRNO(msync(again, PAGE, MS_SYNC), ENOMEM, "msync of what is not mapped");
    pid_t child = fork();
    if (child == 0) {
        memcpy(area, "child", 5);
        _exit(0);
    }
    NEED(waitpid(child, NULL, 0) == child);
    CHECK(memcmp(area, "child", 5) == 0, "a child's write shows in the parent");
    NEED(unlink("file") == 0);
    area[0] = 'C';
    CHECK(pread(fd, text, 5, 0) == 5 && memcmp(text, "Child", 5) == 0, "a mapping of a file without a name");
    NEED(munmap(area, 2 * PAGE) == 0 && close(fd) == 0);
}

static void past_the_end(void) {
    int fd = file_of("short", 10);
    char *area = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK_EQ(area[10] | area[PAGE - 1], 0, "the rest of the last page is zero");
    area[10] = 'x';
    struct stat info;
    CHECK(fstat(fd, &info) == 0 && info.st_size == 10, "writing there does not grow the file");
    CHECK_EQ(touching(area + PAGE, 0), SIGBUS, "reading a page past the end");
    CHECK_EQ(touching(area + PAGE, 1), SIGBUS, "writing a page past the end");
    NEED(ftruncate(fd, 2 * PAGE) == 0);
    CHECK_EQ(touching(area + PAGE, 0), 0, "a page that came to be");
    NEED(ftruncate(fd, 0) == 0);
    CHECK_EQ(touching(area, 0), SIGBUS, "a page that ceased to be");
    NEED(munmap(area, 2 * PAGE) == 0 && close(fd) == 0);
}

static void protection(void) {
    char *area = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area[0] == 0 && area[3 * PAGE - 1] == 0, "anonymous memory is zero");
    area[PAGE] = 'x';
    CHECK_EQ(mprotect(area + PAGE, PAGE, PROT_READ), 0, "mprotect");
    CHECK(area[PAGE] == 'x' && touching(area + PAGE, 1) == SIGSEGV, "a page that may not be written");
    CHECK_EQ(touching(area, 1) | touching(area + 2 * PAGE, 1), 0, "its neighbours may");
    CHECK_EQ(mprotect(area, 3 * PAGE, PROT_NONE), 0, "mprotect PROT_NONE");
    CHECK_EQ(touching(area, 0), SIGSEGV, "a page that may not be read");
    CHECK(mprotect(area, 3 * PAGE, PROT_READ | PROT_WRITE) == 0 && area[PAGE] == 'x',
          "the bytes are still there");
    CHECK_ERRNO(mprotect(area + 1, PAGE, PROT_READ), EINVAL, "mprotect between pages");
    CHECK_ERRNO(mprotect(area, PAGE, 0x40000000), EINVAL, "mprotect unknown flag");
    NEED(munmap(area + PAGE, PAGE) == 0);
    CHECK(touching(area + PAGE, 0) == SIGSEGV && touching(area, 0) == 0,
          "munmap of a page in the middle leaves a hole");
    CHECK_ERRNO(mprotect(area, 3 * PAGE, PROT_READ), ENOMEM, "mprotect over a hole");
    CHECK_EQ(munmap(area, 3 * PAGE), 0, "munmap over a hole");
    CHECK_EQ(munmap(area, 3 * PAGE), 0, "munmap of nothing");
    CHECK_ERRNO(munmap(area + 1, PAGE), EINVAL, "munmap between pages");
    CHECK_ERRNO(munmap(area, 0), EINVAL, "munmap of no length");
    CHECK_ERRNO(mprotect(area, PAGE, PROT_READ), ENOMEM, "mprotect of what is not mapped");
}

static void places(void) {
    char *area = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 'x', 4 * PAGE);
    char *inside = mmap(area + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(inside == area + PAGE && inside[0] == 0 && area[0] == 'x' && area[2 * PAGE] == 'x',
          "MAP_FIXED replaces a page");
    CHECK_ERRNO(mmap(area, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST,
                "MAP_FIXED_NOREPLACE where something is");
    NEED(munmap(area + PAGE, PAGE) == 0);
    CHECK(mmap(area + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
              area + PAGE,
          "MAP_FIXED_NOREPLACE where nothing is");
    char *elsewhere = mmap(area, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(elsewhere != MAP_FAILED && elsewhere != area && area[0] == 'x', "a taken address is only a hint");
    CHECK_ERRNO(mmap(area + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL,
                "MAP_FIXED between pages");
    NEED(munmap(area, 4 * PAGE) == 0 && munmap(elsewhere, PAGE) == 0);
}

static void refusals(void) {
    int reader = open("short", O_RDONLY), writer = open("short", O_WRONLY), folder_fd = open(".", O_RDONLY),
        end[2];
    NEED(pipe(end) == 0);
    CHECK_ERRNO(map(PAGE, PROT_WRITE, MAP_SHARED, reader, 0), EACCES, "a shared write mapping of O_RDONLY");
    CHECK(map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, reader, 0) != MAP_FAILED,
          "a private write mapping of O_RDONLY");
    char *area = map(PAGE, PROT_READ, MAP_SHARED, reader, 0);
    CHECK_ERRNO(mprotect(area, PAGE, PROT_READ | PROT_WRITE), EACCES,
                "mprotect gives no more than the descriptor");
    CHECK_ERRNO(map(PAGE, PROT_READ, MAP_PRIVATE, writer, 0), EACCES, "a mapping of O_WRONLY");
    CHECK_ERRNO(map(PAGE, PROT_READ, MAP_PRIVATE, folder_fd, 0), ENODEV, "a mapping of a folder");
    CHECK_ERRNO(map(PAGE, PROT_READ, MAP_PRIVATE, end[0], 0), ENODEV, "a mapping of a pipe");
    CHECK_ERRNO(map(PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF, "a mapping of no descriptor");
    CHECK_ERRNO(map(0, PROT_READ, MAP_PRIVATE, reader, 0), EINVAL, "a mapping of no length");
    CHECK_ERRNO(map(PAGE, PROT_READ, 0, reader, 0), EINVAL, "a mapping neither shared nor private");
    CHECK_ERRNO(map(PAGE, PROT_READ, MAP_PRIVATE, reader, 1), EINVAL, "an offset between pages");
    CHECK_ERRNO(map(SIZE_MAX / 2, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM,
                "more than the address space");
    char *zero = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, open("/dev/zero", O_RDWR), 0);
    CHECK(zero != MAP_FAILED && zero[0] == 0, "/dev/zero can be mapped");
    close(reader);
    close(writer);
    close(folder_fd);
    close(end[0]);
    close(end[1]);
}

static void sharing_memory(void) {
    int *shared = (void *)map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int *private = (void *)map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *shared = *private = 1;
    pid_t child = fork();
    if (child == 0) {
        *private += 1;
        *shared += *private;
        _exit(0);
    }
    NEED(waitpid(child, NULL, 0) == child);
    CHECK_EQ(*shared, 3, "shared anonymous memory across fork");
    CHECK_EQ(*private, 1, "private anonymous memory across fork");
}

static void growing(void) {
    int fd = file_of("grow", 3 * PAGE);
    NEED(pwrite(fd, "third", 5, 2 * PAGE) == 5);
    char *area = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *grown = mremap(area, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
    CHECK(grown != MAP_FAILED && memcmp(grown, "0123456789", 10) == 0, "mremap grows a file mapping");
    CHECK(memcmp(grown + 2 * PAGE, "third", 5) == 0, "the new pages show the file");
    CHECK(mremap(grown, 3 * PAGE, PAGE, 0) == grown && touching(grown + PAGE, 0) == SIGSEGV,
          "mremap shrinks in place");
    char *memory = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory[PAGE] = 'x';
    char *moved = mremap(memory, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED && moved[PAGE] == 'x' && moved[63 * PAGE] == 0, "mremap grows memory");
    char *target = map(64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mremap(moved, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target &&
              target[PAGE] == 'x',
          "mremap MREMAP_FIXED moves");
    CHECK_EQ(touching(moved, 0), SIGSEGV, "the old place is free");
    CHECK_ERRNO(mremap(target + 1, PAGE, PAGE, 0), EINVAL, "mremap between pages");
    CHECK_ERRNO(mremap(target, PAGE, 0, MREMAP_MAYMOVE), EINVAL, "mremap to no length");
    CHECK_ERRNO(mremap(moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT, "mremap of what is not mapped");
    char *wall = map(3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_ERRNO(mremap(wall, PAGE, 2 * PAGE, 0), ENOMEM, "mremap without room to grow in place");
    CHECK_ERRNO(mremap(wall, PAGE, 2 * PAGE, 0x40), EINVAL, "mremap unknown flag");
    close(fd);
}

static void advice(void) {
    char *area = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char resident[2];
    memset(area, 'x', 2 * PAGE);
    CHECK_EQ(madvise(area, PAGE, MADV_DONTNEED), 0, "MADV_DONTNEED");
    CHECK(area[0] == 0 && area[PAGE] == 'x', "MADV_DONTNEED gives zeros");
    CHECK_EQ(madvise(area, 2 * PAGE, MADV_WILLNEED), 0, "MADV_WILLNEED");
    CHECK_ERRNO(madvise(area, PAGE, 9999), EINVAL, "madvise unknown advice");
    CHECK_ERRNO(madvise(area + 1, PAGE, MADV_NORMAL), EINVAL, "madvise between pages");
    CHECK(mincore(area, 2 * PAGE, resident) == 0 && resident[1] & 1, "mincore of a page in use");
    NEED(munmap(area, 2 * PAGE) == 0);
    CHECK_ERRNO(madvise(area, PAGE, MADV_NORMAL), ENOMEM, "madvise of what is not mapped");
    CHECK_ERRNO(mincore(area, PAGE, resident), ENOMEM, "mincore of what is not mapped");
    char *start = sbrk(0);
    CHECK(sbrk(3 * PAGE) == start && sbrk(0) == start + 3 * PAGE && start[3 * PAGE - 1] == 0,
          "sbrk grows the heap");
    CHECK(sbrk(-3 * PAGE) == start + 3 * PAGE && sbrk(0) == start, "sbrk shrinks the heap");
}

int main(void) {
    begin();
    private_mappings();
    shared_mappings();
    past_the_end();
    protection();
    places();
    refusals();
    sharing_memory();
    growing();
    advice();
    return finish();
}
