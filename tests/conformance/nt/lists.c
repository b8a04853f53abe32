/* Lists of who may do what with a file: kept as they were set, though what counts are owner and mode. */
#include "descriptors.h"

static HANDLE open_file(DWORD access, DWORD disposition)
{
    return CreateFileA(path, access, 7, NULL, disposition, 0, NULL);
}

static BOOL set_owner(HANDLE object, PSID owner)
{
    SECURITY_DESCRIPTOR descriptor;

    return InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION) &&
           SetSecurityDescriptorOwner(&descriptor, owner, FALSE) &&
           SetKernelObjectSecurity(object, OWNER_SECURITY_INFORMATION, &descriptor);
}

static void files(ACL *list, PSID everyone)
{
    HANDLE file = open_file(READ_CONTROL | WRITE_DAC | WRITE_OWNER, CREATE_ALWAYS), again;
    union
    {
        ACL list;
        char bytes[256];
    } other;
    ACL broken = {.AclRevision = ACL_REVISION, .AclSize = sizeof broken, .AceCount = 3};
    DWORD size;
    BOOL present, defaulted;
    ACL *none;

    check(set(file, list) && same(list_of(file), list), "a file has the list that it was given");
    again = open_file(READ_CONTROL, OPEN_EXISTING);
    check(same(list_of(again), list), "whoever asks");
    CloseHandle(again);
    check(!set(file, &broken) && same(list_of(file), list), "a list that says more than it has is none");
    check(set_owner(file, user()) && same(list_of(file), list), "its owner may be set again");
    check(!set_owner(file, everyone) && GetLastError() == ERROR_INVALID_OWNER, "not everyone may own it");
    InitializeAcl(&other.list, sizeof other, ACL_REVISION);
    AddAccessAllowedAce(&other.list, ACL_REVISION, FILE_GENERIC_READ, everyone);
    other.list.AclSize = sizeof(ACL) + sizeof(ACCESS_ALLOWED_ACE) - 4 + GetLengthSid(everyone);
    check(set(file, &other.list) && same(list_of(file), &other.list), "a list that lets nobody write");
    check(GetFileAttributesA(path) & FILE_ATTRIBUTE_READONLY, "makes it read-only here");
    SetFileAttributesA(path, FILE_ATTRIBUTE_NORMAL);
    check(list_of(file) && !same(list_of(file), &other.list), "what changes that changes the list");
    check(set(file, NULL) && GetKernelObjectSecurity(file, DACL_SECURITY_INFORMATION, &got.header, sizeof got, &size) &&
              GetSecurityDescriptorDacl(&got.header, &present, &none, &defaulted) && present && !none, "no list at all");
    CloseHandle(file);
    DeleteFileA(path);
}

int main(void)
{
    PSID everyone;
    ACL *list = usual_list(&everyone);

    files(list, everyone);
    return 0;
}
