/* What a handle was opened for is what it is good for, and no more: each operation needs its right. */
#include "rights.h"

typedef NTSTATUS NTAPI QueryState(HANDLE, ULONG, void *, ULONG, ULONG *);

static char *page;
static HANDLE spare;

static BOOL wait(HANDLE object) { return WaitForSingleObject(object, 0) != WAIT_FAILED; }
static BOOL wait_two(HANDLE object)
{
    HANDLE both[] = {spare, object};

    return WaitForMultipleObjects(2, both, TRUE, 0) != WAIT_FAILED;
}
static BOOL query(const char *name, HANDLE object, ULONG size)
{
    char data[64];

    return outcome(((QueryState *)native(name))(object, 0, data, size, NULL));
}
static BOOL query_event(HANDLE object) { return query("NtQueryEvent", object, 8); }
static BOOL query_semaphore(HANDLE object) { return query("NtQuerySemaphore", object, 8); }
static BOOL query_mutant(HANDLE object) { return query("NtQueryMutant", object, 8); }
static BOOL query_timer(HANDLE object) { return query("NtQueryTimer", object, 16); }
static BOOL query_port(HANDLE object) { return query("NtQueryIoCompletion", object, 4); }
static BOOL pulse(HANDLE object) { return PulseEvent(object); }
static BOOL release_one(HANDLE object) { return ReleaseSemaphore(object, 1, NULL); }
static BOOL signal_and_wait(HANDLE object) { return SignalObjectAndWait(object, spare, 0, FALSE) != WAIT_FAILED; }
static BOOL set_timer(HANDLE object)
{
    LARGE_INTEGER due = {.QuadPart = -10000000};

    return SetWaitableTimer(object, &due, 0, NULL, NULL, FALSE);
}
static BOOL post(HANDLE object) { return PostQueuedCompletionStatus(object, 0, 0, NULL); }
static BOOL take(HANDLE object)
{
    DWORD size;
    ULONG_PTR key;
    OVERLAPPED *value;

    return GetQueuedCompletionStatus(object, &size, &key, &value, 0) || GetLastError() == WAIT_TIMEOUT;
}

static void synchronisation(void)
{
    HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL), semaphore = CreateSemaphoreA(NULL, 1, 100, NULL);
    HANDLE mutant = CreateMutexA(NULL, FALSE, NULL), timer = CreateWaitableTimerA(NULL, TRUE, NULL);
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);

    spare = CreateEventA(NULL, TRUE, TRUE, NULL);
    needs("setting an event", event, EVENT_ALL_ACCESS, EVENT_MODIFY_STATE, SetEvent);
    needs("clearing an event", event, EVENT_ALL_ACCESS, EVENT_MODIFY_STATE, ResetEvent);
    needs("pulsing an event", event, EVENT_ALL_ACCESS, EVENT_MODIFY_STATE, pulse);
    needs("signalling before a wait", event, EVENT_ALL_ACCESS, EVENT_MODIFY_STATE, signal_and_wait);
    needs("asking for an event's state", event, EVENT_ALL_ACCESS, 1, query_event);
    needs("waiting for an event", event, EVENT_ALL_ACCESS, SYNCHRONIZE, wait);
    needs("waiting for two", event, EVENT_ALL_ACCESS, SYNCHRONIZE, wait_two);
    needs("releasing a semaphore", semaphore, SEMAPHORE_ALL_ACCESS, SEMAPHORE_MODIFY_STATE, release_one);
    needs("asking for a semaphore's state", semaphore, SEMAPHORE_ALL_ACCESS, 1, query_semaphore);
    needs("asking for a mutant's state", mutant, MUTEX_ALL_ACCESS, 1, query_mutant);
    needs("acquiring a mutant", mutant, MUTEX_ALL_ACCESS, SYNCHRONIZE, wait);
    check(ReleaseMutex(with(mutant, SYNCHRONIZE)), "its owner needs no right to release it");
    needs("setting a timer", timer, TIMER_ALL_ACCESS, TIMER_MODIFY_STATE, set_timer);
    needs("stopping a timer", timer, TIMER_ALL_ACCESS, TIMER_MODIFY_STATE, CancelWaitableTimer);
    needs("asking for a timer's state", timer, TIMER_ALL_ACCESS, TIMER_QUERY_STATE, query_timer);
    needs("queueing a packet", port, 0x1F0003, 2, post);
    needs("taking a packet", port, 0x1F0003, 2, take);
    needs("asking for a port's state", port, 0x1F0003, 1, query_port);
}

