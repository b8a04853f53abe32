/* A terminal by itself: line editing, echo, translation, raw reading, window size, flushing, hang-up. */
#include "terminal.h"

static void pairs(void) {
    int number = -1, locked = 1;
    char name[64];
    struct stat info;
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    NEED(fd >= 0 && ptsname_r(fd, name, sizeof name) == 0);
    CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO, "a locked terminal is not opened");
    CHECK(grantpt(fd) == 0 && unlockpt(fd) == 0, "unlockpt");
    CHECK(ioctl(fd, TIOCGPTLCK, &locked) == 0 && locked == 0, "TIOCGPTLCK tells");
    CHECK(ioctl(fd, TIOCGPTN, &number) == 0 && number >= 0, "TIOCGPTN");
    close(fd);
    open_pair();
    CHECK_EQ(strncmp(terminal_name, "/dev/pts/", 9), 0, "ptsname");
    CHECK(isatty(terminal) && isatty(master), "both ends are terminals");
    CHECK(ttyname_r(terminal, name, sizeof name) == 0 && strcmp(name, terminal_name) == 0, "ttyname");
    CHECK(fstat(terminal, &info) == 0 && S_ISCHR(info.st_mode) && info.st_uid == getuid(), "a device of its opener's");
    CHECK_EQ(info.st_mode & 0700, 0600, "which the opener may use");
    int pipe_ends[2];
    struct termios settings;
    NEED(pipe(pipe_ends) == 0);
    CHECK_ERRNO(isatty(pipe_ends[0]) - 1, ENOTTY, "a pipe is no terminal");
    CHECK_ERRNO(tcgetattr(pipe_ends[0], &settings), ENOTTY, "tcgetattr of a pipe");
    CHECK_ERRNO(tcgetattr(-1, &settings), EBADF, "tcgetattr of no descriptor");
    CHECK_ERRNO(ioctl(terminal, TCGETS, forbidden_page(PROT_READ)), EFAULT, "TCGETS: bad pointer");
    CHECK_ERRNO(tcsetattr(terminal, 17, &settings), EINVAL, "tcsetattr: unknown moment");
    CHECK_ERRNO(ptsname_r(pipe_ends[0], name, sizeof name) ? -1 : 0, ENOTTY, "ptsname of a pipe");
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void defaults(void) {
    struct termios settings;
    CHECK_OK(tcgetattr(terminal, &settings), "tcgetattr");
    CHECK_EQ(settings.c_iflag & (ICRNL | IXON | INLCR | IGNCR | ISTRIP), ICRNL | IXON, "the input flags of a new terminal");
    CHECK_EQ(settings.c_oflag & (OPOST | ONLCR | OCRNL), OPOST | ONLCR, "the output flags");
    CHECK_EQ(settings.c_lflag & (ICANON | ECHO | ECHOE | ECHOK | ISIG | IEXTEN | TOSTOP | NOFLSH),
             ICANON | ECHO | ECHOE | ECHOK | ISIG | IEXTEN, "the local flags");
    CHECK_EQ(settings.c_cflag & CSIZE, CS8, "eight bits");
    CHECK_EQ(cfgetospeed(&settings), B38400, "38400 baud");
    CHECK(settings.c_cc[VINTR] == 3 && settings.c_cc[VQUIT] == 28 && settings.c_cc[VSUSP] == 26, "^C, ^\\ and ^Z");
    CHECK(settings.c_cc[VERASE] == 127 && settings.c_cc[VKILL] == 21 && settings.c_cc[VWERASE] == 23, "DEL, ^U and ^W");
    CHECK(settings.c_cc[VEOF] == 4 && settings.c_cc[VMIN] == 1 && settings.c_cc[VTIME] == 0, "^D");
}

