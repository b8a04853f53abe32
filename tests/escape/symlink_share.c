/* Ways out of a shared folder: the host put links in it, and the guest adds its own. All resolve in the guest's tree,
 * where there is no such secret; what is written through them stays in the machine. */
#include "escape.h"

static const char *share, *secret;
static char path[4096];

static const char *in_share(const char *name) {
    snprintf(path, sizeof path, "%s/%s", share, name);
    return path;
}

/* The guest sees the secret's content nowhere. */
static void look_in(int start, const char *name) {
    char found[64] = "";
    int fd = openat(start, name, O_RDONLY);
    if (fd >= 0 && read(fd, found, sizeof found - 1) > 0)
        HELD(!strstr(found, "secret of the host"), name);
    else
        printf("held %s: errno %d\n", name, errno);
}

static void look(const char *name) {
    look_in(AT_FDCWD, in_share(name));
}

static void write_through(const char *name) {
    int fd = open(in_share(name), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd >= 0 && write(fd, "ESCAPED", 7) == 7)
        printf("tried writing through %s: it went somewhere\n", name);
    printf("tried truncate, chmod, rename: %d, %d, %d\n", truncate(path, 0), chmod(path, 0777), rename(path, "/tmp/x"));
}

static void links_of_the_host(void) {
    static const char *const names[] = {"absolute", "relative", "through-folder/secret", "chain", "folder-link/../secret",
                                        "proc-root", "self-cwd"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        look(names[i]);
        write_through(names[i]);
    }
}

static void link_to(const char *target) {
    unlink(in_share("mine"));
    printf("tried symlink: %d\n", symlink(target, path));
}

static void links_of_the_guest(void) {
    char target[4096];
    look("../secret");
    link_to(secret);
    look("mine");
    write_through("mine");
    snprintf(target, sizeof target, "../../../../../../../../../../..%s", secret);
    link_to(target);
    look("mine");
    write_through("mine");
    link_to("..");
    look("mine/secret");
    write_through("mine/new");
}

static void folder_swapped(void) {
    int fd = open(share, O_RDONLY | O_DIRECTORY);
    mkdir(in_share("swap"), 0755);
    int inner = openat(fd, "swap", O_RDONLY | O_DIRECTORY);
    look_in(inner, "../../secret");
    char moved[4096];
    snprintf(moved, sizeof moved, "/tmp/moved");
    rename(in_share("swap"), moved);
    look_in(inner, "../../secret");
    look_in(inner, "../../../secret");
    HELD(linkat(AT_FDCWD, secret, fd, "linked", 0) == -1, "a hard link to what the guest does not have");
    rmdir(in_share("swap"));
}

static void attempts(int count, char **arguments) {
    if (count < 3)
        _exit(2);
    share = arguments[1];
    secret = arguments[2];
    try_alone(links_of_the_host, "links of the host");
    try_alone(links_of_the_guest, "links of the guest");
    try_alone(folder_swapped, "folders");
}
