/* Scheduling as far as a program can ask for it: processors, nice values, policies. */
#include "process.h"

#include <pthread.h>
#include <sys/resource.h>

static struct gate forth;
static pid_t gone;

static void pass_forth(void) {
    pass(forth);
}

static int lowest_of(const cpu_set_t *set) {
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, set))
            return i;
    return -1;
}

static void *tell_affinity(void *set) {
    return (void *)(long)sched_getaffinity(0, sizeof(cpu_set_t), set);
}

static void affinity(void) {
    cpu_set_t all, one, now;
    unsigned processor = CPU_SETSIZE, node = 1;
    pthread_t thread;
    CHECK_OK(sched_yield(), "sched_yield");
    CHECK_OK(sched_getaffinity(0, sizeof all, &all), "sched_getaffinity");
    CHECK(CPU_COUNT(&all) > 0, "there is a processor");
    CHECK_EQ(sysconf(_SC_NPROCESSORS_ONLN) >= CPU_COUNT(&all), 1, "sysconf knows them");
    CHECK(syscall(SYS_sched_getaffinity, 0, sizeof all, &now) % 8 == 0, "the bare call returns the size of the set");
    CHECK_OK(getcpu(&processor, &node), "getcpu");
    CHECK(processor < CPU_SETSIZE && CPU_ISSET(processor, &all), "it runs where it may");
    CHECK_ERRNO(sched_getaffinity(0, 1, &all), EINVAL, "sched_getaffinity: set too small");
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 128, forbidden_page(PROT_READ)), EFAULT, "sched_getaffinity: bad pointer");
    CHECK_ERRNO(sched_getaffinity(gone, sizeof all, &all), ESRCH, "sched_getaffinity: no such process");
    CHECK_ERRNO(sched_getaffinity(-1, sizeof all, &now), ESRCH, "sched_getaffinity: an id below zero");
    CHECK_ERRNO(sched_setaffinity(-1, sizeof all, &all), ESRCH, "sched_setaffinity: an id below zero");
    CHECK_OK(sched_getaffinity(1, sizeof now, &now), "sched_getaffinity of init");
    CPU_ZERO(&one);
    CHECK_ERRNO(sched_setaffinity(0, sizeof one, &one), EINVAL, "sched_setaffinity to no processor");
    CHECK_ERRNO(syscall(SYS_sched_setaffinity, 0, 128, forbidden_page(PROT_NONE)), EFAULT, "sched_setaffinity: bad pointer");
    CHECK_ERRNO(sched_setaffinity(gone, sizeof all, &all), ESRCH, "sched_setaffinity: no such process");
    int chosen = lowest_of(&all);
    CPU_SET(chosen, &one);
    CHECK_OK(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity to one processor");
    CHECK(sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &one), "it is told");
    CHECK_EQ(sched_getcpu(), chosen, "it runs there");
    NEED(pthread_create(&thread, NULL, tell_affinity, &now) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(CPU_EQUAL(&now, &one), "a thread inherits it");
    pid_t child = start(pass_forth);
    CHECK(sched_getaffinity(child, sizeof now, &now) == 0 && CPU_EQUAL(&now, &one), "a child inherits it");
    CHECK_OK(sched_setaffinity(child, sizeof all, &all), "sched_setaffinity of a child");
    CHECK(sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &one), "it is not the parent's");
    open_gate(forth);
    status_of(child);
    CHECK_OK(sched_setaffinity(0, sizeof all, &all), "back to all of them");
}

static int nice_of(pid_t process) {
    errno = 0;
    return getpriority(PRIO_PROCESS, (id_t)process);
}

