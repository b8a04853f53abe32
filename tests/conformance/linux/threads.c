/* Threads: starting, joining and ending them, what they wait on, what is theirs alone, and how a process of many ends. */
#include "process.h"

#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 50, ROUNDS = 5000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static volatile long shared, turn;
static __thread long own = 7;
static pthread_key_t key;
static struct gate forth, back;
static pid_t ids[THREADS];
static volatile pid_t handled_in;

static pthread_t begin_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    NEED(pthread_create(&thread, NULL, body, argument) == 0);
    return thread;
}

static void *result_of(pthread_t thread) {
    void *result = NULL;
    NEED(pthread_join(thread, &result) == 0);
    return result;
}

static struct timespec in(int milliseconds) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += milliseconds * 1000000L;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void *check_identity(void *argument) {
    CHECK_EQ(getpid(), *(pid_t *)argument, "a thread has the process's id");
    CHECK(gettid() != getpid(), "a second thread has an id of its own");
    CHECK_EQ(own, 7, "a thread's variables start fresh");
    own = 8;
    return (void *)42L;
}

static void *do_nothing(void *argument) {
    return argument;
}

static void *wait_forth(void *argument) {
    pass(forth);
    return argument;
}

static void *open_back(void *argument) {
    pthread_detach(pthread_self());
    open_gate(back);
    return argument;
}

static void joining(void) {
    pid_t process = getpid();
    struct timespec soon = in(5);
    CHECK_EQ(gettid(), process, "the first thread has the id of the process");
    own = 9;
    CHECK_EQ(result_of(begin_thread(check_identity, &process)), 42, "join gives the thread's result");
    CHECK_EQ(own, 9, "a thread's variables are its own");
    pthread_t thread = begin_thread(wait_forth, &own);
    CHECK_EQ(pthread_tryjoin_np(thread, NULL), EBUSY, "tryjoin of a running thread");
    CHECK_EQ(pthread_timedjoin_np(thread, NULL, &soon), ETIMEDOUT, "timedjoin of a running thread");
    open_gate(forth);
    CHECK_EQ(result_of(thread), &own, "join waits");
    CHECK_EQ(pthread_join(pthread_self(), NULL), EDEADLK, "no thread joins itself");
    begin_thread(open_back, NULL);
    pass(back);
    thread = begin_thread(wait_forth, NULL);
    pthread_detach(thread);
    CHECK_EQ(pthread_join(thread, NULL), EINVAL, "join of a detached thread");
    open_gate(forth);
}

static void *add(void *argument) {
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        shared++;
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

static void *try_lock(void *lock) {
    return (void *)(long)pthread_mutex_trylock(lock);
}

static void mutexes(void) {
    pthread_t threads[4];
    pthread_mutexattr_t kind;
    pthread_mutex_t checked;
    struct timespec soon = in(5);
    for (int i = 0; i < 4; i++)
        threads[i] = begin_thread(add, NULL);
    for (int i = 0; i < 4; i++)
        result_of(threads[i]);
    CHECK_EQ(shared, 4 * ROUNDS, "four threads add under a mutex");
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&checked, &kind);
    CHECK_EQ(pthread_mutex_unlock(&checked), EPERM, "unlocking what nobody locked");
    pthread_mutex_lock(&checked);
    CHECK_EQ(pthread_mutex_lock(&checked), EDEADLK, "locking twice");
    CHECK_EQ(result_of(begin_thread(try_lock, &checked)), EBUSY, "trylock of a locked mutex");
    pthread_mutex_lock(&mutex);
    CHECK_EQ(pthread_mutex_timedlock(&mutex, &soon), ETIMEDOUT, "timedlock of a locked mutex");
    pthread_mutex_unlock(&mutex);
    pthread_mutex_unlock(&checked);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&checked, &kind);
    CHECK(pthread_mutex_lock(&checked) == 0 && pthread_mutex_lock(&checked) == 0, "a recursive mutex");
    pthread_mutex_unlock(&checked);
    CHECK_EQ(result_of(begin_thread(try_lock, &checked)), EBUSY, "a recursive mutex is locked until the last unlock");
}

