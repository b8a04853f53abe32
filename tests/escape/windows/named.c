/* Named objects of one user's programs, and what those of another may do with them. `named owner PREFIX` makes them and waits
 * until somebody sets the event PREFIX-done; `named stranger PREFIX` must not get at them, `named administrator PREFIX` may. */
#include <windows.h>
#include <winternl.h>

#include <stdio.h>
#include <string.h>

typedef HANDLE Open(const char *name, DWORD access);

static const char *prefix;
static int wrong;

static const char *path(const char *start, const char *kind, const char *suffix)
{
    static char text[4][120];
    static int next;
    char *here = text[next++ % 4];

    snprintf(here, sizeof *text, "%s%s-%s%s", start, prefix, kind, suffix);
    return here;
}

static const char *name(const char *kind, const char *suffix) { return path("Global\\", kind, suffix); }
static const char *pipe_name(const char *suffix) { return path("\\\\.\\pipe\\", "pipe", suffix); }

static void expect(int holds, const char *what, const char *kind)
{
    printf("%s %s %s\n", holds ? "held" : "WRONG", what, kind);
    wrong |= !holds;
}

static HANDLE open_event(const char *name, DWORD access) { return OpenEventA(access, FALSE, name); }
static HANDLE open_mutex(const char *name, DWORD access) { return OpenMutexA(access, FALSE, name); }
static HANDLE open_semaphore(const char *name, DWORD access) { return OpenSemaphoreA(access, FALSE, name); }
static HANDLE open_timer(const char *name, DWORD access) { return OpenWaitableTimerA(access, FALSE, name); }
static HANDLE open_section(const char *name, DWORD access) { return OpenFileMappingA(access, FALSE, name); }
static HANDLE open_job(const char *name, DWORD access) { return OpenJobObjectA(access, FALSE, name); }

static const struct
{
    const char *name;
    Open *open;
    DWORD look, all;
} kinds[] = {
    {"event", open_event, SYNCHRONIZE, EVENT_ALL_ACCESS},          {"mutex", open_mutex, SYNCHRONIZE, MUTEX_ALL_ACCESS},
    {"semaphore", open_semaphore, SYNCHRONIZE, SEMAPHORE_ALL_ACCESS}, {"timer", open_timer, SYNCHRONIZE, TIMER_ALL_ACCESS},
    {"section", open_section, SECTION_QUERY, SECTION_ALL_ACCESS},  {"job", open_job, JOB_OBJECT_QUERY, JOB_OBJECT_ALL_ACCESS},
};

static void make(const char *suffix, SECURITY_ATTRIBUTES *security)
{
    CreateEventA(security, TRUE, FALSE, name("event", suffix));
    CreateMutexA(security, FALSE, name("mutex", suffix));
    CreateSemaphoreA(security, 1, 1, name("semaphore", suffix));
    CreateWaitableTimerA(security, TRUE, name("timer", suffix));
    CreateFileMappingA(INVALID_HANDLE_VALUE, security, PAGE_READWRITE, 0, 4096, name("section", suffix));
    CreateJobObjectA(security, name("job", suffix));
    CreateNamedPipeA(pipe_name(suffix), PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES, 0, 0, 0, security);
}

static void make_objects(void)
{
    SECURITY_DESCRIPTOR all, some;
    SECURITY_ATTRIBUTES everybody = {.lpSecurityDescriptor = &all}, lookers = {.lpSecurityDescriptor = &some};
    SID_IDENTIFIER_AUTHORITY world = {SECURITY_WORLD_SID_AUTHORITY};
    PSID everyone;
    char list[256];

    AllocateAndInitializeSid(&world, 1, SECURITY_WORLD_RID, 0, 0, 0, 0, 0, 0, 0, &everyone);
    InitializeAcl((ACL *)list, sizeof list, ACL_REVISION);
    AddAccessAllowedAce((ACL *)list, ACL_REVISION, SYNCHRONIZE | GENERIC_READ, everyone);
    InitializeSecurityDescriptor(&all, SECURITY_DESCRIPTOR_REVISION);
    SetSecurityDescriptorDacl(&all, TRUE, NULL, FALSE);
    InitializeSecurityDescriptor(&some, SECURITY_DESCRIPTOR_REVISION);
    SetSecurityDescriptorDacl(&some, TRUE, (ACL *)list, FALSE);
    make("", NULL);
    make("-all", &everybody);
    make("-some", &lookers);
    CreateEventA(&everybody, TRUE, TRUE, name("ready", ""));
    WaitForSingleObject(CreateEventA(&everybody, TRUE, FALSE, name("done", "")), 20000);
}

static int opens(int kind, const char *suffix, DWORD access)
{
    HANDLE found = kinds[kind].open(name(kinds[kind].name, suffix), access);

    if (found)
        return CloseHandle(found);
    return GetLastError() == ERROR_ACCESS_DENIED ? 0 : -1;
}

