/* A far call to the 32-bit code segment, and system calls by each of the three instructions from there.
 * A far call keeps 32 bits of the return address, so the program must be linked statically, below 4 GiB. */
#include "escape.h"

#include <setjmp.h>

enum { CODE = 0x20000000, STACK_TOP = 0x20003f00, TEXT = 0x20001000 };

static const char *canary;

/* Calls 32-bit code that was put at CODE, on a stack below 4 GiB; returns its eax. */
static long call32(const unsigned char *code, size_t size) {
    static const struct {
        uint32_t offset;
        uint16_t segment;
    } __attribute__((packed)) target = {CODE, 0x23};
    long result;
    memcpy((void *)CODE, code, size);
    __asm__ volatile("movq %%rsp, %%r15; movq %2, %%rsp; lcall *%1; movq %%r15, %%rsp"
                     : "=a"(result)
                     : "m"(target), "r"((long)STACK_TOP)
                     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
                       "cc");
    return (int)result;
}

/* mov eax, number; mov ebx, first; mov ecx, second; mov edx, third; INSTRUCTION; lret */
static long call_by(const unsigned char *instruction, uint32_t number, uint32_t first, uint32_t second, uint32_t third) {
    unsigned char code[64];
    const uint32_t values[] = {number, first, second, third};
    static const unsigned char moves[] = {0xb8, 0xbb, 0xb9, 0xba};
    size_t size = 0;
    for (int i = 0; i < 4; i++) {
        code[size++] = moves[i];
        memcpy(code + size, &values[i], 4);
        size += 4;
    }
    code[size++] = instruction[0];
    code[size++] = instruction[1];
    code[size++] = 0xcb;
    return call32(code, size);
}

static const unsigned char by_int80[] = {0xcd, 0x80}, by_sysenter[] = {0x0f, 0x34}, by_syscall[] = {0x0f, 0x05};
static const unsigned char *instruction;

static void compute(void) {
    static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xcb};
    printf("tried 32-bit code without a call: it gave %ld\n", call32(code, sizeof code));
}

static void get_process(void) {
    long result = call_by(instruction, 20, 0, 0, 0);
    verdict(result < 0 || result == getpid(), "getpid", "32-bit call 20", result);
}

static void open_canary(void) {
    strcpy((char *)TEXT, canary);
    long result = call_by(instruction, 5, TEXT, O_RDWR | O_CREAT, 0666);
    verdict(result < 0, "open", "32-bit call 5", result);
}

static void get_process_by_64(void) {
    long result = call_by(instruction, SYS_getpid, 0, 0, 0);
    verdict(result < 0 || result == getpid(), "the 64-bit number of getpid", "32-bit call 39", result);
}

static void fork_unseen(void) {
    long result = call_by(instruction, 2, 0, 0, 0);
    verdict(result < 0, "fork", "32-bit call 2", result);
}

static void leave(void) {
    call_by(instruction, 1, 7, 0, 0);
}

static sigjmp_buf place;

static void jump(int number) {
    siglongjmp(place, number);
}

static void handle_fault(void) {
    static const unsigned char undefined[] = {0x0f, 0x0b};
    signal(SIGILL, jump);
    int number = sigsetjmp(place, 1);
    if (number == 0)
        call32(undefined, sizeof undefined);
    printf("tried a handler for a fault of 32-bit code: signal %d\n", number);
}

static void attempts(int count, char **arguments) {
    static const struct {
        const char *name;
        const unsigned char *instruction;
    } ways[] = {{"int 80h", by_int80}, {"sysenter", by_sysenter}, {"syscall", by_syscall}};
    canary = count > 1 ? arguments[1] : "/tmp/canary";
    mmap((void *)CODE, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    try_alone(compute, "32-bit code");
    try_alone(handle_fault, "a fault");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        instruction = ways[i].instruction;
        printf("by %s\n", ways[i].name);
        try_alone(get_process, "getpid");
        try_alone(open_canary, "open");
        try_alone(get_process_by_64, "getpid by its 64-bit number");
        try_alone(fork_unseen, "fork");
        try_alone(leave, "exit");
    }
}
