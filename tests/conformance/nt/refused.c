/* Of a process that could not be made nothing is left: no process, no handle, no open file. */
#include <string.h>

#include "check.h"
#include "native.h"

enum { ATTRIBUTE_CLIENT = 0x10003, ATTRIBUTE_IMAGE = 0x20005 };

struct attribute {
    ULONG_PTR what, size, value, *answer;
};

static void make(const char *path, const void *content, DWORD size)
{
    HANDLE file = CreateFileA(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    DWORD written;

    WriteFile(file, content, size, &written, NULL);
    CloseHandle(file);
}

static ULONG handles(void)
{
    DWORD count = 0;
    GetProcessHandleCount(GetCurrentProcess(), &count);
    return count;
}

/* How many processes run this program. */
static int copies(void)
{
    static BYTE buffer[1 << 18];
    const SYSTEM_PROCESS_INFORMATION *entry = (void *)buffer;
    WCHAR name[MAX_PATH], *last;
    int count = 0;

    GetModuleFileNameW(NULL, name, MAX_PATH);
    for (last = name + lstrlenW(name); last > name && last[-1] != '\\'; last--)
        ;
    if (native(NtQuerySystemInformation)(SystemProcessInformation, buffer, (ULONG)sizeof buffer, (ULONG *)NULL))
        return -1;
    for (;; entry = (void *)((BYTE *)entry + entry->NextEntryOffset))
    {
        const UNICODE_STRING *image = (void *)((BYTE *)entry + 0x38);
        if (image->Length && image->Length == 2 * lstrlenW(last) && !memcmp(image->Buffer, last, image->Length))
            count++;
        if (!entry->NextEntryOffset)
            return count;
    }
}

static void *parameters_of(const WCHAR *image)
{
    UNICODE_STRING name;
    void *parameters = NULL;

    native(RtlInitUnicodeString)(&name, image);
    native(RtlCreateProcessParametersEx)(&parameters, &name, (void *)NULL, (void *)NULL, (void *)NULL, (void *)NULL, (void *)NULL,
                                         (void *)NULL, (void *)NULL, (void *)NULL, 1);
    return parameters;
}

/* NtCreateUserProcess with one more attribute; writes to `made` and `thread` unless they are bad. */
static NTSTATUS create(const WCHAR *path, HANDLE *made, HANDLE *thread, struct attribute *more, ULONG flags)
{
    struct {
        SIZE_T size;
        struct attribute list[3];
    } attributes = {sizeof attributes, {{ATTRIBUTE_IMAGE, 0, 0, NULL}}};
    BYTE info[0x58] = {0x58};
    UNICODE_STRING image = {0};
    WCHAR full[MAX_PATH];
    void *parameters;
    NTSTATUS status;

    GetFullPathNameW(path, MAX_PATH, full, NULL);
    native(RtlDosPathNameToNtPathName_U)(full, &image, (void *)NULL, (void *)NULL);
    attributes.list[0].size = image.Length;
    attributes.list[0].value = (ULONG_PTR)image.Buffer;
    attributes.size = sizeof(SIZE_T) + (more ? 2 : 1) * sizeof(struct attribute);
    if (more)
        attributes.list[1] = *more;
    parameters = parameters_of(full);
    status = native(NtCreateUserProcess)(made, thread, (ULONG)PROCESS_ALL_ACCESS, (ULONG)THREAD_ALL_ACCESS, (void *)NULL, (void *)NULL,
                                         0, flags, parameters, info, &attributes);
    native(RtlDestroyProcessParameters)(parameters);
    native(RtlFreeUnicodeString)(&image);
    return status;
}

static void refusals(void)
{
    WCHAR here[MAX_PATH];
    HANDLE process = NULL, thread = NULL;
    struct attribute bad = {ATTRIBUTE_CLIENT, 16, 16, NULL};
    HANDLE *const nowhere = (HANDLE *)16;
    ULONG before;
    int others;

    GetModuleFileNameW(NULL, here, MAX_PATH);
    make("damaged.exe", "MZ", 2);
    create(L"missing.exe", &process, &thread, NULL, 1);
    before = handles();
    others = copies();
    check(create(L"missing.exe", &process, &thread, NULL, 1) == (NTSTATUS)0xC0000034, "a missing program");
    check(create(L"damaged.exe", &process, &thread, NULL, 1) < 0, "a damaged one");
    check(create(here, nowhere, &thread, NULL, 0) == (NTSTATUS)0xC0000005, "a bad place for the process's handle");
    check(create(here, &process, nowhere, NULL, 0) == (NTSTATUS)0xC0000005, "a bad place for the thread's");
    check(create(here, &process, &thread, &bad, 0) == (NTSTATUS)0xC0000005, "a bad place for the ids");
    check(handles() == before, "no handle is left");
    check(copies() == others, "no process is left");
    check(DeleteFileA("damaged.exe"), "no file stays open");
    check(!process && !thread, "and nothing is told");
}

int main(int count, char **words)
{
    WCHAR folder[MAX_PATH];

    (void)words;
    if (count > 1)
        return 1;
    GetTempPathW(MAX_PATH, folder);
    SetCurrentDirectoryW(folder);
    refusals();
    return 0;
}
