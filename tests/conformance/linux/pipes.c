/* Pipes and FIFOs: ends that close, pipes that fill, writes that stay whole, signals on the way. */
#include "helpers.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static volatile sig_atomic_t broken;

static void on_broken_pipe(int number) {
    (void)number;
    broken++;
}

static void both_ends(void) {
    int end[2];
    char buffer[16];
    struct stat info;
    CHECK_EQ(pipe(end), 0, "pipe");
    CHECK(fstat(end[0], &info) == 0 && S_ISFIFO(info.st_mode), "an end is a FIFO");
    CHECK_EQ(write(end[1], "hello", 5), 5, "write to a pipe");
    CHECK_EQ(read(end[0], buffer, 2), 2, "read of a part");
    CHECK(read(end[0], buffer + 2, 14) == 3 && memcmp(buffer, "hello", 5) == 0, "read of the rest, not more");
    CHECK_ERRNO(write(end[0], "x", 1), EBADF, "write to the reading end");
    CHECK_ERRNO(read(end[1], buffer, 1), EBADF, "read from the writing end");
    CHECK_ERRNO(lseek(end[0], 0, SEEK_SET), ESPIPE, "lseek on a pipe");
    CHECK_ERRNO(pread(end[0], buffer, 1, 0), ESPIPE, "pread on a pipe");
    CHECK_ERRNO(pwrite(end[1], buffer, 1, 0), ESPIPE, "pwrite on a pipe");
    CHECK_ERRNO(ftruncate(end[1], 0), EINVAL, "ftruncate on a pipe");
    CHECK_ERRNO(write(end[1], forbidden_page(PROT_NONE), 4), EFAULT, "write from a forbidden page");
    CHECK_EQ(write(end[1], "", 0), 0, "write of nothing");
    NEED(write(end[1], "last", 4) == 4 && close(end[1]) == 0);
    CHECK_EQ(read(end[0], buffer, 16), 4, "what was written before the end");
    CHECK_EQ(read(end[0], buffer, 16), 0, "end of file when nobody writes");
    CHECK_EQ(read(end[0], buffer, 16), 0, "end of file again");
    close(end[0]);
}

static void flags(void) {
    int end[2];
    CHECK_EQ(pipe2(end, O_CLOEXEC | O_NONBLOCK), 0, "pipe2");
    CHECK_EQ(fcntl(end[0], F_GETFD) & fcntl(end[1], F_GETFD), FD_CLOEXEC, "O_CLOEXEC on both ends");
    CHECK_EQ(fcntl(end[0], F_GETFL), O_RDONLY | O_NONBLOCK, "flags of the reading end");
    CHECK_EQ(fcntl(end[1], F_GETFL), O_WRONLY | O_NONBLOCK, "flags of the writing end");
    close(end[0]);
    close(end[1]);
    CHECK_ERRNO(pipe2(end, O_APPEND), EINVAL, "pipe2 unknown flag");
    CHECK_ERRNO(syscall(SYS_pipe2, forbidden_page(PROT_NONE), 0), EFAULT, "pipe2 with a bad pointer");
    int before = dup(0);
    close(before);
    CHECK_ERRNO(syscall(SYS_pipe2, forbidden_page(PROT_READ), 0), EFAULT, "pipe2 into a read-only page");
    CHECK_EQ(dup(0), before, "a failed pipe2 leaves no descriptor");
    close(before);
}

static void broken_pipe(void) {
    int end[2];
    NEED(pipe(end) == 0 && close(end[0]) == 0);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(end[1], "x", 1), EPIPE, "write when nobody reads, SIGPIPE ignored");
    signal(SIGPIPE, on_broken_pipe);
    CHECK_ERRNO(write(end[1], "x", 1), EPIPE, "write when nobody reads, SIGPIPE handled");
    CHECK_EQ(broken, 1, "SIGPIPE came once");
    CHECK_EQ(write(end[1], "", 0), 0, "write of nothing when nobody reads");
    CHECK_EQ(broken, 1, "no SIGPIPE for nothing");
    pid_t child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        write(end[1], "x", 1) < 0 ? _exit(1) : _exit(2);
    }
    int status;
    NEED(waitpid(child, &status, 0) == child);
    CHECK(killed_by(status, SIGPIPE), "SIGPIPE kills by default");
    close(end[1]);
}

