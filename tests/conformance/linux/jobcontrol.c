/* Process groups, sessions and the controlling terminal: who may make and move them, and whom the terminal's keys,
 * its background rules and its end reach. The jobs below are children of a session's leader, as a shell has them. */
#include "terminal.h"

#include <pthread.h>

static struct gate forth, back;
static pid_t above;
static volatile sig_atomic_t caught[65];

static void count(int number) {
    caught[number]++;
}

static void pause_for_ever(void) {
    for (;;)
        pause();
}

static void pass_forth(void) {
    pass(forth);
}

static void groups(void) {
    pid_t child = start(pass_forth), other = start(pass_forth), gone = start(no_core);
    status_of(gone);
    CHECK_EQ(getpgid(0), getpgrp(), "getpgid of oneself");
    CHECK_EQ(getpgid(child), getpgrp(), "a child is in its parent's group");
    CHECK_OK(setpgid(child, 0), "a child is moved to a group of its own");
    CHECK_EQ(getpgid(child), child, "the group has its id");
    CHECK_OK(setpgid(other, child), "another child is moved to that group");
    CHECK_EQ(getpgid(other), child, "both are in it");
    CHECK_OK(setpgid(other, getpgrp()), "and back to the parent's");
    CHECK_ERRNO(setpgid(other, gone), EPERM, "a group that does not exist");
    CHECK_ERRNO(setpgid(0, -1), EINVAL, "a negative group");
    CHECK_ERRNO(setpgid(gone, 0), ESRCH, "setpgid of a process that is gone");
    CHECK_ERRNO(setpgid(getppid(), 0), ESRCH, "setpgid of the parent");
    CHECK_ERRNO(getpgid(gone), ESRCH, "getpgid of a process that is gone");
    CHECK_ERRNO(getsid(gone), ESRCH, "getsid of a process that is gone");
    CHECK_EQ(getsid(child), getsid(0), "a child is in its parent's session");
    open_gate(forth);
    open_gate(forth);
    status_of(child);
    status_of(other);
}

static void make_session(void) {
    NEED(setpgid(0, 0) == 0);
    CHECK_ERRNO(setsid(), EPERM, "setsid by a group's leader");
    pid_t child = fork();
    if (child == 0) {
        pid_t own = getpid(), group = getpgrp();
        CHECK_EQ(setsid(), own, "setsid returns the session's id");
        CHECK(getsid(0) == own && getpgrp() == own, "it makes a session and a group");
        CHECK_ERRNO(setsid(), EPERM, "setsid again");
        CHECK_ERRNO(setpgid(0, 0), EPERM, "setpgid of a session's leader");
        CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO, "the new session has no terminal");
        pid_t inner = start(pass_forth);
        CHECK_ERRNO(setpgid(inner, group), EPERM, "a group of another session");
        open_gate(forth);
        status_of(inner);
        open_gate(back);
        pass(forth);
        _exit(failures ? 1 : 0);
    }
    pass(back);
    CHECK_ERRNO(setpgid(child, 0), EPERM, "a child in another session");
    open_gate(forth);
    CHECK_EQ(status_of(child), 0, "the session's checks");
}

static void exec_and_wait(void) {
    char ready[16];
    snprintf(ready, sizeof ready, "/dev/fd/%d", back.in);
    execl("/bin/sh", "sh", "-c", "printf x > $0; read line", ready, (char *)NULL);
    _exit(127);
}

static void after_exec(void) {
    pid_t child = start(exec_and_wait);
    pass(back);
    CHECK_ERRNO(setpgid(child, 0), EACCES, "a child that has executed another program");
    kill(child, SIGKILL);
    status_of(child);
}

/* From here on: inside a session whose leader has the terminal, and plays the shell. */

static void lead(void) {
    NEED(setsid() == getpid());
    open_pair();
    NEED(ioctl(terminal, TIOCSCTTY, 0) == 0);
    handle(SIGTTOU, SIG_IGN, 0);
}

/* A child in a group of its own, in front or not, with the signals of a shell's job. */
static pid_t start_job(void (*body)(void), int in_front) {
    pid_t job = fork();
    if (job == 0) {
        failures = 0;
        handle(SIGTTOU, SIG_DFL, 0);
        handle(SIGINT, SIG_DFL, 0);
        pass(forth);
        open_gate(back);
        body();
        _exit(failures ? 1 : 0);
    }
    NEED(job > 0 && setpgid(job, job) == 0 && (!in_front || tcsetpgrp(terminal, job) == 0));
    open_gate(forth);
    pass(back);
    return job;
}

