/* wait4, waitpid and waitid: which children match, what they report, once or again, and who inherits orphans. */
#include "process.h"

#include <pthread.h>
#include <sys/resource.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static struct gate forth, back;
static volatile sig_atomic_t child_signals;
static siginfo_t last_info;

static pid_t start_exiting(int code) {
    pid_t child = fork();
    if (child == 0)
        _exit(code);
    NEED(child > 0);
    return child;
}

static void wait_to_be_killed(void) {
    for (;;)
        pause();
}

/* In a group of its own, whose parent is in another: only then do the terminal's stop signals stop. */
static pid_t start_stoppable(void) {
    pid_t child = start(wait_to_be_killed);
    NEED(setpgid(child, child) == 0);
    return child;
}

static void pass_forth(void) {
    pass(forth);
}

static void die_by_abort(void) {
    no_core();
    abort();
}

static void exit_codes(void) {
    CHECK_EQ(status_of(start_exiting(0)), 0, "exit 0");
    CHECK_EQ(status_of(start_exiting(1)), 0x100, "exit 1");
    CHECK_EQ(status_of(start_exiting(255)), 0xff00, "exit 255");
    CHECK_EQ(status_of(start_exiting(256 + 7)), 0x700, "exit keeps eight bits");
    CHECK_EQ(status_of(start_exiting(-1)), 0xff00, "exit -1");
    pid_t child = start(wait_to_be_killed);
    kill(child, SIGKILL);
    CHECK_EQ(status_of(child), SIGKILL, "killed by SIGKILL");
    child = start(wait_to_be_killed);
    kill(child, SIGTERM);
    CHECK_EQ(status_of(child), SIGTERM, "killed by SIGTERM");
    child = start(wait_to_be_killed);
    kill(child, SIGRTMIN);
    CHECK_EQ(WTERMSIG(status_of(child)), SIGRTMIN, "killed by a real-time signal");
    int status = status_after(die_by_abort);
    CHECK(WIFSIGNALED(status) && !WIFEXITED(status) && !WIFSTOPPED(status) && WTERMSIG(status) == SIGABRT, "abort");
    CHECK(!WCOREDUMP(status), "no core flag from a process that may not dump");
}

static void refusals(void) {
    int status;
    siginfo_t info;
    CHECK_ERRNO(wait(&status), ECHILD, "wait without children");
    CHECK_ERRNO(waitpid(-1, &status, WNOHANG), ECHILD, "WNOHANG without children");
    CHECK_ERRNO(waitpid(getppid(), &status, WNOHANG), ECHILD, "the parent is no child");
    CHECK_ERRNO(waitpid(getpid(), &status, WNOHANG), ECHILD, "a process is not its own child");
    CHECK_ERRNO(waitpid(-1, &status, 0x1000), EINVAL, "unknown option");
    CHECK_ERRNO(waitpid(-1, &status, WNOWAIT), EINVAL, "WNOWAIT is waitid's alone");
    CHECK_ERRNO(syscall(SYS_wait4, INT32_MIN, &status, 0, NULL), ESRCH, "the group that cannot be negated");
    CHECK_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL, "waitid for nothing");
    CHECK_ERRNO(waitid(P_ALL, 0, &info, WNOHANG), EINVAL, "waitid with WNOHANG alone");
    CHECK_ERRNO(waitid(P_ALL, 0, &info, WEXITED | 0x1000), EINVAL, "waitid: unknown option");
    CHECK_ERRNO(waitid((idtype_t)17, 0, &info, WEXITED), EINVAL, "waitid: unknown kind of id");
    CHECK_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL, "waitid: process 0");
    CHECK_ERRNO(waitid(P_ALL, 0, &info, WEXITED), ECHILD, "waitid without children");
    CHECK_ERRNO(waitid((idtype_t)P_PIDFD, 999, &info, WEXITED), EBADF, "waitid: bad descriptor");
    CHECK_ERRNO(waitid((idtype_t)P_PIDFD, 0, &info, WEXITED), EBADF, "waitid: a descriptor of something else");
    pid_t child = start_exiting(0);
    CHECK_ERRNO(syscall(SYS_wait4, child, forbidden_page(PROT_NONE), 0, NULL), EFAULT, "bad status pointer");
    CHECK_ERRNO(waitpid(child, &status, 0), ECHILD, "the child was reaped all the same");
    child = start_exiting(0);
    CHECK_ERRNO(syscall(SYS_wait4, child, &status, 0, forbidden_page(PROT_READ)), EFAULT, "bad usage pointer");
}

