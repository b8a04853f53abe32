/* The registry: keys and values made, read, listed, watched and deleted. */
#include <string.h>

#include "check.h"
#include "native.h"

#define TOP "Software\\Lichen Conformance"

static HKEY top;

static void values(void)
{
    DWORD number = 0x12345678, type, size, most, longest, biggest;
    BYTE data[64];
    char name[64];
    LSTATUS status;

    check(RegSetValueExA(top, "Text", 0, REG_SZ, (const BYTE *)"some text", 10) == 0, "a text is set");
    check(RegSetValueExA(top, "Number", 0, REG_DWORD, (const BYTE *)&number, 4) == 0, "a number");
    check(RegSetValueExA(top, NULL, 0, REG_BINARY, (const BYTE *)"\1\2\3", 3) == 0, "bytes, without a name");
    check(RegSetValueExA(top, "Expand", 0, REG_EXPAND_SZ, (const BYTE *)"%SystemRoot%\\x", 15) == 0, "a text with variables");
    check(RegSetValueExA(top, "Several", 0, REG_MULTI_SZ, (const BYTE *)"a\0bc\0", 6) == 0, "several texts");
    size = sizeof data;
    check(RegQueryValueExA(top, "TEXT", NULL, &type, data, &size) == 0 && type == REG_SZ && size == 10 &&
              !strcmp((char *)data, "some text"), "a value is found in any case");
    size = 4;
    check(RegQueryValueExA(top, "Text", NULL, &type, data, &size) == ERROR_MORE_DATA && size == 10, "and says what room it needs");
    check(RegQueryValueExA(top, "Text", NULL, &type, NULL, &size) == 0 && size == 10, "without any room too");
    check(RegQueryValueExA(top, "Nothing", NULL, NULL, NULL, NULL) == ERROR_FILE_NOT_FOUND, "a value that is not there");
    size = sizeof number;
    check(RegGetValueA(top, NULL, "Number", RRF_RT_REG_DWORD, NULL, &number, &size) == 0 && number == 0x12345678, "the number");
    check(RegGetValueA(top, NULL, "Text", RRF_RT_REG_DWORD, NULL, &number, &size) == ERROR_UNSUPPORTED_TYPE, "the text is none");
    size = sizeof data;
    check(RegGetValueA(top, NULL, "Expand", RRF_RT_REG_SZ, NULL, data, &size) == 0 && data[0] != '%' && data[1] == ':',
          "variables are put in");
    check(RegQueryInfoKeyA(top, NULL, NULL, NULL, NULL, NULL, NULL, &most, &longest, &biggest, NULL, NULL) == 0 && most == 5 &&
              longest == 7, "what a key has in all");
    size = sizeof name;
    status = RegEnumValueA(top, 1, name, &size, NULL, &type, NULL, NULL);
    check(status == 0 && size == strlen(name), "values are listed");
    size = sizeof name;
    check(RegEnumValueA(top, 5, name, &size, NULL, NULL, NULL, NULL) == ERROR_NO_MORE_ITEMS, "until there are no more");
    size = 2;
    check(RegEnumValueA(top, 3, name, &size, NULL, NULL, NULL, NULL) == ERROR_MORE_DATA, "a name needs room");
    check(RegDeleteValueA(top, "number") == 0 && RegDeleteValueA(top, "number") == ERROR_FILE_NOT_FOUND, "a value is deleted once");
    check(RegSetValueExA(top, "TEXT", 0, REG_DWORD, (const BYTE *)&number, 4) == 0 &&
              RegQueryValueExA(top, "Text", NULL, &type, NULL, NULL) == 0 && type == REG_DWORD, "a value is set anew");
}

