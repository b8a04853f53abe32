/* The registry's names: what is a path, keys that are links to others, what 32-bit programs see; what machines programs are for. */
#include <string.h>

#include "check.h"
#include "native.h"

#define ACCESS_DENIED ((NTSTATUS)0xC0000022)
#define TYPE_MISMATCH ((NTSTATUS)0xC0000024)
#define NAME_INVALID ((NTSTATUS)0xC0000033)
#define NAME_NOT_FOUND ((NTSTATUS)0xC0000034)
#define COLLISION ((NTSTATUS)0xC0000035)
#define PATH_NOT_FOUND ((NTSTATUS)0xC000003A)
#define PATH_SYNTAX_BAD ((NTSTATUS)0xC000003B)
#define INVALID_PARAMETER ((NTSTATUS)0xC000000D)
#define OPEN_LINK 0x100
#define TARGET L"\\Registry\\Machine\\Software\\LichenTarget"

static UNICODE_STRING string;
static OBJECT_ATTRIBUTES attributes;

static NTSTATUS opened(HANDLE *key, const WCHAR *name, ULONG flags, HANDLE root)
{
    native(RtlInitUnicodeString)(&string, name);
    InitializeObjectAttributes(&attributes, &string, flags, root, NULL);
    return native(NtOpenKey)(key, (ULONG)KEY_ALL_ACCESS, &attributes);
}

static NTSTATUS created(HANDLE *key, const WCHAR *name, ULONG options, HANDLE root)
{
    native(RtlInitUnicodeString)(&string, name);
    InitializeObjectAttributes(&attributes, &string, OBJ_CASE_INSENSITIVE, root, NULL);
    return native(NtCreateKey)(key, (ULONG)KEY_ALL_ACCESS, &attributes, 0, NULL, options, NULL);
}

static NTSTATUS set(HANDLE key, const WCHAR *name, ULONG kind, const WCHAR *value)
{
    native(RtlInitUnicodeString)(&string, name);
    return native(NtSetValueKey)(key, &string, 0, kind, value, (ULONG)(wcslen(value) * sizeof *value));
}

static void paths(void)
{
    HANDLE key;

    check(opened(&key, L"Machine", 0, NULL) == PATH_SYNTAX_BAD && !key, "a whole name begins with a backslash");
    check(opened(&key, L"", 0, NULL) == PATH_SYNTAX_BAD, "nothing is no name");
    check(opened(&key, L"\\", 0, NULL) == TYPE_MISMATCH, "a directory is no key");
    check(opened(&key, L"\\\\\\", 0, NULL) == NAME_INVALID, "backslashes are no name");
    check(opened(&key, L"\\Foobar", 0, NULL) == NAME_NOT_FOUND, "what is not there is not found");
    check(opened(&key, L"\\Foobar\\Machine", 0, NULL) == PATH_NOT_FOUND, "nor what is in it");
    check(opened(&key, L"\\Device\\Null", 0, NULL) == TYPE_MISMATCH, "a device is no key");
    check(opened(&key, L"\\Registry\\Machine\\\\Software\\\\", OBJ_CASE_INSENSITIVE, NULL) == 0, "in the registry backslashes do no harm");
    check(created(&key, L"\\Foobar", 0, NULL) == NAME_NOT_FOUND, "keys are made nowhere else");
    check(native(NtOpenKey)(&key, (ULONG)KEY_READ, NULL) == (NTSTATUS)0xC0000005, "nothing is no name either");
}