static void full_pipe(void) {
    static char block[65536];
    int end[2], waiting;
    NEED(pipe2(end, O_NONBLOCK) == 0);
    CHECK_ERRNO(read(end[0], block, 1), EAGAIN, "read from an empty pipe");
    CHECK_EQ(fcntl(end[1], F_GETPIPE_SZ), 65536, "F_GETPIPE_SZ");
    CHECK_EQ(write(end[1], block, 65536), 65536, "write of all a pipe holds");
    CHECK_ERRNO(write(end[1], block, 1), EAGAIN, "write to a full pipe");
    CHECK(ioctl(end[0], FIONREAD, &waiting) == 0 && waiting == 65536, "FIONREAD of a full pipe");
    NEED(read(end[0], block, 4096) == 4096);
    NEED(read(end[0], block, 65536) > 0);
    while (read(end[0], block, 65536) > 0)
        ;
    CHECK(ioctl(end[0], FIONREAD, &waiting) == 0 && waiting == 0, "FIONREAD of an empty pipe");
    CHECK_EQ(fcntl(end[1], F_SETPIPE_SZ, 4096), 4096, "F_SETPIPE_SZ to a page");
    CHECK_EQ(fcntl(end[1], F_SETPIPE_SZ, 0), 4096, "F_SETPIPE_SZ to nothing");
    CHECK_ERRNO(fcntl(end[1], F_SETPIPE_SZ, (1U << 31) + 1), EINVAL, "F_SETPIPE_SZ to too much");
    CHECK_EQ(fcntl(end[0], F_GETPIPE_SZ), 4096, "both ends know the size");
    CHECK_EQ(write(end[1], block, 4096), 4096, "write of a page to a pipe of a page");
    CHECK_ERRNO(write(end[1], block, 1), EAGAIN, "write to a full pipe of a page");
    CHECK_EQ(fcntl(end[1], F_SETPIPE_SZ, 5000), 8192, "F_SETPIPE_SZ rounds up");
    CHECK_EQ(write(end[1], block, 4096), 4096, "a grown pipe takes more");
    CHECK_ERRNO(fcntl(end[1], F_SETPIPE_SZ, 4096), EBUSY, "F_SETPIPE_SZ below what is in the pipe");
    CHECK_ERRNO(fcntl(0x7fff, F_GETPIPE_SZ), EBADF, "F_GETPIPE_SZ on no descriptor");
    close(end[0]);
    close(end[1]);
    int fd = open("file", O_RDWR | O_CREAT, 0644);
    CHECK_ERRNO(fcntl(fd, F_GETPIPE_SZ), EBADF, "F_GETPIPE_SZ on a file");
    close(fd);
}

/* Writes 200 blocks of PIPE_BUF bytes of one letter. */
static void *write_blocks(void *argument) {
    char block[4096], *description = argument;
    memset(block, description[1], sizeof block);
    for (int i = 0; i < 200; i++)
        NEED(write(description[0], block, sizeof block) == sizeof block);
    return NULL;
}

static void whole_writes(void) {
    int end[2], mixed = 0, blocks = 0;
    char block[4096];
    pthread_t writers[2];
    NEED(pipe(end) == 0);
    char first[] = {(char)end[1], 'a'}, second[] = {(char)end[1], 'b'};
    NEED(pthread_create(&writers[0], NULL, write_blocks, first) == 0);
    NEED(pthread_create(&writers[1], NULL, write_blocks, second) == 0);
    for (; blocks < 400; blocks++) {
        for (size_t have = 0; have < sizeof block;)
            have += (size_t)read(end[0], block + have, sizeof block - have);
        for (size_t i = 1; i < sizeof block; i++)
            mixed += block[i] != block[0];
    }
    CHECK_EQ(mixed, 0, "writes of PIPE_BUF bytes stay whole");
    NEED(pthread_join(writers[0], NULL) == 0 && pthread_join(writers[1], NULL) == 0);
    close(end[0]);
    close(end[1]);
}

static void through_a_child(void) {
    static char sent[300000], got[300000];
    int end[2];
    size_t have = 0;
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 31 + i / 1000);
    NEED(pipe(end) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(end[0]);
        _exit(write(end[1], sent, sizeof sent) != sizeof sent);
    }
    close(end[1]);
    for (ssize_t more; (more = read(end[0], got + have, sizeof got - have)) > 0;)
        have += (size_t)more;
    int status;
    NEED(waitpid(child, &status, 0) == child);
    CHECK(have == sizeof sent && memcmp(sent, got, have) == 0, "300000 bytes arrive as they were sent");
    CHECK(exited_with(status, 0), "the writer waited until all was taken");
    CHECK_EQ(read(end[0], got, 1), 0, "a child's exit closes its end");
    close(end[0]);
}

