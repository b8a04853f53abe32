"""Allocations: what one NtAllocateVirtualMemory or NtMapViewOfSection made, to which all its regions point.

The executive's regions carry them without a look at them, and nothing else: a region that has none is Linux' memory, or the
kernel's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lichen.executive.address_space import AddressSpace, Region
    from lichen.executive.io.node import Node
    from lichen.subsystems.nt.pe import PeFile

GRANULARITY: Final = 0x10000
"""What an allocation begins at a multiple of."""
MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE = 0x20000, 0x40000, 0x1000000


@dataclass(eq=False)
class Allocation:
    """A range of addresses that was given away at once."""

    base: int
    size: int
    protect: int
    type: int
    path: str = ""
    """The NT path of the file behind it."""
    is_view: bool = False
    """Whether it shows a section, which is there as a whole."""
    image: PeFile | None = None
    node: Node | None = None
    """The file that an image is of."""
    is_placeholder: bool = False

    @property
    def end(self) -> int:
        return self.base + self.size


def allocation_of(region: Region | None) -> Allocation | None:
    """What a region is part of."""
    found: Allocation | None = region.allocation if region is not None else None
    return found


def allocation_at(space: AddressSpace, address: int) -> Allocation | None:
    """What an address is in."""
    return allocation_of(space.find(address))