static void which_children(void) {
    int status;
    pid_t first = start(pass_forth), second = start(pass_forth);
    NEED(setpgid(second, second) == 0);
    CHECK_EQ(waitpid(-1, &status, WNOHANG), 0, "WNOHANG: both children run");
    CHECK_EQ(waitpid(first, &status, WNOHANG), 0, "WNOHANG: that child runs");
    CHECK_EQ(waitpid(0, &status, WNOHANG), 0, "WNOHANG: a child of the own group runs");
    CHECK_EQ(waitpid(-second, &status, WNOHANG), 0, "WNOHANG: a child of that group runs");
    CHECK_ERRNO(waitpid(-first, &status, WNOHANG), ECHILD, "no child is in that group");
    open_gate(forth);
    open_gate(forth);
    CHECK_EQ(waitpid(-second, &status, 0), second, "wait for a group");
    CHECK_ERRNO(waitpid(-second, &status, 0), ECHILD, "the group has no other child");
    CHECK_EQ(waitpid(0, &status, 0), first, "wait for the own group");
    first = start(pass_forth);
    second = start_exiting(2);
    CHECK_EQ(waitpid(-1, &status, 0), second, "wait for any child takes the one that ended");
    CHECK_ERRNO(waitpid(first, &status, WNOHANG | __WCLONE), ECHILD, "__WCLONE: not for children that send SIGCHLD");
    CHECK_EQ(waitpid(first, &status, WNOHANG | __WALL), 0, "__WALL: for all children");
    NEED(setpgid(first, first) == 0);
    CHECK_ERRNO(waitpid(0, &status, WNOHANG), ECHILD, "no child is left in the own group");
    open_gate(forth);
    CHECK_EQ(wait(&status), first, "wait");
}

static void with_waitid(void) {
    siginfo_t info = {0};
    int status;
    pid_t child = start(pass_forth);
    info.si_pid = 17;
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG), 0, "waitid: WNOHANG on a running child");
    CHECK(info.si_pid == 0 && info.si_signo == 0, "waitid: nothing to report");
    open_gate(forth);
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0, "waitid: WNOWAIT");
    CHECK(info.si_pid == child && info.si_uid == getuid(), "waitid: whose report it is");
    CHECK(info.si_signo == SIGCHLD && info.si_code == CLD_EXITED && info.si_status == 0, "waitid: an exit");
    CHECK_EQ(waitid(P_ALL, 0, NULL, WEXITED | WNOWAIT), 0, "waitid: WNOWAIT left the child; no record is wanted");
    CHECK_EQ(kill(child, 0), 0, "a zombie can be signalled");
    CHECK_EQ(kill(child, SIGKILL), 0, "killing a zombie is no error");
    CHECK_EQ(getpgid(child), getpgrp(), "a zombie has a group");
    CHECK_EQ(waitpid(child, &status, 0), child, "waitpid reaps what waitid left");
    CHECK_EQ(status, 0, "the kill did not change the status");
    CHECK_ERRNO(kill(child, 0), ESRCH, "a reaped child cannot be signalled");
    child = start_exiting(300);
    CHECK(waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED) == 0 && info.si_pid == child, "waitid: P_PGID");
    CHECK_EQ(info.si_status, 300 & 255, "waitid: the exit code");
    child = start(wait_to_be_killed);
    kill(child, SIGUSR1);
    CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED), 0, "waitid: P_ALL");
    CHECK(info.si_code == CLD_KILLED && info.si_status == SIGUSR1, "waitid: a kill");
    CHECK_ERRNO(waitid(P_PID, (id_t)child, &info, WEXITED), ECHILD, "waitid reaps");
    child = start_exiting(4);
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    CHECK(waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED) == 0 && info.si_pid == child, "waitid: P_PIDFD");
    close(fd);
}

