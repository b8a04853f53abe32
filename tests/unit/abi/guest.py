"""A guest that is nothing but memory: one readable and writable range, the rest faults."""

from __future__ import annotations

from dataclasses import dataclass, field

from lichen.abi.memory import BadAddress

BASE = 0x10000


class GuestMemory:
    """`size` bytes of zeros at BASE."""

    def __init__(self, size: int = 0x1000) -> None:
        self.data = bytearray(size)
        self.reads: list[tuple[int, int]] = []

    def read(self, address: int, size: int) -> bytes:
        self.reads.append((address, size))
        return bytes(self.data[self._at(address, size)])

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        self.data[self._at(address, len(data))] = data

    def cstring(self, address: int, limit: int) -> bytes:
        start = self._at(address, 1).start
        return bytes(self.data[start : start + limit]).partition(b"\0")[0]

    def _at(self, address: int, size: int) -> slice:
        if not BASE <= address <= BASE + len(self.data) - size:
            raise BadAddress(address)
        return slice(address - BASE, address - BASE + size)


@dataclass
class GuestThread:
    """What a generated entry asks of a thread."""

    memory: GuestMemory = field(default_factory=GuestMemory)
