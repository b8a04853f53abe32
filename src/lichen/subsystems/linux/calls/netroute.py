"""ioctls of sockets that add and remove routes of IPv4, in the record of old (route(8)).

Source: rtnetlink(7), route(8); linux/route.h, linux/rtnetlink.h.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import LP64, layout
from lichen.executive.network.configuration import Add, Configuration, Remove, Route
from lichen.executive.network.sockets import AddressFamily
from lichen.executive.status import POSIX, Failure, Status
from lichen.subsystems.linux.calls.netdevice import administered, interface_named, prefix_length_of
from lichen.subsystems.linux.netrecords import Rtentry
from lichen.subsystems.linux.records import SockaddrIn
from lichen.subsystems.linux.requests import declare_ioctl
from lichen.subsystems.linux.types import Result

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Thread

SIOCADDRT, SIOCDELRT = 0x890B, 0x890C
_RTENTRY, _SOCKADDR_IN = layout(Rtentry, LP64), layout(SockaddrIn, LP64)
_GATEWAY, _HOST, _REJECT = 0x2, 0x4, 0x200
_UNIVERSE, _LINK, _OF_HOST = 0, 253, 254
_BOOT: Final = 3
"""Who made a route: not the kernel, and no routing daemon."""
_UNICAST, _UNREACHABLE = 1, 7
_MAIN: Final = 254
_NO_SUCH_ROUTE: Final = POSIX | 3  # ESRCH
_NAME: Final = 16
_BITS: Final = 32


def _address(data: bytes) -> bytes:
    """The IPv4 address of a struct sockaddr; FAMILY_NOT_SUPPORTED for another's."""
    record = _SOCKADDR_IN.unpack(data)
    if record.family != AddressFamily.INTERNET:
        raise Failure(Status.FAMILY_NOT_SUPPORTED)
    return record.addr


def _route(thread: Thread, configuration: Configuration, entry: Rtentry) -> Route:
    """The route that a record means; INVALID_PARAMETER for one that cannot be."""
    destination, length = _address(entry.dst), _BITS
    if not entry.flags & _HOST:
        mask = _SOCKADDR_IN.unpack(entry.genmask)
        if mask.family not in (AddressFamily.INTERNET, AddressFamily.UNSPECIFIED):
            raise Failure(Status.FAMILY_NOT_SUPPORTED)
        length = prefix_length_of(mask.addr)
        if int.from_bytes(destination, "big") & (1 << _BITS - length) - 1:
            raise Failure(Status.INVALID_PARAMETER)
    interface = 0
    if entry.dev:
        name = os.fsdecode(thread.memory.cstring(entry.dev, _NAME))
        interface = interface_named(configuration, name).index
    gateway = _address(entry.gateway) if entry.flags & _GATEWAY else None
    if gateway is not None and not any(gateway):
        raise Failure(Status.INVALID_PARAMETER)
    kind, scope = _UNICAST, _LINK if gateway is None else _UNIVERSE
    if entry.flags & _REJECT:
        kind, scope = _UNREACHABLE, _OF_HOST
    metric = max(entry.metric - 1, 0)
    return Route(destination, length, gateway, interface, None, metric, _MAIN, _BOOT, scope, kind)


def _known(configuration: Configuration, wanted: Route) -> Route:
    """The route that is meant by what is said of it when it is to go; POSIX|ESRCH when there is none."""
    for route in configuration.routes():
        if (
            (route.destination, route.prefix_length, route.table, route.type)
            == (wanted.destination, wanted.prefix_length, wanted.table, wanted.type)
            and wanted.gateway in (None, route.gateway)
            and wanted.interface in (0, route.interface)
            and wanted.metric in (0, route.metric)
        ):
            return route
    raise Failure(_NO_SUCH_ROUTE)


def _add(configuration: Configuration, route: Route) -> None:
    configuration.change(Add(route))


def _remove(configuration: Configuration, route: Route) -> None:
    configuration.change(Remove(_known(configuration, route)))


def _change(
    change: Callable[[Configuration, Route], None], thread: Thread, file: File, argument: int
) -> Result:
    configuration = administered(thread, file)
    entry = _RTENTRY.unpack(thread.memory.read(argument, _RTENTRY.size))
    change(configuration, _route(thread, configuration, entry))
    return 0


@declare_ioctl(SIOCADDRT)
def _add_route(thread: Thread, file: File, argument: int) -> Result:
    return _change(_add, thread, file, argument)


@declare_ioctl(SIOCDELRT)
def _remove_route(thread: Thread, file: File, argument: int) -> Result:
    return _change(_remove, thread, file, argument)
