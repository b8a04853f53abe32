/* The page of the platform's code in every guest holds `syscall` instructions that the host's filter knows. A guest jumps
 * to each with registers of its own choice, alone and beside a thread that keeps the kernel busy, and lets the page's
 * runner of lists run its own list. Then it does to the page, its scratch page and its descriptor what memory calls can. */
#include "escape.h"

#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

enum { SITES = 16, TARGET = 0x30000000, PAGE_CACHE = 100, FLAGS_FORK = 0x8000 | SIGCHLD };

struct hostile {
    const char *name;
    long number, arguments[6];
};

static char canary[4096] = "/tmp/canary";
static char *touch[] = {"touch", canary, NULL};
static struct iovec stolen = {canary, sizeof canary};
static struct hostile hostile[] = {
    {"open", SYS_open, {(long)canary, O_RDWR | O_CREAT, 0666}},
    {"openat", SYS_openat, {AT_FDCWD, (long)canary, O_RDWR | O_CREAT, 0666}},
    {"execve", SYS_execve, {(long)"/usr/bin/touch", (long)touch, 0}},
    {"socket", SYS_socket, {2, 1, 0}},
    {"unix socket", SYS_socket, {1, 1, 0}},
    {"mmap the page cache shared", SYS_mmap, {TARGET, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, PAGE_CACHE, 0}},
    {"mmap the page cache private", SYS_mmap, {TARGET, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, PAGE_CACHE, 0}},
    {"mmap a descriptor in transit", SYS_mmap, {TARGET, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 101, 0}},
    {"mprotect the stub", SYS_mprotect, {STUB, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC}},
    {"mprotect the scratch page", SYS_mprotect, {SCRATCH, PAGE, PROT_NONE}},
    {"munmap the stub", SYS_munmap, {STUB, PAGE}},
    {"munmap the scratch page", SYS_munmap, {SCRATCH, PAGE}},
    {"mremap the stub", SYS_mremap, {STUB, PAGE, PAGE, 3, TARGET}},
    {"kill everybody", SYS_kill, {-1, SIGKILL}},
    {"kill init", SYS_kill, {1, SIGKILL}},
    {"kill the parent", SYS_kill, {0, SIGTERM}},
    {"process_vm_writev", SYS_process_vm_writev, {1, (long)&stolen, 1, (long)&stolen, 1, 0}},
    {"ptrace", SYS_ptrace, {PTRACE_ATTACH, 1, 0, 0}},
    {"ptrace me", SYS_ptrace, {PTRACE_TRACEME, 0, 0, 0}},
    {"fork", SYS_fork, {0}},
    {"clone", SYS_clone, {FLAGS_FORK, 0, 0, 0, 0}},
    {"unshare", SYS_unshare, {0x10000000}},
    {"mount", SYS_mount, {(long)"none", (long)"/", (long)"tmpfs", 0, 0}},
    {"chroot", SYS_chroot, {(long)"/"}},
    {"memfd_create", SYS_memfd_create, {(long)"name", 0}},
    {"close the page cache", SYS_close, {PAGE_CACHE}},
    {"close a descriptor in transit", SYS_close, {101}},
    {"dup2 over the page cache", SYS_dup2, {0, PAGE_CACHE}},
    {"ftruncate the page cache", SYS_ftruncate, {PAGE_CACHE, 0}},
    {"prctl no parent-death signal", SYS_prctl, {1, 0}},
    {"prctl not dumpable", SYS_prctl, {4, 0}},
    {"seccomp", SYS_seccomp, {0, 0, 0}},
    {"io_uring_setup", 425, {8, (long)canary}},
    {"rt_sigreturn", SYS_rt_sigreturn, {0}},
    {"exit_group", SYS_exit_group, {7}},
    {"exit", SYS_exit, {7}},
    {"the idle call", 600, {0}},
    {"a number of NT", 0x10000 + 0x18, {-1, (long)canary, 0, (long)canary, 0x3000, 4}},
    {"no number", -1, {0}},
};

enum { HOSTILE = sizeof hostile / sizeof *hostile };

static uintptr_t sites[SITES];
static int site_count;
/* Jumps are many, so several runs share them. */
static int part, parts = 1, jump_count;
static const struct hostile *chosen;
static uintptr_t chosen_site;

static void find_sites(void) {
    const volatile unsigned char *code = (const volatile unsigned char *)STUB;
    for (int i = 0; i < PAGE - 1 && site_count < SITES; i++)
        if (code[i] == 0x0f && code[i + 1] == 0x05)
            sites[site_count++] = STUB + (uintptr_t)i;
}

