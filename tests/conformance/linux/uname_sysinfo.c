/* What the machine says of itself: uname, sysinfo, processors, page size, limits. Structure, never values. */
#include "helpers.h"

#include <sched.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static long number_in(const char *path) {
    char text[64] = "";
    int fd = open(path, O_RDONLY);
    NEED(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
    return atol(text);
}

static void names(void) {
    struct utsname name;
    char host[65] = "", small[1];
    int major = 0, minor = 0;
    CHECK_EQ(uname(&name), 0, "uname");
    CHECK(strcmp(name.sysname, "Linux") == 0, "sysname");
    CHECK(strcmp(name.machine, "x86_64") == 0, "machine");
    CHECK(sscanf(name.release, "%d.%d", &major, &minor) == 2 && major >= 4,
          "release begins with two numbers");
    CHECK(name.version[0] == '#', "version begins with the build");
    CHECK(name.nodename[0] != 0 && strlen(name.nodename) < sizeof name.nodename, "the host has a name");
    CHECK(gethostname(host, sizeof host) == 0 && strcmp(host, name.nodename) == 0,
          "gethostname tells the same");
    CHECK_ERRNO(gethostname(small, strlen(host) > 0), ENAMETOOLONG, "gethostname into too little room");
    CHECK_ERRNO(syscall(SYS_uname, forbidden_page(PROT_NONE)), EFAULT, "uname with a bad pointer");
}

static void system_state(void) {
    struct sysinfo info;
    CHECK_EQ(sysinfo(&info), 0, "sysinfo");
    CHECK(info.mem_unit >= 1 && info.totalram > 0 && info.totalram >= info.freeram, "sysinfo counts memory");
    CHECK(info.totalswap >= info.freeswap, "sysinfo counts swap");
    CHECK(info.procs >= 1, "sysinfo counts processes");
    CHECK(info.uptime > 0 && labs(info.uptime - number_in("/proc/uptime")) <= 2,
          "sysinfo and /proc/uptime agree");
    CHECK_ERRNO(syscall(SYS_sysinfo, forbidden_page(PROT_READ)), EFAULT, "sysinfo with a bad pointer");
    double load[3] = {-1, -1, -1};
    CHECK(getloadavg(load, 3) == 3 && load[0] >= 0 && load[2] >= 0, "getloadavg");
}

static void processors(void) {
    cpu_set_t set;
    unsigned cpu = 9999, node = 9999;
    CPU_ZERO(&set);
    CHECK_EQ(sched_getaffinity(0, sizeof set, &set), 0, "sched_getaffinity");
    CHECK(CPU_COUNT(&set) >= 1 && CPU_COUNT(&set) <= sysconf(_SC_NPROCESSORS_CONF), "at least one processor");
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1 && get_nprocs() >= 1, "a processor is on line");
    CHECK(getcpu(&cpu, &node) == 0 && CPU_ISSET(cpu, &set), "getcpu tells one of them");
    CHECK_EQ(sched_setaffinity(0, sizeof set, &set), 0, "sched_setaffinity to the same");
    CPU_ZERO(&set);
    CHECK_ERRNO(sched_setaffinity(0, sizeof set, &set), EINVAL, "sched_setaffinity to none");
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 1L, &set), EINVAL,
                "sched_getaffinity into too little room");
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, sizeof set, forbidden_page(PROT_NONE)), EFAULT,
                "sched_getaffinity with a bad pointer");
    CHECK_ERRNO(sched_getaffinity(0x3ffffffc, sizeof set, &set), ESRCH, "sched_getaffinity of nobody");
    CHECK_EQ(sched_yield(), 0, "sched_yield");
}

