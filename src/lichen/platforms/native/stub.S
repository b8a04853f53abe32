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
