/* read, write and their kin on regular files: positions, holes, vectors, lengths, copies, bad pointers. */
#include "helpers.h"

#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { MEGABYTE = 1 << 20 };

static int reopened(const char *text) {
    make_file("file", text);
    int fd = open("file", O_RDWR);
    NEED(fd >= 0);
    return fd;
}

static long size_of(int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 ? info.st_size : -1;
}

static void positions(void) {
    char buffer[32] = "";
    int fd = reopened("0123456789");
    CHECK_EQ(read(fd, buffer, 4), 4, "read");
    CHECK(memcmp(buffer, "0123", 4) == 0, "read gives the bytes");
    CHECK_EQ(read(fd, buffer, sizeof buffer), 6, "a short read at the end");
    CHECK_EQ(read(fd, buffer, sizeof buffer), 0, "end of file");
    CHECK_EQ(lseek(fd, -3, SEEK_END), 7, "lseek SEEK_END");
    CHECK_EQ(lseek(fd, -2, SEEK_CUR), 5, "lseek SEEK_CUR");
    CHECK_EQ(write(fd, "ABC", 3), 3, "write in the middle");
    CHECK(holds("file", "01234ABC89"), "write replaces");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 8, "write moves the position");
    CHECK_EQ(pread(fd, buffer, 2, 1), 2, "pread");
    CHECK_EQ(pwrite(fd, "x", 1, 0), 1, "pwrite");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 8, "pread and pwrite leave the position");
    CHECK_EQ(pread(fd, buffer, 2, 100), 0, "pread past the end");
    CHECK_EQ(lseek(fd, 100, SEEK_SET), 100, "lseek past the end");
    CHECK_EQ(size_of(fd), 10, "lseek alone grows nothing");
    CHECK_EQ(write(fd, "", 0), 0, "write of nothing");
    CHECK_EQ(size_of(fd), 10, "write of nothing grows nothing");
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL, "lseek before the start");
    CHECK_ERRNO(lseek(fd, 0, 99), EINVAL, "lseek with a bad origin");
    CHECK_ERRNO(pread(fd, buffer, 1, -1), EINVAL, "pread before the start");
    CHECK_ERRNO(pwrite(fd, "x", 1, -1), EINVAL, "pwrite before the start");
    CHECK_ERRNO(read(-1, buffer, 1), EBADF, "read from no descriptor");
    CHECK_ERRNO(write(9999, buffer, 1), EBADF, "write to no descriptor");
    CHECK_ERRNO(lseek(-1, 0, SEEK_SET), EBADF, "lseek on no descriptor");
    close(fd);
    fd = open("file", O_RDWR | O_APPEND);
    CHECK_EQ(pwrite(fd, "yz", 2, 0), 2, "pwrite on O_APPEND");
    CHECK(holds("file", "x1234ABC89yz"), "pwrite on O_APPEND writes at the end");
    close(fd);
}

static void pointers(void) {
    int fd = reopened("0123456789");
    void *none = forbidden_page(PROT_NONE), *constant = forbidden_page(PROT_READ);
    CHECK_ERRNO(read(fd, none, 4), EFAULT, "read into a forbidden page");
    CHECK_ERRNO(read(fd, constant, 4), EFAULT, "read into a read-only page");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0, "a failed read leaves the position");
    CHECK_ERRNO(write(fd, none, 4), EFAULT, "write from a forbidden page");
    CHECK_EQ(write(fd, constant, 4), 4, "write from a read-only page");
    CHECK_EQ(read(fd, none, 0), 0, "read of nothing into a forbidden page");
    CHECK_ERRNO(pread(fd, none, 4, 0), EFAULT, "pread into a forbidden page");
    CHECK_ERRNO(syscall(SYS_read, fd, none, -1L), EFAULT, "read of more than the address space");
    struct iovec forbidden = {none, 4};
    CHECK_ERRNO(readv(fd, &forbidden, 1), EFAULT, "readv into a forbidden page");
    CHECK_ERRNO(syscall(SYS_readv, fd, none, 1L), EFAULT, "readv with forbidden vectors");
    CHECK_ERRNO(syscall(SYS_writev, fd, none, 1L), EFAULT, "writev with forbidden vectors");
    close(fd);
}

