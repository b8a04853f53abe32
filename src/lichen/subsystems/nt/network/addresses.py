"""IPv4 and IPv6: the interfaces' addresses, the neighbours, the routes, and the one compartment in which all of that is.

Source: nldef.h (origins, states), ipmib.h (protocols of routes); rtnetlink.h, neighbour.h for Linux's numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from lichen.executive.network.configuration import InterfaceAddress, Neighbour, Route
from lichen.subsystems.nt.network.interfaces import luids
from lichen.subsystems.nt.network.tables import Row, Table, configuration, packer, size
from lichen.subsystems.nt.records import ULONG, ULONG64
from lichen.subsystems.nt.records.network import (
    CompartmentSettings,
    CompartmentState,
    NeighbourKey,
    NeighbourKey6,
    NeighbourState,
    RouteKey,
    RouteKey6,
    RouteNature,
    RouteSettings,
    RouteState,
    RouteState6,
    UnicastKey,
    UnicastKey6,
    UnicastSettings,
    UnicastState,
)
from lichen.subsystems.nt.shared_data import interrupt_time, system_time

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState

_IPV4, _IPV6 = 4, 16
_FOR_EVER: Final = 0xFFFFFFFF
_MANUAL, _WELL_KNOWN, _LINK_LAYER = 1, 2, 4
"""Origins of addresses."""
_PREFERRED: Final = 4
_LINK_LOCAL: Final = b"\xfe\x80"
_LOOPBACKS: Final = (b"\x7f", bytes(15) + b"\1")
_MAIN, _LOCAL_TABLE = 254, 255
UNICAST, LOCAL = 1, 2
"""Types of routes."""
_PROTOCOLS: Final = {1: 4, 2: 2}
"""Redirected ones are ICMP's, the kernel's own local; all others the administrator's."""
NETWORK_MANAGEMENT: Final = 3
_STATES: Final = {0x01: 1, 0x02: 5, 0x04: 4, 0x08: 3, 0x10: 2, 0x20: 0, 0x40: 6, 0x80: 6}
_UNREACHABLE: Final = 0
_HARDWARE: Final = 32

_UNICAST, _UNICAST_6 = packer(UnicastKey), packer(UnicastKey6)
_UNICAST_SETTINGS, _UNICAST_STATE = packer(UnicastSettings), packer(UnicastState)
_NEIGHBOUR, _NEIGHBOUR_6, _NEIGHBOUR_STATE = (
    packer(NeighbourKey),
    packer(NeighbourKey6),
    packer(NeighbourState),
)
_ROUTE, _ROUTE_6, _ROUTE_SETTINGS = packer(RouteKey), packer(RouteKey6), packer(RouteSettings)
_ROUTE_STATE, _ROUTE_STATE_6, _ROUTE_NATURE = packer(RouteState), packer(RouteState6), packer(RouteNature)
_COMPARTMENT, _COMPARTMENT_STATE = packer(CompartmentSettings), packer(CompartmentState)


# ---- addresses


def _addresses(width: int, machine: MachineState) -> list[Row]:
    known = luids(machine)
    since = ULONG64.pack(system_time(machine) - interrupt_time(machine))
    return [
        _address(address, known[address.interface], since)
        for address in configuration(machine).addresses()
        if len(address.host) == width and address.interface in known
    ]


def _address(address: InterfaceAddress, luid: int, since: bytes) -> Row:
    host = address.host
    is_old = len(host) == _IPV4
    key = _UNICAST.pack(UnicastKey(luid, host, 0)) if is_old else _UNICAST_6.pack(UnicastKey6(luid, host))
    origins = (_MANUAL, _MANUAL)
    if host.startswith(_LINK_LOCAL):
        origins = (_WELL_KNOWN, _LINK_LAYER)
    elif host[:1] == _LOOPBACKS[0] or host == _LOOPBACKS[1]:
        origins = (_WELL_KNOWN, _WELL_KNOWN)
    settings = UnicastSettings(_FOR_EVER, _FOR_EVER, *origins, address.prefix_length, (0, 0))
    scope = address.interface if host.startswith(_LINK_LOCAL) else 0
    state = _UNICAST_STATE.pack(UnicastState(scope, _PREFERRED))
    return Row(key, _UNICAST_SETTINGS.pack(settings), state, since)


# ---- neighbours


