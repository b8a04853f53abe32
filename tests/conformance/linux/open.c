/* open, openat, openat2: flags, the way through a path, and every refusal a program can meet. */
#include "helpers.h"

#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static int open_how(int dirfd, const char *path, unsigned long flags, unsigned long mode,
                    unsigned long resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

static void creation(void) {
    CHECK_ERRNO(open("file", O_RDONLY), ENOENT, "missing file");
    int fd = open("file", O_RDWR | O_CREAT, 0666);
    CHECK(fd >= 0, "O_CREAT makes a file");
    CHECK_EQ(mode_of("file"), S_IFREG | 0644, "O_CREAT takes the mode through the umask");
    CHECK_ERRNO(open("file", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST, "O_EXCL on an existing file");
    close(fd);
    CHECK_EQ(open("file", O_RDONLY), fd, "the lowest free descriptor");
    close(fd);
    fd = open("private", O_RDWR | O_CREAT, 0);
    CHECK_EQ(write(fd, "x", 1), 1, "the creator may write whatever the mode");
    close(fd);
    NEED(symlink("target", "dangling") == 0);
    CHECK_ERRNO(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST, "O_EXCL on a dangling link");
    CHECK_ERRNO(open("dangling", O_RDWR), ENOENT, "a dangling link");
    CHECK_OK(fd = open("dangling", O_RDWR | O_CREAT, 0600), "O_CREAT through a dangling link");
    close(fd);
    CHECK(S_ISREG(mode_of("target")), "O_CREAT makes the target of the link");
    CHECK_ERRNO(open("", O_RDWR | O_CREAT, 0600), ENOENT, "empty path");
    CHECK_ERRNO(open("no/file", O_RDWR | O_CREAT, 0600), ENOENT, "O_CREAT in a missing folder");
    CHECK_ERRNO(open(".", O_RDONLY | O_TMPFILE, 0600), EINVAL, "O_TMPFILE without writing");
    CHECK_ERRNO(open(forbidden_page(PROT_NONE), O_RDONLY), EFAULT, "bad path pointer");
}

static void truncating_and_appending(void) {
    make_file("text", "0123456789");
    int fd = open("text", O_WRONLY | O_APPEND);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0, "O_APPEND file can seek");
    CHECK_EQ(write(fd, "ab", 2), 2, "O_APPEND write");
    CHECK(holds("text", "0123456789ab"), "O_APPEND writes at the end");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 12, "O_APPEND leaves the position at the end");
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_CREAT | O_TRUNC), O_WRONLY | O_APPEND, "F_GETFL");
    char byte;
    CHECK_ERRNO(read(fd, &byte, 1), EBADF, "read on O_WRONLY");
    close(fd);
    fd = open("text", O_RDONLY);
    CHECK_ERRNO(write(fd, "x", 1), EBADF, "write on O_RDONLY");
    int truncated = open("text", O_WRONLY | O_TRUNC);
    CHECK_EQ(read(fd, &byte, 1), 0, "O_TRUNC empties the file for all who have it open");
    close(truncated);
    close(fd);
    fd = creat("text", 0600);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY, "creat opens for writing");
    CHECK_EQ(mode_of("text"), S_IFREG | 0644, "creat keeps the mode of an existing file");
    close(fd);
}

static void directories(void) {
    NEED(mkdir("folder", 0755) == 0 && symlink("folder", "to-folder") == 0);
    make_file("folder/inner", "inner");
    CHECK_ERRNO(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR, "O_DIRECTORY on a file");
    CHECK_ERRNO(open("folder", O_WRONLY), EISDIR, "a folder for writing");
    CHECK_ERRNO(open("folder", O_RDWR), EISDIR, "a folder for reading and writing");
    CHECK_ERRNO(open("folder", O_RDONLY | O_CREAT, 0600), EISDIR, "O_CREAT on a folder");
    CHECK_ERRNO(open("new/", O_RDWR | O_CREAT, 0600), EISDIR, "O_CREAT with a trailing slash");
    CHECK_ERRNO(open("file/", O_RDONLY), ENOTDIR, "a file with a trailing slash");
    CHECK_ERRNO(open("file/x", O_RDONLY), ENOTDIR, "a file as a folder");
    CHECK_ERRNO(open("file/..", O_RDONLY), ENOTDIR, "the parent of a file");
    int fd = open("folder", O_RDONLY | O_DIRECTORY);
    char byte;
    CHECK(fd >= 0, "O_DIRECTORY on a folder");
    CHECK_ERRNO(read(fd, &byte, 1), EISDIR, "read on a folder");
    CHECK_ERRNO(write(fd, "x", 1), EBADF, "write on a folder");
    int inner = openat(fd, "inner", O_RDONLY);
    CHECK(inner >= 0, "openat in a folder");
    CHECK_ERRNO(openat(inner, "x", O_RDONLY), ENOTDIR, "openat in a file");
    CHECK_ERRNO(openat(-1, "folder", O_RDONLY), EBADF, "openat with a bad descriptor");
    CHECK_OK(openat(-1, "/", O_RDONLY), "openat takes no notice of the descriptor of an absolute path");
    CHECK_OK(openat(fd, "../file", O_RDONLY), "openat through dot-dot");
    NEED(rename("folder", "moved") == 0);
    CHECK_OK(openat(fd, "inner", O_RDONLY), "a folder's descriptor survives a rename");
    NEED(rename("moved", "folder") == 0);
    close(inner);
    close(fd);
}

