/* execve and its kin: what the new program is given, what of the old one stays, and what cannot be run.
 * The program runs itself again with an argument that says what to look at. */
#include "process.h"

#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>

enum { LONGEST = 131072 }; /* of one string, with its zero */

static char self[4096];
extern char **environ;

static void on_signal(int number) {
    (void)number;
}

/* Whether the strings are exactly these. */
static int are(char **strings, const char *const *expected) {
    for (; *strings && *expected; strings++, expected++)
        if (strcmp(*strings, *expected) != 0)
            return 0;
    return !*strings && !*expected;
}

/* The modes: each is what main does when the first argument is its name. */

static void mode_strings(int count, char **arguments) {
    static const char *const expected[] = {"any name", "strings", "two words", "", "\xff\n*", NULL};
    static const char *const environment[] = {"A=1", "EMPTY=", "no equals sign", "A=2", NULL};
    CHECK_EQ(count, 5, "the number of arguments");
    CHECK(are(arguments, expected), "the arguments are passed byte for byte");
    CHECK(are(environ, environment), "the environment is passed byte for byte");
    CHECK_EQ(strcmp((char *)getauxval(AT_EXECFN), "./self"), 0, "AT_EXECFN is the name that was run");
    CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_SECURE) == 0, "AT_PAGESZ and AT_SECURE");
    CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid(), "AT_UID and AT_EGID");
    CHECK(getauxval(AT_RANDOM) && getauxval(AT_PHDR) && getauxval(AT_PHENT) == sizeof(Elf64_Phdr), "AT_RANDOM, AT_PHDR");
}

static void mode_name(int count, char **arguments) {
    char name[17] = "", path[4096] = "";
    (void)count;
    NEED(prctl(PR_GET_NAME, name) == 0 && readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    CHECK_EQ(strcmp(name, "a-name-that-is-"), 0, "the process takes the file's name, 15 bytes of it");
    CHECK_EQ(strcmp(path, arguments[2]), 0, "/proc/self/exe is the file without links");
}

static void mode_kept(int count, char **arguments) {
    struct sigaction action;
    struct rlimit limit;
    stack_t stack;
    int fd = atoi(arguments[2]), number;
    (void)count;
    CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL, "a handler becomes the default");
    CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_IGN, "an ignored signal stays ignored");
    CHECK(is_blocked(SIGHUP) && is_pending(SIGHUP), "the mask and a pending signal stay");
    CHECK(sigaltstack(NULL, &stack) == 0 && stack.ss_flags == SS_DISABLE, "the alternate stack is gone");
    CHECK(alarm(0) > 90, "the alarm runs on");
    CHECK(getpid() == atoi(arguments[4]) && getppid() == atoi(arguments[5]), "process and parent are the same");
    CHECK(umask(022) == 027 && access("inner", F_OK) == 0, "umask and current folder stay");
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0, "limits stay");
    CHECK(prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGKILL, "the parent-death signal stays");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3, "a descriptor keeps its position");
    CHECK_ERRNO(fcntl(atoi(arguments[3]), F_GETFD), EBADF, "a close-on-exec descriptor is closed");
    CHECK_EQ(getpgrp(), getpid(), "the process group stays");
    CHECK_ERRNO(msync((void *)strtoul(arguments[6], NULL, 16), 4096, MS_ASYNC), ENOMEM, "the old memory is gone");
}

static void mode_script(int count, char **arguments) {
    CHECK(count == 5 && strcmp(arguments[0], "./self") == 0, "a script's interpreter is its first line's");
    CHECK_EQ(strcmp(arguments[1], "script with words"), 0, "all the rest of that line is one argument");
    CHECK_EQ(strcmp(arguments[2], "./script"), 0, "then the script's name");
    CHECK(strcmp(arguments[3], "x y") == 0 && strcmp(arguments[4], "z") == 0, "then the arguments");
    CHECK_EQ(strcmp((char *)getauxval(AT_EXECFN), "./script"), 0, "AT_EXECFN is the script");
}

static void mode_thread(int count, char **arguments) {
    (void)count;
    CHECK_EQ(getpid(), atoi(arguments[2]), "exec in a thread keeps the process's id");
    CHECK_EQ(gettid(), getpid(), "the thread becomes the first one");
}

static void mode_size(int count, char **arguments) {
    CHECK(count == 3 && strlen(arguments[2]) == LONGEST - 1, "the longest argument arrives");
}

static void mode_empty(int count, char **arguments) {
    CHECK(count == 1 && arguments[0][0] == 0 && !arguments[1], "a program has a name, if an empty one");
}

