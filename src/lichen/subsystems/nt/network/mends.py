"""iphlpapi's functions that Wine has as stubs, or not at all: they ask the kernel (032).

A stub calls no other DLL. Its first bytes become a jump to code that puts its arguments where those lie that are on the stack
already, and goes on to the kernel: there is no frame, and so nothing that the tables for unwinding would have to know. What is
not exported is added to the exports, in the room behind what each section holds. What calls a program back gets a loop that a
thread of the program runs.
"""

from __future__ import annotations

from typing import Final

from lichen.subsystems.nt.image_code import CALL, ImageCode
from lichen.subsystems.nt.network import notifications, setters
from lichen.subsystems.nt.records import LONG, ULONG, ULONG64
from lichen.subsystems.nt.unixcalls import KERNEL

_ENTRY: Final = 10
"""mov eax, code; jmp on"""


def mend(code: ImageCode, dispatcher: int) -> None:
    """Mend the stubs, and add what is missing."""
    asking = code.placed(*_SPILL, *_SPILL_LAST, *_asks(dispatcher))
    loop = code.placed(*_loop(dispatcher))
    if asking is None or loop is None:
        return
    notifying = code.placed(*_SPILL, *_NAME_LOOP, *_SPILL_LAST, *_asks(dispatcher))
    if notifying is not None:
        place = notifying + sum(map(len, (*_SPILL, *_NAME_LOOP[:3]))) + 3
        code.image[place : place + LONG.size] = LONG.pack(loop - (place + LONG.size))
        for name, number in notifications.CODES.items():
            _begin(code, name, number, notifying)
        _begin(code, notifications.CANCEL, notifications.CANCEL_CODE, asking)
    missing = {}
    for name, number in setters.CODES.items():
        if name in code.file.exports:
            _begin(code, name, number, asking)
        elif (at := code.placed(_entry(number))) is not None:
            code.branch(b"\xe9", at + 5, asking)
            missing[name] = at
    code.add_exports(missing)


def _begin(code: ImageCode, name: str, number: int, asking: int) -> None:
    """Have a stub ask."""
    start, end = code.function(name)
    if code.image.find(CALL, start, end) < 0 and end - start >= _ENTRY:
        code.image[start : start + _ENTRY] = _entry(number)
        code.branch(b"\xe9", start + 5, asking)


def _entry(number: int) -> bytes:
    return b"\xb8" + ULONG.pack(number) + b"\xe9" + LONG.pack(0)


_SPILL: Final = (
    bytes.fromhex("48 89 4c 24 08"),  # mov [rsp+8], rcx
    bytes.fromhex("48 89 54 24 10"),  # mov [rsp+10h], rdx
    bytes.fromhex("4c 89 44 24 18"),  # mov [rsp+18h], r8
)
_NAME_LOOP: Final = (
    bytes.fromhex("45 84 c9"),  # test r9b, r9b: whether something is to be told at once
    bytes.fromhex("41 0f 95 c1"),  # setne r9b
    bytes.fromhex("45 0f b6 c9"),  # movzx r9d, r9b
    bytes.fromhex("4c 8d 15 00 00 00 00"),  # lea r10, [rip+...]: the loop, which is at an even address
    bytes.fromhex("4d 09 d1"),  # or r9, r10
)
_SPILL_LAST: Final = (
    bytes.fromhex("4c 89 4c 24 20"),  # mov [rsp+20h], r9
    bytes.fromhex("4c 8d 44 24 08"),  # lea r8, [rsp+8]
    bytes.fromhex("89 c2"),  # mov edx, eax
)


def _asks(dispatcher: int) -> tuple[bytes, ...]:
    return (
        b"\xb9" + ULONG.pack(KERNEL),  # mov ecx, KERNEL
        b"\x48\xb8" + ULONG64.pack(dispatcher),  # mov rax, dispatcher
        bytes.fromhex("ff e0"),  # jmp rax
    )


def _loop(dispatcher: int) -> tuple[bytes, ...]:
    """What a thread runs that calls a function back: its parameter is the handle (notifications)."""
    return (
        bytes.fromhex("53 48 81 ec 00 01 00 00"),  # push rbx; sub rsp, 100h
        bytes.fromhex("48 89 cb"),  # mov rbx, rcx
        bytes.fromhex("48 89 5c 24 20"),  # next: mov [rsp+20h], rbx: a Notification
        bytes.fromhex("4c 8d 44 24 20"),  # lea r8, [rsp+20h]
        b"\xb9" + ULONG.pack(KERNEL),  # mov ecx, KERNEL
        b"\xba" + ULONG.pack(notifications.WAIT_CODE),  # mov edx, WAIT_CODE
        b"\x48\xb8" + ULONG64.pack(dispatcher),  # mov rax, dispatcher
        bytes.fromhex("ff d0"),  # call rax
        bytes.fromhex("85 c0 75 15"),  # test eax, eax; jnz done
        bytes.fromhex("48 8b 4c 24 30"),  # mov rcx, [rsp+30h]: the context
        bytes.fromhex("48 8b 54 24 40"),  # mov rdx, [rsp+40h]: the row, if there is one
        bytes.fromhex("44 8b 44 24 38"),  # mov r8d, [rsp+38h]: what has happened
        bytes.fromhex("ff 54 24 28"),  # call [rsp+28h]
        bytes.fromhex("eb c7"),  # jmp next
        bytes.fromhex("31 c0 48 81 c4 00 01 00 00 5b c3"),  # done: xor eax, eax; add rsp, 100h; pop rbx; ret
    )