static void links(void)
{
    HANDLE software, link, target, key;
    WCHAR longest[300];

    opened(&software, L"\\Registry\\Machine\\Software", OBJ_CASE_INSENSITIVE, NULL);
    check(created(&link, L"LichenLink", REG_OPTION_CREATE_LINK, software) == 0, "a key may be a link");
    check(set(link, L"SymbolicLinkValue", REG_SZ, TARGET) == ACCESS_DENIED, "its value is no string");
    check(set(link, L"Other", REG_LINK, TARGET) == ACCESS_DENIED, "it has no other");
    check(set(link, L"SymbolicLinkValue", REG_LINK, TARGET) == 0, "where it leads is set");
    check(opened(&key, L"LichenLink", 0, software) == NAME_NOT_FOUND, "there is nothing there");
    check(created(&target, L"LichenLink", 0, software) == 0, "what is made by its name is made there");
    check(opened(&key, TARGET, OBJ_CASE_INSENSITIVE, NULL) == 0, "where it is found");
    CloseHandle(key);
    created(&key, L"below", 0, target);
    CloseHandle(key);
    check(opened(&key, L"LichenLink\\below", 0, software) == 0, "and what is in it by either name");
    native(NtDeleteKey)(key);
    check(native(NtDeleteKey)(key) == 0, "a key that is deleted can be deleted");
    CloseHandle(key);
    check(created(&key, L"LichenLink", REG_OPTION_CREATE_LINK, software) == COLLISION, "the link's name is taken");
    check(opened(&key, L"LichenLink", OPEN_LINK, software) == 0, "the link itself can be opened");
    check(set(key, L"SymbolicLinkValue", REG_LINK, L"\\Registry\\Machine\\Software\\LichenLink\\x") == 0, "to be changed");
    CloseHandle(key);
    check(opened(&key, L"LichenLink", 0, software) != 0, "a circle has an end");
    native(NtDeleteKey)(link);
    native(NtDeleteKey)(target);
    CloseHandle(link);
    CloseHandle(target);
    for (int i = 0; i < 257; i++)
        longest[i] = 'a';
    longest[257] = 0;
    check(opened(&key, longest, 0, software) == INVALID_PARAMETER, "names have 256 characters at most");
    check(created(&key, longest + 1, 0, software) == 0, "which can be made");
    native(NtDeleteKey)(key);
    CloseHandle(key);
    CloseHandle(software);
}

static DWORD value_of(const char *path, REGSAM view)
{
    DWORD found = 0, size = sizeof found;
    HKEY key;

    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, path, 0, KEY_READ | view, &key))
        return 0;
    RegQueryValueExA(key, "value", NULL, NULL, (BYTE *)&found, &size);
    RegCloseKey(key);
    return found;
}

static void make(REGSAM view, DWORD value)
{
    HKEY key;

    RegCreateKeyExA(HKEY_LOCAL_MACHINE, "Software\\LichenViews", 0, NULL, 0, KEY_ALL_ACCESS | view, NULL, &key, NULL);
    RegSetValueExA(key, "value", 0, REG_DWORD, (BYTE *)&value, sizeof value);
    RegCloseKey(key);
}

static void views(void)
{
    make(KEY_WOW64_64KEY, 64);
    make(KEY_WOW64_32KEY, 32);
    check(value_of("Software\\LichenViews", 0) == 64, "a program sees its own keys");
    check(value_of("Software\\LichenViews", KEY_WOW64_64KEY) == 64, "as one that asks for them");
    check(value_of("Software\\LichenViews", KEY_WOW64_32KEY) == 32, "and those of 32-bit programs when it asks");
    check(value_of("Software\\Wow6432Node\\LichenViews", 0) == 32, "which have a place");
    check(value_of("Software\\Wow6432Node\\LichenViews", KEY_WOW64_32KEY) == 32, "that may be named");
    RegDeleteKeyExA(HKEY_LOCAL_MACHINE, "Software\\LichenViews", KEY_WOW64_32KEY, 0);
    check(value_of("Software\\LichenViews", KEY_WOW64_32KEY) == 0, "one is deleted");
    check(value_of("Software\\LichenViews", 0) == 64, "without the other");
    RegDeleteKeyExA(HKEY_LOCAL_MACHINE, "Software\\LichenViews", KEY_WOW64_64KEY, 0);
}

static void machines(void)
{
    ULONG found[8] = {0}, size = 0;
    HANDLE process = GetCurrentProcess();

    check(native(NtQuerySystemInformationEx)(181, &process, (ULONG)sizeof process, found, (ULONG)sizeof found, &size) == 0,
          "it is told what machines programs are for");
    check((found[0] & 0xFFFF) == 0x8664 && found[0] >> 16 == 0xF, "for this one, as the program is");
    check(native(NtQuerySystemInformationEx)(181, &process, (ULONG)sizeof process, found, 4, &size) == (NTSTATUS)0xC0000023,
          "if there is room");
    check(native(NtQuerySystemInformationEx)(181, NULL, 0, found, (ULONG)sizeof found, &size) == INVALID_PARAMETER,
          "and it is said for whom");
}

int main(void)
{
    paths();
    links();
    views();
    machines();
    return 0;
}
