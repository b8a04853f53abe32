"""Sockets to the world: TCP, UDP and echo requests over IPv4 and IPv6; raw packets too, on a network of the machine's own.

A guest's address is a number, never a name, so nothing here asks a resolver. Options are those that concern the socket
alone.

Source: ip(7), ipv6(7), tcp(7), udp(7), icmp(7), raw(7).
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    Caller,
    InternetAddress,
    Level,
    SocketOption,
    SocketType,
)
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.filesystems.hostcalls import hosted
from lichen.filesystems.hostlimits import require_room
from lichen.filesystems.sockets.events import HostEvents
from lichen.filesystems.sockets.host import HostAddress, HostSocket

if TYPE_CHECKING:
    from lichen.executive.scheduler import Scheduler
    from lichen.filesystems.sockets.network import Network

_FIRST_UNPRIVILEGED_PORT: Final = 1024
_PROTOCOLS: Final = {
    SocketType.STREAM: (0, socket.IPPROTO_TCP),
    SocketType.DATAGRAM: (
        0,
        socket.IPPROTO_UDP,
        socket.IPPROTO_UDPLITE,
        socket.IPPROTO_ICMP,
        socket.IPPROTO_ICMPV6,
    ),
}
"""Others would have the host load what it may never have needed."""
_RAW: Final = range(1, 256)


def _options(level: int, *names: int) -> frozenset[tuple[int, int]]:
    return frozenset((level, name) for name in names)


_SOCKET: Final = _options(
    Level.SOCKET,
    SocketOption.REUSE_ADDRESS,
    SocketOption.DO_NOT_ROUTE,
    SocketOption.BROADCAST,
    SocketOption.SEND_BUFFER,
    SocketOption.RECEIVE_BUFFER,
    SocketOption.KEEP_ALIVE,
    SocketOption.OUT_OF_BAND_INLINE,
    SocketOption.PRIORITY,
    SocketOption.LINGER,
    SocketOption.REUSE_PORT,
    SocketOption.RECEIVE_LOW_WATER,
    SocketOption.TIMESTAMP,
    SocketOption.TIMESTAMP_NANOSECONDS,
)
_IP: Final = _options(
    Level.IP,
    1,  # IP_TOS
    2,  # IP_TTL
    6,  # IP_RECVOPTS
    7,  # IP_RETOPTS
    8,  # IP_PKTINFO
    10,  # IP_MTU_DISCOVER
    11,  # IP_RECVERR
    12,  # IP_RECVTTL
    13,  # IP_RECVTOS
    14,  # IP_MTU
    15,  # IP_FREEBIND
    20,  # IP_RECVORIGDSTADDR
    21,  # IP_MINTTL
    24,  # IP_BIND_ADDRESS_NO_PORT
    *range(32, 40),  # IP_MULTICAST_IF ... IP_ADD_SOURCE_MEMBERSHIP
    40,  # IP_DROP_SOURCE_MEMBERSHIP
    *range(42, 48),  # MCAST_JOIN_GROUP ... MCAST_LEAVE_SOURCE_GROUP
    49,  # IP_MULTICAST_ALL
    50,  # IP_UNICAST_IF
)
_IP_6: Final = _options(
    Level.IP_6,
    *range(16, 22),  # IPV6_UNICAST_HOPS ... IPV6_LEAVE_GROUP
    *range(23, 27),  # IPV6_MTU_DISCOVER ... IPV6_V6ONLY
    29,  # IPV6_MULTICAST_ALL
    *range(42, 48),  # MCAST_JOIN_GROUP ... MCAST_LEAVE_SOURCE_GROUP
    49,  # IPV6_RECVPKTINFO
    50,  # IPV6_PKTINFO
    51,  # IPV6_RECVHOPLIMIT
    52,  # IPV6_HOPLIMIT
    60,  # IPV6_RECVPATHMTU
    62,  # IPV6_DONTFRAG
    66,  # IPV6_RECVTCLASS
    67,  # IPV6_TCLASS
    70,  # IPV6_AUTOFLOWLABEL
    72,  # IPV6_ADDR_PREFERENCES
    73,  # IPV6_MINHOPCOUNT
    76,  # IPV6_UNICAST_IF
)
_TCP: Final = _options(
    Level.TCP,
    *range(1, 11),  # TCP_NODELAY ... TCP_WINDOW_CLAMP
    12,  # TCP_QUICKACK
    18,  # TCP_USER_TIMEOUT
    23,  # TCP_FASTOPEN
    24,  # TCP_TIMESTAMP
    25,  # TCP_NOTSENT_LOWAT
)
_TCP_INFO, _TCP_CONGESTION = 11, 13
_UDP: Final = _options(
    Level.UDP,
    1,  # UDP_CORK
    103,  # UDP_SEGMENT
    104,  # UDP_GRO
)
_WRITABLE: Final = _SOCKET | _IP | _IP_6 | _TCP | _UDP
_OF_INTERFACES: Final = _options(Level.SOCKET, SocketOption.BIND_TO_DEVICE)
_OF_PACKETS: Final = (
    _options(Level.IP, 3)  # IP_HDRINCL
    | _options(Level.IP_6, 7, 36)  # IPV6_CHECKSUM IPV6_HDRINCL
    | _options(Level.RAW, 1)  # ICMP_FILTER
    | _options(Level.ICMP_6, 1)  # ICMP6_FILTER
)
_READABLE: Final = (
    _WRITABLE
    | _options(Level.SOCKET, SocketOption.ACCEPTS_CONNECTIONS, SocketOption.SEND_LOW_WATER)
    | _options(Level.TCP, _TCP_INFO, _TCP_CONGESTION)
)


class InternetSocket(HostSocket):
    """A TCP, UDP or ICMP echo socket."""

    __slots__ = ()

    readable_options = _READABLE
    writable_options = _WRITABLE
    control_levels = frozenset((Level.IP, Level.IP_6, Level.UDP))

    def bind(self, caller: Caller, address: Address) -> None:
        if not isinstance(address, InternetAddress):
            raise Failure(Status.INVALID_PARAMETER)
        privileged = 0 < address.port < _FIRST_UNPRIVILEGED_PORT
        if privileged and not caller.context.token.has(Capability.NET_BIND_SERVICE):
            raise Failure(Status.ACCESS_DENIED)
        super().bind(caller, address)

    def to_host(self, address: Address) -> HostAddress:
        if not isinstance(address, InternetAddress):
            raise Failure(Status.INVALID_PARAMETER)
        host = socket.inet_ntop(self.family, address.host)
        if self.family == AddressFamily.INTERNET:
            return host, address.port
        return host, address.port, address.flow & 0xFFFFF, address.scope

    def from_host(self, address: Any) -> InternetAddress | None:
        if not address:
            return None
        host, port, *more = address
        return InternetAddress(socket.inet_pton(self.family, host), port, *more)

    def accepted(self, caller: Caller, host: socket.socket, options: int) -> InternetSocket:
        return type(self)(caller, host, self.scheduler, self.events, options)


class OwnSocket(InternetSocket):
    """One on a network of the machine's own, whose interfaces it may be bound to."""

    __slots__ = ()

    readable_options = _READABLE | _OF_INTERFACES
    writable_options = _WRITABLE | _OF_INTERFACES