static void niceness(void) {
    int first = nice_of(0);
    CHECK(first >= -20 && first <= 19 && errno == 0, "getpriority");
    CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)getpid()), first, "by id");
    CHECK_EQ(20 - syscall(SYS_getpriority, PRIO_PROCESS, 0), first, "the bare call returns 20 - nice");
    CHECK_EQ(nice(0), first, "nice 0 tells");
    pid_t child = start(pass_forth);
    CHECK_EQ(nice_of(child), first, "a child inherits the nice value");
    CHECK_OK(setpriority(PRIO_PROCESS, (id_t)child, 15), "setpriority of a child");
    CHECK_EQ(nice_of(child), 15, "the child has it");
    CHECK_EQ(nice_of(0), first, "the parent has not");
    open_gate(forth);
    status_of(child);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 17), "setpriority");
    CHECK_EQ(nice(1), 18, "nice adds");
    CHECK_EQ(nice(100), 19, "19 is the most");
    CHECK_ERRNO(getpriority(PRIO_PROCESS, (id_t)gone), ESRCH, "getpriority: no such process");
    CHECK_ERRNO(setpriority(PRIO_PROCESS, (id_t)gone, 0), ESRCH, "setpriority: no such process");
    CHECK_ERRNO(syscall(SYS_getpriority, 3, 0), EINVAL, "getpriority: unknown kind");
    CHECK_ERRNO(syscall(SYS_setpriority, 3, 0, 0), EINVAL, "setpriority: unknown kind");
    NEED(setpgid(0, 0) == 0);
    CHECK_EQ(getpriority(PRIO_PGRP, 0), 19, "the group's");
    struct rlimit none = {0, 0};
    NEED(setrlimit(RLIMIT_NICE, &none) == 0);
    become_ordinary();
    CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 5), EACCES, "an ordinary user does not go back");
    CHECK_ERRNO(nice(-1), EPERM, "nor by nice");
}

static void policies(void) {
    struct sched_param parameters = {0}, one = {1};
    struct timespec slice;
    struct rlimit none = {0, 0};
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER, "SCHED_OTHER");
    CHECK(sched_getparam(0, &parameters) == 0 && parameters.sched_priority == 0, "with priority 0");
    CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99, "the highest of SCHED_FIFO");
    CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1, "the lowest of SCHED_FIFO");
    CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0, "SCHED_OTHER has one priority");
    CHECK_ERRNO(sched_get_priority_max(99), EINVAL, "sched_get_priority_max: unknown policy");
    CHECK(sched_rr_get_interval(0, &slice) == 0 && slice.tv_sec == 0 && slice.tv_nsec >= 0, "sched_rr_get_interval");
    CHECK_ERRNO(sched_getscheduler(-1), EINVAL, "sched_getscheduler: process -1");
    CHECK(sched_getscheduler(1) >= 0, "sched_getscheduler of init");
    CHECK(sched_getparam(1, &parameters) == 0 && parameters.sched_priority == 0, "sched_getparam of init");
    CHECK_ERRNO(sched_getscheduler(gone), ESRCH, "sched_getscheduler: no such process");
    CHECK_ERRNO(sched_getparam(gone, &parameters), ESRCH, "sched_getparam: no such process");
    CHECK_ERRNO(sched_setscheduler(0, 99, &parameters), EINVAL, "sched_setscheduler: unknown policy");
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &one), EINVAL, "SCHED_OTHER with priority 1");
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, NULL), EINVAL, "sched_setscheduler without parameters");
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, forbidden_page(PROT_NONE)), EFAULT,
                "sched_setscheduler: bad pointer");
    pid_t unreaped = start(no_core);
    siginfo_t info;
    NEED(waitid(P_PID, (id_t)unreaped, &info, WEXITED | WNOWAIT) == 0);
    CHECK_EQ(sched_getscheduler(unreaped), SCHED_OTHER, "sched_getscheduler of a process that has ended");
    status_of(unreaped);
    CHECK_OK(sched_setscheduler(0, SCHED_BATCH, &parameters), "sched_setscheduler to SCHED_BATCH");
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH, "SCHED_BATCH");
    CHECK_OK(sched_setscheduler(0, SCHED_OTHER, &parameters), "and back");
    NEED(setrlimit(RLIMIT_RTPRIO, &none) == 0 && setrlimit(RLIMIT_NICE, &none) == 0);
    become_ordinary();
    CHECK_OK(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &parameters), "SCHED_RESET_ON_FORK");
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH | SCHED_RESET_ON_FORK, "SCHED_RESET_ON_FORK is told");
    pid_t child = fork();
    if (child == 0)
        _exit(sched_getscheduler(0));
    CHECK(exited_with(status_of(child), SCHED_BATCH), "a child has the policy without it");
    CHECK_ERRNO(sched_setscheduler(0, SCHED_BATCH, &parameters), EPERM, "an ordinary user does not take it back");
    CHECK_OK(sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, &parameters), "SCHED_IDLE");
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &parameters), EPERM, "nor comes back from there");
    CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &one), EPERM, "SCHED_FIFO is not for ordinary users");
}

int main(void) {
    begin();
    forth = new_gate();
    gone = start(no_core);
    status_of(gone);
    affinity();
    in_child(niceness);
    in_child(policies);
    return finish();
}