static void stops(void) {
    int status = -1;
    siginfo_t info = {0};
    pid_t child = start_stoppable();
    kill(child, SIGSTOP);
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child, "WUNTRACED");
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP && !WIFEXITED(status) && !WIFSIGNALED(status), "stopped");
    CHECK_EQ(waitpid(child, &status, WUNTRACED | WNOHANG), 0, "a stop is reported once");
    kill(child, SIGCONT);
    CHECK_EQ(waitpid(child, &status, WCONTINUED), child, "WCONTINUED");
    CHECK(status == 0xffff && WIFCONTINUED(status), "continued");
    CHECK_EQ(waitpid(child, &status, WCONTINUED | WNOHANG), 0, "a continue is reported once");
    kill(child, SIGTSTP);
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT), 0, "waitid: WSTOPPED");
    CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGTSTP, "waitid: stopped by which signal");
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WSTOPPED), 0, "waitid: WNOWAIT left the stop");
    CHECK_EQ(waitpid(child, &status, WNOHANG), 0, "a stopped child is not dead");
    kill(child, SIGTERM);
    CHECK_EQ(waitpid(child, &status, WNOHANG), 0, "a stopped child keeps SIGTERM for later");
    kill(child, SIGCONT);
    CHECK_EQ(status_of(child), SIGTERM, "it dies when it is continued");
    child = start_stoppable();
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGCONT);
    info.si_pid = 0;
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WCONTINUED), 0, "waitid: WCONTINUED");
    CHECK(info.si_pid == child && info.si_code == CLD_CONTINUED && info.si_status == SIGCONT, "waitid: continued");
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGKILL);
    CHECK_EQ(status_of(child), SIGKILL, "SIGKILL takes a stopped child");
}

static void take_info(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    last_info = *info;
    child_signals++;
}

/* A stop or a continue may be waited for before its signal is sent. */
static int notices_come(int count) {
    for (int tries = 0; child_signals < count && tries < 2000; tries++)
        nap(1);
    return child_signals == count;
}

static void notices(void) {
    int status;
    handle_info(SIGCHLD, take_info, SA_RESTART);
    pid_t child = start_exiting(3);
    status_of(child);
    CHECK_EQ(child_signals, 1, "SIGCHLD comes before wait returns");
    CHECK(last_info.si_pid == child && last_info.si_uid == getuid(), "SIGCHLD says who");
    CHECK(last_info.si_code == CLD_EXITED && last_info.si_status == 3, "SIGCHLD says how");
    child = start(wait_to_be_killed);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    CHECK(notices_come(2) && last_info.si_code == CLD_STOPPED, "SIGCHLD at a stop");
    kill(child, SIGCONT);
    waitpid(child, &status, WCONTINUED);
    CHECK(notices_come(3) && last_info.si_code == CLD_CONTINUED, "SIGCHLD at a continue");
    handle_info(SIGCHLD, take_info, SA_NOCLDSTOP);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    CHECK_EQ(child_signals, 3, "SA_NOCLDSTOP: no SIGCHLD at a stop");
    kill(child, SIGKILL);
    status_of(child);
    CHECK(child_signals == 4 && last_info.si_code == CLD_KILLED && last_info.si_status == SIGKILL, "SIGCHLD at a kill");
    handle(SIGCHLD, SIG_DFL, 0);
}

