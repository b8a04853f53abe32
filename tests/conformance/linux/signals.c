/* Signals that processes send: dispositions, masks, queues, what a handler is told, and what a call does when one comes. */
#include "process.h"

#include <poll.h>
#include <setjmp.h>
#include <sys/resource.h>

enum { MOST = 16 };

static volatile sig_atomic_t caught, depth, deepest;
static volatile int order[MOST];
static siginfo_t infos[MOST];
static struct gate wake, own, *opened;
static sigset_t during;

static void count(int number) {
    order[caught++ % MOST] = number;
}

static void take_info(int number, siginfo_t *info, void *context) {
    (void)context;
    infos[caught % MOST] = *info;
    count(number);
}

static void look_at_mask(int number) {
    count(number);
    sigprocmask(SIG_BLOCK, NULL, &during);
}

/* Ticks come again and again, so it does not matter whether the first finds the call already waiting. */
static void tick(int milliseconds) {
    struct itimerval timer = {{0, milliseconds * 1000}, {0, milliseconds * 1000}};
    caught = 0;
    NEED(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void no_tick(void) {
    tick(0);
}

static void dispositions(void) {
    struct sigaction action = {.sa_handler = count}, old;
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL, "the default disposition");
    action.sa_flags = SA_RESTART | SA_NODEFER;
    sigaddset(&action.sa_mask, SIGHUP);
    CHECK_OK(sigaction(SIGUSR1, &action, NULL), "sigaction sets");
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == count, "sigaction tells the handler");
    CHECK_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER | SA_RESETHAND), SA_RESTART | SA_NODEFER, "sigaction tells the flags");
    CHECK(sigismember(&old.sa_mask, SIGHUP) && !sigismember(&old.sa_mask, SIGUSR1), "sigaction tells the mask");
    CHECK_ERRNO(sigaction(SIGKILL, &action, NULL), EINVAL, "SIGKILL cannot be caught");
    CHECK_ERRNO(sigaction(SIGSTOP, &action, NULL), EINVAL, "SIGSTOP cannot be caught");
    CHECK_OK(sigaction(SIGKILL, NULL, &old), "SIGKILL's disposition can be read");
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL, "sigaction: signal 0");
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL, "sigaction: signal 65");
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16), EINVAL, "sigaction: set of a wrong size");
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, forbidden_page(PROT_NONE), NULL, 8), EFAULT, "sigaction: bad pointer");
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, forbidden_page(PROT_READ), 8), EFAULT, "sigaction: bad result");
    CHECK_EQ(raise(SIGUSR1), 0, "raise");
    CHECK(caught == 1 && order[0] == SIGUSR1, "raise returns after the handler, which is told the number");
    handle(SIGUSR1, SIG_IGN, 0);
    raise(SIGUSR1);
    CHECK_EQ(caught, 1, "an ignored signal does nothing");
}

static void masks(void) {
    sigset_t set = set_of(SIGUSR1), all;
    struct sigaction action = {.sa_handler = look_at_mask};
    CHECK_ERRNO(sigprocmask(17, &set, NULL), EINVAL, "sigprocmask: unknown operation");
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL, "sigprocmask: set of a wrong size");
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, forbidden_page(PROT_NONE), NULL, 8), EFAULT, "sigprocmask: bad set");
    CHECK_ERRNO(syscall(SYS_rt_sigpending, &set, 16), EINVAL, "sigpending: set of a wrong size");
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &set);
    CHECK(!is_blocked(SIGKILL) && !is_blocked(SIGSTOP) && is_blocked(SIGTERM), "all but KILL and STOP can be blocked");
    sigprocmask(SIG_SETMASK, &set, NULL);
    CHECK(!is_blocked(SIGTERM), "SIG_SETMASK");
    sigaddset(&action.sa_mask, SIGHUP);
    NEED(sigaction(SIGUSR1, &action, NULL) == 0);
    raise(SIGUSR1);
    CHECK(sigismember(&during, SIGUSR1) && sigismember(&during, SIGHUP), "a handler's own signal and sa_mask are blocked");
    CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGHUP), "the mask comes back after the handler");
    handle(SIGUSR1, look_at_mask, SA_NODEFER);
    raise(SIGUSR1);
    CHECK(!sigismember(&during, SIGUSR1), "SA_NODEFER leaves the signal open");
    handle(SIGUSR1, look_at_mask, SA_RESETHAND);
    raise(SIGUSR1);
    CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL, "SA_RESETHAND is for once");
}

