/* Handlers whose frame finds no room, stacks that a handler takes out of use, and what is left of a handler that ran once. */
#include "process.h"

#include <pthread.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

enum { NOWHERE = 0x1000, HANDLED = 7, SMALL = 8192 };

static char stack[1 << 16];
static siginfo_t told;
static volatile sig_atomic_t caught;

static void on_segv(int number, siginfo_t *info, void *context) {
    (void)context;
    char here, *at = &here;
    int right = number == SIGSEGV && info->si_code == SI_KERNEL && info->si_addr == NULL && info->si_pid == 0;
    _exit(right && at > stack && at < stack + sizeof stack ? HANDLED : 1);
}

static void never(int number) {
    (void)number;
    _exit(2);
}

static void use_stack(unsigned flags) {
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack, .ss_flags = (int)flags};
    NEED(sigaltstack(&own, NULL) == 0);
}

/* A signal to oneself, on a stack that is no memory. */
static void signal_without_stack(int number) {
    no_core();
    __asm__ volatile("mov %0, %%rsp\n"
                     "mov %1, %%eax\n syscall\n"
                     "mov %%eax, %%edi\n mov %2, %%esi\n mov %3, %%eax\n syscall\n"
                     "mov $3, %%edi\n mov %4, %%eax\n syscall"
                     :
                     : "r"((long)NOWHERE), "i"(SYS_getpid), "b"(number), "i"(SYS_kill), "i"(SYS_exit_group)
                     : "rax", "rdi", "rsi", "rcx", "r11", "memory");
}

static void with_handler(void) {
    use_stack(0);
    handle_info(SIGSEGV, on_segv, SA_ONSTACK);
    handle(SIGUSR1, never, 0);
    signal_without_stack(SIGUSR1);
}

static void with_handler_that_is_blocked(void) {
    block(SIGSEGV);
    with_handler();
}

static void with_handler_on_the_same_stack(void) {
    handle_info(SIGSEGV, on_segv, 0);
    handle(SIGUSR1, never, 0);
    signal_without_stack(SIGUSR1);
}

static void without_handler(void) {
    use_stack(0);
    handle(SIGUSR1, never, 0);
    signal_without_stack(SIGUSR1);
}

static void with_a_stack_that_is_no_memory(void) {
    stack_t own = {.ss_sp = (void *)NOWHERE, .ss_size = sizeof stack};
    NEED(sigaltstack(&own, NULL) == 0);
    handle_info(SIGSEGV, on_segv, SA_ONSTACK);
    no_core();
    *(volatile char *)forbidden_page(PROT_NONE) = 1;
}

static void return_to_nothing(void) {
    use_stack(0);
    handle_info(SIGSEGV, on_segv, SA_ONSTACK);
    no_core();
    __asm__ volatile("mov %0, %%rsp\n mov %1, %%eax\n syscall" : : "r"((long)NOWHERE), "i"(SYS_rt_sigreturn) : "memory");
}

static void frames(void) {
    CHECK(exited_with(status_after(with_handler), HANDLED), "no room for a frame: SIGSEGV's handler runs on its own stack");
    CHECK(killed_by(status_after(with_handler_that_is_blocked), SIGSEGV), "not while SIGSEGV is blocked");
    CHECK(killed_by(status_after(with_handler_on_the_same_stack), SIGSEGV), "not when it has no room either");
    CHECK(killed_by(status_after(without_handler), SIGSEGV), "no handler: the end");
    CHECK(killed_by(status_after(with_a_stack_that_is_no_memory), SIGSEGV), "an alternate stack that is no memory");
    CHECK(exited_with(status_after(return_to_nothing), HANDLED), "rt_sigreturn without a frame is a SIGSEGV");
}

static void take(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    told = *info;
    caught++;
}

static void once(void) {
    struct sigaction action = {.sa_sigaction = take, .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_RESTART}, left;
    sigaddset(&action.sa_mask, SIGUSR2);
    NEED(sigaction(SIGHUP, &action, NULL) == 0 && raise(SIGHUP) == 0);
    CHECK(sigaction(SIGHUP, NULL, &left) == 0 && left.sa_handler == SIG_DFL, "SA_RESETHAND: the default again");
    CHECK_EQ(left.sa_flags & ~0x04000000, action.sa_flags, "SA_RESETHAND keeps SA_SIGINFO and the other flags");
    CHECK(sigismember(&left.sa_mask, SIGUSR2), "SA_RESETHAND keeps the mask");
}

static stack_t inside;

static void look(int number) {
    (void)number;
    sigaltstack(NULL, &inside);
}

