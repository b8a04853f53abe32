/* Prints what inotify tells of a folder, until a file `stop` is made in it or it is gone. */
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define WANTED (IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_DELETE_SELF)

int main(int count, char **words) {
    char records[4096] __attribute__((aligned(8)));
    int queue = inotify_init();
    if (count != 2 || inotify_add_watch(queue, words[1], WANTED) < 0)
        return 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        ssize_t size = read(queue, records, sizeof records);
        if (size <= 0)
            return 1;
        for (char *at = records; at < records + size;) {
            struct inotify_event *event = (void *)at;
            const char *name = event->len ? event->name : "";
            if (!strcmp(name, "stop"))
                return 0;
            printf("%x %s\n", event->mask, name);
            if (event->mask & IN_IGNORED)
                return 0;
            at += sizeof *event + event->len;
        }
        fflush(stdout);
    }
}
