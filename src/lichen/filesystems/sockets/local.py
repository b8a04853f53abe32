"""Sockets between programs of one machine (AF_UNIX): nothing of them exists on the host, neither names nor descriptors.

A message lies in its receiver's queue and is charged to its sender until it is taken, so that nobody can fill the memory of
somebody who does not read. This module has what streams, packets and datagrams have in common: names, options, the queue.

Source: unix(7), socket(7).
"""

from __future__ import annotations

import errno
import struct
from collections import deque
from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import Attributes, Kind
from lichen.executive.io.file import Pollers
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.names import Name, make_node
from lichen.executive.io.opening import Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    Caller,
    Credentials,
    Level,
    LocalAddress,
    Message,
    MessageFlag,
    Received,
    ShutDown,
    Socket,
    SocketOption,
)
from lichen.executive.network.table import BufferUse, ConnectionState, Queues
from lichen.executive.security import modes
from lichen.executive.security.tokens import Capability
from lichen.executive.status import POSIX, Failure, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait, Waitable

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.io.node import Node
    from lichen.executive.objects.object import Object
    from lichen.filesystems.sockets.localdriver import Driver

DEFAULT_BUFFER: Final = 212992
LARGEST_BUFFER: Final = 2 * DEFAULT_BUFFER
SMALLEST_BUFFER: Final = 4608
_MOST_WAITING: Final = 1 << 28
"""Bytes that may wait in the sockets of a machine, which are the kernel's memory (G7)."""
_NO_ROOM: Final = POSIX | errno.ENOBUFS
OVERHEAD: Final = 768
"""What a message costs besides its bytes."""
_MESSAGE_OVERHEAD: Final = 32
RECEIVING, SENDING, BOTH = 1, 2, 3
_WAYS: Final = {ShutDown.RECEIVE: RECEIVING, ShutDown.SEND: SENDING, ShutDown.BOTH: BOTH}
_INT: Final = struct.Struct("<i")
_ABSTRACT: Final = b"\0"
_OPTIONS: Final = {
    SocketOption.REUSE_ADDRESS: 0,
    SocketOption.REUSE_PORT: 0,
    SocketOption.KEEP_ALIVE: 0,
    SocketOption.BROADCAST: 0,
    SocketOption.DO_NOT_ROUTE: 0,
    SocketOption.OUT_OF_BAND_INLINE: 0,
    SocketOption.DEBUG: 0,
    SocketOption.PRIORITY: 0,
    SocketOption.TIMESTAMP: 0,
    SocketOption.RECEIVE_LOW_WATER: 1,
    SocketOption.SEND_LOW_WATER: 1,
    SocketOption.PASS_CREDENTIALS: 0,
    SocketOption.SEND_BUFFER: DEFAULT_BUFFER,
    SocketOption.RECEIVE_BUFFER: DEFAULT_BUFFER,
}
"""The options that are an int, and what it is at first."""
_NUMBERS: Final = frozenset((SocketOption.PRIORITY, SocketOption.RECEIVE_LOW_WATER))
"""Those that are more than on or off, the buffers apart."""
_FORCED: Final = {
    SocketOption.SEND_BUFFER_FORCE: SocketOption.SEND_BUFFER,
    SocketOption.RECEIVE_BUFFER_FORCE: SocketOption.RECEIVE_BUFFER,
}
_LINGER_SIZE: Final = 8


class Item:
    """One message in a queue, or one piece of a stream. It owns a reference of each of its objects."""

    __slots__ = ("address", "charge", "credentials", "data", "objects", "sender")

    def __init__(
        self,
        sender: LocalSocket,
        data: bytes,
        credentials: Credentials,
        objects: tuple[Object, ...] = (),
    ) -> None:
        self.sender, self.data, self.credentials, self.objects = sender, data, credentials, objects
        self.address = sender.address
        self.charge = len(data) + OVERHEAD

    def drop(self) -> None:
        """Nobody will receive this."""
        for thing in self.objects:
            thing.release()


