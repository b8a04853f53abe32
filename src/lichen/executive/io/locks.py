"""The locks on one node: byte ranges of both worlds in one list, and whole-file locks (flock).

Who owns a range says how it behaves: a POSIX lock belongs to a process (its handle table) and goes at that process's first
close of the file; an OFD lock and an NT lock belong to the open file. NT locks are mandatory: reads and writes through
other open files fail. All of them exclude each other. A node has a Locks only while something is locked or waited for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Condition, Wait

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.node import Node

MOST_RANGES: Final = 1024
"""On one node: every operation looks at all of them."""
END: Final = 1 << 64
"""Where a range ends that goes on for ever."""


class Range(NamedTuple):
    """A locked range [start, end), or one that is wanted; `process` is the id shown to others (-1 for OFD locks)."""

    owner: object
    start: int
    end: int
    exclusive: bool
    process: int = -1
    mandatory: bool = False

    def overlaps(self, start: int, end: int) -> bool:
        return self.start < end and start < self.end

    def excludes(self, wanted: Range) -> bool:
        """Whether this lock stands in the way of `wanted`. NT's exclusive locks do not even stack on their owner's."""
        if not self.overlaps(wanted.start, wanted.end) or not (self.exclusive or wanted.exclusive):
            return False
        return self.owner is not wanted.owner or (wanted.mandatory and wanted.exclusive)


class WholeLock(NamedTuple):
    """A lock on a whole file, or one that is wanted; `process` is the id of who asked for it."""

    exclusive: bool
    process: int


class LockTable:
    """The locks of one machine."""

    def __init__(self) -> None:
        self.held: dict[Locks, None] = {}
        """Those of all nodes that have any."""
        self.blocked: list[tuple[Locks, Range]] = []
        """The ranges that are waited for, of all nodes: the edges of the graph in which a deadlock is a circle."""


class Locks:
    """All locks of one node."""

    def __init__(self, node: Node) -> None:
        self.node, self._table = node, node.file_system.devices.locks
        self.ranges: list[Range] = []
        self.whole: dict[File, WholeLock] = {}
        """flock(2), by open file."""
        self.waiting_for_whole: dict[Condition, WholeLock] = {}
        self._waiting: dict[Condition, None] = {}

    # ---- byte ranges

    def conflict(self, wanted: Range) -> Range | None:
        """The first lock that stands in the way."""
        return next((held for held in self.ranges if held.excludes(wanted)), None)

    def lock(self, wanted: Range, wait: bool) -> Blocks[None] | None:
        """Take a range; FILE_LOCK_CONFLICT when it is taken and `wait` is false, POSSIBLE_DEADLOCK for a circle."""
        if self.conflict(wanted) is None:
            self._grant(wanted)
            return None
        if not wait:
            self._tidy()
            raise Failure(Status.FILE_LOCK_CONFLICT)
        return self._wait_for(wanted)

    def _wait_for(self, wanted: Range) -> Blocks[None]:
        free = Condition(lambda: self.conflict(wanted) is None)
        edge = (self, wanted)
        self._waiting[free] = None
        self._table.blocked.append(edge)
        try:
            while self.conflict(wanted) is not None:
                if not wanted.mandatory and self._closes_circle(wanted):
                    raise Failure(Status.POSSIBLE_DEADLOCK)
                yield Wait((free,))
            self._grant(wanted)
        finally:
            self._table.blocked.remove(edge)
            del self._waiting[free]
            self._tidy()

    def _closes_circle(self, wanted: Range) -> bool:
        """Whether somebody in whose way `wanted.owner` stands is, over any number of others, in its own way."""
        seen: list[object] = []
        queue = [held.owner for held in self.ranges if held.excludes(wanted)]
        while queue:
            owner = queue.pop()
            if owner is wanted.owner:
                return True
            if any(owner is known for known in seen):
                continue
            seen.append(owner)
            for locks, waiting in self._table.blocked:
                if waiting.owner is owner:
                    queue += [held.owner for held in locks.ranges if held.excludes(waiting)]
        return False

    def _grant(self, wanted: Range) -> None:
        if len(self.ranges) >= MOST_RANGES:
            raise Failure(Status.LOCK_NOT_GRANTED)
        if not wanted.mandatory:
            self._cut(wanted.owner, wanted.start, wanted.end)
            for held in [held for held in self.ranges if _continues(held, wanted)]:
                self.ranges.remove(held)
                wanted = wanted._replace(start=min(held.start, wanted.start), end=max(held.end, wanted.end))
        self.ranges.insert(self._place(wanted), wanted)
        self._wake()
        self._settle()

    def _place(self, wanted: Range) -> int:
        """Where a range goes: an owner's lie together, the lowest first, which is then the one that is told of."""
        place = len(self.ranges)
        for index, held in enumerate(self.ranges):
            if held.owner is wanted.owner:
                if held.start > wanted.start:
                    return index
                place = index + 1
        return place

    def waiting_for_ranges(self) -> list[Range]:
        """The POSIX ranges that are waited for."""
        return [wanted for locks, wanted in self._table.blocked if locks is self]

    def unlock(self, owner: object, start: int, end: int) -> None:
        """Give a range back, whatever parts of it are locked (POSIX and OFD)."""
        self._cut(owner, start, end)
        self._wake()

    def unlock_exactly(self, owner: object, start: int, end: int) -> None:
        """Give back one range as it was locked (NT); RANGE_NOT_LOCKED when there is none."""
        for index, held in enumerate(self.ranges):
            if held.owner is owner and (held.start, held.end) == (start, end):
                del self.ranges[index]
                self._wake()
                return
        raise Failure(Status.RANGE_NOT_LOCKED)

    def _cut(self, owner: object, start: int, end: int) -> None:
        kept: list[Range] = []
        for held in self.ranges:
            if held.owner is owner and not held.mandatory and held.overlaps(start, end):
                kept += _outside(held, start, end)
            else:
                kept.append(held)
        self.ranges = kept

    def check_io(self, file: File, offset: int, size: int, writing: bool) -> None:
        """FILE_LOCK_CONFLICT when another open file's mandatory lock forbids this transfer."""
        for held in self.ranges:
            if held.mandatory and held.overlaps(offset, offset + size):
                forbids = held.owner is not file if held.exclusive else writing
                if forbids:
                    raise Failure(Status.FILE_LOCK_CONFLICT)

    # ---- whole files

    def lock_whole(self, file: File, wanted: WholeLock, wait: bool) -> Blocks[None] | None:
        """flock(2); a lock that the open file has already is given up first, as when it is converted."""
        self.whole.pop(file, None)
        self._wake()
        self._settle()
        if self._whole_is_free(file, wanted):
            self.whole[file] = wanted
            return None
        if not wait:
            self._tidy()
            raise Failure(Status.FILE_LOCK_CONFLICT)
        return self._wait_for_whole(file, wanted)

    def _whole_is_free(self, file: File, wanted: WholeLock) -> bool:
        return not any(
            other is not file and (held.exclusive or wanted.exclusive) for other, held in self.whole.items()
        )

    def _wait_for_whole(self, file: File, wanted: WholeLock) -> Blocks[None]:
        free = Condition(lambda: self._whole_is_free(file, wanted))
        self._waiting[free] = None
        self.waiting_for_whole[free] = wanted
        try:
            while not self._whole_is_free(file, wanted):
                yield Wait((free,))
            self.whole[file] = wanted
            self._settle()
        finally:
            del self._waiting[free], self.waiting_for_whole[free]
            self._tidy()

    def unlock_whole(self, file: File) -> None:
        if self.whole.pop(file, None) is not None:
            self._wake()

    # ---- the end of an owner

    def release(self, owner: object) -> None:
        """Drop every lock of a process (its handle table) or of an open file that closes."""
        self.ranges = [held for held in self.ranges if held.owner is not owner]
        self.whole = {file: held for file, held in self.whole.items() if file is not owner}
        self._wake()

    def _wake(self) -> None:
        for condition in tuple(self._waiting):
            condition.wake()
        self._tidy()

    def _tidy(self) -> None:
        """Leave the node when nothing is locked, so that reads and writes need not ask."""
        if not (self.ranges or self.whole or self._waiting) and self.node.locks is self:
            self.node.locks = None
            self._table.held.pop(self, None)

    def _settle(self) -> None:
        """Stay with the node: something is locked."""
        self.node.locks = self
        self._table.held[self] = None


def locks_of(node: Node) -> Locks:
    """The locks of a node, made on the first need."""
    if node.locks is None:
        node.locks = Locks(node)
    return node.locks


def _continues(held: Range, wanted: Range) -> bool:
    return (
        held.owner is wanted.owner
        and held.exclusive == wanted.exclusive
        and not held.mandatory
        and held.start <= wanted.end
        and wanted.start <= held.end
    )


def _outside(held: Range, start: int, end: int) -> Iterator[Range]:
    if held.start < start:
        yield held._replace(end=start)
    if held.end > end:
        yield held._replace(start=end)