static void *answer(void *argument) {
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != 1)
            pthread_cond_wait(&condition, &mutex);
        turn = 0;
        pthread_cond_signal(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

static void *wait_for_turn(void *argument) {
    pthread_mutex_lock(&mutex);
    shared++;
    while (turn != 2)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
    return argument;
}

static void conditions(void) {
    pthread_t threads[8], partner = begin_thread(answer, NULL);
    struct timespec soon = in(5);
    int rounds = 0;
    for (; rounds < 200; rounds++) {
        pthread_mutex_lock(&mutex);
        turn = 1;
        pthread_cond_signal(&condition);
        while (turn != 0)
            pthread_cond_wait(&condition, &mutex);
        pthread_mutex_unlock(&mutex);
    }
    result_of(partner);
    CHECK_EQ(rounds, 200, "two threads take turns by a condition");
    shared = 0;
    for (int i = 0; i < 8; i++)
        threads[i] = begin_thread(wait_for_turn, NULL);
    while (shared < 8)
        sched_yield();
    pthread_mutex_lock(&mutex);
    turn = 2;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < 8; i++)
        result_of(threads[i]);
    CHECK_EQ(shared, 8, "a broadcast wakes all");
    pthread_mutex_lock(&mutex);
    CHECK_EQ(pthread_cond_timedwait(&condition, &mutex, &soon), ETIMEDOUT, "a timed wait ends");
    CHECK_EQ(pthread_mutex_trylock(&mutex), EBUSY, "and holds the mutex again");
    pthread_mutex_unlock(&mutex);
}

static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t semaphore;

static void count_once(void) {
    shared++;
}