class LocalSocket(Socket):
    """What all of them are. `peer` is the other end, even when it is closed already (`dead`)."""

    __slots__ = (
        "_linger",
        "_options",
        "_place",
        "address",
        "dead",
        "driver",
        "error",
        "inbox",
        "partner",
        "peer",
        "room",
        "sent",
        "shut",
    )

    def __init__(self, driver: Driver, caller: Caller, type: int, options: int) -> None:
        super().__init__(caller.context, AddressFamily.LOCAL, type, 0, options)
        self.driver = driver
        self.address = LocalAddress()
        self._place: Location | None = None
        self.peer: LocalSocket | None = None
        self.partner: Credentials | None = None
        """Who the other end was, when the connection was made."""
        self.inbox: deque[Item] = deque()
        self.sent = 0
        """What is charged for messages that others have not taken yet."""
        self.room = Pollers()
        """Those who wait to send to here, or as this one."""
        self.shut = 0
        self.error = 0
        """The status that the next operation fails with, once."""
        self.dead = False
        self._options: dict[int, int] = {}
        self._linger = bytes(_LINGER_SIZE)

    # ---- names

    def bind(self, caller: Caller, address: Address) -> None:
        if not isinstance(address, LocalAddress) or self.address.text:
            raise Failure(Status.INVALID_PARAMETER)
        if address.text[:1] == _ABSTRACT or not address.text:
            self.address = LocalAddress(self.driver.names.take(address.text, self))
            return
        assert address.name is not None
        try:
            place = make_node(caller.context, Name(*address.name), Kind.SOCKET, 0o777)
        except Failure as failure:
            if failure.status == Status.OBJECT_NAME_COLLISION:
                raise Failure(Status.ADDRESS_IN_USE) from None
            raise
        place.node.attachment = self
        self._place, self.address = place, address

    def local_address(self) -> Address:
        return self.address

    def find(self, caller: Caller, address: Address) -> LocalSocket:
        """Whoever has a name; CONNECTION_REFUSED for nobody, WRONG_SOCKET_TYPE for one of another type."""
        if not isinstance(address, LocalAddress) or not address.text:
            raise Failure(Status.INVALID_PARAMETER)
        if address.name is None:
            named = self.driver.names.get(address.text)
            found = named if isinstance(named, LocalSocket) else None
        else:
            (start, components, walk), context = address.name, caller.context
            node = find(context, start, components, walk | Walk.FOLLOW).node
            modes.check(context.token, node.attributes(), modes.WRITE, False)
            found = _socket_at(node)
        if found is None:
            raise Failure(Status.CONNECTION_REFUSED)
        if found.type != self.type:
            raise Failure(Status.WRONG_SOCKET_TYPE)
        return found

    def pair_with(self, other: LocalSocket, mine: Credentials, theirs: Credentials) -> None:
        """Connect this socket and `other`, and let each know who has the other."""
        self.call(other)
        other.call(self)
        self.partner, other.partner = theirs, mine

    def call(self, peer: LocalSocket | None) -> None:
        """Send to `peer` from now on."""
        self.peer = peer

    # ---- the queue

    @property
    def send_buffer(self) -> int:
        return self._options.get(SocketOption.SEND_BUFFER, DEFAULT_BUFFER)

    @property
    def passes_credentials(self) -> bool:
        return bool(self._options.get(SocketOption.PASS_CREDENTIALS, 0))

    def is_writable(self) -> bool:
        """Whether poll lets this one send: at most a quarter of its buffer is used."""
        return self.sent << 2 <= self.send_buffer

    def enqueue(self, item: Item) -> None:
        """A message for this socket has come."""
        item.sender.sent += item.charge
        self.driver.waiting += item.charge
        self.inbox.append(item)
        if item.objects:
            self.driver.rights.departed(item.objects)
        self.notify()

    def dequeue(self) -> Item:
        """Take the first message; its objects are the taker's now."""
        item = self.inbox.popleft()
        sender = item.sender
        was_writable = sender.is_writable()
        sender.sent -= item.charge
        self.driver.waiting -= item.charge
        if item.objects:
            self.driver.rights.arrived(item.objects)
        self.room.wake()
        if sender is not self:
            sender.room.wake()
        if not was_writable:
            sender.notify()
        return item

    def empty(self) -> None:
        """Throw away what nobody will receive."""
        while self.inbox:
            self.driver.rights.discard(self.dequeue().objects)

    # ---- receiving whole messages; streams have their own way

    def receive(self, size: int, flags: int = 0) -> Received | Blocks[Received]:
        if flags & MessageFlag.OUT_OF_BAND:
            raise Failure(Status.NOT_SUPPORTED)
        found = self.receive_now(size, flags)
        if found is not None:
            return found
        if not self.may_wait(flags):
            raise Failure(Status.DEVICE_NOT_READY)
        return self.receive_later(size, flags, self.driver.deadline(self.receive_timeout))

    def receive_now(self, size: int, flags: int) -> Received | None:
        """What there is to receive, if only an end; None when it has to be waited for."""
        if not self.inbox:
            return self.end()
        peeks = flags & MessageFlag.PEEK
        item = self.inbox[0] if peeks else self.dequeue()
        objects = tuple(thing.reference() for thing in item.objects) if peeks else item.objects
        cut = MessageFlag.TRUNCATED if len(item.data) > size else 0
        return self.received(item, item.data[:size], len(item.data), cut, objects)

    def receive_later(self, size: int, flags: int, deadline: float | None) -> Blocks[Received]:
        """Wait for something to receive; DEVICE_NOT_READY when the socket's time for that is over."""
        interest = Wait((self.ready(Poll.READABLE | Poll.ERROR | Poll.HANGUP),), deadline)
        while (found := self.receive_now(size, flags)) is None:
            if (yield interest) == TIMED_OUT and not self.inbox:
                raise Failure(Status.DEVICE_NOT_READY)
        return found

    def end(self) -> Received | None:
        """What an empty queue means: an error, the end, or (None) that more may come."""
        self.check_error()
        return Received(b"", 0) if self.shut & RECEIVING else None

    def received(
        self, item: Item, data: bytes, length: int, flags: int = 0, objects: tuple[Object, ...] = ()
    ) -> Received:
        """The answer to a receive; credentials only for those who want them."""
        credentials = item.credentials if self.passes_credentials else None
        return Received(data, length, item.address, flags, objects, credentials)

    # ---- sending

    def send_later(self, target: LocalSocket, item: Item) -> Blocks[int]:
        """Wait until `item` may be sent, and send it."""
        try:
            yield from self.wait_for_room(target)
            self.check_target(target)
        except BaseException:
            item.drop()
            raise
        target.enqueue(item)
        return len(item.data)

    def wait_for_room(self, target: LocalSocket) -> Blocks[None]:
        deadline = self.driver.deadline(self.send_timeout)
        room = Wait((Room(self, target, self), Room(self, target, target)), deadline)
        while not self.may_send_to(target):
            if (yield room) == TIMED_OUT and not self.may_send_to(target):
                raise Failure(Status.DEVICE_NOT_READY)

    def may_send_to(self, target: LocalSocket) -> bool:
        """Whether a message to `target` need not wait: there is room, or it would fail."""
        return self.sent < self.send_buffer or self.is_cut_off(target)

    def is_cut_off(self, target: LocalSocket) -> bool:
        """Whether nothing can be sent to `target` any more."""
        return target.dead or bool(self.shut & SENDING) or bool(target.shut & RECEIVING)

    def check_target(self, target: LocalSocket) -> None:
        """Fail when nothing can be sent to `target` any more: only streams break like a pipe, with a signal."""
        if self.is_cut_off(target):
            raise Failure(Status.PIPE_DISCONNECTED)

    def send_whole(self, caller: Caller | None, target: LocalSocket, message: Message) -> int | Blocks[int]:
        """Send a message that stays whole."""
        if len(message.data) > self.send_buffer - _MESSAGE_OVERHEAD:
            raise Failure(Status.MESSAGE_TOO_LONG)
        self.check_target(target)
        may_send = self.may_send_to(target)
        if not may_send and not self.may_wait(message.flags):
            raise Failure(Status.DEVICE_NOT_READY)
        item = self.item_of(caller, message, message.data, message.objects)
        if not may_send:
            return self.send_later(target, item)
        target.enqueue(item)
        return len(item.data)

    def item_of(
        self, caller: Caller | None, message: Message, data: bytes, objects: tuple[Object, ...]
    ) -> Item:
        """A message of this sender that is ready to be queued; ENOBUFS when too much waits on the machine."""
        if self.driver.waiting > _MOST_WAITING:
            raise Failure(_NO_ROOM)
        self.driver.rights.check(objects)
        credentials = message.credentials or self.driver.caller(caller).credentials
        for thing in objects:
            thing.reference()
        return Item(self, data, credentials, objects)

    def pending_error(self) -> int:
        error, self.error = self.error, 0
        return error

    def check_error(self) -> None:
        """Fail with what has happened to the connection meanwhile; only once."""
        if self.error:
            raise Failure(self.pending_error())

    # ---- ends

    def shut_down(self, how: int) -> None:
        if how not in _WAYS:
            raise Failure(Status.INVALID_PARAMETER)
        self.shut |= _WAYS[how]
        self.changed()

    def changed(self) -> None:
        """Have everybody look who waits for this socket."""
        self.notify()
        self.room.wake()

    def closed(self) -> None:
        self.dead = True
        if self._place is not None and self._place.node.attachment is self:
            self._place.node.attachment = None
        self.driver.names.give_back(self.address.text, self)
        self.empty()
        self.changed()
        super().closed()
        self.driver.rights.one_closed()

    # ---- options

    def option(self, level: int, name: int, size: int) -> bytes:
        if level != Level.SOCKET:
            raise Failure(Status.NOT_SUPPORTED)
        if name == SocketOption.ACCEPTS_CONNECTIONS:
            return _INT.pack(self.is_listening)
        if name == SocketOption.LINGER:
            return self._linger
        if name not in _OPTIONS:
            raise Failure(Status.NO_SUCH_OPTION)
        return _INT.pack(self._options.get(name, _OPTIONS[name]))

    def set_option(self, caller: Caller, level: int, name: int, value: bytes) -> None:
        if level != Level.SOCKET:
            raise Failure(Status.NOT_SUPPORTED)
        if len(value) < _INT.size:
            raise Failure(Status.INVALID_PARAMETER)
        number: int = _INT.unpack_from(value)[0]
        if name in _FORCED:
            if not caller.context.token.has(Capability.NET_ADMIN):
                raise Failure(Status.PRIVILEGE_NOT_HELD)
            name = _FORCED[name]
        if name == SocketOption.LINGER:
            self._set_linger(value)
        elif name in _FORCED.values():
            wanted = LARGEST_BUFFER if number < 0 else 2 * number
            self._options[name] = min(max(wanted, SMALLEST_BUFFER), LARGEST_BUFFER)
        elif name in _NUMBERS:
            self._options[name] = number
        elif name in _OPTIONS and name != SocketOption.SEND_LOW_WATER:
            self._options[name] = int(number != 0)
        else:
            raise Failure(Status.NO_SUCH_OPTION)

    def _set_linger(self, value: bytes) -> None:
        if len(value) < _LINGER_SIZE:
            raise Failure(Status.INVALID_PARAMETER)
        on, seconds = struct.unpack_from("<ii", value)
        self._linger = struct.pack("<ii", int(on != 0), seconds)

    @property
    def is_listening(self) -> bool:
        return False

    def peer_credentials(self) -> Credentials | None:
        return self.partner

    # ---- what is told of it

    def connection_state(self) -> int:
        if self.is_listening:
            return ConnectionState.LISTEN
        return ConnectionState.CLOSED if self.peer is None else ConnectionState.ESTABLISHED

    def queues(self) -> Queues:
        return Queues(self.bytes_available(), self.sent)

    def buffer_use(self) -> BufferUse:
        waiting = sum(item.charge for item in self.inbox)
        limit = self._options.get(SocketOption.RECEIVE_BUFFER, DEFAULT_BUFFER)
        return BufferUse(waiting, limit, self.sent, self.send_buffer)

    def ways_ended(self) -> int:
        return self.shut

    def connected_to(self) -> Socket | None:
        return None if self.peer is None or self.peer.dead else self.peer

    def name_in_tree(self) -> Attributes | None:
        return None if self._place is None else self._place.node.attributes()

    def control(self, request: object) -> object:
        if isinstance(request, BytesAvailable):
            return self.bytes_available()
        return super().control(request)

    def bytes_available(self) -> int:
        """How much the next receive would give."""
        return len(self.inbox[0].data) if self.inbox else 0

    def poll(self) -> int:
        ready = Poll.ERROR if self.error else 0
        if self.inbox:
            ready |= Poll.READABLE
        if self.shut & RECEIVING:
            ready |= Poll.READABLE | Poll.READ_HANGUP
            if self.shut == BOTH:
                ready |= Poll.HANGUP
        return ready


def _socket_at(node: Node) -> LocalSocket | None:
    found = node.attachment
    return found if isinstance(found, LocalSocket) and node.kind == Kind.SOCKET else None


class Room(Waitable):
    """Signalled when a sender may send to a target, or never will; woken by whom `woken_by` tells of its changes."""

    __slots__ = ("sender", "target")

    def __init__(self, sender: LocalSocket, target: LocalSocket, woken_by: LocalSocket) -> None:
        self.sender, self.target = sender, target
        self.waiters = woken_by.room.waiters

    def signalled(self, waiter: object) -> bool:
        return self.sender.may_send_to(self.target)
