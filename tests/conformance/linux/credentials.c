/* Who a process is: ids, groups, capabilities and the switches of prctl. What only root may do is tried without its rights. */
#include "process.h"

#include <linux/capability.h>
#include <pthread.h>
#include <sys/fsuid.h>

static struct gate forth, back;

static int set_ids(uid_t real, uid_t effective, uid_t saved) {
    return (int)syscall(SYS_setresuid, real, effective, saved);
}

static void to_oneself(void) {
    uid_t real, effective, saved;
    gid_t group, effective_group, saved_group;
    CHECK_OK(getresuid(&real, &effective, &saved), "getresuid");
    CHECK(real == getuid() && effective == geteuid() && saved == geteuid(), "the three user ids");
    CHECK_OK(getresgid(&group, &effective_group, &saved_group), "getresgid");
    CHECK(group == getgid() && effective_group == getegid() && saved_group == getegid(), "the three group ids");
    CHECK_OK(setuid(getuid()), "setuid to oneself");
    CHECK_OK(setgid(getgid()), "setgid to oneself");
    CHECK_OK(setreuid((uid_t)-1, (uid_t)-1), "setreuid that changes nothing");
    CHECK_OK(setregid((gid_t)-1, (gid_t)-1), "setregid that changes nothing");
    CHECK_OK(set_ids((uid_t)-1, effective, (uid_t)-1), "setresuid of the effective id to itself");
    CHECK_OK(setresgid((gid_t)-1, (gid_t)-1, (gid_t)-1), "setresgid that changes nothing");
    CHECK_ERRNO(syscall(SYS_setuid, -1), EINVAL, "setuid to no id");
    CHECK_ERRNO(syscall(SYS_setgid, -1), EINVAL, "setgid to no id");
    CHECK_EQ(setfsuid((uid_t)-1), geteuid(), "setfsuid tells the old id");
    CHECK_EQ(setfsgid((gid_t)-1), getegid(), "setfsgid tells the old id");
    CHECK_ERRNO(syscall(SYS_getresuid, &real, &effective, forbidden_page(PROT_READ)), EFAULT, "getresuid: bad pointer");
    int count = getgroups(0, NULL);
    CHECK(count >= 0, "getgroups tells the number of groups");
    CHECK_ERRNO(syscall(SYS_getgroups, -1, NULL), EINVAL, "getgroups: a negative number");
    gid_t groups[1024];
    CHECK_EQ(getgroups(1024, groups), count, "getgroups gives as many");
    CHECK_EQ(umask(0157), 022, "umask tells the old mask");
    CHECK_EQ(umask(07777), 0157, "umask sets");
    CHECK_EQ(umask(022), 0777, "umask keeps nine bits");
}

static void *tell_ids(void *argument) {
    open_gate(back);
    pass(forth);
    *(long *)argument = syscall(SYS_geteuid) * 100000 + syscall(SYS_getegid);
    return NULL;
}

static void without_rights(void) {
    pthread_t thread;
    long told;
    gid_t group = 0;
    NEED(pthread_create(&thread, NULL, tell_ids, &told) == 0);
    pass(back);
    become_ordinary();
    open_gate(forth);
    NEED(pthread_join(thread, NULL) == 0);
    CHECK_EQ(told, geteuid() * 100000L + getegid(), "all threads change their ids together");
    CHECK(getuid() != 0 && geteuid() != 0, "an ordinary user");
    CHECK_ERRNO(setuid(0), EPERM, "setuid to root");
    CHECK_ERRNO(seteuid(0), EPERM, "seteuid to root");
    CHECK_ERRNO(setgid(0), EPERM, "setgid to root's group");
    CHECK_ERRNO(setreuid(0, (uid_t)-1), EPERM, "setreuid to root");
    CHECK_ERRNO(setresuid(0, (uid_t)-1, (uid_t)-1), EPERM, "setresuid to root");
    CHECK_ERRNO(setresgid((gid_t)-1, (gid_t)-1, 0), EPERM, "setresgid to root's group");
    CHECK_ERRNO(setgroups(1, &group), EPERM, "setgroups");
    setfsuid(0);
    CHECK_EQ(setfsuid((uid_t)-1), geteuid(), "setfsuid to root does nothing");
    CHECK_ERRNO(chroot("/"), EPERM, "chroot");
    CHECK_ERRNO(sethostname("x", 1), EPERM, "sethostname");
    CHECK_ERRNO(chown("file", 0, 0), EPERM, "chown to root");
    CHECK_ERRNO(mknod("public/device", S_IFCHR | 0600, 0x103), EPERM, "mknod of a device");
    CHECK_ERRNO(syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL), EPERM, "mount");
    CHECK_OK(setuid(geteuid()), "setuid to oneself without rights");
}

