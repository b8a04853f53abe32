"""What both worlds ask of sockets (NT: AFD; Unix: the socket layer), and how a family of protocols offers it.

A socket is a file, so that reading, writing, polling and closing need nothing of their own. Message flags and options have
Linux's numbers, which the host's sockets need anyway; the front-ends turn their own words and records into them. An address
is a value of the family: never a record of bytes, and never a name of the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from lichen.executive.io.attributes import Attributes, Kind
from lichen.executive.io.file import Data, File
from lichen.executive.io.opening import Access, Open, Options
from lichen.executive.network.table import BufferUse, ConnectionState, Queues, SocketTable
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.io.location import Location
    from lichen.executive.network.configuration import Configuration
    from lichen.executive.objects.object import Object


class AddressFamily:
    """Families of protocols."""

    UNSPECIFIED: Final = 0
    LOCAL: Final = 1
    INTERNET: Final = 2
    INTERNET_6: Final = 10
    NETLINK: Final = 16


class SocketType:
    """What a socket carries."""

    STREAM: Final = 1
    DATAGRAM: Final = 2
    RAW: Final = 3
    SEQUENCED: Final = 5


class MessageFlag:
    """How to send or receive, and what became of a message."""

    OUT_OF_BAND: Final = 0x1
    PEEK: Final = 0x2
    DO_NOT_ROUTE: Final = 0x4
    CONTROL_TRUNCATED: Final = 0x8
    TRUNCATED: Final = 0x20
    """Asked: tell the true length of a message that is cut."""
    DO_NOT_WAIT: Final = 0x40
    END_OF_RECORD: Final = 0x80
    WAIT_FOR_ALL: Final = 0x100
    CONFIRM: Final = 0x800
    ERROR_QUEUE: Final = 0x2000
    MORE: Final = 0x8000


class Level:
    """Who an option is for."""

    SOCKET: Final = 1
    IP: Final = 0
    TCP: Final = 6
    UDP: Final = 17
    IP_6: Final = 41
    ICMP_6: Final = 58
    RAW: Final = 255
    NETLINK: Final = 270


class SocketOption:
    """Options at Level.SOCKET."""

    DEBUG: Final = 1
    REUSE_ADDRESS: Final = 2
    TYPE: Final = 3
    ERROR: Final = 4
    DO_NOT_ROUTE: Final = 5
    BROADCAST: Final = 6
    SEND_BUFFER: Final = 7
    RECEIVE_BUFFER: Final = 8
    KEEP_ALIVE: Final = 9
    OUT_OF_BAND_INLINE: Final = 10
    PRIORITY: Final = 12
    LINGER: Final = 13
    REUSE_PORT: Final = 15
    PASS_CREDENTIALS: Final = 16
    PEER_CREDENTIALS: Final = 17
    RECEIVE_LOW_WATER: Final = 18
    SEND_LOW_WATER: Final = 19
    RECEIVE_TIMEOUT: Final = 20
    SEND_TIMEOUT: Final = 21
    BIND_TO_DEVICE: Final = 25
    TIMESTAMP: Final = 29
    ACCEPTS_CONNECTIONS: Final = 30
    SEND_BUFFER_FORCE: Final = 32
    RECEIVE_BUFFER_FORCE: Final = 33
    TIMESTAMP_NANOSECONDS: Final = 35
    PROTOCOL: Final = 38
    DOMAIN: Final = 39


class ShutDown:
    """Which way of a connection ends."""

    RECEIVE: Final = 0
    SEND: Final = 1
    BOTH: Final = 2


class InternetAddress(NamedTuple):
    """An IPv4 (4 bytes) or IPv6 (16 bytes) host and a port."""

    host: bytes
    port: int
    flow: int = 0
    scope: int = 0


class LocalAddress(NamedTuple):
    """A name within the machine: `text` as it was given (none: b"", abstract: begins with a zero byte).

    `name` is how a path is found, seen from whoever gave it: what an io.names.Name is made of.
    """

    text: bytes = b""
    name: tuple[Location, tuple[str, ...], int] | None = None


class NetlinkAddress(NamedTuple):
    """A netlink port and the multicast groups it hears."""

    port: int
    groups: int


Address = InternetAddress | LocalAddress | NetlinkAddress


class Credentials(NamedTuple):
    """Who somebody is, to the other end of a socket."""

    process: int
    uid: int
    gid: int


class Caller(NamedTuple):
    """Who uses a socket: how it sees the tree of names, and what it shows of itself."""

    context: FileSystemContext
    process: int

    @property
    def credentials(self) -> Credentials:
        token = self.context.token
        return Credentials(self.process, token.uid, token.gid)

    @property
    def effective(self) -> Credentials:
        token = self.context.token
        return Credentials(self.process, token.euid, token.egid)


class Control(NamedTuple):
    """A control message that is the protocol's own and goes to it, or comes from it, as it is."""

    level: int
    type: int
    data: bytes