static void constants(void) {
    CHECK_EQ(sysconf(_SC_PAGESIZE), 4096, "the page size");
    CHECK_EQ(getauxval(AT_PAGESZ), 4096, "AT_PAGESZ");
    CHECK_EQ(sysconf(_SC_CLK_TCK), 100, "clock ticks in a second");
    CHECK_EQ(getauxval(AT_CLKTCK), 100, "AT_CLKTCK");
    CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid(), "AT_UID and AT_EGID");
    CHECK(getauxval(AT_SECURE) == 0 && getauxval(AT_RANDOM) != 0, "AT_SECURE and AT_RANDOM");
    CHECK(strcmp((const char *)getauxval(AT_PLATFORM), "x86_64") == 0, "AT_PLATFORM");
    CHECK(strstr((const char *)getauxval(AT_EXECFN), "uname_sysinfo") != NULL, "AT_EXECFN");
    CHECK(getauxval(AT_SYSINFO_EHDR) == 0 || memcmp((void *)getauxval(AT_SYSINFO_EHDR), "\177ELF", 4) == 0,
          "the vDSO is an ELF file");
    CHECK_EQ(getpagesize(), 4096, "getpagesize");
}

static void limits(void) {
    struct rlimit limit, other, more;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= limit.rlim_max && limit.rlim_cur >= 64,
          "RLIMIT_NOFILE");
    CHECK_EQ(sysconf(_SC_OPEN_MAX), limit.rlim_cur, "sysconf tells the soft limit");
    other = limit;
    other.rlim_cur = 50;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &other), 0, "setrlimit lowers the soft limit");
    CHECK(prlimit(0, RLIMIT_NOFILE, &limit, &more) == 0 && more.rlim_cur == 50,
          "prlimit raises it again and tells the old one");
    CHECK(getrlimit(RLIMIT_NOFILE, &more) == 0 && more.rlim_cur == limit.rlim_cur, "it is as it was");
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur > 0, "RLIMIT_STACK");
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur <= limit.rlim_max, "RLIMIT_CORE");
    other = (struct rlimit){.rlim_cur = 2, .rlim_max = 1};
    CHECK_ERRNO(setrlimit(RLIMIT_CORE, &other), EINVAL, "a soft limit over the hard one");
    CHECK_ERRNO(getrlimit(99, &other), EINVAL, "getrlimit unknown limit");
    CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, forbidden_page(PROT_NONE)), EFAULT,
                "prlimit with a bad pointer");
    CHECK_ERRNO(prlimit(0x3ffffffc, RLIMIT_CORE, NULL, &other), ESRCH, "prlimit of nobody");
}

static void without_rights(void) {
    become_ordinary();
    struct rlimit limit = {.rlim_cur = 50, .rlim_max = 50};
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_max = 51;
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM, "nobody raises a hard limit");
    CHECK_ERRNO(sethostname("name", 4), EPERM, "nobody names the host");
    CHECK_ERRNO(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0), EPERM, "nobody reboots");
    CHECK_ERRNO(syscall(SYS_reboot, 1, 2, 3, NULL), EPERM, "nobody may, whatever it is that is asked for");
}

static void usage(void) {
    struct rusage used;
    volatile long sum = 0;
    for (long i = 0; i < 2000000; i++)
        sum += i;
    CHECK_EQ(getrusage(RUSAGE_SELF, &used), 0, "getrusage");
    CHECK(used.ru_utime.tv_sec >= 0 && used.ru_utime.tv_usec < 1000000 && used.ru_maxrss > 0,
          "getrusage tells time and memory");
    CHECK_EQ(getrusage(RUSAGE_CHILDREN, &used), 0, "getrusage of children");
    CHECK_ERRNO(getrusage(99, &used), EINVAL, "getrusage of the unknown");
    CHECK_ERRNO(syscall(SYS_getrusage, 0, forbidden_page(PROT_NONE)), EFAULT, "getrusage with a bad pointer");
    CHECK(getpriority(PRIO_PROCESS, 0) <= 19, "getpriority");
    CHECK_ERRNO(getpriority(99, 0), EINVAL, "getpriority of the unknown");
}

int main(void) {
    begin();
    names();
    system_state();
    processors();
    constants();
    limits();
    in_child(without_rights);
    usage();
    return finish();
}
