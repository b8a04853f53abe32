"""The family of sockets within the machine: its abstract names, and what is on its way in messages."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from lichen.executive.network.sockets import Caller, Socket, SocketType
from lichen.executive.status import Failure, Status
from lichen.filesystems.sockets.connection import ConnectedSocket, PacketSocket
from lichen.filesystems.sockets.datagram import DatagramSocket
from lichen.filesystems.sockets.local import LocalSocket
from lichen.filesystems.sockets.stream import StreamSocket

if TYPE_CHECKING:
    from lichen.executive.objects.object import Object
    from lichen.executive.scheduler import Scheduler

_KINDS: Final[dict[int, tuple[int, type[LocalSocket]]]] = {
    SocketType.STREAM: (SocketType.STREAM, StreamSocket),
    SocketType.SEQUENCED: (SocketType.SEQUENCED, PacketSocket),
    SocketType.DATAGRAM: (SocketType.DATAGRAM, DatagramSocket),
    SocketType.RAW: (SocketType.DATAGRAM, DatagramSocket),
}
_PROTOCOLS: Final = (0, 1)
_CHOSEN_NAMES: Final = 1 << 20
_MOST_IN_FLIGHT: Final = 4096
_COLLECT_EVERY: Final = 64


class LocalSockets:
    """The driver of AF_UNIX."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.names = AbstractNames()
        self.rights = Rights()
        self.waiting = 0

    def create(self, caller: Caller, type: int, protocol: int, options: int) -> LocalSocket:
        if protocol not in _PROTOCOLS:
            raise Failure(Status.PROTOCOL_NOT_SUPPORTED)
        if type not in _KINDS:
            raise Failure(Status.SOCKET_TYPE_NOT_SUPPORTED)
        number, kind = _KINDS[type]
        return kind(self, caller, number, options)

    def pair(self, caller: Caller, type: int, protocol: int, options: int) -> tuple[LocalSocket, LocalSocket]:
        one = self.create(caller, type, protocol, options)
        other = self.create(caller, type, protocol, options)
        one.pair_with(other, caller.effective, caller.effective)
        return one, other

    def deadline(self, timeout: float | None) -> float | None:
        """When a wait that begins now is over."""
        return None if timeout is None else self._scheduler.clock() + timeout

    def caller(self, caller: Caller | None) -> Caller:
        """Who sends: a plain write does not say it, so it is whoever's call is being worked on."""
        if caller is not None:
            return caller
        thread = self._scheduler.current
        if thread is None:
            raise Failure(Status.INVALID_PARAMETER)
        return Caller(thread.process.files, thread.process.id)


class AbstractNames:
    """Names that begin with a zero byte and are in no folder."""

    def __init__(self) -> None:
        self._sockets: dict[bytes, Socket] = {}
        self._next = 0

    def take(self, name: bytes, socket: Socket) -> bytes:
        """Give `socket` a name; one of five digits when it asks for none. ADDRESS_IN_USE."""
        if not name:
            name = self._choose()
        elif name in self._sockets:
            raise Failure(Status.ADDRESS_IN_USE)
        self._sockets[name] = socket
        return name

    def get(self, name: bytes) -> Socket | None:
        return self._sockets.get(name)

    def give_back(self, name: bytes, socket: Socket) -> None:
        """Let others take a name, if it is this socket that has it."""
        if self._sockets.get(name) is socket:
            del self._sockets[name]

    def _choose(self) -> bytes:
        for _ in range(_CHOSEN_NAMES):
            self._next = (self._next + 1) % _CHOSEN_NAMES
            name = b"\0%05x" % self._next
            if name not in self._sockets:
                return name
        raise Failure(Status.DISK_FULL)


class Rights:
    """What lies in messages on the way. A socket that can only be reached by way of itself is found and emptied."""

    def __init__(self) -> None:
        self._count = 0
        self._sockets: dict[LocalSocket, int] = {}
        """How many references of each socket lie in messages."""
        self._next_collection = _COLLECT_EVERY
        self._collecting = False
        self._closed = 0
        """Sockets that were closed since somebody looked last."""
        self._discarded: deque[Object] = deque()
        """What nobody will receive and has not been released yet."""
        self._discarding = False

    def check(self, objects: tuple[Object, ...]) -> None:
        """TOO_MANY_REFERENCES when more are on the way than a machine allows."""
        if objects and self._count + len(objects) > _MOST_IN_FLIGHT:
            raise Failure(Status.TOO_MANY_REFERENCES)

    def departed(self, objects: tuple[Object, ...]) -> None:
        """These are in a message now."""
        self._count += len(objects)
        for thing in objects:
            if isinstance(thing, LocalSocket):
                self._sockets[thing] = self._sockets.get(thing, 0) + 1
        if len(self._sockets) >= self._next_collection:
            self.collect()
            self._next_collection = len(self._sockets) + _COLLECT_EVERY

    def arrived(self, objects: tuple[Object, ...]) -> None:
        """These are in a message no longer."""
        self._count -= len(objects)
        for thing in objects:
            if isinstance(thing, LocalSocket):
                self._sockets[thing] -= 1
                if not self._sockets[thing]:
                    del self._sockets[thing]

    def discard(self, objects: tuple[Object, ...]) -> None:
        """Nobody will receive these: one after the other, as each may be a socket in which others lie, and so on."""
        self._discarded.extend(objects)
        if self._discarding:
            return
        self._discarding = True
        try:
            while self._discarded:
                self._discarded.popleft().release()
        finally:
            self._discarding = False

    def one_closed(self) -> None:
        """A socket was closed. Who looks at all that is on the way does so the more seldom, the more that is."""
        self._closed += 1
        if self._closed * _COLLECT_EVERY >= len(self._sockets):
            self.collect()

    def collect(self) -> None:
        """Empty the sockets that nobody can reach but by messages in these very sockets."""
        self._closed = 0
        if not self._sockets or self._collecting:
            return
        self._collecting = True
        inside = Counter(thing for socket in self._sockets for thing in _within(socket))
        reached = {socket for socket in self._sockets if socket.references > inside[socket]}
        unseen = deque(reached)
        while unseen:
            for thing in _within(unseen.popleft()):
                if isinstance(thing, LocalSocket) and thing not in reached:
                    reached.add(thing)
                    unseen.append(thing)
        lost = [socket.reference() for socket in self._sockets if socket not in reached]
        for socket in lost:
            socket.empty()
        for socket in lost:
            socket.release()
        self._collecting = False


def _within(socket: LocalSocket) -> list[Object]:
    """What lies in the messages that wait in a socket, and in connections that wait to be accepted from it."""
    sockets = [socket, *(socket.embryos if isinstance(socket, ConnectedSocket) else ())]
    return [thing for each in sockets for item in each.inbox for thing in item.objects]
