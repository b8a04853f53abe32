/* Handles that have some rights and lack others. */
#include <winternl.h>

#include "children.h"

typedef BOOL Action(HANDLE object);
typedef NTSTATUS NTAPI QueryObject(HANDLE, OBJECT_INFORMATION_CLASS, void *, ULONG, ULONG *);
typedef NTSTATUS NTAPI OfHandle(HANDLE, void *);

static void *native(const char *name) { return (void *)GetProcAddress(GetModuleHandleA("ntdll"), name); }

static BOOL outcome(NTSTATUS status)
{
    typedef ULONG NTAPI ToError(NTSTATUS);

    SetLastError(((ToError *)native("RtlNtStatusToDosError"))(status));
    return status >= 0;
}

static HANDLE with(HANDLE object, DWORD access)
{
    HANDLE made = NULL;

    DuplicateHandle(GetCurrentProcess(), object, GetCurrentProcess(), &made, access, FALSE, 0);
    return made;
}

static DWORD granted(HANDLE object)
{
    PUBLIC_OBJECT_BASIC_INFORMATION basic = {0};

    ((QueryObject *)native("NtQueryObject"))(object, ObjectBasicInformation, &basic, sizeof basic, NULL);
    CloseHandle(object);
    return basic.GrantedAccess;
}

/* An action is refused to a handle that has all rights but `right`, and granted to one that has only that. */
static void needs(const char *what, HANDLE object, DWORD all, DWORD right, Action *action)
{
    char fact[120];
    HANDLE less = with(object, all & ~right), least = with(object, right);

    SetLastError(0);
    snprintf(fact, sizeof fact, "%s is refused without the right", what);
    check(!action(less) && GetLastError() == ERROR_ACCESS_DENIED, fact);
    snprintf(fact, sizeof fact, "%s needs no other", what);
    check(action(least), fact);
    CloseHandle(less);
    CloseHandle(least);
}

