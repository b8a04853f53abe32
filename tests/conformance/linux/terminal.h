/* A pseudo-terminal pair, and waiting for what comes out of it: the host hands bytes over at its leisure. */
#ifndef TERMINAL_H
#define TERMINAL_H
#include "process.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

enum { PATIENCE = 3000, SILENCE = 15 };

static int master, terminal;
static char terminal_name[64];

/* Opens a pair without making it the controlling terminal. */
static inline void open_pair(void) {
    master = posix_openpt(O_RDWR | O_NOCTTY);
    NEED(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    NEED(ptsname_r(master, terminal_name, sizeof terminal_name) == 0);
    terminal = open(terminal_name, O_RDWR | O_NOCTTY);
    NEED(terminal >= 0);
}

static inline void close_pair(void) {
    close(terminal);
    close(master);
}

static inline int readable(int fd, int milliseconds) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return poll(&entry, 1, milliseconds) == 1;
}

static inline void type(const char *keys) {
    NEED(write(master, keys, strlen(keys)) == (ssize_t)strlen(keys));
}

/* Whether exactly these bytes come out, in however many pieces. */
static inline int gives(int fd, const char *expected) {
    char found[512];
    size_t size = 0, wanted = strlen(expected);
    while (size < wanted && readable(fd, PATIENCE)) {
        ssize_t more = read(fd, found + size, wanted - size);
        if (more <= 0)
            return 0;
        size += (size_t)more;
    }
    return size == wanted && memcmp(found, expected, wanted) == 0;
}

static inline int is_silent(int fd) {
    return !readable(fd, SILENCE);
}

/* Clears and sets flags of the terminal, at once. */
static inline void change(tcflag_t input, tcflag_t output, tcflag_t local, int on) {
    struct termios settings;
    NEED(tcgetattr(terminal, &settings) == 0);
    settings.c_iflag = on ? settings.c_iflag | input : settings.c_iflag & ~input;
    settings.c_oflag = on ? settings.c_oflag | output : settings.c_oflag & ~output;
    settings.c_lflag = on ? settings.c_lflag | local : settings.c_lflag & ~local;
    NEED(tcsetattr(terminal, TCSANOW, &settings) == 0);
}
#endif
