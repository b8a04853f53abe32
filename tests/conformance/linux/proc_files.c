/* Files of /proc that tell of memory, locks, timers and descriptors of a process, and those that take what is written. */
#include "process.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>

enum { PAGE = 4096 };

/* The first line of a file that holds `part`, without its end; empty when there is none. */
static const char *line_with(const char *path, const char *part) {
    static char line[1024];
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strstr(line, part)) {
            line[strcspn(line, "\n")] = 0;
            fclose(file);
            return line;
        }
    if (file)
        fclose(file);
    return strcpy(line, "");
}

static void memory(void) {
    char text[] = "before", found[8] = "", *edge = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open("/proc/self/mem", O_RDWR);
    NEED(edge != MAP_FAILED && munmap(edge + PAGE, PAGE) == 0);
    memcpy(edge + PAGE - 4, "edge", 4);
    CHECK(fd >= 0, "/proc/self/mem");
    CHECK(pread(fd, found, 6, (off_t)(uintptr_t)text) == 6 && memcmp(found, "before", 6) == 0, "it reads memory");
    CHECK(pwrite(fd, "behind", 6, (off_t)(uintptr_t)text) == 6 && strcmp(text, "behind") == 0, "and writes it");
    CHECK_EQ(lseek(fd, (off_t)(uintptr_t)text, SEEK_SET), (uintptr_t)text, "lseek to an address");
    CHECK(read(fd, found, 3) == 3 && lseek(fd, 0, SEEK_CUR) == (off_t)(uintptr_t)text + 3, "from where it goes on");
    CHECK_ERRNO(lseek(fd, 0, SEEK_END), EINVAL, "it has no end");
    CHECK_EQ(pread(fd, found, 8, (off_t)(uintptr_t)(edge + PAGE - 4)), 4, "up to what is no memory");
    CHECK_ERRNO(pread(fd, found, 8, (off_t)(uintptr_t)(edge + PAGE)), EIO, "which cannot be read");
    CHECK_ERRNO(pwrite(fd, found, 8, (off_t)(uintptr_t)(edge + PAGE)), EIO, "nor written");
    CHECK_EQ(pread(fd, found, 0, (off_t)(uintptr_t)(edge + PAGE)), 0, "nothing can be read from anywhere");
    close(fd);
}

static struct gate ready, leave;
static char inside[] = "inside";

static void wait_and_tell(void) {
    open_gate(ready);
    pass(leave);
    CHECK(strcmp(inside, "changed") == 0 || strcmp(inside, "change") == 0, "another process's memory was written");
}

static void memory_of_another(void) {
    ready = new_gate(), leave = new_gate();
    pid_t child = start(wait_and_tell);
    pass(ready);
    char path[64], found[8] = "";
    snprintf(path, sizeof path, "/proc/%d/mem", child);
    int fd = open(path, O_RDWR);
    CHECK(pread(fd, found, 6, (off_t)(uintptr_t)inside) == 6 && memcmp(found, "inside", 6) == 0, "a child's memory");
    NEED(pwrite(fd, "change", 6, (off_t)(uintptr_t)inside) == 6);
    open_gate(leave);
    status_of(child);
    CHECK_EQ(pread(fd, found, 6, (off_t)(uintptr_t)inside), 0, "which is empty once it has ended");
    close(fd);
    pid_t parent = getpid();
    child = fork();
    if (child == 0) {
        become_ordinary();
        prctl(PR_SET_DUMPABLE, 0);
        snprintf(path, sizeof path, "/proc/%d/mem", parent);
        _exit(geteuid() == 0 || open(path, O_RDONLY) >= 0 || errno != EACCES);
    }
    int status = status_of(child);
    CHECK(getuid() != 0 || exited_with(status, 0), "root's memory is not for others");
}

static void regions(void) {
    char start[32], name[64], *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *page = 1;
    char *alone = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)alone;
    make_file("mapped", "content");
    int fd = open("mapped", O_RDONLY);
    char *file = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    NEED(page != MAP_FAILED && file != MAP_FAILED && file[0] == 'c');
    snprintf(start, sizeof start, "%lx default file=", (unsigned long)(uintptr_t)file);
    const char *line = line_with("/proc/self/numa_maps", start);
    CHECK(strstr(line, "/mapped ") != NULL, "numa_maps: a file");
    CHECK(strstr(line, " N0=1 kernelpagesize_kB=4") != NULL, "numa_maps: its pages");
    CHECK(strstr(line_with("/proc/self/numa_maps", " stack "), " anon=") != NULL, "numa_maps: the stack");
    snprintf(name, sizeof name, "%s", line_with("/proc/self/mountstats", " mounted on /proc with fstype proc"));
    CHECK(strncmp(name, "device ", 7) == 0, "mountstats");
    close(fd);
}

static int stored(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_TRUNC);
    long result = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    return fd < 0 ? -1 : result == (long)strlen(text) ? 0 : error;
}

static void timers(void) {
    const char *path = "/proc/self/timerslack_ns";
    NEED(prctl(PR_SET_TIMERSLACK, 70000) == 0);
    CHECK(strcmp(line_with(path, ""), "70000") == 0, "timerslack_ns tells what prctl set");
    CHECK_EQ(stored(path, "60000\n"), 0, "and takes another value");
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 60000, "which prctl tells");
    CHECK_EQ(stored(path, "x"), EINVAL, "but no word");
    pid_t child = fork();
    if (child == 0)
        _exit(prctl(PR_SET_TIMERSLACK, 0) != 0 || prctl(PR_GET_TIMERSLACK) != 60000);
    CHECK(exited_with(status_of(child), 0), "a child's usual value is what its parent had");
    NEED(prctl(PR_SET_TIMERSLACK, 0) == 0);
}

