/* The bare clone and clone3: what is shared by each flag, where ids are written, and which combinations are refused. */
#include "process.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/syscall.h>

enum { STACK = 64 << 10 };

static char stack[STACK] __attribute__((aligned(16)));
static volatile int written;
static volatile sig_atomic_t caught;
static siginfo_t last_info;
static pid_t parent, child_word, parent_word;

static void take_info(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    last_info = *info;
    caught++;
}

static pid_t clone_with(int (*body)(void *), unsigned long flags, void *argument) {
    return clone(body, stack + STACK, (int)flags, argument, &parent_word, NULL, &child_word);
}

/* A child that shares nothing unless told to, as fork makes it: it goes on from here on a copy of the stack. */
static pid_t fork_with(unsigned long flags) {
    return (pid_t)syscall(SYS_clone, flags, NULL, &parent_word, &child_word, 0);
}

static int store(void *argument) {
    written = 5;
    return *(int *)argument;
}

static void memory(void) {
    int code = 6;
    written = 0;
    pid_t child = clone_with(store, SIGCHLD, &code);
    CHECK(exited_with(status_of(child), 6), "the function's result is the exit code");
    CHECK_EQ(written, 0, "without CLONE_VM memory is copied");
    child = clone_with(store, CLONE_VM | SIGCHLD, &code);
    CHECK(exited_with(status_of(child), 6), "a child with CLONE_VM");
    CHECK_EQ(written, 5, "with CLONE_VM memory is shared");
    written = 0;
    child = clone_with(store, CLONE_VM | CLONE_VFORK | SIGCHLD, &code);
    CHECK_EQ(written, 5, "CLONE_VFORK: the parent waits for the end");
    status_of(child);
    child = fork_with(SIGCHLD);
    if (child == 0)
        _exit(getppid() == parent ? 7 : 1);
    CHECK(exited_with(status_of(child), 7), "clone without a stack is fork");
}

static int change_folder(void *argument) {
    umask(077);
    return chdir(argument) == 0 ? 0 : 1;
}

static void file_system(void) {
    NEED(mkdir("inner", 0755) == 0);
    make_file("inner/here", "");
    status_of(clone_with(change_folder, SIGCHLD, "inner"));
    CHECK_ERRNO(access("here", F_OK), ENOENT, "without CLONE_FS the current folder is the child's own");
    status_of(clone_with(change_folder, CLONE_FS | SIGCHLD, "inner"));
    CHECK_OK(access("here", F_OK), "with CLONE_FS the current folder is shared");
    CHECK_EQ(umask(022), 077, "and the umask");
    NEED(chdir("..") == 0);
}

static int close_it(void *argument) {
    return close(*(int *)argument) == 0 ? open("/", O_RDONLY | O_CLOEXEC) : 255;
}

static void files(void) {
    int fd = open("/", O_RDONLY);
    status_of(clone_with(close_it, SIGCHLD, &fd));
    CHECK_EQ(fcntl(fd, F_GETFD), 0, "without CLONE_FILES descriptors are the child's own");
    CHECK(exited_with(status_of(clone_with(close_it, CLONE_FILES | SIGCHLD, &fd)), fd), "CLONE_FILES: the lowest is free");
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC, "with CLONE_FILES descriptors are shared");
    close(fd);
}

static int set_handler(void *argument) {
    (void)argument;
    handle_info(SIGUSR2, take_info, 0);
    return 0;
}

static void handlers(void) {
    struct sigaction action;
    status_of(clone_with(set_handler, CLONE_VM | SIGCHLD, NULL));
    CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_DFL, "without CLONE_SIGHAND handlers are its own");
    status_of(clone_with(set_handler, CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL));
    CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_sigaction == take_info, "with CLONE_SIGHAND they are shared");
}