static void *meet(void *argument) {
    *(pid_t *)argument = gettid();
    pthread_once(&once, count_once);
    return (void *)(long)(pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void *post(void *argument) {
    for (int i = 0; i < 100; i++)
        sem_post(&semaphore);
    return argument;
}

static void crowds(void) {
    pthread_t threads[THREADS];
    long serial = 0, distinct = 1;
    shared = 0;
    NEED(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = begin_thread(meet, &ids[i]);
    for (int i = 0; i < THREADS; i++)
        serial += (long)result_of(threads[i]);
    CHECK_EQ(serial, 1, "50 threads meet at a barrier, one of them is told");
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < i; j++)
            distinct &= ids[i] != ids[j] && ids[i] != getpid();
    CHECK(distinct, "50 living threads have 50 ids");
    CHECK_EQ(shared, 1, "pthread_once runs once");
    struct timespec soon = in(5);
    NEED(sem_init(&semaphore, 0, 0) == 0);
    CHECK_ERRNO(sem_trywait(&semaphore), EAGAIN, "an empty semaphore");
    CHECK_ERRNO(sem_timedwait(&semaphore, &soon), ETIMEDOUT, "nobody posts in time");
    threads[0] = begin_thread(post, NULL);
    for (int i = 0; i < 100; i++)
        NEED(sem_wait(&semaphore) == 0);
    result_of(threads[0]);
    CHECK_ERRNO(sem_trywait(&semaphore), EAGAIN, "100 posts let 100 waiters pass");
}

static void destroy(void *value) {
    shared += (long)value;
}

static void *set_specific(void *argument) {
    int fresh = pthread_getspecific(key) == NULL;
    pthread_setspecific(key, argument);
    return (void *)(long)fresh;
}

static void *look_at_name(void *argument) {
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    int inherited = strcmp(name, "first") == 0;
    pthread_setname_np(pthread_self(), "second");
    (void)argument;
    return (void *)(long)inherited;
}

static void own_things(void) {
    char name[16] = "";
    shared = 0;
    NEED(pthread_key_create(&key, destroy) == 0);
    pthread_setspecific(key, (void *)100L);
    CHECK_EQ(result_of(begin_thread(set_specific, (void *)5L)), 1, "a key's value is each thread's own");
    CHECK_EQ(shared, 5, "a key's destructor runs when a thread ends");
    CHECK_EQ(pthread_getspecific(key), 100, "the first thread keeps its value");
    CHECK_EQ(pthread_setname_np(pthread_self(), "a name of 16 byt"), ERANGE, "a name has at most 15 bytes");
    pthread_setname_np(pthread_self(), "first");
    CHECK_EQ(result_of(begin_thread(look_at_name, NULL)), 1, "a name is inherited");
    CHECK(pthread_getname_np(pthread_self(), name, sizeof name) == 0 && strcmp(name, "first") == 0, "a name is a thread's own");
}

static void note_thread(int number) {
    (void)number;
    handled_in = gettid();
}

static void *wait_for_signal(void *argument) {
    *(pid_t *)argument = gettid();
    open_gate(back);
    while (!handled_in)
        nap(1);
    return NULL;
}

static void *take_by_sigwait(void *argument) {
    sigset_t set = set_of(SIGUSR2);
    int number = 0;
    (void)argument;
    sigwait(&set, &number);
    return (void *)(long)number;
}

static void *look_at_signals(void *argument) {
    stack_t stack;
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    CHECK(sigismember(&mask, SIGUSR2), "a thread inherits the mask");
    CHECK(!is_pending(SIGUSR2), "a signal pending for a thread is that thread's");
    CHECK(sigaltstack(NULL, &stack) == 0 && stack.ss_flags == SS_DISABLE, "a thread has no alternate stack at first");
    CHECK(is_pending(SIGHUP), "a signal pending for the process is everybody's");
    return argument;
}

static void signals(void) {
    static char memory[1 << 16];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, off = {.ss_flags = SS_DISABLE};
    pid_t other;
    handle(SIGUSR1, note_thread, 0);
    pthread_t thread = begin_thread(wait_for_signal, &other);
    pass(back);
    pthread_kill(thread, SIGUSR1);
    result_of(thread);
    CHECK_EQ(handled_in, other, "pthread_kill: the handler runs in that thread");
    handled_in = 0;
    thread = begin_thread(wait_for_signal, &other);
    pass(back);
    block(SIGUSR1);
    kill(getpid(), SIGUSR1);
    result_of(thread);
    CHECK_EQ(handled_in, other, "a signal to the process goes to a thread that does not block it");
    CHECK(!is_pending(SIGUSR1), "and to one thread only");
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), other, SIGUSR1), ESRCH, "tgkill of a thread that is gone");
    block(SIGUSR2);
    thread = begin_thread(take_by_sigwait, NULL);
    kill(getpid(), SIGUSR2);
    CHECK_EQ(result_of(thread), SIGUSR2, "sigwait in a thread takes the process's signal");
    block(SIGHUP);
    kill(getpid(), SIGHUP);
    pthread_kill(pthread_self(), SIGUSR2);
    NEED(sigaltstack(&stack, NULL) == 0);
    result_of(begin_thread(look_at_signals, NULL));
    CHECK(is_pending(SIGUSR2), "it is still pending here");
    NEED(sigaltstack(&off, NULL) == 0);
}

static void note_cleanup(void *argument) {
    (void)argument;
    shared++;
}

static void *wait_until_cancelled(void *argument) {
    char byte;
    pthread_cleanup_push(note_cleanup, NULL);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    open_gate(back);
    pass(forth);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    while (read(forth.out, &byte, 1) != -2)
        ;
    pthread_cleanup_pop(0);
    return argument;
}

static void *spin(void *argument) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    open_gate(back);
    for (;;)
        __asm__ volatile("pause");
    return argument;
}

