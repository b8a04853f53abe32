/* What a guest may call root's or a device in a shared folder must not be one on the host. */
#include "escape.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

static const char *share;
static char path[4096];

static const char *in_share(const char *name) {
    snprintf(path, sizeof path, "%s/%s", share, name);
    return path;
}

static void privileged_files(void) {
    static const unsigned char all[20] = {1, 0, 0, 2, 255, 255, 255, 255}; /* vfs_cap_data of version 2 */
    int fd = open(in_share("program"), O_WRONLY | O_CREAT, 0755);
    printf("tried chmod: %d\n", chmod(path, 06755));
    printf("tried fchmod: %d\n", fchmod(fd, 06777));
    printf("tried chown: %d\n", chown(path, 0, 0));
    printf("tried chmod after chown: %d\n", chmod(path, 06755));
    printf("tried a capability: %d\n", setxattr(path, "security.capability", all, sizeof all, 0));
    close(fd);
    fd = open(in_share("born"), O_WRONLY | O_CREAT, 06755);
    printf("tried creating with setuid: %d\n", fd >= 0);
    printf("tried mkdir: %d\n", mkdir(in_share("folder"), 06777));
    printf("tried chmod of the host's file: %d\n", chmod(in_share("host-file"), 06777));
}

static void special_files(void) {
    printf("tried a block device: %d\n", mknod(in_share("block"), S_IFBLK | 0666, makedev(8, 0)));
    printf("tried a character device: %d\n", mknod(in_share("character"), S_IFCHR | 0666, makedev(1, 1)));
    int fd = open(path, O_RDWR);
    HELD(fd == -1 || pread(fd, path, 1, 0x100000) <= 0, "a device of one's own is not the host's memory");
    printf("tried a FIFO: %d\n", mkfifo(in_share("fifo"), 0666));
    printf("tried a socket: %d\n", mknod(in_share("socket"), S_IFSOCK | 0666, 0));
}

static void attempts(int count, char **arguments) {
    if (count < 2)
        _exit(2);
    share = arguments[1];
    try_alone(privileged_files, "privileges");
    try_alone(special_files, "devices");
}