static void mode_exit(int count, char **arguments) {
    exit(count > 2 ? atoi(arguments[2]) : 0);
}

static const struct {
    const char *name;
    void (*run)(int, char **);
} modes[] = {{"strings", mode_strings}, {"name", mode_name}, {"kept", mode_kept}, {"script with words", mode_script},
             {"thread", mode_thread},   {"size", mode_size}, {"exit", mode_exit}};

/* Each of the following runs in a child, and becomes another program. */

static void run_strings(void) {
    char *arguments[] = {"any name", "strings", "two words", "", "\xff\n*", NULL};
    char *environment[] = {"A=1", "EMPTY=", "no equals sign", "A=2", NULL};
    execve("./self", arguments, environment);
    _exit(127);
}

static void run_long_name(void) {
    NEED(symlink(self, "a-name-that-is-too-long") == 0);
    execl("./a-name-that-is-too-long", "other", "name", self, (char *)NULL);
    _exit(127);
}

static void run_kept(void) {
    static char memory[1 << 16];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    struct rlimit limit = {0, 0};
    char strings[5][32];
    void *page = forbidden_page(PROT_READ);
    int kept = open("text", O_RDONLY), closed = open("text", O_RDONLY | O_CLOEXEC);
    handle(SIGUSR1, on_signal, 0);
    handle(SIGUSR2, SIG_IGN, 0);
    block(SIGHUP);
    NEED(raise(SIGHUP) == 0 && sigaltstack(&stack, NULL) == 0 && setrlimit(RLIMIT_CORE, &limit) == 0);
    NEED(setpgid(0, 0) == 0 && chdir("deeper") == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    NEED(lseek(kept, 3, SEEK_SET) == 3);
    umask(027);
    alarm(100);
    snprintf(strings[0], 32, "%d", kept);
    snprintf(strings[1], 32, "%d", closed);
    snprintf(strings[2], 32, "%d", getpid());
    snprintf(strings[3], 32, "%d", getppid());
    snprintf(strings[4], 32, "%lx", (unsigned long)page);
    execl("../self", "kept", "kept", strings[0], strings[1], strings[2], strings[3], strings[4], (char *)NULL);
    _exit(127);
}

static void run_script(void) {
    execl("./script", "lost", "x y", "z", (char *)NULL);
    _exit(127);
}

static void *exec_in_thread(void *process) {
    execl("./self", "thread", "thread", process, (char *)NULL);
    _exit(127);
}

static void *sleep_for_ever(void *argument) {
    for (;;)
        pause();
    return argument;
}

static void run_in_thread(void) {
    char process[16];
    pthread_t threads[3];
    snprintf(process, sizeof process, "%d", getpid());
    NEED(pthread_create(&threads[0], NULL, sleep_for_ever, NULL) == 0);
    NEED(pthread_create(&threads[1], NULL, sleep_for_ever, NULL) == 0);
    NEED(pthread_create(&threads[2], NULL, exec_in_thread, process) == 0);
    sleep_for_ever(NULL);
}

static char longest[LONGEST + 1];

static void run_longest(void) {
    longest[LONGEST - 1] = 0;
    execl("./self", "size", "size", longest, (char *)NULL);
    _exit(127);
}

static void run_without_arguments(void) {
    char *none[] = {NULL};
    execve("./self", none, none);
    _exit(127);
}

static void what_is_given(void) {
    in_child(run_strings);
    in_child(run_long_name);
    NEED(mkdir("deeper", 0755) == 0);
    make_file("deeper/inner", "");
    make_file("text", "0123456789");
    in_child(run_kept);
    in_child(run_in_thread);
    in_child(run_longest);
    in_child(run_without_arguments);
}

static int run(const char *path) {
    return execl(path, path, "exit", "3", (char *)NULL);
}

static int run_flags(int folder_or_file, const char *path, int flags) {
    char *arguments[] = {"name", "exit", "21", NULL};
    return (int)syscall(SYS_execveat, folder_or_file, path, arguments, environ, flags);
}

static void make_program(const char *path, const void *bytes, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    NEED(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && close(fd) == 0);
}

static void make_script(const char *path, const char *text) {
    make_program(path, text, strlen(text));
}

static pid_t started(const char *path) {
    pid_t child = fork();
    if (child == 0)
        _exit(run(path) ? 127 : 0);
    return child;
}

/* A first line ends at its newline, names end at blanks and zeros, and nothing else is a blank. */
static void first_lines(void) {
    static const char zero[] = "#!./self exit\0more\n";
    char line[300] = "#!./self exit";
    make_script("return", "#!./self\r\n");
    CHECK_ERRNO(run("./return"), ENOENT, "a carriage return is part of the interpreter's name");
    make_script("return-alone", "#!\r\n");
    CHECK_ERRNO(run("./return-alone"), ENOENT, "also when it is all of it");
    make_script("form-feed", "#!./self\fexit\n");
    CHECK_ERRNO(run("./form-feed"), ENOENT, "and so is a form feed");
    make_program("zero", zero, sizeof zero - 1);
    CHECK(exited_with(status_of(started("./zero")), 0), "a zero ends the line");
    memset(line + strlen(line), ' ', sizeof line - strlen(line));
    make_program("long", line, sizeof line);
    CHECK(exited_with(status_of(started("./long")), 0), "a line that is longer than what is looked at");
    memset(line + 2, 'a', sizeof line - 2);
    make_program("long-name", line, sizeof line);
    CHECK_ERRNO(run("./long-name"), ENOEXEC, "an interpreter's name that is longer");
}

static void scripts(void) {
    char name[16], line[64];
    make_script("script", "#! ./self script with words \t\nexit 1\n");
    in_child(run_script);
    make_script("no-newline", "#!./self exit");
    pid_t child = fork();
    if (child == 0)
        _exit(run("./no-newline"));
    CHECK(exited_with(status_of(child), 0), "a first line without an end");
    make_script("empty", "");
    CHECK_ERRNO(run("./empty"), ENOEXEC, "an empty file");
    make_script("text-only", "exit 0\n");
    CHECK_ERRNO(run("./text-only"), ENOEXEC, "text without #!");
    make_script("no-interpreter", "#!\n");
    CHECK_ERRNO(run("./no-interpreter"), ENOEXEC, "#! and nothing");
    make_script("blank-interpreter", "#!   \t \n");
    CHECK_ERRNO(run("./blank-interpreter"), ENOEXEC, "#! and blanks");
    make_script("missing-interpreter", "#!/no/such/program\n");
    CHECK_ERRNO(run("./missing-interpreter"), ENOENT, "a missing interpreter");
    make_script("folder-interpreter", "#!/\n");
    CHECK_ERRNO(run("./folder-interpreter"), EACCES, "a folder as interpreter");
    make_script("level0", "#!./self exit\n");
    for (int i = 1; i <= 6; i++) {
        snprintf(name, sizeof name, "level%d", i);
        snprintf(line, sizeof line, "#!./level%d\n", i - 1);
        make_script(name, line);
    }
    child = fork();
    if (child == 0)
        _exit(run("./level4") ? 127 : 0);
    CHECK(exited_with(status_of(child), 0), "a script that scripts interpret, five deep");
    CHECK_ERRNO(run("./level6"), ELOOP, "seven deep");
    make_script("own", "#!./own\n");
    CHECK_ERRNO(run("./own"), ELOOP, "a script that interprets itself");
}

static void refused_paths(void) {
    make_file("plain", "#!/bin/sh\n");
    NEED(symlink("loop", "loop") == 0);
    CHECK_ERRNO(run("./missing"), ENOENT, "a missing program");
    CHECK_ERRNO(run(""), ENOENT, "an empty path");
    CHECK_ERRNO(run("./plain"), EACCES, "a file without x, for root too");
    CHECK_ERRNO(run("./deeper"), EACCES, "a folder");
    CHECK_ERRNO(run("./plain/x"), ENOTDIR, "a file as a folder");
    CHECK_ERRNO(run("./loop"), ELOOP, "a loop of links");
    CHECK_ERRNO(run("/dev/null"), EACCES, "a device");
    memset(longest, 'n', LONGEST);
    CHECK_ERRNO(run(longest), ENAMETOOLONG, "a path that is too long");
    CHECK_ERRNO(run(forbidden_page(PROT_NONE)), EFAULT, "a bad path pointer");
    CHECK_ERRNO(syscall(SYS_execve, "./self", forbidden_page(PROT_NONE), NULL), EFAULT, "a bad list of arguments");
    char *wild[] = {"name", forbidden_page(PROT_NONE), NULL};
    CHECK_ERRNO(execv("./self", wild), EFAULT, "a bad argument pointer");
    int closed = open("plain", O_RDONLY | O_CLOEXEC);
    handle(SIGUSR1, on_signal, 0);
    struct sigaction action;
    CHECK_ERRNO(run("./missing"), ENOENT, "a last failure");
    CHECK(fcntl(closed, F_GETFD) == FD_CLOEXEC && sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == on_signal,
          "a failed exec changes nothing");
    close(closed);
}

static void refused_sizes(void) {
    struct rlimit limit;
    static char *many[64];
    NEED(getrlimit(RLIMIT_STACK, &limit) == 0);
    limit.rlim_cur = 4 << 20;
    NEED(setrlimit(RLIMIT_STACK, &limit) == 0);
    memset(longest, 'a', LONGEST);
    char *one[] = {"self", "exit", longest, NULL};
    CHECK_ERRNO(execv("./self", one), E2BIG, "an argument of 128 KiB");
    CHECK_ERRNO(execve("./self", many, one), E2BIG, "a variable of 128 KiB");
    longest[LONGEST - 1] = 0;
    for (int i = 0; i < 9; i++)
        many[i] = longest;
    CHECK_ERRNO(execv("./self", many), E2BIG, "more than a quarter of the stack's limit");
}

static void refused_formats(void) {
    unsigned char header[4096];
    int fd = open(self, O_RDONLY);
    NEED(fd >= 0 && read(fd, header, sizeof header) == sizeof header);
    close(fd);
    Elf64_Ehdr *elf = (Elf64_Ehdr *)header;
    make_program("cut", header, sizeof *elf);
    CHECK_ERRNO(run("./cut"), ENOEXEC, "an ELF file of its header alone");
    make_program("magic", header, 16);
    CHECK_ERRNO(run("./magic"), ENOEXEC, "an ELF file of its magic alone");
    elf->e_machine = 0xfff0;
    make_program("foreign", header, sizeof header);
    CHECK_ERRNO(run("./foreign"), ENOEXEC, "an ELF file for no known machine");
    elf->e_machine = EM_X86_64;
    elf->e_type = ET_REL;
    make_program("object", header, sizeof header);
    CHECK_ERRNO(run("./object"), ENOEXEC, "an object file");
    elf->e_type = ET_EXEC;
    elf->e_phentsize = 1;
    make_program("odd", header, sizeof header);
    CHECK_ERRNO(run("./odd"), ENOEXEC, "program headers of a wrong size");
    make_program("zeros", memset(header, 0, sizeof header), sizeof header);
    CHECK_ERRNO(run("./zeros"), ENOEXEC, "a file of zeros");
}

static void by_descriptor(void) {
    int here = open(".", O_RDONLY | O_DIRECTORY), file = open("self", O_PATH), marked = open("script", O_RDONLY | O_CLOEXEC);
    CHECK_ERRNO(run_flags(here, "self", AT_SYMLINK_NOFOLLOW), ELOOP, "execveat: AT_SYMLINK_NOFOLLOW on a link");
    CHECK_ERRNO(run_flags(here, "self", 0x4), EINVAL, "execveat: unknown flag");
    CHECK_ERRNO(run_flags(-1, "self", 0), EBADF, "execveat: bad descriptor");
    CHECK_ERRNO(run_flags(file, "self", 0), ENOTDIR, "execveat: a file as a folder");
    CHECK_ERRNO(run_flags(file, "", 0), ENOENT, "execveat: an empty path");
    CHECK_ERRNO(run_flags(here, "", AT_EMPTY_PATH), EACCES, "execveat: a folder itself");
    CHECK_ERRNO(run_flags(marked, "", AT_EMPTY_PATH), ENOENT, "execveat: a script whose descriptor is closed");
    pid_t child = fork();
    if (child == 0)
        _exit(run_flags(here, "self", 0) ? 127 : 0);
    CHECK(exited_with(status_of(child), 21), "execveat in a folder");
    child = fork();
    if (child == 0)
        _exit(run_flags(file, "", AT_EMPTY_PATH) ? 127 : 0);
    CHECK(exited_with(status_of(child), 21), "execveat of a descriptor");
    child = fork();
    if (child == 0) {
        char *arguments[] = {"name", "exit", "22", NULL};
        fexecve(file, arguments, environ);
        _exit(127);
    }
    CHECK(exited_with(status_of(child), 22), "fexecve");
    child = fork();
    if (child == 0)
        _exit(execl("/proc/self/exe", "name", "exit", "23", (char *)NULL));
    CHECK(exited_with(status_of(child), 23), "/proc/self/exe runs the same program");
    close(here);
    close(file);
    close(marked);
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (arguments[0][0] == 0) {
        mode_empty(count, arguments);
        return failures;
    }
    for (size_t i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(arguments[1], modes[i].name) == 0) {
            modes[i].run(count, arguments);
            return failures ? 1 : 0;
        }
    begin();
    NEED(readlink("/proc/self/exe", self, sizeof self - 1) > 0 && symlink(self, "self") == 0);
    memset(longest, 'a', LONGEST);
    what_is_given();
    scripts();
    first_lines();
    refused_paths();
    refused_sizes();
    refused_formats();
    by_descriptor();
    return finish();
}
