"""The netlink socket of sock_diag: each request is answered at once, and the answers wait in it until they are read.

A dump is made while it is read, one datagram after the other, so that it takes no room that nobody wants.

Source: netlink(7), sock_diag(7).
"""

from __future__ import annotations

import errno
import struct
from collections import deque
from collections.abc import Iterator
from typing import Final

from lichen.executive.io.opening import Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    Caller,
    Level,
    Message,
    MessageFlag,
    NetlinkAddress,
    Received,
    Socket,
    SocketOption,
)
from lichen.executive.network.table import Queues
from lichen.executive.security.tokens import Capability
from lichen.executive.status import POSIX, Failure, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait
from lichen.subsystems.linux.sockdiag.messages import (
    ACKNOWLEDGE,
    FIRST_TYPE,
    MULTI,
    REQUEST,
    Ended,
    Refused,
    Request,
    requests,
)
from lichen.subsystems.linux.sockdiag.protocol import SOCK_DIAG, Driver
from lichen.subsystems.linux.sockdiag.requests import BY_FAMILY, answers

_DATAGRAM: Final = 8192
"""Bytes after which the next answers of a dump go into a datagram of their own."""
_MOST_WAITING: Final = 256
_NO_ROOM: Final = POSIX | errno.ENOBUFS
_INT: Final = struct.Struct("<i")
_OPTIONS: Final = {
    (Level.SOCKET, SocketOption.SEND_BUFFER): 212992,
    (Level.SOCKET, SocketOption.RECEIVE_BUFFER): 212992,
    (Level.SOCKET, SocketOption.PASS_CREDENTIALS): 0,
    **{(Level.NETLINK, name): 0 for name in (3, 4, 5, 10, 11, 12)},
}
"""What may be set: buffers, and how much netlink tells of errors and of itself."""
_FORCED: Final = {
    SocketOption.SEND_BUFFER_FORCE: SocketOption.SEND_BUFFER,
    SocketOption.RECEIVE_BUFFER_FORCE: SocketOption.RECEIVE_BUFFER,
}


