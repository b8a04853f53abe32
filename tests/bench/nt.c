/* What basic operations of NT programs cost, in microseconds each, told as linux.c tells them. argv[1] is a child to start. */
#include <stdio.h>
#include <windows.h>

static HANDLE event, there, back, pipe_read, pipe_write;
static char *self;

static double now(void) {
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return count.QuadPart * 1e6 / frequency.QuadPart;
}

static void measure(const char *name, int count, void (*operation)(void)) {
    double best = 1e18;
    for (int batch = 0; batch < 5; batch++) {
        double start = now();
        for (int i = 0; i < count; i++)
            operation();
        double each = (now() - start) / count;
        if (each < best)
            best = each;
    }
    printf("%s %.3f\n", name, best);
    fflush(stdout);
}

static void close_bad(void) { CloseHandle((HANDLE)0xABC0); }

static void allocate_free(void) {
    VirtualFree(VirtualAlloc(NULL, 65536, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE), 0, MEM_RELEASE);
}

static void set_wait(void) {
    SetEvent(event);
    WaitForSingleObject(event, INFINITE);
}

static DWORD WINAPI echo(void *unused) {
    (void)unused;
    for (;;) {
        WaitForSingleObject(there, INFINITE);
        SetEvent(back);
    }
}

static void switch_threads(void) {
    SetEvent(there);
    WaitForSingleObject(back, INFINITE);
}

static DWORD WINAPI nothing(void *unused) {
    (void)unused;
    return 0;
}

static void create_thread(void) {
    HANDLE thread = CreateThread(NULL, 0, nothing, NULL, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

static void open_read(void) {
    char buffer[4096];
    DWORD size;
    HANDLE file = CreateFileA(self, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (!ReadFile(file, buffer, sizeof buffer, &size, NULL))
        ExitProcess(1);
    CloseHandle(file);
}

static void write_read(void) {
    char byte = 'x';
    DWORD size;
    WriteFile(pipe_write, &byte, 1, &size, NULL);
    ReadFile(pipe_read, &byte, 1, &size, NULL);
}

static void create_process(void) {
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION started;
    char line[MAX_PATH + 8];
    snprintf(line, sizeof line, "\"%s\" child", self);
    if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &started))
        ExitProcess(1);
    WaitForSingleObject(started.hProcess, INFINITE);
    CloseHandle(started.hThread);
    CloseHandle(started.hProcess);
}

static void loop(void) {
    volatile unsigned sum = 0;
    for (int i = 0; i < 20000000; i++)
        sum += i;
}

int main(int count, char **arguments) {
    char path[MAX_PATH];
    if (count > 1)
        return 0;
    GetModuleFileNameA(NULL, path, sizeof path);
    self = path;
    (void)arguments;
    event = CreateEventA(NULL, FALSE, FALSE, NULL);
    there = CreateEventA(NULL, FALSE, FALSE, NULL);
    back = CreateEventA(NULL, FALSE, FALSE, NULL);
    CreatePipe(&pipe_read, &pipe_write, NULL, 0);
    CloseHandle(CreateThread(NULL, 0, echo, NULL, 0, NULL));
    measure("CloseHandle of a bad handle", 5000, close_bad);
    measure("SetEvent+wait", 2000, set_wait);
    measure("event round trip of threads", 1000, switch_threads);
    measure("VirtualAlloc+Free 64K", 1000, allocate_free);
    measure("CreateFile+Read 4K+Close", 500, open_read);
    measure("WriteFile+ReadFile on a pipe", 1000, write_read);
    measure("CreateThread+wait", 100, create_thread);
    measure("CreateProcess+wait", 5, create_process);
    measure("20 million additions", 1, loop);
    return 0;
}
