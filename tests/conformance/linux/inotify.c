/* inotify: one event for every change that was asked for, in order, and none for the others. */
#include "helpers.h"

#include <poll.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

static int watcher;
static char queue[4096];
static long queued, taken;

/* The next event, or one without a mask when there is none. */
static struct inotify_event *next(void) {
    static struct inotify_event nothing;
    if (taken == queued) {
        taken = 0;
        queued = read(watcher, queue, sizeof queue);
        if (queued < 0)
            queued = 0;
        if (queued == 0)
            return &nothing;
    }
    struct inotify_event *event = (void *)(queue + taken);
    taken += (long)(sizeof *event + event->len);
    return event;
}

static int came(int watch, uint32_t mask, const char *name) {
    struct inotify_event *event = next();
    const char *given = event->len ? event->name : "";
    return event->wd == watch && event->mask == mask && strcmp(given, name) == 0;
}

static int nothing_came(void) {
    return next()->mask == 0;
}

static void setting_up(void) {
    watcher = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    CHECK(watcher >= 0 && fcntl(watcher, F_GETFD) == FD_CLOEXEC, "inotify_init1");
    CHECK_ERRNO(inotify_init1(1), EINVAL, "inotify_init1 unknown flag");
    CHECK_ERRNO(read(watcher, queue, sizeof queue), EAGAIN, "no event yet");
    NEED(mkdir("folder", 0755) == 0);
    make_file("file", "");
    CHECK_ERRNO(inotify_add_watch(watcher, "missing", IN_CREATE), ENOENT, "watch of nothing");
    CHECK_ERRNO(inotify_add_watch(watcher, "file", 0), EINVAL, "watch for nothing");
    CHECK_ERRNO(inotify_add_watch(watcher, "file", IN_ONLYDIR | IN_CREATE), ENOTDIR, "IN_ONLYDIR on a file");
    CHECK_ERRNO(inotify_add_watch(watcher, forbidden_page(PROT_NONE), IN_CREATE), EFAULT,
                "watch with a bad pointer");
    CHECK_ERRNO(inotify_add_watch(-1, "file", IN_CREATE), EBADF, "watch on no descriptor");
    int fd = open("file", O_RDONLY);
    CHECK_ERRNO(inotify_add_watch(fd, "file", IN_CREATE), EINVAL, "watch on a file");
    close(fd);
    CHECK_ERRNO(inotify_rm_watch(watcher, 99), EINVAL, "removing a watch that is not there");
}

static void in_a_folder(void) {
    int watch = inotify_add_watch(watcher, "folder", IN_ALL_EVENTS);
    CHECK(watch >= 1, "inotify_add_watch");
    int fd = open("folder/new", O_RDWR | O_CREAT, 0644);
    CHECK(came(watch, IN_CREATE, "new") && came(watch, IN_OPEN, "new"), "a new file: IN_CREATE, IN_OPEN");
    NEED(write(fd, "text", 4) == 4);
    CHECK(came(watch, IN_MODIFY, "new"), "a write: IN_MODIFY");
    char buffer[8];
    NEED(pread(fd, buffer, 8, 0) == 4);
    CHECK(came(watch, IN_ACCESS, "new"), "a read: IN_ACCESS");
    NEED(fchmod(fd, 0600) == 0);
    CHECK(came(watch, IN_ATTRIB, "new"), "chmod: IN_ATTRIB");
    NEED(ftruncate(fd, 1) == 0);
    CHECK(came(watch, IN_MODIFY, "new"), "ftruncate: IN_MODIFY");
    close(fd);
    CHECK(came(watch, IN_CLOSE_WRITE, "new"), "close after writing: IN_CLOSE_WRITE");
    close(open("folder/new", O_RDONLY));
    CHECK(came(watch, IN_OPEN, "new") && came(watch, IN_CLOSE_NOWRITE, "new"),
          "close after reading: IN_CLOSE_NOWRITE");
    NEED(mkdir("folder/inner", 0755) == 0);
    CHECK(came(watch, IN_CREATE | IN_ISDIR, "inner"), "mkdir: IN_CREATE and IN_ISDIR");
    NEED(rmdir("folder/inner") == 0);
    CHECK(came(watch, IN_DELETE | IN_ISDIR, "inner"), "rmdir: IN_DELETE and IN_ISDIR");
    NEED(symlink("x", "folder/link") == 0 && link("folder/new", "folder/second") == 0);
    CHECK(came(watch, IN_CREATE, "link"), "symlink: IN_CREATE");
    CHECK(came(watch, IN_CREATE, "second"), "link: IN_CREATE");
    NEED(unlink("folder/link") == 0);
    CHECK(came(watch, IN_DELETE, "link"), "unlink: IN_DELETE");
    CHECK(nothing_came(), "and nothing else");
    CHECK_EQ(inotify_rm_watch(watcher, watch), 0, "inotify_rm_watch");
    CHECK(came(watch, IN_IGNORED, ""), "a removed watch: IN_IGNORED");
    NEED(unlink("folder/second") == 0);
    CHECK(nothing_came(), "nothing after the watch is removed");
}

