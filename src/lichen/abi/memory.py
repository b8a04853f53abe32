"""Guest memory as the typed arguments see it: three operations and one way to fail.

A `Memory` is whatever holds a process's address space. It is structural: the executive's address space
satisfies it without naming it, as the executive imports nothing of ours.
"""

from __future__ import annotations

from typing import Final, Protocol


class BadAddress(Exception):
    """A guest address that cannot be read or written; becomes EFAULT or STATUS_ACCESS_VIOLATION."""

    def __init__(self, address: int) -> None:
        super().__init__(f"bad guest address {address:#x}")
        self.address = address


class Memory(Protocol):
    """The address space of one process; every operation is whole or raises BadAddress."""

    def read(self, address: int, size: int) -> bytes:
        """Exactly `size` bytes."""

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Store all of `data`."""

    def cstring(self, address: int, limit: int) -> bytes:
        """The bytes before the first zero byte; `limit` bytes if none of these is zero."""


_PAGE: Final = 4096


class PageReader:
    """Reads things that lie close together, in whole pages of which it keeps the last: for vectors of pointers and strings.

    A page is readable as a whole or not at all, so this faults where the memory itself would.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._start = -1
        self._page = b""

    def read(self, address: int, size: int) -> bytes:
        """As Memory.read."""
        found = self._rest_of_page(address)[:size]
        while len(found) < size:
            found += self._rest_of_page(address + len(found))[: size - len(found)]
        return found

    def cstring(self, address: int, limit: int) -> bytes:
        """As Memory.cstring."""
        parts, length = [], 0
        while length < limit:
            part, end, _ = self._rest_of_page(address + length).partition(b"\0")
            parts.append(part)
            length += len(part)
            if end:
                break
        return b"".join(parts)[:limit]

    def _rest_of_page(self, address: int) -> bytes:
        start = address & -_PAGE
        if start != self._start:
            self._page = self._memory.read(start, _PAGE)
            self._start = start
        return self._page[address - start :]
