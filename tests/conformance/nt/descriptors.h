/* Lists of who may do what: asked for, set and compared. */
#include <string.h>

#include "check.h"

static char path[MAX_PATH];
static union
{
    SECURITY_DESCRIPTOR header;
    char bytes[1024];
} got;

static const ACL *list_of(HANDLE object)
{
    ACL *list = NULL;
    BOOL present, defaulted;
    DWORD size;

    return GetKernelObjectSecurity(object, DACL_SECURITY_INFORMATION, &got.header, sizeof got, &size) &&
                   GetSecurityDescriptorDacl(&got.header, &present, &list, &defaulted) && present ? list : NULL;
}

static int same(const ACL *one, const ACL *other)
{
    return one && other && one->AceCount == other->AceCount && !memcmp(one + 1, other + 1, one->AclSize - sizeof *one);
}

static BOOL set(HANDLE object, ACL *list)
{
    SECURITY_DESCRIPTOR descriptor;

    return InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION) &&
           SetSecurityDescriptorDacl(&descriptor, TRUE, list, FALSE) &&
           SetKernelObjectSecurity(object, DACL_SECURITY_INFORMATION, &descriptor);
}

static PSID user(void)
{
    static char buffer[128];
    HANDLE token;
    DWORD size;

    OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token);
    GetTokenInformation(token, TokenUser, buffer, sizeof buffer, &size);
    CloseHandle(token);
    return ((TOKEN_USER *)buffer)->User.Sid;
}

/* The user may do everything with a file, everyone may read it; the file of these programs is at `path`. */
static ACL *usual_list(PSID *everyone)
{
    static union
    {
        ACL list;
        char bytes[256];
    } list;
    SID_IDENTIFIER_AUTHORITY world = {SECURITY_WORLD_SID_AUTHORITY};

    AllocateAndInitializeSid(&world, 1, SECURITY_WORLD_RID, 0, 0, 0, 0, 0, 0, 0, everyone);
    InitializeAcl(&list.list, sizeof list, ACL_REVISION);
    AddAccessAllowedAce(&list.list, ACL_REVISION, FILE_ALL_ACCESS, user());
    AddAccessAllowedAce(&list.list, ACL_REVISION, FILE_GENERIC_READ, *everyone);
    list.list.AclSize = sizeof(ACL) + 2 * (sizeof(ACCESS_ALLOWED_ACE) - 4) + GetLengthSid(user()) + GetLengthSid(*everyone);
    GetTempPathA(sizeof path - 20, path);
    strcat(path, "lichen-secure.txt");
    return &list.list;
}
