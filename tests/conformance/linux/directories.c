/* Folders: making, removing, listing (also while they change), and the current one. */
#include "helpers.h"

#include <dirent.h>
#include <sys/syscall.h>

enum { MANY = 500 };

struct linux_dirent64 {
    unsigned long inode;
    long offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static void making(void) {
    CHECK_EQ(mkdir("one", 0777), 0, "mkdir");
    CHECK_EQ(mode_of("one"), S_IFDIR | 0755, "mkdir takes the mode through the umask");
    CHECK_ERRNO(mkdir("one", 0777), EEXIST, "mkdir of what exists");
    CHECK_ERRNO(mkdir("no/one", 0777), ENOENT, "mkdir in a missing folder");
    make_file("file", "text");
    CHECK_ERRNO(mkdir("file", 0777), EEXIST, "mkdir where a file is");
    CHECK_ERRNO(mkdir("file/x", 0777), ENOTDIR, "mkdir below a file");
    NEED(symlink("missing", "dangling") == 0);
    CHECK_ERRNO(mkdir("dangling", 0777), EEXIST, "mkdir where a dangling link is");
    CHECK_ERRNO(mkdir("", 0777), ENOENT, "mkdir of the empty path");
    CHECK_ERRNO(mkdir("/", 0777), EEXIST, "mkdir of the root");
    CHECK_ERRNO(mkdir(forbidden_page(PROT_NONE), 0777), EFAULT, "mkdir with a bad pointer");
    CHECK_EQ(mkdir("one/two/", 0700), 0, "mkdir with a trailing slash");
    int fd = open("one", O_RDONLY);
    CHECK_EQ(mkdirat(fd, "three", 0755), 0, "mkdirat");
    CHECK_ERRNO(mkdirat(-1, "x", 0755), EBADF, "mkdirat with a bad descriptor");
    CHECK_EQ(unlinkat(fd, "three", AT_REMOVEDIR), 0, "unlinkat AT_REMOVEDIR");
    close(fd);
}

static void removing(void) {
    CHECK_ERRNO(rmdir("one"), ENOTEMPTY, "rmdir of a folder that is not empty");
    CHECK_ERRNO(rmdir("file"), ENOTDIR, "rmdir of a file");
    CHECK_ERRNO(rmdir("missing"), ENOENT, "rmdir of nothing");
    CHECK_ERRNO(rmdir("one/."), EINVAL, "rmdir of dot");
    CHECK_ERRNO(rmdir("one/two/.."), ENOTEMPTY, "rmdir of dot-dot");
    CHECK_ERRNO(unlink("one"), EISDIR, "unlink of a folder");
    NEED(symlink("one", "to-one") == 0);
    CHECK_ERRNO(rmdir("to-one"), ENOTDIR, "rmdir of a link to a folder");
    CHECK_EQ(rmdir("one/two"), 0, "rmdir");
    CHECK_EQ(mode_of("one/two"), 0, "a removed folder is gone");
    CHECK_EQ(rmdir("one/"), 0, "rmdir with a trailing slash");
}

/* Marks in seen[i] every entry f<i>; returns how many others came, dot and dot-dot not counted. */
static int read_all(DIR *stream, char *seen) {
    int strangers = 0;
    memset(seen, 0, MANY);
    for (struct dirent *entry; (entry = readdir(stream));) {
        int number;
        if (sscanf(entry->d_name, "f%d", &number) == 1 && number < MANY && !seen[number])
            seen[number] = 1;
        else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            strangers++;
    }
    return strangers;
}

static int count(const char *seen) {
    int sum = 0;
    for (int i = 0; i < MANY; i++)
        sum += seen[i];
    return sum;
}

static void listing(void) {
    char name[300], seen[MANY];
    NEED(mkdir("many", 0755) == 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "many/f%d", i);
        NEED(mknod(name, S_IFREG | 0644, 0) == 0);
    }
    DIR *stream = opendir("many");
    CHECK_EQ(read_all(stream, seen), 0, "a listing holds no strangers and nothing twice");
    CHECK_EQ(count(seen), MANY, "a listing holds all of 500 entries");
    rewinddir(stream);
    CHECK(read_all(stream, seen) == 0 && count(seen) == MANY, "rewinddir starts over");
    rewinddir(stream);
    for (int i = 0; i < 100; i++)
        NEED(readdir(stream));
    long place = telldir(stream);
    snprintf(name, sizeof name, "%s", readdir(stream)->d_name);
    NEED(readdir(stream) && readdir(stream));
    seekdir(stream, place);
    CHECK(strcmp(readdir(stream)->d_name, name) == 0, "seekdir returns to a place");
    CHECK_EQ(dirfd(stream) >= 0 && fchdir(dirfd(stream)) == 0 && chdir("..") == 0, 1,
             "a stream's descriptor is a folder");
    closedir(stream);
}

static void deleting_while_reading(void) {
    char seen[MANY], name[300];
    int gone = 0;
    DIR *stream = opendir("many");
    for (struct dirent *entry; (entry = readdir(stream));) {
        snprintf(name, sizeof name, "many/%s", entry->d_name);
        gone += entry->d_name[0] == 'f' && unlink(name) == 0;
    }
    CHECK_EQ(gone, MANY, "every entry can be deleted while reading");
    rewinddir(stream);
    CHECK(read_all(stream, seen) == 0 && count(seen) == 0, "the folder is empty then");
    make_file("many/f7", "");
    rewinddir(stream);
    CHECK(read_all(stream, seen) == 0 && seen[7], "rewinddir sees what is new");
    closedir(stream);
}

