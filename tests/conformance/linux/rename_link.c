/* The names of files: rename, link, symlink, readlink, unlink, and files that outlive their names. */
#include "helpers.h"

#include <limits.h>
#include <sys/syscall.h>

static int missing(const char *path) {
    struct stat info;
    return lstat(path, &info) == -1 && errno == ENOENT;
}

static nlink_t names_of(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 ? info.st_nlink : 0;
}

static void renaming_files(void) {
    make_file("a", "a");
    make_file("b", "b");
    CHECK_EQ(rename("a", "c"), 0, "rename");
    CHECK(missing("a") && holds("c", "a"), "rename moves the name");
    int replaced = open("b", O_RDONLY);
    char byte;
    CHECK_EQ(rename("c", "b"), 0, "rename over a file");
    CHECK(missing("c") && holds("b", "a"), "rename replaces the file");
    CHECK(read(replaced, &byte, 1) == 1 && byte == 'b', "the replaced file can still be read");
    CHECK_EQ(rename("b", "b"), 0, "rename to itself");
    CHECK(holds("b", "a"), "rename to itself changes nothing");
    NEED(link("b", "same") == 0);
    CHECK_EQ(rename("b", "same"), 0, "rename to another name of the same file");
    CHECK(!missing("b") && !missing("same"), "rename to another name of the same file does nothing");
    NEED(unlink("same") == 0);
    CHECK_ERRNO(rename("missing", "x"), ENOENT, "rename of nothing");
    CHECK_ERRNO(rename("b", "no/x"), ENOENT, "rename into a missing folder");
    CHECK_ERRNO(rename("b", "b/x"), ENOTDIR, "rename below a file");
    CHECK_ERRNO(rename("b", ""), ENOENT, "rename to the empty path");
    CHECK_ERRNO(rename("b", "x/"), ENOTDIR, "rename of a file with a trailing slash");
    CHECK_ERRNO(rename("b", forbidden_page(PROT_NONE)), EFAULT, "rename with a bad pointer");
    CHECK_EQ(rename("b", "B"), 0, "rename that changes the case");
    CHECK(missing("b") && holds("B", "a"), "case matters");
    close(replaced);
}

static void renaming_folders(void) {
    NEED(mkdir("one", 0755) == 0 && mkdir("two", 0755) == 0 && mkdir("empty", 0755) == 0);
    make_file("one/file", "one");
    make_file("two/file", "two");
    CHECK_ERRNO(rename("one", "two"), ENOTEMPTY, "rename over a folder that is not empty");
    CHECK_ERRNO(rename("one", "B"), ENOTDIR, "rename of a folder over a file");
    CHECK_ERRNO(rename("B", "one"), EISDIR, "rename of a file over a folder");
    CHECK_ERRNO(rename("one", "one/inner"), EINVAL, "rename of a folder into itself");
    CHECK_ERRNO(rename("one/file", "one"), ENOTEMPTY, "rename of a file over its folder");
    CHECK_ERRNO(rename("one/.", "x"), EBUSY, "rename of dot");
    CHECK_ERRNO(rename("one", "two/.."), EBUSY, "rename to dot-dot");
    CHECK_EQ(rename("one", "empty"), 0, "rename over an empty folder");
    CHECK(missing("one") && holds("empty/file", "one"), "the folder came with what is in it");
    CHECK_EQ(rename("empty", "two/deep/"), 0, "rename of a folder with a trailing slash");
    CHECK(holds("two/deep/file", "one") && holds("two/deep/../file", "two"), "dot-dot of a moved folder");
    int fd = open("two", O_RDONLY), here = open(".", O_RDONLY);
    CHECK_EQ(renameat(fd, "deep", here, "one"), 0, "renameat");
    CHECK(holds("one/file", "one"), "renameat moves between folders");
    CHECK_ERRNO(renameat(-1, "one", here, "x"), EBADF, "renameat with a bad descriptor");
    close(fd);
    close(here);
}

