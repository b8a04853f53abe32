/* Files that tell their owner by signal that they are ready: O_ASYNC, F_SETOWN, F_SETSIG. */
#include "helpers.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static volatile sig_atomic_t heard, heard_fd, heard_code, heard_band;

static void hear(int number, siginfo_t *information, void *context) {
    (void)number, (void)context;
    heard++;
    heard_fd = information->si_fd;
    heard_code = information->si_code;
    heard_band = (int)information->si_band;
}

static void handle(int number) {
    struct sigaction action = {.sa_sigaction = hear, .sa_flags = SA_SIGINFO};
    NEED(sigaction(number, &action, NULL) == 0);
}

static void owners(int fd) {
    struct f_owner_ex owner = {F_OWNER_TID, gettid()};
    CHECK_EQ(fcntl(fd, F_GETOWN), 0, "nobody owns a new pipe");
    CHECK_EQ(fcntl(fd, F_SETOWN, getpid()), 0, "F_SETOWN");
    CHECK_EQ(fcntl(fd, F_GETOWN), getpid(), "F_GETOWN");
    CHECK_ERRNO(fcntl(fd, F_SETOWN, 0x3fffff00), ESRCH, "F_SETOWN to nobody");
    CHECK_EQ(fcntl(fd, F_SETOWN_EX, &owner), 0, "F_SETOWN_EX");
    CHECK(fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.type == F_OWNER_TID && owner.pid == gettid(),
          "F_GETOWN_EX");
    owner.type = 7;
    CHECK_ERRNO(fcntl(fd, F_SETOWN_EX, &owner), EINVAL, "F_SETOWN_EX of an unknown kind");
    CHECK_ERRNO(fcntl(fd, F_SETOWN_EX, forbidden_page(PROT_NONE)), EFAULT, "F_SETOWN_EX with a bad pointer");
    CHECK_ERRNO(fcntl(fd, F_SETSIG, 65), EINVAL, "F_SETSIG beyond the last signal");
    CHECK_ERRNO(fcntl(-1, F_GETOWN), EBADF, "F_GETOWN on no descriptor");
}

static void signals_of_a_pipe(void) {
    int end[2];
    NEED(pipe(end) == 0);
    handle(SIGIO);
    owners(end[0]);
    NEED(write(end[1], "x", 1) == 1);
    CHECK_EQ(heard, 0, "no signal without O_ASYNC");
    NEED(fcntl(end[0], F_SETOWN, getpid()) == 0);
    CHECK_EQ(fcntl(end[0], F_SETFL, O_ASYNC), 0, "F_SETFL O_ASYNC");
    CHECK_EQ(fcntl(end[0], F_GETFL), O_RDONLY | O_ASYNC, "O_ASYNC shows");
    NEED(write(end[1], "x", 1) == 1);
    CHECK_EQ(heard, 1, "SIGIO when there is something to read");
    handle(SIGUSR1);
    CHECK(fcntl(end[0], F_SETSIG, SIGUSR1) == 0 && fcntl(end[0], F_GETSIG) == SIGUSR1, "F_SETSIG");
    NEED(write(end[1], "x", 1) == 1);
    CHECK(heard == 2 && heard_fd == end[0] && heard_code == POLL_IN, "the signal tells descriptor and reason");
    CHECK_EQ(heard_band & POLLIN, POLLIN, "the signal tells what the descriptor is ready for");
    CHECK_EQ(fcntl(end[0], F_SETFL, 0), 0, "F_SETFL without O_ASYNC");
    NEED(write(end[1], "x", 1) == 1);
    CHECK_EQ(heard, 2, "no signal any more");
    int on = 1;
    CHECK_EQ(ioctl(end[0], FIOASYNC, &on), 0, "FIOASYNC");
    NEED(write(end[1], "x", 1) == 1);
    CHECK_EQ(heard, 3, "FIOASYNC is O_ASYNC");
    CHECK_ERRNO(ioctl(end[0], FIOASYNC, forbidden_page(PROT_NONE)), EFAULT, "FIOASYNC with a bad pointer");
    close(end[0]);
    close(end[1]);
}

