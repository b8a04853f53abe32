"""Asking the host about a network and changing it (AF_NETLINK, NETLINK_ROUTE), as far as `route_messages` lets pass.

A socket without a port number gets one that is drawn at random: what the host would choose is a process id of the host's.

Source: netlink(7), rtnetlink(7).
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from lichen.executive.io.opening import Poll
from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    Caller,
    Level,
    Message,
    MessageFlag,
    NetlinkAddress,
    Received,
    SocketOption,
    SocketType,
)
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then
from lichen.filesystems.hostcalls import hosted
from lichen.filesystems.hostlimits import require_room
from lichen.filesystems.sockets import route_messages, rtnetlink
from lichen.filesystems.sockets.events import HostEvents
from lichen.filesystems.sockets.host import HostAddress, HostSocket
from lichen.filesystems.sockets.rtnetlink import RequestFlag

if TYPE_CHECKING:
    from lichen.executive.scheduler import Scheduler
    from lichen.filesystems.sockets.configuration import NetworkConfiguration
    from lichen.filesystems.sockets.network import Network

ROUTE: Final = 0
_TYPES: Final = (SocketType.RAW, SocketType.DATAGRAM)
_TRIES: Final = 16
_WRITABLE: Final = frozenset(
    [(Level.SOCKET, SocketOption.SEND_BUFFER), (Level.SOCKET, SocketOption.RECEIVE_BUFFER)]
    + [(Level.NETLINK, name) for name in (1, 2, 3, 4, 5, 10, 11, 12)]
)
_LIST_MEMBERSHIPS: Final = 9
_MOST_REFUSALS: Final = 256
_ERRORS: Final = {
    Status.PRIVILEGE_NOT_HELD: errno.EPERM,
    Status.INVALID_PARAMETER: errno.EINVAL,
    Status.NO_MEMORY: errno.ENOMEM,
}


class NetlinkSocket(HostSocket):
    """One that looks at a network, and (`administers`) may change it."""

    __slots__ = ("_administers", "_configuration", "_refusals")

    readable_options = _WRITABLE | {(Level.NETLINK, _LIST_MEMBERSHIPS)}
    writable_options = _WRITABLE
    control_levels = frozenset((Level.NETLINK,))

    def __init__(
        self,
        caller: Caller,
        host: socket.socket,
        scheduler: Scheduler,
        events: HostEvents,
        options: int,
        administers: bool,
        configuration: NetworkConfiguration,
    ) -> None:
        super().__init__(caller, host, scheduler, events, options)
        self._administers, self._configuration = administers, configuration
        self._refusals: deque[bytes] = deque()
        """What the host would have answered to messages that it was not given, until that is received."""

    def bind(self, caller: Caller, address: Address) -> None:
        if not isinstance(address, NetlinkAddress):
            raise Failure(Status.INVALID_PARAMETER)
        if not address.port:
            self._take_port()
        port = address.port or self.host.getsockname()[0]
        super().bind(caller, NetlinkAddress(port, address.groups))

    @hosted
    def _take_port(self) -> None:
        """Have a port number before the host gives out one of its own choice."""
        left = 0 if self.host.getsockname()[0] else _TRIES
        while left:
            left -= 1
            try:
                self.host.bind((int.from_bytes(os.urandom(4), "little") | 1 << 31, 0))
                break
            except OSError:
                if not left:
                    raise

    def connect(self, caller: Caller, address: Address | None) -> Blocks[None] | None:
        self._take_port()
        return super().connect(caller, address)

    def send(self, caller: Caller | None, message: Message) -> int | Blocks[int]:
        """Pass on what may be; who sent another message is answered as by the host, which ends no call for it either."""
        if isinstance(message.address, NetlinkAddress) and (message.address.port or message.address.groups):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        self._take_port()
        parts = list(route_messages.parted(message.data))
        passed = [part for part in parts if self._passes(caller, part)]
        if len(passed) == len(parts):
            return super().send(caller, message)
        if passed:
            data = b"".join(part + bytes(-len(part) % 4) for part in passed)
            return then(super().send(caller, message._replace(data=data)), lambda _: len(message.data))
        return len(message.data)

    def _passes(self, caller: Caller | None, part: bytes) -> bool:
        """Whether a message is passed on: as on Linux, who opened the socket and who uses it must both be privileged."""
        _, type, flags, _, _ = rtnetlink.HEADER.unpack_from(part)
        may_change = self._administers and (caller is None or caller.context.token.has(Capability.NET_ADMIN))
        try:
            route_messages.check(part, may_change)
            self._configuration.require_room(type, flags)
        except Failure as failure:
            if flags & RequestFlag.REQUEST:
                self._refuse(part, _ERRORS.get(failure.status, errno.EOPNOTSUPP))
            return False
        return True

    def _refuse(self, part: bytes, number: int) -> None:
        """Answer a message with an error; INSUFFICIENT_RESOURCES when nobody receives the answers."""
        if len(self._refusals) >= _MOST_REFUSALS:
            raise Failure(Status.INSUFFICIENT_RESOURCES)
        self._refusals.append(rtnetlink.refusal(part, number, self.host.getsockname()[0]))
        self.notify()

    def poll(self) -> int:
        return super().poll() | (Poll.READABLE if self._refusals else 0)

    def _receive_message(self, size: int, flags: int) -> Received:
        if not self._refusals:
            return super()._receive_message(size, flags)
        data = self._refusals[0] if flags & MessageFlag.PEEK else self._refusals.popleft()
        cut = MessageFlag.TRUNCATED if len(data) > size else 0
        return Received(data[:size], len(data), NetlinkAddress(0, 0), cut)

    def to_host(self, address: Address) -> HostAddress:
        if not isinstance(address, NetlinkAddress):
            raise Failure(Status.INVALID_PARAMETER)
        return address.port, address.groups

    def from_host(self, address: Any) -> NetlinkAddress | None:
        return NetlinkAddress(*address) if address else None


class NetlinkSockets:
    """The driver of AF_NETLINK."""

    def __init__(
        self, scheduler: Scheduler, events: HostEvents, network: Network, configuration: NetworkConfiguration
    ) -> None:
        self._scheduler, self._events, self._network = scheduler, events, network
        self._configuration = configuration

    @hosted
    def create(self, caller: Caller, type: int, protocol: int, options: int) -> NetlinkSocket:
        if type not in _TYPES:
            raise Failure(Status.SOCKET_TYPE_NOT_SUPPORTED)
        if protocol != ROUTE:
            raise Failure(Status.PROTOCOL_NOT_SUPPORTED)
        flags = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        host = self._network.socket(AddressFamily.NETLINK, type | flags, protocol)
        administers = self._network.is_own and caller.context.token.has(Capability.NET_ADMIN)
        try:
            require_room(host.fileno())
            return NetlinkSocket(
                caller, host, self._scheduler, self._events, options, administers, self._configuration
            )
        except BaseException:
            host.close()
            raise

    def pair(
        self, caller: Caller, type: int, protocol: int, options: int
    ) -> tuple[NetlinkSocket, NetlinkSocket]:
        raise Failure(Status.NOT_SUPPORTED)
