"""Guest memory as the kernel reads and writes it.

process_vm_readv and process_vm_writev honour page protection, which /proc/PID/mem does not (G5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.memory import BadAddress
from lichen.platforms.native import host, stub

if TYPE_CHECKING:
    from lichen.platforms.native.task import HostTask

SLOT: Final = 512


class Space:
    """One host address space, reached through any of its live threads."""

    def __init__(self, tid: int) -> None:
        self.tid = tid
        self.threads: set[HostTask] = set()
        self.slots = list(range(stub.SCRATCH_SIZE // 4, stub.SCRATCH_SIZE, SLOT))
        """Places in the scratch pages for operations that ride in replies, which no thread uses now."""

    def left_by(self, thread: HostTask) -> None:
        """A thread leaves. The memory is reached through another: the first of a process stays on the host without it."""
        self.threads.discard(thread)
        if self.tid == thread.tid and self.threads:
            self.tid = next(iter(self.threads)).tid

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at `address`; BadAddress when any of them cannot be read."""
        data = host.core.read_memory(self.tid, address, size)
        if len(data) != size:
            raise BadAddress(address + len(data))
        return data

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data`; BadAddress when any of it cannot be written."""
        done = host.core.write_memory(self.tid, address, data)
        if done != len(data):
            raise BadAddress(address + done)

    def cstring(self, address: int, limit: int) -> bytes:
        """The bytes before the first NUL; at most `limit` bytes come back when there is none so near."""
        found = b""
        while len(found) < limit:
            size = min(256 - address % 256, limit - len(found))
            data = self.read(address, size)
            end = data.find(0)
            if end >= 0:
                return found + data[:end]
            found += data
            address += size
        return found
