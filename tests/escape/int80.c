/* int 80h in 64-bit code: the host's i386 system calls, with numbers that mean something else. */
#include "escape.h"

static char *low; /* i386 calls see addresses below 4 GiB only */
static const char *canary;

static long int80(long number, long first, long second, long third) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(third) : "r8", "r9", "r10", "r11", "memory");
    return (int)result;
}

static void get_process(void) {
    long result = int80(20, 0, 0, 0);
    verdict(result < 0 || result == getpid(), "getpid", "int 80h with 20", result);
}

static void open_canary(void) {
    strcpy(low, canary);
    long result = int80(5, (long)low, O_RDWR | O_CREAT, 0666);
    verdict(result < 0, "open", "int 80h with 5", result);
}

static void write_output(void) {
    strcpy(low, "ESCAPED write\n");
    long result = int80(4, 1, (long)low, 14);
    verdict(result < 0, "write", "int 80h with 4", result);
}

static void fork_unseen(void) {
    long result = int80(2, 0, 0, 0);
    verdict(result < 0, "fork", "int 80h with 2", result);
}

static void execute(void) {
    char **list = (char **)(low + 64);
    strcpy(low, "/bin/false");
    list[0] = NULL;
    long result = int80(11, (long)low, (long)list, (long)list);
    verdict(result < 0, "execve", "int 80h with 11", result);
}

static void map(void) {
    /* mmap2(0, page, RW, SHARED, ...) of descriptor -1: the other registers are whatever they are */
    long result = int80(192, 0, PAGE, PROT_READ | PROT_WRITE);
    verdict(result < 0 && result > -PAGE, "mmap2", "int 80h with 192", result);
}

static void leave(void) {
    int80(1, 7, 0, 0);
}

static void attempts(int count, char **arguments) {
    canary = count > 1 ? arguments[1] : "/tmp/canary";
    low = mmap((void *)0x20000000, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    try_alone(get_process, "getpid");
    try_alone(open_canary, "open");
    try_alone(write_output, "write");
    try_alone(fork_unseen, "fork");
    try_alone(execute, "execve");
    try_alone(map, "mmap2");
    try_alone(leave, "exit");
}