static void cancelling(void) {
    shared = 0;
    pthread_t thread = begin_thread(wait_until_cancelled, NULL);
    pass(back);
    CHECK_EQ(pthread_cancel(thread), 0, "pthread_cancel");
    CHECK_EQ(pthread_tryjoin_np(thread, NULL), EBUSY, "a thread may put cancelling off");
    open_gate(forth);
    CHECK(result_of(thread) == PTHREAD_CANCELED, "a thread waiting in read is cancelled");
    CHECK_EQ(shared, 1, "its clean-up ran");
    thread = begin_thread(spin, NULL);
    pass(back);
    pthread_cancel(thread);
    CHECK(result_of(thread) == PTHREAD_CANCELED, "a spinning thread is cancelled");
}

static void *lock_and_end(void *lock) {
    pthread_mutex_lock(lock);
    return NULL;
}

static pthread_mutex_t *robust_mutex(void) {
    pthread_mutexattr_t kind;
    pthread_mutex_t *lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(lock != MAP_FAILED && pthread_mutexattr_init(&kind) == 0);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    NEED(pthread_mutex_init(lock, &kind) == 0);
    return lock;
}

static void robust(void) {
    pthread_mutex_t *lock = robust_mutex();
    result_of(begin_thread(lock_and_end, lock));
    CHECK_EQ(pthread_mutex_lock(lock), EOWNERDEAD, "a thread ended with a robust mutex locked");
    CHECK(pthread_mutex_consistent(lock) == 0 && pthread_mutex_unlock(lock) == 0, "the mutex is mended");
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(lock);
        open_gate(back);
        for (;;)
            pause();
    }
    pass(back);
    CHECK_EQ(pthread_mutex_trylock(lock), EBUSY, "another process has the mutex");
    kill(child, SIGKILL);
    CHECK_EQ(pthread_mutex_lock(lock), EOWNERDEAD, "the owner was killed");
    status_of(child);
    pthread_mutex_unlock(lock);
    CHECK_EQ(pthread_mutex_lock(lock), ENOTRECOVERABLE, "a mutex that nobody mended");
}

static void *exit_process(void *argument) {
    _exit((int)(long)argument);
}

static void *join_first(void *first) {
    pthread_join((pthread_t)first, NULL);
    exit(12);
}

static void *fault(void *argument) {
    no_core();
    *(volatile int *)argument = 1;
    return argument;
}

static void exit_in_thread(void) {
    begin_thread(wait_forth, NULL);
    begin_thread(exit_process, (void *)11L);
    for (;;)
        pause();
}

static void first_ends_first(void) {
    begin_thread(join_first, (void *)pthread_self());
    pthread_exit(NULL);
}

static void all_threads_end(void) {
    begin_thread(do_nothing, NULL);
    pthread_exit(NULL);
}

static void return_with_threads(void) {
    begin_thread(wait_forth, NULL);
    begin_thread(spin, NULL);
    exit(13);
}

static void fault_in_thread(void) {
    begin_thread(wait_forth, NULL);
    result_of(begin_thread(fault, NULL));
}

static void ends(void) {
    int status;
    CHECK(exited_with(status_after(exit_in_thread), 11), "_exit in a thread ends the process");
    CHECK(exited_with(status_after(first_ends_first), 12), "the process outlives its first thread");
    CHECK(exited_with(status_after(all_threads_end), 0), "the last thread's end is the process's, with 0");
    CHECK(exited_with(status_after(return_with_threads), 13), "exit takes threads that wait and spin along");
    CHECK(killed_by(status_after(fault_in_thread), SIGSEGV), "a fault in a thread kills the process");
    pid_t child = start(return_with_threads);
    kill(child, SIGKILL);
    status = status_of(child);
    CHECK(killed_by(status, SIGKILL) || exited_with(status, 13), "a process of many threads can be killed at any time");
}

int main(void) {
    begin();
    forth = new_gate();
    back = new_gate();
    joining();
    mutexes();
    conditions();
    crowds();
    own_things();
    signals();
    cancelling();
    robust();
    ends();
    return finish();
}
