/* Who may do what, and when it was done: modes, umask, access, owners, times, extended attributes. */
#include "helpers.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <time.h>

static void modes(void) {
    make_file("file", "");
    CHECK_EQ(chmod("file", 0601), 0, "chmod");
    CHECK_EQ(mode_of("file"), S_IFREG | 0601, "chmod sets the mode");
    CHECK_EQ(chmod("file", 04755), 0, "chmod with the setuid bit");
    CHECK_EQ(mode_of("file"), S_IFREG | 04755, "the setuid bit shows");
    CHECK_EQ(chmod("file", 01777), 0, "chmod with the sticky bit");
    CHECK_EQ(mode_of("file"), S_IFREG | 01777, "the sticky bit shows");
    CHECK_EQ(chmod("file", 0170644), 0, "chmod with bits of the type");
    CHECK_EQ(mode_of("file"), S_IFREG | 0644, "chmod leaves the type");
    int fd = open("file", O_RDONLY);
    CHECK_EQ(fchmod(fd, 0600), 0, "fchmod on O_RDONLY");
    CHECK_EQ(mode_of("file"), S_IFREG | 0600, "fchmod sets the mode");
    CHECK_EQ(fchmodat(AT_FDCWD, "file", 0640, 0), 0, "fchmodat");
    NEED(symlink("file", "link") == 0);
    CHECK_EQ(chmod("link", 0604), 0, "chmod through a link");
    CHECK(mode_of("file") == (S_IFREG | 0604) && mode_of("link") == (S_IFLNK | 0777),
          "chmod changes the target");
    CHECK_ERRNO(chmod("missing", 0600), ENOENT, "chmod of nothing");
    CHECK_ERRNO(chmod("file/x", 0600), ENOTDIR, "chmod below a file");
    CHECK_ERRNO(chmod(forbidden_page(PROT_NONE), 0600), EFAULT, "chmod with a bad pointer");
    CHECK_ERRNO(fchmod(-1, 0600), EBADF, "fchmod on no descriptor");
    close(fd);
}

static mode_t made_with(mode_t mask, mode_t mode) {
    umask(mask);
    close(open("masked", O_WRONLY | O_CREAT, mode));
    umask(022);
    mode_t result = mode_of("masked");
    unlink("masked");
    return result;
}

static void masks(void) {
    CHECK_EQ(umask(027), 022, "umask returns the old one");
    CHECK_EQ(umask(07777), 027, "umask returns what was set");
    CHECK_EQ(umask(022), 0777, "umask keeps the nine bits");
    CHECK_EQ(made_with(0, 0666), S_IFREG | 0666, "umask 000");
    CHECK_EQ(made_with(077, 0777), S_IFREG | 0700, "umask 077");
    CHECK_EQ(made_with(0777, 0666), S_IFREG, "umask 777");
    umask(077);
    NEED(mkdir("masked-folder", 0777) == 0 && mkfifo("masked-fifo", 0666) == 0);
    CHECK_EQ(mode_of("masked-folder"), S_IFDIR | 0700, "umask on mkdir");
    CHECK_EQ(mode_of("masked-fifo"), S_IFIFO | 0600, "umask on mkfifo");
    umask(022);
}

static void owners(void) {
    struct stat info;
    NEED(stat("file", &info) == 0);
    CHECK(info.st_uid == geteuid() && info.st_gid == getegid(), "a new file belongs to who made it");
    CHECK_EQ(chown("file", geteuid(), getegid()), 0, "chown to oneself");
    CHECK_EQ(chown("file", (uid_t)-1, (gid_t)-1), 0, "chown to nobody in particular");
    CHECK_EQ(lchown("link", geteuid(), (gid_t)-1), 0, "lchown");
    int fd = open("file", O_RDONLY);
    CHECK_EQ(fchown(fd, (uid_t)-1, getegid()), 0, "fchown");
    CHECK_EQ(fchownat(fd, "", (uid_t)-1, (gid_t)-1, AT_EMPTY_PATH), 0, "fchownat AT_EMPTY_PATH");
    CHECK_ERRNO(chown("missing", (uid_t)-1, (gid_t)-1), ENOENT, "chown of nothing");
    CHECK_ERRNO(fchownat(AT_FDCWD, "file", (uid_t)-1, (gid_t)-1, 1), EINVAL, "fchownat unknown flag");
    CHECK_ERRNO(fchown(-1, (uid_t)-1, (gid_t)-1), EBADF, "fchown on no descriptor");
    close(fd);
}

