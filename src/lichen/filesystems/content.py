"""The bytes of one file in memory: a bytearray at first, a host memfd once it is large, mapped, or has holes."""

from __future__ import annotations

import errno
import os
from typing import Final

from lichen.executive.status import Failure, Status
from lichen.filesystems import hostcalls
from lichen.filesystems.descriptors import share_of_descriptors
from lichen.filesystems.hostcalls import hosted, same_file

SMALL: Final = 1 << 20
"""Up to this size content stays in a bytearray."""
_PAGE: Final = 4096
"""What memory comes in, and what a hole is at least."""
_KEEP_SIZE: Final = 1
_PUNCH: Final = 2


class Content:
    """A sparse array of bytes. `on_host` are the memfds of a machine's files: guests decide how many, and they are few."""

    __slots__ = ("_bytes", "_descriptor", "_on_host", "open")

    def __init__(self, on_host: set[int]) -> None:
        self._on_host = on_host
        self._bytes = bytearray()
        self._descriptor = -1
        self.open = True

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Free everything; what is left is empty for ever."""
        if self._descriptor >= 0:
            self._on_host.discard(self._descriptor)
            os.close(self._descriptor)
        self._bytes, self._descriptor, self.open = bytearray(), -1, False

    @property
    def size(self) -> int:
        return len(self._bytes) if self._descriptor < 0 else os.fstat(self._descriptor).st_size

    def allocated(self) -> int:
        """How many bytes of memory it takes."""
        if self._descriptor < 0:
            return len(self._bytes) + _PAGE - 1 & -_PAGE
        return os.fstat(self._descriptor).st_blocks << 9

    def has(self, offset: int, end: int) -> bool:
        """Whether a range has memory already."""
        if self._descriptor < 0 or end > self.size:
            return end <= len(self._bytes)
        try:
            return os.lseek(self._descriptor, offset, os.SEEK_HOLE) >= end
        except OSError:
            return False

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes."""
        if self._descriptor < 0:
            return bytes(memoryview(self._bytes)[offset : offset + size])
        size = max(0, min(size, self.size - offset)) if size > SMALL else size
        return os.pread(self._descriptor, size, offset)

    @hosted
    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        end = offset + len(data)
        if self._descriptor < 0:
            if end <= len(self._bytes):
                memoryview(self._bytes)[offset:end] = data  # assigning to the array itself would copy twice
                return
            if end <= SMALL and self._fill(offset):
                del self._bytes[offset:]
                self._bytes += data
                return
            self._move_to_host()
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            offset, view = offset + written, view[written:]

    @hosted
    def resize(self, size: int) -> None:
        if self._descriptor < 0:
            if size <= SMALL and self._fill(size):
                del self._bytes[size:]
                return
            self._move_to_host()
        os.ftruncate(self._descriptor, size)

    def _fill(self, size: int) -> bool:
        """Have at least `size` bytes; False when that would fill a hole, which only the host can keep, if it has room."""
        missing = size - len(self._bytes)
        if missing >= _PAGE and len(self._on_host) < share_of_descriptors() // 2:
            return False
        if missing > 0:
            self._bytes.extend(bytes(missing))
        return True

    @hosted
    def allocate(self, mode: int, offset: int, size: int) -> None:
        """fallocate(2), of whose modes memory knows reserving, keeping the size, and punching holes."""
        if mode not in (0, _KEEP_SIZE, _KEEP_SIZE | _PUNCH):
            raise Failure(Status.NOT_SUPPORTED)
        self._move_to_host()
        hostcalls.fallocate(self._descriptor, mode, offset, size)

    def seek(self, offset: int, whence: int) -> int:
        """The next data or hole from `offset` on; NO_SUCH_DEVICE at or beyond the end."""
        if self._descriptor < 0:
            if not 0 <= offset < len(self._bytes):
                raise Failure(Status.NO_SUCH_DEVICE)
            return offset if whence == os.SEEK_DATA else len(self._bytes)
        try:
            return os.lseek(self._descriptor, offset, whence)
        except OSError as error:
            raise Failure.from_host(error) from None

    @hosted
    def open_host(self, writable: bool) -> int:
        """A new descriptor of the content."""
        self._move_to_host()
        return os.open(same_file(self._descriptor), (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)

    def _move_to_host(self) -> None:
        if self._descriptor >= 0:
            return
        if not self.open:
            raise OSError(errno.ESTALE, "freed")
        if len(self._on_host) >= share_of_descriptors():
            raise OSError(errno.ENFILE, "too many files in memory are large or mapped")
        descriptor = os.memfd_create("lichen", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, len(self._bytes))
            view = memoryview(self._bytes)
            offset = 0
            while offset < len(view):
                offset += os.pwrite(descriptor, view[offset:], offset)
        except OSError:
            os.close(descriptor)
            raise
        view.release()
        self._on_host.add(descriptor)
        self._descriptor, self._bytes = descriptor, bytearray()
