"""Where a guest puts the arguments of a system call.

A platform delivers a call as a number and a tuple of raw, unsigned values, `args`. The first `len(registers)`
of them are argument registers, in order. Where a convention goes on to the stack, one more value follows: the
guest address of the first argument that is not in a register. All the arguments on the stack are read in one
go, one pointer-sized slot each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lichen.abi.layout import ILP32, LLP64, LP64, NT32, DataModel


@dataclass(frozen=True)
class Convention:
    """One way to make a system call, and the C data model of those who call so."""

    name: str
    model: DataModel
    registers: tuple[str, ...]
    stack: bool = False

    @property
    def delivered(self) -> int:
        """How many values `args` holds."""
        return len(self.registers) + self.stack


AMD64: Final = Convention("amd64", LP64, ("rdi", "rsi", "rdx", "r10", "r8", "r9"))
I386: Final = Convention("i386", ILP32, ("ebx", "ecx", "edx", "esi", "edi", "ebp"))
X64: Final = Convention("x64", LLP64, ("r10", "rdx", "r8", "r9"), stack=True)
X86: Final = Convention("x86", NT32, (), stack=True)