class AtMark(NamedTuple):
    """A request to `File.control`: whether the next byte of a stream is the urgent one."""


class Message(NamedTuple):
    """What is sent. `objects` go along: each is referenced anew by the socket that takes the message."""

    data: bytes
    address: Address | None = None
    flags: int = 0
    objects: tuple[Object, ...] = ()
    credentials: Credentials | None = None
    controls: tuple[Control, ...] = ()


class Received(NamedTuple):
    """What was received; `length` is the whole message's. The references of `objects` are the receiver's."""

    data: bytes
    length: int
    address: Address | None = None
    flags: int = 0
    objects: tuple[Object, ...] = ()
    credentials: Credentials | None = None
    controls: tuple[Control, ...] = ()


class Socket(File):
    """A socket of any family. Options that a front-end knows as times are attributes, in seconds."""

    __slots__ = ("family", "protocol", "receive_timeout", "send_timeout", "table", "type")

    def __init__(
        self, context: FileSystemContext, family: int, type: int, protocol: int, options: int = 0
    ) -> None:
        place = context.devices.anonymous.place(Kind.SOCKET, "socket", context.token, 0o777)
        super().__init__(place, Open(Access.READ | Access.WRITE, options=options))
        self.family, self.type, self.protocol = family, type, protocol
        self.receive_timeout: float | None = None
        self.send_timeout: float | None = None
        self.table = context.devices.families.sockets
        self.table.add(self)

    def closed(self) -> None:
        self.table.remove(self)
        super().closed()

    # ---- connections and names

    def bind(self, caller: Caller, address: Address) -> None:
        """Take a name."""
        raise Failure(Status.NOT_SUPPORTED)

    def listen(self, caller: Caller, backlog: int) -> None:
        """Let others connect, `backlog` of them before they are accepted."""
        raise Failure(Status.NOT_SUPPORTED)

    def accept(self, caller: Caller, options: int) -> Socket | Blocks[Socket]:
        """The next connection, as a socket opened with `options`."""
        raise Failure(Status.NOT_SUPPORTED)

    def connect(self, caller: Caller, address: Address | None) -> Blocks[None] | None:
        """Connect, or choose whom datagrams go to; None dissolves the connection."""
        raise Failure(Status.NOT_SUPPORTED)

    def local_address(self) -> Address:
        raise Failure(Status.NOT_SUPPORTED)

    def peer_address(self) -> Address:
        raise Failure(Status.CONNECTION_INVALID)

    def shut_down(self, how: int) -> None:
        """End one or both ways of a connection."""
        raise Failure(Status.NOT_SUPPORTED)

    # ---- what is told of it

    def connection_state(self) -> int:
        """One of ConnectionState."""
        try:
            self.peer_address()
        except Failure:
            return ConnectionState.CLOSED
        return ConnectionState.ESTABLISHED

    def queues(self) -> Queues:
        """What waits in it."""
        return Queues()

    def buffer_use(self) -> BufferUse:
        """The memory that its messages use."""
        return BufferUse()

    def ways_ended(self) -> int:
        """Which ways of a connection have ended: 1 receiving, 2 sending."""
        return 0

    def connected_to(self) -> Socket | None:
        """The other end of a connection within the machine."""
        return None

    def connecting(self) -> list[Socket]:
        """Who waits for being accepted, of connections within the machine."""
        return []

    def name_in_tree(self) -> Attributes | None:
        """What is known of the file that is a local socket's name."""
        return None

    def transport(self) -> bytes:
        """What TCP knows of a connection, as Linux's struct tcp_info; empty for another protocol."""
        return b""

    def abort(self) -> None:
        """End a connection at once, whoever uses it; NOT_SUPPORTED."""
        raise Failure(Status.NOT_SUPPORTED)

    # ---- messages

    def send(self, caller: Caller | None, message: Message) -> int | Blocks[int]:
        """Send; how many bytes were taken. PIPE_CLOSING when nobody can get them any more."""
        raise Failure(Status.NOT_SUPPORTED)

    def receive(self, size: int, flags: int = 0) -> Received | Blocks[Received]:
        """Receive a message, or up to `size` bytes of a stream; nothing at its end."""
        raise Failure(Status.NOT_SUPPORTED)

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        return then(self.receive(size), _data)

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        return self.send(None, Message(bytes(data)))

    def pending_error(self) -> int:
        """The status of what went wrong since somebody asked last, 0 for nothing."""
        return Status.SUCCESS

    # ---- options

    def option(self, level: int, name: int, size: int) -> bytes:
        """The value of an option, of at most `size` bytes; POSIX|ENOPROTOOPT for one that the socket does not have."""
        raise Failure(Status.NOT_SUPPORTED)

    def set_option(self, caller: Caller, level: int, name: int, value: bytes) -> None:
        raise Failure(Status.NOT_SUPPORTED)

    def peer_credentials(self) -> Credentials | None:
        """Who the other end was when the connection was made; None when nobody knows."""
        return None

    def may_wait(self, flags: int = 0) -> bool:
        """Whether an operation with these message flags waits for what is not there."""
        return not (flags & MessageFlag.DO_NOT_WAIT or self.options & Options.NONBLOCKING)


