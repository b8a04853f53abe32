"""What is changed in Wine's cmd.exe when it is loaded (docs/decisions/006-console.md).

It has CHOICE built in, as DOS's shell took it. Windows' choice is a program, whose options (`/c yn /m text`) the one in the
shell does not know. So that the program is found, the name in the shell's table of what is built in becomes one that no
command has.

It goes on after ^C, where Windows' ends the line or the batch file. Each command of a line, a block or a loop returns a code,
and there is one that ends whatever the command is part of: EXIT /B and GOTO need it. The function that runs commands, which
calls itself for their parts, returns that code while the process is interrupted. What is built in ends by itself, as nothing
more is found, read or started, and what it still says is not shown.
"""

from __future__ import annotations

import logging
import re
import struct
from contextlib import suppress
from typing import Final

from lichen.abi.memory import BadAddress
from lichen.executive.interfaces import GuestGone
from lichen.executive.processes import Process
from lichen.executive.status import Failure
from lichen.subsystems.nt.image_code import ImageCode
from lichen.subsystems.nt.pe import PeFile
from lichen.subsystems.nt.records import LONG, ULONG
from lichen.subsystems.nt.state import as_nt_process
from lichen.subsystems.nt.status import NtStatus

log = logging.getLogger("lichen.nt")

_ROOM: Final = 20
"""Bytes of a name in the table: ten units."""


def _entry(name: str) -> bytes:
    return name.encode("utf-16-le").ljust(_ROOM, b"\0")


_CHOICE: Final = re.compile(re.escape(_entry("MORE")) + b"(" + re.escape(_entry("CHOICE")) + b")")
_NOBODYS: Final = _entry("\\CHOICE")

_STATE: Final = 0x60
"""Where a process's environment block has two bytes that nothing else uses: whether the shell is running a line (written by
the shell), and whether that is interrupted (by the kernel). Neither undoes what the other says."""
_RUNNING, _AT_REST = 1, 2
_INTERRUPTED: Final = 1
_GONE: Final = (BadAddress, Failure, GuestGone, OSError)
"""What asking a process's memory may raise."""

_ABORTED: Final = LONG.pack(-999999)
"""What a command returns that ends whatever it is part of."""
_COMPARED: Final = b"\x3d" + _ABORTED  # cmp eax, ABORTED
_LEFT: Final = re.compile(
    rb"\x48\x81\xc4....(?=(?:\x41?[\x58-\x5f])+\xc3)", re.DOTALL
)  # add rsp, ...; pop...; ret
_EXIT_B: Final = re.compile(
    rb"\x89[\x05\x0d\x15\x1d\x25\x2d\x35\x3d](....)\xc7\x40.\x01\0\0\0\xb8" + re.escape(_ABORTED), re.DOTALL
)
"""EXIT /B: `mov [errorlevel], ...; mov dword [rax+...], 1; mov eax, ABORTED`."""
_OUTCOMES: Final = {
    "FindFirstFileW": -1,
    "FindNextFileW": 0,
    "ReadFile": 0,
    "ReadConsoleW": 0,
    "CreateProcessW": 0,
    "WriteConsoleW": 1,
}
"""What the functions answer that an interrupted shell calls."""


def patch_shell(file: PeFile, image: bytearray) -> None:
    """Have CHOICE not be built in and ^C end lines; a shell that is not as expected stays as it is."""
    found = _CHOICE.search(image)
    if found is not None:
        image[found.start(1) : found.end(1)] = _NOBODYS
    try:
        _Interruption(file, image).make()
    except (LookupError, ValueError, struct.error, Failure) as error:
        log.info("this cmd.exe cannot be made to end a line at ^C: %r", error)


def interrupt(shell: Process) -> bool:
    """End the line that a shell runs, if it runs one; false for a shell that cannot do this, or has yet to run its first."""
    known = _state(shell)[0] in (_RUNNING, _AT_REST)
    if known:
        with suppress(*_GONE):
            shell.first_thread.memory.write(_place(shell) + 1, bytes((_INTERRUPTED,)))
    return known


def is_interrupted(process: Process) -> bool:
    """Whether a process is a shell whose line ends."""
    return _state(process) == (_RUNNING, _INTERRUPTED)


def _state(process: Process) -> tuple[int, ...]:
    with suppress(*_GONE):
        return tuple(process.first_thread.memory.read(_place(process), 2))
    return 0, 0


def _place(process: Process) -> int:
    state = as_nt_process(process)
    return state.peb + _STATE if state is not None else 0


