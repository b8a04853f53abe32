/* Descriptors that share a file, and three kinds of locks: of processes, open files and whole files. */
#include "helpers.h"

#include <sys/file.h>
#include <sys/resource.h>

/* An errno, or 0 when the lock was had at once. */
static int lock(int fd, int command, short type, off_t start, off_t length) {
    struct flock area = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &area) == 0 ? 0 : errno;
}

static struct flock holder(int fd, int command, short type, off_t start, off_t length) {
    struct flock area = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    if (fcntl(fd, command, &area) != 0)
        area.l_type = -1;
    return area;
}

/* A child holds its locks from the first word on this pair of pipes to the second. */
struct child {
    pid_t id;
    int heard, told;
};

static struct child start(void (*body)(void)) {
    int up[2], down[2];
    char byte;
    NEED(pipe(up) == 0 && pipe(down) == 0);
    struct child child = {fork(), up[0], down[1]};
    if (child.id == 0) {
        body();
        _exit(write(up[1], "x", 1) != 1 || close(down[1]) != 0 || read(down[0], &byte, 1) != 0);
    }
    close(up[1]);
    close(down[0]);
    NEED(child.id > 0 && read(child.heard, &byte, 1) == 1);
    return child;
}

static void end(struct child child) {
    close(child.told);
    close(child.heard);
    NEED(waitpid(child.id, NULL, 0) == child.id);
}

static void duplicates(void) {
    int fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0644), copy = dup(fd);
    char byte;
    NEED(write(fd, "0123456789", 10) == 10);
    CHECK(copy > fd, "dup gives another descriptor");
    CHECK_EQ(lseek(copy, 2, SEEK_SET) + lseek(fd, 1, SEEK_CUR), 5, "duplicates share the position");
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(copy, F_GETFD) == 0,
          "duplicates do not share FD_CLOEXEC");
    CHECK_EQ(fcntl(copy, F_SETFL, O_APPEND | O_NONBLOCK), 0, "F_SETFL");
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_APPEND | O_NONBLOCK,
             "duplicates share flags");
    CHECK_EQ(fcntl(fd, F_SETFL, O_WRONLY | O_TRUNC | O_CREAT), 0, "F_SETFL passes over what cannot change");
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_TRUNC), O_RDWR,
             "F_SETFL clears the rest");
    CHECK_EQ(dup2(fd, copy), copy, "dup2 over an open descriptor");
    CHECK_EQ(dup2(fd, fd), fd, "dup2 to itself");
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC, "dup2 to itself changes nothing");
    CHECK_ERRNO(dup3(fd, fd, 0), EINVAL, "dup3 to itself");
    CHECK(dup3(fd, copy, O_CLOEXEC) == copy && fcntl(copy, F_GETFD) == FD_CLOEXEC, "dup3 O_CLOEXEC");
    CHECK_ERRNO(dup3(fd, copy, O_APPEND), EINVAL, "dup3 unknown flag");
    CHECK(fcntl(fd, F_DUPFD, 100) == 100 && fcntl(fd, F_DUPFD, 100) == 101,
          "F_DUPFD takes the next free one");
    CHECK(fcntl(fd, F_DUPFD_CLOEXEC, 100) == 102 && fcntl(102, F_GETFD) == FD_CLOEXEC, "F_DUPFD_CLOEXEC");
    CHECK(fcntl(102, F_SETFD, 0) == 0 && fcntl(102, F_GETFD) == 0, "F_SETFD");
    close(fd);
    CHECK(lseek(copy, 0, SEEK_SET) == 0 && read(copy, &byte, 1) == 1, "a duplicate outlives the first");
    CHECK_ERRNO(close(fd), EBADF, "close again");
    CHECK_ERRNO(dup(fd), EBADF, "dup of a closed descriptor");
    CHECK_ERRNO(dup2(fd, 100), EBADF, "dup2 of a closed descriptor");
    CHECK(fcntl(100, F_GETFD) == 0, "a failed dup2 leaves its target open");
    CHECK_ERRNO(dup2(copy, -1), EBADF, "dup2 to a negative descriptor");
    CHECK_ERRNO(fcntl(copy, F_DUPFD, -1), EINVAL, "F_DUPFD from a negative descriptor");
    CHECK_ERRNO(fcntl(copy, 9999), EINVAL, "fcntl unknown command");
    CHECK_ERRNO(fcntl(fd, F_GETFL), EBADF, "F_GETFL on a closed descriptor");
    struct rlimit limit;
    NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK_ERRNO(dup2(copy, (int)limit.rlim_cur), EBADF, "dup2 over the limit");
    CHECK_ERRNO(fcntl(copy, F_DUPFD, (int)limit.rlim_cur), EINVAL, "F_DUPFD over the limit");
}

