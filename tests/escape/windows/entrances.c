/* Ways from Windows code to the host's own calls: `syscall` instructions of its own and those of the platform's page, with
 * numbers and registers that mean something to Linux, and interrupts. Only NT's calls may answer. Each attempt has a process
 * of its own, as many end by it; the first argument is a file of the host that must not come to be. */
#include <windows.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STUB 0x7fffffff0000

enum { PAGE = 4096, TARGET = 0x30000000, PAGE_CACHE = 100, ATTEMPT_MILLISECONDS = 3000, SITES = 16, LEFT = 77, NO_CALL = -38 };

struct registers {
    int64_t rax, rdi, rsi, rdx, r10, r8, r9;
};

/* Loads the registers, enters the kernel, and returns rax, wherever the stack was meanwhile. What comes back from the
 * platform's page pops one register first. */
#define ENTRANCE(name, instruction)                                                                                    \
    int64_t name(const struct registers *registers);                                                                   \
    __asm__(".text\n" #name ":\n"                                                                                      \
            "push %rbx\n push %rsi\n push %rdi\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"          \
            "mov %rsp, %rbp\n mov %rcx, %rbx\n"                                                                        \
            "mov (%rbx), %rax\n mov 8(%rbx), %rdi\n mov 16(%rbx), %rsi\n mov 24(%rbx), %rdx\n"                         \
            "mov 32(%rbx), %r10\n mov 40(%rbx), %r8\n mov 48(%rbx), %r9\n" instruction "\n"                            \
            "mov %rbp, %rsp\n"                                                                                         \
            "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rdi\n pop %rsi\n pop %rbx\n ret\n")

ENTRANCE(by_syscall, "syscall");
ENTRANCE(by_interrupt, "int $0x2e");
ENTRANCE(by_linux_interrupt, "int $0x80");
ENTRANCE(by_sysenter, "sysenter");
ENTRANCE(by_page, "lea 1f(%rip), %rcx\n push %rcx\n push %rdi\n jmp *site(%rip)\n 1:");

uintptr_t site;
static uintptr_t sites[SITES];
static int site_count;

static char canary[MAX_PATH], bytes[64];
static char *touch[] = {"touch", canary, NULL};
static volatile uint32_t word = 1;
static volatile char *kept;

static int is_untouched(void) {
    static const char zeros[sizeof bytes];
    return memcmp(bytes, zeros, sizeof bytes) == 0;
}

/* Reading what is not there ends the process, which is as well. */
static int is_unmapped(void) {
    return *(volatile char *)TARGET == 2;
}

static int is_kept(void) {
    return *kept == 1;
}

/* Numbers of Linux. With these arguments no NT call of the same number can succeed, or `holds` knows whether it was Linux's. */
static const struct {
    const char *name;
    struct registers registers;
    int (*holds)(void);
} calls[] = {
    {"write", {1, 1, (int64_t) "ESCAPED write\n", 14, 0, 0, 0}, NULL},
    {"open", {2, (int64_t)canary, 0102, 0666, 0, 0, 0}, NULL},
    {"mmap of the page cache", {9, TARGET, PAGE, 3, 0x11, PAGE_CACHE, 0}, is_unmapped},
    {"sched_yield", {24, 0, 0, 0, 0, 0, 0}, NULL},
    {"madvise", {28, 0, PAGE, 4, 0, 0, 0}, is_kept},
    {"nanosleep", {35, (int64_t)bytes, 0, 0, 0, 0, 0}, NULL},
    {"getpid", {39, 0, 0, 0, 0, 0, 0}, NULL},
    {"socket", {41, 2, 1, 0, 0, 0, 0}, NULL},
    {"fork", {57, 0, 0, 0, 0, 0, 0}, NULL},
    {"execve", {59, (int64_t) "/usr/bin/touch", (int64_t)touch, 0, 0, 0, 0}, NULL},
    {"gettimeofday", {96, (int64_t)bytes, 0, 0, 0, 0, 0}, is_untouched},
    {"ptrace", {101, 16, 1, 0, 0, 0, 0}, NULL},
    {"arch_prctl", {158, 0x1003, (int64_t)bytes, 0, 0, 0, 0}, is_untouched},
    {"futex", {202, (int64_t)&word, 0, 0, 0, 0, 0}, NULL},
    {"clock_gettime", {228, 0, (int64_t)bytes, 0, 0, 0, 0}, is_untouched},
    {"exit_group", {231, LEFT, 0, 0, 0, 0, 0}, NULL},
    {"process_vm_readv", {310, 1, (int64_t)bytes, 1, (int64_t)bytes, 1, 0}, NULL},
    {"getrandom", {318, (int64_t)bytes, sizeof bytes, 0, 0, 0, 0}, is_untouched},
    {"execveat", {322, -100, (int64_t) "/usr/bin/touch", (int64_t)touch, 0, 0, 0}, NULL},
    {"getpid of x32", {0x40000000 + 39, 0, 0, 0, 0, 0, 0}, NULL},
    {"no number", {-1, 0, 0, 0, 0, 0, 0}, NULL},
};

