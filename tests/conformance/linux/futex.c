/* futex: waiting for a word in memory, waking by number and by bits, moving waiters, between threads and processes. */
#include "process.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>

enum { WAITERS = 3, ROUNDS = 2000 };

/* In memory that children share. */
static struct shared {
    uint32_t word, other, lock, bits;
    int done[WAITERS];
    long total;
} *shared;

static volatile sig_atomic_t ticks;

static long futex(uint32_t *word, int operation, uint32_t value, const void *time, uint32_t *second, uint32_t third) {
    return syscall(SYS_futex, word, operation, value, time, second, third);
}

static long wake(uint32_t *word, int count) {
    return futex(word, FUTEX_WAKE, (uint32_t)count, NULL, NULL, 0);
}

/* Wakes until `count` have been: a waiter may be on its way to its wait. */
static int wake_in_all(uint32_t *word, int count) {
    int woken = 0;
    for (int tries = 0; woken < count && tries < 5000; tries++) {
        woken += (int)wake(word, count - woken);
        if (woken < count)
            nap(1);
    }
    return woken;
}

static void refused(void) {
    struct timespec brief = {0, 3000000}, wrong = {0, 1000000000}, negative = {-1, 0};
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN, "wait for a word that has changed");
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT, 0, &brief, NULL, 0), ETIMEDOUT, "wait for a moment");
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT_PRIVATE, 0, &brief, NULL, 0), ETIMEDOUT, "private wait for a moment");
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT, 0, &wrong, NULL, 0), EINVAL, "a second has fewer nanoseconds");
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT, 0, &negative, NULL, 0), EINVAL, "a negative time");
    uint32_t *odd = (uint32_t *)((char *)&shared->word + 1);
    CHECK_ERRNO(futex(odd, FUTEX_WAIT, 0, &brief, NULL, 0), EINVAL, "wait at an odd address");
    CHECK_ERRNO(wake(odd, 1), EINVAL, "wake at an odd address");
    CHECK_ERRNO(futex(forbidden_page(PROT_NONE), FUTEX_WAIT, 0, &brief, NULL, 0), EFAULT, "wait at a bad address");
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT, 0, forbidden_page(PROT_NONE), NULL, 0), EFAULT, "a bad pointer to a time");
    CHECK_ERRNO(futex(&shared->word, 99, 0, NULL, NULL, 0), ENOSYS, "unknown operation");
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL, "wait for no bit");
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL, "wake no bit");
    CHECK_ERRNO(futex(&shared->word, FUTEX_CMP_REQUEUE, 1, (void *)1L, &shared->other, 5), EAGAIN,
                "move waiters of a word that has changed");
    CHECK_ERRNO(futex(&shared->word, FUTEX_CMP_REQUEUE, (uint32_t)-1, (void *)1L, &shared->other, 0), EINVAL,
                "wake a negative number");
    CHECK_EQ(wake(&shared->word, INT_MAX), 0, "wake nobody");
}

static void deadlines(void) {
    struct timespec now, time;
    clock_gettime(CLOCK_MONOTONIC, &now);
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT_BITSET, 0, &now, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT,
                "wait until a moment that is past");
    time = now;
    time.tv_nsec += 5000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT_BITSET, 0, &time, NULL, 1), ETIMEDOUT, "wait until a moment");
    clock_gettime(CLOCK_MONOTONIC, &now);
    CHECK(now.tv_sec > time.tv_sec || (now.tv_sec == time.tv_sec && now.tv_nsec >= time.tv_nsec), "not shorter");
    clock_gettime(CLOCK_REALTIME, &time);
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &time, NULL, 1), ETIMEDOUT,
                "wait until a time of day");
}

static pid_t start_waiter(int index, uint32_t *word, uint32_t bits) {
    pid_t child = fork();
    if (child == 0) {
        long result = futex(word, FUTEX_WAIT_BITSET, 0, NULL, NULL, bits);
        shared->done[index] = 1;
        _exit(result == 0 ? 0 : 1);
    }
    NEED(child > 0);
    return child;
}