static void masks(void)
{
    HANDLE event = CreateEventA(NULL, TRUE, TRUE, "lichen-masks"), section;
    HKEY key;

    check(granted(OpenEventA(SYNCHRONIZE, FALSE, "lichen-masks")) == SYNCHRONIZE, "a handle has what was asked for");
    check(granted(OpenEventA(GENERIC_READ, FALSE, "lichen-masks")) == (STANDARD_RIGHTS_READ | 1), "reading an event");
    check(granted(OpenEventA(GENERIC_WRITE, FALSE, "lichen-masks")) == (STANDARD_RIGHTS_WRITE | 2), "writing an event");
    check(granted(OpenEventA(GENERIC_EXECUTE, FALSE, "lichen-masks")) == (STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE),
          "executing an event");
    check(granted(OpenEventA(GENERIC_ALL, FALSE, "lichen-masks")) == EVENT_ALL_ACCESS, "all of an event");
    check(granted(OpenEventA(MAXIMUM_ALLOWED, FALSE, "lichen-masks")) == EVENT_ALL_ACCESS, "the most of an event");
    check(granted(with(event, GENERIC_READ)) == (STANDARD_RIGHTS_READ | 1), "a duplicate for reading");
    check(granted(with(with(event, SYNCHRONIZE), EVENT_ALL_ACCESS)) == EVENT_ALL_ACCESS, "a duplicate may have more than it is of");
    section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 65536, NULL);
    check(granted(with(section, GENERIC_READ)) == (STANDARD_RIGHTS_READ | SECTION_QUERY | SECTION_MAP_READ), "reading a section");
    check(granted(with(section, GENERIC_WRITE)) == (STANDARD_RIGHTS_WRITE | SECTION_MAP_WRITE), "writing a section");
    check(granted(OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, GetCurrentProcessId())) ==
              (PROCESS_QUERY_INFORMATION | PROCESS_QUERY_LIMITED_INFORMATION), "asking everything of a process is to ask a little");
    check(granted(OpenProcess(MAXIMUM_ALLOWED, FALSE, GetCurrentProcessId())) == PROCESS_ALL_ACCESS, "the most of a process");
    check(granted(OpenThread(THREAD_QUERY_INFORMATION, FALSE, GetCurrentThreadId())) ==
              (THREAD_QUERY_INFORMATION | THREAD_QUERY_LIMITED_INFORMATION), "asking everything of a thread");
    check(granted(OpenThread(GENERIC_ALL, FALSE, GetCurrentThreadId())) == THREAD_ALL_ACCESS, "all of a thread");
    check(granted(with(GetCurrentThread(), SYNCHRONIZE)) == SYNCHRONIZE, "a little of this thread");
    RegOpenKeyExA(HKEY_LOCAL_MACHINE, "Software", 0, GENERIC_READ, &key);
    check(granted(key) == KEY_READ, "reading a key");
    CloseHandle(event);
    CloseHandle(section);
}

static BOOL map_read(HANDLE object) { return MapViewOfFile(object, FILE_MAP_READ, 0, 0, 0) != NULL; }
static BOOL map_write(HANDLE object) { return MapViewOfFile(object, FILE_MAP_WRITE, 0, 0, 0) != NULL; }
static BOOL map_copy(HANDLE object) { return MapViewOfFile(object, FILE_MAP_COPY, 0, 0, 0) != NULL; }
static BOOL query_section(HANDLE object)
{
    struct
    {
        void *base;
        ULONG attributes;
        LARGE_INTEGER size;
    } basic;

    return outcome(((QueryState *)native("NtQuerySection"))(object, 0, &basic, sizeof basic, NULL));
}

static void views(HANDLE section)
{
    char *written = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0), *seen = MapViewOfFile(with(section, SECTION_MAP_READ), FILE_MAP_READ, 0, 0, 0);
    DWORD old;

    *written = 'x';
    check(*seen == 'x', "what is written in one view is seen in another");
    check(!VirtualProtect(seen, 4096, PAGE_READWRITE, &old) && GetLastError() == ERROR_INVALID_PARAMETER,
          "a view for reading never becomes one for writing");
    check(VirtualProtect(written, 4096, PAGE_READONLY, &old) && VirtualProtect(written, 4096, PAGE_READWRITE, &old) && (*written = 'z'),
          "a view for writing is one again");
}

static void sections(void)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 65536, NULL);

    views(section);
    needs("reading shared memory", section, SECTION_ALL_ACCESS, SECTION_MAP_READ, map_read);
    needs("writing shared memory", section, SECTION_ALL_ACCESS, SECTION_MAP_WRITE, map_write);
    needs("copying shared memory", section, SECTION_ALL_ACCESS, SECTION_MAP_READ, map_copy);
    needs("asking about shared memory", section, SECTION_ALL_ACCESS, SECTION_QUERY, query_section);
    CloseHandle(section);
}

