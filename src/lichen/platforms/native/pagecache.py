"""The page cache: content that guests map, once for all of them, in one sparse host memory file.

Guests hold a read-only descriptor of it: none can change what another sees. What it may hold is bounded, as guests choose what
is inserted and it is the host's memory. When it is full, content that no guest has mapped makes room, oldest use first. Who
maps what is read from the host, which knows it whatever became of the guests, and only then: nothing is counted on the way.
"""

from __future__ import annotations

import errno
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Final

from lichen.executive.interfaces import PAGE
from lichen.platforms.native import host

_SIZE: Final = 1 << 46
"""Bytes of the sparse file. Offsets are never given out twice, so that whoever is late sees zeros and no other content."""
_LARGEST_COPY: Final = 1 << 25
"""Bytes of a file that are copied while everybody waits; a larger one is mapped as it is."""
_JUST_USED: Final = 10.0
"""Seconds after which content that was asked for is mapped, if it ever is."""
_PAUSE: Final = 1.0
"""Seconds between two looks at who maps what: a guest that keeps the cache full must not make everybody wait each time."""


def _whole_pages(size: int) -> int:
    return (size + PAGE - 1) & -PAGE


class _Content:
    """One range of the file, and when it was last asked for."""

    __slots__ = ("offset", "size", "used")

    def __init__(self, offset: int, size: int) -> None:
        self.offset, self.size, self.used = offset, size, 0.0


class _Ranges:
    """Ranges of numbers, to ask for overlaps: their starts in order, and how far any that begins no later reaches."""

    def __init__(self, ranges: Iterable[range]) -> None:
        ordered = sorted(ranges, key=lambda found: found.start)
        self._starts = [found.start for found in ordered]
        self._ends = list(accumulate((found.stop for found in ordered), max))

    def meet(self, start: int, end: int) -> bool:
        """Whether any of them has a number in common with `start` to `end`."""
        index = bisect_left(self._starts, end) - 1
        return index >= 0 and self._ends[index] > start


class PageCache:
    """Contents by key. `mapped` gives the ranges of the host file (device, inode) that guests have mapped."""

    def __init__(
        self, mapped: Callable[[int, int], Iterable[range]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._mapped, self.clock = mapped, clock
        self.descriptor = os.memfd_create("lichen-page-cache", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, _SIZE)
        self.read_only = os.open(f"/proc/self/fd/{self.descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        self.empty = os.memfd_create("lichen-beyond-the-end", os.MFD_CLOEXEC)
        self._next = PAGE
        self._contents: dict[object, _Content] = {}
        """By key, in the order of their last use."""
        self.room = os.sysconf("SC_PHYS_PAGES") * PAGE // 4
        """Bytes that may still be inserted."""
        self._looked = -_PAUSE

    def allocate(self, size: int) -> int:
        """The offset of a new range of zeros, in whole pages; OSError(ENOMEM) at the end of the file."""
        offset = self._next
        if offset + size > _SIZE:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        self._next += _whole_pages(size)
        return offset

    def admits(self, key: object, size: int) -> bool:
        """Whether a file's content is here, or may be inserted."""
        return key in self._contents or (size <= _LARGEST_COPY and self._has_room(size))

    def insert(self, key: object, open_host: Callable[[], int], size: int) -> int:
        """The offset of the content named `key`, copied from the descriptor of `open_host` on first use.

        OSError(ENOMEM) when there is no more room.
        """
        content = self._contents.pop(key, None)
        if content is None:
            if not self._has_room(size):
                raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
            content = self._copied(open_host(), size)
        self._contents[key] = content
        content.used = self.clock()
        return content.offset

    def _copied(self, descriptor: int, size: int) -> _Content:
        try:
            offset, done = self.allocate(size), 0
            os.lseek(self.descriptor, offset, os.SEEK_SET)
            while done < size:
                count = os.sendfile(self.descriptor, descriptor, done, size - done)
                if count == 0:
                    break
                done += count
        finally:
            os.close(descriptor)
        self.room -= size
        return _Content(offset, size)

    def _has_room(self, size: int) -> bool:
        now = self.clock()
        if size > self.room and now - self._looked >= _PAUSE:
            self._looked = now
            self._make_room(size, now)
        return size <= self.room

    def _make_room(self, size: int, now: float) -> None:
        """Drop what nobody has mapped, oldest use first, until `size` bytes fit."""
        state = os.fstat(self.descriptor)
        mapped = _Ranges(self._mapped(state.st_dev, state.st_ino))
        for key, content in list(self._contents.items()):
            if size <= self.room or now - content.used < _JUST_USED:
                return
            if not mapped.meet(content.offset, content.offset + content.size):
                host.punch_hole(self.descriptor, content.offset, _whole_pages(content.size))
                self.room += content.size
                del self._contents[key]

    def close(self) -> None:
        for descriptor in (self.empty, self.read_only, self.descriptor):
            os.close(descriptor)
