"""Sockets: those between programs of the machine, and those to the world, which stand on sockets of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.network.sockets import AddressFamily
from lichen.filesystems.sockets.configuration import HostConfiguration
from lichen.filesystems.sockets.events import HostEvents
from lichen.filesystems.sockets.internet import InternetSockets
from lichen.filesystems.sockets.localfamily import LocalSockets
from lichen.filesystems.sockets.netlink import NetlinkSockets

if TYPE_CHECKING:
    from lichen.executive.interfaces import Platform
    from lichen.executive.io.device import Devices
    from lichen.executive.scheduler import Scheduler


def register(devices: Devices, scheduler: Scheduler, platform: Platform) -> None:
    """Let a machine have every family that there is a driver for."""
    families, events = devices.families, HostEvents(platform)
    families.configuration = HostConfiguration()
    families.register(AddressFamily.LOCAL, LocalSockets(scheduler))
    families.register(AddressFamily.NETLINK, NetlinkSockets(scheduler, events))
    for family in (AddressFamily.INTERNET, AddressFamily.INTERNET_6):
        families.register(family, InternetSockets(family, scheduler, events))
