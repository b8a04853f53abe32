/* Names of objects: how they are told, when case counts, what may be in them and what is no path. */
#include <string.h>

#include "check.h"
#include "native.h"

#define NAME_INVALID ((NTSTATUS)0xC0000033)
#define NAME_NOT_FOUND ((NTSTATUS)0xC0000034)
#define COLLISION ((NTSTATUS)0xC0000035)
#define TYPE_MISMATCH ((NTSTATUS)0xC0000024)
#define PATH_NOT_FOUND ((NTSTATUS)0xC000003A)
#define PATH_SYNTAX_BAD ((NTSTATUS)0xC000003B)
#define LENGTH_MISMATCH ((NTSTATUS)0xC0000004)
#define BUFFER_OVERFLOW ((NTSTATUS)0x80000005)
#define BASE L"\\BaseNamedObjects\\"

static UNICODE_STRING string;
static OBJECT_ATTRIBUTES attributes;
static char answer[1024];

static OBJECT_ATTRIBUTES *named(const WCHAR *name, ULONG flags, HANDLE root)
{
    native(RtlInitUnicodeString)(&string, name);
    InitializeObjectAttributes(&attributes, &string, flags, root, NULL);
    return &attributes;
}

static int is_named(HANDLE object, const WCHAR *name)
{
    UNICODE_STRING *found = (UNICODE_STRING *)answer;
    ULONG length = (ULONG)(wcslen(name) * sizeof *name), size = 0;

    return native(NtQueryObject)(object, 1, answer, (ULONG)sizeof answer, &size) == 0 && found->Length == length &&
           size == sizeof *found + length + sizeof *name && !memcmp(found->Buffer, name, length + sizeof *name);
}

static NTSTATUS event(HANDLE *handle, const WCHAR *name, ULONG flags)
{
    return native(NtCreateEvent)(handle, EVENT_ALL_ACCESS, named(name, flags, NULL), 0, FALSE);
}

