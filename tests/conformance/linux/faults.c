/* Signals that the processor causes, and what of a thread's registers a handler finds, keeps and may change. */
#include "process.h"

#include <immintrin.h>
#include <setjmp.h>
#include <ucontext.h>

enum { PAGE = 4096 };

static sigjmp_buf place;
static siginfo_t info;
static greg_t registers[NGREG];
static volatile sig_atomic_t caught;
static sigset_t interrupted_mask;

static void jump_out(int number, siginfo_t *told, void *context) {
    (void)number;
    info = *told;
    memcpy(registers, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof registers);
    caught++;
    siglongjmp(place, 1);
}

/* Runs `body`, which must fault; tells whether exactly this signal with this code came. */
static int faults(void (*body)(void), int number, int code) {
    memset(&info, 0, sizeof info);
    caught = 0;
    if (sigsetjmp(place, 1) == 0)
        body();
    return caught == 1 && info.si_signo == number && info.si_code == code;
}

static volatile char *target;

static void read_target(void) {
    (void)*target;
}

static void write_target(void) {
    *target = 1;
}

static void call_target(void) {
    ((void (*)(void))(uintptr_t)target)();
}

static volatile int one = 1, none, least = INT32_MIN, minus_one = -1;
extern char illegal[], breakpoint[], divided[];

/* Each instruction has a label, so it may be there only once. */
#define ONCE __attribute__((noinline, noclone)) static void

ONCE divide_by_zero(void) {
    int remainder, quotient = one;
    __asm__ volatile("cltd\ndivided: idivl %2" : "+a"(quotient), "=&d"(remainder) : "m"(none));
}

static void divide_too_far(void) {
    one = least / minus_one;
}

ONCE run_illegal(void) {
    __asm__ volatile("illegal: ud2");
}

ONCE run_breakpoint(void) {
    __asm__ volatile("int3\nbreakpoint:");
}

static void run_privileged(void) {
    __asm__ volatile("hlt");
}

static void divide_float_by_zero(void) {
    volatile double zero = 0;
    _mm_setcsr(_mm_getcsr() & ~(unsigned)(_MM_MASK_DIV_ZERO | _MM_EXCEPT_MASK));
    zero = 1 / zero;
}

static void memory_faults(void) {
    target = NULL;
    CHECK(faults(read_target, SIGSEGV, SEGV_MAPERR) && info.si_addr == NULL, "reading address 0: SEGV_MAPERR");
    CHECK(registers[REG_TRAPNO] == 14 && registers[REG_CR2] == 0 && (registers[REG_ERR] & 6) == 4, "a page fault, reading");
    CHECK(faults(write_target, SIGSEGV, SEGV_MAPERR) && (registers[REG_ERR] & 6) == 6, "a page fault, writing");
    char *page = forbidden_page(PROT_READ);
    target = page + 123;
    CHECK(faults(write_target, SIGSEGV, SEGV_ACCERR) && info.si_addr == target, "writing a read-only page: SEGV_ACCERR");
    CHECK(faults(call_target, SIGSEGV, SEGV_ACCERR) && info.si_addr == target, "running a data page: SEGV_ACCERR");
    CHECK(registers[REG_RIP] == (greg_t)(uintptr_t)target, "the instruction pointer is where it jumped to");
    NEED(mprotect(page, PAGE, PROT_NONE) == 0);
    CHECK(faults(read_target, SIGSEGV, SEGV_ACCERR) && info.si_addr == target, "reading a closed page: SEGV_ACCERR");
    NEED(munmap(page, PAGE) == 0);
    CHECK(faults(read_target, SIGSEGV, SEGV_MAPERR) && info.si_addr == target, "reading what was unmapped: SEGV_MAPERR");
    target = (char *)0x8000000000000000;
    CHECK(faults(read_target, SIGSEGV, SI_KERNEL) && info.si_addr == NULL, "an address no one can have: SI_KERNEL");
    target = (char *)0xffffffff81000000;
    CHECK(faults(read_target, SIGSEGV, SEGV_MAPERR) && info.si_addr == target, "a kernel's address: SEGV_MAPERR");
    make_file("short", "x");
    int fd = open("short", O_RDONLY);
    page = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    target = page + 100;
    CHECK(page[0] == 'x' && *target == 0, "the rest of a file's last page is zero");
    target = page + PAGE + 5;
    CHECK(faults(read_target, SIGBUS, BUS_ADRERR) && info.si_addr == target, "a page past a file's end: SIGBUS");
    close(fd);
    munmap(page, 2 * PAGE);
}

