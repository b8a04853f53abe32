"""Guest memory as the kernel reads and writes it, and the page cache that guests map.

process_vm_readv and process_vm_writev honour page protection, which /proc/PID/mem does not (DECISIONS 5).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.memory import Fault
from lichen.executive.interfaces import PAGE
from lichen.platforms.native import host, stub

if TYPE_CHECKING:
    from lichen.platforms.native.thread import NativeThread

_CACHE_SIZE: Final = 1 << 40
_LARGEST_COPY: Final = 1 << 25
"""Bytes of a file that are copied while everybody waits; a larger one is mapped as it is."""
SLOT: Final = 512


class Space:
    """One host address space, reached through any of its live threads."""

    def __init__(self, tid: int) -> None:
        self.tid = tid
        self.threads: set[NativeThread] = set()
        self.slots = list(range(stub.SCRATCH_SIZE // 4, stub.SCRATCH_SIZE, SLOT))
        """Places in the scratch pages for operations that ride in replies, which no thread uses now."""

    def left_by(self, thread: NativeThread) -> None:
        """A thread leaves. The memory is reached through another: the first of a process stays on the host without it."""
        self.threads.discard(thread)
        if self.tid == thread.tid and self.threads:
            self.tid = next(iter(self.threads)).tid

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at `address`; Fault when any of them cannot be read."""
        data = host.core.read_memory(self.tid, address, size)
        if len(data) != size:
            raise Fault(address + len(data))
        return data

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data`; Fault when any of it cannot be written."""
        done = host.core.write_memory(self.tid, address, data)
        if done != len(data):
            raise Fault(address + done)

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


class PageCache:
    """File content that guests map, once for all of them, in one sparse host memory file.

    Guests hold a read-only descriptor of it: none can change what another sees.
    """

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("lichen-page-cache", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, _CACHE_SIZE)
        self.read_only = os.open(f"/proc/self/fd/{self.descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        self._next = PAGE
        self._offsets: dict[object, int] = {}
        self._room = os.sysconf("SC_PHYS_PAGES") * PAGE // 4
        """Bytes that may still be inserted: guests choose what is, and it is the host's memory."""

    def allocate(self, size: int) -> int:
        """The offset of a new range of zeros, in whole pages."""
        offset, self._next = self._next, self._next + (size + PAGE - 1) // PAGE * PAGE
        return offset

    def admits(self, key: object, size: int) -> bool:
        """Whether a file's content is here, or may be inserted."""
        return key in self._offsets or size <= min(self._room, _LARGEST_COPY)

    def insert(self, key: object, open_host: Callable[[], int], size: int) -> int:
        """The offset of the content named `key`, copied from the descriptor of `open_host` on first use.

        OSError(ENOMEM) when there is no more room.
        """
        offset = self._offsets.get(key)
        if offset is None:
            if size > self._room:
                raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
            self._room -= size
            descriptor = open_host()
            try:
                offset = self._offsets[key] = self.allocate(size)
                self._copy(descriptor, size, offset)
            finally:
                os.close(descriptor)
        return offset

    def _copy(self, descriptor: int, size: int, offset: int) -> None:
        done = 0
        os.lseek(self.descriptor, offset, os.SEEK_SET)
        while done < size:
            count = os.sendfile(self.descriptor, descriptor, done, size - done)
            if count == 0:
                break
            done += count

    def close(self) -> None:
        os.close(self.read_only)
        os.close(self.descriptor)
