"""Control messages: what goes along with a datagram, in Winsock's numbers and records.

Source: WSAMSG, WSACMSGHDR (ws2def.h), IN_PKTINFO, IN6_PKTINFO (ws2ipdef.h); ip(7), ipv6(7) for the executive's.
"""

from __future__ import annotations

from typing import Final

from lichen.abi.layout import layout
from lichen.executive.network.sockets import Control, Level
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.records import LONG, MODEL, ULONG
from lichen.subsystems.nt.records.sockets import ControlHeader

_HEADER: Final = layout(ControlHeader, MODEL)
_ALIGNMENT: Final = 8
_MOST: Final = 1 << 12
"""Bytes that a sender may give."""
_IP, _IP_6 = 0, 41
_PACKET, _HOPS = 19, 21
"""IP_PKTINFO and IPV6_PKTINFO, IP_HOPLIMIT and IPV6_HOPLIMIT"""
_TTL, _SERVICE, _CLASS = 4, 3, 39
"""IP_TTL, IP_TOS, IPV6_TCLASS"""
_ITS_PACKET, _ITS_TTL, _ITS_SERVICE = 8, 2, 1
_ITS_PACKET_6, _ITS_HOPS, _ITS_CLASS = 50, 52, 67
_NUMBERS: Final = {
    (Level.IP, _ITS_TTL): (_IP, _TTL),
    (Level.IP, _ITS_SERVICE): (_IP, _SERVICE),
    (Level.IP_6, _ITS_HOPS): (_IP_6, _HOPS),
    (Level.IP_6, _ITS_CLASS): (_IP_6, _CLASS),
}
"""Messages that are a number."""
_GIVEN: Final = {shown: its for its, shown in _NUMBERS.items()} | {(_IP, _HOPS): (Level.IP, _ITS_TTL)}
_ADDRESS, _ADDRESS_6 = 4, 16


def encode(controls: tuple[Control, ...], room: int) -> tuple[bytes, bool]:
    """What a receiver is told in `room` bytes, and whether some of it had no place."""
    found = b""
    for control in controls:
        shown = _shown(control)
        if shown is None:
            continue
        level, type, data = shown
        if len(found) + _HEADER.size + len(data) > room:
            return found, True
        found += _HEADER.pack(ControlHeader(_HEADER.size + len(data), level, type)) + data
        found += bytes(min(-len(found) % _ALIGNMENT, room - len(found)))
    return found, False


def _shown(control: Control) -> tuple[int, int, bytes] | None:
    level, type, data = control
    if number := _NUMBERS.get((level, type)):
        return *number, data.ljust(LONG.size, b"\0")
    if (level, type) == (Level.IP, _ITS_PACKET):  # the interface, the address here, the one in the packet
        return _IP, _PACKET, data[-_ADDRESS:] + data[:_ADDRESS]
    if (level, type) == (Level.IP_6, _ITS_PACKET_6):
        return _IP_6, _PACKET, data
    return None


def decode(data: bytes) -> tuple[Control, ...]:
    """What a sender gives; INVALID_PARAMETER for what is none, NOT_SUPPORTED for a kind that nobody knows."""
    if len(data) > _MOST:
        raise Failure(Status.INVALID_PARAMETER)
    found: list[Control] = []
    at = 0
    while at + _HEADER.size <= len(data):
        size, level, type = _HEADER.unpack(data, at)
        if not _HEADER.size <= size <= len(data) - at:
            raise Failure(Status.INVALID_PARAMETER)
        found.append(_given(level, type, data[at + _HEADER.size : at + size]))
        at += size + -size % _ALIGNMENT
    return tuple(found)


def _given(level: int, type: int, data: bytes) -> Control:
    if number := _GIVEN.get((level, type)):
        if len(data) < ULONG.size:
            raise Failure(Status.INVALID_PARAMETER)
        return Control(*number, data[: ULONG.size])
    if type != _PACKET or level not in (_IP, _IP_6):
        raise Failure(Status.NOT_SUPPORTED)
    size = _ADDRESS if level == _IP else _ADDRESS_6
    if len(data) < size + ULONG.size:
        raise Failure(Status.INVALID_PARAMETER)
    address, interface = data[:size], data[size : size + ULONG.size]
    if level == _IP:
        return Control(Level.IP, _ITS_PACKET, interface + address + bytes(_ADDRESS))
    return Control(Level.IP_6, _ITS_PACKET_6, address + interface)
