"""What a machine remembers of files in its shares that the host must not have: FIFOs, devices, sockets and set-id bits.

On the host such a thing is an empty file, or a file without the bits. What it is for guests is in a table of the machine's
own, by inode number and time of birth: a number alone is soon another file's. So whoever else has the folder can neither make
one nor be harmed by one, and nothing but this machine takes it for what it is. Set-id bits hold as long as the content is as
it was when they were given: what others of the host write is not what their owner meant.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.io.attributes import SPECIAL_MODE, Kind
from lichen.filesystems import hostcalls
from lichen.filesystems.recordlog import Shape
from lichen.filesystems.recordtable import RecordTable

if TYPE_CHECKING:
    from lichen.executive.worker import Worker

_SHAPE: Final = Shape("file", ("inode", "born"), ("kind", "bits", "rdev", "modified"))
_UNSIGNED: Final = (1 << 64) - 1


class ShareRecord(NamedTuple):
    """What a file is for guests. `kind` is REGULAR or DIRECTORY where only the `bits` of the mode differ from the host's."""

    kind: int
    bits: int = 0
    rdev: int = 0
    modified: int = 0
    """When the content was written last when the bits were given, in ns."""


class ShareRecords:
    """The table of one machine, all of it in memory too: hardly a machine has any of these."""

    def __init__(self, path: Path, worker: Worker | None) -> None:
        self.table = RecordTable(path, _SHAPE, worker)
        self._records: dict[int, dict[int, ShareRecord]] = {}
        """By inode number and time of birth."""
        self._current: dict[tuple[int, int], tuple[int, ShareRecord]] = {}
        """The birth and the record of objects that were seen, by device and inode number."""
        for row in self.table.read() if self.table.exists else ():
            inode, born, kind, bits, rdev, modified = (part for part in row if isinstance(part, int))
            record = ShareRecord(kind, bits, rdev & _UNSIGNED, modified)
            self._records.setdefault(inode & _UNSIGNED, {})[born] = record

    def close(self) -> None:
        self.table.close()

    # ---- looking

    def knows(self, inode: int) -> bool:
        """Whether an object of this number may have a record."""
        return inode in self._records

    def see(self, name: str, directory: int, state: os.stat_result) -> None:
        """An object was found by a name: from now on `of` knows what it is."""
        known = self._records.get(state.st_ino)
        key = (state.st_dev, state.st_ino)
        if known is None:
            self._current.pop(key, None)
            return
        born = hostcalls.born(name, directory)
        if born in known:
            self._current[key] = born, known[born]
        else:
            self._current.pop(key, None)

    def of(self, state: os.stat_result) -> ShareRecord | None:
        """The record of an object that was seen; what is said in it about content that has changed is void."""
        found = self._current.get((state.st_dev, state.st_ino)) if self._current else None
        if found is None:
            return None
        record = found[1]
        if record.kind == Kind.REGULAR and record.modified != state.st_mtime_ns:
            return None
        return record

    def kind_of(self, state: os.stat_result) -> int:
        """What an object is for guests."""
        record = self.of(state)
        return record.kind if record is not None else state.st_mode >> 12

    # ---- changing

    def keep(self, path: str, state: os.stat_result, record: ShareRecord | None) -> None:
        """Make `record` the record of the object at a path that no link is followed at; None: it has none.

        OSError(EPERM) where the host does not tell when files were born, and so none can be known again.
        """
        born = hostcalls.born(path)
        if born is None:
            if record is None:
                return
            raise OSError(errno.EPERM, "no time of birth")
        self._store(state.st_ino, born, record)
        key = (state.st_dev, state.st_ino)
        self._current.pop(key, None)
        if record is not None:
            self._current[key] = born, record

    def _store(self, inode: int, born: int, record: ShareRecord | None) -> None:
        known = self._records.get(inode, {})
        if record is not None:
            self.table.store((inode, born), tuple(record))
            self._records.setdefault(inode, {})[born] = record
        elif born in known:
            self.table.store((inode, born), None)
            del known[born]
            if not known:
                self._records.pop(inode, None)

    def keep_bits(self, path: str, state: os.stat_result, mode: int) -> None:
        """A mode was given: remember the part of it that the host does not have; nothing where there is none."""
        before = self.of(state)
        if before is not None and before.kind not in (Kind.REGULAR, Kind.DIRECTORY):
            record: ShareRecord | None = before._replace(bits=mode & SPECIAL_MODE)
        else:
            bits = mode & SPECIAL_MODE & ~state.st_mode
            kind = state.st_mode >> 12
            record = (
                ShareRecord(kind, bits, 0, state.st_mtime_ns if kind == Kind.REGULAR else 0) if bits else None
            )
        if record is not None or (state.st_dev, state.st_ino) in self._current:
            self.keep(path, state, record)

    def forget(self, state: os.stat_result) -> None:
        """The last name of an object is gone."""
        found = self._current.pop((state.st_dev, state.st_ino), None) if self._current else None
        if found is not None:
            self._store(state.st_ino, found[0], None)