static void pending(void) {
    handle(SIGUSR1, count, 0);
    block(SIGUSR1);
    caught = 0;
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK(caught == 0 && is_pending(SIGUSR1), "a blocked signal waits");
    unblock(SIGUSR1);
    CHECK_EQ(caught, 1, "two of a standard signal are one");
    CHECK(!is_pending(SIGUSR1), "a delivered signal is no longer pending");
    block(SIGUSR1);
    raise(SIGUSR1);
    handle(SIGUSR1, SIG_IGN, 0);
    CHECK(!is_pending(SIGUSR1), "ignoring a signal throws away a pending one");
    unblock(SIGUSR1);
    block(SIGTSTP);
    raise(SIGTSTP);
    CHECK(is_pending(SIGTSTP), "a stop signal waits when blocked");
    raise(SIGCONT);
    CHECK(!is_pending(SIGTSTP), "SIGCONT throws a pending stop away");
    unblock(SIGTSTP);
    block(SIGWINCH);
    raise(SIGWINCH);
    CHECK(is_pending(SIGWINCH), "a blocked signal waits though its default is to do nothing");
    unblock(SIGWINCH);
}

static void tell_parent(void) {
    kill(getppid(), SIGUSR1);
}

static void told(void) {
    handle_info(SIGUSR1, take_info, 0);
    caught = 0;
    kill(getpid(), SIGUSR1);
    CHECK(infos[0].si_signo == SIGUSR1 && infos[0].si_code == SI_USER, "kill: SI_USER");
    CHECK(infos[0].si_pid == getpid() && infos[0].si_uid == getuid(), "kill: who sent it");
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    CHECK(infos[1].si_code == SI_TKILL && infos[1].si_pid == getpid(), "tgkill: SI_TKILL");
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_ptr = &wake});
    CHECK(infos[2].si_code == SI_QUEUE && infos[2].si_value.sival_ptr == &wake, "sigqueue: SI_QUEUE and the value");
    CHECK(infos[2].si_pid == getpid() && infos[2].si_uid == getuid(), "sigqueue: who sent it");
    block(SIGUSR1);
    pid_t child = start(tell_parent);
    status_of(child);
    unblock(SIGUSR1);
    CHECK(infos[3].si_code == SI_USER && infos[3].si_pid == child, "kill from a child that is gone by now");
    handle_info(SIGALRM, take_info, 0);
    tick(1);
    pause();
    no_tick();
    CHECK(infos[0].si_code == SI_KERNEL && infos[0].si_signo == SIGALRM, "setitimer: SI_KERNEL");
}