static void other_files(void) {
    int pair[2], on = 1, before = heard;
    make_file("file", "");
    int fd = open("file", O_RDWR);
    CHECK_EQ(fcntl(fd, F_SETFL, O_ASYNC), 0, "O_ASYNC on a file is passed over");
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ASYNC, 0, "and does not show");
    CHECK_ERRNO(ioctl(fd, FIOASYNC, &on), ENOTTY, "FIOASYNC on a file");
    close(fd);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    NEED(fcntl(pair[0], F_SETOWN, -getpgrp()) == 0 && fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK) == 0);
    CHECK_EQ(fcntl(pair[0], F_GETOWN), -getpgrp(), "a process group may own a file");
    close(pair[1]);
    close(pair[0]);
    CHECK(heard >= before, "files that are closed are forgotten");
}

static void directories(void) {
    make_file("file", "");
    NEED(mkdir("folder", 0755) == 0);
    handle(SIGUSR2);
    int fd = open("folder", O_RDONLY), file = open("file", O_RDONLY), place = open("folder", O_PATH);
    CHECK_ERRNO(fcntl(file, F_NOTIFY, DN_CREATE), ENOTDIR, "F_NOTIFY on a file");
    CHECK_ERRNO(fcntl(place, F_NOTIFY, DN_CREATE), EBADF, "F_NOTIFY on a place");
    CHECK_OK(fcntl(file, F_NOTIFY, DN_MULTISHOT), "F_NOTIFY without an event");
    CHECK_OK(fcntl(fd, F_NOTIFY, DN_CREATE), "F_NOTIFY");
    CHECK_EQ(fcntl(fd, F_GETOWN), getpid(), "it makes the caller the owner");
    NEED(fcntl(fd, F_SETSIG, SIGUSR2) == 0);
    int before = heard;
    make_file("folder/one", "");
    CHECK(heard == before + 1 && heard_fd == fd, "a signal when a file is made");
    CHECK(heard_code == POLL_MSG && heard_band == (POLLIN | POLLRDNORM | POLLMSG), "with its reason");
    make_file("folder/two", "");
    CHECK_EQ(heard, before + 1, "and no second one");
    CHECK_OK(fcntl(fd, F_NOTIFY, DN_MODIFY | DN_MULTISHOT), "F_NOTIFY for always");
    make_file("folder/one", "1");
    int now = heard;
    CHECK(now > before + 1, "a signal when a file is written");
    make_file("folder/one", "2");
    CHECK(heard > now, "and again");
    CHECK_OK(fcntl(fd, F_NOTIFY, DN_RENAME | DN_ATTRIB | DN_DELETE), "F_NOTIFY for more");
    now = heard;
    NEED(chmod("folder/one", 0600) == 0);
    CHECK_EQ(heard, now + 1, "a signal when a mode is changed");
    NEED(rename("folder/one", "folder/three") == 0);
    CHECK(heard > now + 1, "a signal when a name is changed");
    now = heard;
    NEED(unlink("folder/three") == 0);
    CHECK(heard > now, "a signal when a file is removed");
    CHECK_OK(fcntl(fd, F_NOTIFY, 0), "F_NOTIFY ends it");
    CHECK_OK(fcntl(fd, F_NOTIFY, DN_RENAME | DN_MULTISHOT), "F_NOTIFY for renamings");
    make_file("folder/five", "");
    now = heard;
    NEED(rename("folder/five", "folder/six") == 0);
    CHECK_EQ(heard, now + 1, "DN_RENAME: within the folder");
    NEED(rename("folder/six", "six") == 0);
    CHECK_EQ(heard, now + 1, "not out of it");
    NEED(rename("six", "folder/six") == 0 && unlink("folder/six") == 0);
    CHECK_EQ(heard, now + 1, "nor into it");
    CHECK_OK(fcntl(fd, F_NOTIFY, 0), "F_NOTIFY ends that too");
    now = heard;
    NEED(unlink("folder/two") == 0);
    CHECK_EQ(heard, now, "nothing is told any more");
    CHECK_OK(fcntl(fd, F_NOTIFY, DN_DELETE | DN_CREATE | DN_MULTISHOT), "F_NOTIFY again");
    close(fd);
    make_file("folder/four", "");
    CHECK_EQ(heard, now, "a directory that is closed is forgotten");
    close(file);
    close(place);
}

int main(void) {
    begin();
    NEED(getpgrp() == getpid() || setpgid(0, 0) == 0);
    signals_of_a_pipe();
    other_files();
    directories();
    return finish();
}
