/* POSIX shared memory and named semaphores: one object under a name, the same bytes in every process that maps it. */
#include "process.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>

enum { PAGE = 4096, SIZE = 4 * PAGE };

static char name[64];
static sigjmp_buf place;
static struct gate forth, back;

static void on_fault(int number) {
    siglongjmp(place, number);
}

static int reading(const volatile char *address) {
    int number = sigsetjmp(place, 1);
    if (number == 0)
        (void)*address;
    return number;
}

static char *map(int fd, int protection) {
    char *address = mmap(NULL, SIZE, protection, MAP_SHARED, fd, 0);
    NEED(address != MAP_FAILED);
    return address;
}

static int open_named(int flags) {
    return shm_open(name, flags, 0640);
}

static void names(void) {
    struct stat info;
    CHECK_ERRNO(open_named(O_RDWR), ENOENT, "an object that is missing");
    CHECK_ERRNO(shm_unlink(name), ENOENT, "unlinking what is missing");
    CHECK_ERRNO(shm_open("/a/b", O_RDWR | O_CREAT, 0600), EINVAL, "a name with a slash in its middle");
    CHECK_ERRNO(shm_open("", O_RDWR | O_CREAT, 0600), EINVAL, "an empty name");
    int fd = open_named(O_RDWR | O_CREAT | O_EXCL);
    CHECK(fd >= 0, "O_CREAT makes an object");
    CHECK(fstat(fd, &info) == 0 && info.st_size == 0 && info.st_mode == (S_IFREG | 0640), "it is empty, with its mode");
    CHECK_EQ(info.st_uid, geteuid(), "it is its maker's");
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC, "its descriptor is closed at exec");
    CHECK_ERRNO(open_named(O_RDWR | O_CREAT | O_EXCL), EEXIST, "O_EXCL when it exists");
    CHECK_OK(ftruncate(fd, SIZE), "ftruncate gives it a size");
    CHECK(fstat(fd, &info) == 0 && info.st_size == SIZE, "the size is told");
    close(fd);
}

static void same_bytes(void) {
    char byte;
    int fd = open_named(O_RDWR), reader = open_named(O_RDONLY);
    char *one = map(fd, PROT_READ | PROT_WRITE), *other = map(reader, PROT_READ);
    CHECK(one != other && one[0] == 0 && other[SIZE - 1] == 0, "a new object is zero");
    one[PAGE] = 5;
    CHECK_EQ(other[PAGE], 5, "two mappings are one memory");
    CHECK(pread(reader, &byte, 1, PAGE) == 1 && byte == 5, "read sees what was stored");
    CHECK(pwrite(fd, "w", 1, 2 * PAGE) == 1 && other[2 * PAGE] == 'w', "a mapping sees what was written");
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0), EACCES, "O_RDONLY is not mapped for writing");
    CHECK_ERRNO(mprotect(other, PAGE, PROT_READ | PROT_WRITE), EACCES, "nor made so afterwards");
    char *private = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, reader, 0);
    private[PAGE] = 6;
    CHECK(one[PAGE] == 5 && private[2 * PAGE] == 'w', "a private mapping's writes are its own");
    CHECK_OK(msync(one, SIZE, MS_SYNC), "msync");
    close(fd);
    close(reader);
    one[3 * PAGE] = 9;
    CHECK_EQ(other[3 * PAGE], 9, "mappings outlive the descriptors");
    munmap(one, SIZE);
    munmap(other, SIZE);
    munmap(private, SIZE);
}

/* Opens the object anew, as a process that knows only its name. */
static void answer(void) {
    int fd = open_named(O_RDWR);
    NEED(fd >= 0);
    char *bytes = map(fd, PROT_READ | PROT_WRITE);
    CHECK_EQ(strcmp(bytes, "question"), 0, "another process reads what was stored");
    strcpy(bytes, "answer");
    open_gate(back);
    pass(forth);
    CHECK_EQ(strcmp(bytes, "good-bye"), 0, "it sees what is stored later");
}

static void between_processes(void) {
    int fd = open_named(O_RDWR);
    char *bytes = map(fd, PROT_READ | PROT_WRITE);
    strcpy(bytes, "question");
    pid_t child = start(answer);
    pass(back);
    CHECK_EQ(strcmp(bytes, "answer"), 0, "what the other process stores is seen");
    strcpy(bytes, "good-bye");
    open_gate(forth);
    CHECK_EQ(status_of(child), 0, "both agree");
    CHECK_OK(ftruncate(fd, PAGE), "the object is made smaller");
    CHECK_EQ(reading(bytes + PAGE), SIGBUS, "what was cut off is gone from the mapping");
    CHECK_EQ(reading(bytes + PAGE - 1), 0, "what is left is there");
    NEED(ftruncate(fd, SIZE) == 0);
    CHECK(reading(bytes + PAGE) == 0 && bytes[PAGE] == 0, "when it grows again, by zeros");
    munmap(bytes, SIZE);
    close(fd);
}