static void hold_bytes(void) {
    int fd = open("file", O_RDWR);
    NEED(lock(fd, F_SETLK, F_WRLCK, 10, 10) == 0 && lock(fd, F_SETLK, F_RDLCK, 30, 0) == 0);
}

static void process_locks(void) {
    int fd = open("file", O_RDWR);
    struct child child = start(hold_bytes);
    CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 10), 0, "a lock beside another's");
    CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 19, 1), EAGAIN, "a write lock on another's write lock");
    CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 5, 6), EAGAIN, "a read lock on another's write lock");
    CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 1000, 1), 0, "a read lock on another's read lock");
    CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 1000, 1), EAGAIN, "a write lock on another's read lock");
    struct flock found = holder(fd, F_GETLK, F_WRLCK, 0, 0);
    CHECK(found.l_type == F_WRLCK && found.l_start == 10 && found.l_len == 10,
          "F_GETLK tells the lock in the way");
    CHECK_EQ(found.l_pid, child.id, "F_GETLK tells who has it");
    CHECK_EQ(holder(fd, F_GETLK, F_WRLCK, 20, 10).l_type, F_UNLCK, "F_GETLK between locks");
    found = holder(fd, F_GETLK, F_WRLCK, 25, 0);
    CHECK(found.l_type == F_RDLCK && found.l_start == 30 && found.l_len == 0,
          "F_GETLK tells a lock to the end");
    CHECK_EQ(holder(fd, F_GETLK, F_RDLCK, 25, 0).l_type, F_UNLCK, "read locks are not in each other's way");
    end(child);
    CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0, "a process's end frees its locks");
    CHECK_EQ(lock(fd, F_SETLK, F_UNLCK, 5, 10), 0, "unlocking a part");
    CHECK_EQ(holder(fd, F_GETLK, F_WRLCK, 0, 0).l_type, F_UNLCK, "one's own locks are not in the way");
    CHECK_EQ(lock(fd, F_SETLK, 7, 0, 0), EINVAL, "a lock of an unknown type");
    CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL, "a lock before the start");
    CHECK_EQ(lock(-1, F_SETLK, F_WRLCK, 0, 1), EBADF, "a lock on no descriptor");
    CHECK_ERRNO(fcntl(fd, F_SETLK, forbidden_page(PROT_NONE)), EFAULT, "a lock with a bad pointer");
    int reader = open("file", O_RDONLY);
    CHECK_EQ(lock(reader, F_SETLK, F_WRLCK, 0, 1), EBADF, "a write lock on O_RDONLY");
    close(reader);
    close(fd);
}

static int shared_fd;

static void see_the_parents_lock(void) {
    int fd = open("file", O_RDWR);
    CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 1), EAGAIN, "a child does not inherit locks");
    CHECK_EQ(lock(shared_fd, F_SETLK, F_WRLCK, 0, 1), EAGAIN, "not even through the same descriptor");
    CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 5, 1), 0, "the child sees the part that was unlocked");
}

static void see_no_lock(void) {
    int fd = open("file", O_RDWR);
    CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0,
             "closing any descriptor of the file frees the process's locks");
}

static void locks_and_forks(void) {
    shared_fd = open("file", O_RDWR);
    NEED(lock(shared_fd, F_SETLK, F_WRLCK, 0, 0) == 0 && lock(shared_fd, F_SETLK, F_UNLCK, 5, 10) == 0);
    in_child(see_the_parents_lock);
    close(open("file", O_RDONLY));
    in_child(see_no_lock);
    close(shared_fd);
}

static int first, second;

static void hold_second_byte(void) {
    NEED(lock(open("file", O_RDWR), F_SETLK, F_WRLCK, 1, 1) == 0);
}

