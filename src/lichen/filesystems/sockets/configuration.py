"""What the host tells of its network, as the executive's values; nothing of it is changed.

A question is asked anew each time, by a socket of its own: those who ask are tools that look once.

Source: netlink(7), rtnetlink(7), if_link.h, if_addr.h, rtnetlink.h, neighbour.h.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import Final

from lichen.executive.network.configuration import (
    Change,
    Interface,
    InterfaceAddress,
    Neighbour,
    Route,
)
from lichen.executive.status import Failure, Status
from lichen.filesystems.hostcalls import hosted

_HEADER: Final = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, port."""
_ATTRIBUTE: Final = struct.Struct("=HH")
_INTERFACE: Final = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, kind, index, flags, change."""
_ADDRESS: Final = struct.Struct("=BBBBI")
"""struct ifaddrmsg: family, prefix length, flags, scope, index."""
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, destination and source length, TOS, table, protocol, scope, type, flags."""
_NEIGHBOUR: Final = struct.Struct("=BxxxiHBB")
"""struct ndmsg: family, index, state, flags, type."""
_GET_LINK, _GET_ADDRESS, _GET_ROUTE, _GET_NEIGHBOUR = 18, 22, 26, 30
_REQUEST_DUMP: Final = 0x301
_ERROR, _DONE = 2, 3
_NESTED: Final = 0x3FFF
"""The bits of an attribute's type without its flags."""
_ROOM: Final = 1 << 16
_ROUTE_CACHED: Final = 0x200
_WIDTHS: Final = {int(socket.AF_INET): 4, int(socket.AF_INET6): 16}

_Attributes = dict[int, bytes]


class HostConfiguration:
    """The network of the host, which guests see."""

    def interfaces(self) -> list[Interface]:
        found = []
        for data, more in _dump(_GET_LINK, _INTERFACE.size):
            _, kind, index, flags, _ = _INTERFACE.unpack(data)
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
        for data, more in _dump(_GET_ADDRESS, _ADDRESS.size):
            family, length, _, scope, index = _ADDRESS.unpack(data)
            far = more.get(1)  # IFA_ADDRESS: of the other end, where there is one
            host = more.get(2, far)  # IFA_LOCAL
            if family in _WIDTHS and host is not None:
                label = os.fsdecode(more.get(3, b"").rstrip(b"\0"))  # IFA_LABEL
                broadcast = more.get(4)  # IFA_BROADCAST
                peer = far if far != host else None
                found.append(InterfaceAddress(index, host, length, scope, label, broadcast, peer))
        return found

    def routes(self) -> list[Route]:
        found = []
        for data, more in _dump(_GET_ROUTE, _ROUTE.size):
            family, length, _, _, table, protocol, scope, kind, flags = _ROUTE.unpack(data)
            if family not in _WIDTHS or flags & _ROUTE_CACHED:
                continue
            found.append(
                Route(
                    more.get(1, bytes(_WIDTHS[family])),  # RTA_DST
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
        for data, more in _dump(_GET_NEIGHBOUR, _NEIGHBOUR.size):
            family, index, state, _, _ = _NEIGHBOUR.unpack(data)
            if family in _WIDTHS and 1 in more:  # NDA_DST
                found.append(Neighbour(index, more[1], more.get(2, b""), state))  # NDA_LLADDR
        return found

    def change(self, request: Change) -> None:
        raise Failure(Status.PRIVILEGE_NOT_HELD)


def _number(data: bytes | None, default: int = 0) -> int:
    return int.from_bytes(data, "little") if data is not None else default


@hosted
def _dump(question: int, size: int) -> list[tuple[bytes, _Attributes]]:
    """All that the host answers to a question: records of `size` bytes, and the attributes of each."""
    found: list[tuple[bytes, _Attributes]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as host:
        host.send(_HEADER.pack(_HEADER.size + size, question, _REQUEST_DUMP, 0, 0) + bytes(size))
        while True:
            for type, data in _messages(host.recv(_ROOM)):
                if type == _DONE:
                    return found
                if type == _ERROR:
                    number = -struct.unpack_from("=i", data)[0]
                    raise OSError(number, os.strerror(number))
                found.append((data[:size], dict(_attributes(data[size:]))))


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start + _HEADER.size <= len(data):
        length, type, _, _, _ = _HEADER.unpack_from(data, start)
        yield type, data[start + _HEADER.size : start + length]
        start += length + 3 & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start + _ATTRIBUTE.size <= len(data):
        length, type = _ATTRIBUTE.unpack_from(data, start)
        yield type & _NESTED, data[start + _ATTRIBUTE.size : start + length]
        start += max(length, _ATTRIBUTE.size) + 3 & ~3
