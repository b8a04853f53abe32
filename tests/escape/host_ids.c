/* Calls that name another process, with the id of a process of the host: no such process is in the machine. */
#include "escape.h"

#include <sched.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

static pid_t victim;
static char buffer[64];

static int no_such(long result) {
    return result == -1 && errno == ESRCH;
}

/* A call that must not find the process. */
#define NOBODY(call, name) (errno = 0, verdict(no_such((long)(call)), name, #call, 0))

static void signalling(void) {
    siginfo_t info = {.si_signo = SIGKILL, .si_code = SI_QUEUE};
    NOBODY(kill(victim, 0), "kill 0");
    NOBODY(kill(victim, SIGKILL), "kill");
    NOBODY(kill(-victim, SIGKILL), "kill of the group");
    NOBODY(syscall(SYS_tkill, victim, SIGKILL), "tkill");
    NOBODY(syscall(SYS_tgkill, victim, victim, SIGKILL), "tgkill");
    NOBODY(syscall(SYS_rt_sigqueueinfo, victim, SIGKILL, &info), "rt_sigqueueinfo");
    NOBODY(syscall(SYS_rt_tgsigqueueinfo, victim, victim, SIGKILL, &info), "rt_tgsigqueueinfo");
    int fd = (int)syscall(SYS_pidfd_open, victim, 0);
    HELD(fd == -1, "pidfd_open");
    if (fd >= 0) {
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
        syscall(438, fd, 0, 0); /* pidfd_getfd */
    }
}

static void memory(void) {
    struct iovec here = {buffer, sizeof buffer}, there = {(void *)0x400000, sizeof buffer};
    REFUSED(syscall(SYS_process_vm_readv, victim, &here, 1, &there, 1, 0), "process_vm_readv");
    REFUSED(syscall(SYS_process_vm_writev, victim, &here, 1, &there, 1, 0), "process_vm_writev");
    REFUSED(ptrace(PTRACE_ATTACH, victim, 0, 0), "ptrace attach");
    REFUSED(ptrace(PTRACE_SEIZE, victim, 0, 0), "ptrace seize");
    REFUSED(ptrace(PTRACE_PEEKDATA, victim, 0x400000, 0), "ptrace peek");
    REFUSED(syscall(SYS_kcmp, victim, getpid(), 0, 0, 0), "kcmp");
    REFUSED(syscall(SYS_move_pages, victim, 0, NULL, NULL, NULL, 0), "move_pages");
    REFUSED(syscall(SYS_migrate_pages, victim, 8, buffer, buffer), "migrate_pages");
    REFUSED(syscall(SYS_get_robust_list, victim, buffer, buffer + 8), "get_robust_list");
    REFUSED(syscall(SYS_perf_event_open, buffer, victim, -1, -1, 0), "perf_event_open");
}

static void attributes(void) {
    struct rlimit limit = {1, 1};
    struct sched_param parameters = {0};
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    NOBODY(setpriority(PRIO_PROCESS, (id_t)victim, 19), "setpriority");
    NOBODY(getpriority(PRIO_PROCESS, (id_t)victim), "getpriority");
    NOBODY(sched_setaffinity(victim, sizeof set, &set), "sched_setaffinity");
    NOBODY(sched_getaffinity(victim, sizeof set, &set), "sched_getaffinity");
    NOBODY(sched_setscheduler(victim, SCHED_IDLE, &parameters), "sched_setscheduler");
    NOBODY(sched_getscheduler(victim), "sched_getscheduler");
    NOBODY(prlimit(victim, RLIMIT_NOFILE, &limit, NULL), "prlimit");
    NOBODY(getpgid(victim), "getpgid");
    NOBODY(getsid(victim), "getsid");
    NOBODY(setpgid(victim, 0), "setpgid");
    REFUSED(setpgid(0, victim), "setpgid to a group of the host");
    REFUSED(syscall(SYS_ioprio_set, 1, victim, 0x6007), "ioprio_set");
    REFUSED(waitpid(victim, NULL, WNOHANG), "waitpid");
}

static void through_files(void) {
    static const char *const names[] = {"", "/mem", "/root", "/cwd", "/environ", "/oom_score_adj", "/fd", "/ns/mnt"};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/proc/%d%s", victim, names[i]);
        REFUSED(open(path, O_RDONLY), path);
    }
}

static void trace_me(void) {
    long result = ptrace(PTRACE_TRACEME, 0, 0, 0);
    printf("tried PTRACE_TRACEME: %ld, errno %d\n", result, errno);
    raise(SIGSTOP);
}

static void strange_personality(void) {
    printf("tried personality: %d, %d\n", personality(ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC | PER_LINUX32), errno);
    int result = execl("/bin/true", "true", (char *)NULL);
    _exit(result);
}

static void attempts(int count, char **arguments) {
    if (count < 2)
        _exit(2);
    victim = atoi(arguments[1]);
    try_alone(signalling, "signals");
    try_alone(memory, "memory");
    try_alone(attributes, "attributes");
    try_alone(through_files, "/proc");
    try_alone(trace_me, "PTRACE_TRACEME");
    try_alone(strange_personality, "personality");
}
