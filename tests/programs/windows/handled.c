/* Handles an exception, and ends later with an exit code that looks like it. */
#include <windows.h>

static LONG CALLBACK skip(EXCEPTION_POINTERS *info)
{
    info->ContextRecord->Rip = info->ContextRecord->Rbx;
    return EXCEPTION_CONTINUE_EXECUTION;
}

int main(void)
{
    AddVectoredExceptionHandler(1, skip);
    __asm__ volatile("lea 1f(%%rip), %%rbx\n\tmovl $1, 8\n1:" ::: "rbx", "memory");
    ExitProcess(EXCEPTION_ACCESS_VIOLATION);
}