static void instruction_faults(void) {
    CHECK(faults(divide_by_zero, SIGFPE, FPE_INTDIV), "a division by zero: FPE_INTDIV");
    CHECK(info.si_addr == divided && registers[REG_RIP] == (greg_t)(uintptr_t)divided, "si_addr is the division's");
    CHECK(faults(divide_too_far, SIGFPE, FPE_INTDIV), "a quotient that is too large: FPE_INTDIV");
    CHECK(faults(run_illegal, SIGILL, ILL_ILLOPN) && info.si_addr == illegal, "ud2: ILL_ILLOPN");
    CHECK(faults(run_breakpoint, SIGTRAP, SI_KERNEL), "int3: SIGTRAP");
    CHECK(registers[REG_RIP] == (greg_t)(uintptr_t)breakpoint, "int3: the instruction is over");
    CHECK(faults(run_privileged, SIGSEGV, SI_KERNEL), "hlt: SIGSEGV");
    unsigned control = _mm_getcsr();
    CHECK(faults(divide_float_by_zero, SIGFPE, FPE_FLTDIV), "an unmasked floating-point division: FPE_FLTDIV");
    _mm_setcsr(control);
}

static int deadly;
static void (*deadly_body)(void);

static void die_blocked(void) {
    no_core();
    block(deadly);
    deadly_body();
}

static void die_ignored(void) {
    no_core();
    handle(deadly, SIG_IGN, 0);
    deadly_body();
}

static void die_in_handler(int number) {
    (void)number;
    run_illegal();
}

static void die_twice(void) {
    no_core();
    handle(SIGILL, die_in_handler, 0);
    run_illegal();
}

static void unavoidable(void) {
    target = NULL;
    deadly = SIGSEGV;
    deadly_body = read_target;
    CHECK(killed_by(status_after(die_blocked), SIGSEGV), "a blocked SIGSEGV kills");
    CHECK(killed_by(status_after(die_ignored), SIGSEGV), "an ignored SIGSEGV kills");
    deadly = SIGILL;
    deadly_body = run_illegal;
    CHECK(killed_by(status_after(die_blocked), SIGILL), "a blocked SIGILL kills");
    CHECK(killed_by(status_after(die_twice), SIGILL), "a fault in the handler of the same fault kills");
}

static int dive(int depth) {
    volatile char weight[4096];
    weight[0] = (char)depth;
    return depth == INT32_MAX ? 0 : dive(depth + 1) + weight[0];
}

static void overflow(void) {
    one = dive(0) ? 1 : 1;
}

static void stack_overflow(void) {
    static char memory[1 << 16];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, off = {.ss_flags = SS_DISABLE};
    NEED(sigaltstack(&stack, NULL) == 0);
    caught = 0;
    if (sigsetjmp(place, 1) == 0)
        overflow();
    CHECK(caught == 1 && info.si_signo == SIGSEGV, "a handler on its own stack survives a stack overflow");
    caught = 0;
    if (sigsetjmp(place, 1) == 0)
        overflow();
    CHECK(caught == 1, "and a second one, after a jump off that stack");
    NEED(sigaltstack(&off, NULL) == 0);
}

static void change_context(int number, siginfo_t *told, void *argument) {
    ucontext_t *context = argument;
    (void)told;
    interrupted_mask = context->uc_sigmask;
    if (number == SIGILL) {
        context->uc_mcontext.gregs[REG_RIP] += 2; /* past ud2 */
        context->uc_mcontext.gregs[REG_RAX] = 0x123456789abcdef0;
        context->uc_mcontext.gregs[REG_R12] = 77;
        context->uc_mcontext.fpregs->_xmm[5].element[0] = 0xfeed;
    } else {
        sigaddset(&context->uc_sigmask, SIGWINCH);
    }
}

static void changing(void) {
    unsigned long rax = 1, r12 = 1;
    unsigned low = 0;
    handle_info(SIGILL, change_context, 0);
    handle_info(SIGUSR1, change_context, 0);
    __asm__ volatile("ud2\nmovq %%r12, %1\nmovd %%xmm5, %2" : "=a"(rax), "=r"(r12), "=r"(low)::"r12", "xmm5", "memory");
    CHECK_EQ(rax, 0x123456789abcdef0, "a handler changes rip and rax");
    CHECK_EQ(r12, 77, "a handler changes r12");
    CHECK_EQ(low, 0xfeed, "a handler changes xmm5");
    block(SIGURG);
    raise(SIGUSR1);
    CHECK(sigismember(&interrupted_mask, SIGURG) && !sigismember(&interrupted_mask, SIGUSR1), "uc_sigmask is the mask outside");
    CHECK(is_blocked(SIGWINCH) && is_blocked(SIGURG), "a handler changes the mask to come back to");
    unblock(SIGWINCH);
    unblock(SIGURG);
    handle_info(SIGILL, jump_out, SA_ONSTACK);
}

