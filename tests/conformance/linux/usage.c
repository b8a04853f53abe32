/* /proc/PID/{io,auxv,smaps,smaps_rollup,ns}: what a process has read and written, was told, has in memory, and lives in. */
#include "helpers.h"

#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { SIZE = 12345, BLOCK = 1 << 20 };

static char text[1 << 20];

/* Reads a whole file into text; its length, or -1. */
static long slurp(const char *path) {
    int fd = open(path, O_RDONLY);
    long size = 0;
    for (ssize_t more = 1; fd >= 0 && more > 0; size += more)
        if ((more = read(fd, text + size, sizeof text - 1 - (size_t)size)) < 0)
            more = 0;
    text[size] = 0;
    close(fd);
    return fd >= 0 ? size : -1;
}

/* The number behind a name at the start of a line of text. */
static long value(const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\n%s:", name);
    const char *found = strncmp(text, key + 1, strlen(key) - 1) == 0 ? text - 1 : strstr(text, key);
    return found ? strtol(found + strlen(key), NULL, 10) : -1;
}

static long transferred(const char *name) {
    NEED(slurp("/proc/self/io") > 0);
    return value(name);
}

static void transfers(void) {
    static char bytes[SIZE];
    struct iovec parts[] = {{bytes, 1000}, {bytes + 1000, 345}};
    int fd = open("file", O_RDWR | O_CREAT, 0644);
    NEED(fd >= 0);
    long written = transferred("wchar"), calls = transferred("syscw");
    NEED(write(fd, bytes, SIZE) == SIZE && writev(fd, parts, 2) == 1345 && pwrite(fd, bytes, 5, 0) == 5);
    written = transferred("wchar") - written;
    CHECK_EQ(value("syscw") - calls, 3, "syscw counts the calls");
    CHECK_EQ(written, SIZE + 1345 + 5, "wchar counts what was written");
    long before = transferred("rchar"), again = transferred("rchar");
    NEED(pread(fd, bytes, SIZE, 0) == SIZE && readv(fd, parts, 2) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
         readv(fd, parts, 2) == 1345);
    long after = transferred("rchar");
    /* What it takes to look counts too, and is as long each time, give or take a digit. */
    CHECK(after - again - (again - before) - SIZE - 1345 < 8, "rchar counts what was read");
    CHECK(after - again > SIZE + 1345, "and what it took to look");
    pid_t child = fork();
    if (child == 0)
        _exit(transferred("wchar") != 0);
    int status;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0, "a child begins with nothing");
    CHECK_EQ(transferred("cancelled_write_bytes"), 0, "no write was cancelled");
    close(fd);
}

static void auxiliary_vector(void) {
    uint64_t vector[128];
    int fd = open("/proc/self/auxv", O_RDONLY);
    ssize_t pairs = 0;
    ssize_t size = read(fd, vector, sizeof vector);
    struct stat info;
    CHECK(fstat(fd, &info) == 0 && (info.st_mode & 07777) == 0400, "auxv is its owner's to read");
    close(fd);
    CHECK(size > 0 && size % 16 == 0 && vector[size / 8 - 2] == AT_NULL, "it ends with AT_NULL");
    static const uint64_t kinds[] = {AT_PAGESZ, AT_PHDR, AT_PHNUM, AT_ENTRY, AT_RANDOM, AT_SYSINFO_EHDR, AT_EXECFN, AT_UID};
    size_t same = 0;
    for (; pairs < size / 16 && vector[2 * pairs] != AT_NULL; pairs++)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            same += vector[2 * pairs] == kinds[i] && vector[2 * pairs + 1] == getauxval(kinds[i]);
    CHECK_EQ(same, sizeof kinds / sizeof *kinds, "it is what getauxval knows");
}

/* The fields of the region that holds an address, in text from its line on; NULL when there is none. */
static const char *region(const void *address) {
    static char part[2048];
    memset(part, 0, sizeof part);
    NEED(slurp("/proc/self/smaps") > 0);
    for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && start <= (uintptr_t)address && (uintptr_t)address < end) {
            memcpy(part, line, strnlen(line, sizeof part - 1));
            return part;
        }
    }
    return NULL;
}

static long field(const char *part, const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\n%s:", name);
    const char *found = part ? strstr(part, key) : NULL;
    return found ? strtol(found + strlen(key), NULL, 10) : -1;
}

static void memory(void) {
    const void *code = __extension__(const void *)memory;
    char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(block != MAP_FAILED && mprotect(block, 4096, PROT_NONE) == 0 && mprotect(block + BLOCK - 4096, 4096, PROT_NONE) == 0);
    const char *part = region(block + 4096);
    CHECK_EQ(field(part, "Size"), (BLOCK - 8192) / 1024, "smaps has the size of a region");
    CHECK_EQ(field(part, "Rss"), 0, "what was never touched is not in memory");
    CHECK_EQ(field(part, "KernelPageSize"), 4, "pages have 4 KiB");
    memset(block + 4096, 1, 40960);
    part = region(block + 4096);
    CHECK(field(part, "Rss") >= 40 && field(part, "Rss") <= 1024, "what was touched is");
    CHECK_EQ(field(part, "Anonymous"), field(part, "Rss"), "all of it without a file");
    CHECK_EQ(field(part, "Private_Dirty"), field(part, "Rss"), "all of it its own");
    CHECK(part && strstr(part, "VmFlags: rd wr mr mw me "), "its rights are among the flags");
    part = region(block);
    CHECK(part && strstr(part, "VmFlags: mr mw me "), "a region without rights has none there");
    CHECK(field(region(code), "Rss") > 0, "code that runs is in memory");
    NEED(slurp("/proc/self/smaps_rollup") > 0);
    CHECK(strstr(text, " ---p 00000000 00:00 0 ") && strstr(text, " [rollup]\n"), "smaps_rollup has one line");
    CHECK(value("Rss") >= 40 && value("Pss") <= value("Rss"), "and the sums");
    CHECK(value("Pss_Anon") + value("Pss_File") + value("Pss_Shmem") <= value("Pss") + 2, "which are divided");
    munmap(block, BLOCK);
}

static void namespaces(void) {
    static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "user", "uts"};
    char path[64], link[64], wanted[64];
    struct stat info;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        ssize_t size = readlink(path, link, sizeof link - 1);
        link[size > 0 ? size : 0] = 0;
        snprintf(wanted, sizeof wanted, "%.*s:[%lu]", (int)strcspn(names[i], "_"), names[i],
                 stat(path, &info) == 0 ? (unsigned long)info.st_ino : 0);
        CHECK(strcmp(link, wanted) == 0 && S_ISREG(info.st_mode), names[i]);
    }
    CHECK_ERRNO(readlink("/proc/self/ns/none", link, sizeof link), ENOENT, "a namespace that there is not");
    int fd = open("/proc/self/ns/uts", O_RDONLY);
    CHECK(fd >= 0, "a namespace can be opened");
    CHECK_ERRNO(read(fd, link, 1), EINVAL, "but not read");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(path, link, sizeof link - 1);
    CHECK(size > 5 && strncmp(link, "uts:[", 5) == 0, "its descriptor shows as what it is");
    pid_t child = fork();
    if (child == 0) {
        struct stat theirs;
        snprintf(path, sizeof path, "/proc/%d/ns/pid", getppid());
        _exit(stat(path, &info) || stat("/proc/self/ns/pid", &theirs) || info.st_ino != theirs.st_ino);
    }
    int status;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0, "a child is in the same");
}

int main(void) {
    begin();
    transfers();
    auxiliary_vector();
    memory();
    namespaces();
    return finish();
}
