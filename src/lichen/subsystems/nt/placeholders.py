"""Placeholders: reservations that can be split, replaced by memory, given back and joined (VirtualAlloc2, VirtualFree).

They let a program keep a range for itself while it changes what is in it: between unmapping and mapping anew, nobody else
gets the addresses. Each placeholder is an allocation of its own in the books, without memory behind it.

Source: Microsoft's documentation of VirtualAlloc2 and VirtualFree.
"""

from __future__ import annotations

from lichen.executive.address_space import AddressSpace, Region
from lichen.executive.interfaces import MemoryOperation, Unmap
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.allocations import MEM_PRIVATE, Allocation, allocation_at, allocation_of
from lichen.subsystems.nt.protection import PAGE_NOACCESS

MEM_RESERVE_PLACEHOLDER, MEM_REPLACE_PLACEHOLDER = 0x40000, 0x4000
MEM_PRESERVE_PLACEHOLDER, MEM_COALESCE_PLACEHOLDERS = 0x2, 0x1


def put(space: AddressSpace, start: int, end: int) -> None:
    """Make a range, whatever is there in the books, a placeholder."""
    allocation = Allocation(start, end - start, PAGE_NOACCESS, MEM_PRIVATE, is_placeholder=True)
    space.insert(Region(start, end, 0, allocation=allocation))


def replace(space: AddressSpace, start: int, end: int, protect: int) -> Allocation:
    """Make a placeholder a plain reservation; CONFLICTING_ADDRESSES unless the range is exactly one."""
    region = space.find(start)
    if region is None or not _is_placeholder(region) or (region.start, region.end) != (start, end):
        raise Failure(Status.CONFLICTING_ADDRESSES)
    allocation = Allocation(start, end - start, protect, MEM_PRIVATE)
    space.insert(Region(start, end, 0, allocation=allocation))
    return allocation


def preserve(space: AddressSpace, start: int, end: int) -> list[MemoryOperation]:
    """Split a placeholder, or make a whole private allocation one again; the operations that unmap its memory."""
    allocation = allocation_at(space, start)
    if allocation is None or allocation.type != MEM_PRIVATE:
        raise Failure(Status.CONFLICTING_ADDRESSES)
    low, high = allocation.base, allocation.end
    if not allocation.is_placeholder:
        if (low, high) != (start, end) or any(
            part.allocation is not allocation for part in space.overlapping(start, end)
        ):
            raise Failure(Status.CONFLICTING_ADDRESSES)
        operations: list[MemoryOperation] = [
            Unmap(part.start, part.size) for part in space.overlapping(start, end) if part.state
        ]
        put(space, start, end)
        return operations
    if end > high or (start, end) == (low, high):
        raise Failure(Status.CONFLICTING_ADDRESSES)
    for first, last in ((low, start), (start, end), (end, high)):
        if first < last:
            put(space, first, last)
    return []


def coalesce(space: AddressSpace, start: int, end: int) -> None:
    """Join the placeholders that a range consists of; CONFLICTING_ADDRESSES when it consists of anything else."""
    parts = list(space.overlapping(start, end))
    whole = parts and parts[0].start == start and parts[-1].end == end and space.is_mapped(start, end)
    if not whole or len(parts) < 2 or not all(map(_is_placeholder, parts)):
        raise Failure(Status.CONFLICTING_ADDRESSES)
    put(space, start, end)


def _is_placeholder(region: Region) -> bool:
    allocation = allocation_of(region)
    return allocation is not None and allocation.is_placeholder