static void queues(void) {
    struct sigaction action = {.sa_sigaction = take_info, .sa_flags = SA_SIGINFO};
    struct rlimit none = {0, 0}, before;
    sigfillset(&action.sa_mask);
    for (int i = 0; i < 3; i++) {
        NEED(sigaction(SIGRTMIN + i, &action, NULL) == 0);
        block(SIGRTMIN + i);
    }
    NEED(sigaction(SIGUSR2, &action, NULL) == 0);
    block(SIGUSR2);
    static const int sent[] = {2, 1, 0, 1, 0, 0};
    for (int i = 0; i < 6; i++)
        NEED(sigqueue(getpid(), SIGRTMIN + sent[i], (union sigval){.sival_int = i}) == 0);
    raise(SIGUSR2);
    caught = 0;
    sigset_t set;
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    CHECK_EQ(caught, 7, "real-time signals are queued");
    CHECK_EQ(order[0], SIGUSR2, "standard signals come first");
    CHECK(order[1] == SIGRTMIN && order[4] == SIGRTMIN + 1 && order[6] == SIGRTMIN + 2, "the lowest number first");
    CHECK(infos[1].si_value.sival_int == 2 && infos[2].si_value.sival_int == 4 && infos[3].si_value.sival_int == 5,
          "those of one number in the order they were sent");
    CHECK_ERRNO(sigqueue(getpid(), 65, (union sigval){.sival_int = 0}), EINVAL, "sigqueue: signal 65");
    siginfo_t forged = {.si_signo = SIGUSR1, .si_code = SI_USER};
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &forged), EPERM, "a forged sender is refused");
    NEED(getrlimit(RLIMIT_SIGPENDING, &before) == 0);
    none.rlim_max = before.rlim_max;
    NEED(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
    CHECK_ERRNO(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 0}), EAGAIN, "sigqueue past the limit");
    NEED(setrlimit(RLIMIT_SIGPENDING, &before) == 0);
}

static void waiting_for(void) {
    sigset_t set = set_of(SIGRTMIN);
    siginfo_t info;
    struct timespec nothing = {0, 0}, wrong = {0, 1000000000}, brief = {0, 2000000};
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK_ERRNO(sigtimedwait(&set, &info, &nothing), EAGAIN, "sigtimedwait: nothing is pending");
    CHECK_ERRNO(sigtimedwait(&set, &info, &brief), EAGAIN, "sigtimedwait: nothing came in time");
    CHECK_ERRNO(sigtimedwait(&set, &info, &wrong), EINVAL, "sigtimedwait: a second has fewer nanoseconds");
    CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 7), EINVAL, "sigtimedwait: set of a wrong size");
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 11});
    raise(SIGUSR1);
    caught = 0;
    CHECK_EQ(sigtimedwait(&set, &info, &nothing), SIGUSR1, "sigtimedwait takes the lowest");
    CHECK(sigwaitinfo(&set, &info) == SIGRTMIN && info.si_value.sival_int == 11, "sigwaitinfo tells the value");
    CHECK_EQ(caught, 0, "no handler runs for a signal that was waited for");
    pid_t child = start(tell_parent);
    CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_pid == child, "sigwaitinfo waits");
    status_of(child);
    handle(SIGALRM, count, SA_RESTART);
    tick(2);
    CHECK_ERRNO(sigwaitinfo(&set, &info), EINTR, "sigwaitinfo is interrupted by another handler");
    no_tick();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void suspending(void) {
    sigset_t set;
    sigemptyset(&set);
    handle(SIGUSR1, count, SA_RESTART);
    block(SIGUSR1);
    raise(SIGUSR1);
    caught = 0;
    CHECK_ERRNO(sigsuspend(&set), EINTR, "sigsuspend with a signal pending");
    CHECK_EQ(caught, 1, "the handler ran under sigsuspend's mask");
    CHECK(is_blocked(SIGUSR1), "sigsuspend gives the mask back");
    pid_t child = start(tell_parent);
    CHECK_ERRNO(sigsuspend(&set), EINTR, "sigsuspend waits for a signal");
    status_of(child);
    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &set, 4), EINVAL, "sigsuspend: set of a wrong size");
    unblock(SIGUSR1);
    handle(SIGALRM, count, SA_RESTART);
    tick(2);
    CHECK_ERRNO(pause(), EINTR, "pause, whatever SA_RESTART says");
    no_tick();
}

static void wake_at_second(int number) {
    count(number);
    if (caught == 2)
        open_gate(*opened);
}

static void pass_wake(void) {
    pass(wake);
}

