"""How much of the host's disk a machine may take (016).

A machine with a size keeps count of what its private layer takes: measured when it begins, and from then on by a look at each
object that was written to. With or without a size, some room of the host's disk stays free, whoever else takes of it: the host
is asked how much there is after every few megabytes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from lichen.executive.io.attributes import FileSystemStatistics
from lichen.executive.status import Failure, Status

OBJECT: Final = 512
"""Bytes that an object takes besides its blocks, roughly: its inode and its name."""
PAGE: Final = 4096
_STEP: Final = 64 << 20
"""Bytes after which the host is asked for its room once more."""
_MOST_KEPT_FREE: Final = 256 << 20
_PART_KEPT_FREE: Final = 20
"""What stays free of the host's disk: 256 megabytes, or this part of a small one."""
_UNITS: Final = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Disk:
    """The room of one machine, or (without a size) of a folder that guests write to. `used` counts if there is a size."""

    def __init__(self, folder: str | os.PathLike[str], size: int | None = None) -> None:
        self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.size: int | None = None
        self.used = self._tables = 0
        self._free = self._credit = 0
        if size is not None:
            self.limit(size)

    def limit(self, size: int | None) -> None:
        """Have another size from now on; what is there already stays."""
        self.size, self._credit = size, 0
        if size is not None:
            self.used, self._tables = measured(self._folder), self._of_tables()

    def close(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    # ---- taking room

    def room(self, wanted: int) -> int:
        """How many of `wanted` bytes there is room for now; DISK_FULL when there is none."""
        if wanted + PAGE > self._credit:
            self._look()
            if self._free < PAGE:
                raise Failure(Status.DISK_FULL)
            return min(wanted, self._free & -PAGE)
        return wanted

    def fitting(
        self, content: int, offset: int, data: bytes | bytearray | memoryview
    ) -> bytes | bytearray | memoryview:
        """The beginning of what is to be written for which there is room; all of it where the file has its blocks."""
        size = len(data)
        try:
            room = self.room(size)
        except Failure:
            if not has_blocks(content, offset, offset + size):
                raise
            return data
        return data if room == size else memoryview(data)[:room]

    def require(self, wanted: int) -> None:
        """DISK_FULL unless there is room for all of `wanted` bytes."""
        if wanted + PAGE > self._credit:
            self._look()
            if wanted + PAGE > self._free:
                raise Failure(Status.DISK_FULL)

    def added(self, size: int) -> None:
        """So many bytes are taken now, or given back when negative."""
        self.used += size
        self._free -= size
        self._credit = min(self._credit - size, _STEP)

    def free(self) -> int:
        """The bytes that there is room for now."""
        self._look()
        return self._free

    def _look(self) -> None:
        state = os.fstatvfs(self._folder)
        unit = state.f_frsize or state.f_bsize
        kept_free = min(_MOST_KEPT_FREE, state.f_blocks * unit // _PART_KEPT_FREE)
        free = state.f_bavail * unit - kept_free
        if self.size is not None:
            free = min(free, self.size - self.used - (self._of_tables() - self._tables))
        self._free = max(0, free)
        self._credit = min(self._free, _STEP)

    def _of_tables(self) -> int:
        """What the tables take that the kernel keeps beside guests' files: the registry, and records."""
        total = 0
        for layer in (".", "drive_c", "system32"):
            with suppress(OSError):
                descriptor = os.open(layer, _FOLDER, dir_fd=self._folder)
                total += _files(descriptor)
                os.close(descriptor)
        return total

    def statistics(self, host: FileSystemStatistics) -> FileSystemStatistics:
        """What guests are told, by what the host says of its own disk."""
        unit, free = host.block_size or PAGE, self.free()
        if self.size is None:
            return host._replace(free=free // unit, available=free // unit)
        return host._replace(blocks=self.size // unit, free=free // unit, available=free // unit)


def has_blocks(content: int, offset: int, end: int) -> bool:
    """Whether a range of a file has data everywhere, so that writing there takes no room."""
    return end <= os.fstat(content).st_size and os.lseek(content, offset, os.SEEK_HOLE) >= end


def _files(folder: int) -> int:
    """What the files in a folder take, without those below it."""
    total = 0
    with os.scandir(folder) as scan:
        for entry in scan:
            with suppress(OSError):  # gone meanwhile
                if entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_blocks << 9
    return total


def measured(folder: int) -> int:
    """What a folder takes with all that is in it, however deep: a few descriptors do, and no path grows too long."""
    here, total, seen = os.open(".", _FOLDER, dir_fd=folder), 0, set[int]()
    try:
        pending: list[list[str]] = []
        taken, below = _measured_here(here, seen)
        total += taken
        pending.append(below)
        while pending:
            name = pending[-1].pop() if pending[-1] else ".."
            if name == "..":
                pending.pop()
                if not pending:
                    break
            there = os.open(name, _FOLDER, dir_fd=here)
            os.close(here)
            here = there
            if name != "..":
                taken, below = _measured_here(here, seen)
                total += taken
                pending.append(below)
    finally:
        os.close(here)
    return total


def _measured_here(folder: int, seen: set[int]) -> tuple[int, list[str]]:
    """What the objects in one folder take, but for what is in `seen`; and the names of the folders among them."""
    total, folders = 0, []
    with os.scandir(folder) as scan:
        for entry in scan:
            state = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif state.st_nlink > 1:
                if state.st_ino in seen:
                    continue
                seen.add(state.st_ino)
            total += (state.st_blocks << 9) + OBJECT
    return total, folders


def size_of(text: str) -> int:
    """A size as users write it, `500M`, `10G` or bytes; ValueError for anything else."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "")
    if not (number.isascii() and number.isdigit() and int(number) and unit in _UNITS):
        raise ValueError(f"{text!r} is no size")
    return int(number) << _UNITS[unit]