class RawSocket(OwnSocket):
    """Packets of one protocol as they are."""

    __slots__ = ()

    readable_options = OwnSocket.readable_options | _OF_PACKETS
    writable_options = OwnSocket.writable_options | _OF_PACKETS


class InternetSockets:
    """The driver of AF_INET or AF_INET6."""

    def __init__(self, family: int, scheduler: Scheduler, events: HostEvents, network: Network) -> None:
        self._family, self._scheduler, self._events, self._network = family, scheduler, events, network

    @hosted
    def create(self, caller: Caller, type: int, protocol: int, options: int) -> InternetSocket:
        if type == SocketType.RAW:
            if not self._network.is_own or not caller.context.token.has(Capability.NET_RAW):
                raise Failure(Status.PRIVILEGE_NOT_HELD)
            if protocol not in _RAW:
                raise Failure(Status.PROTOCOL_NOT_SUPPORTED)
        elif type not in _PROTOCOLS:
            raise Failure(Status.SOCKET_TYPE_NOT_SUPPORTED)
        elif protocol not in _PROTOCOLS[type]:
            raise Failure(Status.PROTOCOL_NOT_SUPPORTED)
        flags = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        host = self._network.socket(self._family, type | flags, protocol)
        try:
            require_room(host.fileno())
            kind = OwnSocket if self._network.is_own else InternetSocket
            if type == SocketType.RAW:
                kind = RawSocket
            return kind(caller, host, self._scheduler, self._events, options)
        except BaseException:
            host.close()
            raise

    def pair(
        self, caller: Caller, type: int, protocol: int, options: int
    ) -> tuple[InternetSocket, InternetSocket]:
        raise Failure(Status.NOT_SUPPORTED)