static void moving(void) {
    NEED(mkdir("other", 0755) == 0);
    int watch = inotify_add_watch(watcher, "folder", IN_MOVE | IN_MOVE_SELF);
    int other = inotify_add_watch(watcher, "other", IN_MOVE);
    CHECK(watch >= 1 && other > watch, "watches are numbered upwards");
    NEED(rename("folder/new", "folder/newer") == 0);
    struct inotify_event *from = next();
    uint32_t cookie = from->cookie;
    CHECK(from->wd == watch && from->mask == IN_MOVED_FROM && strcmp(from->name, "new") == 0,
          "rename: IN_MOVED_FROM");
    struct inotify_event *to = next();
    CHECK(to->wd == watch && to->mask == IN_MOVED_TO && strcmp(to->name, "newer") == 0,
          "rename: IN_MOVED_TO");
    CHECK(cookie != 0 && to->cookie == cookie, "both have the same cookie");
    NEED(rename("folder/newer", "other/newer") == 0);
    from = next();
    CHECK(from->wd == watch && from->mask == IN_MOVED_FROM && from->cookie != cookie,
          "another rename has another cookie");
    cookie = from->cookie;
    to = next();
    CHECK(to->wd == other && to->mask == IN_MOVED_TO && to->cookie == cookie, "a rename between two watches");
    NEED(rename("other/newer", "outside") == 0);
    CHECK(came(other, IN_MOVED_FROM, "newer"), "a rename out of sight");
    NEED(rename("folder", "moved") == 0);
    CHECK(came(watch, IN_MOVE_SELF, ""), "the folder itself: IN_MOVE_SELF");
    NEED(rename("moved", "folder") == 0);
    CHECK(came(watch, IN_MOVE_SELF, "") && nothing_came(), "the watch follows the folder");
    NEED(inotify_rm_watch(watcher, watch) == 0 && inotify_rm_watch(watcher, other) == 0);
    CHECK(came(watch, IN_IGNORED, "") && came(other, IN_IGNORED, ""), "both watches are removed");
}

static void on_a_file(void) {
    int watch = inotify_add_watch(watcher, "file", IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF);
    CHECK_EQ(inotify_add_watch(watcher, "./file", IN_MODIFY | IN_DELETE_SELF), watch,
             "the same file is the same watch");
    NEED(chmod("file", 0600) == 0);
    CHECK(nothing_came(), "the new mask replaced the old one");
    CHECK_EQ(inotify_add_watch(watcher, "file", IN_ATTRIB | IN_MASK_ADD), watch, "IN_MASK_ADD");
    CHECK_ERRNO(inotify_add_watch(watcher, "file", IN_ATTRIB | IN_MASK_CREATE), EEXIST,
                "IN_MASK_CREATE of what is there");
    make_file("file", "text");
    CHECK(came(watch, IN_MODIFY, ""), "O_TRUNC or write: IN_MODIFY without a name");
    while (next()->mask)
        ;
    NEED(chmod("file", 0644) == 0);
    CHECK(came(watch, IN_ATTRIB, ""), "IN_MASK_ADD added to the mask");
    int fd = open("file", O_RDONLY);
    NEED(unlink("file") == 0);
    CHECK(came(watch, IN_ATTRIB, "") && nothing_came(), "unlink of an open file: IN_ATTRIB");
    close(fd);
    CHECK(came(watch, IN_DELETE_SELF, ""), "when it is closed: IN_DELETE_SELF");
    CHECK(came(watch, IN_IGNORED, ""), "and the watch is gone");
    watch = inotify_add_watch(watcher, "outside", IN_MODIFY | IN_ONESHOT);
    make_file("outside", "1");
    CHECK(came(watch, IN_MODIFY, "") && came(watch, IN_IGNORED, "") && nothing_came(), "IN_ONESHOT");
    watch = inotify_add_watch(watcher, "other", IN_DELETE_SELF);
    NEED(rmdir("other") == 0);
    CHECK(came(watch, IN_DELETE_SELF, "") && came(watch, IN_IGNORED, ""), "rmdir of the watched folder");
}