static void vectors(void) {
    char first[4] = "", second[8] = "";
    struct iovec out[3] = {{"abc", 3}, {"", 0}, {"defgh", 5}};
    struct iovec in[2] = {{first, 3}, {second, 8}};
    int fd = reopened("");
    CHECK_EQ(writev(fd, out, 3), 8, "writev");
    CHECK(holds("file", "abcdefgh"), "writev writes in order");
    NEED(lseek(fd, 1, SEEK_SET) == 1);
    CHECK_EQ(readv(fd, in, 2), 7, "readv");
    CHECK(strcmp(first, "bcd") == 0 && memcmp(second, "efgh", 4) == 0, "readv fills in order");
    CHECK_EQ(preadv(fd, in, 2, 5), 3, "preadv");
    CHECK_EQ(pwritev(fd, out, 1, 6), 3, "pwritev");
    CHECK_EQ(size_of(fd), 9, "pwritev grows the file");
    CHECK_EQ(preadv2(fd, in, 2, 0, 0), 9, "preadv2");
    CHECK_EQ(lseek(fd, 2, SEEK_SET), 2, "preadv2 leaves the position");
    CHECK_EQ(preadv2(fd, in, 1, -1, 0), 3, "preadv2 at the position");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5, "preadv2 at the position moves it");
    CHECK_EQ(pwritev2(fd, out, 1, 0, RWF_APPEND), 3, "pwritev2 RWF_APPEND");
    CHECK(holds("file", "abcdefabcabc"), "RWF_APPEND writes at the end");
    CHECK_ERRNO(preadv2(fd, in, 1, 0, 0x40000000), EOPNOTSUPP, "preadv2 unknown flag");
    CHECK_ERRNO(preadv(fd, in, 1, -2), EINVAL, "preadv before the start");
    CHECK_EQ(readv(fd, in, 0), 0, "readv with no vectors");
    CHECK_ERRNO(syscall(SYS_readv, fd, in, -1L), EINVAL, "readv with a negative count");
    CHECK_ERRNO(syscall(SYS_readv, fd, in, 1025L), EINVAL, "readv with too many vectors");
    in[0].iov_len = (size_t)-1;
    CHECK_ERRNO(readv(fd, in, 1), EINVAL, "readv with a negative length");
    CHECK_ERRNO(writev(-1, out, 3), EBADF, "writev to no descriptor");
    close(fd);
}

static void lengths(void) {
    char buffer[16];
    int fd = reopened("0123456789");
    CHECK_EQ(ftruncate(fd, 4), 0, "ftruncate shrinks");
    CHECK(holds("file", "0123"), "ftruncate cuts the end");
    CHECK_EQ(ftruncate(fd, 8), 0, "ftruncate grows");
    CHECK(pread(fd, buffer, 16, 0) == 8 && memcmp(buffer, "0123\0\0\0\0", 8) == 0, "grown bytes are zero");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0, "ftruncate leaves the position");
    CHECK_EQ(truncate("file", 2), 0, "truncate");
    CHECK_EQ(size_of(fd), 2, "truncate is seen by those who have it open");
    CHECK_ERRNO(ftruncate(fd, -1), EINVAL, "ftruncate to a negative length");
    CHECK_ERRNO(truncate("file", -1), EINVAL, "truncate to a negative length");
    CHECK_ERRNO(truncate("missing", 0), ENOENT, "truncate of a missing file");
    CHECK_ERRNO(truncate(".", 0), EISDIR, "truncate of a folder");
    CHECK_ERRNO(truncate("file/x", 0), ENOTDIR, "truncate below a file");
    CHECK_ERRNO(ftruncate(-1, 0), EBADF, "ftruncate on no descriptor");
    close(fd);
    fd = open("file", O_RDONLY);
    CHECK_ERRNO(ftruncate(fd, 0), EINVAL, "ftruncate on O_RDONLY");
    close(fd);
}