def _neighbours(width: int, machine: MachineState) -> list[Row]:
    known = luids(machine)
    return [
        _neighbour(neighbour, known[neighbour.interface])
        for neighbour in configuration(machine).neighbours()
        if len(neighbour.host) == width and neighbour.interface in known and any(neighbour.host)
    ]


def _neighbour(neighbour: Neighbour, luid: int) -> Row:
    if len(neighbour.host) == _IPV4:
        key = _NEIGHBOUR.pack(NeighbourKey(luid, luid, neighbour.host, 0))
    else:
        key = _NEIGHBOUR_6.pack(NeighbourKey6(luid, luid, neighbour.host))
    state = _STATES.get(neighbour.state, _UNREACHABLE)
    hardware = neighbour.hardware_address[:_HARDWARE]
    found = NeighbourState(state, 0, 0, int(state == _UNREACHABLE), len(hardware), 0)
    return Row(key, hardware.ljust(_HARDWARE, b"\0"), _NEIGHBOUR_STATE.pack(found))


# ---- routes


def _routes(width: int, machine: MachineState) -> list[Row]:
    """Those of the main table, and those to the machine itself, which Windows has among them."""
    known = luids(machine)
    return [
        _route(route, known[route.interface])
        for route in configuration(machine).routes()
        if len(route.destination) == width
        and route.interface in known
        and (route.table, route.type) in ((_MAIN, UNICAST), (_LOCAL_TABLE, LOCAL))
    ]


def _route(route: Route, luid: int) -> Row:
    width = len(route.destination)
    gateway = route.gateway if route.gateway is not None and len(route.gateway) == width else bytes(width)
    place = (0, route.destination, route.prefix_length, b"", b"")
    is_local = route.type == LOCAL
    settings = RouteSettings(
        *(0, _FOR_EVER, _FOR_EVER, route.metric, _PROTOCOLS.get(route.protocol, NETWORK_MANAGEMENT)),
        *(int(is_local), 0, 0, 1, 0, 0),
    )
    if width == _IPV4:
        key = _ROUTE.pack(RouteKey(*place, luid, luid, gateway, 0))
        state = _ROUTE_STATE.pack(RouteState(0, (0, 0, 0), route.destination))
    else:
        key = _ROUTE_6.pack(RouteKey6(*place, 0, luid, luid, gateway))
        state = _ROUTE_STATE_6.pack(RouteState6(0, (0, 0, 0), route.destination))
    nature = RouteNature(int(is_local), route.interface)
    return Row(key, _ROUTE_SETTINGS.pack(settings), state, _ROUTE_NATURE.pack(nature))


# ---- the compartment


def _compartments(width: int, machine: MachineState) -> list[Row]:
    host = machine.system.host
    forwards, ttl = (
        ("ipv4/ip_forward", "ipv4/ip_default_ttl")
        if width == _IPV4
        else ("ipv6/conf/all/forwarding", "ipv6/conf/default/hop_limit")
    )
    forwarding, limit = (host.read(f"/proc/sys/net/{name}").strip() for name in (forwards, ttl))
    settings = CompartmentSettings(int(forwarding != b"1"), 0, int(limit) if limit.isdigit() else 0, 0)
    state = CompartmentState(
        len(configuration(machine).interfaces()),
        len(_routes(width, machine)),
        0,
        len(_addresses(width, machine)),
    )
    return [Row(ULONG.pack(1), _COMPARTMENT.pack(settings), _COMPARTMENT_STATE.pack(state))]


def tables(width: int) -> dict[int, Table]:
    """The tables of a module by their numbers."""
    is_old = width == _IPV4

    def of(rows: Callable[[int, MachineState], list[Row]]) -> Callable[[MachineState], list[Row]]:
        return partial(rows, width)

    return {
        2: Table(
            ULONG.size,
            size(CompartmentSettings),
            (size(CompartmentState),),
            0,
            of(_compartments),
            is_list=False,
        ),
        10: Table(
            size(UnicastKey if is_old else UnicastKey6),
            size(UnicastSettings),
            (size(UnicastState),),
            ULONG64.size,
            of(_addresses),
        ),
        11: Table(
            size(NeighbourKey if is_old else NeighbourKey6),
            _HARDWARE,
            (size(NeighbourState),),
            0,
            of(_neighbours),
        ),
        16: Table(
            size(RouteKey if is_old else RouteKey6),
            size(RouteSettings),
            (size(RouteState if is_old else RouteState6),),
            size(RouteNature),
            of(_routes),
        ),
    }
