/* Takes as much as it can get of one thing: the machine's limit, an error, comes before the host feels it. */
#include "escape.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { MOST = 40000, TOUCHED = 512 << 20, BLOCK = 64 << 10 };

static pid_t children[MOST];

static void result(const char *what, int count, int error) {
    printf("bomb %s: %d, %s\n", what, count, error ? strerrorname_np(error) : "no limit met");
}

static void raise_limit(int resource) {
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit((__rlimit_resource_t)resource, &limit);
    }
}

static void fork_bomb(void) {
    int count = 0, error = 0;
    for (; count < MOST; count++) {
        children[count] = fork();
        if (children[count] == 0)
            for (;;)
                pause();
        if (children[count] == -1) {
            error = errno;
            break;
        }
    }
    result("fork", count, error);
    for (int i = 0; i < count; i++)
        kill(children[i], SIGKILL);
    for (int i = 0; i < count; i++)
        waitpid(children[i], NULL, 0);
}

/* Every process makes two more, until none can; all are in one group, which is killed at the end. */
static void tree_bomb(void) {
    setpgid(0, 0);
    pid_t top = fork();
    if (top == 0)
        for (;;)
            if (fork() == -1)
                nanosleep(&(struct timespec){0, 10000000}, NULL);
    nanosleep(&(struct timespec){2, 0}, NULL);
    printf("bomb tree: killed\n");
    kill(0, SIGKILL);
}

static void *sleep_for_ever(void *argument) {
    for (;;)
        pause();
    return argument;
}

static void thread_bomb(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    int count = 0, error = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16384);
    while (count < MOST && !(error = pthread_create(&thread, &attributes, sleep_for_ever, NULL)))
        count++;
    result("thread", count, error);
}

static int take_descriptors(int (*take)(void), int most) {
    int count = 0;
    while (count < most && take() != -1)
        count++;
    return count;
}

static int open_null(void) {
    return open("/dev/null", O_RDWR);
}

static int duplicate(void) {
    return dup(1);
}

static int make_event(void) {
    return eventfd(0, 0);
}

static int make_epoll(void) {
    return epoll_create1(0);
}

static int make_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int make_memory(void) {
    return memfd_create("bomb", 0);
}

static int make_pipe(void) {
    static const char bytes[BLOCK];
    int ends[2];
    if (pipe2(ends, O_NONBLOCK) == -1)
        return -1;
    while (write(ends[1], bytes, sizeof bytes) > 0)
        ;
    return 0;
}

static int (*chosen)(void);
static const char *chosen_name;

static void descriptor_bomb(void) {
    raise_limit(RLIMIT_NOFILE);
    int count = take_descriptors(chosen, MOST);
    result(chosen_name, count, count < MOST ? errno : 0);
}

static void descriptor_bombs(void) {
    static const struct {
        const char *name;
        int (*take)(void);
    } kinds[] = {{"open", open_null}, {"dup", duplicate},     {"eventfd", make_event}, {"epoll", make_epoll},
                 {"socket", make_socket}, {"memfd", make_memory}, {"pipe", make_pipe}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        chosen = kinds[i].take;
        chosen_name = kinds[i].name;
        pid_t child = fork();
        if (child == 0) {
            descriptor_bomb();
            _exit(0);
        }
        end_of(child, 60);
    }
}

/* Many processes, each with as many descriptors as one may have, until all have them. */
static void machine_of_descriptors(void) {
    int count = 0, done[2];
    char byte;
    if (pipe(done) == -1)
        _exit(1);
    chosen = make_event;
    chosen_name = "descriptors of one of many processes";
    for (; count < 32; count++) {
        children[count] = fork();
        if (children[count] == 0) {
            descriptor_bomb();
            if (write(done[1], "", 1) == 1)
                sleep_for_ever(NULL);
        }
        if (children[count] == -1)
            break;
    }
    close(done[1]);
    for (int i = 0; i < count && read(done[0], &byte, 1) == 1; i++)
        ;
    for (int i = 0; i < count; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
}

static void address_space(void) {
    int count = 0, most = 1 << 12;
    while (count < most &&
           mmap(NULL, 64UL << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
        count++;
    result("times 64 GiB of addresses", count, count < most ? errno : 0);
}

static void mappings(void) {
    int count = 0;
    for (; count < 200000; count++)
        if (mmap(NULL, PAGE, count & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
            break;
    result("mappings", count, count < 200000 ? errno : 0);
}

static void touched(void) {
    char *bytes = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) {
        result("MiB touched", 0, errno);
        return;
    }
    for (long i = 0; i < TOUCHED; i += PAGE)
        bytes[i] = 1;
    result("MiB touched", TOUCHED >> 20, 0);
}

static void shared_memory(void) {
    static const char bytes[1 << 20];
    int fd = memfd_create("bomb", 0), count = 0;
    while (count < 512 && write(fd, bytes, sizeof bytes) == sizeof bytes)
        count++;
    result("MiB of a memory file", count, count < 512 ? errno : 0);
    int length = ftruncate(fd, INT64_MAX);
    printf("tried a memory file of 2^63 bytes: %d, errno %d\n", length, errno);
}

static void arguments_of_exec(void) {
    static char text[100000], *list[1000];
    memset(text, 'a', sizeof text - 1);
    for (int i = 0; i < 999; i++)
        list[i] = text;
    REFUSED(execv("/bin/true", list), "100 MB of arguments");
}

static void memory_bombs(void) {
    try_alone(address_space, "addresses");
    pid_t child = fork();
    if (child == 0) {
        mappings();
        _exit(0);
    }
    printf("tried mappings: %s\n", ending(end_of(child, 20)));
    try_alone(touched, "touched memory");
    try_alone(shared_memory, "shared memory");
    try_alone(arguments_of_exec, "arguments");
}

static void attempts(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*run)(void);
    } bombs[] = {{"fork", fork_bomb},     {"tree", tree_bomb},     {"thread", thread_bomb}, {"descriptor", descriptor_bombs},
                 {"machine", machine_of_descriptors}, {"memory", memory_bombs}};
    for (size_t i = 0; count > 1 && i < sizeof bombs / sizeof *bombs; i++)
        if (strcmp(arguments[1], bombs[i].name) == 0)
            bombs[i].run();
}