static int reap_all(pid_t *children, int count) {
    int right = 1;
    for (int i = 0; i < count; i++)
        right &= status_of(children[i]) == 0;
    return right;
}

static void between_processes(void) {
    memset(shared->done, 0, sizeof shared->done);
    for (int i = 0; i < WAITERS; i++)
        start_waiter(i, &shared->word, FUTEX_BITSET_MATCH_ANY);
    CHECK_EQ(wake_in_all(&shared->word, 1), 1, "one of three processes is woken");
    int status;
    CHECK(waitpid(-1, &status, 0) > 0 && status == 0, "its wait gives 0");
    CHECK_EQ(shared->done[0] + shared->done[1] + shared->done[2], 1, "the other two still wait");
    CHECK_EQ(wake_in_all(&shared->word, 2), 2, "the other two are woken");
    CHECK(wait(&status) > 0 && status == 0 && wait(&status) > 0 && status == 0, "their waits give 0");
}

static void by_bits(void) {
    pid_t children[2];
    memset(shared->done, 0, sizeof shared->done);
    children[0] = start_waiter(0, &shared->word, 1);
    children[1] = start_waiter(1, &shared->word, 2);
    long woken = 0;
    for (int tries = 0; woken == 0 && tries < 5000; tries++, nap(1))
        woken = futex(&shared->word, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, 2);
    CHECK_EQ(woken, 1, "a waiter is woken by its bit");
    CHECK_EQ(status_of(children[1]), 0, "the one that has the bit");
    CHECK_EQ(futex(&shared->word, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, 4), 0, "nobody waits for that bit");
    CHECK_EQ(wake_in_all(&shared->word, 1), 1, "FUTEX_WAKE is for every bit");
    CHECK_EQ(status_of(children[0]), 0, "the other waiter was left");
}

static void moved(void) {
    pid_t children[WAITERS];
    for (int i = 0; i < WAITERS; i++)
        children[i] = start_waiter(i, &shared->word, FUTEX_BITSET_MATCH_ANY);
    long moves = 0;
    for (int tries = 0; moves < WAITERS && tries < 5000; tries++, nap(1))
        moves += futex(&shared->word, FUTEX_CMP_REQUEUE, 0, (void *)(long)INT_MAX, &shared->other, 0);
    CHECK_EQ(moves, WAITERS, "three waiters are moved to another word");
    CHECK_EQ(wake(&shared->word, INT_MAX), 0, "nobody waits for the first word");
    CHECK_EQ(futex(&shared->other, FUTEX_REQUEUE, 1, (void *)1L, &shared->word, 0), 2, "one is woken and one moved back");
    CHECK_EQ(wake(&shared->other, INT_MAX), 1, "one is left at the other word");
    CHECK_EQ(wake(&shared->word, INT_MAX), 1, "and one at the first");
    CHECK(reap_all(children, WAITERS), "all three waits give 0");
}

/* FUTEX_WAKE_OP: *other = other OP argument, then wake `other` as well if its old value compares. */
static long wake_operation(int operation, int argument, int comparison, int value) {
    uint32_t code = FUTEX_OP((uint32_t)operation, (uint32_t)argument, (uint32_t)comparison, (uint32_t)value);
    return futex(&shared->word, FUTEX_WAKE_OP, 1, (void *)1L, &shared->other, code);
}

