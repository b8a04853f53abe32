"""ioctls of sockets that show, set and remove hardware addresses of IPv4 neighbours, in the record of old (arp(8)).

Source: arp(7), arp(8); net/if_arp.h, linux/neighbour.h.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.layout import LP64, layout
from lichen.executive.network.configuration import Add, Configuration, Interface, Neighbour, Remove, Route
from lichen.executive.network.sockets import AddressFamily, InternetAddress
from lichen.executive.status import POSIX, Failure, Status
from lichen.subsystems.linux.calls.netdevice import administered, configuration_of, interface_named
from lichen.subsystems.linux.netrecords import Arpreq
from lichen.subsystems.linux.records import SockaddrIn
from lichen.subsystems.linux.requests import declare_ioctl
from lichen.subsystems.linux.sockaddr import pack_address
from lichen.subsystems.linux.types import Result

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Thread

SIOCDARP, SIOCGARP, SIOCSARP = 0x8953, 0x8954, 0x8955
_ARPREQ, _SOCKADDR_IN = layout(Arpreq, LP64), layout(SockaddrIn, LP64)
_COMPLETE, _PERMANENT, _PUBLISHED, _MASKED, _NOT_PUBLISHED = 0x2, 0x4, 0x8, 0x20, 0x40
_STALE, _NO_ARP, _KEPT, _VALID = 0x04, 0x40, 0x80, 0xDE
"""States of a neighbour: last heard of long ago, not asked for, to stay, and all in which the address is good."""
_UNICAST, _MAIN = 1, 254
_SOCKADDR: Final = 16
_FAMILY: Final = 2
_BITS: Final = 32
_NO_SUCH_NEIGHBOUR: Final = POSIX | errno.ENXIO
_NOT_IPV4: Final = POSIX | errno.EPFNOSUPPORT


class _Meant(NamedTuple):
    """The host that a record is about, and through which interface it is reached."""

    record: Arpreq
    host: bytes
    interface: Interface


def _read(thread: Thread, configuration: Configuration, argument: int) -> _Meant:
    """What a record means; INVALID_PARAMETER for one that cannot be, NO_DEVICE, NETWORK_UNREACHABLE."""
    record = _ARPREQ.unpack(thread.memory.read(argument, _ARPREQ.size))
    protocol = _SOCKADDR_IN.unpack(record.pa)
    if protocol.family != AddressFamily.INTERNET:
        raise Failure(_NOT_IPV4)
    if record.flags & (_MASKED | _NOT_PUBLISHED) and not record.flags & _PUBLISHED:
        raise Failure(Status.INVALID_PARAMETER)
    name = os.fsdecode(record.dev.partition(b"\0")[0])
    if not name:
        return _Meant(record, protocol.addr, _way_to(configuration, protocol.addr))
    interface = interface_named(configuration, name)
    if record.flags & _COMPLETE and _kind(record) not in (0, interface.kind):
        raise Failure(Status.INVALID_PARAMETER)
    return _Meant(record, protocol.addr, interface)


def _kind(record: Arpreq) -> int:
    """What kind of hardware an address is said to be of."""
    return int.from_bytes(record.ha[:_FAMILY], "little")


def _way_to(configuration: Configuration, host: bytes) -> Interface:
    """The interface by which a host is reached; NETWORK_UNREACHABLE."""
    ways = [route for route in configuration.routes() if _leads_to(route, host)]
    best = max(ways, key=lambda route: (route.prefix_length, -route.metric), default=None)
    for interface in configuration.interfaces():
        if best is not None and interface.index == best.interface:
            return interface
    raise Failure(Status.NETWORK_UNREACHABLE)


def _leads_to(route: Route, host: bytes) -> bool:
    if len(route.destination) != len(host) or (route.table, route.type) != (_MAIN, _UNICAST):
        return False
    differ = int.from_bytes(route.destination, "big") ^ int.from_bytes(host, "big")
    return differ >> (_BITS - route.prefix_length) == 0


def _known(configuration: Configuration, meant: _Meant) -> Neighbour | None:
    for neighbour in configuration.neighbours():
        if (neighbour.interface, neighbour.host) == (meant.interface.index, meant.host):
            return neighbour
    return None


@declare_ioctl(SIOCGARP)
def _show(thread: Thread, file: File, argument: int) -> Result:
    configuration = configuration_of(thread, file)
    meant = _read(thread, configuration, argument)
    if not meant.record.dev.partition(b"\0")[0]:
        raise Failure(Status.NO_DEVICE)
    neighbour = _known(configuration, meant)
    if neighbour is None:
        raise Failure(_NO_SUCH_NEIGHBOUR)
    flags = _COMPLETE if neighbour.state & _VALID else 0
    if neighbour.state & _KEPT:
        flags |= _PERMANENT
    hardware = b"" if neighbour.state & _NO_ARP else neighbour.hardware_address
    told = meant.record._replace(
        pa=pack_address(InternetAddress(meant.host, 0)).ljust(_SOCKADDR, b"\0"),
        ha=(meant.interface.kind.to_bytes(_FAMILY, "little") + hardware).ljust(_SOCKADDR, b"\0")[:_SOCKADDR],
        flags=flags,
    )
    thread.memory.write(argument, _ARPREQ.pack(told))
    return 0


@declare_ioctl(SIOCSARP)
def _set(thread: Thread, file: File, argument: int) -> Result:
    """Know a neighbour, in place of what was known; NOT_SUPPORTED to answer for it to others (proxy ARP)."""
    configuration = administered(thread, file)
    meant = _read(thread, configuration, argument)
    if meant.record.flags & _PUBLISHED:
        raise Failure(Status.NOT_SUPPORTED)
    permanent = bool(meant.record.flags & _PERMANENT)
    given = meant.record.ha[_FAMILY : _FAMILY + len(meant.interface.hardware_address)]
    hardware = given if permanent or meant.record.flags & _COMPLETE else b""
    before = _known(configuration, meant)
    if before is not None:
        configuration.change(Remove(before))
    state = _KEPT if permanent else _STALE
    configuration.change(Add(Neighbour(meant.interface.index, meant.host, hardware, state)))
    return 0


@declare_ioctl(SIOCDARP)
def _remove(thread: Thread, file: File, argument: int) -> Result:
    configuration = administered(thread, file)
    meant = _read(thread, configuration, argument)
    neighbour = None if meant.record.flags & _PUBLISHED else _known(configuration, meant)
    if neighbour is None:
        raise Failure(_NO_SUCH_NEIGHBOUR)
    configuration.change(Remove(neighbour))
    return 0
