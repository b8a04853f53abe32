"""Sockets: those between programs of the machine, and those to the world, which stand on sockets of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.network.sockets import AddressFamily
from lichen.filesystems.sockets.configuration import NetworkConfiguration
from lichen.filesystems.sockets.events import HostEvents
from lichen.filesystems.sockets.internet import InternetSockets
from lichen.filesystems.sockets.localfamily import LocalSockets
from lichen.filesystems.sockets.netlink import NetlinkSockets
from lichen.filesystems.sockets.network import HostNetwork

if TYPE_CHECKING:
    from lichen.executive.interfaces import Platform
    from lichen.executive.io.device import Devices
    from lichen.executive.scheduler import Scheduler
    from lichen.filesystems.sockets.network import Network


def register(
    devices: Devices, scheduler: Scheduler, platform: Platform, network: Network | None = None
) -> NetworkConfiguration:
    """Let a machine have every family that there is a driver for, on a network: the host's unless another is said.

    Returns who knows that network, to be closed with the machine.
    """
    network = network or HostNetwork()
    families, events = devices.families, HostEvents(platform)
    families.configuration = configuration = NetworkConfiguration(network, platform)
    families.prepare = network.prepare
    families.register(AddressFamily.LOCAL, LocalSockets(scheduler))
    families.register(AddressFamily.NETLINK, NetlinkSockets(scheduler, events, network, configuration))
    for family in (AddressFamily.INTERNET, AddressFamily.INTERNET_6):
        families.register(family, InternetSockets(family, scheduler, events, network))
    return configuration
