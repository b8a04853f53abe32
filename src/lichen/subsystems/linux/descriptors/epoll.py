"""epoll: files that are watched for long, so that a wait costs only as much as there is ready.

An entry hangs in the list of those whom its file wakes. When woken and ready, it goes into the epoll's ready list, which
`epoll_wait` looks at alone: ten thousand idle descriptors cost it nothing. An entry stays in the list as long as its level
is ready, or until it was told once if it is edge-triggered. It holds no reference to its file, as closing the last
descriptor of a file must remove it.

Source: epoll(7), epoll_ctl(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from lichen.executive.io.device import kernel_number
from lichen.executive.io.file import File
from lichen.executive.io.opening import Poll
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Waiter
from lichen.subsystems.linux.descriptors.anonymous import AnonymousFile
from lichen.subsystems.linux.readiness import UNASKED, events_of, interest_in

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

EXCLUSIVE, WAKE_UP, ONE_SHOT, EDGE = 1 << 28, 1 << 29, 1 << 30, 1 << 31
_BEHAVIOUR: Final = EXCLUSIVE | WAKE_UP | ONE_SHOT | EDGE
_OVER: Final = Poll.ERROR | Poll.HANGUP
_DEEPEST: Final = 5
"""How many epolls may lie within each other."""
_MOST_WAYS: Final = (1, 500, 100, 50, 10, 0)
"""How many ways of each length may lead up from an epoll, as on Linux."""
MOST_ENTRIES: Final = 1 << 16
"""How many files one epoll watches at most."""


class Found(NamedTuple):
    """A ready file, as epoll_wait tells it."""

    events: int
    data: int


class Exclusive:
    """The entries with EPOLLEXCLUSIVE in one list of those to wake, as one: they are told in turn until somebody goes on.

    What is over, an error or the other end's close, all of them learn.
    """

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[EpollItem, None] = {}

    @staticmethod
    def of(waiters: dict[Waiter, None]) -> Exclusive:
        """That of a list, made on the first need."""
        found = next((waiter for waiter in waiters if isinstance(waiter, Exclusive)), None)
        if found is None:
            found = Exclusive()
            waiters[found] = None
        return found

    def wake(self) -> None:
        for entry in tuple(self.entries):
            waited_for = entry.epoll.is_waited_for
            if entry.wake() and waited_for and not entry.file.poll() & _OVER:
                return


class EpollItem:
    """One file that an epoll watches, by the descriptor it had when it was added."""

    __slots__ = ("data", "enabled", "epoll", "events", "fd", "file", "interest")

    def __init__(self, epoll: Epoll, fd: int, file: File, events: int, data: int) -> None:
        self.epoll, self.fd, self.file = epoll, fd, file
        self.watch(events, data)

    def watch(self, events: int, data: int) -> None:
        """Begin to watch for `events`; whoever waits learns at once of what is ready already."""
        self.events, self.data, self.enabled = events, data, True
        self.interest = self.file.ready(interest_in(events & ~_BEHAVIOUR | UNASKED))
        if events & EXCLUSIVE:
            Exclusive.of(self.interest.waiters).entries[self] = None
        else:
            self.interest.waiters[self] = None
        self.wake()

    def wake(self) -> bool:
        """The file's readiness has changed; returns whether there is something to tell."""
        if self.enabled and self.interest.signalled(None):
            self.epoll.became_ready(self)
            return True
        return False

    def found(self) -> int:
        """The events to tell about now."""
        return events_of(self.file) & (self.events & ~_BEHAVIOUR | UNASKED)

    def ignore(self) -> None:
        """Stop watching."""
        waiters = self.interest.waiters
        if self.events & EXCLUSIVE:
            others = Exclusive.of(waiters)
            others.entries.pop(self, None)
            if not others.entries:
                del waiters[others]
        else:
            waiters.pop(self, None)

    def file_closed(self) -> None:
        self.epoll.forget(self)


