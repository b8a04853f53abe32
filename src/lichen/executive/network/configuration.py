"""What a machine's network is made of, as values, and requests to change it (NT: NSI; Unix: rtnetlink).

Both worlds ask the one `Configuration` of a machine. Hosts and hardware addresses are bytes in network order; flags, kinds,
scopes and states have Linux's numbers, and the front-ends turn them into their own words and records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from lichen.executive.wait import Changes


class InterfaceFlag:
    """What an interface is and does (IFF_* of netdevice(7))."""

    UP: Final = 0x1
    BROADCAST: Final = 0x2
    RUNNING: Final = 0x40


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface; `kind` is the hardware's number in ARP (ARPHRD_*), `queue_length` counts packets that wait to be sent."""

    index: int
    name: str
    kind: int
    flags: int
    mtu: int
    queue_length: int
    hardware_address: bytes
    hardware_broadcast: bytes


class InterfaceAddress(NamedTuple):
    """An address that an interface has, of 4 or 16 bytes. `peer` is the other end's where there is only one."""

    interface: int
    host: bytes
    prefix_length: int
    scope: int
    label: str
    broadcast: bytes | None = None
    peer: bytes | None = None


class Route(NamedTuple):
    """Where packets for a destination go: by a gateway, or right through an interface (0: none).

    `destination` has the bytes of a whole host; that of the default route is all zeros, with a prefix length of 0.
    """

    destination: bytes
    prefix_length: int
    gateway: bytes | None
    interface: int
    source: bytes | None
    metric: int
    table: int
    protocol: int
    scope: int
    type: int


class Neighbour(NamedTuple):
    """What is known of the hardware address of a host nearby; `state` is one of NUD_*."""

    interface: int
    host: bytes
    hardware_address: bytes
    state: int


@dataclass(frozen=True, slots=True)
class SetInterface:
    """A request: change what is not None of an interface."""

    index: int
    flags: int | None = None
    mtu: int | None = None
    queue_length: int | None = None
    name: str | None = None
    hardware_address: bytes | None = None


class Add(NamedTuple):
    """A request: have one more address, route or neighbour."""

    value: InterfaceAddress | Route | Neighbour


class Remove(NamedTuple):
    """A request: an address, route or neighbour is to go."""

    value: InterfaceAddress | Route | Neighbour


Change = SetInterface | Add | Remove


class Configuration(Protocol):
    """Who knows a machine's network. Each answer is what is true at that moment."""

    def interfaces(self) -> list[Interface]:
        """Every interface, by its index."""

    def addresses(self) -> list[InterfaceAddress]: ...

    def routes(self) -> list[Route]: ...

    def neighbours(self) -> list[Neighbour]: ...

    def change(self, request: Change) -> None:
        """Do as a request says; PRIVILEGE_NOT_HELD where the network is not the machine's own.

        Otherwise whatever the host says of such a request: OBJECT_NAME_COLLISION for what is there, ADDRESS_NOT_EXIST, ...
        """

    @property
    def changed(self) -> Changes:
        """Signalled whenever something of all this has changed, since it was first asked for."""