static void capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0}, unknown = {0x12345678, 0};
    struct __user_cap_data_struct data[2];
    CHECK_OK(syscall(SYS_capget, &header, data), "capget");
    CHECK((data[0].effective & ~data[0].permitted) == 0, "what is effective is permitted");
    CHECK_OK(syscall(SYS_capset, &header, data), "capset to what one has");
    CHECK_ERRNO(syscall(SYS_capget, &unknown, data), EINVAL, "capget: unknown version");
    CHECK_EQ(unknown.version, _LINUX_CAPABILITY_VERSION_3, "capget tells the version it knows");
    unknown.version = 0;
    CHECK_OK(syscall(SYS_capget, &unknown, NULL), "capget: a question for the version");
    CHECK_ERRNO(syscall(SYS_capget, forbidden_page(PROT_NONE), data), EFAULT, "capget: bad header");
    CHECK_ERRNO(syscall(SYS_capget, &header, forbidden_page(PROT_READ)), EFAULT, "capget: bad data");
    header.pid = -1;
    CHECK_ERRNO(syscall(SYS_capget, &header, data), EINVAL, "capget: a negative process");
    pid_t gone = start(no_core);
    status_of(gone);
    header.pid = gone;
    CHECK_ERRNO(syscall(SYS_capget, &header, data), ESRCH, "capget: no such process");
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM, "capset of another process");
    header.pid = 0;
    memset(data, 0, sizeof data);
    CHECK_OK(syscall(SYS_capset, &header, data), "every capability is given up");
    data[0].effective = data[0].permitted = 1U << CAP_CHOWN;
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM, "none is taken back");
    data[0].permitted = 0;
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM, "nor made effective");
}

static void switches(void) {
    char name[17] = "";
    int number = -1;
    CHECK(prctl(PR_SET_NAME, "a name that is too long") == 0 && prctl(PR_GET_NAME, name) == 0, "PR_SET_NAME");
    CHECK_EQ(strcmp(name, "a name that is "), 0, "a name has 15 bytes");
    CHECK_ERRNO(prctl(PR_SET_NAME, forbidden_page(PROT_NONE)), EFAULT, "PR_SET_NAME: bad pointer");
    CHECK_ERRNO(prctl(PR_GET_NAME, forbidden_page(PROT_READ)), EFAULT, "PR_GET_NAME: bad pointer");
    CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGUSR1,
          "PR_SET_PDEATHSIG");
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL, "PR_SET_PDEATHSIG: signal 65");
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_GET_CHILD_SUBREAPER, &number) == 0 && number == 1,
          "PR_SET_CHILD_SUBREAPER");
    CHECK(prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0, "PR_SET_DUMPABLE 0");
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0 && prctl(PR_GET_DUMPABLE) == 1, "PR_SET_DUMPABLE 1");
    CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 2), EINVAL, "PR_SET_DUMPABLE 2 is the kernel's own");
    CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0 && prctl(PR_GET_KEEPCAPS) == 1, "PR_SET_KEEPCAPS");
    CHECK_ERRNO(prctl(PR_SET_KEEPCAPS, 2), EINVAL, "PR_SET_KEEPCAPS 2");
    CHECK(prctl(PR_SET_TIMERSLACK, 123456) == 0 && prctl(PR_GET_TIMERSLACK) == 123456, "PR_SET_TIMERSLACK");
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL, "PR_SET_NO_NEW_PRIVS 0");
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL, "PR_SET_NO_NEW_PRIVS with more arguments");
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "PR_SET_NO_NEW_PRIVS");
    pid_t child = fork();
    if (child == 0)
        _exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_CHILD_SUBREAPER, &number) == 0 && number == 0 ? 0 : 1);
    CHECK_EQ(status_of(child), 0, "no new privileges are inherited, the reaping is not");
    CHECK_ERRNO(prctl(PR_CAPBSET_READ, 1000), EINVAL, "PR_CAPBSET_READ: unknown capability");
    CHECK_ERRNO(prctl(123456), EINVAL, "prctl: unknown operation");
}

static void told_of_death(int number) {
    (void)number;
    open_gate(back);
    _exit(0);
}

static void wait_for_death(void) {
    handle(SIGUSR1, told_of_death, 0);
    NEED(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
    open_gate(forth);
    for (;;)
        pause();
}

static void die_first(void) {
    start(wait_for_death);
    pass(forth);
}

int main(void) {
    begin();
    make_file("file", "");
    NEED(mkdir("public", 0777) == 0 && chmod("public", 0777) == 0);
    forth = new_gate();
    back = new_gate();
    to_oneself();
    in_child(without_rights);
    in_child(capabilities);
    in_child(switches);
    status_after(die_first);
    pass(back);
    CHECK(1, "the parent-death signal comes");
    return finish();
}