static void ids(void) {
    parent_word = child_word = 0;
    pid_t child = fork_with(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD);
    if (child == 0)
        _exit(child_word == getpid() ? 8 : 1);
    CHECK_EQ(parent_word, child, "CLONE_PARENT_SETTID writes the id for the parent");
    CHECK_EQ(child_word, 0, "CLONE_CHILD_SETTID does not");
    CHECK(exited_with(status_of(child), 8), "it writes the id for the child, in the child's memory");
    child = (pid_t)syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, NULL, forbidden_page(PROT_READ), NULL, 0);
    if (child == 0)
        _exit(9);
    CHECK(exited_with(status_of(child), 9), "CLONE_PARENT_SETTID: a bad pointer is no error");
}

static int note_thread(void *argument) {
    (void)argument;
    written = (int)syscall(SYS_getpid);
    parent = (pid_t)syscall(SYS_gettid);
    return 0;
}

static void wait_for_clear(void) {
    for (pid_t value; (value = __atomic_load_n(&child_word, __ATOMIC_SEQ_CST)) != 0;)
        syscall(SYS_futex, &child_word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void threads(void) {
    unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    child_word = -1;
    pid_t thread = clone_with(note_thread, flags | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID, NULL);
    wait_for_clear();
    CHECK(thread > 0 && parent_word == thread && parent == thread, "CLONE_THREAD: clone returns the thread's id");
    CHECK_EQ(written, getpid(), "the thread is in the same process");
    CHECK_EQ(child_word, 0, "CLONE_CHILD_CLEARTID clears the word and wakes who waits for it");
    CHECK_ERRNO(waitpid(thread, NULL, __WALL), ECHILD, "a thread is no child");
    static unsigned long block[8] = {0, 0, 0, 0, 0, 0x1234, 0, 0};
    CHECK_EQ(syscall(SYS_set_tid_address, NULL), gettid(), "set_tid_address returns the thread's id");
    block[0] = (unsigned long)block;
    pid_t child = fork_with(SIGCHLD);
    if (child == 0) {
        unsigned long word;
        pid_t other = (pid_t)syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, NULL, NULL, NULL, block);
        if (other == 0) {
            __asm__ volatile("movq %%fs:40, %0" : "=r"(word));
            __asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(word == 0x1234 ? 0 : 1));
            __builtin_unreachable();
        }
        _exit(status_of(other) == 0 ? 0 : 1);
    }
    CHECK_EQ(status_of(child), 0, "CLONE_SETTLS sets the thread's pointer");
}

static void exit_signals(void) {
    handle_info(SIGUSR1, take_info, 0);
    caught = 0;
    block(SIGUSR1);
    pid_t child = fork_with(SIGUSR1);
    if (child == 0)
        _exit(4);
    CHECK_ERRNO(waitpid(child, NULL, 0), ECHILD, "a child with another exit signal is not waited for");
    int status;
    CHECK(waitpid(child, &status, __WCLONE) == child && exited_with(status, 4), "unless by __WCLONE");
    unblock(SIGUSR1);
    CHECK(caught == 1 && last_info.si_code == CLD_EXITED && last_info.si_pid == child, "its end is told by that signal");
    child = fork_with(0);
    if (child == 0)
        _exit(5);
    CHECK(waitpid(child, &status, __WALL) == child && exited_with(status, 5), "a child without exit signal, by __WALL");
    CHECK_EQ(caught, 1, "no signal tells of it");
}

static void make_sibling(void) {
    pid_t above = getppid(), sibling = fork_with(CLONE_PARENT | SIGCHLD);
    if (sibling == 0)
        _exit(getppid() == above ? 3 : 1);
    CHECK_ERRNO(waitpid(sibling, NULL, 0), ECHILD, "a CLONE_PARENT child is a sibling");
    child_word = sibling;
}

static void siblings(void) {
    int status;
    pid_t child = start(make_sibling);
    CHECK_EQ(status_of(child), 0, "the child that made a sibling");
    CHECK(wait(&status) > 0 && exited_with(status, 3), "the sibling is the parent's child");
}