static void stack_out_of_use(void) {
    stack_t now;
    use_stack(SS_AUTODISARM);
    CHECK(sigaltstack(NULL, &now) == 0 && (unsigned)now.ss_flags == SS_AUTODISARM, "SS_AUTODISARM is told");
    handle(SIGUSR1, look, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK_EQ(inside.ss_flags, SS_DISABLE, "SS_AUTODISARM: none while the handler runs");
    CHECK(sigaltstack(NULL, &now) == 0 && (unsigned)now.ss_flags == SS_AUTODISARM && now.ss_sp == stack,
          "SS_AUTODISARM: there again behind it");
    use_stack(SS_DISABLE);
}

static void again(int number) {
    (void)number;
    raise(SIGUSR1);
}

static char *below;

/* Each handler interrupts itself, until the stack has no room for one more. */
static void overflow(void) {
    stack_t own = {.ss_sp = below + SMALL, .ss_size = SMALL};
    NEED(sigaltstack(&own, NULL) == 0);
    handle(SIGUSR1, again, SA_ONSTACK | SA_NODEFER);
    no_core();
    raise(SIGUSR1);
}

static void once_on_a_small_stack(void) {
    stack_t own = {.ss_sp = below + SMALL, .ss_size = SMALL};
    NEED(sigaltstack(&own, NULL) == 0);
    handle(SIGUSR1, look, SA_ONSTACK);
    raise(SIGUSR1);
}

static int is_untouched(void) {
    for (int index = 0; index < SMALL; index++)
        if (below[index] != 'x')
            return 0;
    return 1;
}

static void small_stacks(void) {
    below = mmap(NULL, 2 * SMALL, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(below != MAP_FAILED);
    memset(below, 'x', SMALL);
    CHECK(exited_with(status_after(once_on_a_small_stack), 0) && is_untouched(), "a frame has room in 8 KB");
    CHECK(killed_by(status_after(overflow), SIGSEGV), "an alternate stack that is full");
    CHECK(is_untouched(), "nothing is written below it");
}

static struct gate ready, leave;
static int thread_id;

static void *wait_in_thread(void *unused) {
    thread_id = (int)syscall(SYS_gettid);
    open_gate(ready);
    pass(leave);
    return unused;
}

static long queue(int id, int number, siginfo_t info, int own_number) {
    info.si_signo = own_number;
    return syscall(SYS_rt_sigqueueinfo, id, number, &info);
}

static void to_threads(void) {
    pthread_t thread;
    siginfo_t info = {.si_code = SI_QUEUE, .si_value.sival_int = 42}, users = {.si_code = SI_USER};
    ready = new_gate(), leave = new_gate();
    sigset_t set = set_of(SIGRTMIN);
    block(SIGRTMIN);
    NEED(pthread_create(&thread, NULL, wait_in_thread, NULL) == 0);
    pass(ready);
    CHECK_EQ(queue(thread_id, SIGRTMIN, info, 1), 0, "rt_sigqueueinfo: a thread's id stands for its process");
    CHECK(sigwaitinfo(&set, &told) == SIGRTMIN && told.si_value.sival_int == 42, "any thread of which may take the signal");
    CHECK_ERRNO(queue(0, SIGRTMIN, info, 1), ESRCH, "rt_sigqueueinfo to nobody");
    CHECK_ERRNO(queue(thread_id, 0, users, 0), EPERM, "rt_sigqueueinfo as kill to another thread");
    CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, getpid(), thread_id, 0, &users), EPERM, "rt_tgsigqueueinfo as kill to another");
    CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), 0, &users), "rt_tgsigqueueinfo as kill to oneself");
    open_gate(leave);
    pthread_join(thread, NULL);
    unblock(SIGRTMIN);
}

static void wait_for_end(void) {
    pause();
}

static void by_descriptor(void) {
    int own = (int)syscall(SYS_pidfd_open, getpid(), 0);
    siginfo_t info = {.si_signo = SIGUSR2, .si_code = SI_QUEUE};
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, own, SIGUSR1, &info, 0), EINVAL, "pidfd_send_signal: another si_signo");
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, own, 0, &info, 0), EINVAL, "another si_signo than 0");
    info.si_signo = SIGRTMIN;
    handle_info(SIGRTMIN, take, 0);
    caught = 0;
    CHECK(syscall(SYS_pidfd_send_signal, own, SIGRTMIN, &info, 0) == 0 && caught == 1, "pidfd_send_signal with data");
    close(own);
    pid_t child = start(wait_for_end);
    int fd = (int)syscall(SYS_pidfd_open, child, O_NONBLOCK);
    CHECK_ERRNO(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), EAGAIN, "waitid on a pidfd with O_NONBLOCK");
    CHECK_EQ(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG), 0, "with WNOHANG as well");
    NEED(fcntl(fd, F_SETFL, 0) == 0 && kill(child, SIGTERM) == 0);
    CHECK_EQ(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0, "waitid on the same pidfd without O_NONBLOCK");
    CHECK_ERRNO(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), ECHILD, "waitid on the pidfd of none of one's children");
    close(fd);
}

int main(void) {
    begin();
    frames();
    once();
    stack_out_of_use();
    small_stacks();
    to_threads();
    by_descriptor();
    return finish();
}