static void told(void)
{
    HANDLE object, below, directory;
    ULONG size = 0;

    event(&object, BASE L"lichen-event", 0);
    check(is_named(object, BASE L"lichen-event"), "an event's name is told");
    check(native(NtQueryObject)(object, 1, answer, 40, &size) == LENGTH_MISMATCH && size == 16 + 2 * 31, "if there is room for it");
    CloseHandle(object);
    object = CreateEventA(NULL, FALSE, FALSE, "lichen-own");
    check(is_named(object, L"\\Sessions\\1\\BaseNamedObjects\\lichen-own"), "Win32 has a folder for its own");
    CloseHandle(object);
    object = CreateEventA(NULL, FALSE, FALSE, NULL);
    check(native(NtQueryObject)(object, 1, answer, (ULONG)sizeof answer, &size) == 0 && size == 16, "without a name nothing is told");
    CloseHandle(object);
    native(NtCreateDirectoryObject)(&directory, 0xF, named(BASE L"lichen-folder", 0, NULL));
    check(is_named(directory, BASE L"lichen-folder"), "a directory's name is told");
    native(NtCreateMutant)(&below, MUTANT_ALL_ACCESS, named(L"below", 0, directory), FALSE);
    check(is_named(below, BASE L"lichen-folder\\below"), "and that of what is in it");
    CloseHandle(below);
    CloseHandle(directory);
    RegOpenKeyExA(HKEY_LOCAL_MACHINE, "software", 0, KEY_READ, (HKEY *)&object);
    check(is_named(object, L"\\REGISTRY\\Machine\\Software"), "a key is named as it was made");
    RegCloseKey((HKEY)object);
    object = CreateNamedPipeA("\\\\.\\pipe\\lichen-Named", PIPE_ACCESS_DUPLEX, 0, 1, 0, 0, 0, NULL);
    check(is_named(object, L"\\Device\\NamedPipe\\lichen-Named"), "a pipe's end by the pipe");
    CloseHandle(object);
    object = CreateFileA("C:\\windows", GENERIC_READ, 7, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    check(native(NtQueryObject)(object, 1, answer, 16, &size) == BUFFER_OVERFLOW && size > 16, "a file's may be cut off");
    CloseHandle(object);
}

static void case_counts(void)
{
    HANDLE mutant, other, opened;

    native(NtCreateMutant)(&mutant, MUTANT_ALL_ACCESS, named(BASE L"lichen-case", 0, NULL), FALSE);
    check(event(&other, BASE L"Lichen-Case", 0) == 0, "names that differ by case are two");
    check(native(NtOpenMutant)(&opened, MUTANT_ALL_ACCESS, named(BASE L"lichen-case", 0, NULL)) == 0, "each is found by its own");
    CloseHandle(opened);
    check(native(NtOpenEvent)(&opened, EVENT_ALL_ACCESS, named(BASE L"LICHEN-CASE", 0, NULL)) == NAME_NOT_FOUND, "by no other");
    check(native(NtOpenEvent)(&opened, EVENT_ALL_ACCESS, named(BASE L"LICHEN-CASE", OBJ_CASE_INSENSITIVE, NULL)) == 0,
          "but when case does not count, the newest by any");
    CloseHandle(opened);
    CloseHandle(other);
    check(event(&other, BASE L"LICHEN-CASE", OBJ_CASE_INSENSITIVE) == COLLISION, "then a name is taken in any case");
    check(event(&other, L"\\basenamedobjects\\lichen", 0) == PATH_NOT_FOUND, "the same holds for directories");
    check(event(&other, L"\\basenamedobjects\\lichen", OBJ_CASE_INSENSITIVE) == 0, "in both ways");
    CloseHandle(other);
    CloseHandle(mutant);
    check(OpenEventA(SYNCHRONIZE, FALSE, "lichen-none") == NULL, "what is closed has no name");
}

static void nulls(void)
{
    static WCHAR name[] = BASE L"lichen\0null";
    HANDLE object, other;

    named(name, 0, NULL);
    string.Length = sizeof name - sizeof *name;
    check(native(NtCreateEvent)(&object, EVENT_ALL_ACCESS, &attributes, 0, FALSE) == 0, "a name may have a NUL in it");
    check(native(NtQueryObject)(object, 1, answer, (ULONG)sizeof answer, NULL) == 0 &&
              ((UNICODE_STRING *)answer)->Length == string.Length, "which is told with it");
    check(native(NtOpenEvent)(&other, EVENT_ALL_ACCESS, &attributes) == 0, "and found");
    CloseHandle(other);
    check(native(NtOpenEvent)(&other, EVENT_ALL_ACCESS, named(name, 0, NULL)) == NAME_NOT_FOUND, "not by its beginning");
    CloseHandle(object);
}

static void paths(void)
{
    HANDLE object, directory;

    check(event(&object, L"lichen", 0) == PATH_SYNTAX_BAD, "a whole name begins with a backslash");
    native(NtOpenDirectoryObject)(&directory, 0xF, named(L"\\BaseNamedObjects", 0, NULL));
    check(native(NtCreateEvent)(&object, EVENT_ALL_ACCESS, named(L"\\lichen", 0, directory), 0, FALSE) == PATH_SYNTAX_BAD,
          "one in a directory does not");
    CloseHandle(directory);
    check(event(&object, BASE L"\\lichen", 0) == NAME_INVALID, "two backslashes are no path");
    check(event(&object, L"\\BaseNamedObjects\\", 0) == NAME_INVALID, "nor is one at the end");
    check(event(&object, BASE L"none\\lichen", 0) == PATH_NOT_FOUND, "what is not there has nothing in it");
    check(event(&object, L"\\BaseNamedObjects", OBJ_OPENIF) == TYPE_MISMATCH, "a directory is no event");
    check(event(&object, L"\\BaseNamedObjects", 0) == COLLISION, "but has its name");
    check(native(NtOpenEvent)(&object, EVENT_ALL_ACCESS, NULL) == (NTSTATUS)0xC000000D, "nothing has no name to be opened by");
}

int main(void)
{
    told();
    case_counts();
    nulls();
    paths();
    return 0;
}
