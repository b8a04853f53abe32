"""What a program wants to hear of the network: rows as they are told, found by comparing with what was told last.

Source: netioapi.h; the functions' pages in Microsoft's documentation for what a row tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.wait import Event
from lichen.subsystems.nt.network.interfaces import luid_of, luids
from lichen.subsystems.nt.network.tables import configuration, packer
from lichen.subsystems.nt.records.network_requests import IpForwardRow2, IpInterfaceKey, UnicastRow
from lichen.subsystems.nt.sockets.addresses import AF_INET, AF_INET6

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState

_CHANGED, _ADDED, _DELETED, FIRST = range(4)
"""MIB_NOTIFICATION_TYPE."""
_NUMBERS: Final = {4: AF_INET, 16: AF_INET6}
_INTERFACE, _UNICAST, _ROUTE = packer(IpInterfaceKey), packer(UnicastRow), packer(IpForwardRow2)

_Things = dict[bytes, object]
"""Rows as they are told, with what else there is to be known of each."""
Look = Callable[["MachineState", tuple[int, ...]], _Things]
"""What there is of addresses of some widths."""


def _inet(host: bytes) -> bytes:
    if len(host) == 4:
        return AF_INET.to_bytes(2, "little") + bytes(2) + host
    return AF_INET6.to_bytes(2, "little") + bytes(6) + host


def interfaces(machine: MachineState, widths: tuple[int, ...]) -> _Things:
    found = configuration(machine).interfaces()
    return {
        _INTERFACE.pack(IpInterfaceKey(_NUMBERS[width], luid_of(each), each.index)): each
        for each in found
        for width in widths
    }


def addresses(machine: MachineState, widths: tuple[int, ...]) -> _Things:
    known = luids(machine)
    found: _Things = {}
    for each in configuration(machine).addresses():
        if len(each.host) in widths:
            place = (_inet(each.host), known.get(each.interface, 0), each.interface)
            found[_UNICAST.pack(UnicastRow(*place, 0, 0, 0, 0, each.prefix_length, 0, 0, 0, 0))] = each
    return found


def routes(machine: MachineState, widths: tuple[int, ...]) -> _Things:
    known = luids(machine)
    found: _Things = {}
    for each in configuration(machine).routes():
        if len(each.destination) in widths:
            place = (
                known.get(each.interface, 0),
                each.interface,
                _inet(each.destination),
                each.prefix_length,
            )
            row = IpForwardRow2(*place, _inet(each.gateway or bytes(len(each.destination))), *(0,) * 11)
            found[_ROUTE.pack(row)] = each
    return found


class Told(NamedTuple):
    """One call back: what has happened, and to which row; none when it only says that from now on is told."""

    type: int
    row: bytes = b""


class Registration:
    """A function that is to be called back."""

    def __init__(
        self,
        machine: MachineState,
        look: Look,
        widths: tuple[int, ...],
        function: int,
        context: int,
    ) -> None:
        self._machine, self._look, self._widths = machine, look, widths
        self.function, self.context = function, context
        self.ended = Event()
        self.waiting: deque[Told] = deque()
        self._known = look(machine, widths)

    def compare(self) -> None:
        """See what has changed since this was done last."""
        now = self._look(self._machine, self._widths)
        before, self._known = self._known, now
        self.waiting += [Told(_DELETED, row) for row in before if row not in now]
        for row, thing in now.items():
            if row not in before:
                self.waiting.append(Told(_ADDED, row))
            elif before[row] != thing:
                self.waiting.append(Told(_CHANGED, row))
