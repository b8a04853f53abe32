"""Sockets that stand on a socket of the host, which the kernel owns and never waits in.

An operation is tried; what the host would wait for is waited for here, on the host's word that the socket has changed. The
host tells of changes only (edge-triggered), so a socket that is ready and that nobody reads costs nothing; and only while
somebody waits, as a socket that changes with nobody waiting is watched no longer.

Source: socket(7), epoll(7).
"""

from __future__ import annotations

import errno
import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lichen.executive.io.file import Ready
from lichen.executive.io.opening import Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.network.sockets import (
    Address,
    AtMark,
    Caller,
    Control,
    Level,
    Message,
    MessageFlag,
    Received,
    ShutDown,
    Socket,
    SocketOption,
    SocketType,
)
from lichen.executive.network.table import BufferUse, ConnectionState, Queues
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait
from lichen.filesystems.hostcalls import disconnect, hosted
from lichen.filesystems.hostlimits import require_room
from lichen.filesystems.sockets.events import INTEREST, HostEvents

if TYPE_CHECKING:
    from lichen.executive.scheduler import Scheduler

T = TypeVar("T")
HostAddress = tuple[str | int, ...] | str | bytes
"""An address as Python's sockets have it."""

_ARRIVAL: Final = Poll.READABLE | Poll.ERROR | Poll.HANGUP
_ROOM: Final = Poll.WRITABLE | Poll.ERROR | Poll.HANGUP
_SENT: Final = (
    MessageFlag.OUT_OF_BAND
    | MessageFlag.DO_NOT_ROUTE
    | MessageFlag.END_OF_RECORD
    | MessageFlag.CONFIRM
    | MessageFlag.MORE
)
"""The flags of a sender that the host is told."""
_RECEIVED: Final = MessageFlag.OUT_OF_BAND | MessageFlag.PEEK | MessageFlag.ERROR_QUEUE
_ANSWERED: Final = (
    MessageFlag.OUT_OF_BAND
    | MessageFlag.CONTROL_TRUNCATED
    | MessageFlag.TRUNCATED
    | MessageFlag.END_OF_RECORD
    | MessageFlag.ERROR_QUEUE
)
"""The flags of a message that a receiver is told."""
_AT_ONCE: Final = int(socket.MSG_DONTWAIT)
_QUIETLY: Final = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
_LARGEST_MESSAGE: Final = 1 << 16
_CONTROL_ROOM: Final = 1 << 12
_LONGEST_OPTION: Final = 1024
_PAUSE: Final = 0.001
"""For this long an operation rests that the host calls ready and refuses all the same."""
_LINGER: Final = struct.Struct("=ii")
_AT_MARK: Final = 0x8905  # SIOCATMARK
_INT: Final = struct.Struct("=i")
_ACCEPT_QUEUE: Final = struct.Struct("=II")
_ACCEPT_QUEUE_AT: Final = 24
"""Where tcpi_unacked and tcpi_sacked are, which tell of who listens how many wait, and how many may."""
_SO_MEMINFO: Final = 55
_MEMORY: Final = struct.Struct("=9I")
_RECEIVING, _SENDING = 1, 2
_SENDING_ENDED: Final = (
    ConnectionState.FIN_WAIT_1,
    ConnectionState.FIN_WAIT_2,
    ConnectionState.CLOSING,
    ConnectionState.LAST_ACK,
)
_FORCED: Final = {
    SocketOption.SEND_BUFFER_FORCE: SocketOption.SEND_BUFFER,
    SocketOption.RECEIVE_BUFFER_FORCE: SocketOption.RECEIVE_BUFFER,
}


