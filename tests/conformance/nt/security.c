/* Security descriptors: of files and other objects, given and asked for again. */
#include "descriptors.h"

static void files(ACL *list)
{
    HANDLE file = CreateFileA(path, GENERIC_READ | WRITE_DAC, 7, NULL, CREATE_ALWAYS, 0, NULL), again;
    DWORD size;
    PSID owner;
    BOOL defaulted;

    check(!GetKernelObjectSecurity(file, DACL_SECURITY_INFORMATION, NULL, 0, &size) &&
              GetLastError() == ERROR_INSUFFICIENT_BUFFER && size > 20, "how large a descriptor is");
    check(GetKernelObjectSecurity(file, OWNER_SECURITY_INFORMATION, &got.header, sizeof got, &size) &&
              GetSecurityDescriptorOwner(&got.header, &owner, &defaulted) && EqualSid(owner, user()), "who made a file owns it");
    check(GetSecurityDescriptorGroup(&got.header, &owner, &defaulted) && !owner, "what is not asked for is not told");
    check(list_of(file) != NULL, "a file has a list");
    check(set(file, list), "it is given another");
    again = CreateFileA(path, READ_CONTROL, 7, NULL, OPEN_EXISTING, 0, NULL);
    check(list_of(again) && list_of(again)->AceCount >= 2, "whoever asks is told one");
    check(!set(again, list) && GetLastError() == ERROR_ACCESS_DENIED, "setting needs the right to");
    CloseHandle(again);
    again = CreateFileA(path, WRITE_DAC, 7, NULL, OPEN_EXISTING, 0, NULL);
    check(!list_of(again) && GetLastError() == ERROR_ACCESS_DENIED, "so does asking");
    CloseHandle(again);
    CloseHandle(file);
    DeleteFileA(path);
}

static void objects(ACL *list)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, "lichen-secured"), again = OpenEventA(EVENT_ALL_ACCESS, FALSE, "lichen-secured");
    SECURITY_DESCRIPTOR bad = {.Revision = 7};

    check(set(event, list) && same(list_of(event), list), "an event is given a list");
    check(same(list_of(again), list), "every handle to it knows");
    CloseHandle(again);
    again = OpenEventA(SYNCHRONIZE, FALSE, "lichen-secured");
    check(!set(again, list) && GetLastError() == ERROR_ACCESS_DENIED, "but not every one sets it");
    check(!SetKernelObjectSecurity(event, DACL_SECURITY_INFORMATION, &bad), "a descriptor of another revision");
    check(!SetKernelObjectSecurity((HANDLE)0x7770, DACL_SECURITY_INFORMATION, &got.header) && GetLastError() == ERROR_INVALID_HANDLE,
          "what is no handle");
    CloseHandle(event);
    CloseHandle(again);
}

static void keys(ACL *list)
{
    SECURITY_DESCRIPTOR descriptor;
    HKEY key, again;
    DWORD size = sizeof got;
    ACL *found = NULL;
    BOOL present, defaulted;

    RegCreateKeyA(HKEY_CURRENT_USER, "Software\\Lichen Security", &key);
    RegOpenKeyExA(HKEY_CURRENT_USER, "Software\\Lichen Security", 0, KEY_READ, &again);
    InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    SetSecurityDescriptorDacl(&descriptor, TRUE, list, FALSE);
    check(RegSetKeySecurity(key, DACL_SECURITY_INFORMATION, &descriptor) == 0, "a key is given a list");
    check(RegGetKeySecurity(again, DACL_SECURITY_INFORMATION, &got.header, &size) == 0 &&
              GetSecurityDescriptorDacl(&got.header, &present, &found, &defaulted) && same(found, list), "which others are told");
    check(RegSetKeySecurity(again, DACL_SECURITY_INFORMATION, &descriptor) == ERROR_ACCESS_DENIED, "but may not change");
    RegCloseKey(again);
    RegDeleteKeyA(HKEY_CURRENT_USER, "Software\\Lichen Security");
    RegCloseKey(key);
}

int main(void)
{
    PSID everyone;
    ACL *list = usual_list(&everyone);

    files(list);
    objects(list);
    keys(list);
    return 0;
}
