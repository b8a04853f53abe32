"""The handle table of a process: one for both worlds.

A slot is an index: Linux calls it the file descriptor, NT names it by the handle 4 * (index + 1). Linux requires the
lowest free index, so freed indices wait in a heap; one that `place` took meanwhile is dropped when it comes up.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

from lichen.executive.objects.object import Object
from lichen.executive.status import Failure, Status

MOST_HANDLES: Final = 1 << 20
"""No table grows beyond this, whatever limit its process has."""


class Handle:
    """One slot: an object, the access granted through this handle, and whether a new program gets it."""

    __slots__ = ("access", "inherit", "object")

    def __init__(self, object: Object, access: int, inherit: bool) -> None:
        self.object, self.access, self.inherit = object, access, inherit


def index_of(handle: int) -> int:
    """The index behind an NT handle, whose two low bits are the application's; -1 when it cannot be one."""
    return (handle >> 2) - 1


def handle_of(index: int) -> int:
    """The NT handle of an index."""
    return (index + 1) << 2


class HandleTable:
    """Indices to handles. Processes may share a table (CLONE_FILES): the last to `release` it closes everything."""

    __slots__ = ("_free", "_slots", "limit", "users")

    def __init__(self, limit: int = 1024) -> None:
        self._slots: list[Handle | None] = []
        self._free: list[int] = []
        self.limit = limit
        self.users = 1

    def __len__(self) -> int:
        return sum(slot is not None for slot in self._slots)

    @property
    def size(self) -> int:
        """How many slots there are, free ones included."""
        return len(self._slots)

    def __iter__(self) -> Iterator[tuple[int, Handle]]:
        """Index and handle of every slot in use, in ascending order."""
        return ((index, slot) for index, slot in enumerate(self._slots) if slot is not None)

    def insert(self, object: Object, access: int = 0, inherit: bool = True, lowest: int = 0) -> int:
        """Put an object into the lowest free slot from `lowest` on and return the index.

        The caller's reference now belongs to the table; it is given back when there is no room (TOO_MANY_OPENED_FILES).
        """
        index = self._take(lowest) if lowest else self._take_lowest()
        if index >= min(self.limit, MOST_HANDLES):
            self._give_back(index)
            object.release()
            raise Failure(Status.TOO_MANY_OPENED_FILES)
        self._slots[index] = Handle(object, access, inherit)
        return index

    def require_room(self) -> None:
        """TOO_MANY_OPENED_FILES when `insert` would find no slot: asked before anything is made or emptied."""
        limit = min(self.limit, MOST_HANDLES)
        if len(self._slots) >= limit and None not in self._slots[:limit]:
            raise Failure(Status.TOO_MANY_OPENED_FILES)

    def get(self, index: int) -> Object:
        """The object of a handle; INVALID_HANDLE when there is none."""
        return self.handle(index).object

    def handle(self, index: int) -> Handle:
        """The slot of a handle; INVALID_HANDLE when there is none."""
        slot = self._slots[index] if 0 <= index < len(self._slots) else None
        if slot is None:
            raise Failure(Status.INVALID_HANDLE)
        return slot

    def named(self, number: int) -> Handle:
        """The slot of an NT handle; INVALID_HANDLE when there is none."""
        return self.handle((number >> 2) - 1)

    def place(self, index: int, object: Object, access: int = 0, inherit: bool = True) -> None:
        """Put an object into one given slot (dup2), closing what was there; the reference is the table's as in `insert`."""
        if not 0 <= index < min(self.limit, MOST_HANDLES):
            object.release()
            raise Failure(Status.INVALID_HANDLE)
        self._grow(index + 1)
        previous, self._slots[index] = self._slots[index], Handle(object, access, inherit)
        if previous is not None:
            self._dispose(previous)

    def close(self, index: int) -> None:
        """Empty a slot; INVALID_HANDLE when it is empty already."""
        slot = self.handle(index)
        self._give_back(index)
        self._dispose(slot)

    def duplicate(self, inheritable_only: bool = False) -> HandleTable:
        """A copy for a new process, of all handles (fork) or of the inheritable ones (NT), at the same indices."""
        copy = HandleTable(self.limit)
        for slot in self._slots:
            wanted = slot is not None and (slot.inherit or not inheritable_only)
            copy._slots.append(
                Handle(slot.object.reference(), slot.access, slot.inherit) if slot and wanted else None
            )
        copy._free = [index for index, slot in enumerate(copy._slots) if slot is None]
        return copy

    def close_on_exec(self) -> None:
        """Close every handle that a new program does not get."""
        for index, slot in list(self):
            if not slot.inherit:
                self.close(index)

    def reference(self) -> HandleTable:
        """Let one more process use this very table."""
        self.users += 1
        return self

    def release(self) -> None:
        """One process has no more use for the table; after the last one every handle is closed."""
        self.users -= 1
        if self.users == 0:
            for index, _ in list(self):
                self.close(index)

    def _take_lowest(self) -> int:
        free, slots = self._free, self._slots
        while free:
            index = heappop(free)
            if slots[index] is None:
                return index
        slots.append(None)
        return len(slots) - 1

    def _take(self, lowest: int) -> int:
        """The lowest free index from `lowest` on; it stays in the heap, which drops it later."""
        if lowest >= min(self.limit, MOST_HANDLES):
            return lowest
        self._grow(lowest)
        index = next((i for i in range(lowest, len(self._slots)) if self._slots[i] is None), len(self._slots))
        self._grow(index + 1)
        return index

    def _grow(self, size: int) -> None:
        for index in range(len(self._slots), size):
            self._slots.append(None)
            heappush(self._free, index)

    def _give_back(self, index: int) -> None:
        if index >= len(self._slots):
            return
        self._slots[index] = None
        heappush(self._free, index)
        if len(self._free) > 2 * len(self._slots) + 64:  # what `place` took and gave back is in it many times
            self._free = [i for i, slot in enumerate(self._slots) if slot is None]

    def _dispose(self, slot: Handle) -> None:
        slot.object.handle_closed(self)
        slot.object.release()