struct meeting {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    pthread_barrier_t barrier;
    sem_t semaphore;
    int turn, total;
};

static struct meeting *meeting;

static void add_in_turns(void) {
    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&meeting->mutex);
        while (meeting->turn != 1)
            pthread_cond_wait(&meeting->condition, &meeting->mutex);
        meeting->turn = 0;
        meeting->total++;
        pthread_cond_signal(&meeting->condition);
        pthread_mutex_unlock(&meeting->mutex);
    }
    sem_post(&meeting->semaphore);
    pthread_barrier_wait(&meeting->barrier);
}

static void prepare_meeting(void) {
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    pthread_barrierattr_t barrier;
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_condattr_init(&condition);
    pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    pthread_barrierattr_init(&barrier);
    pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
    NEED(pthread_mutex_init(&meeting->mutex, &mutex) == 0 && pthread_cond_init(&meeting->condition, &condition) == 0);
    NEED(pthread_barrier_init(&meeting->barrier, &barrier, 2) == 0 && sem_init(&meeting->semaphore, 1, 0) == 0);
}

static void synchronised(void) {
    int fd = open_named(O_RDWR);
    meeting = (struct meeting *)map(fd, PROT_READ | PROT_WRITE);
    close(fd);
    prepare_meeting();
    meeting->turn = meeting->total = 0;
    pid_t child = start(add_in_turns);
    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&meeting->mutex);
        meeting->turn = 1;
        pthread_cond_signal(&meeting->condition);
        while (meeting->turn != 0)
            pthread_cond_wait(&meeting->condition, &meeting->mutex);
        pthread_mutex_unlock(&meeting->mutex);
    }
    CHECK_EQ(meeting->total, 50, "two processes take turns by a mutex and a condition");
    CHECK_OK(sem_wait(&meeting->semaphore), "a semaphore in the object");
    pthread_barrier_wait(&meeting->barrier);
    CHECK_EQ(status_of(child), 0, "a barrier in the object");
    munmap(meeting, SIZE);
}

static void unlinked(void) {
    int fd = open_named(O_RDWR);
    char *bytes = map(fd, PROT_READ | PROT_WRITE);
    CHECK_OK(shm_unlink(name), "shm_unlink");
    CHECK_ERRNO(open_named(O_RDWR), ENOENT, "the name is gone");
    bytes[0] = 3;
    char byte = 0;
    CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 3, "the object lives as long as somebody has it");
    int other = open_named(O_RDWR | O_CREAT | O_EXCL);
    CHECK(other >= 0 && read(other, &byte, 1) == 0, "the name can be given to another object");
    NEED(shm_unlink(name) == 0);
    close(fd);
    close(other);
    munmap(bytes, SIZE);
}

static void pass_semaphore(void) {
    sem_t *semaphore = sem_open(name, 0);
    NEED(semaphore != SEM_FAILED);
    open_gate(back);
    sem_wait(semaphore);
    sem_wait(semaphore);
}

static void named_semaphores(void) {
    int value;
    CHECK_ERRNO(sem_open(name, 0) == SEM_FAILED ? -1 : 0, ENOENT, "a semaphore that is missing");
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
    CHECK(semaphore != SEM_FAILED && sem_getvalue(semaphore, &value) == 0 && value == 1, "sem_open makes a semaphore");
    CHECK_ERRNO(sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED ? -1 : 0, EEXIST, "O_EXCL of a semaphore that exists");
    pid_t child = start(pass_semaphore);
    pass(back);
    CHECK_OK(sem_post(semaphore), "a post for another process");
    CHECK_EQ(status_of(child), 0, "which waited by the semaphore's name");
    CHECK_ERRNO(sem_trywait(semaphore), EAGAIN, "nothing is left to wait for");
    CHECK_OK(sem_unlink(name), "sem_unlink");
    CHECK_ERRNO(sem_unlink(name), ENOENT, "it is gone");
    sem_close(semaphore);
}

int main(void) {
    begin();
    snprintf(name, sizeof name, "/conformance-%d", getpid());
    handle(SIGBUS, on_fault, 0);
    forth = new_gate();
    back = new_gate();
    names();
    same_bytes();
    between_processes();
    synchronised();
    unlinked();
    named_semaphores();
    return finish();
}