static BOOL end(HANDLE object) { return TerminateProcess(object, 7); }
static BOOL read_memory(HANDLE object)
{
    char byte;

    return ReadProcessMemory(object, (void *)&self, &byte, 1, NULL);
}
static BOOL allocate(HANDLE object) { return (page = VirtualAllocEx(object, NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE)) != NULL; }
static BOOL protect(HANDLE object)
{
    DWORD old;

    return VirtualProtectEx(object, page, 4096, PAGE_READWRITE, &old);
}
static BOOL look(HANDLE object)
{
    MEMORY_BASIC_INFORMATION found;

    return VirtualQueryEx(object, page, &found, sizeof found) != 0;
}
static BOOL write_memory(HANDLE object)
{
    typedef NTSTATUS NTAPI Write(HANDLE, void *, const void *, SIZE_T, SIZE_T *);

    return outcome(((Write *)native("NtWriteVirtualMemory"))(object, page, "x", 1, NULL));
}
static BOOL code_of(HANDLE object)
{
    DWORD code;

    return GetExitCodeProcess(object, &code);
}
static BOOL raise_class(HANDLE object) { return SetPriorityClass(object, NORMAL_PRIORITY_CLASS); }
static BOOL suspend_all(HANDLE object) { return outcome(((OfHandle *)native("NtSuspendProcess"))(object, NULL)); }
static BOOL resume_all(HANDLE object) { return outcome(((OfHandle *)native("NtResumeProcess"))(object, NULL)); }
static BOOL copy_from(HANDLE object)
{
    HANDLE made;

    return DuplicateHandle(object, GetCurrentProcess(), GetCurrentProcess(), &made, 0, FALSE, DUPLICATE_SAME_ACCESS);
}
static BOOL copy_to(HANDLE object)
{
    HANDLE made;

    return DuplicateHandle(GetCurrentProcess(), spare, object, &made, 0, FALSE, DUPLICATE_SAME_ACCESS);
}
static BOOL thread_in(HANDLE object)
{
    return CreateRemoteThread(object, NULL, 0, (LPTHREAD_START_ROUTINE)(void *)Sleep, NULL, 0, NULL) != NULL;
}

static void processes(void)
{
    PROCESS_INFORMATION child;
    HANDLE process;

    check(start("sleep", 0, &child), "another process");
    process = child.hProcess;
    needs("reading its memory", process, PROCESS_ALL_ACCESS, PROCESS_VM_READ, read_memory);
    needs("giving it memory", process, PROCESS_ALL_ACCESS, PROCESS_VM_OPERATION, allocate);
    needs("protecting its memory", process, PROCESS_ALL_ACCESS, PROCESS_VM_OPERATION, protect);
    needs("writing its memory", process, PROCESS_ALL_ACCESS, PROCESS_VM_WRITE, write_memory);
    needs("looking where its memory is", process, PROCESS_ALL_ACCESS, PROCESS_QUERY_INFORMATION, look);
    needs("how it ended", process, PROCESS_ALL_ACCESS & ~PROCESS_QUERY_INFORMATION, PROCESS_QUERY_LIMITED_INFORMATION, code_of);
    needs("waiting for a process", process, PROCESS_ALL_ACCESS, SYNCHRONIZE, wait);
    needs("changing its class", process, PROCESS_ALL_ACCESS, PROCESS_SET_INFORMATION, raise_class);
    needs("suspending it", process, PROCESS_ALL_ACCESS, PROCESS_SUSPEND_RESUME, suspend_all);
    needs("resuming it", process, PROCESS_ALL_ACCESS, PROCESS_SUSPEND_RESUME, resume_all);
    needs("copying from it", process, PROCESS_ALL_ACCESS, PROCESS_DUP_HANDLE, copy_from);
    needs("copying to it", process, PROCESS_ALL_ACCESS, PROCESS_DUP_HANDLE, copy_to);
    needs("a thread in it", process, PROCESS_ALL_ACCESS, PROCESS_CREATE_THREAD, thread_in);
    needs("ending it", process, PROCESS_ALL_ACCESS, PROCESS_TERMINATE, end);
    check(end_of(&child) == 7, "it has ended");
}

