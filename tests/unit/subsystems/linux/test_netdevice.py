"""What ifconfig asks for becomes requests to whoever knows the network; nobody else is asked."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any, cast

import pytest

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
from lichen.executive.network.sockets import AddressFamily, SocketType
from lichen.executive.status import Status
from lichen.executive.wait import Changes
from lichen.filesystems.sockets.configuration import NetworkConfiguration
from lichen.filesystems.sockets.localfamily import LocalSockets
from lichen.filesystems.sockets.network import HostNetwork
from lichen.subsystems.linux.calls import netdevice
from tests.unit.subsystems.linux.machine import BAD, ROOT, USER, Machine
from tests.unit.trees import status_of

WIRE = Interface(3, "wire", 1, 0x1043, 1500, 100, bytes(range(6)), b"\xff" * 6)
HERE = InterfaceAddress(3, bytes((10, 1, 2, 3)), 8, 0, "wire", bytes((10, 255, 255, 255)))


class Network:
    """One interface, with or without an address, and what was to be changed."""

    def __init__(self, *addresses: InterfaceAddress) -> None:
        self.known = list(addresses)
        self.requests: list[Change] = []

    def interfaces(self) -> list[Interface]:
        return [WIRE]

    def addresses(self) -> list[InterfaceAddress]:
        return self.known

    def routes(self) -> list[Route]:
        return []

    def neighbours(self) -> list[Neighbour]:
        return []

    @property
    def changed(self) -> Changes:
        return Changes()

    def change(self, request: Change) -> None:
        self.requests.append(request)


def record(name: str, union: bytes = b"") -> bytes:
    return name.encode().ljust(16, b"\0") + union.ljust(24, b"\0")


def address(host: str) -> bytes:
    return struct.pack("<H2x4s", socket.AF_INET, socket.inet_aton(host))


@pytest.fixture
def network() -> Network:
    return Network(HERE)


def machine_of(network: Network, root: bool = True) -> tuple[Machine, int]:
    """A machine on this network, and a descriptor of a socket of its first process."""
    machine = Machine(ROOT if root else USER)
    machine.devices.families.register(AddressFamily.LOCAL, LocalSockets(machine.scheduler))
    machine.devices.families.configuration = network
    fd = machine.call("socket", AddressFamily.LOCAL, SocketType.DATAGRAM, 0)
    assert fd is not None
    assert fd >= 0
    return machine, fd


def ask(machine: Machine, fd: int, question: int, asking: bytes) -> int | None:
    return machine.call("ioctl", fd, question, machine.put(asking))


@pytest.mark.parametrize(
    ("request_", "union", "change"),
    [
        (netdevice.SIOCSIFFLAGS, struct.pack("<H", 0x1042), SetInterface(3, flags=0x1042)),
        (netdevice.SIOCSIFMTU, struct.pack("<i", 9000), SetInterface(3, mtu=9000)),
        (netdevice.SIOCSIFTXQLEN, struct.pack("<i", 7), SetInterface(3, queue_length=7)),
        (netdevice.SIOCSIFNAME, b"other\0x", SetInterface(3, name="other")),
        (
            netdevice.SIOCSIFHWADDR,
            b"\1\0" + b"abcdef",
            SetInterface(3, hardware_address=b"abcdef" + bytes(8)),
        ),
    ],
)
def test_an_interface_is_to_change(
    network: Network, request_: int, union: bytes, change: SetInterface
) -> None:
    machine, fd = machine_of(network)
    assert ask(machine, fd, request_, record("wire", union)) == 0
    assert network.requests == [change]


@pytest.mark.parametrize(
    ("request_", "host", "after"),
    [
        (netdevice.SIOCSIFADDR, "10.9.9.9", HERE._replace(host=bytes((10, 9, 9, 9)))),
        (
            netdevice.SIOCSIFNETMASK,
            "255.255.255.0",
            HERE._replace(prefix_length=24, broadcast=bytes((10, 1, 2, 255))),
        ),
        (netdevice.SIOCSIFBRDADDR, "10.1.2.255", HERE._replace(broadcast=bytes((10, 1, 2, 255)))),
        (netdevice.SIOCSIFDSTADDR, "10.1.2.9", HERE._replace(peer=bytes((10, 1, 2, 9)))),
    ],
)
def test_an_address_takes_the_place_of_another(
    network: Network, request_: int, host: str, after: InterfaceAddress
) -> None:
    machine, fd = machine_of(network)
    assert ask(machine, fd, request_, record("wire", address(host))) == 0
    assert network.requests == [Remove(HERE), Add(after)]


def test_a_first_address_has_the_mask_of_its_class() -> None:
    network = Network()
    machine, fd = machine_of(network)
    assert ask(machine, fd, netdevice.SIOCSIFADDR, record("wire:1", address("192.168.1.2"))) == 0
    everybody = bytes((192, 168, 1, 255))
    assert network.requests == [Add(InterfaceAddress(3, bytes((192, 168, 1, 2)), 24, 0, "wire:1", everybody))]
    assert (
        ask(machine, fd, netdevice.SIOCSIFNETMASK, record("wire", address("255.0.0.0")))
        == -errno.EADDRNOTAVAIL
    )


def test_what_cannot_be_is_refused(network: Network) -> None:
    machine, fd = machine_of(network)
    holed = record("wire", address("255.0.255.0"))
    assert ask(machine, fd, netdevice.SIOCSIFNETMASK, holed) == -errno.EINVAL
    assert ask(machine, fd, netdevice.SIOCSIFMTU, record("none", b"")) == -errno.ENODEV
    assert ask(machine, fd, netdevice.SIOCSIFMAP, record("wire")) == -errno.EOPNOTSUPP
    assert machine.call("ioctl", fd, netdevice.SIOCSIFMTU, BAD) == -errno.EFAULT
    user, fd = machine_of(network, root=False)
    assert ask(user, fd, netdevice.SIOCSIFMTU, record("wire", b"")) == -errno.EPERM
    assert network.requests == []


def test_the_host_is_looked_at_and_left_alone() -> None:
    host = NetworkConfiguration(HostNetwork(), cast(Any, None))
    loopback = next(interface for interface in host.interfaces() if interface.name == "lo")
    assert (loopback.index, loopback.kind) == (socket.if_nametoindex("lo"), 772)
    of_loopback = [each for each in host.addresses() if each.interface == loopback.index]
    assert (bytes((127, 0, 0, 1)), 8, "lo") in [each[1:3] + each[4:5] for each in of_loopback]
    assert any(route.destination == bytes((127, 0, 0, 0)) for route in host.routes())
    assert all(len(each.host) in (4, 16) for each in host.neighbours())
    assert status_of(host.change, SetInterface(loopback.index, mtu=1)) == Status.PRIVILEGE_NOT_HELD
