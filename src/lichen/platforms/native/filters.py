"""The seccomp filters of guests: which calls the host answers, which the kernel is told of, which stop the thread.

ALLOW is a short audited list of calls that read or change nothing but the calling thread and its own memory (G4).
TRACE stops the thread, for calls that change registers. All else is a notification. From the stub page only what could
harm the guest alone is free; mapping a descriptor is a notification (compared with what was ordered), and anything else
stops: an idle thread does that on order, a guest that jumped in dies of it.
"""

from __future__ import annotations

import struct
from typing import Final

from lichen.platforms.native import stub

ALLOW: Final = 0x7FFF0000
NOTIFY: Final = 0x7FC00000
TRACE: Final = 0x7FF00000
NO_SUCH_CALL: Final = 0x00050000 | 38

ARCH_X86_64: Final = 0xC000003E
NT_FLOOR: Final = 0x10000
"""The NT dispatcher adds this to its numbers, so that one filter can decide by number alone."""

# sched_yield nanosleep gettimeofday time getcpu restart_syscall
_FREE: Final = (24, 35, 96, 201, 309, 219)
_CHECKED: Final = {
    202: "futex",
    228: "clock",
    229: "clock",
    230: "clock",
    28: "madvise",
    158: "arch_prctl",
}
HOST_ANSWERS: Final = frozenset((*_FREE, *_CHECKED))
"""Calls that the host answers without asking, some of them only for certain arguments."""
# mmap rt_sigreturn mremap clone fork vfork execve execveat clone3
_STOPPING: Final = (9, 15, 25, 56, 57, 58, 59, 322, 435)
_CLOCKS: Final = (0, 1, 4, 5, 6, 7, 8, 9, 10, 11)
_ADVICE: Final = (0, 1, 2, 3, 4, 8, 14, 15)
_FUTEX_OPERATIONS: Final = (0, 1, 3, 4, 5, 9, 10)
_ARCH_PRCTL: Final = (0x1001, 0x1002, 0x1003, 0x1004)

TRANSIENT_DESCRIPTOR: Final = 101
"""The host descriptor number under which a file is handed to a guest while it maps it."""

_NUMBER, _ARCHITECTURE, _POINTER_LOW, _POINTER_HIGH = 0, 4, 8, 12
_SOURCE = {"load": 0x20, "equal": 0x15, "at_least": 0x35, "any_bit": 0x45, "and": 0x54, "return": 0x06}


class _Program:
    """A classic BPF program under construction; jumps name labels that are placed later."""

    def __init__(self) -> None:
        self.code: list[tuple[str, int, str | None, str | None]] = []
        self.labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        self.labels[name] = len(self.code)

    def emit(self, operation: str, value: int, yes: str | None = None, no: str | None = None) -> None:
        self.code.append((operation, value, yes, no))

    def argument(self, index: int) -> None:
        """Load the low half of a system call argument."""
        self.emit("load", 16 + 8 * index)

    def one_of(self, values: tuple[int, ...], yes: str, otherwise: str) -> None:
        for value in values:
            self.emit("equal", value, yes)
        self.emit("at_least", 0, otherwise, otherwise)

    def assemble(self) -> bytes:
        out = []
        for index, (operation, value, yes, no) in enumerate(self.code):
            jumps = [self.labels[label] - index - 1 if label else 0 for label in (yes, no)]
            if not all(0 <= jump < 256 for jump in jumps):
                raise ValueError(f"jump out of reach at {index}: {operation} {yes} {no}")
            out.append(struct.pack("<HBBI", _SOURCE[operation], *jumps, value))
        return b"".join(out)


def _checked_calls(program: _Program) -> None:
    """Calls that are free for some arguments: futex, clocks, madvise, arch_prctl."""
    for number, label in _CHECKED.items():
        program.emit("equal", number, label)
    program.emit("at_least", 0, "by place", "by place")
    program.label("futex")
    program.argument(1)
    program.emit("and", 0x7F)
    program.one_of(_FUTEX_OPERATIONS, "allow", "by place")
    program.label("clock")
    program.argument(0)
    program.one_of(_CLOCKS, "allow", "by place")
    program.label("madvise")
    program.argument(2)
    program.one_of(_ADVICE, "allow", "by place")
    program.label("arch_prctl")
    program.argument(0)
    program.one_of(_ARCH_PRCTL, "allow", "by place")
    program.label("allow")
    program.emit("return", ALLOW)


def _stub_calls(program: _Program) -> None:
    """Calls from the stub page."""
    program.label("stub")
    program.emit("load", _NUMBER)
    for number, label in ((10, "free"), (11, "free"), (60, "free"), (9, "map"), (3, "close")):
        program.emit("equal", number, label)
    program.emit("return", TRACE)
    program.label("map")
    program.argument(3)
    program.emit("any_bit", 0x01, "checked")
    program.emit("any_bit", 0x20, "free", "checked")
    program.label("close")
    program.argument(0)
    program.emit("equal", TRANSIENT_DESCRIPTOR, "free", "stop")
    program.label("free")
    program.emit("return", ALLOW)
    program.label("checked")
    program.emit("return", NOTIFY)
    program.label("stop")
    program.emit("return", TRACE)


def nt_filter() -> bytes:
    """F1, stacked on F0 in NT guests: every call from outside the stub page is a stop.

    It turns what F0 allows into a stop and leaves notifications alone, as the strictest result wins; it may never return
    NOTIFY itself, because it has no listener.
    """
    program = _Program()
    program.emit("load", _ARCHITECTURE)
    program.emit("equal", ARCH_X86_64, None, "stop")
    program.emit("load", _POINTER_HIGH)
    program.emit("equal", stub.BASE >> 32, None, "stop")
    program.emit("load", _POINTER_LOW)
    program.emit("and", 0xFFFFF000)
    program.emit("equal", stub.BASE & 0xFFFFFFFF, None, "stop")
    program.emit("return", ALLOW)
    program.label("stop")
    program.emit("return", TRACE)
    return program.assemble()


def linux_filter(nt_stopping: tuple[int, ...] = ()) -> bytes:
    """F0, the filter of every guest and the only one with a listener; `nt_stopping` are NT numbers that need a stop."""
    program = _Program()
    program.emit("load", _ARCHITECTURE)
    program.emit("equal", ARCH_X86_64, "amd64")
    program.emit("return", NO_SUCH_CALL)
    program.label("amd64")
    program.emit("load", _NUMBER)
    for number in _FREE:
        program.emit("equal", number, "allow first")
    program.emit("at_least", 0x40000000, "no such call")
    program.emit("at_least", NT_FLOOR, "nt")
    _checked_calls(program)
    program.label("allow first")
    program.emit("return", ALLOW)
    program.label("no such call")
    program.emit("return", NO_SUCH_CALL)
    program.label("nt")
    for number in nt_stopping:
        program.emit("equal", NT_FLOOR + number, "nt stop")
    program.emit("return", NOTIFY)
    program.label("nt stop")
    program.emit("return", TRACE)
    program.label("by place")
    program.emit("load", _POINTER_HIGH)
    program.emit("equal", stub.BASE >> 32, None, "elsewhere")
    program.emit("load", _POINTER_LOW)
    program.emit("and", 0xFFFFF000)
    program.emit("equal", stub.BASE & 0xFFFFFFFF, "stub", "elsewhere")
    _stub_calls(program)
    program.label("elsewhere")
    program.emit("load", _NUMBER)
    for number in _STOPPING:
        program.emit("equal", number, "stopping")
    program.emit("return", NOTIFY)
    program.label("stopping")
    program.emit("return", TRACE)
    return program.assemble()