/* Jumps there with the call's registers, and with r12 and rbx, the runners' lists. */
__attribute__((noreturn)) static void jump(uintptr_t address, const struct hostile *call, const long *list) {
    register long r10 __asm__("r10") = call->arguments[3];
    register long r8 __asm__("r8") = call->arguments[4];
    register long r9 __asm__("r9") = call->arguments[5];
    register const long *r12 __asm__("r12") = list;
    register const long *rbx __asm__("rbx") = list;
    __asm__ volatile("jmp *%%rcx"
                     :
                     : "c"(address), "a"(call->number), "D"(call->arguments[0]), "S"(call->arguments[1]),
                       "d"(call->arguments[2]), "r"(r10), "r"(r8), "r"(r9), "r"(r12), "r"(rbx)
                     : "memory");
    __builtin_unreachable();
}

/* The runner goes on behind the list's first seven words: they stand for the call that it thinks it made. */
static const long *list_of_all(void) {
    static long list[7 * (HOSTILE + 2)];
    long *next = list + 7;
    for (int i = 0; i < HOSTILE; i++, next += 7) {
        next[0] = hostile[i].number;
        memcpy(next + 1, hostile[i].arguments, sizeof hostile[i].arguments);
    }
    *next = -1;
    return list;
}

static void *watch(void *argument) {
    int ends[2], seen = 0;
    if (pipe(ends) == 0)
        for (int i = 0; i < 300 && !seen; i++) {
            seen = write(ends[1], (void *)TARGET, 1) == 1;
            nanosleep(&(struct timespec){0, 50000}, NULL);
        }
    if (seen)
        printf("ESCAPED a page that nobody ordered is mapped\n");
    if (!argument)
        _exit(0);
    return argument;
}

static void *keep_busy(void *argument) {
    for (int i = 0; i < 10; i++) {
        void *page = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(page, 16 * PAGE);
        pid_t child = fork();
        if (child == 0) {
            execl("/bin/true", "true", (char *)NULL);
            _exit(1);
        }
        waitpid(child, NULL, 0);
    }
    _exit(argument != NULL);
}

static void *jump_in_thread(void *list) {
    nanosleep(&(struct timespec){0, 3000000}, NULL);
    jump(chosen_site, chosen, list);
}

static void first_thread(void) {
    jump(chosen_site, chosen, NULL);
}

static void watched_thread(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, jump_in_thread, NULL);
    watch(NULL);
}

static void busy_thread(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, jump_in_thread, NULL);
    keep_busy(NULL);
}

/* The list's one entry runs after a first call that nobody refuses. */
static void own_list(void) {
    static const struct hostile harmless = {"sched_yield", SYS_sched_yield, {0}};
    static long list[21];
    pthread_t thread;
    list[7] = chosen->number;
    memcpy(list + 8, chosen->arguments, sizeof chosen->arguments);
    list[14] = -1;
    pthread_create(&thread, NULL, watch, NULL);
    jump(chosen_site, &harmless, list);
}

static void all_lists(void) {
    static const struct hostile harmless = {"sched_yield", SYS_sched_yield, {0}};
    jump(chosen_site, &harmless, list_of_all());
}

static int is_mine(void) {
    return jump_count++ % parts == part;
}

static void jumps(void) {
    static void (*const ways[])(void) = {first_thread, watched_thread, busy_thread, own_list};
    static const char *const names[] = {"first thread", "watched thread", "beside a busy thread", "own list"};
    for (int site = 0; site < site_count; site++) {
        chosen_site = sites[site];
        for (int call = 0; call < HOSTILE; call++) {
            chosen = &hostile[call];
            for (int way = 0; way < 4; way++)
                if (is_mine())
                    printf("tried site %d, %s, %s: %s\n", site, names[way], chosen->name, ending(alone(ways[way])));
        }
        if (is_mine())
            try_alone(all_lists, "a list of everything");
    }
    /* Every byte of the page is an entrance. */
    chosen = &hostile[0];
    for (chosen_site = STUB; chosen_site < STUB + 512; chosen_site++)
        if (is_mine())
            printf("tried byte %d: %s\n", (int)(chosen_site - STUB), ending(alone(first_thread)));
}

/* After its attempt, each of these needs the page: to map, to fork and to end. */
static void use_the_page(long result) {
    printf("  the call gave %ld, errno %d\n", result, errno);
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED)
        *page = 1;
    pid_t child = fork();
    if (child == 0)
        _exit(execl("/bin/true", "true", (char *)NULL));
    if (child > 0)
        printf("  then a child: %s\n", ending(end_of(child, 2)));
}

