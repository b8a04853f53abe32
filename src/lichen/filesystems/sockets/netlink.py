"""Asking the host about its network (AF_NETLINK, NETLINK_ROUTE): requests that only look are passed on, no others.

A socket without a port number gets one that is drawn at random: what the host would choose is a process id of the host's.

Source: netlink(7), rtnetlink(7).
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    Caller,
    Level,
    Message,
    NetlinkAddress,
    SocketOption,
    SocketType,
)
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.filesystems.hostcalls import hosted
from lichen.filesystems.hostlimits import require_room
from lichen.filesystems.sockets.events import HostEvents
from lichen.filesystems.sockets.host import HostAddress, HostSocket

if TYPE_CHECKING:
    from lichen.executive.scheduler import Scheduler

ROUTE: Final = 0
_TYPES: Final = (SocketType.RAW, SocketType.DATAGRAM)
_HEADER: Final = struct.Struct("=IHHII")
_FIRST_TYPE: Final = 16
"""Types below are the netlink protocol's own."""
_GET: Final = 2
"""The two low bits of a type that asks."""
_TRIES: Final = 16
_WRITABLE: Final = frozenset(
    [(Level.SOCKET, SocketOption.SEND_BUFFER), (Level.SOCKET, SocketOption.RECEIVE_BUFFER)]
    + [(Level.NETLINK, name) for name in (1, 2, 3, 4, 5, 10, 11, 12)]
)
_LIST_MEMBERSHIPS: Final = 9


class NetlinkSocket(HostSocket):
    """One that looks at the host's network."""

    __slots__ = ()

    readable_options = _WRITABLE | {(Level.NETLINK, _LIST_MEMBERSHIPS)}
    writable_options = _WRITABLE
    control_levels = frozenset((Level.NETLINK,))

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
        self._take_port()
        return super().send(caller, message)

    def to_host(self, address: Address) -> HostAddress:
        if not isinstance(address, NetlinkAddress):
            raise Failure(Status.INVALID_PARAMETER)
        return address.port, address.groups

    def from_host(self, address: Any) -> NetlinkAddress | None:
        return NetlinkAddress(*address) if address else None

    def check_message(self, message: Message) -> None:
        """PRIVILEGE_NOT_HELD for everything but questions to the host's kernel."""
        if isinstance(message.address, NetlinkAddress) and (message.address.port or message.address.groups):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        start, data = 0, message.data
        while start + _HEADER.size <= len(data):
            length, type, _, _, _ = _HEADER.unpack_from(data, start)
            if not _HEADER.size <= length <= len(data) - start:
                break  # the host reads no further either
            if type >= _FIRST_TYPE and type & 3 != _GET:
                raise Failure(Status.PRIVILEGE_NOT_HELD)
            start += length + 3 & ~3


class NetlinkSockets:
    """The driver of AF_NETLINK."""

    def __init__(self, scheduler: Scheduler, events: HostEvents) -> None:
        self._scheduler, self._events = scheduler, events

    @hosted
    def create(self, caller: Caller, type: int, protocol: int, options: int) -> NetlinkSocket:
        if type not in _TYPES:
            raise Failure(Status.SOCKET_TYPE_NOT_SUPPORTED)
        if protocol != ROUTE:
            raise Failure(Status.PROTOCOL_NOT_SUPPORTED)
        flags = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        host = socket.socket(AddressFamily.NETLINK, type | flags, protocol)
        try:
            require_room(host.fileno())
            return NetlinkSocket(caller, host, self._scheduler, self._events, options)
        except BaseException:
            host.close()
            raise

    def pair(
        self, caller: Caller, type: int, protocol: int, options: int
    ) -> tuple[NetlinkSocket, NetlinkSocket]:
        raise Failure(Status.NOT_SUPPORTED)
