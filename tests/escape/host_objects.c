/* FIFOs, sockets and device nodes of the host, in its root and in a shared folder: a guest that opened one would speak
 * to a program of the host. Arguments: folders that hold `fifo`, `socket` and, when root made it, `device`. */
#include "escape.h"

#include <sys/socket.h>
#include <stddef.h>
#include <sys/un.h>

static const char *holder;
static char path[4096];

static const char *in_folder(const char *name) {
    snprintf(path, sizeof path, "%s/%s", holder, name);
    return path;
}

static void fifo(void) {
    REFUSED(open(in_folder("fifo"), O_RDONLY | O_NONBLOCK), "a FIFO for reading");
    REFUSED(open(path, O_WRONLY | O_NONBLOCK), "a FIFO for writing");
    int fd = open(path, O_RDWR | O_NONBLOCK);
    HELD(fd == -1, "a FIFO for both");
    if (fd >= 0 && write(fd, "ESCAPED", 7) != 7)
        _exit(1);
    fd = open(path, O_PATH);
    if (fd < 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    REFUSED(open(path, O_RDWR | O_NONBLOCK), "a FIFO by way of O_PATH");
}

static void unix_socket(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", in_folder("socket"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    REFUSED(connect(fd, (struct sockaddr *)&address, sizeof address), "a stream socket");
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    REFUSED(connect(fd, (struct sockaddr *)&address, sizeof address), "a datagram socket");
    REFUSED(sendto(fd, "ESCAPED", 7, 0, (struct sockaddr *)&address, sizeof address), "a datagram");
    REFUSED(open(in_folder("socket"), O_RDWR), "a socket as a file");
}

static void device(void) {
    REFUSED(open(in_folder("device"), O_RDONLY | O_NONBLOCK), "a device for reading");
    REFUSED(open(path, O_RDWR | O_NONBLOCK), "a device for writing");
}

static void devices_of_the_root(void) {
    static const char *const names[] = {"/dev/mem",  "/dev/kmsg",     "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/kvm",
                                        "/dev/fuse", "/dev/net/tun", "/dev/loop0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        REFUSED(open(names[i], O_RDWR | O_NONBLOCK), names[i]);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static const char *const sockets[] = {"/var/run/docker.sock", "/run/docker.sock", "/run/systemd/journal/stdout",
                                          "/run/udev/control"};
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
        snprintf(address.sun_path, sizeof address.sun_path, "%s", sockets[i]);
        REFUSED(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address), sockets[i]);
    }
}

/* At these names the machine itself listens. It takes no descriptors, which the host's systemd and dbus-daemon do. */
static void own_listeners(void) {
    static const char *const sockets[] = {"/run/dbus/system_bus_socket", "/run/systemd/private"};
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", sockets[i]);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
            static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\n";
            char answer[256] = "";
            size_t got = 0;
            ssize_t more = write(fd, hello, sizeof hello - 1);
            while (more > 0 && got < sizeof answer - 1 && !strstr(answer, "_UNIX_FD") && !strstr(answer, "ERROR"))
                if ((more = read(fd, answer + got, sizeof answer - 1 - got)) > 0)
                    got += (size_t)more;
            HELD(strstr(answer, "ERROR\r\n") != NULL, sockets[i]);
        }
        close(fd);
    }
}

/* The host's test listens at an abstract name too. */
static void abstract_socket(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(holder);
    if (size > sizeof address.sun_path - 1)
        size = sizeof address.sun_path - 1;
    memcpy(address.sun_path + 1, holder, size);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size);
    REFUSED(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, length), "an abstract socket");
}

static void attempts(int count, char **arguments) {
    try_alone(devices_of_the_root, "the root's own");
    try_alone(own_listeners, "the machine's own listeners");
    for (int i = 1; i < count; i++) {
        holder = arguments[i];
        try_alone(fifo, "FIFO");
        try_alone(unix_socket, "socket");
        try_alone(device, "device");
        try_alone(abstract_socket, "abstract socket");
    }
}
