"""iphlpapi's functions that Wine has as stubs, or not at all: they ask the kernel (032).

A stub calls no other DLL. Its first bytes become a jump to code that puts its arguments where those lie that are on the stack
already, and goes on to the kernel: there is no frame, and so nothing that the tables for unwinding would have to know. What is
not exported is added to the exports, in the room behind what each section holds.
"""

from __future__ import annotations

from typing import Final

from lichen.subsystems.nt.image_code import CALL, ImageCode
from lichen.subsystems.nt.network import setters
from lichen.subsystems.nt.records import LONG, ULONG, ULONG64
from lichen.subsystems.nt.unixcalls import KERNEL

NAME: Final = "iphlpapi.dll"
_ENTRY: Final = 10
"""mov eax, code; jmp on"""


def mend(code: ImageCode, dispatcher: int) -> None:
    """Mend the stubs, and add what is missing."""
    asking = code.placed(
        bytes.fromhex("48 89 4c 24 08"),  # mov [rsp+8], rcx
        bytes.fromhex("48 89 54 24 10"),  # mov [rsp+10h], rdx
        bytes.fromhex("4c 89 44 24 18"),  # mov [rsp+18h], r8
        bytes.fromhex("4c 89 4c 24 20"),  # mov [rsp+20h], r9
        bytes.fromhex("4c 8d 44 24 08"),  # lea r8, [rsp+8]
        bytes.fromhex("89 c2"),  # mov edx, eax
        b"\xb9" + ULONG.pack(KERNEL),  # mov ecx, KERNEL
        b"\x48\xb8" + ULONG64.pack(dispatcher),  # mov rax, dispatcher
        bytes.fromhex("ff e0"),  # jmp rax
    )
    if asking is None:
        return
    missing = {}
    for name, number in setters.CODES.items():
        if name not in code.file.exports:
            at = code.placed(_entry(number))
            if at is not None:
                code.branch(b"\xe9", at + 5, asking)
                missing[name] = at
            continue
        start, end = code.function(name)
        if code.image.find(CALL, start, end) < 0 and end - start >= _ENTRY:
            code.image[start : start + _ENTRY] = _entry(number)
            code.branch(b"\xe9", start + 5, asking)
    code.add_exports(missing)


def _entry(number: int) -> bytes:
    return b"\xb8" + ULONG.pack(number) + b"\xe9" + LONG.pack(0)