static void accessible(void) {
    CHECK_EQ(access("file", F_OK), 0, "access F_OK");
    CHECK_EQ(access("file", R_OK | W_OK), 0, "access to one's own file");
    CHECK_ERRNO(access("file", X_OK), EACCES, "access X_OK when nobody may");
    CHECK_EQ(access(".", R_OK | W_OK | X_OK), 0, "access to a folder");
    CHECK_ERRNO(access("missing", F_OK), ENOENT, "access to nothing");
    CHECK_ERRNO(access("file/x", F_OK), ENOTDIR, "access below a file");
    CHECK_ERRNO(access("file", 8), EINVAL, "access with a bad mode");
    CHECK_EQ(faccessat(AT_FDCWD, "file", R_OK, AT_EACCESS), 0, "faccessat AT_EACCESS");
    NEED(symlink("missing", "dangling") == 0);
    CHECK_ERRNO(access("dangling", F_OK), ENOENT, "access follows a link");
    CHECK_EQ(faccessat(AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW), 0, "faccessat AT_SYMLINK_NOFOLLOW");
    CHECK_ERRNO(faccessat(-1, "file", F_OK, 0), EBADF, "faccessat with a bad descriptor");
}

static void ordinary_rights(void) {
    become_ordinary();
    CHECK_ERRNO(access("forbidden", R_OK), EACCES, "access R_OK of mode 000");
    CHECK_ERRNO(access("forbidden", W_OK), EACCES, "access W_OK of mode 000");
    CHECK_EQ(access("forbidden", F_OK), 0, "access F_OK of mode 000");
    CHECK_ERRNO(access("shut/file", F_OK), EACCES, "access below a folder without x");
    CHECK_ERRNO(open("shut/file", O_RDONLY), EACCES, "open below a folder without x");
    CHECK_ERRNO(chmod("/", 0755), EPERM, "chmod of somebody else's folder");
    CHECK_ERRNO(chown("/", geteuid(), (gid_t)-1), EPERM, "chown of somebody else's folder");
    CHECK_ERRNO(utimensat(AT_FDCWD, "/", (struct timespec[2]){{1, 0}, {1, 0}}, 0), EPERM,
                "times of somebody else's folder");
    CHECK_ERRNO(utimensat(AT_FDCWD, "/", NULL, 0), EACCES, "touch of somebody else's folder");
    CHECK_ERRNO(setuid(0), EPERM, "setuid to root");
    CHECK_ERRNO(chroot("."), EPERM, "chroot");
}

static void times(void) {
    struct timespec both[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
    struct stat info, before;
    CHECK_EQ(utimensat(AT_FDCWD, "file", both, 0), 0, "utimensat");
    NEED(stat("file", &info) == 0);
    CHECK(info.st_atim.tv_sec == 1000000000 && info.st_atim.tv_nsec == 123456789,
          "the time of access, to the nanosecond");
    CHECK(info.st_mtim.tv_sec == 1100000000 && info.st_mtim.tv_nsec == 987654321,
          "the time of change, to the nanosecond");
    both[0].tv_nsec = UTIME_OMIT;
    both[1].tv_nsec = UTIME_NOW;
    CHECK_EQ(utimensat(AT_FDCWD, "link", both, 0), 0, "utimensat UTIME_OMIT and UTIME_NOW through a link");
    before = info;
    NEED(stat("file", &info) == 0);
    CHECK_EQ(info.st_atim.tv_nsec, 123456789, "UTIME_OMIT leaves a time");
    CHECK(info.st_mtim.tv_sec > before.st_mtim.tv_sec + 1000000, "UTIME_NOW is now");
    both[0] = both[1] = (struct timespec){5, 6};
    CHECK_EQ(utimensat(AT_FDCWD, "link", both, AT_SYMLINK_NOFOLLOW), 0, "utimensat AT_SYMLINK_NOFOLLOW");
    CHECK(lstat("link", &info) == 0 && info.st_mtim.tv_sec == 5 && info.st_mtim.tv_nsec == 6,
          "a link has its own times");
    int fd = open("file", O_RDWR);
    CHECK_EQ(futimens(fd, both), 0, "futimens");
    CHECK_EQ(write(fd, "x", 1), 1, "write after futimens");
    CHECK(fstat(fd, &info) == 0 && info.st_mtim.tv_sec > 5, "a write changes the time");
    CHECK_ERRNO(utimensat(AT_FDCWD, "missing", NULL, 0), ENOENT, "utimensat of nothing");
    both[0].tv_nsec = 1000000000;
    CHECK_ERRNO(utimensat(AT_FDCWD, "file", both, 0), EINVAL, "utimensat with a bad time");
    CHECK_ERRNO(utimensat(AT_FDCWD, "file", NULL, 1), EINVAL, "utimensat unknown flag");
    CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "file", forbidden_page(PROT_NONE), 0), EFAULT,
                "utimensat with a bad pointer");
    CHECK_ERRNO(futimens(-1, NULL), EBADF, "futimens on no descriptor");
    close(fd);
}