static void old_settings(void) {
    struct termio old;
    struct termios before, after;
    NEED(tcgetattr(terminal, &before) == 0);
    CHECK_OK(ioctl(terminal, TCGETA, &old), "TCGETA");
    CHECK(old.c_iflag == (before.c_iflag & 0xffff) && old.c_lflag == (before.c_lflag & 0xffff), "tells the flags");
    CHECK(memcmp(old.c_cc, before.c_cc, 8) == 0, "and eight characters");
    old.c_lflag &= (unsigned short)~ECHO;
    old.c_cc[VKILL] = 24;
    CHECK_OK(ioctl(terminal, TCSETA, &old), "TCSETA");
    NEED(tcgetattr(terminal, &after) == 0);
    CHECK(after.c_lflag == (before.c_lflag & ~(tcflag_t)ECHO) && after.c_cc[VKILL] == 24, "sets them");
    CHECK(after.c_cc[VWERASE] == 23 && cfgetospeed(&after) == B38400, "and leaves the rest");
    CHECK_OK(ioctl(terminal, TCSETAW, &old), "TCSETAW");
    CHECK_OK(ioctl(terminal, TCSETAF, &old), "TCSETAF");
    CHECK_ERRNO(ioctl(terminal, TCSETA, NULL), EFAULT, "TCSETA: bad pointer");
    int ends[2];
    NEED(pipe(ends) == 0);
    CHECK_ERRNO(ioctl(ends[0], TCSETA, &old), ENOTTY, "TCSETA of a pipe");
    close(ends[0]);
    close(ends[1]);
    NEED(tcsetattr(terminal, TCSANOW, &before) == 0);
}

static void lines(void) {
    char text[16] = "";
    type("abc");
    CHECK(gives(master, "abc"), "what is typed is echoed");
    CHECK(is_silent(terminal), "there is nothing to read before the line ends");
    type("\r");
    CHECK(gives(master, "\r\n"), "the end of line is echoed as CR and NL");
    CHECK(gives(terminal, "abc\n"), "CR ends the line as NL");
    type("one\ntwo\n");
    CHECK(gives(master, "one\r\ntwo\r\n"), "two lines are echoed");
    CHECK_EQ(read(terminal, text, sizeof text), 4, "a read gives one line");
    CHECK_EQ(read(terminal, text, 2), 2, "or a part of it");
    CHECK(gives(terminal, "o\n"), "and the rest next time");
    type("ab\004");
    CHECK(gives(master, "ab"), "^D is not echoed");
    CHECK(gives(terminal, "ab"), "^D gives a line without an end");
    type("\004");
    CHECK(readable(terminal, PATIENCE) && read(terminal, text, sizeof text) == 0, "^D alone gives the end of file");
    type("c\n");
    CHECK(gives(terminal, "c\n") && gives(master, "c\r\n"), "after it reading goes on");
    NEED(fcntl(terminal, F_SETFL, O_NONBLOCK) == 0);
    CHECK_ERRNO(read(terminal, text, sizeof text), EAGAIN, "a read that does not wait");
    NEED(fcntl(terminal, F_SETFL, 0) == 0);
}

static void editing(void) {
    type("abX\177c\n");
    CHECK(gives(terminal, "abc\n"), "DEL takes a character back");
    CHECK(gives(master, "abX\b \bc\r\n"), "the echo wipes it");
    type("\177\177d\n");
    CHECK(gives(terminal, "d\n") && gives(master, "d\r\n"), "DEL stops at the beginning of the line");
    type("wrong\025right\n");
    CHECK(gives(terminal, "right\n"), "^U takes the line back");
    CHECK(gives(master, "wrong\b \b\b \b\b \b\b \b\b \bright\r\n"), "the echo wipes it all");
    type("one two \027three\n");
    CHECK(gives(terminal, "one three\n"), "^W takes a word back");
    CHECK(gives(master, "one two \b \b\b \b\b \b\b \bthree\r\n"), "the echo wipes the word");
    type("a\026\003b\n");
    CHECK(gives(terminal, "a\003b\n"), "^V takes the next character as it is");
    CHECK(gives(master, "a^\b^Cb\r\n"), "the echo shows it as ^C");
    type("x\001\177y\n");
    CHECK(gives(terminal, "xy\n") && gives(master, "x^A\b \b\b \by\r\n"), "a control character is wiped with both its signs");
    type("ab\022c\n");
    CHECK(gives(terminal, "abc\n") && gives(master, "ab^R\r\nabc\r\n"), "^R shows the line again");
    change(IUTF8, 0, 0, 1);
    type("\xc3\xa9\177e\n");
    CHECK(gives(terminal, "e\n") && gives(master, "\xc3\xa9\b \be\r\n"), "IUTF8: DEL takes a whole character");
    change(IUTF8, 0, 0, 0);
}

static void echoing(void) {
    change(0, 0, ECHO, 0);
    type("secret\n");
    CHECK(gives(terminal, "secret\n"), "without ECHO the line is read");
    CHECK(is_silent(master), "and nothing is shown");
    change(0, 0, ECHONL, 1);
    type("secret\n");
    CHECK(gives(terminal, "secret\n") && gives(master, "\r\n"), "ECHONL shows the end of line");
    change(0, 0, ECHONL, 0);
    change(0, 0, ECHO, 1);
}