static void queueing(void) {
    int watch = inotify_add_watch(watcher, "folder", IN_CREATE | IN_DELETE | IN_MODIFY), waiting;
    struct pollfd one = {watcher, POLLIN, 0};
    CHECK_EQ(poll(&one, 1, 0), 0, "poll without events");
    int fd = open("folder/a", O_WRONLY | O_CREAT, 0644);
    CHECK(poll(&one, 1, 0) == 1 && one.revents == POLLIN, "poll with events");
    CHECK(ioctl(watcher, FIONREAD, &waiting) == 0 && waiting == sizeof(struct inotify_event) + 16,
          "FIONREAD");
    CHECK_ERRNO(read(watcher, queue, sizeof(struct inotify_event)), EINVAL, "read into too little room");
    NEED(write(fd, "1", 1) == 1 && write(fd, "2", 1) == 1 && write(fd, "3", 1) == 1 &&
         unlink("folder/a") == 0);
    CHECK(came(watch, IN_CREATE, "a") && came(watch, IN_MODIFY, "a"), "events wait in order");
    CHECK(came(watch, IN_DELETE, "a"), "equal events in a row are one");
    close(fd);
    pid_t child = fork();
    if (child == 0) {
        usleep(20000);
        _exit(mkdir("folder/b", 0755) != 0);
    }
    CHECK_EQ(poll(&one, 1, 10000), 1, "poll wakes for another process's change");
    CHECK(came(watch, IN_CREATE | IN_ISDIR, "b"), "the other process's change");
    NEED(waitpid(child, NULL, 0) == child && close(watcher) == 0);
}