static BOOL suspend(HANDLE object) { return SuspendThread(object) != (DWORD)-1; }
static BOOL resume(HANDLE object) { return ResumeThread(object) != (DWORD)-1; }
static BOOL registers_of(HANDLE object)
{
    CONTEXT context = {.ContextFlags = CONTEXT_INTEGER};

    return GetThreadContext(object, &context);
}
static BOOL set_registers(HANDLE object)
{
    CONTEXT context = {.ContextFlags = CONTEXT_DEBUG_REGISTERS};

    return SetThreadContext(object, &context);
}
static void CALLBACK nothing(ULONG_PTR parameter) { (void)parameter; }
static BOOL queue(HANDLE object) { return QueueUserAPC(nothing, object, 0) != 0; }
static BOOL set_priority(HANDLE object) { return SetThreadPriority(object, THREAD_PRIORITY_NORMAL); }
static BOOL times_of(HANDLE object)
{
    FILETIME times[4];

    return GetThreadTimes(object, times, times + 1, times + 2, times + 3);
}
static BOOL describe(HANDLE object)
{
    typedef NTSTATUS NTAPI Set(HANDLE, ULONG, void *, ULONG);
    UNICODE_STRING name = {.Length = 4, .MaximumLength = 4, .Buffer = L"me"};

    return outcome(((Set *)native("NtSetInformationThread"))(object, 38, &name, sizeof name));
}
static BOOL end_thread(HANDLE object) { return TerminateThread(object, 3); }
static DWORD WINAPI sleeper(void *unused) { return unused ? 1 : (Sleep(20000), 0); }

static void threads(void)
{
    HANDLE thread = CreateThread(NULL, 0, sleeper, NULL, 0, NULL);

    needs("suspending a thread", thread, THREAD_ALL_ACCESS, THREAD_SUSPEND_RESUME, suspend);
    needs("its registers", thread, THREAD_ALL_ACCESS, THREAD_GET_CONTEXT, registers_of);
    needs("setting its registers", thread, THREAD_ALL_ACCESS, THREAD_SET_CONTEXT, set_registers);
    check(resume(with(thread, THREAD_SUSPEND_RESUME)), "a thread is resumed");
    check(!resume(with(thread, THREAD_TERMINATE)) && GetLastError() == ERROR_ACCESS_DENIED, "not without the right");
    needs("changing its priority", thread, THREAD_ALL_ACCESS & ~THREAD_SET_LIMITED_INFORMATION, THREAD_SET_INFORMATION, set_priority);
    needs("describing it", thread, THREAD_ALL_ACCESS & ~THREAD_SET_INFORMATION, THREAD_SET_LIMITED_INFORMATION, describe);
    needs("its times", thread, THREAD_ALL_ACCESS & ~THREAD_QUERY_INFORMATION, THREAD_QUERY_LIMITED_INFORMATION, times_of);
    needs("waiting for a thread", thread, THREAD_ALL_ACCESS, SYNCHRONIZE, wait);
    needs("having it call something", thread, THREAD_ALL_ACCESS, THREAD_SET_CONTEXT, queue);
    needs("ending a thread", thread, THREAD_ALL_ACCESS, THREAD_TERMINATE, end_thread);
    check(WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0, "the thread has ended");
    CloseHandle(thread);
}

static BOOL limit_job(HANDLE object)
{
    JOBOBJECT_BASIC_LIMIT_INFORMATION limits = {0};

    return SetInformationJobObject(object, JobObjectBasicLimitInformation, &limits, sizeof limits);
}
static BOOL ask_job(HANDLE object)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION found;

    return QueryInformationJobObject(object, JobObjectBasicAccountingInformation, &found, sizeof found, NULL);
}
static BOOL end_job(HANDLE object) { return TerminateJobObject(object, 1); }
static BOOL assign(HANDLE object)
{
    static PROCESS_INFORMATION child;

    return (child.hProcess || start("sleep", CREATE_SUSPENDED, &child)) && AssignProcessToJobObject(object, child.hProcess);
}

static void jobs(void)
{
    HANDLE job = CreateJobObjectA(NULL, NULL);

    needs("limiting a job", job, JOB_OBJECT_ALL_ACCESS, JOB_OBJECT_SET_ATTRIBUTES, limit_job);
    needs("asking about a job", job, JOB_OBJECT_ALL_ACCESS, JOB_OBJECT_QUERY, ask_job);
    needs("putting a process into a job", job, JOB_OBJECT_ALL_ACCESS, JOB_OBJECT_ASSIGN_PROCESS, assign);
    needs("ending a job", job, JOB_OBJECT_ALL_ACCESS, JOB_OBJECT_TERMINATE, end_job);
    CloseHandle(job);
}

