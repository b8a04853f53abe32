"""What the host tells of a machine's network, as the executive's values, and changes of it where it is the machine's own.

A question is asked anew each time, by a socket of its own: those who ask are tools that look once.

Source: netlink(7), rtnetlink(7), if_link.h, if_addr.h, rtnetlink.h, neighbour.h.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

from lichen.executive.io.opening import Poll
from lichen.executive.network.configuration import (
    Add,
    Change,
    Interface,
    InterfaceAddress,
    Neighbour,
    Remove,
    Route,
    SetInterface,
)
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Changes
from lichen.filesystems.hostcalls import hosted
from lichen.filesystems.sockets import rtnetlink
from lichen.filesystems.sockets.rtnetlink import Kind, RequestFlag, attribute

if TYPE_CHECKING:
    from lichen.executive.interfaces import Platform
    from lichen.filesystems.sockets.network import Network

_KEPT_FLAGS: Final = 0xFFFF
"""The flags of an interface that a request may set."""
_ROUTE_CACHED: Final = 0x200
_WIDTHS: Final = {4: int(socket.AF_INET), 16: int(socket.AF_INET6)}
_FAMILIES: Final = {family: width for width, family in _WIDTHS.items()}
_LARGEST_TABLE: Final = 255
_NEW: Final = RequestFlag.ACKNOWLEDGE | RequestFlag.CREATE | RequestFlag.EXCLUSIVE
_MADE: Final = (Kind.NEW_LINK, Kind.NEW_ADDRESS, Kind.NEW_ROUTE, Kind.NEW_NEIGHBOUR, Kind.NEW_RULE)
_COUNTED: Final = (Kind.GET_ADDRESS, Kind.GET_ROUTE, Kind.GET_NEIGHBOUR, Kind.GET_RULE)
_MOST_LINKS: Final = 128
_MOST: Final = 8192
"""Addresses, routes, neighbours and rules together."""
_CREDIT: Final = 256
_TYPE: Final = socket.SOCK_RAW | socket.SOCK_CLOEXEC

_Attributes = dict[int, bytes]


class NetworkConfiguration:
    """The network that a machine is on; its own can be changed."""

    def __init__(self, network: Network, platform: Platform) -> None:
        self._network, self._platform = network, platform
        self._changes: Changes | None = None
        self._heard: socket.socket | None = None
        self._credit = 0
        """Things that may be added before those that there are must be counted."""

    # ---- questions

    def interfaces(self) -> list[Interface]:
        found = []
        for data, more in self._dump(Kind.GET_LINK, rtnetlink.INTERFACE.size):
            _, kind, index, flags, _ = rtnetlink.INTERFACE.unpack(data)
            found.append(
                Interface(
                    index,
                    os.fsdecode(more[3].rstrip(b"\0")),  # IFLA_IFNAME
                    kind,
                    flags,
                    _number(more.get(4)),  # IFLA_MTU
                    _number(more.get(13)),  # IFLA_TXQLEN
                    more.get(1, b""),  # IFLA_ADDRESS
                    more.get(2, b""),  # IFLA_BROADCAST
                )
            )
        return sorted(found, key=lambda interface: interface.index)

    def addresses(self) -> list[InterfaceAddress]:
        found = []
        for data, more in self._dump(Kind.GET_ADDRESS, rtnetlink.ADDRESS.size):
            family, length, _, scope, index = rtnetlink.ADDRESS.unpack(data)
            far = more.get(1)  # IFA_ADDRESS: of the other end, where there is one
            host = more.get(2, far)  # IFA_LOCAL
            if family in _FAMILIES and host is not None:
                label = os.fsdecode(more.get(3, b"").rstrip(b"\0"))  # IFA_LABEL
                broadcast = more.get(4)  # IFA_BROADCAST
                peer = far if far != host else None
                found.append(InterfaceAddress(index, host, length, scope, label, broadcast, peer))
        return found

    def routes(self) -> list[Route]:
        found = []
        for data, more in self._dump(Kind.GET_ROUTE, rtnetlink.ROUTE.size):
            family, length, _, _, table, protocol, scope, kind, flags = rtnetlink.ROUTE.unpack(data)
            if family not in _FAMILIES or flags & _ROUTE_CACHED:
                continue
            found.append(
                Route(
                    more.get(1, bytes(_FAMILIES[family])),  # RTA_DST
                    length,
                    more.get(5),  # RTA_GATEWAY
                    _number(more.get(4)),  # RTA_OIF
                    more.get(7),  # RTA_PREFSRC
                    _number(more.get(6)),  # RTA_PRIORITY
                    _number(more.get(15), table),  # RTA_TABLE
                    protocol,
                    scope,
                    kind,
                )
            )
        return found

    def neighbours(self) -> list[Neighbour]:
        found = []
        for data, more in self._dump(Kind.GET_NEIGHBOUR, rtnetlink.NEIGHBOUR.size):
            family, index, state, _, _ = rtnetlink.NEIGHBOUR.unpack(data)
            if family in _FAMILIES and 1 in more:  # NDA_DST
                found.append(Neighbour(index, more[1], more.get(2, b""), state))  # NDA_LLADDR
        return found

    @hosted
    def _dump(self, question: int, size: int) -> list[tuple[bytes, _Attributes]]:
        """All that the host answers to a question: records of `size` bytes, and the attributes of each."""
        with self._network.socket(socket.AF_NETLINK, _TYPE, socket.NETLINK_ROUTE) as host:
            answers = rtnetlink.ask(host, rtnetlink.request(question, RequestFlag.DUMP, bytes(size)))
            return [(data[:size], dict(rtnetlink.attributes(data[size:]))) for data in answers]

    # ---- requests

    def require_room(self, type: int, flags: int) -> None:
        """NO_MEMORY for one more thing than a machine may have, as each takes memory of the host (G7)."""
        if type not in _MADE or not flags & RequestFlag.CREATE:
            return
        self._credit -= 1
        if type == Kind.NEW_LINK:
            full = self._count(Kind.GET_LINK) >= _MOST_LINKS
        elif self._credit > 0:
            return
        else:
            there = sum(map(self._count, _COUNTED))
            self._credit, full = min(_CREDIT, _MOST - there), there >= _MOST
        if full:
            raise Failure(Status.NO_MEMORY)

    @hosted
    def _count(self, question: int) -> int:
        with self._network.socket(socket.AF_NETLINK, _TYPE, socket.NETLINK_ROUTE) as host:
            body = bytes(rtnetlink.INTERFACE.size)
            return sum(1 for _ in rtnetlink.ask(host, rtnetlink.request(question, RequestFlag.DUMP, body)))

    @hosted
    def change(self, request: Change) -> None:
        if not self._network.is_own:
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        message = _message(request)
        if isinstance(request, Add):
            self.require_room(Kind.NEW_ROUTE, RequestFlag.CREATE)
        with self._network.socket(socket.AF_NETLINK, _TYPE, socket.NETLINK_ROUTE) as host:
            for _ in rtnetlink.ask(host, message):
                continue

    # ---- changes

    @property
    def changed(self) -> Changes:
        if self._changes is None:
            self._changes = self._listen()
        return self._changes

    @hosted
    def _listen(self) -> Changes:
        """Have the host tell of changes, from now on."""
        changes = Changes()
        type = _TYPE | socket.SOCK_NONBLOCK
        self._heard = heard = self._network.socket(socket.AF_NETLINK, type, socket.NETLINK_ROUTE)
        heard.bind((0, rtnetlink.ALL_GROUPS))

        def hear(events: int) -> None:
            while True:
                try:
                    heard.recv(rtnetlink.ROOM)
                except BlockingIOError:
                    break
                except OSError:  # there was more than it keeps
                    continue
            changes.notify()

        self._platform.watch(heard.fileno(), Poll.READABLE, hear)
        return changes

    def close(self) -> None:
        """Hear no more of changes."""
        if self._heard is not None:
            self._platform.unwatch(self._heard.fileno())
            self._heard.close()
            self._heard = None


def _number(data: bytes | None, default: int = 0) -> int:
    return int.from_bytes(data, "little") if data is not None else default


def _message(request: Change) -> bytes:
    """The host's message for a request."""
    if isinstance(request, SetInterface):
        return rtnetlink.request(Kind.NEW_LINK, RequestFlag.ACKNOWLEDGE, _interface(request))
    value = request.value
    if isinstance(value, InterfaceAddress):
        kind, body = Kind.NEW_ADDRESS, _address(value)
    elif isinstance(value, Route):
        kind, body = Kind.NEW_ROUTE, _route(value)
    else:
        kind, body = Kind.NEW_NEIGHBOUR, _neighbour(value)
    if isinstance(request, Remove):
        return rtnetlink.request(kind + 1, RequestFlag.ACKNOWLEDGE, body)
    assert isinstance(request, Add)
    return rtnetlink.request(kind, _NEW, body)


