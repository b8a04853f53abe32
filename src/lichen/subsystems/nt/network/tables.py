"""What a table of NSI is: rows of up to four parts, each of one size.

Source: nsi.dll's requests; netiodef.h for the modules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from lichen.abi.layout import Layout, layout
from lichen.executive.network.configuration import Configuration
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.records import MODEL

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState

IPV4, IPV6, UDP, TCP, NDIS = 0x00, 0x01, 0x02, 0x03, 0x11
"""What tells the modules' GUIDs apart: their first byte."""


class Row(NamedTuple):
    """The parts of a row: what identifies it, what may be set, what changes, what stays."""

    key: bytes
    settings: bytes = b""
    state: bytes = b""
    nature: bytes = b""


class Table(NamedTuple):
    """How large the parts are (of the state there may be a longer form), and the rows."""

    key: int
    settings: int
    state: tuple[int, ...]
    nature: int
    rows: Callable[[MachineState], list[Row]]
    is_list: bool = True
    """Whether the rows may be listed, and not only be asked for one by one."""

    def accepts(self, key: int, settings: int, state: int, nature: int) -> bool:
        """Whether these are the parts' sizes, or 0 for parts that nobody wants."""
        return (
            key in (0, self.key)
            and settings in (0, self.settings)
            and (not state or state in self.state)
            and nature in (0, self.nature)
        )


def size(record: type[Any]) -> int:
    """The size of a record."""
    return layout(record, MODEL).size


def packer(record: type[Any]) -> Layout[Any]:
    return layout(record, MODEL)


def configuration(machine: MachineState) -> Configuration:
    """Who knows the machine's network; NOT_SUPPORTED when nobody does."""
    found = machine.processes.init.files.devices.families.configuration
    if found is None:
        raise Failure(Status.NOT_SUPPORTED)
    return found
