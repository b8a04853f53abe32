"""A table of records that outlives the machine: what is stored goes to a log at once, and to an SQLite file by the worker.

A file of the layer comes to its place after its record was stored, and the kernel may be killed between any two steps (005):
what was stored must be there when `store` returns. The log makes that so without waiting for a disk. The commit waits for one
and is the worker's (G12): one at a time, in order, and each takes what has changed since the one before (023).
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lichen.filesystems.recordlog import Change, Key, RecordLog, Row, Shape

if TYPE_CHECKING:
    from lichen.executive.worker import Job, Worker
    from lichen.filesystems.recordfile import RecordFile

log = logging.getLogger("lichen.records")

_CHANGES_UNTIL_NEXT_TRY: Final = 64
"""How much is stored after a commit has failed before there is another: a full disk may have room again by then."""


class RecordTable:
    """The table at `path`; all that is in it is in its user's memory too, who reads it once, at the beginning.

    Without a worker all commits are left to `close`.
    """

    def __init__(self, path: Path, shape: Shape, worker: Worker | None) -> None:
        self._path, self._shape, self._worker = path, shape, worker
        self._log = RecordLog(path)
        self.file: RecordFile | None = None
        self._changes: dict[Key, Row | None] = {}
        self._taken: dict[Key, Row | None] = {}
        """What the commit that goes on has taken, or the last one, which may not have told of its end."""
        self._commit: Job | None = None
        self._until_next_try = 0

    @property
    def exists(self) -> bool:
        """Whether anything was ever stored."""
        return self._path.exists() or self._log.exists

    def read(self) -> list[Row]:
        """All rows, whose numbers may have a sign that they had not; OSError when the file is no such table."""
        committed, rows = self._opened().read()
        self._changes.update(self._log.read(committed))
        size = len(self._shape.keys)
        changed = [key + row for key, row in self._changes.items() if row is not None]
        return [row for row in rows if row[:size] not in self._changes] + changed

    def store(self, key: Key, row: Row | None) -> None:
        """Let this be the row of a key, or none; OSError when there is no room, and then it is as it was."""
        self._log.append(key, row)
        self._changes[key] = row
        self._until_next_try = max(0, self._until_next_try - 1)
        if self._worker is not None and self._commit is None and not self._until_next_try:
            self._begin(self._worker)

    # ---- the disk

    def _opened(self) -> RecordFile:
        if self.file is None:
            from lichen.filesystems.recordfile import RecordFile  # SQLite, much to import for what few need

            self.file = RecordFile(self._path, self._shape)
        return self.file

    def _take(self) -> tuple[tuple[Change, ...], int]:
        """What has changed, as it is now, and the last log that has any of it."""
        self._taken, self._changes = self._changes, {}
        return tuple(self._taken.items()), self._log.turn()

    def _take_back(self) -> None:
        """What may not have been committed has changed still, and more may have since."""
        self._changes, self._taken = {**self._taken, **self._changes}, {}

    def _begin(self, worker: Worker) -> None:
        changes, number = self._take()
        work = partial(self._opened().commit, changes, number)
        self._commit = worker.start(work, partial(self._ended, worker, number))

    def _ended(self, worker: Worker, number: int, error: OSError | None) -> None:
        self._commit = None
        if error is not None:
            log.warning("%s cannot be written now: %s", self._path, error)
            self._take_back()
            self._until_next_try = _CHANGES_UNTIL_NEXT_TRY
            return
        self._taken = {}
        self._log.drop(number)
        if self._changes:
            self._begin(worker)

    def close(self) -> None:
        """Commit and let go of the file; what cannot be is in the log for the next machine.

        The worker has ended, if there was one, and may have had no time to say how.
        """
        self._take_back()
        self._worker = self._commit = None
        if self._changes:
            changes, number = self._take()
            try:
                self._opened().commit(changes, number)
            except OSError as error:
                log.warning("%s cannot be written, its last changes are in its log: %s", self._path, error)
            else:
                self._taken = {}
                self._log.drop(number)
        self._log.close()
        if self.file is not None:
            self.file.close()
