/* Calls of ntdll, most of which no header declares: `native(NtClose)(handle)`. Pointers among the arguments are no plain 0. */
#include <winternl.h>

#define native(name) ((NTSTATUS(NTAPI *)())(void *)GetProcAddress(GetModuleHandleA("ntdll"), #name))