static void translation(void) {
    change(ICRNL, 0, 0, 0);
    type("a\rb\n");
    CHECK(gives(terminal, "a\rb\n") && gives(master, "a^Mb\r\n"), "without ICRNL CR is itself");
    change(IGNCR, 0, 0, 1);
    type("a\rb\n");
    CHECK(gives(terminal, "ab\n") && gives(master, "ab\r\n"), "IGNCR drops CR");
    change(IGNCR, 0, 0, 0);
    change(ICRNL, 0, 0, 1);
    change(ISTRIP, 0, 0, 1);
    type("\xe1\n");
    CHECK(gives(terminal, "a\n") && gives(master, "a\r\n"), "ISTRIP drops the eighth bit");
    change(ISTRIP, 0, 0, 0);
    CHECK_EQ(write(terminal, "x\ny", 3), 3, "write");
    CHECK(gives(master, "x\r\ny"), "ONLCR writes NL as CR and NL");
    change(0, ONLCR, 0, 0);
    CHECK(write(terminal, "x\ny\n", 4) == 4 && gives(master, "x\ny\n"), "without ONLCR NL is itself");
    change(0, OCRNL, 0, 1);
    CHECK(write(terminal, "x\ry", 3) == 3 && gives(master, "x\ny"), "OCRNL writes CR as NL");
    change(0, OPOST, 0, 0);
    CHECK(write(terminal, "x\ry\n", 4) == 4 && gives(master, "x\ry\n"), "without OPOST nothing is changed");
    change(0, OCRNL, 0, 0);
    change(0, OPOST | ONLCR, 0, 1);
}

static void set_raw(int least, int tenths) {
    struct termios settings;
    NEED(tcgetattr(terminal, &settings) == 0);
    cfmakeraw(&settings);
    settings.c_cc[VMIN] = (cc_t)least;
    settings.c_cc[VTIME] = (cc_t)tenths;
    NEED(tcsetattr(terminal, TCSANOW, &settings) == 0);
}

static void raw(void) {
    struct termios before, after;
    char text[16];
    NEED(tcgetattr(terminal, &before) == 0);
    set_raw(1, 0);
    CHECK(tcgetattr(terminal, &after) == 0 && !(after.c_lflag & (ICANON | ECHO | ISIG)) && !(after.c_oflag & OPOST), "cfmakeraw");
    type("a");
    CHECK(gives(terminal, "a"), "a character is read at once");
    type("\003\032\004\177\r");
    CHECK(gives(terminal, "\003\032\004\177\r"), "no character is special");
    CHECK(is_silent(master), "nothing is echoed");
    set_raw(3, 0);
    type("xyz");
    CHECK_EQ(read(terminal, text, sizeof text), 3, "VMIN 3: a read waits for three");
    type("ab");
    CHECK(is_silent(terminal), "VMIN 3: two are not enough for poll");
    type("c");
    CHECK(gives(terminal, "abc"), "three are");
    set_raw(0, 0);
    CHECK_EQ(read(terminal, text, sizeof text), 0, "VMIN 0, VTIME 0: a read does not wait");
    set_raw(0, 1);
    CHECK_EQ(read(terminal, text, sizeof text), 0, "VTIME 1: a read waits for a tenth of a second");
    type("q");
    CHECK_EQ(read(terminal, text, sizeof text), 1, "or for a character");
    set_raw(5, 1);
    type("rs");
    ssize_t size = read(terminal, text, sizeof text);
    CHECK(size == 1 || size == 2, "VMIN and VTIME: a pause after a character ends the read");
    if (size == 1)
        NEED(read(terminal, text, sizeof text) == 1);
    NEED(tcsetattr(terminal, TCSAFLUSH, &before) == 0);
    CHECK(tcgetattr(terminal, &after) == 0 && after.c_lflag == before.c_lflag && after.c_cc[VMIN] == before.c_cc[VMIN],
          "tcsetattr brings everything back");
}