static void interrupted(void) {
    char byte, block_of_bytes[4096] = "";
    int ends[2];
    struct timespec long_time = {10, 0}, left = {0, 0};
    NEED(pipe(ends) == 0);
    handle(SIGALRM, count, 0);
    tick(2);
    CHECK_ERRNO(read(ends[0], &byte, 1), EINTR, "read without SA_RESTART");
    pid_t child = start(pass_wake);
    CHECK_ERRNO(waitpid(child, NULL, 0), EINTR, "waitpid without SA_RESTART");
    CHECK_ERRNO(nanosleep(&long_time, &left), EINTR, "nanosleep is interrupted");
    int64_t milliseconds = left.tv_sec * 1000 + left.tv_nsec / 1000000;
    CHECK(milliseconds > 8000 && milliseconds <= 10000, "nanosleep tells the time left"); /* and the timer's slack */
    CHECK_ERRNO(poll(NULL, 0, 10000), EINTR, "poll is interrupted");
    NEED(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    while (write(ends[1], block_of_bytes, sizeof block_of_bytes) > 0)
        ;
    NEED(fcntl(ends[1], F_SETFL, 0) == 0);
    CHECK_ERRNO(write(ends[1], &byte, 1), EINTR, "write to a full pipe without SA_RESTART");
    handle(SIGALRM, wake_at_second, SA_RESTART);
    opened = &own;
    tick(2);
    CHECK_EQ(read(own.out, &byte, 1), 1, "read with SA_RESTART");
    opened = &wake;
    tick(2);
    CHECK_EQ(waitpid(child, NULL, 0), child, "waitpid with SA_RESTART");
    handle(SIGALRM, count, SA_RESTART);
    CHECK_ERRNO(poll(NULL, 0, 10000), EINTR, "poll, whatever SA_RESTART says");
    CHECK_ERRNO(nanosleep(&long_time, NULL), EINTR, "nanosleep, whatever SA_RESTART says");
    handle(SIGALRM, SIG_IGN, 0);
    long_time = (struct timespec){0, 20000000};
    CHECK_OK(nanosleep(&long_time, NULL), "an ignored signal does not interrupt");
    handle(SIGALRM, count, 0);
    tick(2);
    while (caught < 3)
        ;
    CHECK(caught >= 3, "a loop without calls is interrupted");
    no_tick();
}

static void sleep_through_stop(void) {
    struct timespec time = {0, 50000000};
    open_gate(wake);
    _exit(nanosleep(&time, NULL) == 0 ? 7 : 1);
}

static void write_to_nobody(void) {
    int ends[2];
    NEED(pipe(ends) == 0 && close(ends[0]) == 0);
    write(ends[1], "x", 1) == 1 ? _exit(1) : _exit(2);
}

static void broken_pipe(void) {
    int ends[2];
    handle(SIGPIPE, SIG_DFL, 0);
    CHECK(killed_by(status_after(write_to_nobody), SIGPIPE), "SIGPIPE ends a writer without readers");
    NEED(pipe(ends) == 0 && close(ends[0]) == 0);
    handle(SIGPIPE, count, 0);
    caught = 0;
    CHECK_ERRNO(write(ends[1], "x", 1), EPIPE, "a caught SIGPIPE comes with EPIPE");
    CHECK_EQ(caught, 1, "SIGPIPE's handler ran");
    handle(SIGPIPE, SIG_IGN, 0);
    CHECK_ERRNO(write(ends[1], "x", 1), EPIPE, "an ignored SIGPIPE comes with EPIPE");
    close(ends[1]);
    pid_t child = start(sleep_through_stop);
    pass(wake);
    kill(child, SIGSTOP);
    waitpid(child, NULL, WUNTRACED);
    kill(child, SIGCONT);
    CHECK(exited_with(status_of(child), 7), "a stop and a continue do not cut a sleep");
}

static void exit_when_signalled(void) {
    sigset_t set = set_of(SIGUSR1);
    int number;
    _exit(sigwait(&set, &number) == 0 && number == SIGUSR1 ? 5 : 1);
}

static void to_groups(void) {
    NEED(setpgid(0, 0) == 0);
    handle(SIGUSR1, count, 0);
    block(SIGUSR1);
    pid_t first = start(exit_when_signalled), second = start(exit_when_signalled);
    CHECK_OK(kill(0, SIGUSR1), "kill 0");
    CHECK(exited_with(status_of(first), 5) && exited_with(status_of(second), 5), "kill 0 reaches the whole group");
    CHECK(is_pending(SIGUSR1), "kill 0 reaches the sender");
    caught = 0;
    unblock(SIGUSR1);
    block(SIGUSR1);
    first = start(exit_when_signalled);
    CHECK_OK(kill(-getpgrp(), SIGUSR1), "kill of a group by its id");
    CHECK(exited_with(status_of(first), 5), "it reaches the group");
    unblock(SIGUSR1);
    CHECK_EQ(caught, 2, "and the sender, each time");
}

static void targets(void) {
    pid_t gone = start(no_core);
    status_of(gone);
    CHECK_OK(kill(getpid(), 0), "signal 0 to oneself");
    CHECK_OK(kill(getppid(), 0) == 0 || errno == EPERM ? 0 : -1, "signal 0 to the parent finds it");
    CHECK_ERRNO(kill(gone, SIGUSR1), ESRCH, "kill: no such process");
    CHECK_ERRNO(kill(-gone, SIGUSR1), ESRCH, "kill: no such group");
    CHECK_ERRNO(kill(getpid(), 65), EINVAL, "kill: signal 65");
    CHECK_ERRNO(kill(getpid(), -1), EINVAL, "kill: signal -1");
    CHECK_ERRNO(kill(gone, 65), ESRCH, "kill: the process is looked for before the signal is checked");
    CHECK_ERRNO(syscall(SYS_tgkill, getppid(), gettid(), 0), ESRCH, "tgkill: a thread of another process");
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL, "tgkill: thread 0");
    CHECK_ERRNO(syscall(SYS_tgkill, -1, gettid(), 0), EINVAL, "tgkill: process -1");
    CHECK_ERRNO(syscall(SYS_tkill, gone, SIGUSR1), ESRCH, "tkill: no such thread");
    CHECK_OK(syscall(SYS_tkill, gettid(), 0), "tkill: signal 0 to oneself");
    in_child(to_groups);
}