static void attributes(void) {
    char value[16] = "", names[64];
    CHECK_EQ(setxattr("file", "user.color", "green", 5, 0), 0, "setxattr");
    CHECK_EQ(getxattr("file", "user.color", value, sizeof value), 5, "getxattr");
    CHECK(strcmp(value, "green") == 0, "getxattr gives the value");
    CHECK_EQ(getxattr("file", "user.color", NULL, 0), 5, "getxattr tells the length");
    CHECK_ERRNO(getxattr("file", "user.color", value, 2), ERANGE, "getxattr into too little room");
    CHECK_ERRNO(getxattr("file", "user.taste", value, sizeof value), ENODATA,
                "getxattr of what is not there");
    CHECK_ERRNO(setxattr("file", "user.color", "red", 3, XATTR_CREATE), EEXIST,
                "XATTR_CREATE of what is there");
    CHECK_ERRNO(setxattr("file", "user.taste", "sour", 4, XATTR_REPLACE), ENODATA,
                "XATTR_REPLACE of what is not there");
    CHECK_EQ(setxattr("file", "user.color", "red", 3, XATTR_REPLACE), 0, "XATTR_REPLACE");
    CHECK_EQ(getxattr("link", "user.color", value, sizeof value), 3, "getxattr through a link");
    CHECK_EQ(setxattr("file", "user.empty", "", 0, XATTR_CREATE), 0, "setxattr of an empty value");
    int fd = open("file", O_RDONLY);
    long size = flistxattr(fd, names, sizeof names);
    CHECK(size >= 22 && memmem(names, (size_t)size, "user.color", 11), "flistxattr names the first");
    CHECK(size >= 22 && memmem(names, (size_t)size, "user.empty", 11), "flistxattr names the second");
    CHECK_EQ(listxattr("file", NULL, 0), size, "listxattr tells the length");
    CHECK_ERRNO(listxattr("file", names, 3), ERANGE, "listxattr into too little room");
    CHECK_EQ(fremovexattr(fd, "user.empty"), 0, "fremovexattr");
    CHECK_ERRNO(fremovexattr(fd, "user.empty"), ENODATA, "fremovexattr of what is not there");
    CHECK_EQ(removexattr("file", "user.color"), 0, "removexattr");
    CHECK_ERRNO(setxattr("file", "color", "x", 1, 0), EOPNOTSUPP, "setxattr without a namespace");
    CHECK_ERRNO(setxattr("file", "", "x", 1, 0), ERANGE, "setxattr without a name");
    CHECK_ERRNO(setxattr("file", "user.x", "x", 1, 8), EINVAL, "setxattr unknown flag");
    CHECK_ERRNO(setxattr("missing", "user.x", "x", 1, 0), ENOENT, "setxattr of nothing");
    CHECK_ERRNO(lsetxattr("link", "user.x", "x", 1, 0), EPERM, "user attributes are not for links");
    CHECK_ERRNO(fsetxattr(-1, "user.x", "x", 1, 0), EBADF, "fsetxattr on no descriptor");
    close(fd);
}

int main(void) {
    begin();
    modes();
    masks();
    owners();
    accessible();
    make_file("forbidden", "");
    NEED(mkdir("shut", 0755) == 0);
    make_file("shut/file", "");
    NEED(chmod("forbidden", 0) == 0 && chmod("shut", 0600) == 0);
    in_child(ordinary_rights);
    NEED(chmod("shut", 0700) == 0);
    times();
    attributes();
    return finish();
}
