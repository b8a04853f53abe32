"""The logs of a table of records: what was stored and may not be committed yet, a line for each record.

What was written to a file of the host outlives the kernel, though not the host; and nobody waits for a disk. A log is a new
file for each commit, so that one that was committed goes as a whole. A line begins with a checksum: what a power failure has
left of the last ones is not read.
"""

from __future__ import annotations

import errno
import logging
import os
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

log = logging.getLogger("lichen.records")

Key = tuple[int, ...]
Row = tuple[int | bytes, ...]
Change = tuple[Key, Row | None]
"""A key and what stands there from now on; None: nothing."""


class Shape(NamedTuple):
    """What a table is called, and its columns: first those that are the key."""

    name: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]


class RecordLog:
    """The logs of the table at `path`, which lie beside it and are numbered."""

    def __init__(self, path: Path) -> None:
        self._prefix = path.parent / f"{path.stem}.log."
        self._descriptor, self._size = -1, 0
        self._numbers = self._found()
        self._next = 1 + max(self._numbers, default=0)

    def _found(self) -> list[int]:
        names = self._prefix.parent.glob(f"{self._prefix.name}*")
        ends = (name.name.removeprefix(self._prefix.name) for name in names)
        return sorted(int(end) for end in ends if end.isdecimal())

    def _path(self, number: int) -> str:
        return f"{self._prefix}{number}"

    @property
    def exists(self) -> bool:
        """Whether there are any."""
        return bool(self._numbers)

    def read(self, committed: int) -> Iterator[Change]:
        """What the logs after that number say, the oldest first; what comes next gets a higher number than all."""
        self.drop(committed)
        self._next = max(self._next, committed + 1)
        for number in self._numbers:
            with open(self._path(number), "rb") as file:
                for line in file:
                    change = _change_in(line)
                    if change is None:
                        log.warning("%s is damaged: the rest of it is lost", self._path(number))
                        break
                    yield change

    def append(self, key: Key, row: Row | None) -> None:
        """Add a change; OSError when the host does not take it whole, and then it is not there at all."""
        text = repr((key, row)).encode()
        line = b"%08x %s\n" % (crc32(text), text)
        if self._descriptor < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._descriptor, self._size = os.open(self._path(self._next), flags, 0o600), 0
            self._numbers.append(self._next)
        written = os.write(self._descriptor, line)
        if written < len(line):
            os.ftruncate(self._descriptor, self._size)
            raise OSError(errno.ENOSPC, "no room for a line")
        self._size += written

    def turn(self) -> int:
        """Let what comes next be in another log; the number of the last one before it."""
        self.close()
        number = self._next
        self._next += 1
        return number

    def drop(self, last: int) -> None:
        """Remove the logs up to a number; one that cannot be removed is not read again, as the table knows the number."""
        for number in [number for number in self._numbers if number <= last]:
            self._numbers.remove(number)
            try:
                os.unlink(self._path(number))
            except OSError as error:
                log.warning("%s cannot be removed: %s", self._path(number), error)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _change_in(line: bytes) -> Change | None:
    """The change that a line tells of; None when it is damaged."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if checksum != b"%08x" % crc32(text):
        return None
    change: Change = literal_eval(text.decode())
    return change