static void links(void) {
    NEED(symlink("file", "link") == 0 && symlink("loop-b", "loop-a") == 0 &&
         symlink("loop-a", "loop-b") == 0);
    CHECK_OK(open("link", O_RDONLY), "a link is followed");
    CHECK_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP, "O_NOFOLLOW on a link");
    CHECK_ERRNO(open("to-folder", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR,
                "O_NOFOLLOW and O_DIRECTORY");
    CHECK_OK(open("to-folder/inner", O_RDONLY | O_NOFOLLOW), "O_NOFOLLOW minds the last name only");
    CHECK_ERRNO(open("loop-a", O_RDONLY), ELOOP, "a loop of links");
    CHECK_ERRNO(open("loop-a/x", O_RDONLY), ELOOP, "a loop of links on the way");
    CHECK_ERRNO(open("link/x", O_RDONLY), ENOTDIR, "a link to a file as a folder");
    char chain[2][16] = {"file", ""};
    for (int i = 1; i <= 41; i++) {
        snprintf(chain[i % 2], sizeof chain[0], "chain%d", i);
        NEED(symlink(chain[(i + 1) % 2], chain[i % 2]) == 0);
    }
    CHECK_OK(open("chain40", O_RDONLY), "40 links in a row");
    CHECK_ERRNO(open("chain41", O_RDONLY), ELOOP, "41 links in a row");
}

static void names(void) {
    char name[257], path[4200];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    CHECK_ERRNO(open(name, O_RDONLY), ENAMETOOLONG, "a name of 256 bytes");
    name[255] = 0;
    CHECK_ERRNO(open(name, O_RDONLY), ENOENT, "a name of 255 bytes that is missing");
    CHECK_OK(open(name, O_RDWR | O_CREAT, 0600), "a name of 255 bytes");
    for (int i = 0; i < 4200; i += 2)
        memcpy(path + i, "./", 2);
    strcpy(path + 4090, "/file");
    CHECK_OK(open(path, O_RDONLY), "a path of 4095 bytes");
    strcpy(path + 4090, "./file");
    CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG, "a path of 4096 bytes");
    CHECK_OK(open(".//folder/..///./file", O_RDONLY), "dots and double slashes");
    CHECK_OK(open("\xff\xfe \n", O_RDWR | O_CREAT, 0600), "a name is bytes, not text");
    CHECK_ERRNO(open("FILE", O_RDONLY), ENOENT, "case matters");
}

static void path_descriptors(void) {
    int fd = open("file", O_PATH);
    struct stat info;
    char byte, target[8], path[64];
    CHECK(fd >= 0, "O_PATH");
    CHECK_ERRNO(read(fd, &byte, 1), EBADF, "O_PATH does not read");
    CHECK_ERRNO(write(fd, "x", 1), EBADF, "O_PATH does not write");
    CHECK_ERRNO(fchmod(fd, 0600), EBADF, "O_PATH does not fchmod");
    CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF, "O_PATH does not seek");
    CHECK_EQ(fstat(fd, &info), 0, "O_PATH can fstat");
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_PATH | O_ACCMODE), O_PATH, "O_PATH shows in F_GETFL");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_WRONLY);
    CHECK_EQ(write(again, "again", 5), 5, "O_PATH is opened for good through /proc");
    CHECK(holds("file", "again"), "the file behind O_PATH was written");
    close(again);
    close(fd);
    fd = open("link", O_PATH | O_NOFOLLOW);
    CHECK(fstat(fd, &info) == 0 && S_ISLNK(info.st_mode), "O_PATH and O_NOFOLLOW give the link itself");
    CHECK_EQ(readlinkat(fd, "", target, sizeof target), 4, "readlinkat of an O_PATH link");
    close(fd);
    fd = open("folder", O_PATH | O_DIRECTORY);
    CHECK_OK(openat(fd, "inner", O_RDONLY), "openat below an O_PATH folder");
    close(fd);
}