def _data(received: Received) -> bytes:
    for thing in received.objects:
        thing.release()
    return received.data


class Family(Protocol):
    """The driver of one family of protocols."""

    def create(self, caller: Caller, type: int, protocol: int, options: int) -> Socket:
        """A new socket; POSIX|EPROTONOSUPPORT, POSIX|ESOCKTNOSUPPORT, PRIVILEGE_NOT_HELD."""

    def pair(self, caller: Caller, type: int, protocol: int, options: int) -> tuple[Socket, Socket]:
        """Two sockets that are connected to each other; NOT_SUPPORTED."""


class Families:
    """The families of one machine, and who knows the network that they reach."""

    def __init__(self) -> None:
        self._families: dict[int, Family] = {}
        self.sockets: SocketTable[Socket] = SocketTable()
        self.configuration: Configuration | None = None
        self.prepare: Callable[[], Blocks[None] | None] = lambda: None
        """Waits until the network is there; asked before a socket of it is made, as it may come with the first."""

    def register(self, number: int, family: Family) -> None:
        self._families[number] = family

    def get(self, number: int) -> Family:
        """The driver of a family; POSIX|EAFNOSUPPORT when there is none."""
        family = self._families.get(number)
        if family is None:
            raise Failure(Status.FAMILY_NOT_SUPPORTED)
        return family

    def create(
        self, caller: Caller, number: int, type: int, protocol: int, options: int
    ) -> Socket | Blocks[Socket]:
        """A new socket of a family, once the network is there that it reaches."""
        family = self.get(number)
        prepared = None if number == AddressFamily.LOCAL else self.prepare()
        if prepared is None:
            return family.create(caller, type, protocol, options)
        return _prepared(prepared, lambda: family.create(caller, type, protocol, options))


def _prepared(prepared: Blocks[None], create: Callable[[], Socket]) -> Blocks[Socket]:
    yield from prepared
    return create()
