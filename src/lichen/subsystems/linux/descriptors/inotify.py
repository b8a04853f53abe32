"""inotify: a queue of what happened to watched files and folders.

The executive tells of every change as it happens; here it is compared with what was asked for and queued until it is read.

Source: inotify(7).
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from lichen.abi.layout import LP64, layout
from lichen.executive.io import watch
from lichen.executive.io.device import kernel_number
from lichen.executive.io.opening import Access, Options, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.io.watch import Change
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux.descriptors.anonymous import AnonymousFile
from lichen.subsystems.linux.records import InotifyEvent

if TYPE_CHECKING:
    from lichen.executive.io.node import Node
    from lichen.executive.processes import Thread

ALL_EVENTS: Final = 0xFFF
UNMOUNT, QUEUE_OVERFLOW, IGNORED = 0x2000, 0x4000, 0x8000
ONLY_DIRECTORY, DO_NOT_FOLLOW, EXCLUDE_UNLINKED = 1 << 24, 1 << 25, 1 << 26
MASK_CREATE, MASK_ADD, IS_DIRECTORY, ONE_SHOT = 1 << 28, 1 << 29, 1 << 30, 1 << 31
_SELF: Final = Change.DELETE_SELF | Change.MOVE_SELF
_EVENT: Final = layout(InotifyEvent, LP64)
_SHOWN: Final = ALL_EVENTS | EXCLUDE_UNLINKED | ONE_SHOT


class Event(NamedTuple):
    """One event as it waits in the queue."""

    watch: int
    mask: int
    cookie: int = 0
    name: bytes = b""

    def pack(self) -> bytes:
        """struct inotify_event, whose name is padded with zeros to a multiple of the record's size."""
        room = (len(self.name) // _EVENT.size + 1) * _EVENT.size if self.name else 0
        head = _EVENT.pack(InotifyEvent(self.watch, self.mask, self.cookie, room))
        return head + self.name.ljust(room, b"\0")


_OVERFLOW: Final = Event(-1, QUEUE_OVERFLOW).pack()


class Watch:
    """One watched node: a Watcher of the executive."""

    __slots__ = ("mask", "node", "number", "queue")

    def __init__(self, queue: Inotify, number: int, node: Node, mask: int) -> None:
        self.queue, self.number, self.node, self.mask = queue, number, node, mask

    def changed(self, node: Node, change: int, name: str | None, cookie: int) -> None:
        """The executive tells of a change."""
        if change & QUEUE_OVERFLOW:
            self.queue.add(Event(-1, QUEUE_OVERFLOW))
            return
        wanted = change & self.mask & ALL_EVENTS
        if change & Change.UNLINKED and self.mask & EXCLUDE_UNLINKED:
            wanted = 0
        if wanted or change & UNMOUNT:
            directory = change & IS_DIRECTORY if not change & _SELF else 0
            told = wanted | change & UNMOUNT | directory
            self.queue.add(Event(self.number, told, cookie, os.fsencode(name) if name else b""))
        if change & (Change.DELETE_SELF | UNMOUNT) or (wanted and self.mask & ONE_SHOT):
            self.queue.remove(self)


def _line(watch: Watch) -> str:
    """A watch as fdinfo tells of it; what the host has taken away has no number any more."""
    try:
        found = watch.node.attributes()
        inode, device = found.file_id, kernel_number(found.device)
    except Failure:
        inode = device = 0
    return f"inotify wd:{watch.number:x} ino:{inode:x} sdev:{device:x} mask:{watch.mask & _SHOWN:x} ignored_mask:0 \n"


class Inotify(AnonymousFile):
    """An inotify instance."""

    __slots__ = ("_events", "_last_number", "_limits", "_nodes", "_share", "_size", "_watches")

    label: ClassVar[str] = "inotify"

    def __init__(self, thread: Thread, nonblocking: bool) -> None:
        machine = thread.process.machine
        self._limits, self._share = machine.system.limits, machine.watch_share(thread.process.files.token.uid)
        if self._share.watchers >= self._limits.watchers:
            raise Failure(Status.TOO_MANY_OPENED_FILES)
        super().__init__(thread, nonblocking, Access.READ)
        self._share.watchers += 1
        self._watches: dict[int, Watch] = {}
        self._nodes: dict[Node, Watch] = {}
        self._last_number = 0
        self._events: deque[bytes] = deque()
        """As they are read: of a hundred queues full of objects it took a second to let go."""
        self._size = 0

    def closed(self) -> None:
        for each in self._watches.values():
            watch.remove(each.node, each)
        self._share.watchers -= 1
        self._share.watches -= len(self._watches)
        self._watches.clear()
        self._nodes.clear()
        super().closed()

    # ---- what is watched

    def watch(self, node: Node, mask: int) -> int:
        """Watch a node, or change for what it is watched; returns the watch's number."""
        known = self._nodes.get(node)
        if known is not None:
            if mask & MASK_CREATE:
                raise Failure(Status.OBJECT_NAME_COLLISION)
            known.mask = known.mask | mask if mask & MASK_ADD else mask
            return known.number
        if self._share.watches >= self._limits.watches:
            raise Failure(Status.DISK_FULL)
        self._share.watches += 1
        self._last_number += 1
        new = Watch(self, self._last_number, node, mask)
        self._watches[new.number] = self._nodes[node] = new
        watch.add(node, new)
        return new.number

    def find(self, number: int) -> Watch:
        """The watch with this number; INVALID_PARAMETER when there is none."""
        found = self._watches.get(number)
        if found is None:
            raise Failure(Status.INVALID_PARAMETER)
        return found

    def remove(self, gone: Watch) -> None:
        """Watch no longer, and tell so."""
        watch.remove(gone.node, gone)
        del self._watches[gone.number], self._nodes[gone.node]
        self._share.watches -= 1
        self.add(Event(gone.number, IGNORED))

    def information(self) -> str:
        """A line for each watch, the latest first."""
        return "".join(map(_line, reversed(self._watches.values())))

    # ---- what happened

    def add(self, event: Event) -> None:
        """Queue an event, unless it is the same as the last one."""
        events, record = self._events, event.pack()
        if events and events[-1] == record:
            return
        if len(events) >= self._limits.watch_events:
            record = _OVERFLOW
            if events[-1] == record:
                return
        events.append(record)
        self._size += len(record)
        self.notify()

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if self._events:
            return self._take(size)
        if self.options & Options.NONBLOCKING:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._read_later(size)

    def _read_later(self, size: int) -> Blocks[bytes]:
        interest = Wait((self.ready(Poll.READABLE),))
        while not self._events:
            yield interest
        return self._take(size)

    def _take(self, size: int) -> bytes:
        """As many whole events as fit; INVALID_PARAMETER when not even one does."""
        data = bytearray()
        while self._events and len(data) + len(self._events[0]) <= size:
            data += self._events.popleft()
        self._size -= len(data)
        if not data:
            raise Failure(Status.INVALID_PARAMETER)
        return bytes(data)

    def write(self, data: object, offset: int | None = None) -> int:
        raise Failure(Status.INVALID_HANDLE)

    def poll(self) -> int:
        return Poll.READABLE if self._events else 0

    def control(self, request: object) -> object:
        if isinstance(request, BytesAvailable):
            return self._size
        return super().control(request)