class Epoll(AnonymousFile):
    """An epoll instance."""

    __slots__ = ("_entries", "_inner", "_outside", "_ready")

    label: ClassVar[str] = "eventpoll"

    def __init__(self, thread: Thread) -> None:
        super().__init__(thread)
        self._entries: dict[tuple[int, File], EpollItem] = {}
        self._ready: dict[EpollItem, None] = {}
        self._outside: dict[EpollItem, None] = {}
        """Entries of files that may have changed outside of the machine without anybody having told."""
        self._inner: dict[EpollItem, None] = {}
        """Entries of epolls."""

    def closed(self) -> None:
        for entry in list(self._entries.values()):
            self.forget(entry)
        super().closed()

    # ---- what is watched

    def add(self, fd: int, file: File, events: int, data: int) -> None:
        """Watch one more file."""
        if (fd, file) in self._entries:
            raise Failure(Status.OBJECT_NAME_COLLISION)
        if isinstance(file, Epoll):
            self._check_nesting(file, events)
        if len(self._entries) >= MOST_ENTRIES:
            raise Failure(Status.DISK_FULL)
        entry = self._entries[fd, file] = EpollItem(self, fd, file, events, data)
        if file.when_closed is None:
            file.when_closed = {}
        file.when_closed[entry.file_closed] = None
        if isinstance(file, Epoll):
            self._inner[entry] = None
        elif type(file).refresh is not File.refresh:
            self._outside[entry] = None

    def modify(self, fd: int, file: File, events: int, data: int) -> None:
        """Watch a file for something else."""
        entry = self._entry(fd, file)
        if (entry.events | events) & EXCLUSIVE:
            raise Failure(Status.INVALID_PARAMETER)
        entry.ignore()
        self._ready.pop(entry, None)
        entry.watch(events, data)

    def remove(self, fd: int, file: File) -> None:
        """Watch a file no longer."""
        self.forget(self._entry(fd, file))

    def forget(self, entry: EpollItem) -> None:
        entry.ignore()
        self._ready.pop(entry, None)
        self._outside.pop(entry, None)
        self._inner.pop(entry, None)
        del self._entries[entry.fd, entry.file]
        if entry.file.when_closed:
            entry.file.when_closed.pop(entry.file_closed, None)

    def _entry(self, fd: int, file: File) -> EpollItem:
        entry = self._entries.get((fd, file))
        if entry is None:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return entry

    def _check_nesting(self, inner: Epoll, events: int) -> None:
        """Refuse circles, depth, and so many ways upwards that one wake would go through them for ever."""
        if events & EXCLUSIVE:
            raise Failure(Status.INVALID_PARAMETER)
        affected = inner.within()
        if self in affected:
            raise Failure(Status.REPARSE_POINT_NOT_RESOLVED)
        known: dict[Epoll, list[int]] = {}
        upwards = self.ways_up(known)
        inner.add_ways(known, upwards)
        for below in affected:
            ways = below.ways_up(known)
            if ways[_DEEPEST]:
                raise Failure(Status.REPARSE_POINT_NOT_RESOLVED)
            if any(count > most for count, most in zip(ways, _MOST_WAYS, strict=True)):
                raise Failure(Status.INVALID_PARAMETER)

    def within(self) -> set[Epoll]:
        """This epoll and all that it watches, directly or not."""
        found, unseen = {self}, [self]
        while unseen:
            for entry in unseen.pop()._inner:
                inner = entry.file
                if isinstance(inner, Epoll) and inner not in found:
                    found.add(inner)
                    unseen.append(inner)
        return found

    def ways_up(self, known: dict[Epoll, list[int]]) -> list[int]:
        """How many ways of each length lead from here to epolls that watch this one; the way of no length is one."""
        ways = known.get(self)
        if ways is None:
            ways = known[self] = [1] + [0] * _DEEPEST
            for waiter in self.readiness.waiters:
                if isinstance(waiter, EpollItem):
                    self.add_ways(known, waiter.epoll.ways_up(known))
        return ways

    def add_ways(self, known: dict[Epoll, list[int]], upwards: list[int]) -> None:
        """Count one more epoll that watches this one, and has these ways up itself."""
        ways = self.ways_up(known)
        for length, count in enumerate(upwards[:-1], 1):
            ways[length] += count

    def information(self) -> str:
        """A line for each file that is watched."""
        return "".join(
            f"tfd: {entry.fd:8d} events: {entry.events | UNASKED:8x} data: {entry.data:16x}  pos:{entry.file.position} "
            f"ino:{found.file_id:x} sdev:{kernel_number(found.device):x}\n"
            for entry in self._entries.values()
            for found in (entry.file.attributes(),)
        )

    # ---- what is ready

    @property
    def is_waited_for(self) -> bool:
        """Whether anybody waits for this epoll who would go on."""
        return any(not isinstance(waiter, EpollItem | Exclusive) for waiter in self.readiness.waiters)

    def became_ready(self, entry: EpollItem) -> None:
        """A watched file is ready: so is this one."""
        self._ready[entry] = None
        self.notify()

    def collect(self, most: int) -> list[tuple[EpollItem, Found]]:
        """Up to `most` ready files; the caller has to `tell` those that it told about."""
        self.refresh()
        found: list[tuple[EpollItem, Found]] = []
        for entry in tuple(self._ready):
            if len(found) == most:
                break
            if events := entry.found():
                found.append((entry, Found(events, entry.data)))
            else:
                del self._ready[entry]
        return found

    def told(self, found: list[tuple[EpollItem, Found]]) -> None:
        """The files were told about: edges are used up, levels queue again behind the others."""
        for entry, _ in found:
            self._ready.pop(entry, None)
            if entry.events & ONE_SHOT:
                entry.enabled = False
            elif not entry.events & EDGE:
                self._ready[entry] = None

    def refresh(self) -> None:
        for entry in self._outside:
            entry.file.refresh()
            break  # the host tells of all files at once
        for entry in tuple(self._inner):
            entry.file.refresh()

    def poll(self) -> int:
        return Poll.READABLE if any(entry.interest.signalled(None) for entry in self._ready) else 0
