# The page of kernel code in every guest, at 0x7fffffff0000: above NT's highest user address, below the host's.
# stub.py carries the assembled bytes, so that no compiler is needed; a test assembles this file and compares.
.intel_syntax noprefix
.text
idle_result:            # a blank or commandeered thread reports rax and waits for orders
    mov rdi, rax
idle:
    mov eax, 600        # TRACE: the kernel is here, or a guest that jumped in and dies
    syscall
    jmp idle_result
.balign 16
run:                    # r12 -> (number, six arguments)..., -1: memory operations of this process
    mov rax, [r12]
    cmp rax, -1
    je finished
    mov rdi, [r12+8]
    mov rsi, [r12+16]
    mov rdx, [r12+24]
    mov r10, [r12+32]
    mov r8, [r12+40]
    mov r9, [r12+48]
    syscall
    cmp rax, -4096
    ja idle_result
    add r12, 56
    jmp run
finished:
    xor eax, eax
    jmp idle_result
.balign 16
leave:                  # the end of one thread, with rdi as its code
    mov eax, 60
    syscall
    jmp leave
.balign 16
nt_dispatch:            # ntdll calls [0x7ffe1000], which points here: number in eax, arguments r10 rdx r8 r9 and on the stack
    push rdi
    mov rdi, rsp        # a notification shows rdi, so the kernel sees the stack without a stop
    add eax, 0x10000
    syscall
nt_returned:
    pop rdi
    mov r11, rax
    shr r11, 32
    jnz nt_operations
    ret
nt_operations:          # the answer is a list of memory operations at scratch + eax; behind its -1 stands the status
    push rdi
    push rsi
    push rbx
    mov eax, eax
    movabs rbx, 0x7fffffff1000
    add rbx, rax
nt_next:
    mov rax, [rbx]
    cmp rax, -1
    je nt_done
    mov rdi, [rbx+8]
    mov rsi, [rbx+16]
    mov rdx, [rbx+24]
    mov r10, [rbx+32]
    mov r8, [rbx+40]
    mov r9, [rbx+48]
    syscall
    cmp rax, -4096
    ja nt_failed
    add rbx, 56
    jmp nt_next
nt_done:
    mov rax, [rbx+8]
nt_leave:
    pop rbx
    pop rsi
    pop rdi
    ret
nt_failed:              # the kernel hears which operation the host refused, and answers with the status
    mov rdi, rax
    mov rsi, rbx
    mov eax, 0x13000
    syscall
    jmp nt_leave
.balign 16
unix_dispatch:          # __wine_unix_call: rcx handle, edx code, r8 arguments
    mov r10, rcx
    mov eax, 0x2000
    jmp nt_dispatch