static void fifos(void) {
    char buffer[8];
    CHECK_EQ(mkfifo("fifo", 0666), 0, "mkfifo");
    CHECK_EQ(mode_of("fifo"), S_IFIFO | 0644, "mkfifo takes the mode through the umask");
    CHECK_ERRNO(mkfifo("fifo", 0666), EEXIST, "mkfifo of what exists");
    CHECK_ERRNO(mkfifo("no/fifo", 0666), ENOENT, "mkfifo in a missing folder");
    CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO, "a writer that finds no reader");
    int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    CHECK(reader >= 0, "a reader that does not wait");
    CHECK_EQ(read(reader, buffer, 8), 0, "end of file before any writer");
    int writer = open("fifo", O_WRONLY | O_NONBLOCK);
    CHECK(writer >= 0, "a writer that finds a reader");
    CHECK_ERRNO(read(reader, buffer, 8), EAGAIN, "an empty FIFO that has a writer");
    CHECK(write(writer, "abc", 3) == 3 && read(reader, buffer, 8) == 3, "bytes through a FIFO");
    close(writer);
    close(reader);
    pid_t child = fork();
    if (child == 0)
        _exit(write(open("fifo", O_WRONLY), "child", 5) != 5);
    reader = open("fifo", O_RDONLY);
    CHECK(read(reader, buffer, 8) == 5 && memcmp(buffer, "child", 5) == 0,
          "reader and writer wait for each other");
    NEED(waitpid(child, NULL, 0) == child);
    CHECK_EQ(read(reader, buffer, 8), 0, "end of file after the writer is gone");
    close(reader);
    int both = open("fifo", O_RDWR);
    CHECK(write(both, "self", 4) == 4 && read(both, buffer, 8) == 4, "O_RDWR on a FIFO");
    CHECK_EQ(unlink("fifo"), 0, "unlink of an open FIFO");
    CHECK(write(both, "self", 4) == 4 && read(both, buffer, 8) == 4, "an unlinked FIFO works on");
    close(both);
}

static int reopen(int fd, int flags) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags);
}

/* What the shell's process substitution needs: the writer may have ended before anybody opens /dev/fd/N. */
static void opened_again(void) {
    int ends[2], others[2];
    char buffer[16];
    NEED(pipe(ends) == 0 && pipe(others) == 0);
    NEED(write(ends[1], "left", 4) == 4 && close(ends[1]) == 0);
    int reader = reopen(ends[0], O_RDONLY);
    CHECK(reader >= 0, "a pipe is opened again after its writer is gone");
    CHECK_EQ(read(reader, buffer, 16), 4, "what was written is there");
    CHECK_EQ(read(ends[0], buffer, 16), 0, "for one reader only");
    struct pollfd entry = {.fd = reader, .events = POLLIN};
    CHECK(poll(&entry, 1, 0) == 1 && entry.revents == POLLHUP, "the new reader hears that the writers are gone");
    int writer = reopen(ends[0], O_WRONLY);
    CHECK(writer >= 0 && write(writer, "new", 3) == 3, "it may get a writer again");
    CHECK_EQ(read(reader, buffer, 16), 3, "which the reader hears");
    NEED(close(others[0]) == 0);
    int late = reopen(others[1], O_WRONLY | O_NONBLOCK);
    CHECK(late >= 0, "a writer is opened again after the reader is gone");
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(late, "x", 1), EPIPE, "there is nobody to write to");
    CHECK_OK(reopen(others[1], O_WRONLY), "nor does a writer wait for a reader");
}

static void splicing(void) {
    int from[2], to[2];
    char buffer[16];
    NEED(pipe(from) == 0 && pipe(to) == 0);
    make_file("source", "0123456789");
    int fd = open("source", O_RDONLY);
    off_t offset = 2;
    CHECK_EQ(splice(fd, &offset, from[1], NULL, 5, 0), 5, "splice from a file to a pipe");
    CHECK_EQ(offset, 7, "splice moves the offset");
    CHECK_EQ(tee(from[0], to[1], 3, 0), 3, "tee");
    CHECK(read(to[0], buffer, 16) == 3 && memcmp(buffer, "234", 3) == 0, "tee copies");
    CHECK(read(from[0], buffer, 16) == 5 && memcmp(buffer, "23456", 5) == 0, "tee leaves what it copied");
    struct iovec vector = {"vector", 6};
    CHECK_EQ(vmsplice(from[1], &vector, 1, 0), 6, "vmsplice");
    int target = open("target", O_RDWR | O_CREAT, 0644);
    CHECK_EQ(splice(from[0], NULL, target, NULL, 100, 0), 6, "splice from a pipe to a file");
    CHECK(holds("target", "vector"), "the file holds the bytes");
    CHECK_ERRNO(splice(fd, NULL, target, NULL, 1, 0), EINVAL, "splice without a pipe");
    CHECK_ERRNO(splice(fd, NULL, from[1], &offset, 1, 0), ESPIPE, "splice with an offset in a pipe");
    CHECK_ERRNO(splice(-1, NULL, from[1], NULL, 1, 0), EBADF, "splice from no descriptor");
    CHECK_ERRNO(splice(from[0], NULL, to[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN,
                "splice from an empty pipe");
    CHECK_ERRNO(tee(fd, to[1], 1, 0), EINVAL, "tee from a file");
}

int main(void) {
    begin();
    both_ends();
    flags();
    broken_pipe();
    full_pipe();
    whole_writes();
    through_a_child();
    fifos();
    opened_again();
    splicing();
    return finish();
}