static void locks(void) {
    struct stat info;
    char where[64], wanted[128], path[64];
    int fd = open("locked", O_RDWR | O_CREAT, 0644);
    NEED(fstat(fd, &info) == 0);
    snprintf(where, sizeof where, "%02x:%02x:%lu", major(info.st_dev), minor(info.st_dev), (unsigned long)info.st_ino);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    struct flock lock = {.l_type = F_WRLCK, .l_start = 10, .l_len = 5};
    NEED(fcntl(fd, F_SETLK, &lock) == 0);
    lock = (struct flock){.l_type = F_RDLCK, .l_start = 20};
    NEED(fcntl(fd, F_SETLK, &lock) == 0);
    snprintf(wanted, sizeof wanted, ": POSIX  ADVISORY  WRITE %d %s 10 14", getpid(), where);
    CHECK(*line_with("/proc/locks", wanted), "/proc/locks: a range");
    CHECK(*line_with(path, wanted), "fdinfo tells it too");
    snprintf(wanted, sizeof wanted, ": POSIX  ADVISORY  READ %d %s 20 EOF", getpid(), where);
    CHECK(*line_with("/proc/locks", wanted), "/proc/locks: a range without end");
    lock = (struct flock){.l_type = F_UNLCK};
    NEED(fcntl(fd, F_SETLK, &lock) == 0);
    snprintf(wanted, sizeof wanted, " %s ", where);
    CHECK(!*line_with("/proc/locks", wanted), "/proc/locks: what is unlocked is gone");
    NEED(flock(fd, LOCK_SH) == 0);
    snprintf(wanted, sizeof wanted, ": FLOCK  ADVISORY  READ %d %s 0 EOF", getpid(), where);
    CHECK(*line_with("/proc/locks", wanted), "/proc/locks: a whole file");
    NEED(flock(fd, LOCK_UN) == 0);
    lock = (struct flock){.l_type = F_WRLCK, .l_len = 1};
    NEED(fcntl(fd, F_OFD_SETLK, &lock) == 0);
    snprintf(wanted, sizeof wanted, ": OFDLCK ADVISORY  WRITE -1 %s 0 0", where);
    CHECK(*line_with("/proc/locks", wanted), "/proc/locks: a lock of an open file");
    ready = new_gate();
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        open_gate(ready);
        lock.l_pid = 0;
        _exit(fcntl(open("locked", O_RDWR), F_SETLKW, &lock) != 0);
    }
    pass(ready);
    snprintf(wanted, sizeof wanted, ": -> POSIX  ADVISORY  WRITE %d %s 0 0", child, where);
    while (!*line_with("/proc/locks", wanted))
        sched_yield();
    CHECK(1, "/proc/locks: a lock that is waited for");
    close(fd);
    CHECK(exited_with(status_of(child), 0), "until the other one goes");
}

static int tells(int fd, const char *line) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    return *line_with(path, line) != 0;
}

static void descriptors(void) {
    char line[128];
    sigset_t set = set_of(SIGUSR1);
    int event = eventfd(42, 0), signal = signalfd(-1, &set, 0), epoll = epoll_create1(0), timer = timerfd_create(CLOCK_REALTIME, 0);
    int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
    CHECK(tells(event, "eventfd-count:               2a"), "fdinfo of an eventfd");
    CHECK(tells(signal, "sigmask:\t0000000000000200"), "fdinfo of a signalfd");
    struct epoll_event interest = {.events = EPOLLIN, .data.u64 = 0x123};
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &interest) == 0);
    snprintf(line, sizeof line, "tfd: %8d events: %8x data: %16x  pos:0 ino:", event, EPOLLIN | EPOLLERR | EPOLLHUP, 0x123);
    CHECK(tells(epoll, line), "fdinfo of an epoll");
    CHECK(tells(timer, "clockid: 0") && tells(timer, "it_value: (0, 0)"), "fdinfo of a timerfd");
    snprintf(line, sizeof line, "Pid:\t%d", getpid());
    CHECK(tells(process, line), "fdinfo of a pidfd");
    const int all[] = {event, signal, epoll, timer, process};
    for (size_t index = 0; index < sizeof all / sizeof *all; index++)
        close(all[index]);
}

static void settings(void) {
    become_ordinary();
    CHECK(strtol(line_with("/proc/sys/kernel/pid_max", ""), NULL, 10) >= 301, "pid_max");
    CHECK_ERRNO(open("/proc/sys/kernel/pid_max", O_WRONLY), EACCES, "is not for ordinary users to set");
    CHECK_OK(access("/proc/sys/kernel/core_pattern", R_OK), "core_pattern");
    CHECK_OK(access("/proc/sys/user/max_user_namespaces", R_OK), "max_user_namespaces");
    CHECK_OK(access("/proc/sys/net/ipv4/ip_forward", R_OK), "ip_forward");
    CHECK(strtol(line_with("/sys/class/net/lo/mtu", ""), NULL, 10) >= 1280, "/sys/class/net/lo/mtu");
    CHECK(strncmp(line_with("/proc/net/sockstat", ""), "sockets: used ", 14) == 0, "sockstat");
    CHECK(*line_with("/proc/net/snmp", "Tcp: "), "snmp");
    CHECK_OK(access("/proc/diskstats", R_OK), "diskstats");
}

int main(void) {
    begin();
    memory();
    memory_of_another();
    regions();
    timers();
    locks();
    descriptors();
    in_child(settings);
    return finish();
}