static void wake_operations(void) {
    shared->other = 5;
    CHECK(wake_operation(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5) == 0 && shared->other == 8, "FUTEX_WAKE_OP adds");
    CHECK(wake_operation(FUTEX_OP_SET, 6, FUTEX_OP_CMP_NE, 5) == 0 && shared->other == 6, "FUTEX_WAKE_OP sets");
    CHECK(wake_operation(FUTEX_OP_OR, 9, FUTEX_OP_CMP_LT, 5) == 0 && shared->other == 15, "FUTEX_WAKE_OP ors");
    CHECK(wake_operation(FUTEX_OP_ANDN, 3, FUTEX_OP_CMP_GE, 5) == 0 && shared->other == 12, "FUTEX_WAKE_OP clears");
    CHECK(wake_operation(FUTEX_OP_XOR, 6, FUTEX_OP_CMP_GT, 5) == 0 && shared->other == 10, "FUTEX_WAKE_OP xors");
    CHECK_ERRNO(wake_operation(7, 0, FUTEX_OP_CMP_EQ, 0), ENOSYS, "FUTEX_WAKE_OP: unknown operation");
    shared->other = 0;
    pid_t children[2] = {start_waiter(0, &shared->word, 1), start_waiter(1, &shared->other, 1)};
    long woken = 0;
    for (int tries = 0; woken < 2 && tries < 5000; tries++, nap(1))
        woken += wake_operation(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0);
    CHECK(woken == 2 && reap_all(children, 2), "FUTEX_WAKE_OP wakes at both words");
}

static void tick(int number) {
    (void)number;
    if (++ticks == 3) {
        shared->word = 1;
        wake(&shared->word, 1);
    }
}

static void interrupted(void) {
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    struct timespec long_time = {10, 0};
    handle(SIGALRM, tick, 0);
    ticks = 100;
    NEED(setitimer(ITIMER_REAL, &often, NULL) == 0);
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR, "a wait without SA_RESTART");
    CHECK_ERRNO(futex(&shared->word, FUTEX_WAIT, 0, &long_time, NULL, 0), EINTR, "a timed wait without SA_RESTART");
    handle(SIGALRM, tick, SA_RESTART);
    ticks = 0;
    long result = futex(&shared->word, FUTEX_WAIT, 0, NULL, NULL, 0);
    int error = result == 0 ? 0 : errno;
    CHECK((error == 0 || error == EAGAIN) && ticks >= 3, "a wait with SA_RESTART goes on until it is woken");
    NEED(setitimer(ITIMER_REAL, &never, NULL) == 0);
    shared->word = 0;
}

static void take_lock(void) {
    uint32_t old = 0;
    if (__atomic_compare_exchange_n(&shared->lock, &old, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    while (__atomic_exchange_n(&shared->lock, 2, __ATOMIC_SEQ_CST) != 0)
        futex(&shared->lock, FUTEX_WAIT, 2, NULL, NULL, 0);
}

static void drop_lock(void) {
    if (__atomic_exchange_n(&shared->lock, 0, __ATOMIC_SEQ_CST) == 2)
        wake(&shared->lock, 1);
}

static void add(void) {
    for (int i = 0; i < ROUNDS; i++) {
        take_lock();
        long read_value = shared->total;
        if (i % 64 == 0)
            sched_yield();
        shared->total = read_value + 1;
        drop_lock();
    }
}

static void *wait_private(void *word) {
    return (void *)futex(word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void as_lock(void) {
    pid_t children[4];
    for (int i = 0; i < 4; i++)
        children[i] = start(add);
    CHECK(reap_all(children, 4) && shared->total == 4 * ROUNDS, "four processes add under a lock made of a futex");
    static uint32_t word;
    pthread_t thread;
    void *result;
    NEED(pthread_create(&thread, NULL, wait_private, &word) == 0);
    long woken = 0;
    for (int tries = 0; woken == 0 && tries < 5000; tries++, nap(1))
        woken = futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    NEED(pthread_join(thread, &result) == 0);
    CHECK(woken == 1 && result == 0, "a thread is woken by a private futex");
}

int main(void) {
    begin();
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(shared != MAP_FAILED);
    refused();
    deadlines();
    between_processes();
    by_bits();
    moved();
    wake_operations();
    interrupted();
    as_lock();
    return finish();
}