static void holes(void) {
    char buffer[8] = "xxxxxxx";
    int fd = reopened("head");
    CHECK_EQ(pwrite(fd, "tail", 4, 2 * MEGABYTE), 4, "pwrite far past the end");
    CHECK_EQ(size_of(fd), 2 * MEGABYTE + 4, "a hole counts in the size");
    CHECK(pread(fd, buffer, 7, MEGABYTE) == 7 && memcmp(buffer, "\0\0\0\0\0\0\0", 7) == 0,
          "a hole reads as zeros");
    CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0, "SEEK_DATA at data");
    long hole = lseek(fd, 0, SEEK_HOLE);
    CHECK(hole > 0 && hole <= MEGABYTE, "SEEK_HOLE finds the hole");
    long data = lseek(fd, MEGABYTE, SEEK_DATA);
    CHECK(data > MEGABYTE && data <= 2 * MEGABYTE, "SEEK_DATA finds the data after the hole");
    CHECK_EQ(lseek(fd, 2 * MEGABYTE, SEEK_HOLE), 2 * MEGABYTE + 4, "the end is a hole");
    CHECK_ERRNO(lseek(fd, 3 * MEGABYTE, SEEK_DATA), ENXIO, "SEEK_DATA past the end");
    CHECK_ERRNO(lseek(fd, 3 * MEGABYTE, SEEK_HOLE), ENXIO, "SEEK_HOLE past the end");
    NEED(ftruncate(fd, 4 * MEGABYTE) == 0);
    CHECK_ERRNO(lseek(fd, 3 * MEGABYTE, SEEK_DATA), ENXIO, "SEEK_DATA in a hole at the end");
    close(fd);
}

static void small_holes(void) {
    struct stat info;
    int fd = reopened("");
    NEED(ftruncate(fd, 1 << 16) == 0);
    CHECK(fstat(fd, &info) == 0 && info.st_blocks == 0, "a file that was only made longer takes no room");
    CHECK_ERRNO(lseek(fd, 0, SEEK_DATA), ENXIO, "it has no data");
    CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0, "it is a hole");
    NEED(pwrite(fd, "x", 1, 1 << 15) == 1);
    CHECK(fstat(fd, &info) == 0 && info.st_blocks < 128, "one byte takes less than the whole");
    long data = lseek(fd, 0, SEEK_DATA);
    CHECK(data > 0 && data <= 1 << 15, "SEEK_DATA finds it");
    CHECK(lseek(fd, 1 << 15, SEEK_HOLE) < 1 << 16, "SEEK_HOLE finds the hole behind it");
    close(fd);
}

static void allocation(void) {
    char buffer[16];
    int fd = reopened("0123456789");
    CHECK_EQ(fallocate(fd, 0, 0, 100), 0, "fallocate");
    CHECK_EQ(size_of(fd), 100, "fallocate grows the file");
    CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10000), 0, "fallocate KEEP_SIZE");
    CHECK_EQ(size_of(fd), 100, "KEEP_SIZE keeps the size");
    CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3), 0, "fallocate PUNCH_HOLE");
    CHECK(pread(fd, buffer, 10, 0) == 10 && memcmp(buffer,
                                                   "01\0\0\0"
                                                   "56789",
                                                   10) == 0,
          "PUNCH_HOLE leaves zeros");
    CHECK(fallocate(fd, 0, 5, 100 << 20) == 0 && size_of(fd) == 5 + (100 << 20), "fallocate of much");
    NEED(ftruncate(fd, 100) == 0);
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP, "PUNCH_HOLE without KEEP_SIZE");
    CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL, "fallocate of nothing");
    CHECK_ERRNO(fallocate(fd, 0, -1, 1), EINVAL, "fallocate before the start");
    CHECK_ERRNO(fallocate(-1, 0, 0, 1), EBADF, "fallocate on no descriptor");
    close(fd);
    fd = open("file", O_RDONLY);
    CHECK_ERRNO(fallocate(fd, 0, 0, 1), EBADF, "fallocate on O_RDONLY");
    close(fd);
}

