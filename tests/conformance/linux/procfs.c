/* /proc as programs read it: of oneself, of a child, of the machine. Structure, never values. */
#include "helpers.h"

#include <ctype.h>
#include <dirent.h>
#include <stdint.h>
#include <sys/prctl.h>

static char text[65536];

/* Reads a whole file into text, in as many reads as it takes; returns its length or -1. */
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

/* The value of a line `NAME:<blank>VALUE` of the file in text, as a number. */
static long field(const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\n%s:", name);
    const char *found = strncmp(text, key + 1, strlen(key) - 1) == 0 ? text - 1 : strstr(text, key);
    return found ? strtol(found + strlen(key), NULL, 10) : -1;
}

/* The numbers after the command in /proc/PID/stat, which may hold blanks and brackets; returns how many. */
static int stat_numbers(const char *path, char *state, long *number) {
    int count = 0;
    if (slurp(path) <= 0 || !strrchr(text, ')'))
        return -1;
    char *at = strrchr(text, ')') + 2;
    *state = *at++;
    for (char *end; count < 60; at = end, count++) {
        number[count] = strtol(at, &end, 10);
        if (end == at)
            break;
    }
    return count;
}

static const char *target(const char *path) {
    static char link[4096];
    ssize_t size = readlink(path, link, sizeof link - 1);
    link[size > 0 ? size : 0] = 0;
    return link;
}

static void numbers(void) {
    long number[60];
    char state;
    int count = stat_numbers("/proc/self/stat", &state, number);
    CHECK(count >= 41, "stat has 44 fields or more");
    CHECK_EQ(strtol(text, NULL, 10), getpid(), "stat begins with the id");
    CHECK_EQ(state, 'R', "one who reads its own state is running");
    CHECK(number[0] == getppid() && number[1] == getpgrp() && number[2] == getsid(0),
          "parent, group, session");
    CHECK_EQ(number[16], 1, "one thread");
    CHECK(number[18] > 0, "a start time");
    CHECK(number[19] > 0 && number[20] > 0, "memory, mapped and resident");
    NEED(slurp("/proc/self/statm") > 0);
    long size, resident;
    CHECK(sscanf(text, "%ld %ld", &size, &resident) == 2 && size >= resident && resident > 0, "statm");
    NEED(slurp("/proc/self/status") > 0);
    CHECK_EQ(field("Pid"), getpid(), "status Pid");
    CHECK_EQ(field("Tgid"), getpid(), "status Tgid");
    CHECK_EQ(field("PPid"), getppid(), "status PPid");
    CHECK(field("Uid") == getuid() && field("Gid") == getgid(), "status Uid and Gid");
    CHECK_EQ(field("Threads"), 1, "status Threads");
    CHECK_EQ(field("Umask"), 22, "status Umask");
    CHECK(field("VmSize") >= field("VmRSS") && field("VmRSS") > 0, "status VmSize and VmRSS");
    CHECK(strstr(text, "\nState:\tR (running)\n") != NULL, "status State");
    CHECK(strstr(text, "\nSigBlk:\t0000000000000000\n") != NULL, "status SigBlk");
}

static void command(const char *self) {
    char name[32] = "";
    long size = slurp("/proc/self/cmdline");
    CHECK(size == 13 && strcmp(text, self) == 0 && strcmp(text + 7, "again") == 0,
          "cmdline is argv, each with its zero");
    CHECK(slurp("/proc/self/environ") > 0 && memmem(text, sizeof text, "CONFORMANCE=procfs", 19), "environ");
    NEED(slurp("/proc/self/comm") > 0 && sscanf(text, "%31s", name) == 1);
    CHECK(strncmp(name, "procfs", 6) == 0, "comm begins as the program's name");
    int fd = open("/proc/self/comm", O_WRONLY);
    CHECK_EQ(write(fd, "a (b) c that is too long", 24), 24, "comm can be written");
    CHECK(slurp("/proc/self/comm") == 16 && strcmp(text, "a (b) c that is\n") == 0, "comm keeps 15 bytes");
    CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "a (b) c that is") == 0,
          "PR_GET_NAME tells the same");
    CHECK(slurp("/proc/self/stat") > 0 && strstr(text, " (a (b) c that is) ") != NULL, "stat tells the same");
    CHECK(prctl(PR_SET_NAME, "short") == 0 && slurp("/proc/self/comm") == 6, "PR_SET_NAME");
    close(fd);
}