static void keys(void)
{
    HKEY key, below;
    DWORD disposition, size, count;
    char name[64];
    FILETIME written;

    check(RegCreateKeyExA(top, "One", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, &disposition) == 0 &&
              disposition == REG_CREATED_NEW_KEY, "a key is made");
    RegCloseKey(key);
    check(RegCreateKeyExA(top, "ONE", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, &disposition) == 0 &&
              disposition == REG_OPENED_EXISTING_KEY, "and found in any case");
    check(RegCreateKeyExA(key, "Deep\\Deeper\\Deepest", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &below, NULL) == 0,
          "several at once");
    RegCloseKey(below);
    check(RegOpenKeyExA(top, "one\\DEEP\\deeper", 0, KEY_READ, &below) == 0, "it is opened by a path");
    check(RegOpenKeyExA(top, "one\\nothing", 0, KEY_READ, &key) == ERROR_FILE_NOT_FOUND, "which may lead nowhere");
    RegCloseKey(below);
    RegCreateKeyA(top, "Alpha", &below);
    RegCloseKey(below);
    size = sizeof name;
    check(RegEnumKeyExA(top, 0, name, &size, NULL, NULL, NULL, &written) == 0 && !strcmp(name, "Alpha") && size == 5,
          "keys are listed in their order");
    size = sizeof name;
    check(RegEnumKeyExA(top, 1, name, &size, NULL, NULL, NULL, NULL) == 0 && !strcmp(name, "One"), "as they were written");
    size = sizeof name;
    check(RegEnumKeyExA(top, 2, name, &size, NULL, NULL, NULL, NULL) == ERROR_NO_MORE_ITEMS, "until there are none");
    check(RegQueryInfoKeyA(top, NULL, NULL, NULL, &count, &size, NULL, NULL, NULL, NULL, NULL, NULL) == 0 && count == 2 && size == 5,
          "how many there are");
    check(RegDeleteKeyA(top, "One") == ERROR_ACCESS_DENIED, "a key with others below stays");
    check(RegDeleteKeyA(top, "Alpha") == 0 && RegDeleteKeyA(top, "Alpha") == ERROR_FILE_NOT_FOUND, "one without goes once");
    check(RegCreateKeyExA(top, "Fleeting", 0, NULL, REG_OPTION_VOLATILE, KEY_ALL_ACCESS, NULL, &below, NULL) == 0, "a volatile key");
    check(RegCreateKeyExA(below, "Lasting", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL) == ERROR_CHILD_MUST_BE_VOLATILE,
          "has no lasting ones below");
    check(RegDeleteKeyA(top, "Fleeting") == 0, "an open key is deleted");
    check(RegSetValueExA(below, "x", 0, REG_SZ, (const BYTE *)"", 1) == ERROR_KEY_DELETED, "nothing is written to it then");
    RegCloseKey(below);
    check(RegDeleteTreeA(top, "One") == 0 && RegOpenKeyExA(top, "One", 0, KEY_READ, &key) == ERROR_FILE_NOT_FOUND, "a tree is deleted");
    check(RegOpenKeyExA((HKEY)0x12345, "x", 0, KEY_READ, &key) == ERROR_INVALID_HANDLE, "what is no key has none below");
}

static DWORD WINAPI write_later(void *argument)
{
    Sleep(30);
    return RegSetValueExA(argument, "Later", 0, REG_SZ, (const BYTE *)"", 1);
}