static void rename_flags(void) {
    make_file("x", "x");
    make_file("y", "y");
    CHECK_ERRNO(renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE), EEXIST,
                "RENAME_NOREPLACE over a file");
    CHECK(holds("x", "x") && holds("y", "y"), "a refused rename changes nothing");
    CHECK_ERRNO(renameat2(AT_FDCWD, "x", AT_FDCWD, "x", RENAME_NOREPLACE), EEXIST, "RENAME_NOREPLACE over itself");
    CHECK_OK(renameat2(AT_FDCWD, "x", AT_FDCWD, "x", RENAME_EXCHANGE), "RENAME_EXCHANGE with itself");
    CHECK_EQ(renameat2(AT_FDCWD, "x", AT_FDCWD, "z", RENAME_NOREPLACE), 0, "RENAME_NOREPLACE to a new name");
    CHECK_EQ(renameat2(AT_FDCWD, "y", AT_FDCWD, "z", RENAME_EXCHANGE), 0, "RENAME_EXCHANGE of files");
    CHECK(holds("y", "x") && holds("z", "y"), "RENAME_EXCHANGE swaps");
    CHECK_EQ(renameat2(AT_FDCWD, "y", AT_FDCWD, "one", RENAME_EXCHANGE), 0,
             "RENAME_EXCHANGE of a file and a folder");
    CHECK(holds("one", "x") && holds("y/file", "one"), "RENAME_EXCHANGE swaps file and folder");
    CHECK_ERRNO(renameat2(AT_FDCWD, "z", AT_FDCWD, "no", RENAME_EXCHANGE), ENOENT,
                "RENAME_EXCHANGE with nothing");
    CHECK_ERRNO(renameat2(AT_FDCWD, "z", AT_FDCWD, "no", 1U << 31), EINVAL, "renameat2 unknown flag");
    CHECK_ERRNO(renameat2(AT_FDCWD, "z", AT_FDCWD, "no", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL,
                "renameat2 flags that contradict");
}

static void hard_links(void) {
    make_file("first", "text");
    CHECK_EQ(link("first", "second"), 0, "link");
    CHECK(names_of("first") == 2 && names_of("second") == 2, "link counts names");
    make_file("second", "changed");
    CHECK(holds("first", "changed"), "both names are one file");
    CHECK_EQ(unlink("first"), 0, "unlink of one name");
    CHECK(names_of("second") == 1 && holds("second", "changed"), "the other name stays");
    CHECK_ERRNO(link("second", "z"), EEXIST, "link over a file");
    CHECK_ERRNO(link("missing", "first"), ENOENT, "link to nothing");
    CHECK_ERRNO(link("two", "first"), EPERM, "link to a folder");
    CHECK_ERRNO(link("second", "no/first"), ENOENT, "link in a missing folder");
    CHECK_ERRNO(link("second", "z/first"), ENOTDIR, "link below a file");
    NEED(symlink("second", "soft") == 0 && link("soft", "hard") == 0);
    CHECK(S_ISLNK(mode_of("hard")) && names_of("soft") == 2, "link does not follow a symbolic link");
    CHECK_EQ(linkat(AT_FDCWD, "soft", AT_FDCWD, "first", AT_SYMLINK_FOLLOW), 0, "linkat AT_SYMLINK_FOLLOW");
    CHECK(S_ISREG(mode_of("first")) && names_of("second") == 2, "AT_SYMLINK_FOLLOW links the target");
    CHECK_ERRNO(linkat(AT_FDCWD, "second", AT_FDCWD, "x", 1 << 30), EINVAL, "linkat unknown flag");
}