/* Each of two holds a byte and waits for the other's: the second to wait is told, the first gets its lock. */
static void waiting(void) {
    int held[2], status;
    char byte;
    NEED(pipe(held) == 0);
    first = open("file", O_RDWR);
    NEED(lock(first, F_SETLK, F_WRLCK, 0, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        hold_second_byte();
        NEED(write(held[1], "x", 1) == 1);
        _exit(lock(first, F_SETLKW, F_WRLCK, 0, 1));
    }
    NEED(read(held[0], &byte, 1) == 1);
    int ours = lock(first, F_SETLKW, F_WRLCK, 1, 1);
    NEED(lock(first, F_SETLK, F_UNLCK, 0, 0) == 0 && waitpid(child, &status, 0) == child);
    int theirs = WEXITSTATUS(status);
    CHECK(ours == EDEADLK || theirs == EDEADLK, "F_SETLKW sees a circle of waiters");
    CHECK(ours == 0 || theirs == 0, "F_SETLKW waits until the lock is free");
    close(first);
}

static void open_file_locks(void) {
    first = open("file", O_RDWR);
    second = open("file", O_RDWR);
    int copy = dup(first);
    CHECK_EQ(lock(first, F_OFD_SETLK, F_WRLCK, 0, 10), 0, "F_OFD_SETLK");
    CHECK_EQ(lock(second, F_OFD_SETLK, F_WRLCK, 0, 10), EAGAIN,
             "another opening is in the way, in the same process too");
    CHECK_EQ(lock(copy, F_OFD_SETLK, F_WRLCK, 5, 10), 0, "a duplicate is the same opening");
    CHECK_EQ(lock(second, F_SETLK, F_WRLCK, 0, 1), EAGAIN,
             "process locks and open file locks see each other");
    struct flock found = holder(second, F_OFD_GETLK, F_WRLCK, 0, 0);
    CHECK(found.l_type == F_WRLCK && found.l_start == 0 && found.l_len == 15,
          "neighbouring locks become one");
    CHECK_EQ(found.l_pid, -1, "an open file lock belongs to no process");
    close(first);
    CHECK_EQ(lock(second, F_OFD_SETLK, F_WRLCK, 0, 10), EAGAIN, "closing one duplicate keeps the lock");
    close(copy);
    CHECK_EQ(lock(second, F_OFD_SETLK, F_WRLCK, 0, 10), 0, "closing the last one frees it");
    struct flock named = {.l_type = F_WRLCK, .l_pid = 1};
    CHECK_ERRNO(fcntl(second, F_OFD_SETLK, &named), EINVAL, "F_OFD_SETLK with a process");
    close(second);
}

static void take_three(void) {
    NEED(lock(first, F_SETLK, F_WRLCK, 50, 10) == 0 && lock(first, F_SETLK, F_WRLCK, 20, 10) == 0);
    NEED(lock(first, F_SETLK, F_WRLCK, 35, 10) == 0);
}

static void which_is_told(void) {
    first = open("file", O_RDWR);
    int ends[2];
    char byte;
    NEED(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        take_three();
        NEED(write(ends[1], "", 1) == 1);
        pause();
    }
    NEED(child > 0 && read(ends[0], &byte, 1) == 1);
    struct flock found = holder(first, F_GETLK, F_WRLCK, 0, 0);
    CHECK(found.l_start == 20 && found.l_len == 10 && found.l_pid == child, "F_GETLK tells the lock that starts lowest");
    found = holder(first, F_GETLK, F_WRLCK, 30, 100);
    CHECK(found.l_start == 35 && found.l_len == 10, "of those in the way");
    stop_child(child);
    close(ends[0]);
    close(ends[1]);
    close(first);
}

static void whole_files(void) {
    first = open("file", O_RDONLY);
    second = open("file", O_RDONLY);
    CHECK_EQ(flock(first, LOCK_SH), 0, "flock LOCK_SH");
    CHECK_EQ(flock(second, LOCK_SH | LOCK_NB), 0, "flock LOCK_SH of two");
    CHECK_ERRNO(flock(second, LOCK_EX | LOCK_NB), EWOULDBLOCK, "flock LOCK_EX where another shares");
    CHECK_EQ(flock(first, LOCK_UN), 0, "flock LOCK_UN");
    CHECK_EQ(flock(second, LOCK_EX | LOCK_NB), 0, "flock LOCK_EX, on O_RDONLY too");
    CHECK_ERRNO(flock(first, LOCK_SH | LOCK_NB), EWOULDBLOCK, "flock LOCK_SH where another excludes");
    int copy = dup(second);
    CHECK_EQ(flock(copy, LOCK_SH | LOCK_NB), 0, "a duplicate changes the lock");
    CHECK_EQ(flock(first, LOCK_SH | LOCK_NB), 0, "the lock was changed for all duplicates");
    close(second);
    CHECK_ERRNO(flock(first, LOCK_EX | LOCK_NB), EWOULDBLOCK, "closing one duplicate keeps the flock");
    close(copy);
    CHECK_EQ(flock(first, LOCK_EX | LOCK_NB), 0, "closing the last duplicate frees the flock");
    CHECK_ERRNO(flock(first, 0), EINVAL, "flock without a wish");
    CHECK_ERRNO(flock(-1, LOCK_SH), EBADF, "flock on no descriptor");
    close(first);
}

int main(void) {
    begin();
    duplicates();
    process_locks();
    locks_and_forks();
    waiting();
    open_file_locks();
    which_is_told();
    whole_files();
    return finish();
}
