"""The registers of a stopped amd64 guest thread, by name (layout: struct user_regs_struct, sys/user.h).

A subsystem reads and changes them to build signal and exception frames; the platform loads them on the first look after a
stop and stores them again before the thread goes on.
"""

from __future__ import annotations

from typing import Final


class _Register:
    """One 64-bit word of the register block."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __get__(self, registers: Registers, owner: type) -> int:
        return registers.words[self.index]

    def __set__(self, registers: Registers, value: int) -> None:
        registers.words[self.index] = value & 0xFFFFFFFFFFFFFFFF


class Registers:
    """All general registers of one thread; `raw` is the host's record, `words` the same as 64-bit integers."""

    SIZE: Final = 27 * 8

    r15 = _Register(0)
    r14 = _Register(1)
    r13 = _Register(2)
    r12 = _Register(3)
    rbp = _Register(4)
    rbx = _Register(5)
    r11 = _Register(6)
    r10 = _Register(7)
    r9 = _Register(8)
    r8 = _Register(9)
    rax = _Register(10)
    rcx = _Register(11)
    rdx = _Register(12)
    rsi = _Register(13)
    rdi = _Register(14)
    orig_rax = _Register(15)
    rip = _Register(16)
    cs = _Register(17)
    eflags = _Register(18)
    rsp = _Register(19)
    ss = _Register(20)
    fs_base = _Register(21)
    gs_base = _Register(22)
    ds = _Register(23)
    es = _Register(24)
    fs = _Register(25)
    gs = _Register(26)

    def __init__(self) -> None:
        self.raw = bytearray(self.SIZE)
        self.words = memoryview(self.raw).cast("Q")

    def save(self) -> bytes:
        """A copy of all registers, for `restore`."""
        return bytes(self.raw)

    def restore(self, saved: bytes) -> None:
        """Take over what `save` returned."""
        self.raw[:] = saved

    def clear(self) -> None:
        """Zero everything but the segment registers, as a new program finds them."""
        kept = self.cs, self.ss, self.ds, self.es, self.fs, self.gs
        self.raw[:] = bytes(self.SIZE)
        self.cs, self.ss, self.ds, self.es, self.fs, self.gs = kept
        self.orig_rax = -1