static void watch(void)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    HKEY below, names, tree;
    IO_STATUS_BLOCK status;

    RegOpenKeyExA(HKEY_CURRENT_USER, TOP, 0, KEY_ALL_ACCESS, &names);
    RegOpenKeyExA(HKEY_CURRENT_USER, TOP, 0, KEY_ALL_ACCESS, &tree);
    check(RegNotifyChangeKeyValue(top, FALSE, REG_NOTIFY_CHANGE_LAST_SET, event, TRUE) == 0, "a key is watched");
    check(WaitForSingleObject(event, 20) == WAIT_TIMEOUT, "nothing happens");
    RegSetValueExA(top, "Watched", 0, REG_SZ, (const BYTE *)"", 1);
    check(WaitForSingleObject(event, 5000) == WAIT_OBJECT_0, "a value is set");
    RegSetValueExA(top, "Watched", 0, REG_SZ, (const BYTE *)"a", 2);
    check(WaitForSingleObject(event, 20) == WAIT_TIMEOUT, "which is told once");
    check(RegNotifyChangeKeyValue(names, TRUE, REG_NOTIFY_CHANGE_NAME, event, TRUE) == 0, "names are watched");
    RegSetValueExA(top, "Watched", 0, REG_SZ, (const BYTE *)"b", 2);
    check(WaitForSingleObject(event, 20) == WAIT_TIMEOUT, "a value is none");
    RegCreateKeyA(top, "Sub", &below);
    check(WaitForSingleObject(event, 5000) == WAIT_OBJECT_0, "a new key is");
    check(RegNotifyChangeKeyValue(tree, TRUE, REG_NOTIFY_CHANGE_LAST_SET, event, TRUE) == 0, "a tree is watched");
    RegSetValueExA(below, "Value", 0, REG_SZ, (const BYTE *)"", 1);
    check(WaitForSingleObject(event, 5000) == WAIT_OBJECT_0, "a value deep in it");
    check(native(NtNotifyChangeMultipleKeys)(top, 0, NULL, event, NULL, NULL, &status, REG_NOTIFY_CHANGE_LAST_SET, FALSE, NULL, 0,
                                             TRUE) == 0x103, "a key without others is watched");
    RegSetValueExA(top, "Watched", 0, REG_SZ, (const BYTE *)"c", 2);
    check(WaitForSingleObject(event, 5000) == WAIT_OBJECT_0, "its values are");
    RegNotifyChangeKeyValue(names, TRUE, REG_NOTIFY_CHANGE_NAME, event, TRUE);
    RegCloseKey(names);
    check(WaitForSingleObject(event, 5000) == WAIT_OBJECT_0, "closing a key ends watching it");
    RegCloseKey(below);
    RegCloseKey(tree);
    CloseHandle(CreateThread(NULL, 0, write_later, top, 0, NULL));
    check(RegNotifyChangeKeyValue(top, FALSE, REG_NOTIFY_CHANGE_LAST_SET, NULL, FALSE) == 0, "one may wait for it as well");
    check(RegNotifyChangeKeyValue(NULL, FALSE, REG_NOTIFY_CHANGE_LAST_SET, event, TRUE) == ERROR_INVALID_HANDLE, "no key is not watched");
}

static void licences(void)
{
    UNICODE_STRING name = {0}, number = {50, 52, L"Kernel-MUI-Number-Allowed"}, none = {14, 16, L"Nothing"};
    ULONG type = 0, size = 0, value = 0, room = sizeof value;

    check(native(NtQueryLicenseValue)(&number, &type, &value, room, &size) == 0 && type == REG_DWORD && size == 4 && value == 1000,
          "a licence has a number");
    size = value = 0;
    check(native(NtQueryLicenseValue)(&number, NULL, &value, 2, &size) == (NTSTATUS)0xC0000023 && size == 4 && value == 0,
          "it takes some room");
    check(native(NtQueryLicenseValue)(&none, &type, &value, room, &size) == (NTSTATUS)0xC0000034, "another has none");
    check(native(NtQueryLicenseValue)(&name, &type, &value, room, &size) == (NTSTATUS)0xC000000D, "no name is no licence's");
    check(native(NtQueryLicenseValue)(&number, &type, &value, room, NULL) == (NTSTATUS)0xC000000D, "the size must go somewhere");
}

int main(void)
{
    RegDeleteTreeA(HKEY_CURRENT_USER, TOP);
    check(RegCreateKeyA(HKEY_CURRENT_USER, TOP, &top) == 0, "a key of the user's");
    values();
    keys();
    watch();
    licences();
    RegCloseKey(top);
    check(RegDeleteTreeA(HKEY_CURRENT_USER, TOP) == 0 && RegOpenKeyA(HKEY_CURRENT_USER, TOP, &top) == ERROR_FILE_NOT_FOUND,
          "nothing is left of it");
    return 0;
}