/* Whether the watcher's fdinfo has a line that begins so and has this mask. */
static int described(int watch, uint32_t mask) {
    char path[64], line[256], head[32], tail[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", watcher);
    snprintf(head, sizeof head, "inotify wd:%x ino:", (unsigned)watch);
    snprintf(tail, sizeof tail, " mask:%x ignored_mask:0 ", mask);
    FILE *file = fopen(path, "r");
    int found = 0;
    while (file && fgets(line, sizeof line, file))
        found |= strncmp(line, head, strlen(head)) == 0 && strstr(line, tail) != NULL;
    return file && fclose(file) == 0 && found;
}

static void order(void) {
    watcher = inotify_init1(IN_NONBLOCK);
    NEED(watcher >= 0 && mkdir("other", 0755) == 0);
    make_file("other/one", "1");
    int above = inotify_add_watch(watcher, "other", IN_ALL_EVENTS);
    int watch = inotify_add_watch(watcher, "other/one", IN_ALL_EVENTS);
    CHECK(described(above, IN_ALL_EVENTS) && described(watch, IN_ALL_EVENTS), "fdinfo lists the watches");
    int fd = open("other/one", O_RDWR | O_TRUNC);
    CHECK(came(above, IN_OPEN, "one") && came(watch, IN_OPEN, ""), "the folder is told first");
    CHECK(came(above, IN_MODIFY, "one") && came(watch, IN_MODIFY, ""), "opened, then emptied");
    char byte;
    NEED(read(fd, &byte, 1) == 0);
    CHECK(nothing_came(), "a read of nothing is none");
    NEED(unlink("other/one") == 0);
    CHECK(came(watch, IN_ATTRIB, "") && came(above, IN_DELETE, "one"), "an open file loses a link with its name");
    NEED(write(fd, "2", 1) == 1);
    CHECK(came(above, IN_MODIFY, "one") && came(watch, IN_MODIFY, ""), "and goes on, for its folder too");
    NEED(close(fd) == 0);
    CHECK(came(above, IN_CLOSE_WRITE, "one") && came(watch, IN_CLOSE_WRITE, ""), "until it is closed");
    CHECK(came(watch, IN_DELETE_SELF, "") && came(watch, IN_IGNORED, "") && nothing_came(), "and then it is deleted");
    CHECK(!described(watch, IN_ALL_EVENTS), "and watched no longer");
    make_file("other/two", "");
    make_file("other/three", "");
    NEED(inotify_rm_watch(watcher, above) == 0);
    while (!nothing_came())
        ;
    above = inotify_add_watch(watcher, "other", IN_ALL_EVENTS | IN_EXCL_UNLINK);
    CHECK(described(above, IN_ALL_EVENTS | IN_EXCL_UNLINK), "fdinfo tells IN_EXCL_UNLINK");
    watch = inotify_add_watch(watcher, "other/three", IN_ALL_EVENTS);
    NEED(rename("other/two", "other/three") == 0);
    CHECK(came(above, IN_MOVED_FROM, "two") && came(above, IN_MOVED_TO, "three"), "a move over a name");
    CHECK(came(watch, IN_ATTRIB, "") && came(watch, IN_DELETE_SELF, ""), "whose file is gone behind it");
    CHECK(came(watch, IN_IGNORED, "") && nothing_came(), "as it is not open");
    fd = open("other/three", O_WRONLY);
    NEED(unlink("other/three") == 0 && close(fd) == 0);
    CHECK(came(above, IN_OPEN, "three") && came(above, IN_DELETE, "three") && nothing_came(),
          "IN_EXCL_UNLINK: what is unlinked is the folder's no longer");
}

static void folders_and_exchanges(void) {
    NEED(mkdir("other/a", 0755) == 0);
    int watch = inotify_add_watch(watcher, "other/a", IN_ALL_EVENTS), fd = open("other/a", O_RDONLY);
    while (!nothing_came())
        ;
    NEED(rmdir("other/a") == 0);
    while (!nothing_came())
        ;
    NEED(close(fd) == 0);
    struct inotify_event *event = next();
    while (event->wd != watch && event->mask)
        event = next();
    CHECK_EQ(event->mask, IN_CLOSE_NOWRITE | IN_ISDIR, "a folder goes on while it is open");
    CHECK(came(watch, IN_DELETE_SELF, "") && came(watch, IN_IGNORED, ""), "and is deleted with its last close");
    make_file("other/x", "");
    NEED(mkdir("other/y", 0755) == 0);
    watch = inotify_add_watch(watcher, "other/x", IN_MOVE_SELF);
    while (!nothing_came())
        ;
    NEED(syscall(SYS_renameat2, AT_FDCWD, "other/x", AT_FDCWD, "other/y", 2) == 0);
    event = next();
    CHECK(event->mask == IN_MOVED_FROM && event->cookie && strcmp(event->name, "x") == 0, "RENAME_EXCHANGE: one leaves");
    uint32_t cookie = event->cookie;
    event = next();
    CHECK(event->mask == IN_MOVED_TO && event->cookie == cookie && strcmp(event->name, "y") == 0, "for the other's name");
    CHECK(came(watch, IN_MOVE_SELF, ""), "and has moved");
    event = next();
    CHECK(event->mask == (IN_MOVED_FROM | IN_ISDIR) && event->cookie != cookie && strcmp(event->name, "y") == 0, "the other leaves");
    event = next();
    CHECK(event->mask == (IN_MOVED_TO | IN_ISDIR) && strcmp(event->name, "x") == 0, "for the name of the first");
}

int main(void) {
    begin();
    setting_up();
    in_a_folder();
    moving();
    on_a_file();
    queueing();
    order();
    folders_and_exchanges();
    return finish();
}