static int raised;

static void raise_unhandled(void) {
    NEED(setpgid(0, 0) == 0);
    no_core();
    signal(raised, SIG_DFL);
    raise(raised);
    _exit(77);
}

static int is_among(const int *numbers, int number) {
    for (; *numbers; numbers++)
        if (*numbers == number)
            return 1;
    return 0;
}

static void default_actions(void) {
    static const int ignored[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH, 0}, stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, 0};
    int status, right[3] = {1, 1, 1};
    for (raised = 1; raised <= SIGRTMAX; raised += raised == 31 ? SIGRTMIN - 31 : 1) {
        pid_t child = start(raise_unhandled);
        NEED(waitpid(child, &status, WUNTRACED) == child);
        if (is_among(ignored, raised)) {
            right[0] &= exited_with(status, 77);
        } else if (is_among(stops, raised)) {
            right[1] &= WIFSTOPPED(status) && WSTOPSIG(status) == raised;
            kill(child, SIGKILL);
            status_of(child);
        } else {
            right[2] &= killed_by(status, raised);
        }
    }
    CHECK(right[0], "CHLD, CONT, URG and WINCH do nothing by default");
    CHECK(right[1], "STOP, TSTP, TTIN and TTOU stop by default");
    CHECK(right[2], "every other signal kills by default");
}

