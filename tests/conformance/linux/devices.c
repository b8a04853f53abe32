/* The small devices every program leans on: null, zero, full, random, urandom. */
#include "helpers.h"

#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <termios.h>

static char block[8192], other[8192];

static int only(const char *bytes, size_t size, char value) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return 0;
    return 1;
}

static int is_device(const char *path, unsigned kind, unsigned number) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == makedev(kind, number);
}

static void null_device(void) {
    int fd = open("/dev/null", O_RDWR);
    struct iovec two[2] = {{block, 100}, {other, 200}};
    CHECK(is_device("/dev/null", 1, 3), "null is 1:3");
    CHECK_EQ(mode_of("/dev/null") & 0777, 0666, "null is for everybody");
    CHECK_EQ(read(fd, block, sizeof block), 0, "null is at its end");
    CHECK_EQ(write(fd, block, sizeof block), sizeof block, "null takes everything");
    CHECK_EQ(writev(fd, two, 2), 300, "null takes vectors");
    CHECK_EQ(read(fd, block, sizeof block), 0, "and keeps nothing");
    CHECK_EQ(lseek(fd, 100, SEEK_SET), 0, "null has no position");
    CHECK_ERRNO(ftruncate(fd, 0), EINVAL, "null has no length");
    CHECK_EQ(write(fd, forbidden_page(PROT_NONE), 4096), 4096, "null does not look at the bytes");
    struct termios settings;
    struct winsize size;
    CHECK_ERRNO(tcgetattr(fd, &settings), ENOTTY, "null is no terminal");
    CHECK_ERRNO(ioctl(fd, TIOCGWINSZ, &size), ENOTTY, "null has no window");
    CHECK_EQ(isatty(fd), 0, "isatty of null");
    CHECK_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV, "null cannot be mapped");
    close(fd);
    fd = open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0, "null can be opened as the shell's > does");
    CHECK_ERRNO(read(fd, block, 1), EBADF, "null for writing only");
    close(fd);
    CHECK_ERRNO(open("/dev/null", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST, "null exists");
    CHECK_ERRNO(open("/dev/null", O_RDONLY | O_DIRECTORY), ENOTDIR, "null is no folder");
    CHECK_ERRNO(open("/dev/null/x", O_RDONLY), ENOTDIR, "nothing is below null");
}

static void zero_device(void) {
    int fd = open("/dev/zero", O_RDWR);
    memset(block, 'x', sizeof block);
    CHECK(is_device("/dev/zero", 1, 5), "zero is 1:5");
    CHECK(read(fd, block, sizeof block) == sizeof block && only(block, sizeof block, 0), "zero gives zeros");
    CHECK_EQ(write(fd, "text", 4), 4, "zero takes everything");
    CHECK(read(fd, block, 4) == 4 && only(block, 4, 0), "and gives zeros still");
    CHECK_EQ(lseek(fd, 100, SEEK_SET), 0, "zero has no position");
    CHECK_EQ(pread(fd, block, 10, 1000), 10, "pread of zero");
    CHECK_ERRNO(read(fd, forbidden_page(PROT_NONE), 10), EFAULT, "zero into a forbidden page");
    CHECK_ERRNO(read(fd, forbidden_page(PROT_READ), 10), EFAULT, "zero into a read-only page");
    char *area = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(area != MAP_FAILED && only(area, 4096, 0), "zero mapped privately is memory");
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t child = fork();
    if (child == 0) {
        *shared = 42;
        _exit(0);
    }
    NEED(waitpid(child, NULL, 0) == child);
    CHECK_EQ(*shared, 42, "zero mapped shared is shared memory");
    int *again = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    CHECK_EQ(*again, 0, "every mapping of zero is new memory");
    close(fd);
}

static void full_device(void) {
    int fd = open("/dev/full", O_RDWR);
    memset(block, 'x', sizeof block);
    CHECK(is_device("/dev/full", 1, 7), "full is 1:7");
    CHECK_ERRNO(write(fd, "x", 1), ENOSPC, "full is full");
    CHECK_ERRNO(pwrite(fd, "x", 1, 100), ENOSPC, "full is full everywhere");
    CHECK(read(fd, block, sizeof block) == sizeof block && only(block, sizeof block, 0), "full gives zeros");
    FILE *stream = fopen("/dev/full", "w");
    CHECK(stream && fputs("text", stream) >= 0 && fflush(stream) == EOF && errno == ENOSPC,
          "a stream learns that it is full");
    if (stream)
        fclose(stream);
    close(fd);
}

static void random_devices(void) {
    int random = open("/dev/random", O_RDONLY), fd = open("/dev/urandom", O_RDWR);
    CHECK(is_device("/dev/random", 1, 8) && is_device("/dev/urandom", 1, 9), "random is 1:8, urandom is 1:9");
    CHECK(read(fd, block, 4096) == 4096 && read(fd, other, 4096) == 4096,
          "urandom gives all that is asked for");
    CHECK(memcmp(block, other, 4096) != 0, "urandom gives other bytes every time");
    CHECK(read(random, other, 16) == 16 && memcmp(block, other, 16) != 0, "random gives bytes");
    CHECK_EQ(write(fd, "seed", 4), 4, "urandom takes a seed");
    CHECK_ERRNO(read(fd, forbidden_page(PROT_READ), 16), EFAULT, "urandom into a read-only page");
    close(random);
    close(fd);
    memset(block, 0, 256);
    memset(other, 0, 256);
    CHECK(getrandom(block, 256, 0) == 256 && getrandom(other, 256, GRND_NONBLOCK) == 256, "getrandom");
    CHECK(memcmp(block, other, 256) != 0, "getrandom gives other bytes every time");
    CHECK_EQ(getrandom(block, 0, 0), 0, "getrandom of nothing");
    CHECK_ERRNO(getrandom(block, 1, 0x40), EINVAL, "getrandom unknown flag");
    CHECK_ERRNO(syscall(SYS_getrandom, forbidden_page(PROT_NONE), 16L, 0L), EFAULT,
                "getrandom with a bad pointer");
}

static void standard_names(void) {
    char target[64] = "";
    CHECK(readlink("/dev/fd", target, sizeof target - 1) == 13 && strcmp(target, "/proc/self/fd") == 0,
          "/dev/fd");
    CHECK(S_ISLNK(mode_of("/dev/stdin")) && S_ISLNK(mode_of("/dev/stdout")) &&
              S_ISLNK(mode_of("/dev/stderr")),
          "/dev/stdin, stdout and stderr are links");
    int end[2];
    char path[64];
    NEED(pipe(end) == 0);
    snprintf(path, sizeof path, "/dev/fd/%d", end[1]);
    int fd = open(path, O_WRONLY);
    CHECK(write(fd, "x", 1) == 1 && read(end[0], block, 2) == 1, "a pipe is opened again through /dev/fd");
    CHECK(is_device("/dev/tty", 5, 0), "tty is 5:0");
    NEED(close(end[1]) == 0 && write(fd, "left", 4) == 4 && close(fd) == 0);
    snprintf(path, sizeof path, "/dev/fd/%d", end[0]);
    fd = open(path, O_RDONLY);
    CHECK(read(fd, block, 8) == 4 && read(fd, block, 8) == 0, "what a pipe without writers still holds is read through it");
    NEED(close(end[0]) == 0 && close(fd) == 0);
}

static void without_terminal(void) {
    NEED(setsid() == getpid());
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO, "tty of a session without a terminal");
}

int main(void) {
    begin();
    null_device();
    zero_device();
    full_device();
    random_devices();
    standard_names();
    in_child(without_terminal);
    return finish();
}