/* Leaves nothing in the registers as it was. */
static void clobber(int number) {
    (void)number;
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm7, %%xmm7; pcmpeqd %%xmm15, %%xmm15; fninit; fldpi; std; cld"
                     :
                     :
                     : "xmm0", "xmm7", "xmm15", "st", "memory");
    _mm_setcsr(0x1f80 | _MM_ROUND_UP);
    caught++;
}

/* Raises SIGUSR1 between writing and reading registers, with no call that might save them. */
#define RAISE "syscall"
#define RAISING(extra...) "a"(SYS_tgkill), "D"(getpid()), "S"(gettid()), "d"(SIGUSR1), ##extra

static void integers_kept(void) {
    unsigned long result, sum, flags, red;
    __asm__ volatile("movq $3, %%rbx; movq $5, %%r8; movq $7, %%r9; movq $11, %%r10; movq $13, %%r12; movq $17, %%r13\n"
                     "movq $19, %%r14; movq $23, %%r15; movq $29, -64(%%rsp); stc\n" RAISE "\n"
                     "pushfq; popq %%rcx; addq %%r8, %%rbx; addq %%r9, %%rbx; addq %%r10, %%rbx; addq %%r12, %%rbx\n"
                     "addq %%r13, %%rbx; addq %%r14, %%rbx; addq %%r15, %%rbx"
                     : "=a"(result), "=&b"(sum), "=&c"(flags)
                     : RAISING()
                     : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
    CHECK_EQ(result, 0, "the interrupted call's result is kept");
    CHECK_EQ(sum, 3 + 5 + 7 + 11 + 13 + 17 + 19 + 23, "general registers are kept");
    CHECK(flags & 1, "the carry flag is kept");
    __asm__ volatile("movq $29, -64(%%rsp); movq $31, -128(%%rsp)\n" RAISE "\nmovq -64(%%rsp), %1; addq -128(%%rsp), %1"
                     : "=a"(result), "=&r"(red)
                     : RAISING()
                     : "rcx", "r11", "memory");
    CHECK_EQ(red, 60, "the 128 bytes below the stack pointer are kept");
}

static void vectors_kept(void) {
    unsigned long result, low, high, top;
    double deep = 0;
    handle(SIGUSR1, clobber, 0);
    caught = 0;
    __asm__ volatile("movq %4, %%xmm0; movq %5, %%xmm7; movdqa %%xmm0, %%xmm15; punpcklqdq %%xmm7, %%xmm15\n" RAISE "\n"
                     "movq %%xmm0, %1; movq %%xmm7, %2; psrldq $8, %%xmm15; movq %%xmm15, %3"
                     : "=a"(result), "=&r"(low), "=&r"(high), "=&r"(top)
                     : "r"(0x1111222233334444), "r"(0x5555666677778888), RAISING()
                     : "rcx", "r11", "xmm0", "xmm7", "xmm15", "memory");
    CHECK_EQ(caught, 1, "the handler that clobbers registers ran");
    CHECK(low == 0x1111222233334444 && high == 0x5555666677778888, "xmm0 and xmm7 are kept");
    CHECK_EQ(top, 0x5555666677778888, "the high half of xmm15 is kept");
    __asm__ volatile("fninit; fld1; fld1; faddp\n" RAISE "\nfstpl %1"
                     : "=a"(result), "=m"(deep)
                     : RAISING()
                     : "rcx", "r11", "memory", "st");
    CHECK_EQ(deep, 2, "the x87 stack is kept");
    unsigned control = _mm_getcsr();
    _mm_setcsr(0x1f80 | _MM_ROUND_DOWN);
    raise(SIGUSR1);
    CHECK_EQ(_mm_getcsr() & _MM_ROUND_MASK, _MM_ROUND_DOWN, "the rounding mode is kept");
    _mm_setcsr(control);
}

__attribute__((target("avx"))) static int wide_registers_kept(void) {
    unsigned long result, top;
    __asm__ volatile("vmovq %2, %%xmm6; vinsertf128 $1, %%xmm6, %%ymm6, %%ymm6\n" RAISE "\n"
                     "vextractf128 $1, %%ymm6, %%xmm6; vmovq %%xmm6, %1; vzeroupper"
                     : "=a"(result), "=&r"(top)
                     : "r"(0x9999aaaabbbbcccc), RAISING()
                     : "rcx", "r11", "xmm6", "memory");
    return top == 0x9999aaaabbbbcccc;
}

int main(void) {
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    begin();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        handle_info(numbers[i], jump_out, SA_ONSTACK);
    memory_faults();
    instruction_faults();
    unavoidable();
    stack_overflow();
    changing();
    integers_kept();
    vectors_kept();
    CHECK(!__builtin_cpu_supports("avx") || wide_registers_kept(), "ymm registers are kept where there are any");
    return finish();
}
