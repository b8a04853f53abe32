"""Functions of Wine's DLLs that say TRUE and do nothing, mended when they are loaded: they ask the kernel, or fail (025).

What is put in place of a stub keeps the frame that the tables for unwinding describe: registers that are saved, and room. A
function that calls another DLL is no stub, and is left alone. ExitWindowsEx of user32 is none: it starts Wine's wineboot.exe,
which speaks to windows and to the rest of Wine, neither of which is here.
"""

from __future__ import annotations

import re
from typing import Final

from lichen.subsystems.nt import power
from lichen.subsystems.nt.image_code import CALL, ImageCode
from lichen.subsystems.nt.records import LONG, ULONG, ULONG64
from lichen.subsystems.nt.unixcalls import KERNEL

_PROLOGUE: Final = re.compile(
    rb"(?P<pushes>(?:\x41?[\x50-\x57])*)\x48(?:\x83\xec(?P<byte>[\0-\x7f])|\x81\xec(?P<long>....))", re.DOTALL
)
"""push registers; sub rsp, room"""
_PUSH: Final = re.compile(rb"\x41?[\x50-\x57]")
_SHADOW: Final = 0x20
"""Room that whoever is called may use."""

_ASKING: Final = {
    "advapi32.dll": {
        "InitiateSystemShutdownW": power.INITIATE_SYSTEM_SHUTDOWN,
        "InitiateSystemShutdownExW": power.INITIATE_SYSTEM_SHUTDOWN,
        "InitiateSystemShutdownA": power.INITIATE_SYSTEM_SHUTDOWN_ANSI,
        "InitiateSystemShutdownExA": power.INITIATE_SYSTEM_SHUTDOWN_ANSI,
        "InitiateShutdownW": power.INITIATE_SHUTDOWN,
        "InitiateShutdownA": power.INITIATE_SHUTDOWN_ANSI,
        "AbortSystemShutdownW": power.ABORT_SYSTEM_SHUTDOWN,
        "AbortSystemShutdownA": power.ABORT_SYSTEM_SHUTDOWN_ANSI,
    },
    "user32.dll": {"ExitWindowsEx": power.EXIT_WINDOWS},
}
"""What asks the kernel, by DLL: the code of the question."""
_RETURN_ERRORS: Final = ("InitiateShutdownW", "InitiateShutdownA")
"""What returns an error itself; the others return TRUE, or FALSE and leave the error with the thread."""
_FAILING: Final = {
    "kernel32.dll": {"SetSystemPowerState": power.NOT_SUPPORTED},
    "powrprof.dll": {"SetSuspendState": power.NOT_SUPPORTED},
}
"""What cannot be done here, by DLL: the error of Win32 that says so."""


def mend(code: ImageCode, name: str, dispatcher: int) -> None:
    """Mend what the DLL of a name has of the functions above."""
    for function, number in _ASKING.get(name, {}).items():
        if _is_hollow(code, function):
            _replace(code, function, _question(number, dispatcher, function in _RETURN_ERRORS))
    for function, error in _FAILING.get(name, {}).items():
        if _is_hollow(code, function):
            failing = b"\x65\xc7\x04\x25\x68\0\0\0" + ULONG.pack(error)  # mov dword gs:[68h], error
            _replace(code, function, (failing + b"\x31\xc0", b""))  # xor eax, eax


def _is_hollow(code: ImageCode, name: str) -> bool:
    """Whether a function does nothing, or nothing but start a program."""
    if name not in code.file.exports:
        return False
    start, end = code.function(name)
    starts = code.file.imports.get("CreateProcessW")
    return code.image.find(CALL, start, end) < 0 or (
        starts is not None and any(code.calls(start, end, starts))
    )


def _replace(code: ImageCode, name: str, body: tuple[bytes, bytes]) -> None:
    """Put a body between a function's own prologue and its end; the first part is told where the arguments lie."""
    start, end = code.function(name)
    found = _PROLOGUE.match(code.image, start, end)
    if found is None:
        return
    pushes = _PUSH.findall(found["pushes"])
    room = found["byte"][0] if found["byte"] is not None else LONG.unpack(found["long"])
    if room < _SHADOW:
        return
    arguments = room + 8 * len(pushes) + 8
    release = b"\x48\x81\xc4" + LONG.pack(room) + b"".join(_pop(push) for push in reversed(pushes))
    spill = _spilled(arguments) if body[1] else b""
    whole = spill + body[0] + body[1] + release + b"\xc3"
    if found.end() + len(whole) <= end:
        code.image[found.end() : end] = whole.ljust(end - found.end(), b"\xcc")


def _pop(push: bytes) -> bytes:
    return push[:-1] + bytes((push[-1] + 8,))


def _spilled(at: int) -> bytes:
    """Put the arguments that are in registers where those lie that are not, and let r8 say where that is."""
    registers = (b"\x48\x89\x4c", b"\x48\x89\x54", b"\x4c\x89\x44", b"\x4c\x89\x4c")
    stores = [_at_stack(operation, at + 8 * number) for number, operation in enumerate(registers)]
    return b"".join(stores) + _at_stack(b"\x4c\x8d\x44", at)


def _at_stack(operation: bytes, displacement: int) -> bytes:
    """An operation between a register and [rsp+displacement], in its short form where that is near enough."""
    if displacement < 0x80:
        return operation + b"\x24" + bytes((displacement,))
    return operation[:-1] + bytes((operation[-1] ^ 0xC0,)) + b"\x24" + LONG.pack(displacement)


def _question(number: int, dispatcher: int, returns_error: bool) -> tuple[bytes, bytes]:
    """Call the kernel, and make of the error that it answers what the function returns."""
    ask = (
        b"\xb9" + ULONG.pack(KERNEL)  # mov ecx, KERNEL
        + b"\xba" + ULONG.pack(number)  # mov edx, number
        + b"\x48\xb8" + ULONG64.pack(dispatcher)  # mov rax, dispatcher
        + b"\xff\xd0"  # call rax
    )  # fmt: skip
    tell = bytes.fromhex(
        "85 c0 74 08"  # test eax, eax; jz on
        "65 89 04 25 68 00 00 00"  # mov gs:[68h], eax: the last error
        "85 c0 0f 94 c0 0f b6 c0"  # on: test eax, eax; sete al; movzx eax, al
    )
    return ask, b"\x90" if returns_error else tell