static void symbolic_links(void) {
    char target[64] = "", longest[PATH_MAX + 1];
    CHECK_EQ(symlink("any text/../at all", "text"), 0, "symlink");
    CHECK_EQ(readlink("text", target, sizeof target), 18, "readlink");
    CHECK(memcmp(target, "any text/../at all", 19) == 0, "readlink gives the text, without a zero");
    CHECK_EQ(readlink("text", target, 3), 3, "readlink cuts");
    struct stat info;
    CHECK(lstat("text", &info) == 0 && info.st_size == 18, "lstat tells the length of the text");
    CHECK_EQ(mode_of("text"), S_IFLNK | 0777, "the mode of a symbolic link");
    CHECK_ERRNO(symlink("other", "text"), EEXIST, "symlink over a link");
    CHECK_ERRNO(symlink("", "new"), ENOENT, "symlink to the empty path");
    CHECK_ERRNO(symlink("x", ""), ENOENT, "symlink at the empty path");
    memset(longest, 'x', PATH_MAX);
    longest[PATH_MAX] = 0;
    CHECK_ERRNO(symlink(longest, "new"), ENAMETOOLONG, "symlink with too long a text");
    CHECK_ERRNO(readlink("z", target, sizeof target), EINVAL, "readlink of a file");
    CHECK_ERRNO(readlink("missing", target, sizeof target), ENOENT, "readlink of nothing");
    CHECK_ERRNO(syscall(SYS_readlink, "text", target, 0L), EINVAL, "readlink into no room");
    CHECK_ERRNO(syscall(SYS_readlink, "text", forbidden_page(PROT_READ), 8L), EFAULT,
                "readlink with a bad pointer");
    CHECK_EQ(rename("text", "renamed"), 0, "rename of a dangling link");
    CHECK(S_ISLNK(mode_of("renamed")), "rename moves the link itself");
    NEED(symlink("z", "to-z") == 0);
    CHECK_EQ(unlink("to-z"), 0, "unlink of a link");
    CHECK(holds("z", "y"), "unlink leaves the target");
}

static void outliving(void) {
    char buffer[16] = "";
    struct stat info;
    make_file("gone", "still here");
    int fd = open("gone", O_RDWR);
    CHECK_EQ(unlink("gone"), 0, "unlink of an open file");
    CHECK_ERRNO(open("gone", O_RDONLY), ENOENT, "the name is gone");
    CHECK(read(fd, buffer, 16) == 10 && strcmp(buffer, "still here") == 0, "the file can still be read");
    CHECK_EQ(write(fd, "!", 1), 1, "the file can still be written");
    CHECK(fstat(fd, &info) == 0 && info.st_nlink == 0 && info.st_size == 11, "a file without a name");
    make_file("gone", "new");
    CHECK(pread(fd, buffer, 5, 0) == 5 && memcmp(buffer, "still", 5) == 0,
          "a new file of that name is another file");
    CHECK(holds("gone", "new"), "the new file has its own text");
    close(fd);
    CHECK_ERRNO(unlink("missing"), ENOENT, "unlink of nothing");
    CHECK_ERRNO(unlink("gone/"), ENOTDIR, "unlink of a file with a trailing slash");
    CHECK_ERRNO(unlink("gone/x"), ENOTDIR, "unlink below a file");
    CHECK_ERRNO(unlink("two"), EISDIR, "unlink of a folder");
    CHECK_ERRNO(unlinkat(AT_FDCWD, "gone", AT_REMOVEDIR), ENOTDIR, "unlinkat AT_REMOVEDIR of a file");
    CHECK_ERRNO(unlinkat(AT_FDCWD, "gone", 1), EINVAL, "unlinkat unknown flag");
    CHECK_ERRNO(unlinkat(-1, "gone", 0), EBADF, "unlinkat with a bad descriptor");
}

static void ordinary_rights(void) {
    become_ordinary();
    CHECK_ERRNO(rename("sealed/file", "sealed/other"), EACCES, "rename in a folder without w");
    CHECK_ERRNO(unlink("sealed/file"), EACCES, "unlink in a folder without w");
    CHECK_ERRNO(symlink("x", "sealed/link"), EACCES, "symlink in a folder without w");
    CHECK_ERRNO(mkdir("sealed/folder", 0755), EACCES, "mkdir in a folder without w");
}

int main(void) {
    begin();
    renaming_files();
    renaming_folders();
    rename_flags();
    hard_links();
    symbolic_links();
    outliving();
    NEED(mkdir("sealed", 0755) == 0);
    make_file("sealed/file", "");
    NEED(chmod("sealed", 0555) == 0);
    in_child(ordinary_rights);
    NEED(chmod("sealed", 0755) == 0);
    return finish();
}