def _family(host: bytes) -> int:
    family = _WIDTHS.get(len(host))
    if family is None:
        raise Failure(Status.INVALID_PARAMETER)
    return family


def _unsigned(value: int | None) -> int | None:
    """A number that the host takes as 32 bits; INVALID_PARAMETER for another."""
    if value is not None and not 0 <= value < 1 << 32:
        raise Failure(Status.INVALID_PARAMETER)
    return value


def _interface(request: SetInterface) -> bytes:
    flags, mask = (0, 0) if request.flags is None else (request.flags & _KEPT_FLAGS, _KEPT_FLAGS)
    return (
        rtnetlink.INTERFACE.pack(0, 0, request.index, flags, mask)
        + attribute(1, request.hardware_address)  # IFLA_ADDRESS
        + attribute(3, request.name)  # IFLA_IFNAME
        + attribute(4, _unsigned(request.mtu))  # IFLA_MTU
        + attribute(13, _unsigned(request.queue_length))  # IFLA_TXQLEN
    )


def _address(address: InterfaceAddress) -> bytes:
    family = _family(address.host)
    return (
        rtnetlink.ADDRESS.pack(family, address.prefix_length, 0, address.scope, address.interface)
        + attribute(1, address.peer or address.host)  # IFA_ADDRESS
        + attribute(2, address.host)  # IFA_LOCAL
        + attribute(3, (address.label if family == socket.AF_INET else "") or None)  # IFA_LABEL
        + attribute(4, address.broadcast)  # IFA_BROADCAST
    )


def _route(route: Route) -> bytes:
    family = _family(route.destination)
    table = route.table if route.table <= _LARGEST_TABLE else 0
    of_route = (table, route.protocol, route.scope, route.type, 0)
    return (
        rtnetlink.ROUTE.pack(family, route.prefix_length, 0, 0, *of_route)
        + attribute(1, route.destination if route.prefix_length else None)  # RTA_DST
        + attribute(4, route.interface or None)  # RTA_OIF
        + attribute(5, route.gateway)  # RTA_GATEWAY
        + attribute(6, _unsigned(route.metric) or None)  # RTA_PRIORITY
        + attribute(7, route.source)  # RTA_PREFSRC
        + attribute(15, _unsigned(route.table))  # RTA_TABLE
    )


def _neighbour(neighbour: Neighbour) -> bytes:
    return (
        rtnetlink.NEIGHBOUR.pack(_family(neighbour.host), neighbour.interface, neighbour.state, 0, 0)
        + attribute(1, neighbour.host)  # NDA_DST
        + attribute(2, neighbour.hardware_address or None)  # NDA_LLADDR
    )
