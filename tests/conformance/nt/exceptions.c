/* Exceptions, as vectored handlers and the unhandled-exception filter see them. */
#include "check.h"

static DWORD code;
static ULONG_PTR kind, address;

static LONG CALLBACK skip(EXCEPTION_POINTERS *info)
{
    EXCEPTION_RECORD *record = info->ExceptionRecord;

    code = record->ExceptionCode;
    kind = record->NumberParameters > 0 ? record->ExceptionInformation[0] : 99;
    address = record->NumberParameters > 1 ? record->ExceptionInformation[1] : 0;
    if (code == EXCEPTION_ACCESS_VIOLATION || code == EXCEPTION_INT_DIVIDE_BY_ZERO || code == EXCEPTION_ILLEGAL_INSTRUCTION)
        info->ContextRecord->Rip = info->ContextRecord->Rbx;
    else if (code == EXCEPTION_BREAKPOINT)
        info->ContextRecord->Rip++;
    else if (code != 0xE0001234)
        return EXCEPTION_CONTINUE_SEARCH;
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* Each instruction goes on at the label behind it, whose address rbx has. */
#define TRY(instruction) \
    __asm__ volatile("lea 1f(%%rip), %%rbx\n\t" instruction "\n1:" ::: "rax", "rbx", "rcx", "rdx", "memory", "cc")

int main(void)
{
    ULONG_PTR parameter = 77;
    void *handler = AddVectoredExceptionHandler(1, skip);

    TRY("mov $0x10, %%eax\n\tmov (%%rax), %%eax");
    check(code == EXCEPTION_ACCESS_VIOLATION && kind == 0 && address == 0x10, "reading what is not there");
    TRY("mov $0x20, %%eax\n\tmov %%eax, (%%rax)");
    check(code == EXCEPTION_ACCESS_VIOLATION && kind == 1 && address == 0x20, "writing it");
    TRY("mov $0x30, %%eax\n\tjmp *%%rax");
    check(code == EXCEPTION_ACCESS_VIOLATION && kind == 8 && address == 0x30, "running it");
    TRY("xor %%ecx, %%ecx\n\tmov $1, %%eax\n\tcltd\n\tidiv %%ecx");
    check(code == EXCEPTION_INT_DIVIDE_BY_ZERO, "dividing by zero");
    TRY("ud2");
    check(code == EXCEPTION_ILLEGAL_INSTRUCTION, "an instruction that is none");
    TRY("int3");
    check(code == EXCEPTION_BREAKPOINT, "a breakpoint");
    RaiseException(0xE0001234, 0, 1, &parameter);
    check(code == 0xE0001234 && kind == 77, "one of its own, with a parameter");
    check(RemoveVectoredExceptionHandler(handler) != 0, "a handler can be removed");
    check(RemoveVectoredExceptionHandler(handler) == 0, "once");
    return 0;
}