static int stopped_by(pid_t job, int number) {
    int status = -1;
    NEED(waitpid(job, &status, WUNTRACED) == job);
    return WIFSTOPPED(status) && WSTOPSIG(status) == number;
}

static void controlling(void) {
    NEED(setsid() == getpid());
    open_pair();
    CHECK_ERRNO(tcgetpgrp(terminal), ENOTTY, "O_NOCTTY: the terminal is not the session's");
    CHECK_ERRNO(tcsetpgrp(terminal, getpgrp()), ENOTTY, "nor is its group set");
    CHECK_OK(ioctl(terminal, TIOCSCTTY, 0), "TIOCSCTTY");
    CHECK_OK(ioctl(terminal, TIOCSCTTY, 0), "TIOCSCTTY again");
    CHECK_EQ(tcgetpgrp(terminal), getpgrp(), "the leader's group is in front");
    CHECK_EQ(tcgetsid(terminal), getpid(), "tcgetsid");
    int own = open("/dev/tty", O_RDWR);
    CHECK(own >= 0 && isatty(own), "/dev/tty is the terminal");
    CHECK(write(own, "hello", 5) == 5 && gives(master, "hello"), "what is written there comes out");
    pid_t gone = start(no_core);
    status_of(gone);
    CHECK_ERRNO(tcsetpgrp(terminal, gone), ESRCH, "tcsetpgrp: no such group");
    CHECK_ERRNO(tcsetpgrp(terminal, above), EPERM, "tcsetpgrp: a group of another session");
    CHECK_ERRNO(tcsetpgrp(terminal, -1), EINVAL, "tcsetpgrp: a negative group");
    pid_t child = fork();
    if (child == 0)
        _exit(ioctl(terminal, TIOCSCTTY, 0) == -1 && errno == EPERM ? 0 : 1);
    CHECK_EQ(status_of(child), 0, "TIOCSCTTY is for the leader");
    child = fork();
    if (child == 0)
        _exit(setsid() > 0 && ioctl(terminal, TIOCSCTTY, 0) == -1 && errno == EPERM ? 0 : 1);
    CHECK_EQ(status_of(child), 0, "a terminal of another session is not taken");
    child = fork();
    if (child == 0)
        _exit(ioctl(terminal, TIOCNOTTY) == 0 && open("/dev/tty", O_RDWR) == -1 && errno == ENXIO ? 0 : 1);
    CHECK_EQ(status_of(child), 0, "TIOCNOTTY gives it up for one process");
    CHECK_EQ(tcgetpgrp(terminal), getpgrp(), "the others keep it");
}

static void by_opening(void) {
    NEED(setsid() == getpid());
    open_pair();
    int fd = open(terminal_name, O_RDWR);
    CHECK_EQ(tcgetsid(fd), getpid(), "a leader that opens a terminal gets it");
}

static void keys(void) {
    lead();
    handle(SIGINT, count, 0);
    handle(SIGWINCH, count, 0);
    pid_t job = start_job(pause_for_ever, 1);
    CHECK_EQ(tcgetpgrp(terminal), job, "the job is in front");
    type("\003");
    CHECK(killed_by(status_of(job), SIGINT), "^C reaches the group in front");
    CHECK_EQ(caught[SIGINT], 0, "and not the others");
    CHECK(gives(master, "^C"), "^C is shown");
    job = start_job(pause_for_ever, 1);
    type("\034");
    CHECK_EQ(WTERMSIG(status_of(job)), SIGQUIT, "^\\ quits");
    job = start_job(pause_for_ever, 1);
    type("\032");
    CHECK(stopped_by(job, SIGTSTP), "^Z stops");
    CHECK_OK(tcsetpgrp(terminal, getpgrp()), "the shell comes back to the front");
    type("\003");
    for (int tries = 0; caught[SIGINT] == 0 && tries < 2000; tries++)
        nap(1);
    CHECK_EQ(caught[SIGINT], 1, "^C reaches the shell when it is in front");
    CHECK_EQ(waitpid(job, NULL, WNOHANG), 0, "and not the stopped job");
    CHECK(tcsetpgrp(terminal, job) == 0 && kill(-job, SIGCONT) == 0, "the job is brought to the front");
    int status;
    CHECK(waitpid(job, &status, WCONTINUED) == job && WIFCONTINUED(status), "and goes on");
    type("\003");
    CHECK(killed_by(status_of(job), SIGINT), "until ^C");
    NEED(tcsetpgrp(terminal, getpgrp()) == 0);
    change(0, 0, ISIG, 0);
    type("\003\n");
    CHECK(gives(terminal, "\003\n"), "without ISIG ^C is a character");
    change(0, 0, ISIG, 1);
    type("lost\003kept\n");
    CHECK(gives(terminal, "kept\n"), "^C throws the unfinished line away");
    struct winsize size = {.ws_row = 50, .ws_col = 100};
    NEED(ioctl(master, TIOCSWINSZ, &size) == 0);
    for (int tries = 0; caught[SIGWINCH] == 0 && tries < 2000; tries++)
        nap(1);
    CHECK_EQ(caught[SIGWINCH], 1, "a new size sends SIGWINCH");
    NEED(ioctl(master, TIOCSWINSZ, &size) == 0);
    nap(5);
    CHECK_EQ(caught[SIGWINCH], 1, "the same size does not");
}