static void map_over(void) {
    use_the_page((long)mmap((void *)STUB, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static void map_across(void) {
    use_the_page((long)mmap((void *)(STUB - PAGE), 6 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static void map_over_scratch(void) {
    use_the_page((long)mmap((void *)SCRATCH, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static void move_over(void) {
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    use_the_page((long)mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)STUB));
}

static void move_away(void) {
    use_the_page((long)mremap((void *)STUB, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)TARGET));
}

static void grow(void) {
    use_the_page((long)mremap((void *)STUB, PAGE, 4 * PAGE, MREMAP_MAYMOVE));
}

static void unmap(void) {
    use_the_page(munmap((void *)STUB, PAGE));
}

static void unmap_scratch(void) {
    use_the_page(munmap((void *)SCRATCH, PAGE));
}

static void protect(void) {
    use_the_page(mprotect((void *)STUB, PAGE, PROT_NONE));
}

static void rewrite(void) {
    long result = mprotect((void *)STUB, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    if (result == 0)
        memset((void *)STUB, 0xcc, PAGE);
    use_the_page(result);
}

static void protect_scratch(void) {
    use_the_page(mprotect((void *)SCRATCH, PAGE, PROT_NONE));
}

static void not_for_children(void) {
    use_the_page(madvise((void *)STUB, PAGE, MADV_DONTFORK));
}

static void wiped_for_children(void) {
    madvise((void *)SCRATCH, PAGE, MADV_WIPEONFORK);
    use_the_page(madvise((void *)STUB, PAGE, MADV_WIPEONFORK));
}

static void forget(void) {
    madvise((void *)SCRATCH, PAGE, MADV_DONTNEED);
    use_the_page(madvise((void *)STUB, PAGE, MADV_DONTNEED));
}

static void scribble(void) {
    memset((void *)SCRATCH, 0x41, PAGE);
    use_the_page(0);
}

static volatile int over;

/* Writes a list of calls into the scratch page again and again, where the kernel puts its own. */
static void *rewrite_lists(void *argument) {
    while (!over)
        for (int i = 0; i < HOSTILE; i++)
            for (long *entry = (long *)SCRATCH; entry + 7 <= (long *)(SCRATCH + PAGE); entry += 7) {
                entry[0] = hostile[i].number;
                memcpy(entry + 1, hostile[i].arguments, sizeof hostile[i].arguments);
            }
    return argument;
}

static void rewrite_beside(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, rewrite_lists, NULL);
    for (int i = 0; i < 300; i++) {
        char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page != MAP_FAILED)
            munmap(page, PAGE);
    }
    over = 1;
}

static void descriptors(void) {
    char byte;
    struct stat info;
    REFUSED(read(PAGE_CACHE, &byte, 1), "read the page cache's descriptor");
    REFUSED(fstat(PAGE_CACHE, &info), "fstat the page cache's descriptor");
    REFUSED((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, PAGE_CACHE, 0), "mmap the page cache's descriptor");
    REFUSED(dup(PAGE_CACHE), "dup the page cache's descriptor");
    REFUSED(close(PAGE_CACHE), "close the page cache's descriptor");
    use_the_page(dup2(0, PAGE_CACHE));
    use_the_page(close(PAGE_CACHE));
}

static void attempts(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*body)(void);
    } changes[] = {
        {"mmap over the stub", map_over},
        {"mmap across the stub", map_across},
        {"mmap over the scratch page", map_over_scratch},
        {"mremap over the stub", move_over},
        {"mremap the stub away", move_away},
        {"mremap the stub larger", grow},
        {"munmap the stub", unmap},
        {"munmap the scratch page", unmap_scratch},
        {"mprotect the stub", protect},
        {"rewrite the stub", rewrite},
        {"mprotect the scratch page", protect_scratch},
        {"MADV_DONTFORK", not_for_children},
        {"MADV_WIPEONFORK", wiped_for_children},
        {"MADV_DONTNEED", forget},
        {"scribble over the scratch page", scribble},
        {"rewrite the kernel's lists", rewrite_beside},
        {"descriptor 100", descriptors},
    };
    if (count > 1)
        snprintf(canary, sizeof canary, "%s", arguments[1]);
    if (count > 3) {
        part = atoi(arguments[2]);
        parts = atoi(arguments[3]);
    }
    find_sites();
    printf("found %d syscall instructions\n", site_count);
    for (size_t i = 0; part == 0 && i < sizeof changes / sizeof *changes; i++)
        try_alone(changes[i].body, changes[i].name);
    jumps();
}
