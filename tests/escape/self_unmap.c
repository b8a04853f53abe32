/* A process that takes its own memory away, its code included, and the platform's with it: it dies alone. */
#include "escape.h"

#include <pthread.h>

static void all_below_the_stub(void) {
    syscall(SYS_munmap, 0, STUB);
}

static void everything(void) {
    syscall(SYS_munmap, 0, 0x7ffffffff000);
}

static void nothing_readable(void) {
    syscall(SYS_mprotect, 0x10000, STUB - 0x10000, PROT_NONE);
    syscall(SYS_munmap, 0, STUB);
}

static void text_turned_to_data(void) {
    extern char __executable_start[], etext[];
    syscall(SYS_mprotect, (uintptr_t)__executable_start & ~(PAGE - 1UL), (uintptr_t)(etext - __executable_start), PROT_READ);
}

static void one_reservation(void) {
    syscall(SYS_mmap, 0x10000, STUB - 0x10000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

static void *take_all(void *argument) {
    syscall(SYS_munmap, 0, STUB);
    return argument;
}

static void under_other_threads(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, take_all, NULL);
    for (;;)
        getppid();
}

static void *wait_for_ever(void *argument) {
    for (;;)
        pause();
    return argument;
}

static void under_waiting_threads(void) {
    pthread_t thread;
    for (int i = 0; i < 8; i++)
        pthread_create(&thread, NULL, wait_for_ever, NULL);
    syscall(SYS_munmap, 0, STUB);
}

/* The stack is gone when a signal asks for a frame on it. */
static void signal_without_stack(void) {
    signal(SIGALRM, SIG_DFL);
    signal(SIGUSR1, (void (*)(int))(uintptr_t)1);
    __asm__ volatile("xorl %%esp, %%esp; syscall; ud2" : : "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1) : "memory");
}

static void return_without_frame(void) {
    __asm__ volatile("movq $0x1000, %%rsp; syscall; ud2" : : "a"(SYS_rt_sigreturn) : "memory");
}

static void parent_of_vfork(void) {
    pid_t child = vfork();
    if (child == 0)
        syscall(SYS_munmap, 0, STUB);
}

static void without_scratch(void) {
    syscall(SYS_munmap, SCRATCH, 4 * PAGE);
    mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    execl("/bin/true", "true", (char *)NULL);
}

static void attempts(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*body)(void);
    } ways[] = {
        {"munmap below the stub", all_below_the_stub},
        {"munmap everything", everything},
        {"mprotect, then munmap", nothing_readable},
        {"mprotect of the text", text_turned_to_data},
        {"one mapping over all", one_reservation},
        {"munmap under a running thread", under_other_threads},
        {"munmap under waiting threads", under_waiting_threads},
        {"a signal without a stack", signal_without_stack},
        {"rt_sigreturn without a frame", return_without_frame},
        {"munmap in a vfork child", parent_of_vfork},
        {"exec without the scratch page", without_scratch},
    };
    (void)count, (void)arguments;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        try_alone(ways[i].body, ways[i].name);
}