static void nest(int number) {
    if (++depth > deepest)
        deepest = depth;
    count(number);
    if (number == SIGUSR1 && caught < 5)
        raise(number);
    else if (number == SIGUSR1)
        raise(SIGUSR2);
    depth--;
}

static void nesting(void) {
    caught = depth = deepest = 0;
    handle(SIGUSR1, nest, 0);
    handle(SIGUSR2, nest, 0);
    raise(SIGUSR1);
    CHECK(caught == 6 && deepest == 2, "a blocked handler's own signal comes after it, another's on top of it");
    caught = depth = deepest = 0;
    handle(SIGUSR1, nest, SA_NODEFER);
    raise(SIGUSR1);
    CHECK(caught == 6 && deepest == 6, "SA_NODEFER: a handler on top of itself");
}

static sigjmp_buf place;

static void jump(int number) {
    siglongjmp(place, number);
}

static void jumping(void) {
    handle(SIGUSR1, jump, 0);
    if (sigsetjmp(place, 1) == 0)
        raise(SIGUSR1);
    CHECK(!is_blocked(SIGUSR1), "siglongjmp out of a handler gives the mask back");
    if (sigsetjmp(place, 0) == 0)
        raise(SIGUSR1);
    CHECK(is_blocked(SIGUSR1), "a jump that saved no mask leaves the handler's");
    unblock(SIGUSR1);
}

static char *handler_stack;
static stack_t inside;
static int change_errno;

static void look_at_stack(int number) {
    char here = 0;
    stack_t other = {.ss_sp = &here, .ss_size = 1 << 20};
    handler_stack = (char *)(uintptr_t)&here;
    sigaltstack(NULL, &inside);
    if (inside.ss_flags & SS_ONSTACK)
        change_errno = sigaltstack(&other, NULL) == -1 ? errno : 0;
    count(number);
}

static void alternate_stack(void) {
    static char memory[1 << 16];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, old, wrong = stack;
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE, "no alternate stack at first");
    wrong.ss_size = 1024;
    CHECK_ERRNO(sigaltstack(&wrong, NULL), ENOMEM, "sigaltstack: too small");
    wrong.ss_flags = 16;
    CHECK_ERRNO(sigaltstack(&wrong, NULL), EINVAL, "sigaltstack: unknown flag");
    CHECK_ERRNO(sigaltstack(forbidden_page(PROT_NONE), NULL), EFAULT, "sigaltstack: bad pointer");
    CHECK_OK(sigaltstack(&stack, NULL), "sigaltstack");
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == memory && old.ss_size == sizeof memory && old.ss_flags == 0,
          "sigaltstack tells what was set");
    handle(SIGUSR1, look_at_stack, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(handler_stack > memory && handler_stack < memory + sizeof memory, "SA_ONSTACK: the handler runs there");
    CHECK_EQ(inside.ss_flags, SS_ONSTACK, "SS_ONSTACK is told inside");
    CHECK_EQ(change_errno, EPERM, "the stack in use cannot be changed");
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == 0, "SS_ONSTACK is over after the handler");
    handle(SIGUSR1, look_at_stack, 0);
    raise(SIGUSR1);
    CHECK(handler_stack < memory || handler_stack > memory + sizeof memory, "without SA_ONSTACK it runs elsewhere");
    stack.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&stack, NULL) == 0 && sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE, "SS_DISABLE");
}

int main(void) {
    begin();
    sigset_t none;
    sigemptyset(&none);
    NEED(sigprocmask(SIG_SETMASK, &none, NULL) == 0);
    for (int i = 1; i <= SIGRTMAX; i++)
        signal(i, SIG_DFL);
    wake = new_gate();
    own = new_gate();
    dispositions();
    masks();
    pending();
    told();
    queues();
    waiting_for();
    suspending();
    interrupted();
    broken_pipe();
    targets();
    default_actions();
    nesting();
    jumping();
    alternate_stack();
    return finish();
}