static void copies(void) {
    int from = reopened("0123456789"), to = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0644);
    long in = 2, out = 1;
    CHECK_EQ(copy_file_range(from, NULL, to, NULL, 4, 0), 4, "copy_file_range");
    CHECK_EQ(lseek(from, 0, SEEK_CUR), 4, "copy_file_range moves the position");
    CHECK_EQ(copy_file_range(from, &in, to, &out, 3, 0), 3, "copy_file_range with offsets");
    CHECK(in == 5 && out == 4 && holds("copy", "0234"), "copy_file_range moves the offsets");
    CHECK_EQ(copy_file_range(from, NULL, to, NULL, 100, 0), 6, "copy_file_range stops at the end");
    CHECK_EQ(copy_file_range(from, NULL, to, NULL, 100, 0), 0, "copy_file_range at the end");
    CHECK_ERRNO(copy_file_range(from, NULL, to, NULL, 1, 1), EINVAL, "copy_file_range unknown flag");
    CHECK_ERRNO(copy_file_range(-1, NULL, to, NULL, 1, 0), EBADF, "copy_file_range from no descriptor");
    in = 0;
    NEED(ftruncate(to, 0) == 0 && lseek(to, 0, SEEK_SET) == 0);
    CHECK_EQ(sendfile(to, from, &in, 5), 5, "sendfile");
    CHECK(in == 5 && holds("copy", "01234"), "sendfile moves the offset");
    NEED(lseek(from, 8, SEEK_SET) == 8);
    CHECK_EQ(sendfile(to, from, NULL, 100), 2, "sendfile stops at the end");
    CHECK(lseek(from, 0, SEEK_CUR) == 10 && holds("copy", "0123489"), "sendfile moves the position");
    CHECK_ERRNO(sendfile(to, -1, NULL, 1), EBADF, "sendfile from no descriptor");
    in = -1;
    CHECK_ERRNO(sendfile(to, from, &in, 1), EINVAL, "sendfile before the start");
    CHECK_ERRNO(sendfile(to, from, forbidden_page(PROT_NONE), 1), EFAULT, "sendfile with a bad pointer");
    CHECK_EQ(fsync(to) | fdatasync(to), 0, "fsync and fdatasync");
    CHECK_ERRNO(fsync(-1), EBADF, "fsync on no descriptor");
    close(from);
    close(to);
}

static void many_bytes(void) {
    static unsigned char pattern[MEGABYTE], found[MEGABYTE];
    for (int i = 0; i < MEGABYTE; i++)
        pattern[i] = (unsigned char)(i * 7 + i / 251);
    int fd = open("large", O_RDWR | O_CREAT, 0644);
    CHECK_EQ(write(fd, pattern, MEGABYTE), MEGABYTE, "write of a megabyte");
    CHECK_EQ(pread(fd, found, MEGABYTE, 0), MEGABYTE, "pread of a megabyte");
    CHECK(memcmp(pattern, found, MEGABYTE) == 0, "the same megabyte");
    CHECK_EQ(pread(fd, found, 5000, 4095), 5000, "pread across pages");
    CHECK(memcmp(pattern + 4095, found, 5000) == 0, "the same bytes across pages");
    close(fd);
}

int main(void) {
    begin();
    positions();
    pointers();
    vectors();
    lengths();
    holes();
    small_holes();
    allocation();
    copies();
    many_bytes();
    return finish();
}
