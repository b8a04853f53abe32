"""Guest memory as the typed arguments see it: three operations and one way to fail.

A `Memory` is whatever holds a process's address space. It is structural: the executive's address space
satisfies it without naming it, as the executive imports nothing of ours.
"""

from __future__ import annotations

from typing import Protocol


class Fault(Exception):
    """A guest address that cannot be read or written; becomes EFAULT or STATUS_ACCESS_VIOLATION."""

    def __init__(self, address: int) -> None:
        super().__init__(f"bad guest address {address:#x}")
        self.address = address


class Memory(Protocol):
    """The address space of one process; every operation is whole or raises Fault."""

    def read(self, address: int, size: int) -> bytes:
        """Exactly `size` bytes."""

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Store all of `data`."""

    def cstring(self, address: int, limit: int) -> bytes:
        """The bytes before the first zero byte; `limit` bytes if none of these is zero."""