class DiagnosisSocket(Socket):
    """One end of a conversation with the kernel about sockets."""

    __slots__ = ("_answers", "_dump", "_options", "driver", "port")

    def __init__(self, driver: Driver, caller: Caller, type: int, options: int) -> None:
        super().__init__(caller.context, AddressFamily.NETLINK, type, SOCK_DIAG, options)
        self.driver = driver
        self.port = 0
        self._answers: deque[bytes] = deque()
        self._dump: Iterator[bytes] | None = None
        """What comes when those that wait are read."""
        self._options: dict[tuple[int, int], int] = {}

    def closed(self) -> None:
        self.driver.ports.discard(self.port)
        super().closed()

    # ---- names

    def bind(self, caller: Caller, address: Address) -> None:
        if not isinstance(address, NetlinkAddress):
            raise Failure(Status.INVALID_PARAMETER)
        if address.groups:  # those of sockets that were destroyed: who could tell of those of others?
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        if self.port and address.port not in (0, self.port):
            raise Failure(Status.INVALID_PARAMETER)
        if not self.port:
            self.port = self.driver.take_port(address.port, caller.process)

    def connect(self, caller: Caller, address: Address | None) -> None:
        if isinstance(address, NetlinkAddress) and (address.port or address.groups):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        self.bind(caller, NetlinkAddress(0, 0))

    def local_address(self) -> NetlinkAddress:
        return NetlinkAddress(self.port, 0)

    def peer_address(self) -> NetlinkAddress:
        return NetlinkAddress(0, 0)

    # ---- messages

    def send(self, caller: Caller | None, message: Message) -> int:
        caller = caller or self.driver.caller()
        address = message.address
        if isinstance(address, NetlinkAddress) and (address.port or address.groups):
            raise Failure(Status.PRIVILEGE_NOT_HELD if address.groups else Status.CONNECTION_REFUSED)
        if message.flags & MessageFlag.OUT_OF_BAND:
            raise Failure(Status.NOT_SUPPORTED)
        if not self.port:
            self.bind(caller, NetlinkAddress(0, 0))
        may_destroy = caller.context.token.has(Capability.NET_ADMIN)
        for request in requests(message.data):
            if len(self._answers) >= _MOST_WAITING:
                raise Failure(_NO_ROOM)
            self._carry_out(request, may_destroy)
        self.notify()
        return len(message.data)

    def _carry_out(self, request: Request, may_destroy: bool) -> None:
        flags = request.header.flags
        if not flags & REQUEST or request.header.type < FIRST_TYPE:
            if flags & ACKNOWLEDGE:
                self._answers.append(request.error(0, self.port))
            return
        try:
            found = answers(self.table, request, may_destroy)
            if found is not None and not isinstance(found, bytes):
                if self._dump is not None:
                    raise Refused(errno.EBUSY)
                self._dump = self._datagrams(request, found)
                return
        except Ended as ended:
            self._answers.append(request.done(ended.args[0], self.port))
            return
        except Refused as refused:
            self._answers.append(request.error(refused.args[0], self.port))
            return
        if found is not None:
            self._answers.append(request.answer(BY_FAMILY, found, 0, self.port))
        if flags & ACKNOWLEDGE or found is None:
            self._answers.append(request.error(0, self.port))

    def _datagrams(self, request: Request, found: Iterator[bytes]) -> Iterator[bytes]:
        parts: list[bytes] = []
        size = 0
        for body in found:
            if size >= _DATAGRAM:
                yield b"".join(parts)
                parts, size = [], 0
            parts.append(request.answer(BY_FAMILY, body, MULTI, self.port))
            size += len(parts[-1])
        self._dump = None
        yield b"".join((*parts, request.done(0, self.port)))

    def _first(self) -> bytes | None:
        """The datagram that is read next."""
        if not self._answers and self._dump is not None:
            self._answers.append(next(self._dump))
        return self._answers[0] if self._answers else None

    def receive(self, size: int, flags: int = 0) -> Received | Blocks[Received]:
        if flags & MessageFlag.OUT_OF_BAND:
            raise Failure(Status.NOT_SUPPORTED)
        found = self._received(size, flags)
        if found is not None:
            return found
        if not self.may_wait(flags):
            raise Failure(Status.DEVICE_NOT_READY)
        return self._receive_later(size, flags)

    def _received(self, size: int, flags: int) -> Received | None:
        data = self._first()
        if data is None:
            return None
        if not flags & MessageFlag.PEEK:
            self._answers.popleft()
        cut = MessageFlag.TRUNCATED if len(data) > size else 0
        return Received(data[:size], len(data), NetlinkAddress(0, 0), cut)

    def _receive_later(self, size: int, flags: int) -> Blocks[Received]:
        deadline = self.driver.deadline(self.receive_timeout)
        interest = Wait((self.ready(Poll.READABLE),), deadline)
        while (found := self._received(size, flags)) is None:
            if (yield interest) == TIMED_OUT and not self._answers:
                raise Failure(Status.DEVICE_NOT_READY)
        return found

    def poll(self) -> int:
        return Poll.WRITABLE | (Poll.READABLE if self._answers or self._dump is not None else 0)

    def queues(self) -> Queues:
        return Queues(sum(map(len, self._answers)))

    def control(self, request: object) -> object:
        if isinstance(request, BytesAvailable):
            return len(self._first() or b"")
        return super().control(request)

    # ---- options

    def option(self, level: int, name: int, size: int) -> bytes:
        key = level, name
        if key not in _OPTIONS:
            raise Failure(Status.NO_SUCH_OPTION)
        return _INT.pack(self._options.get(key, _OPTIONS[key]))

    def set_option(self, caller: Caller, level: int, name: int, value: bytes) -> None:
        if level == Level.SOCKET and name in _FORCED:
            if not caller.context.token.has(Capability.NET_ADMIN):
                raise Failure(Status.PRIVILEGE_NOT_HELD)
            name = _FORCED[name]
        if (level, name) not in _OPTIONS:
            raise Failure(Status.NO_SUCH_OPTION)
        if len(value) < _INT.size:
            raise Failure(Status.INVALID_PARAMETER)
        self._options[level, name] = _INT.unpack_from(value)[0]