class HostSocket(Socket):
    """A socket over one of the host; subclasses know a family's addresses, options and control messages."""

    __slots__ = ("_asks", "_controls", "_watched", "events", "host", "scheduler")

    readable_options: frozenset[tuple[int, int]]
    writable_options: frozenset[tuple[int, int]]
    control_levels: frozenset[int]

    def __init__(
        self, caller: Caller, host: socket.socket, scheduler: Scheduler, events: HostEvents, options: int
    ) -> None:
        protocol = host.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
        super().__init__(caller.context, int(host.family), host.type & 0xF, protocol, options)
        self.host, self.scheduler, self.events = host, scheduler, events
        self._asks = select.poll()
        self._asks.register(host, INTEREST)
        self._watched = False
        self._controls = False
        """Whether the guest has set an option that may bring control messages."""

    def closed(self) -> None:
        if self._watched:
            self.events.unwatch(self.host.fileno())
        self._do_not_linger()
        self.host.close()
        super().closed()

    def _do_not_linger(self) -> None:
        """A close that waits for the peer would keep everybody waiting: the host shall go on with that by itself."""
        try:
            on, seconds = _LINGER.unpack(
                self.host.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.size)
            )
            if on and seconds:
                self.host.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(0, 0))
        except OSError:
            return

    # ---- what a family knows

    def to_host(self, address: Address) -> HostAddress:
        raise NotImplementedError

    def from_host(self, address: Any) -> Address | None:
        raise NotImplementedError

    def accepted(self, caller: Caller, host: socket.socket, options: int) -> HostSocket:
        """A connection that was accepted."""
        raise NotImplementedError

    # ---- readiness

    def poll(self) -> int:
        found = self._asks.poll(0)
        return found[0][1] if found else 0

    def ready(self, mask: int) -> Ready:
        if not self._watched:
            self._watched = True
            self.events.watch(self.host.fileno(), self._changed)
        return super().ready(mask)

    def refresh(self) -> None:
        self.events.dispatch()

    def _changed(self) -> None:
        if self.readiness.waiters:
            self.notify()
        elif self._watched:
            self._watched = False
            self.events.unwatch(self.host.fileno())

    # ---- trying and waiting

    def _attempt(self, operation: Callable[[], T]) -> T | None:
        """The result of an operation; None when the host would have waited."""
        try:
            return operation()
        except BlockingIOError:
            return None
        except OSError as error:
            raise Failure.from_host(error) from None
        except (OverflowError, ValueError):
            raise Failure(Status.INVALID_PARAMETER) from None

    def _run(
        self, operation: Callable[[], T], mask: int, may_wait: bool, timeout: float | None
    ) -> T | Blocks[T]:
        """Carry out an operation, which may have to wait until the host has one of `mask` ready."""
        result = self._attempt(operation)
        if result is not None:
            return result
        if not may_wait:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._run_later(operation, mask, self._deadline(timeout))

    def _run_later(self, operation: Callable[[], T], mask: int, deadline: float | None) -> Blocks[T]:
        while True:
            index = yield Wait((self.ready(mask),), deadline)
            result = self._attempt(operation)
            if result is not None:
                return result
            if index == TIMED_OUT:
                raise Failure(Status.DEVICE_NOT_READY)
            if self.poll() & mask:
                yield Wait((), self.scheduler.clock() + _PAUSE)

    def _deadline(self, timeout: float | None) -> float | None:
        return None if timeout is None else self.scheduler.clock() + timeout

    # ---- connections and names

    @hosted
    def bind(self, caller: Caller, address: Address) -> None:
        self.host.bind(self.to_host(address))

    @hosted
    def listen(self, caller: Caller, backlog: int) -> None:
        self.host.listen(min(max(backlog, 0), 4096))

    def accept(self, caller: Caller, options: int) -> Socket | Blocks[Socket]:
        def take() -> Socket:
            host, _ = self.host.accept()
            try:
                host.setblocking(False)
                require_room(host.fileno())
            except BaseException:
                host.close()
                raise
            return self.accepted(caller, host, options)

        return self._run(take, Poll.READABLE | Poll.ERROR, self.may_wait(), self.receive_timeout)

    def connect(self, caller: Caller, address: Address | None) -> Blocks[None] | None:
        if address is None:
            hosted(disconnect)(self.host.fileno())
            return None
        target = self.to_host(address)
        try:
            self.host.connect(target)
        except BlockingIOError as error:
            if not self.may_wait():
                waits = error.errno == errno.EALREADY
                raise Failure(Status.ALREADY_IN_PROGRESS if waits else Status.IN_PROGRESS) from None
            return self._connect_later(target)
        except OSError as error:
            raise Failure.from_host(error) from None
        return None

    def _connect_later(self, target: HostAddress) -> Blocks[None]:
        def connect() -> bool:
            self.host.connect(target)
            return True

        try:
            yield from self._run_later(connect, _ROOM, self._deadline(self.send_timeout))
        except Failure as failure:
            if failure.status == Status.DEVICE_NOT_READY:
                raise Failure(Status.IN_PROGRESS) from None
            raise

    def local_address(self) -> Address:
        return self._name(self.host.getsockname)

    def peer_address(self) -> Address:
        return self._name(self.host.getpeername)

    @hosted
    def _name(self, ask: Callable[[], object]) -> Address:
        name = self.from_host(ask())
        assert name is not None
        return name

    @hosted
    def shut_down(self, how: int) -> None:
        if how not in (ShutDown.RECEIVE, ShutDown.SEND, ShutDown.BOTH):
            raise Failure(Status.INVALID_PARAMETER)
        self.host.shutdown(how)

    # ---- what is told of it

    def transport(self) -> bytes:
        if self.type != SocketType.STREAM or self.protocol != socket.IPPROTO_TCP:
            return b""
        return self.host.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LONGEST_OPTION)

    def connection_state(self) -> int:
        transport = self.transport()
        return transport[0] if transport else super().connection_state()

    @hosted
    def queues(self) -> Queues:
        transport = self.transport()
        if not transport:
            use = self.buffer_use()
            return Queues(use.received, use.sent)
        if transport[0] == ConnectionState.LISTEN:
            return Queues(*_ACCEPT_QUEUE.unpack_from(transport, _ACCEPT_QUEUE_AT))
        return Queues(self._ask(termios.FIONREAD), self._ask(termios.TIOCOUTQ))

    @hosted
    def buffer_use(self) -> BufferUse:
        return BufferUse(*_MEMORY.unpack(self.host.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMORY.size)))

    def ways_ended(self) -> int:
        found = self.poll()
        if found & Poll.HANGUP:
            return _RECEIVING | _SENDING
        ended = _RECEIVING if found & Poll.READ_HANGUP else 0
        return ended | (_SENDING if self.connection_state() in _SENDING_ENDED else 0)

    @hosted
    def abort(self) -> None:
        """TCP breaks off, and the peer learns of it; of other protocols the host has no way to end what is bound."""
        if not self.transport():
            raise Failure(Status.NOT_SUPPORTED)
        disconnect(self.host.fileno())
        self.notify()

    # ---- messages

    def send(self, caller: Caller | None, message: Message) -> int | Blocks[int]:
        flags = message.flags & _SENT | _QUIETLY
        target = () if message.address is None else (self.to_host(message.address),)
        controls = [
            (each.level, each.type, each.data)
            for each in message.controls
            if each.level in self.control_levels
        ]
        view, done = memoryview(message.data), 0

        def send() -> int:
            return self.host.sendmsg((view[done:],), controls, flags, *target)

        sent = self._attempt(send)
        may_wait = self.may_wait(message.flags)
        if sent is None and not may_wait:
            raise Failure(Status.DEVICE_NOT_READY)
        if sent == len(view) or (sent is not None and not may_wait):
            return sent

        def send_rest() -> Blocks[int]:
            nonlocal done
            done = sent or 0
            deadline = self._deadline(self.send_timeout)
            try:
                while True:
                    done += yield from self._run_later(send, _ROOM, deadline)
                    if done == len(view):
                        return done
            except (Failure, Interrupted):
                if not done:
                    raise
                return done

        return send_rest()

    def receive(self, size: int, flags: int = 0) -> Received | Blocks[Received]:
        passed = flags & _RECEIVED | _AT_ONCE
        stream = self.type == SocketType.STREAM

        def receive() -> Received:
            if stream and not flags & MessageFlag.ERROR_QUEUE:
                data = self.host.recv(size, passed)
                return Received(b"" if flags & MessageFlag.TRUNCATED else data, len(data))
            return self._receive_message(size, passed)

        mask = Poll.PRIORITY | Poll.ERROR if flags & MessageFlag.OUT_OF_BAND else _ARRIVAL
        may_wait = self.may_wait(flags) and not flags & MessageFlag.ERROR_QUEUE
        if stream and flags & MessageFlag.WAIT_FOR_ALL and may_wait and not flags & MessageFlag.PEEK:
            return self._receive_all(size, passed)
        return self._run(receive, mask, may_wait, self.receive_timeout)

    def _receive_message(self, size: int, flags: int) -> Received:
        """One message: it is received whole, as the host's C library would tell a length without the bytes."""
        room = _CONTROL_ROOM if self._controls or flags & MessageFlag.ERROR_QUEUE else 0
        data, controls, answered, sender = self.host.recvmsg(_LARGEST_MESSAGE, room, flags)
        answered &= _ANSWERED if room else _ANSWERED & ~MessageFlag.CONTROL_TRUNCATED
        if len(data) > size:
            answered |= MessageFlag.TRUNCATED
        shown = tuple(Control(*each) for each in controls if self._may_show(each[0], each[1]))
        return Received(data[:size], len(data), self.from_host(sender), answered, controls=shown)

    def _may_show(self, level: int, type: int) -> bool:
        return level in self.control_levels or (
            level == Level.SOCKET and type in (SocketOption.TIMESTAMP, SocketOption.TIMESTAMP_NANOSECONDS)
        )

    def _receive_all(self, size: int, flags: int) -> Blocks[Received]:
        deadline = self._deadline(self.receive_timeout)
        parts: list[bytes] = []
        left = size

        def receive() -> bytes:
            return self.host.recv(min(left, 1 << 20), flags)

        while left:
            try:
                part = self._attempt(receive)
                if part is None:
                    part = yield from self._run_later(receive, _ARRIVAL, deadline)
            except (Failure, Interrupted):
                if not parts:
                    raise
                break
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return Received(b"".join(parts), size - left)

    # ---- options

    @hosted
    def option(self, level: int, name: int, size: int) -> bytes:
        if (level, name) not in self.readable_options:
            raise Failure(Status.NO_SUCH_OPTION)
        return self.host.getsockopt(level, name, min(size, _LONGEST_OPTION)) if size else b""

    @hosted
    def set_option(self, caller: Caller, level: int, name: int, value: bytes) -> None:
        if level == Level.SOCKET:
            name = _FORCED.get(name, name)
        if (level, name) not in self.writable_options:
            raise Failure(Status.NO_SUCH_OPTION)
        self.host.setsockopt(level, name, value)
        if level != Level.TCP:
            self._controls = True

    @hosted
    def pending_error(self) -> int:
        number = self.host.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return Failure.from_host(OSError(number, "")).status if number else Status.SUCCESS

    @hosted
    def control(self, request: object) -> object:
        if isinstance(request, BytesAvailable):
            return self._ask(termios.FIONREAD)
        if isinstance(request, AtMark):
            return self._ask(_AT_MARK)
        return super().control(request)

    def _ask(self, question: int) -> int:
        """The int that the host answers to an ioctl."""
        answer: int = _INT.unpack(fcntl.ioctl(self.host.fileno(), question, _INT.pack(0)))[0]
        return answer
