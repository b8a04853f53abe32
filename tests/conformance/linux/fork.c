/* fork and vfork: what a child shares with its parent, what it gets a copy of, and what it does not get. */
#include "process.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/times.h>

enum { CHILDREN = 50, BLOCK = 8 << 20 };

static int initialised = 1, zeroed;
static pid_t parent;
static struct gate forth, back;

static void identity_of_child(void) {
    CHECK_EQ(getppid(), parent, "the child's parent is the one that forked");
    CHECK(getpid() != parent, "the child has an id of its own");
    CHECK_EQ(gettid(), getpid(), "the child's one thread has the id of the process");
    CHECK_EQ(getpgrp(), getpgid(parent), "the process group is inherited");
    CHECK_EQ(getsid(0), getsid(parent), "the session is inherited");
    pid_t own = getpid();
    NEED(write(back.in, &own, sizeof own) == sizeof own);
}

static void identity(void) {
    pid_t told = 0, child = start(identity_of_child);
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child, "fork returns the id that waitpid reaps");
    CHECK_EQ(status, 0, "the child's checks passed");
    CHECK(read(back.out, &told, sizeof told) == sizeof told && told == child, "the child's getpid is what fork returned");
    CHECK_ERRNO(waitpid(child, &status, 0), ECHILD, "a child is reaped once");
    CHECK_ERRNO(kill(child, 0), ESRCH, "a reaped child has no id any more");
    child = (pid_t)syscall(SYS_fork);
    if (child == 0)
        _exit(getppid() == parent ? 3 : 4);
    CHECK(exited_with(status_of(child), 3), "the bare call");
    CHECK_ERRNO(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL, "clone: CLONE_SIGHAND without CLONE_VM");
}

static void memory(void) {
    int automatic = 1, *heap = malloc(sizeof *heap);
    int *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(heap && private != MAP_FAILED && shared != MAP_FAILED);
    *heap = *private = *shared = zeroed = initialised = 1;
    pid_t child = fork();
    if (child == 0) {
        int same = initialised + zeroed + automatic + *heap + *private + *shared;
        initialised = zeroed = automatic = *heap = *private = *shared = 2;
        open_gate(back);
        pass(forth);
        _exit(same * 10 + initialised + zeroed + *private - *shared);
    }
    pass(back);
    CHECK(initialised == 1 && zeroed == 1, "the child's writes to static data stay its own");
    CHECK_EQ(automatic, 1, "the child's writes to the stack stay its own");
    CHECK_EQ(*heap, 1, "the child's writes to the heap stay its own");
    CHECK_EQ(*private, 1, "the child's writes to a private mapping stay its own");
    CHECK_EQ(*shared, 2, "the child's writes to a shared mapping are seen");
    initialised = zeroed = *private = 7;
    *shared = 5;
    open_gate(forth);
    CHECK_EQ(WEXITSTATUS(status_of(child)), 61, "the child saw the old values, its own, and the parent's shared one");
    munmap(private, 4096);
    munmap(shared, 4096);
    free(heap);
}

static unsigned long sum(const unsigned char *bytes) {
    unsigned long total = 0;
    for (int i = 0; i < BLOCK; i += 512)
        total += bytes[i];
    return total;
}

static void large_copy(void) {
    unsigned char *bytes = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(bytes != MAP_FAILED);
    memset(bytes, 1, BLOCK);
    pid_t child = fork();
    if (child == 0) {
        memset(bytes, 3, BLOCK);
        _exit(sum(bytes) == 3 * BLOCK / 512 ? 0 : 1);
    }
    memset(bytes, 2, BLOCK / 2);
    CHECK_EQ(status_of(child), 0, "a child rewrites 8 MiB");
    CHECK_EQ(sum(bytes), (2 + 1) * BLOCK / 1024, "the parent's 8 MiB are its own");
    NEED(mprotect(bytes, 4096, PROT_READ) == 0);
    child = fork();
    if (child == 0) {
        no_core();
        *(volatile unsigned char *)bytes = 1;
        _exit(0);
    }
    CHECK(killed_by(status_of(child), SIGSEGV), "protection is inherited");
    munmap(bytes, BLOCK);
}

static void descriptors(void) {
    make_file("text", "0123456789");
    int fd = open("text", O_RDWR), marked = open("text", O_RDONLY | O_CLOEXEC), status;
    char text[4] = "";
    pid_t child = fork();
    if (child == 0) {
        int kept = fcntl(marked, F_GETFD) == FD_CLOEXEC && read(fd, text, 3) == 3 && memcmp(text, "012", 3) == 0;
        fcntl(fd, F_SETFL, O_APPEND);
        fcntl(marked, F_SETFD, 0);
        close(fd);
        _exit(kept ? 0 : 1);
    }
    status = status_of(child);
    CHECK_EQ(status, 0, "the child has the parent's descriptors and their flags");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3, "the position is shared");
    CHECK_EQ(read(fd, text, 3), 3, "a close in the child leaves the parent's descriptor open");
    CHECK(memcmp(text, "345", 3) == 0, "the parent reads on where the child ended");
    CHECK_EQ(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND, "status flags are shared");
    CHECK_EQ(fcntl(marked, F_GETFD), FD_CLOEXEC, "descriptor flags are not shared");
    close(fd);
    close(marked);
}