class _Interruption(ImageCode):
    """Finds all places before it changes one."""

    def make(self) -> None:
        runs = self._runner()
        exits = [(found.start(), found[0]) for found in _LEFT.finditer(self.image, *runs)]
        calls = [
            call
            for start, end in self.file.functions.items()
            if next(self.calls(start, end, self.file.imports["SetConsoleCtrlHandler"]), None)
            for call in self.calls_to(start, end, runs[0])
        ]
        slots = {self.file.imports[name]: outcome for name, outcome in _OUTCOMES.items()}
        exit_b = _EXIT_B.search(self.image, self.start, self.section_end)
        if not exits or not calls or exit_b is None:
            raise LookupError("where it runs commands")
        errorlevel = exit_b.end(1) + LONG.unpack(exit_b[1])
        if self.free + 0x40 * (len(exits) + len(slots) + 2) > self.end:
            raise LookupError("room")
        for at, leave in exits:
            self._leave_aborted(at, leave)
        line = self._line(runs[0], errorlevel)
        for call in calls:
            self.branch(b"\xe8", call, line)
        for slot, outcome in slots.items():
            self.redirect(slot, self._unless_interrupted(slot, outcome))

    def _runner(self) -> tuple[int, int]:
        """The function that runs commands."""
        found = [
            (start, end)
            for start, end in self.file.functions.items()
            if self.image.find(_COMPARED, start, end) >= 0 and self.calls_itself(start, end)
        ]
        (runner,) = found
        return runner

    def _put(self, *parts: bytes) -> int:
        at = self.placed(*parts)
        assert at is not None
        return at

    def _leave_aborted(self, at: int, leave: bytes) -> None:
        """Return ABORTED where a function would return something else, if the line is interrupted."""
        code = self._put(
            leave,
            bytes.fromhex("65 48 8b 0c 25 60 00 00 00"),  # mov rcx, gs:[60h]: the environment block
            bytes.fromhex("66 81 79 60 01 01"),  # cmp word [rcx+STATE], RUNNING | INTERRUPTED
            bytes.fromhex("75 05"),  # jne on
            b"\xb8" + _ABORTED,  # mov eax, ABORTED
            bytes.fromhex("e9 00 00 00 00"),  # on: jmp back
        )
        self.branch(b"\xe9", code + 29, at + len(leave))
        self.branch(b"\xe9", at, code)
        self.image[at + 5 : at + len(leave)] = bytes.fromhex("66 90")  # nop

    def _line(self, runs: int, errorlevel: int) -> int:
        """Run a line: the environment block says so meanwhile, and the error level says it when it was interrupted."""
        at = self._put(
            bytes.fromhex("48 83 ec 28"),  # sub rsp, 28h
            bytes.fromhex("65 48 8b 04 25 60 00 00 00"),  # mov rax, gs:[60h]
            bytes.fromhex("66 c7 40 60 01 00"),  # mov word [rax+STATE], RUNNING
            bytes.fromhex("e8 00 00 00 00"),  # call runs
            bytes.fromhex("65 48 8b 0c 25 60 00 00 00"),  # mov rcx, gs:[60h]
            bytes.fromhex("66 81 79 60 01 01"),  # cmp word [rcx+STATE], RUNNING | INTERRUPTED
            bytes.fromhex("75 0a"),  # jne on
            bytes.fromhex("c7 05 00 00 00 00") + ULONG.pack(NtStatus.CONTROL_C_EXIT),  # mov [errorlevel], ...
            bytes.fromhex("c6 41 60 02"),  # on: mov byte [rcx+STATE], AT_REST
            bytes.fromhex("48 83 c4 28 c3"),  # add rsp, 28h; ret
        )
        self.branch(b"\xe8", at + 19, runs)
        self.image[at + 43 : at + 47] = LONG.pack(errorlevel - (at + 51))
        return at

    def _unless_interrupted(self, slot: int, outcome: int) -> int:
        """Call an imported function, unless the line is interrupted."""
        at = self._put(
            bytes.fromhex("65 48 8b 04 25 60 00 00 00"),  # mov rax, gs:[60h]
            bytes.fromhex("66 81 78 60 01 01"),  # cmp word [rax+STATE], RUNNING | INTERRUPTED
            bytes.fromhex("74 06"),  # je ended
            bytes.fromhex("ff 25 00 00 00 00"),  # jmp by way of the slot
            b"\x48\xc7\xc0" + LONG.pack(outcome) + b"\xc3",  # ended: mov rax, outcome; ret
        )
        self.image[at + 19 : at + 23] = LONG.pack(slot - (at + 23))
        return at