enum { CALLS = sizeof calls / sizeof *calls, OWN = 2 };

static void find_sites(void) {
    const volatile unsigned char *code = (const volatile unsigned char *)STUB;
    for (int i = 0; i < PAGE - 1 && site_count < SITES; i++)
        if (code[i] == 0x0f && code[i + 1] == 0x05)
            sites[site_count++] = STUB + (uintptr_t)i;
}

static int64_t enter(int way, const struct registers *registers) {
    if (way < OWN)
        return (way ? by_interrupt : by_syscall)(registers);
    site = sites[way - OWN];
    return by_page(registers);
}

/* An error of NT's, or the answer to what is no number in either world. */
static int is_refusal(int64_t result) {
    return result == NO_CALL || (uint64_t)result >> 30 == 3;
}

static void attempt(int way, int number) {
    struct registers registers = calls[number].registers;
    kept = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    *kept = 1;
    if (registers.rax == 28)
        registers.rdi = (int64_t)kept;
    int64_t result = enter(way, &registers);
    int (*holds)(void) = calls[number].holds;
    /* From the platform's page the host answers what harms the guest alone. */
    if (way >= OWN && holds != is_unmapped)
        return;
    if (!holds && !is_refusal(result))
        printf("ESCAPED %s, way %d: %#llx\n", calls[number].name, way, (unsigned long long)result);
    if (holds && !holds())
        printf("ESCAPED %s, way %d: the memory is not as it was\n", calls[number].name, way);
    printf("  %s gave %#llx\n", calls[number].name, (unsigned long long)result);
}

/* Runs this program once more; its exit code, or STILL_ACTIVE when it had to be killed. */
static DWORD again(const char *arguments) {
    char line[2 * MAX_PATH], self[MAX_PATH];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made;
    DWORD code;
    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(line, sizeof line, "\"%s\" \"%s\" %s", self, canary, arguments);
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &made))
        return GetLastError();
    if (WaitForSingleObject(made.hProcess, ATTEMPT_MILLISECONDS) != WAIT_OBJECT_0)
        TerminateProcess(made.hProcess, STILL_ACTIVE);
    WaitForSingleObject(made.hProcess, INFINITE);
    GetExitCodeProcess(made.hProcess, &code);
    CloseHandle(made.hProcess);
    CloseHandle(made.hThread);
    return code;
}

/* The numbers of NT's own calls work from any `syscall` and by int 2Eh: NtClose of what is no handle. */
static void close_nothing(void) {
    const unsigned char *code = (const unsigned char *)(void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtClose");
    struct registers registers = {.r10 = 0xdead0};
    memcpy(&registers.rax, code + 4, 4);
    for (int way = 0; way < OWN; way++)
        if ((uint32_t)enter(way, &registers) == 0xc0000008)
            printf("held NtClose, way %d\n", way);
}

static void end_by(int64_t (*entrance)(const struct registers *)) {
    struct registers getpid_of_i386 = {.rax = 20};
    int64_t result = entrance(&getpid_of_i386);
    if (result != NO_CALL)
        printf("ESCAPED an interrupt of Linux's gave %lld\n", (long long)result);
}

static void all(void) {
    char arguments[32];
    for (int way = 0; way < OWN + site_count; way++)
        for (int number = 0; number < CALLS; number++) {
            snprintf(arguments, sizeof arguments, "%d %d", way, number);
            DWORD code = again(arguments);
            printf("%s way %d, %s: exit %#lx\n", code == LEFT ? "ESCAPED" : "tried", way, calls[number].name, code);
        }
    printf("tried int 80h: exit %#lx\n", again("int80"));
    printf("tried sysenter: exit %#lx\n", again("sysenter"));
    printf("afterwards: exit %lu\n", again("nothing"));
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (count < 2)
        return 2;
    snprintf(canary, sizeof canary, "%s", arguments[1]);
    find_sites();
    if (count == 4) {
        attempt(atoi(arguments[2]), atoi(arguments[3]));
    } else if (count == 3) {
        if (strcmp(arguments[2], "nothing") != 0)
            end_by(strcmp(arguments[2], "int80") == 0 ? by_linux_interrupt : by_sysenter);
    } else {
        close_nothing();
        all();
    }
    return 0;
}