static void read_line(void) {
    char text[16] = "";
    CHECK(read(terminal, text, sizeof text) == 3 && strcmp(text, "ok\n") == 0, "a job reads when it is in front");
}

static void *read_elsewhere(void *unused) {
    char text[16] = "";
    CHECK(read(terminal, text, sizeof text) == 3 && strcmp(text, "ok\n") == 0, "its read begins again in front");
    return unused;
}

static void read_in_thread(void) {
    pthread_t reader;
    handle(SIGTTOU, SIG_DFL, 0);
    NEED(pthread_create(&reader, NULL, read_elsewhere, NULL) == 0 && pthread_join(reader, NULL) == 0);
}

static void read_refused(void) {
    char text[16];
    handle(SIGTTIN, SIG_IGN, 0);
    CHECK_ERRNO(read(terminal, text, sizeof text), EIO, "a background read with SIGTTIN ignored");
    handle(SIGTTIN, SIG_DFL, 0);
    block(SIGTTIN);
    CHECK_ERRNO(read(terminal, text, sizeof text), EIO, "a background read with SIGTTIN blocked");
}

static void read_interrupted(void) {
    char text[16];
    handle(SIGTTIN, count, 0);
    CHECK_ERRNO(read(terminal, text, sizeof text), EINTR, "a background read with SIGTTIN caught");
    CHECK_EQ(caught[SIGTTIN], 1, "the handler ran");
}

static void write_text(void) {
    NEED(write(terminal, "text", 4) == 4);
}

static void write_ignoring(void) {
    handle(SIGTTOU, SIG_IGN, 0);
    NEED(write(terminal, "more", 4) == 4);
}

static void set_group(void) {
    NEED(tcsetpgrp(terminal, getpgrp()) == 0);
}

static void set_flags(void) {
    struct termios settings;
    NEED(tcgetattr(terminal, &settings) == 0 && tcsetattr(terminal, TCSANOW, &settings) == 0);
}

static void kill_job(pid_t job) {
    kill(-job, SIGKILL);
    status_of(job);
}

static void background(void) {
    lead();
    pid_t job = start_job(read_line, 0);
    CHECK(stopped_by(job, SIGTTIN), "a background read stops by SIGTTIN");
    NEED(tcsetpgrp(terminal, job) == 0 && kill(-job, SIGCONT) == 0);
    type("ok\n");
    CHECK_EQ(status_of(job), 0, "it reads when it is brought to the front");
    NEED(tcsetpgrp(terminal, getpgrp()) == 0 && gives(master, "ok\r\n"));
    job = start_job(read_in_thread, 0);
    CHECK(stopped_by(job, SIGTTIN), "a background read of one thread stops the process");
    NEED(tcsetpgrp(terminal, job) == 0 && kill(-job, SIGCONT) == 0);
    type("ok\n");
    CHECK_EQ(status_of(job), 0, "the thread's read goes on");
    NEED(tcsetpgrp(terminal, getpgrp()) == 0 && gives(master, "ok\r\n"));
    CHECK_EQ(status_of(start_job(read_refused, 0)), 0, "a job that will not stop");
    CHECK_EQ(status_of(start_job(read_interrupted, 0)), 0, "a job that catches SIGTTIN");
    CHECK_EQ(status_of(start_job(write_text, 0)), 0, "without TOSTOP a background write goes through");
    CHECK(gives(master, "text"), "it comes out");
    change(0, 0, TOSTOP, 1);
    job = start_job(write_text, 0);
    CHECK(stopped_by(job, SIGTTOU), "with TOSTOP it stops by SIGTTOU");
    CHECK(is_silent(master), "nothing comes out");
    kill_job(job);
    CHECK_EQ(status_of(start_job(write_ignoring, 0)), 0, "with SIGTTOU ignored it goes through");
    CHECK(gives(master, "more"), "and comes out");
    change(0, 0, TOSTOP, 0);
    job = start_job(set_group, 0);
    CHECK(stopped_by(job, SIGTTOU), "tcsetpgrp from the background stops by SIGTTOU");
    kill_job(job);
    job = start_job(set_flags, 0);
    CHECK(stopped_by(job, SIGTTOU), "tcsetattr from the background stops by SIGTTOU");
    kill_job(job);
}