static BOOL set_value(HANDLE object)
{
    return (SetLastError(RegSetValueExA(object, "value", 0, REG_SZ, (BYTE *)"x", 2)), GetLastError() == 0);
}
static BOOL get_value(HANDLE object)
{
    return (SetLastError(RegQueryValueExA(object, "value", NULL, NULL, NULL, NULL)), GetLastError() == 0);
}
static BOOL list_values(HANDLE object)
{
    char name[20];
    DWORD size = sizeof name;

    return (SetLastError(RegEnumValueA(object, 0, name, &size, NULL, NULL, NULL, NULL)), GetLastError() == 0);
}
static BOOL list_keys(HANDLE object)
{
    char name[20];

    return (SetLastError(RegEnumKeyA(object, 0, name, sizeof name)), GetLastError() == 0);
}
static BOOL delete_value(HANDLE object) { return (SetLastError(RegDeleteValueA(object, "value")), GetLastError() == 0); }
static BOOL notify(HANDLE object)
{
    return (SetLastError(RegNotifyChangeKeyValue(object, FALSE, REG_NOTIFY_CHANGE_NAME, spare, TRUE)), GetLastError() == 0);
}
static BOOL delete_key(HANDLE object)
{
    return outcome(((OfHandle *)native("NtDeleteKey"))(object, NULL));
}

static void keys(void)
{
    HKEY key, below;

    RegCreateKeyExA(HKEY_CURRENT_USER, "Software\\Lichen Access", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL);
    RegCreateKeyExA(key, "below", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &below, NULL);
    needs("setting a value", key, KEY_ALL_ACCESS, KEY_SET_VALUE, set_value);
    needs("asking for a value", key, KEY_ALL_ACCESS, KEY_QUERY_VALUE, get_value);
    needs("listing values", key, KEY_ALL_ACCESS, KEY_QUERY_VALUE, list_values);
    needs("listing keys", key, KEY_ALL_ACCESS, KEY_ENUMERATE_SUB_KEYS, list_keys);
    needs("being told of changes", key, KEY_ALL_ACCESS, KEY_NOTIFY, notify);
    needs("deleting a value", key, KEY_ALL_ACCESS, KEY_SET_VALUE, delete_value);
    needs("deleting a key", below, KEY_ALL_ACCESS, DELETE, delete_key);
    RegCloseKey(below);
    RegDeleteKeyA(HKEY_CURRENT_USER, "Software\\Lichen Access");
    RegCloseKey(key);
}

static BOOL read_file(HANDLE object)
{
    char byte;
    DWORD size;

    SetFilePointer(object, 0, NULL, FILE_BEGIN);
    return ReadFile(object, &byte, 1, &size, NULL);
}
static BOOL write_file(HANDLE object)
{
    DWORD size;

    return WriteFile(object, "x", 1, &size, NULL);
}
static BOOL delete_file(HANDLE object)
{
    FILE_DISPOSITION_INFO no = {FALSE};

    return SetFileInformationByHandle(object, FileDispositionInfo, &no, sizeof no);
}

static void files(void)
{
    char path[MAX_PATH];
    HANDLE file;

    GetTempPathA(sizeof path - 20, path);
    strcat(path, "lichen-access.txt");
    file = CreateFileA(path, GENERIC_ALL, 7, NULL, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    needs("writing a file", file, FILE_ALL_ACCESS & ~FILE_APPEND_DATA, FILE_WRITE_DATA, write_file);
    needs("reading a file", file, FILE_ALL_ACCESS & ~FILE_EXECUTE, FILE_READ_DATA, read_file);
    needs("deleting a file", file, FILE_ALL_ACCESS, DELETE, delete_file);
    check(granted(with(file, GENERIC_READ)) == FILE_GENERIC_READ, "reading of a file");
    CloseHandle(file);
}

static BOOL ask_token(HANDLE object)
{
    TOKEN_TYPE type;
    DWORD size;

    return GetTokenInformation(object, TokenType, &type, sizeof type, &size);
}
static BOOL copy_token(HANDLE object)
{
    HANDLE made;

    return DuplicateToken(object, SecurityImpersonation, &made);
}

static void tokens(void)
{
    HANDLE token;

    OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &token);
    needs("asking about a token", token, TOKEN_ALL_ACCESS, TOKEN_QUERY, ask_token);
    needs("copying a token", token, TOKEN_ALL_ACCESS, TOKEN_DUPLICATE, copy_token);
    CloseHandle(token);
}

int main(int count, char **arguments)
{
    GetModuleFileNameA(NULL, self, sizeof self);
    if (count > 1 && !strcmp(arguments[1], "sleep"))
        return Sleep(20000), 0;
    synchronisation();
    masks();
    sections();
    processes();
    threads();
    jobs();
    keys();
    files();
    tokens();
    return 0;
}