static void links(void) {
    char path[64], expected[64], here[4096];
    struct stat info;
    snprintf(expected, sizeof expected, "%d", getpid());
    CHECK(strcmp(target("/proc/self"), expected) == 0, "/proc/self is one's id");
    CHECK(getcwd(here, sizeof here) && strcmp(target("/proc/self/cwd"), here) == 0, "cwd");
    CHECK(strcmp(target("/proc/self/root"), "/") == 0, "root");
    CHECK(target("/proc/self/exe")[0] == '/' && strstr(target("/proc/self/exe"), "procfs") != NULL, "exe");
    CHECK(access("/proc/self/exe", X_OK) == 0 && stat("/proc/self/exe", &info) == 0 && S_ISREG(info.st_mode),
          "exe leads to the file");
    int end[2], fd = open("file", O_RDWR | O_CREAT, 0644);
    NEED(pipe(end) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", end[0]);
    NEED(fstat(end[0], &info) == 0);
    snprintf(expected, sizeof expected, "pipe:[%lu]", info.st_ino);
    CHECK(strcmp(target(path), expected) == 0, "fd of a pipe");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK(strncmp(target(path), here, strlen(here)) == 0 && strcmp(target(path) + strlen(here), "/file") == 0,
          "fd of a file");
    NEED(rename("file", "renamed") == 0);
    CHECK(strcmp(target(path) + strlen(here), "/renamed") == 0, "fd follows a rename");
    NEED(unlink("renamed") == 0);
    CHECK(strcmp(target(path) + strlen(here), "/renamed (deleted)") == 0, "fd of a file without a name");
    NEED(write(fd, "text", 4) == 4 && lseek(fd, 2, SEEK_SET) == 2);
    int again = open(path, O_RDONLY);
    CHECK(read(again, expected, 8) == 4, "a file without a name is opened again through fd");
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    CHECK(slurp(path) > 0 && field("pos") == 2 && strstr(text, "flags:\t01") != NULL,
          "fdinfo tells position and flags");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    close(fd);
    CHECK_ERRNO(readlink(path, expected, sizeof expected), ENOENT, "fd of a closed descriptor");
    close(again);
    close(end[0]);
    close(end[1]);
}

static void descriptors(void) {
    int fd = open("/dev/null", O_RDONLY), found = 0, strange = 0;
    DIR *stream = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(stream));) {
        found += atoi(entry->d_name) == fd && isdigit(entry->d_name[0]);
        strange += !isdigit(entry->d_name[0]) && entry->d_name[0] != '.';
    }
    closedir(stream);
    CHECK(found == 1 && strange == 0, "the folder fd lists descriptors");
    close(fd);
    stream = opendir("/proc");
    for (found = 0; stream;) {
        struct dirent *entry = readdir(stream);
        if (!entry)
            break;
        found += atoi(entry->d_name) == getpid();
    }
    closedir(stream);
    CHECK_EQ(found, 1, "/proc lists processes");
    CHECK_ERRNO(open("/proc/self/new", O_WRONLY | O_CREAT, 0600), ENOENT, "no new file in /proc");
    CHECK_ERRNO(open("/proc/self/nothing", O_RDONLY), ENOENT, "a missing file in /proc");
    CHECK_ERRNO(open("/proc/0", O_RDONLY), ENOENT, "process 0");
    CHECK_ERRNO(mkdir("/proc/self/new", 0700), ENOENT, "mkdir in /proc");
    CHECK_ERRNO(readlink("/proc/self/stat", text, sizeof text), EINVAL, "readlink of a file in /proc");
    CHECK_ERRNO(open("/proc/self/stat/x", O_RDONLY), ENOTDIR, "below a file in /proc");
}

/* The rights /proc/self/maps gives for an address, or an empty text. */
static const char *rights_of(const void *address) {
    static char rights[8];
    rights[0] = 0;
    NEED(slurp("/proc/self/maps") > 0);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long start, end;
        char found[8];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, found) == 3 && (uintptr_t)address - start < end - start)
            strcpy(rights, found);
    }
    return rights;
}