static int waited_for(int number) {
    sigset_t set = set_of(number);
    int taken = 0;
    sigwait(&set, &taken);
    return taken;
}

static void tell(int number) {
    char byte = (char)number;
    NEED(write(back.in, &byte, 1) == 1);
}

static void stop_oneself(void) {
    handle(SIGHUP, tell, 0);
    handle(SIGCONT, tell, 0);
    open_gate(back);
    raise(SIGSTOP);
    _exit(0);
}

/* Leaves a stopped child behind when told to: then nobody is left who could continue the group. */
static void leave_stopped(void) {
    pid_t child = start(stop_oneself);
    int status;
    waitpid(child, &status, WUNTRACED);
    open_gate(back);
    pass(forth);
}

static void read_in_orphan(void) {
    if (fork() == 0) {
        char byte;
        while (getppid() == getpgrp())
            nap(1);
        handle(SIGTTIN, SIG_DFL, 0);
        int refused = read(terminal, &byte, 1) == -1 && errno == EIO;
        raise(SIGTSTP);
        byte = refused ? 'y' : 'n';
        _exit(write(back.in, &byte, 1) != 1);
    }
}

static void orphans(void) {
    char told[2] = "";
    lead();
    pid_t job = start_job(leave_stopped, 0);
    pass(back);
    pass(back);
    open_gate(forth);
    status_of(job);
    CHECK(read(back.out, told, 1) == 1 && read(back.out, told + 1, 1) == 1, "a stopped group that loses its shell is told");
    CHECK((told[0] == SIGHUP && told[1] == SIGCONT) || (told[0] == SIGCONT && told[1] == SIGHUP), "by SIGHUP and SIGCONT");
    status_of(start_job(read_in_orphan, 0));
    CHECK(read(back.out, told, 1) == 1 && told[0] == 'y', "an orphaned group reads EIO, and SIGTSTP does not stop it");
}

static void tell_hangup(void) {
    char byte = 0;
    block(SIGHUP);
    close(master); /* the leader has the last one */
    open_gate(back);
    tell(waited_for(SIGHUP));
    int gone = write(terminal, "x", 1) == -1 && errno == EIO && read(terminal, &byte, 1) == 0;
    tell(gone ? 'y' : 'n');
}

static void leave_front_job(void) {
    lead();
    start_job(tell_hangup, 1);
    pass(back);
    _exit(0); /* not reaping: the end of a session's leader hangs up */
}

static void wait_hangup(void) {
    lead();
    block(SIGHUP);
    close(master);
    tell(waited_for(SIGHUP));
}

static void hang_ups(void) {
    char told[2] = "";
    status_of(start(leave_front_job));
    CHECK(read(back.out, told, 1) == 1 && told[0] == SIGHUP, "the end of a leader sends SIGHUP to the group in front");
    CHECK(read(back.out, told, 1) == 1 && told[0] == 'y', "and its master's end takes the terminal away");
    CHECK_EQ(status_of(start(wait_hangup)), 0, "a leader whose master was closed goes on");
    CHECK(read(back.out, told, 1) == 1 && told[0] == SIGHUP, "after SIGHUP");
}

int main(void) {
    begin();
    forth = new_gate();
    back = new_gate();
    above = getpgrp();
    groups();
    in_child(make_session);
    after_exec();
    in_child(controlling);
    in_child(by_opening);
    in_child(keys);
    in_child(background);
    in_child(orphans);
    hang_ups();
    return finish();
}