static void raw_entries(void) {
    char buffer[1024];
    int fd = open("kinds", O_RDONLY | O_DIRECTORY), kinds = 0, whole = 1;
    long size = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    for (long at = 0; at < size;) {
        struct linux_dirent64 *entry = (void *)(buffer + at);
        kinds += strcmp(entry->name, "file") == 0 && entry->type == DT_REG;
        kinds += strcmp(entry->name, "folder") == 0 && entry->type == DT_DIR;
        kinds += strcmp(entry->name, "link") == 0 && entry->type == DT_LNK;
        kinds += strcmp(entry->name, "fifo") == 0 && entry->type == DT_FIFO;
        kinds += (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) && entry->type == DT_DIR;
        whole &= entry->inode != 0 && entry->length % 8 == 0;
        at += entry->length;
    }
    CHECK_EQ(kinds, 6, "getdents64 tells the type of each entry");
    CHECK(whole, "entries are aligned and have an inode number");
    CHECK_EQ(syscall(SYS_getdents64, fd, buffer, sizeof buffer), 0, "getdents64 at the end");
    NEED(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_ERRNO(syscall(SYS_getdents64, fd, buffer, 8L), EINVAL, "getdents64 with too small a buffer");
    CHECK_ERRNO(syscall(SYS_getdents64, fd, forbidden_page(PROT_NONE), 1024L), EFAULT,
                "getdents64 with a bad pointer");
    CHECK_ERRNO(syscall(SYS_getdents64, -1, buffer, sizeof buffer), EBADF, "getdents64 on no descriptor");
    close(fd);
    fd = open("file", O_RDONLY);
    CHECK_ERRNO(syscall(SYS_getdents64, fd, buffer, sizeof buffer), ENOTDIR, "getdents64 on a file");
    close(fd);
}

static void current_folder(void) {
    char path[4096], again[4096];
    CHECK(getcwd(path, sizeof path) != NULL, "getcwd");
    CHECK(chdir("deep/er") == 0 && getcwd(again, sizeof again), "chdir");
    CHECK(strncmp(path, again, strlen(path)) == 0 && strcmp(again + strlen(path), "/deep/er") == 0,
          "chdir shows in getcwd");
    CHECK_EQ(syscall(SYS_getcwd, again, sizeof again), strlen(again) + 1,
             "the call getcwd returns the length with the zero");
    CHECK_ERRNO(syscall(SYS_getcwd, again, 2L), ERANGE, "getcwd with too small a buffer");
    CHECK_ERRNO(syscall(SYS_getcwd, forbidden_page(PROT_NONE), 4096L), EFAULT, "getcwd with a bad pointer");
    CHECK(chdir("../..") == 0 && getcwd(again, sizeof again) && strcmp(path, again) == 0, "chdir upwards");
    CHECK_ERRNO(chdir("missing"), ENOENT, "chdir to nothing");
    CHECK_ERRNO(chdir("file"), ENOTDIR, "chdir to a file");
    int fd = open("deep", O_RDONLY), file = open("file", O_RDONLY);
    CHECK_EQ(fchdir(fd), 0, "fchdir");
    CHECK_EQ(mode_of("er"), S_IFDIR | 0755, "names are looked up in the new folder");
    CHECK_ERRNO(fchdir(file), ENOTDIR, "fchdir to a file");
    CHECK_ERRNO(fchdir(-1), EBADF, "fchdir to no descriptor");
    NEED(chdir("..") == 0 && symlink("deep", "short") == 0 && chdir("short/er") == 0);
    CHECK(getcwd(again, sizeof again) && strcmp(again + strlen(path), "/deep/er") == 0,
          "getcwd knows no links");
    NEED(rename("../../deep", "../../moved") == 0);
    CHECK(getcwd(again, sizeof again) && strcmp(again + strlen(path), "/moved/er") == 0,
          "getcwd follows a rename");
    NEED(rmdir("../er") == 0);
    CHECK_ERRNO(syscall(SYS_getcwd, again, sizeof again), ENOENT, "getcwd in a removed folder");
    CHECK_ERRNO(open("new", O_WRONLY | O_CREAT, 0600), ENOENT, "no new file in a removed folder");
    CHECK_ERRNO(mkdir("new", 0700), ENOENT, "no new folder in a removed folder");
    CHECK_OK(open(".", O_RDONLY), "dot of a removed folder");
    NEED(chdir(path) == 0);
    close(fd);
    close(file);
}

static void above_the_root(void) {
    char path[16];
    NEED(chdir("/../..") == 0);
    CHECK(getcwd(path, sizeof path) && strcmp(path, "/") == 0, "the root is its own parent");
    NEED(chdir(folder) == 0);
}

int main(void) {
    begin();
    making();
    removing();
    listing();
    deleting_while_reading();
    NEED(mkdir("kinds", 0755) == 0 && mkdir("kinds/folder", 0755) == 0 && symlink("x", "kinds/link") == 0);
    NEED(mkfifo("kinds/fifo", 0644) == 0 && mkdir("deep", 0755) == 0 && mkdir("deep/er", 0755) == 0);
    make_file("kinds/file", "");
    raw_entries();
    current_folder();
    above_the_root();
    CHECK_ERRNO((opendir("missing") ? 0 : -1), ENOENT, "opendir of nothing");
    CHECK_ERRNO((opendir("file") ? 0 : -1), ENOTDIR, "opendir of a file");
    return finish();
}