static void mappings(void) {
    int local = 0, fd = open("mapped", O_RDWR | O_CREAT, 0644);
    char *file = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), *memory = forbidden_page(PROT_NONE);
    CHECK(strcmp(rights_of(&local), "rw-p") == 0, "maps shows the stack");
    CHECK(strcmp(rights_of((void *)(uintptr_t)rights_of), "r-xp") == 0, "maps shows the program");
    CHECK(strcmp(rights_of(file), "r--s") == 0, "maps shows a shared file");
    CHECK(strcmp(rights_of(memory), "---p") == 0, "maps shows what may not be touched");
    CHECK(slurp("/proc/self/maps") > 0 && strstr(text, "/mapped\n") != NULL, "maps names files");
    CHECK(strstr(text, "[stack]\n") != NULL, "maps names the stack");
    NEED(munmap(file, 4096) == 0 && close(fd) == 0);
    CHECK(strcmp(rights_of(file), "") == 0, "maps forgets what is unmapped");
}

static void of_a_child(void) {
    int gate[2];
    char path[64], byte, state;
    long number[60];
    NEED(pipe(gate) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) != 0);
    }
    close(gate[0]);
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    CHECK(stat_numbers(path, &state, number) >= 41 && number[0] == getpid(),
          "a child's stat tells its parent");
    int fd = open(path, O_RDONLY);
    close(gate[1]);
    siginfo_t info;
    NEED(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
    CHECK(stat_numbers(path, &state, number) >= 41 && state == 'Z',
          "a child nobody has waited for is a zombie");
    snprintf(path, sizeof path, "/proc/%d/cmdline", child);
    CHECK_EQ(slurp(path), 0, "a zombie has no command line");
    snprintf(path, sizeof path, "/proc/%d", child);
    CHECK_EQ(mode_of(path), S_IFDIR | 0555, "a zombie has its folder");
    NEED(waitpid(child, NULL, 0) == child);
    CHECK_EQ(mode_of(path), 0, "it vanishes when it is waited for");
    CHECK_ERRNO(open(path, O_RDONLY), ENOENT, "no folder of a process that is gone");
    CHECK_ERRNO(read(fd, &byte, 1), ESRCH, "a file of a process that is gone");
    close(fd);
}

static double uptime(void) {
    NEED(slurp("/proc/uptime") > 0);
    return atof(text);
}

static void of_the_machine(void) {
    double before = uptime();
    CHECK(before > 0 && uptime() >= before, "uptime does not go back");
    NEED(slurp("/proc/meminfo") > 0);
    CHECK(field("MemTotal") >= field("MemFree") && field("MemFree") > 0, "meminfo MemTotal and MemFree");
    CHECK(field("MemAvailable") > 0 && field("SwapTotal") >= field("SwapFree"),
          "meminfo MemAvailable and swap");
    CHECK(field("Buffers") >= 0 && field("Cached") >= 0, "meminfo Buffers and Cached");
    CHECK(strstr(text, " kB\n") != NULL, "meminfo counts in kB");
    CHECK(slurp("/proc/stat") > 0 && strncmp(text, "cpu  ", 5) == 0 && strstr(text, "\ncpu0 "),
          "stat has processors");
    CHECK(strstr(text, "\nbtime ") && strstr(text, "\nprocesses ") && strstr(text, "\nctxt "),
          "stat has its other lines");
    CHECK(slurp("/proc/cpuinfo") > 0 && strstr(text, "processor\t: 0\n") && strstr(text, "\nmodel name"),
          "cpuinfo");
    double load[3];
    NEED(slurp("/proc/loadavg") > 0);
    CHECK_EQ(sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]), 3, "loadavg");
    CHECK(slurp("/proc/version") > 0 && strncmp(text, "Linux version ", 14) == 0, "version");
    CHECK(slurp("/proc/filesystems") > 0 && strstr(text, "nodev\tproc\n") != NULL, "filesystems");
    CHECK(slurp("/proc/mounts") > 0 && strstr(text, " /proc proc ") != NULL, "mounts");
    CHECK(slurp("/proc/sys/kernel/ostype") > 0 && strcmp(text, "Linux\n") == 0, "sys/kernel/ostype");
    CHECK(slurp("/proc/sys/kernel/pid_max") > 0 && atol(text) > 0, "sys/kernel/pid_max");
    int fd = open("/proc/uptime", O_RDONLY);
    CHECK(read(fd, text, 1) == 1 && lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, 64) > 4,
          "read again from the start");
    close(fd);
}

int main(int count, char **arguments) {
    if (count == 1) {
        setenv("CONFORMANCE", "procfs", 1); /* environ and cmdline show what a program was started with */
        execl(target("/proc/self/exe"), "procfs", "again", (char *)NULL);
        return 1;
    }
    begin();
    numbers();
    command(arguments[0]);
    links();
    descriptors();
    mappings();
    of_a_child();
    of_the_machine();
    return finish();
}