static int connects(const char *suffix, DWORD access)
{
    HANDLE found = CreateFileA(pipe_name(suffix), access, 0, NULL, OPEN_EXISTING, 0, NULL);

    if (found != INVALID_HANDLE_VALUE)
        return CloseHandle(found);
    return GetLastError() == ERROR_ACCESS_DENIED ? 0 : -1;
}

static int more(const char *suffix)
{
    HANDLE found = CreateNamedPipeA(pipe_name(suffix), PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES, 0, 0, 0, NULL);

    return found != INVALID_HANDLE_VALUE || GetLastError() != ERROR_ACCESS_DENIED;
}

static NTSTATUS make_directory(const wchar_t *name)
{
    typedef NTSTATUS NTAPI Create(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *);
    UNICODE_STRING string = {.Length = 2 * wcslen(name), .MaximumLength = 2 * wcslen(name) + 2, .Buffer = (wchar_t *)name};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &string};
    HANDLE made;

    return ((Create *)(void *)GetProcAddress(GetModuleHandleA("ntdll"), "NtCreateDirectoryObject"))(&made, 0xF000F, &attributes);
}

static void attack(void)
{
    expect(make_directory(L"\\KnownDlls") == (NTSTATUS)0xC0000022, "no new", "directory of all");
    expect(make_directory(L"\\Device\\Lichen") == (NTSTATUS)0xC0000022, "no new", "directory of devices");
    expect(make_directory(L"\\BaseNamedObjects\\Lichen") == 0, "a new", "directory");
    HANDLE found, better = NULL;

    for (int kind = 0; kind < (int)(sizeof kinds / sizeof *kinds); kind++) {
        expect(opens(kind, "", kinds[kind].look) == 0, "no look at", kinds[kind].name);
        for (int bit = 0; bit < 21; bit++)
            if (kinds[kind].all >> bit & 1)
                expect(opens(kind, "", 1u << bit) == 0, "no right to", kinds[kind].name);
        expect(opens(kind, "-some", kinds[kind].look) == 1, "a look at", kinds[kind].name);
        expect(opens(kind, "-some", kinds[kind].all) == 0, "not all of", kinds[kind].name);
        expect(opens(kind, "-some", WRITE_DAC) == 0, "no new list of", kinds[kind].name);
        expect(opens(kind, "-all", kinds[kind].all) == 1, "everybody's", kinds[kind].name);
    }
    expect(!CreateEventA(NULL, TRUE, FALSE, name("event", "")) && GetLastError() == ERROR_ACCESS_DENIED, "no second", "event");
    found = OpenEventA(SYNCHRONIZE, FALSE, name("event", "-some"));
    expect(!SetEvent(found) && GetLastError() == ERROR_ACCESS_DENIED, "no setting of an", "event");
    expect(!DuplicateHandle(GetCurrentProcess(), found, GetCurrentProcess(), &better, EVENT_MODIFY_STATE, FALSE, 0), "no better", "event");
    found = OpenFileMappingA(FILE_MAP_READ, FALSE, name("section", "-some"));
    expect(MapViewOfFile(found, FILE_MAP_READ, 0, 0, 0) != NULL, "reading a", "section");
    expect(!MapViewOfFile(found, FILE_MAP_WRITE, 0, 0, 0) && GetLastError() == ERROR_ACCESS_DENIED, "no writing a", "section");
    expect(connects("", GENERIC_READ | GENERIC_WRITE) == 0 && connects("", GENERIC_WRITE) == 0, "no writing to a", "pipe");
    expect(connects("-some", GENERIC_READ | GENERIC_WRITE) == 0 && connects("-some", GENERIC_READ) == 1, "a list of a", "pipe");
    expect(!more("") && !more("-some"), "no instance of a", "pipe");
    expect(connects("-all", GENERIC_READ | GENERIC_WRITE) == 1, "everybody's", "pipe");
}

static void govern(void)
{
    for (int kind = 0; kind < (int)(sizeof kinds / sizeof *kinds); kind++) {
        expect(opens(kind, "", kinds[kind].all) == 1, "the administrator's", kinds[kind].name);
        expect(opens(kind, "-some", kinds[kind].all) == 0, "nobody's but everybody's", kinds[kind].name);
        expect(opens(kind, "-some", WRITE_OWNER) == 1, "an administrator takes a", kinds[kind].name);
    }
    expect(connects("", GENERIC_READ | GENERIC_WRITE) == 1, "the administrator's", "pipe");
}

int main(int count, char **arguments)
{
    HANDLE ready = NULL;

    setvbuf(stdout, NULL, _IONBF, 0);
    prefix = arguments[count - 1];
    if (!strcmp(arguments[1], "owner"))
        return make_objects(), 0;
    for (int i = 0; i < 200 && !(ready = OpenEventA(SYNCHRONIZE, FALSE, name("ready", ""))); i++)
        Sleep(50);
    if (!ready)
        return 2;
    if (!strcmp(arguments[1], "stranger"))
        attack();
    else
        govern();
    SetEvent(OpenEventA(EVENT_MODIFY_STATE, FALSE, name("done", "")));
    return wrong;
}
