/* What stat, statx and statfs tell: types, links, sizes, times that move, identity of a file. */
#include "helpers.h"

#include <linux/stat.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

static struct stat of(const char *path) {
    struct stat info;
    NEED(lstat(path, &info) == 0);
    return info;
}

static int same_file(struct stat one, struct stat other) {
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static void regular_files(void) {
    struct stat info;
    make_file("file", "twelve bytes");
    CHECK_EQ(stat("file", &info), 0, "stat");
    CHECK_EQ(info.st_mode, S_IFREG | 0644, "type and mode of a file");
    CHECK_EQ(info.st_size, 12, "size of a file");
    CHECK_EQ(info.st_nlink, 1, "links of a file");
    CHECK(info.st_uid == geteuid() && info.st_gid == getegid(), "owner of a file");
    CHECK(info.st_blksize >= 512 && info.st_ino != 0 && info.st_rdev == 0,
          "block size, inode and device of a file");
    CHECK(info.st_mtim.tv_sec == info.st_ctim.tv_sec && info.st_atim.tv_sec > 0, "times of a new file");
    NEED(link("file", "other") == 0);
    CHECK(same_file(of("file"), of("other")) && of("file").st_nlink == 2, "two names of one file");
    make_file("copy", "twelve bytes");
    CHECK(!same_file(of("file"), of("copy")), "two files");
    int fd = open("file", O_RDONLY);
    CHECK(fstat(fd, &info) == 0 && same_file(info, of("other")), "fstat tells the same file");
    CHECK(fstatat(fd, "", &info, AT_EMPTY_PATH) == 0 && same_file(info, of("file")), "fstatat AT_EMPTY_PATH");
    NEED(rename("file", "renamed") == 0);
    CHECK(same_file(info, of("renamed")), "rename keeps the identity");
    close(fd);
    struct stat before = of("renamed");
    NEED(chmod("renamed", 0600) == 0);
    struct stat after = of("renamed");
    CHECK(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec && after.st_ctim.tv_sec >= before.st_ctim.tv_sec,
          "chmod leaves the time of change of the text");
}

static void links_and_folders(void) {
    struct stat info;
    NEED(mkdir("folder", 0750) == 0 && symlink("renamed", "link") == 0 &&
         symlink("missing", "dangling") == 0);
    CHECK_EQ(of("folder").st_mode, S_IFDIR | 0750, "type and mode of a folder");
    NEED(mkdir("folder/one", 0755) == 0 && stat("folder/one/..", &info) == 0);
    CHECK(same_file(info, of("folder")), "dot-dot is the folder");
    CHECK(same_file(of("folder/."), of("folder")), "dot is the folder");
    CHECK_EQ(of("link").st_mode, S_IFLNK | 0777, "lstat tells of the link");
    CHECK_EQ(of("link").st_size, 7, "size of a link");
    CHECK(stat("link", &info) == 0 && same_file(info, of("renamed")), "stat follows the link");
    CHECK(fstatat(AT_FDCWD, "link", &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode),
          "AT_SYMLINK_NOFOLLOW");
    CHECK_ERRNO(stat("dangling", &info), ENOENT, "stat of a dangling link");
    CHECK_ERRNO(stat("missing", &info), ENOENT, "stat of nothing");
    CHECK_ERRNO(lstat("", &info), ENOENT, "lstat of the empty path");
    CHECK_ERRNO(stat("renamed/x", &info), ENOTDIR, "stat below a file");
    CHECK_ERRNO(lstat("renamed/", &info), ENOTDIR, "lstat of a file with a trailing slash");
    CHECK_ERRNO(fstat(-1, &info), EBADF, "fstat on no descriptor");
    CHECK_ERRNO(fstatat(AT_FDCWD, "link", &info, 1), EINVAL, "fstatat unknown flag");
    CHECK_ERRNO(fstatat(-1, "link", &info, 0), EBADF, "fstatat with a bad descriptor");
    CHECK_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, "link", forbidden_page(PROT_READ), 0), EFAULT,
                "stat with a bad pointer");
}

static void other_kinds(void) {
    int end[2], pair[2];
    struct stat info;
    NEED(pipe(end) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && mkfifo("fifo", 0600) == 0);
    CHECK(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode), "/dev/null is a device");
    CHECK_EQ(info.st_rdev, makedev(1, 3), "/dev/null is device 1:3");
    CHECK(stat("/dev/zero", &info) == 0 && info.st_rdev == makedev(1, 5), "/dev/zero is device 1:5");
    CHECK(fstat(end[0], &info) == 0 && S_ISFIFO(info.st_mode) && info.st_size == 0, "a pipe is a FIFO");
    struct stat other;
    CHECK(fstat(end[1], &other) == 0 && same_file(info, other), "both ends are one pipe");
    CHECK(fstat(pair[0], &info) == 0 && S_ISSOCK(info.st_mode), "a socket is a socket");
    CHECK(fstat(pair[1], &other) == 0 && !same_file(info, other), "a pair is two sockets");
    CHECK_EQ(of("fifo").st_mode, S_IFIFO | 0600, "a FIFO with a name");
    CHECK(stat("/", &info) == 0 && S_ISDIR(info.st_mode), "the root is a folder");
    CHECK(same_file(of("/"), of("/..")), "the root is its own parent");
    CHECK(stat("/proc/self", &info) == 0 && S_ISDIR(info.st_mode) && S_ISLNK(of("/proc/self").st_mode),
          "/proc/self");
    CHECK(S_ISREG(of("/proc/self/status").st_mode) && of("/proc/self/status").st_size == 0,
          "/proc/self/status");
}