static void sizes(void) {
    struct winsize size = {0}, other = {.ws_row = 40, .ws_col = 132, .ws_xpixel = 7, .ws_ypixel = 9};
    CHECK(ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_row == 0 && size.ws_col == 0, "a new terminal has no size");
    CHECK_OK(ioctl(master, TIOCSWINSZ, &other), "TIOCSWINSZ at the master");
    CHECK(ioctl(terminal, TIOCGWINSZ, &size) == 0 && memcmp(&size, &other, sizeof size) == 0, "TIOCGWINSZ at the terminal");
    other.ws_row = 24;
    CHECK(ioctl(terminal, TIOCSWINSZ, &other) == 0 && ioctl(master, TIOCGWINSZ, &size) == 0 && size.ws_row == 24,
          "and the other way round");
    CHECK_ERRNO(ioctl(terminal, TIOCGWINSZ, forbidden_page(PROT_READ)), EFAULT, "TIOCGWINSZ: bad pointer");
    CHECK_ERRNO(ioctl(terminal, TIOCSWINSZ, forbidden_page(PROT_NONE)), EFAULT, "TIOCSWINSZ: bad pointer");
    CHECK_ERRNO(ioctl(terminal, 0x54ff, 0), ENOTTY, "an unknown ioctl");
}

static void queues(void) {
    int count = -1;
    type("four\n");
    NEED(readable(terminal, PATIENCE));
    CHECK(ioctl(terminal, FIONREAD, &count) == 0 && count == 5, "FIONREAD at the terminal");
    CHECK_OK(tcflush(terminal, TCIFLUSH), "tcflush of the input");
    CHECK(ioctl(terminal, FIONREAD, &count) == 0 && count == 0, "it is empty");
    CHECK(is_silent(terminal), "there is nothing to read");
    CHECK(gives(master, "four\r\n"), "the echo is still there");
    CHECK_OK(ioctl(terminal, TIOCOUTQ, &count), "TIOCOUTQ");
    CHECK_OK(tcdrain(terminal), "tcdrain");
    CHECK_ERRNO(tcflush(terminal, 17), EINVAL, "tcflush: unknown queue");
    CHECK_ERRNO(tcflow(terminal, 17), EINVAL, "tcflow: unknown action");
    type("\023");
    type("\021x\n");
    CHECK(gives(terminal, "x\n") && gives(master, "x\r\n"), "^S and ^Q are not read");
    CHECK_OK(tcflow(terminal, TCOOFF), "tcflow stops the output");
    NEED(fcntl(terminal, F_SETFL, O_NONBLOCK) == 0);
    CHECK_ERRNO(write(terminal, "y", 1), EAGAIN, "a stopped terminal takes nothing");
    CHECK_OK(tcflow(terminal, TCOON), "tcflow starts it again");
    CHECK(write(terminal, "y", 1) == 1 && gives(master, "y"), "it takes and gives");
    NEED(fcntl(terminal, F_SETFL, 0) == 0);
    CHECK_OK(tcsendbreak(terminal, 0), "tcsendbreak");
}

static void hang_up(void) {
    char text[8];
    struct termios settings;
    struct pollfd entry = {.fd = terminal, .events = POLLIN};
    close(master);
    CHECK_EQ(read(terminal, text, sizeof text), 0, "without a master a read gives the end of file");
    CHECK_ERRNO(write(terminal, "x", 1), EIO, "a write gives EIO");
    CHECK_ERRNO(tcgetattr(terminal, &settings), EIO, "tcgetattr gives EIO");
    CHECK(poll(&entry, 1, 0) == 1 && entry.revents & POLLHUP, "poll gives POLLHUP");
    CHECK_ERRNO(open(terminal_name, O_RDWR | O_NOCTTY) >= 0 ? 0 : -1, ENOENT, "the name is gone");
    close(terminal);
    open_pair();
    NEED(write(terminal, "last", 4) == 4);
    close(terminal);
    CHECK(gives(master, "last"), "what was written before the last close is read");
    entry.fd = master;
    CHECK(poll(&entry, 1, PATIENCE) == 1 && entry.revents & POLLHUP, "poll at a master without a terminal");
    CHECK_ERRNO(read(master, text, sizeof text), EIO, "read at a master without a terminal");
    terminal = open(terminal_name, O_RDWR | O_NOCTTY);
    CHECK(terminal >= 0 && write(terminal, "again", 5) == 5 && gives(master, "again"), "the terminal can be opened again");
    close_pair();
}

int main(void) {
    begin();
    pairs();
    defaults();
    old_settings();
    lines();
    editing();
    echoing();
    translation();
    raw();
    sizes();
    queues();
    hang_up();
    return finish();
}