static void beneath(void) {
    int fd = open("folder", O_RDONLY | O_DIRECTORY);
    NEED(symlink("../file", "folder/out") == 0 && symlink("inner", "folder/in") == 0 &&
         symlink("/", "folder/root") == 0);
    CHECK_OK(open_how(fd, "inner", O_RDONLY, 0, RESOLVE_BENEATH), "openat2 RESOLVE_BENEATH inside");
    CHECK_OK(open_how(fd, "in", O_RDONLY, 0, RESOLVE_BENEATH), "openat2 RESOLVE_BENEATH link inside");
    CHECK_ERRNO(open_how(fd, "../file", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV,
                "openat2 RESOLVE_BENEATH dot-dot");
    CHECK_ERRNO(open_how(fd, "out", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV,
                "openat2 RESOLVE_BENEATH link outside");
    CHECK_ERRNO(open_how(fd, "root", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV,
                "openat2 RESOLVE_BENEATH link to root");
    CHECK_ERRNO(open_how(fd, "/", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV, "openat2 RESOLVE_BENEATH absolute");
    CHECK_OK(open_how(fd, "/inner", O_RDONLY, 0, RESOLVE_IN_ROOT), "openat2 RESOLVE_IN_ROOT absolute");
    CHECK_OK(open_how(fd, "../../inner", O_RDONLY, 0, RESOLVE_IN_ROOT), "openat2 RESOLVE_IN_ROOT dot-dot");
    CHECK_ERRNO(open_how(fd, "in", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP, "openat2 RESOLVE_NO_SYMLINKS");
    CHECK_ERRNO(open_how(fd, "no", O_RDONLY, 0, 0), ENOENT, "openat2 missing");
    CHECK_ERRNO(open_how(fd, "inner", O_RDONLY, 0600, 0), EINVAL, "openat2 mode without O_CREAT");
    CHECK_ERRNO(open_how(fd, "inner", 1UL << 40, 0, 0), EINVAL, "openat2 unknown flag");
    CHECK_ERRNO(open_how(fd, "inner", O_RDONLY, 0, 1UL << 40), EINVAL, "openat2 unknown resolve flag");
    CHECK_ERRNO(open_how(fd, "n", O_CREAT | O_WRONLY, 010000, 0), EINVAL, "openat2 unknown mode bit");
    struct {
        struct open_how how;
        unsigned long tail;
    } longer = {{.flags = O_RDONLY}, 0};
    CHECK_ERRNO(syscall(SYS_openat2, fd, "inner", &longer, 8), EINVAL, "openat2 size too small");
    CHECK_OK(syscall(SYS_openat2, fd, "inner", &longer, sizeof longer), "openat2 longer record of zeros");
    longer.tail = 1;
    CHECK_ERRNO(syscall(SYS_openat2, fd, "inner", &longer, sizeof longer), E2BIG, "openat2 longer record");
    close(fd);
}

static void ordinary_rights(void) {
    become_ordinary();
    CHECK_ERRNO(open("locked", O_RDONLY), EACCES, "mode 000 refuses reading");
    CHECK_ERRNO(open("readable", O_WRONLY), EACCES, "mode 444 refuses writing");
    CHECK_OK(open("readable", O_RDONLY), "mode 444 allows reading");
    CHECK_ERRNO(open("closed/file", O_RDONLY), EACCES, "a folder without x refuses the way");
    CHECK_ERRNO(open("sealed/new", O_WRONLY | O_CREAT, 0600), EACCES,
                "a folder without w refuses a new file");
    struct rlimit limit;
    int next = dup(0);
    NEED(next >= 0 && close(next) == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = (rlim_t)next;
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK_ERRNO(open("readable", O_RDONLY), EMFILE, "no descriptor left");
}

static char kept[16], closed[16];

static void exec_again(void) {
    execl("/proc/self/exe", "open", kept, closed, (char *)NULL);
    _exit(1);
}

/* Runs this program again, to see which descriptors an exec leaves open. */
static void across_exec(void) {
    snprintf(kept, sizeof kept, "%d", open("file", O_RDONLY));
    snprintf(closed, sizeof closed, "%d", open("file", O_RDONLY | O_CLOEXEC));
    CHECK_EQ(fcntl(atoi(kept), F_GETFD), 0, "no FD_CLOEXEC without O_CLOEXEC");
    CHECK_EQ(fcntl(atoi(closed), F_GETFD), FD_CLOEXEC, "O_CLOEXEC sets FD_CLOEXEC");
    in_child(exec_again);
}

int main(int count, char **arguments) {
    if (count == 3) {
        setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
        CHECK_OK(fcntl(atoi(arguments[1]), F_GETFD), "a descriptor survives exec");
        CHECK_ERRNO(fcntl(atoi(arguments[2]), F_GETFD), EBADF, "O_CLOEXEC closes at exec");
        return failures;
    }
    begin();
    creation();
    truncating_and_appending();
    directories();
    links();
    names();
    path_descriptors();
    beneath();
    make_file("locked", "");
    make_file("readable", "");
    NEED(mkdir("closed", 0755) == 0 && mkdir("sealed", 0555) == 0);
    make_file("closed/file", "");
    NEED(chmod("locked", 0) == 0 && chmod("readable", 0444) == 0 && chmod("closed", 0) == 0);
    in_child(ordinary_rights);
    NEED(chmod("closed", 0755) == 0);
    across_exec();
    return finish();
}
