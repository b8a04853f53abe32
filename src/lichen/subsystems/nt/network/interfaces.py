"""NDIS: the interfaces, and which of them has an index.

An interface has the name that it has on Linux; its LUID is made of its kind and its index, and its GUID of its index.

Source: ifdef.h, ipifcons.h, netioapi.h (MIB_IF_ROW2); net/if_arp.h for the kinds.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lichen.executive.network.configuration import Interface, InterfaceFlag
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.network.tables import Row, Table, configuration, packer, size
from lichen.subsystems.nt.records import ULONG, ULONG64
from lichen.subsystems.nt.records.network import (
    CountedString,
    InterfaceNature,
    InterfaceSettings,
    InterfaceState,
    PhysicalAddress,
)
from lichen.subsystems.nt.types import encode

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState

LOOPBACK: Final = 24
_ETHERNET, _PPP, _WIRELESS, _TUNNEL, _OTHER = 6, 23, 71, 131, 1
_TYPES: Final = {
    1: _ETHERNET,
    512: _PPP,
    768: _TUNNEL,
    769: _TUNNEL,
    772: LOOPBACK,
    776: _TUNNEL,
    801: _WIRELESS,
    802: _WIRELESS,
    803: _WIRELESS,
}
_POINT_TO_POINT: Final = 0x10
_UP, _DOWN = 1, 2
_CONNECTED, _DISCONNECTED = 1, 2
_ACCESS_LOOPBACK, _ACCESS_BROADCAST, _ACCESS_POINT_TO_POINT = 1, 2, 3
_DEDICATED: Final = 1
_HARDWARE: Final = 1
_UNKNOWN_SPEED: Final = (1 << 64) - 1
_NAME: Final = b"NetDev"
_NO_COUNTS: Final = (0,) * 16
_SETTINGS, _STATE, _NATURE = packer(InterfaceSettings), packer(InterfaceState), packer(InterfaceNature)


def type_of(interface: Interface) -> int:
    """The kind of an interface as Windows numbers it (IF_TYPE_*)."""
    found = _TYPES.get(interface.kind)
    if found is None:
        found = _PPP if interface.flags & _POINT_TO_POINT else _OTHER
    return found


def luid_of(interface: Interface) -> int:
    """The NET_LUID."""
    return type_of(interface) << 48 | interface.index << 24


def luids(machine: MachineState) -> dict[int, int]:
    """The LUIDs of all interfaces by their indices."""
    return {interface.index: luid_of(interface) for interface in configuration(machine).interfaces()}


def index_of(machine: MachineState, luid: int, index: int) -> int:
    """The interface that is meant by a LUID, or by an index where that is 0; OBJECT_NAME_NOT_FOUND."""
    for interface in configuration(machine).interfaces():
        if luid_of(interface) == luid if luid else interface.index == index:
            return interface.index
    raise Failure(Status.OBJECT_NAME_NOT_FOUND)


def guid_of(interface: Interface) -> bytes:
    return ULONG.pack(interface.index) + bytes(6) + _NAME


def _counted(text: str) -> CountedString:
    data = encode(text)[:512]
    return CountedString(len(data), data)


def _physical(interface: Interface) -> PhysicalAddress:
    if type_of(interface) == LOOPBACK:
        return PhysicalAddress(0, b"")
    address = interface.hardware_address[:32]
    return PhysicalAddress(len(address), address)


def _rows(machine: MachineState) -> list[Row]:
    counts = _counts(machine)
    return [
        _row(machine, interface, counts.get(interface.name, _NO_COUNTS))
        for interface in configuration(machine).interfaces()
    ]


def _row(machine: MachineState, interface: Interface, counts: tuple[int, ...]) -> Row:
    is_loopback = type_of(interface) == LOOPBACK
    settings = InterfaceSettings(
        bytes(16),
        _UP if interface.flags & InterfaceFlag.UP else _DOWN,
        _counted(interface.name),
        _physical(interface),
        0,
        _counted(""),
        0,
    )
    access = _ACCESS_POINT_TO_POINT if interface.flags & _POINT_TO_POINT else _ACCESS_BROADCAST
    nature = InterfaceNature(
        interface.index,
        _counted(interface.name),
        type_of(interface),
        _ACCESS_LOOPBACK if is_loopback else access,
        0,
        _DEDICATED,
        guid_of(interface),
        int(not is_loopback),
        _physical(interface),
        0 if is_loopback else _HARDWARE,
        0,
        0,
    )
    state = _state(interface, counts, _speed(machine, interface))
    return Row(ULONG64.pack(luid_of(interface)), _SETTINGS.pack(settings), state, _NATURE.pack(nature))


def _state(interface: Interface, counts: tuple[int, ...], speed: int) -> bytes:
    """With what /proc/net/dev counts: bytes, packets, errors, drops, ... in, and the same out."""
    runs = interface.flags & InterfaceFlag.UP and interface.flags & InterfaceFlag.RUNNING
    state = InterfaceState(
        _UP if runs else _DOWN,
        0,
        _CONNECTED if interface.flags & InterfaceFlag.RUNNING else _DISCONNECTED,
        0,
        interface.mtu,
        speed,
        speed,
        (0,) * 3,
        in_discards=counts[3],
        in_errors=counts[2],
        in_octets=counts[0],
        in_unicast=counts[1],
        in_multicast=counts[7],
        in_broadcast=0,
        out_octets=counts[8],
        out_unicast=counts[9],
        out_multicast=0,
        out_broadcast=0,
        out_errors=counts[10],
        out_discards=counts[11],
        octets_by_kind=(0,) * 6,
        unknown_3=0,
    )
    return _STATE.pack(state)


def _counts(machine: MachineState) -> dict[str, tuple[int, ...]]:
    """The sixteen counts of each interface."""
    found = {}
    for line in os.fsdecode(machine.system.host.read("/proc/self/net/dev")).splitlines():
        name, _, rest = line.partition(":")
        numbers = rest.split()
        if len(numbers) >= 16 and all(map(str.isdecimal, numbers)):
            found[name.strip()] = tuple(map(int, numbers[:16]))
    return found


def _speed(machine: MachineState, interface: Interface) -> int:
    """Bits per second; all ones when nobody knows, as Windows tells it."""
    text = machine.system.host.read(f"/sys/class/net/{interface.name}/speed").strip()
    return int(text) * 1_000_000 if text.isdigit() and int(text) else _UNKNOWN_SPEED


def _indices(machine: MachineState) -> list[Row]:
    return [
        Row(ULONG.pack(interface.index), nature=ULONG64.pack(luid_of(interface)))
        for interface in configuration(machine).interfaces()
    ]


INTERFACES: Final = Table(
    ULONG64.size, size(InterfaceSettings), (size(InterfaceState),), size(InterfaceNature), _rows
)
BY_INDEX: Final = Table(ULONG.size, 0, (), ULONG64.size, _indices, is_list=False)