static void pipes_end(void) {
    int ends[2];
    char byte;
    NEED(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        pass(forth);
        _exit(0);
    }
    close(ends[1]);
    NEED(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK_ERRNO(read(ends[0], &byte, 1), EAGAIN, "a pipe stays open while a child holds the other end");
    open_gate(forth);
    status_of(child);
    CHECK_EQ(read(ends[0], &byte, 1), 0, "a pipe ends with the last process that holds the other end");
    close(ends[0]);
}

static void on_signal(int number) {
    (void)number;
    zeroed++;
}

static void what_child_has(void) {
    struct sigaction action;
    struct rlimit limit;
    struct tms times_now;
    char name[17];
    CHECK(!is_pending(SIGUSR1), "pending signals are not inherited");
    CHECK(is_blocked(SIGUSR1), "the signal mask is inherited");
    CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == on_signal, "handlers are inherited");
    CHECK_EQ(alarm(0), 0, "an alarm is not inherited");
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0, "limits are inherited");
    CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "parent-name") == 0, "the name is inherited");
    CHECK(prctl(PR_GET_PDEATHSIG, &zeroed) == 0 && zeroed == 0, "the parent-death signal is not inherited");
    CHECK(times(&times_now) != -1 && times_now.tms_cutime == 0, "the times of children start at zero");
    CHECK_EQ(umask(022), 027, "the umask is inherited");
    CHECK(access("inner", F_OK) == 0 && chdir("/") == 0, "the current folder is inherited");
}

static void attributes(void) {
    struct rlimit limit = {0, 0};
    char name[17];
    block(SIGUSR1);
    handle(SIGUSR2, on_signal, 0);
    NEED(raise(SIGUSR1) == 0 && setrlimit(RLIMIT_CORE, &limit) == 0 && prctl(PR_SET_NAME, "parent-name") == 0);
    NEED(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && mkdir("deeper", 0755) == 0 && chdir("deeper") == 0);
    make_file("inner", "");
    alarm(100);
    umask(027);
    in_child(what_child_has);
    prctl(PR_SET_PDEATHSIG, 0);
    CHECK_EQ(umask(022), 027, "the child's umask is its own");
    CHECK_OK(access("inner", F_OK), "the child's current folder is its own");
    CHECK(alarm(0) > 90, "the parent's alarm runs on");
    CHECK(is_pending(SIGUSR1), "the parent's signal is still pending");
    CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "parent-name") == 0, "the parent's name is unchanged");
    handle(SIGUSR1, on_signal, 0);
    unblock(SIGUSR1);
    NEED(chdir("..") == 0);
}

static void locks(void) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open("text", O_RDWR);
    NEED(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct flock other = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int held = fcntl(fd, F_GETLK, &other) == 0 && other.l_type == F_WRLCK && other.l_pid == parent;
        _exit(held && fcntl(fd, F_SETLK, &other) == -1 ? 0 : 1);
    }
    CHECK_EQ(status_of(child), 0, "record locks are the parent's alone");
    close(fd);
}

static void suspended_parent(void) {
    volatile int written = 0;
    pid_t child = vfork();
    if (child == 0) {
        written = 1;
        syscall(SYS_sched_yield);
        written = 2;
        _exit(9);
    }
    CHECK_EQ(written, 2, "vfork shares memory, and the parent waits for the exit");
    CHECK(exited_with(status_of(child), 9), "the status of a vfork child");
    child = vfork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
        _exit(127);
    }
    CHECK(exited_with(status_of(child), 5), "vfork and exec");
    child = vfork();
    if (child == 0) {
        execl("/no/such/program", "program", (char *)NULL);
        written = errno;
        _exit(1);
    }
    CHECK_EQ(written, ENOENT, "an exec that fails after vfork");
    status_of(child);
}

static void many(void) {
    pid_t children[CHILDREN];
    int distinct = 1, right = 1;
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            pass(forth);
            _exit(i);
        }
        NEED(children[i] > 0);
        for (int j = 0; j < i; j++)
            distinct &= children[i] != children[j];
    }
    CHECK(distinct, "50 living children have 50 ids");
    for (int i = 0; i < CHILDREN; i++)
        open_gate(forth);
    for (int i = CHILDREN - 1; i >= 0; i--)
        right &= exited_with(status_of(children[i]), i);
    CHECK(right, "each of 50 children has its own status");
    CHECK_ERRNO(wait(NULL), ECHILD, "no child is left");
}

static int descend(int depth) {
    if (depth == 0)
        return 0;
    pid_t child = fork();
    if (child == 0)
        _exit(descend(depth - 1));
    return WEXITSTATUS(status_of(child)) + 1;
}

static void fork_in_handler(int number) {
    (void)number;
    pid_t child = fork();
    if (child == 0)
        _exit(6);
    zeroed = WEXITSTATUS(status_of(child));
}

static int steps[3], step;

static void before(void) {
    steps[0] = ++step;
}

static void in_parent(void) {
    steps[1] = ++step;
}

static void in_fork_child(void) {
    steps[2] = ++step;
}

static void *fork_in_thread(void *argument) {
    pid_t child = fork();
    if (child == 0)
        _exit(gettid() == getpid() && steps[0] == 1 && steps[2] == 2 ? 8 : 1);
    *(int *)argument = status_of(child);
    return NULL;
}

static void unusual_places(void) {
    pthread_t thread;
    int status = -1;
    CHECK_EQ(descend(20), 20, "20 generations");
    handle(SIGUSR1, fork_in_handler, 0);
    raise(SIGUSR1);
    CHECK_EQ(zeroed, 6, "fork in a signal handler");
    NEED(pthread_atfork(before, in_parent, in_fork_child) == 0);
    NEED(pthread_create(&thread, NULL, fork_in_thread, &status) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(exited_with(status, 8), "fork in a thread: it becomes the main thread of the child");
    CHECK(steps[0] == 1 && steps[1] == 2 && steps[2] == 0, "pthread_atfork runs in both");
}

int main(void) {
    begin();
    parent = getpid();
    forth = new_gate();
    back = new_gate();
    identity();
    memory();
    large_copy();
    descriptors();
    pipes_end();
    attributes();
    locks();
    suspended_parent();
    many();
    unusual_places();
    return finish();
}
