"""\\Device\\Afd and its files. An open is no socket yet: the first request says which one it is to be.

A file stands in front of a socket of the executive, which waits or does not as each request asks: Winsock's "non-blocking" is
the file's, and overlapped requests go on although it is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import Data, File, Ready
from lichen.executive.io.opening import Open, Options, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    Caller,
    Level,
    Message,
    Socket,
    SocketOption,
    SocketType,
)
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Event, Waitable, then
from lichen.subsystems.nt.records import LONG
from lichen.subsystems.nt.sockets import addresses

if TYPE_CHECKING:
    from lichen.executive.processes import Process

READ, OUT_OF_BAND, WRITE, HANGUP, RESET, CLOSE, CONNECT, ACCEPT, CONNECT_ERROR = (
    1 << number for number in range(9)
)
"""AFD_POLL_*: what a socket is ready for."""
_YES: Final = LONG.pack(1)


class Selecting(Protocol):
    """Who tells by an event what a socket has news of."""

    def of(self, file: AfdFile) -> Selecting:
        """The same for another socket, which begins with nothing told: an accepted one has what the listening one has."""

    def end(self) -> None:
        """Tell no more."""

    def rearm(self, flags: int) -> None:
        """These are worth telling again."""

    def take(self) -> bytes:
        """What was told since somebody asked last."""


class AfdFile(File):
    """One end, `socket` once it is one; the requests to it are those of `requests.Endpoint`, the kind that is opened."""

    __slots__ = (
        "bound",
        "changed",
        "clock",
        "connected_at",
        "connecting",
        "deferred",
        "error",
        "exclusive",
        "kind",
        "listening",
        "nonblocking",
        "polled_alone",
        "reuses",
        "selection",
        "sending_ended",
        "socket",
        "was_used",
    )

    def __init__(self, process: Process, open: Open) -> None:
        place = process.files.devices.anonymous.place(Kind.SOCKET, "socket", process.files.token, 0o777)
        super().__init__(
            place, Open(open.access, options=open.options & (Options.OVERLAPPED | Options.ALERTABLE))
        )
        self.socket: Socket | None = None
        self.kind = (0, 0, 0)
        """Winsock's family, type and protocol."""
        self.nonblocking = self.bound = self.listening = self.connecting = self.sending_ended = False
        self.clock = process.machine.scheduler.clock
        self.connected_at: float | None = None
        """When a stream got the peer that it has, or had."""
        self.deferred: Socket | None = None
        """A connection that a program has seen and not taken: the next one that is accepted."""
        self.polled_alone: Event | None = None
        """Ends the poll that wants to be the only one of this socket."""
        self.was_used = False
        """Whether it has had a connection that its program let go in order to make another one."""
        self.reuses = self.exclusive = False
        """What a program asked of its port (SO_REUSEADDR, SO_EXCLUSIVEADDRUSE), to be told again."""
        self.error = 0
        """The status of a connection that could not be made, until it is asked for."""
        self.selection: Selecting | None = None
        self.changed = Event()
        """Signalled when the file has become another kind of end; then the next change has an event of its own."""

    def closed(self) -> None:
        self.become()
        if self.selection is not None:
            self.selection.end()
        super().closed()
        for socket in (self.deferred, self.socket):
            if socket is not None:
                socket.release()

    @property
    def made(self) -> Socket:
        """The socket; INVALID_PARAMETER while there is none."""
        if self.socket is None:
            raise Failure(Status.INVALID_PARAMETER)
        return self.socket

    @property
    def plain(self) -> File:
        return self if self.socket is None else self.socket

    @property
    def is_stream(self) -> bool:
        return self.made.type == SocketType.STREAM

    @property
    def connected(self) -> bool:
        """Whether a stream has, or had, a peer."""
        return self.connected_at is not None

    # ---- as a file

    @property
    def readiness(self) -> Waitable:
        return self.made.readiness

    def poll(self) -> int:
        return 0 if self.socket is None else self.socket.poll()

    def ready(self, mask: int) -> Ready:
        return self.made.ready(mask)

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        return then(self.made.receive(size), lambda received: received.data)

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        return self.made.send(None, Message(bytes(data)))

    # ---- names and connections

    def become(
        self, socket: Socket | None = None, connecting: bool | None = None, listening: bool = False
    ) -> None:
        """Change into another kind of end, of which those hear who wait for it."""
        if socket is not None:
            before, self.socket, self.bound, self.connected_at = self.socket, socket, True, self.clock()
            if before is not None:
                before.release()
        if connecting is not None:
            self.connecting = connecting
            if not connecting:
                self.bound, self.connected_at = True, self.clock()
        self.listening |= listening
        changed, self.changed = self.changed, Event()
        changed.set()

    def waits(self, flags: int) -> tuple[Waitable, ...]:
        """What to wait for in order to hear of `flags`; an end that cannot become ready by itself only changes."""
        if self.socket is None or (
            self.is_stream and not (self.listening or self.connecting or self.connected)
        ):
            return (self.changed,)
        return (self.socket.ready(interest(flags)), self.changed)

    def create(self, caller: Caller, family: int, type: int, protocol: int) -> None:
        """Become a socket; FAMILY_NOT_SUPPORTED, PROTOCOL_NOT_SUPPORTED, SOCKET_TYPE_NOT_SUPPORTED."""
        if self.socket is not None:
            raise Failure(Status.INVALID_PARAMETER)
        found = addresses.FAMILIES.get(family)
        if found is None:
            raise Failure(Status.FAMILY_NOT_SUPPORTED)
        if found == AddressFamily.LOCAL and type != SocketType.STREAM:
            raise Failure(Status.SOCKET_TYPE_NOT_SUPPORTED)
        driver = caller.context.devices.families.get(found)
        self.socket = driver.create(caller, type, protocol, 0)
        self.kind = (family, type, self.socket.protocol)
        if found == AddressFamily.INTERNET_6:
            self.socket.set_option(caller, Level.IP_6, _V6_ONLY, _YES)

    def begin_anew(self, caller: Caller) -> None:
        """Be as when it was made, for another connection."""
        before, self.socket = self.made, None
        self.bound = self.connecting = self.listening = self.sending_ended = False
        self.connected_at, self.error, self.was_used = None, 0, True
        try:
            self.create(caller, *self.kind)
        finally:
            before.release()
            self.become()

    def bind(self, caller: Caller, address: Address) -> None:
        """Take a name. A stream's port whose last connections still rest is free, to Windows."""
        try:
            self.made.bind(caller, address)
        except Failure as failure:
            if failure.status != Status.ADDRESS_IN_USE or not self.is_stream:
                raise
            self.share_rest(caller)
            self.made.bind(caller, address)
        self.bound = True

    def share_rest(self, caller: Caller) -> None:
        """Have others take the port once nothing of it is left but connections that rest."""
        if self.is_stream and self.made.family != AddressFamily.LOCAL:
            self.made.set_option(caller, Level.SOCKET, SocketOption.REUSE_ADDRESS, _YES)

    def bind_by_use(self, caller: Caller) -> None:
        """Take any name, unless there is one."""
        if not self.bound:
            self.bind(caller, addresses.unspecified(self.made.family))

    def settle(self) -> None:
        """See whether a connection that was begun has been made, or why not."""
        if not self.connecting or not self.made.poll() & (Poll.WRITABLE | Poll.ERROR | Poll.HANGUP):
            return
        self.connecting = False
        self.error = self.made.pending_error()
        if not self.error:
            self.connected_at = self.clock()

    @property
    def is_connected(self) -> bool:
        try:
            self.made.peer_address()
        except Failure:
            return False
        return True

    def take_error(self) -> int:
        """The status of what went wrong since somebody asked last."""
        self.settle()
        error, self.error = self.error or self.made.pending_error(), 0
        return error

    # ---- readiness

    def rearm(self, flags: int) -> None:
        """Have who selected events be told of these again: what was ready has been used, or was not."""
        if self.selection is not None:
            self.selection.rearm(flags)

    def flags(self) -> int:
        """What the socket is ready for, in AFD_POLL_*."""
        if self.socket is None:
            return 0
        self.settle()
        polled = self.socket.poll()
        if self.error:
            return CONNECT_ERROR
        found = 0
        if polled & Poll.PRIORITY:
            found |= OUT_OF_BAND
        if self.listening:
            return found | (ACCEPT if polled & Poll.READABLE or self.deferred is not None else 0)
        if not self.is_stream:
            return found | (READ if polled & Poll.READABLE else 0) | (WRITE if polled & Poll.WRITABLE else 0)
        if self.connecting or not self.connected:
            return found | (HANGUP | RESET if polled & Poll.ERROR else 0)
        return found | CONNECT | self._of_connection(self.socket, polled)

    def _of_connection(self, socket: Socket, polled: int) -> int:
        found = WRITE if polled & Poll.WRITABLE else 0
        if polled & Poll.ERROR:
            found |= RESET
        if polled & (Poll.READ_HANGUP | Poll.HANGUP) and not _has_data(socket):
            return found | HANGUP
        return found | (READ if polled & Poll.READABLE else 0)


_V6_ONLY: Final = 26


def _has_data(socket: Socket) -> bool:
    """Whether a stream that has ended still holds what was sent before."""
    try:
        return bool(socket.control(BytesAvailable()))
    except Failure:
        return False


def interest(flags: int) -> int:
    """What to wait for in order to hear of `flags`."""
    mask: int = Poll.ERROR | Poll.HANGUP
    if flags & (READ | ACCEPT | HANGUP | RESET):
        mask |= Poll.READABLE | Poll.READ_HANGUP
    if flags & (WRITE | CONNECT | CONNECT_ERROR):
        mask |= Poll.WRITABLE
    if flags & OUT_OF_BAND:
        mask |= Poll.PRIORITY
    return mask
