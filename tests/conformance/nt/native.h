/* Calls of ntdll that no import library has: `native(NtClose)(handle)`. */
#include <winternl.h>

#define native(name) ((__typeof__(&(name)))(void *)GetProcAddress(GetModuleHandleA("ntdll"), #name))
