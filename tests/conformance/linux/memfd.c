/* memfd_create: files without a place, and the seals that make them fit to share. */
#include "helpers.h"

#include <linux/memfd.h>
#include <stdint.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

static void ordinary_files(void) {
    char text[16] = "", link[64], path[64];
    int fd = memfd_create("name", MFD_CLOEXEC);
    struct stat info;
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "memfd_create MFD_CLOEXEC");
    CHECK(fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0, "a regular file, empty");
    CHECK_EQ(info.st_mode & 0777, 0777, "its mode");
    CHECK_EQ(info.st_nlink, 0, "it has no name in any folder");
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR, "open for reading and writing");
    CHECK(write(fd, "text", 4) == 4 && lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, 16) == 4,
          "read and write");
    CHECK(ftruncate(fd, 3 * PAGE) == 0 && lseek(fd, 0, SEEK_END) == 3 * PAGE, "ftruncate");
    char *area = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(area != MAP_FAILED && memcmp(area, "text", 5) == 0, "mmap");
    area[PAGE] = 'm';
    CHECK(pread(fd, text, 1, PAGE) == 1 && text[0] == 'm', "what is written to memory is read");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, link, sizeof link - 1);
    link[length > 0 ? length : 0] = 0;
    CHECK(strcmp(link, "/memfd:name (deleted)") == 0, "its name shows in /proc");
    int reader = open(path, O_RDONLY);
    CHECK(pread(reader, text, 4, 0) == 4 && memcmp(text, "text", 4) == 0,
          "it can be opened again through /proc");
    CHECK_ERRNO(write(reader, "x", 1), EBADF, "the new opening has its own mode");
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, reader, 0), EACCES,
                "no write mapping of the new opening");
    int other = memfd_create("name", 0);
    CHECK(other >= 0 && lseek(other, 0, SEEK_END) == 0, "another of the same name is another file");
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL, "without MFD_ALLOW_SEALING it is sealed against seals");
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM, "no seal then");
    NEED(munmap(area, 3 * PAGE) == 0 && close(fd) == 0 && close(reader) == 0 && close(other) == 0);
}

static void refusals(void) {
    char name[251];
    memset(name, 'n', 250);
    name[250] = 0;
    CHECK_ERRNO(memfd_create(name, 0), EINVAL, "a name of 250 bytes");
    name[249] = 0;
    CHECK_OK(memfd_create(name, 0), "a name of 249 bytes");
    CHECK_OK(memfd_create("", 0), "no name");
    CHECK_ERRNO(memfd_create("name", 0x80000000U), EINVAL, "memfd_create unknown flag");
    CHECK_ERRNO(syscall(SYS_memfd_create, forbidden_page(PROT_NONE), 0), EFAULT,
                "memfd_create with a bad pointer");
    make_file("file", "");
    int end[2], fd = open("file", O_RDWR);
    NEED(pipe(end) == 0);
    CHECK_ERRNO(fcntl(end[1], F_GET_SEALS), EINVAL, "F_GET_SEALS on a pipe");
    CHECK_ERRNO(fcntl(-1, F_GET_SEALS), EBADF, "F_GET_SEALS on no descriptor");
    close(fd);
    close(end[0]);
    close(end[1]);
}

static void sizes(void) {
    int fd = memfd_create("sizes", MFD_ALLOW_SEALING);
    char block[PAGE] = "";
    NEED(ftruncate(fd, PAGE) == 0);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), 0, "MFD_ALLOW_SEALING starts without seals");
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0, "F_SEAL_SHRINK");
    CHECK_ERRNO(ftruncate(fd, 100), EPERM, "no shrinking");
    CHECK_EQ(ftruncate(fd, 2 * PAGE), 0, "growing is free");
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0, "F_SEAL_GROW");
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW, "seals add up");
    CHECK_ERRNO(ftruncate(fd, 3 * PAGE), EPERM, "no growing");
    CHECK_ERRNO(fallocate(fd, 0, 0, 3 * PAGE), EPERM, "no growing by fallocate");
    CHECK_EQ(ftruncate(fd, 2 * PAGE), 0, "the size it has already");
    CHECK_ERRNO(pwrite(fd, block, PAGE, 2 * PAGE), EPERM, "no growing by pwrite");
    CHECK_EQ(pwrite(fd, block, PAGE, 0), PAGE, "writing inside is free");
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0, "F_SEAL_SEAL");
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM, "no seal after that");
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL, "an unknown seal");
    close(fd);
}

static void writes(void) {
    int fd = memfd_create("writes", MFD_ALLOW_SEALING);
    NEED(ftruncate(fd, PAGE) == 0);
    char *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY, "F_SEAL_WRITE while a write mapping exists");
    memcpy(area, "sealed", 6);
    NEED(munmap(area, PAGE) == 0);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0, "F_SEAL_WRITE");
    CHECK_EQ(fallocate(fd, 0, 0, 16384), 0, "F_SEAL_WRITE lets it grow");
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EPERM, "F_SEAL_WRITE and holes");
    CHECK_ERRNO(pwrite(fd, "x", 1, 0), EPERM, "no write");
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM,
                "no shared write mapping");
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM, "no hole");
    area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(area != MAP_FAILED && memcmp(area, "sealed", 6) == 0, "a private mapping is free");
    area[0] = 'S';
    char byte;
    CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 's', "and changes nothing");
    NEED(munmap(area, PAGE) == 0 && close(fd) == 0);
    fd = memfd_create("future", MFD_ALLOW_SEALING);
    NEED(ftruncate(fd, PAGE) == 0);
    area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0,
             "F_SEAL_FUTURE_WRITE while a write mapping exists");
    area[0] = 'f';
    CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 'f', "the old mapping still writes");
    CHECK_ERRNO(pwrite(fd, "x", 1, 0), EPERM, "no new write");
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0), EPERM, "no new write mapping");
    NEED(munmap(area, PAGE) == 0 && close(fd) == 0);
}

static int inherited;

static void write_in_child(void) {
    char *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, inherited, 0);
    CHECK(area != MAP_FAILED && memcmp(area, "parent", 7) == 0, "a child sees what the parent wrote");
    memcpy(area, "child", 6);
}

static void across_fork(void) {
    inherited = memfd_create("shared", 0);
    NEED(ftruncate(inherited, PAGE) == 0);
    char *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, inherited, 0);
    memcpy(area, "parent", 7);
    in_child(write_in_child);
    CHECK(memcmp(area, "child", 6) == 0, "the parent sees what the child wrote");
    NEED(munmap(area, PAGE) == 0 && close(inherited) == 0);
}

int main(void) {
    begin();
    ordinary_files();
    refusals();
    sizes();
    writes();
    across_fork();
    return finish();
}