static long extended(int fd, const char *path, int flags, unsigned mask, struct statx *found) {
    memset(found, 0, sizeof *found);
    return syscall(SYS_statx, fd, path, flags, mask, found);
}

static void extended_calls(void) {
    struct statx found;
    struct stat info = of("renamed");
    CHECK_EQ(extended(AT_FDCWD, "renamed", 0, STATX_BASIC_STATS, &found), 0, "statx");
    CHECK_EQ(found.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS, "statx fills what was asked for");
    CHECK(found.stx_ino == info.st_ino && makedev(found.stx_dev_major, found.stx_dev_minor) == info.st_dev,
          "statx identity");
    CHECK(found.stx_mode == info.st_mode && found.stx_size == 12 && found.stx_nlink == 2,
          "statx mode, size, links");
    CHECK(found.stx_mtime.tv_sec == info.st_mtim.tv_sec &&
              found.stx_mtime.tv_nsec == (unsigned)info.st_mtim.tv_nsec,
          "statx times");
    CHECK_EQ(extended(AT_FDCWD, "renamed", AT_STATX_DONT_SYNC, STATX_SIZE, &found), 0,
             "statx AT_STATX_DONT_SYNC");
    CHECK(extended(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &found) == 0 && S_ISLNK(found.stx_mode),
          "statx AT_SYMLINK_NOFOLLOW");
    CHECK(extended(AT_FDCWD, "link", 0, STATX_TYPE, &found) == 0 && S_ISREG(found.stx_mode),
          "statx follows a link");
    int fd = open("renamed", O_RDONLY);
    CHECK(extended(fd, "", AT_EMPTY_PATH, STATX_INO, &found) == 0 && found.stx_ino == info.st_ino,
          "statx AT_EMPTY_PATH");
    close(fd);
    CHECK(extended(AT_FDCWD, "/dev/null", 0, STATX_TYPE, &found) == 0 && found.stx_rdev_minor == 3,
          "statx of a device");
    CHECK_ERRNO(extended(AT_FDCWD, "missing", 0, STATX_SIZE, &found), ENOENT, "statx of nothing");
    CHECK_ERRNO(extended(AT_FDCWD, "", 0, STATX_SIZE, &found), ENOENT, "statx of the empty path");
    CHECK_ERRNO(extended(AT_FDCWD, "renamed", 1, STATX_SIZE, &found), EINVAL, "statx unknown flag");
    CHECK_ERRNO(extended(AT_FDCWD, "renamed", 0, STATX__RESERVED, &found), EINVAL, "statx reserved mask bit");
    CHECK_ERRNO(extended(AT_FDCWD, "renamed", AT_STATX_SYNC_TYPE, STATX_SIZE, &found), EINVAL,
                "statx flags that contradict");
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, "renamed", 0, STATX_SIZE, forbidden_page(PROT_NONE)), EFAULT,
                "statx with a bad pointer");
}

static void file_systems(void) {
    struct statfs info, other;
    struct statvfs portable;
    CHECK_EQ(statfs(".", &info), 0, "statfs");
    CHECK(info.f_bsize >= 512 && info.f_blocks >= info.f_bfree && info.f_bfree >= info.f_bavail,
          "statfs counts blocks");
    CHECK_EQ(info.f_namelen, 255, "statfs tells the longest name");
    int fd = open("renamed", O_RDONLY);
    CHECK(fstatfs(fd, &other) == 0 && other.f_type == info.f_type,
          "fstatfs of a file in the same file system");
    CHECK(statvfs(".", &portable) == 0 && portable.f_namemax == 255 && portable.f_frsize > 0, "statvfs");
    CHECK(statfs("/proc/self", &other) == 0 && other.f_type == 0x9fa0, "statfs knows procfs");
    int end[2];
    NEED(pipe(end) == 0);
    CHECK(fstatfs(end[0], &other) == 0 && other.f_type == 0x50495045, "fstatfs knows pipes");
    CHECK_ERRNO(statfs("missing", &info), ENOENT, "statfs of nothing");
    CHECK_ERRNO(statfs("renamed/x", &info), ENOTDIR, "statfs below a file");
    CHECK_ERRNO(fstatfs(-1, &info), EBADF, "fstatfs on no descriptor");
    CHECK_ERRNO(syscall(SYS_statfs, ".", forbidden_page(PROT_NONE)), EFAULT, "statfs with a bad pointer");
    close(fd);
}

int main(void) {
    begin();
    regular_files();
    links_and_folders();
    other_kinds();
    extended_calls();
    file_systems();
    return finish();
}
