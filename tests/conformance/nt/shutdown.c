/* Ending the machine, as far as nobody is harmed where it works: what is wrong is said before anything ends. */
#include "check.h"
#include <winternl.h>

typedef NTSTATUS(NTAPI *shutdown_system)(ULONG);
typedef NTSTATUS(NTAPI *initiate_power_action)(ULONG, ULONG, ULONG, BOOLEAN);

#define INVALID_PARAMETER ((NTSTATUS)0xC000000D)
#define ELSEWHERE "\\\\no-such-computer"

static void check_calls(void)
{
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    shutdown_system shut_down = (shutdown_system)(void *)GetProcAddress(ntdll, "NtShutdownSystem");
    initiate_power_action initiate =
        (initiate_power_action)(void *)GetProcAddress(ntdll, "NtInitiatePowerAction");

    check(shut_down(3) == INVALID_PARAMETER, "there are three ways to shut down");
    check(shut_down(0x80000000) == INVALID_PARAMETER, "none of them has a large number");
    check(initiate(99, 4, 0, FALSE) == INVALID_PARAMETER, "there are few power actions");
}

static int fails(BOOL result, DWORD error)
{
    return !result && GetLastError() == error;
}

static void check_computers(void)
{
    check(fails(InitiateSystemShutdownExW(L"" ELSEWHERE, NULL, 60, FALSE, FALSE, 0), ERROR_BAD_NETPATH),
          "another computer is not shut down");
    check(fails(InitiateSystemShutdownExA(ELSEWHERE, "x", 60, FALSE, TRUE, 0), ERROR_BAD_NETPATH),
          "nor by its name in bytes");
    check(fails(InitiateSystemShutdownW(L"" ELSEWHERE, NULL, 60, FALSE, FALSE), ERROR_BAD_NETPATH),
          "nor without a reason");
    check(fails(AbortSystemShutdownW(L"" ELSEWHERE), ERROR_BAD_NETPATH), "nor is that taken back");
    check(InitiateShutdownW(L"" ELSEWHERE, NULL, 60, SHUTDOWN_POWEROFF, 0) == ERROR_BAD_NETPATH,
          "InitiateShutdown returns its error");
    check(InitiateShutdownW(NULL, NULL, 60, SHUTDOWN_POWEROFF | SHUTDOWN_RESTART, 0) ==
              ERROR_INVALID_PARAMETER,
          "off and on again at once is nonsense");
}

int main(void)
{
    check_calls();
    check_computers();
    return 0;
}