static void without_zombies(void) {
    handle(SIGCHLD, SIG_IGN, 0);
    pid_t child = start(pass_forth);
    start_exiting(1);
    CHECK_EQ(waitpid(child, NULL, WNOHANG), 0, "SIGCHLD ignored: a running child is still a child");
    open_gate(forth);
    CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD, "SIGCHLD ignored: wait lasts until the last child is gone");
    handle(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
    child = start_exiting(1);
    CHECK_ERRNO(waitpid(child, NULL, 0), ECHILD, "SA_NOCLDWAIT: no status to wait for");
    handle(SIGCHLD, SIG_DFL, 0);
    CHECK(exited_with(status_of(start_exiting(2)), 2), "the default disposition keeps zombies");
}

static void burn(void) {
    struct timespec used;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while (used.tv_sec == 0 && used.tv_nsec < 40000000);
}

static void usage(void) {
    struct rusage before, own, children;
    NEED(getrusage(RUSAGE_CHILDREN, &before) == 0);
    pid_t child = start(burn);
    CHECK_EQ(wait4(child, NULL, 0, &own), child, "wait4 with usage");
    CHECK(own.ru_utime.tv_sec >= 0 && own.ru_stime.tv_sec >= 0 && own.ru_maxrss >= 0, "usage is not negative");
    long used = own.ru_utime.tv_usec + own.ru_stime.tv_usec + 1000000 * (own.ru_utime.tv_sec + own.ru_stime.tv_sec);
    CHECK(used >= 20000, "a child that computed used time");
    NEED(getrusage(RUSAGE_CHILDREN, &children) == 0);
    CHECK(timercmp(&children.ru_utime, &before.ru_utime, >) || timercmp(&children.ru_stime, &before.ru_stime, >),
          "the time of a reaped child counts as the children's");
}

static void *wait_in_thread(void *child) {
    return (void *)(long)waitpid(*(pid_t *)child, NULL, 0);
}

static void *wait_own_children(void *child) {
    long result = waitpid(*(pid_t *)child, NULL, __WNOTHREAD | WNOHANG);
    return (void *)(result == -1 && errno == ECHILD ? 1L : 0L);
}

static void from_threads(void) {
    pthread_t thread;
    void *result;
    pid_t child = start(pass_forth);
    NEED(pthread_create(&thread, NULL, wait_own_children, &child) == 0 && pthread_join(thread, &result) == 0);
    CHECK_EQ(result, 1, "__WNOTHREAD: a sibling's child is not the thread's own");
    NEED(pthread_create(&thread, NULL, wait_in_thread, &child) == 0);
    open_gate(forth);
    NEED(pthread_join(thread, &result) == 0);
    CHECK_EQ(result, child, "any thread may reap a child of the process");
}

/* Runs in a child: its own child outlives it and tells who the parent is now. */
static void leave_an_orphan(void) {
    pid_t parent = getpid();
    if (fork() == 0) {
        open_gate(back);
        while (getppid() == parent)
            nap(1);
        pid_t told = getppid();
        NEED(write(back.in, &told, sizeof told) == sizeof told);
        _exit(9);
    }
    pass(back);
}

static void orphans(void) {
    pid_t told = 0, parent = start(leave_an_orphan);
    status_of(parent);
    CHECK_EQ(read(back.out, &told, sizeof told), sizeof told, "an orphan lives on");
    CHECK(told != parent && told != getpid(), "an orphan is given to another parent");
    CHECK_ERRNO(wait(NULL), ECHILD, "a grandchild is not a child");
    NEED(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    parent = start(leave_an_orphan);
    CHECK_EQ(status_of(parent), 0, "the parent of the next orphan");
    NEED(read(back.out, &told, sizeof told) == sizeof told);
    CHECK_EQ(told, getpid(), "a subreaper is given the orphan");
    int status;
    CHECK(wait(&status) > 0 && exited_with(status, 9), "the subreaper reaps it");
    NEED(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

int main(void) {
    begin();
    forth = new_gate();
    back = new_gate();
    exit_codes();
    refusals();
    which_children();
    with_waitid();
    stops();
    notices();
    without_zombies();
    usage();
    from_threads();
    orphans();
    return finish();
}