static void process_descriptor(void) {
    int fd = -1;
    struct gate gate = new_gate();
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &fd, NULL, 0);
    if (child == 0) {
        pass(gate);
        _exit(2);
    }
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "CLONE_PIDFD gives a descriptor");
    CHECK_EQ(poll(&entry, 1, 0), 0, "it is not readable while the child lives");
    open_gate(gate);
    CHECK_EQ(poll(&entry, 1, 5000), 1, "it is when the child has ended");
    CHECK(exited_with(status_of(child), 2), "the child is there to be reaped");
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH, "the descriptor of a child that was reaped");
    close(fd);
    drop_gate(gate);
}

static void process_folder(void) {
    struct gate gate = new_gate();
    char path[64];
    pid_t child = fork();
    if (child == 0) {
        pass(gate);
        _exit(0);
    }
    NEED(child > 0);
    snprintf(path, sizeof path, "/proc/%d", child);
    int fd = open(path, O_RDONLY | O_DIRECTORY), place = open(path, O_PATH);
    strcat(path, "/fd");
    int below = open(path, O_RDONLY), other = open("/proc", O_RDONLY), usual = open("/", O_RDONLY);
    CHECK_OK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), "/proc/PID stands for the process");
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, place, 0, NULL, 0), EBADF, "not when it is only a place");
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, below, 0, NULL, 0), EBADF, "nor a folder in it");
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, other, 0, NULL, 0), EBADF, "nor /proc");
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, usual, 0, NULL, 0), EBADF, "nor any other folder");
    CHECK_OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), "pidfd_send_signal to /proc/PID");
    int status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "the child got it");
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH, "the folder of a child that was reaped");
    drop_gate(gate);
}

/* Whether clone3 refuses so; a host whose container has no clone3 has nothing to say. */
static int refuses(struct clone_args *arguments, size_t size, int error) {
    if (syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS)
        return 1;
    return syscall(SYS_clone3, arguments, size) == -1 && errno == error;
}

static void refused(void) {
    struct clone_args flags = {.flags = SIGCHLD}, number = {.exit_signal = 65}, half = {.stack = (uintptr_t)stack};
    struct clone_args unknown = {.flags = 1ULL << 40}, ids = {.set_tid_size = 1};
    struct {
        struct clone_args arguments;
        uint64_t tail;
    } longer = {.tail = 1};
    CHECK_ERRNO(fork_with(CLONE_SIGHAND | SIGCHLD), EINVAL, "CLONE_SIGHAND without CLONE_VM");
    CHECK_ERRNO(fork_with(CLONE_THREAD | CLONE_VM | SIGCHLD), EINVAL, "CLONE_THREAD without CLONE_SIGHAND");
    CHECK_ERRNO(fork_with(CLONE_FS | CLONE_NEWNS | SIGCHLD), EINVAL, "CLONE_FS with CLONE_NEWNS");
    CHECK_ERRNO(fork_with(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD), EINVAL, "CLONE_PIDFD with CLONE_PARENT_SETTID");
    CHECK_ERRNO(clone(NULL, stack + STACK, SIGCHLD, NULL), EINVAL, "clone without a function");
    CHECK(refuses(&flags, sizeof flags, EINVAL), "clone3: a signal among the flags");
    CHECK(refuses(&number, sizeof number, EINVAL), "clone3: exit signal 65");
    CHECK(refuses(&half, sizeof half, EINVAL), "clone3: a stack without a size");
    CHECK(refuses(&unknown, sizeof unknown, EINVAL), "clone3: unknown flag");
    CHECK(refuses(&ids, sizeof ids, EINVAL), "clone3: ids without an array");
    CHECK(refuses(&flags, 8, EINVAL), "clone3: a record too small");
    CHECK(refuses(&flags, 8192, E2BIG), "clone3: a record larger than a page");
    CHECK(refuses(&longer.arguments, sizeof longer, E2BIG), "clone3: more in the record than is known");
    CHECK(refuses(forbidden_page(PROT_NONE), sizeof flags, EFAULT), "clone3: bad pointer");
}

int main(void) {
    begin();
    parent = getpid();
    memory();
    file_system();
    files();
    handlers();
    ids();
    threads();
    exit_signals();
    siblings();
    process_descriptor();
    process_folder();
    refused();
    return finish();
}
