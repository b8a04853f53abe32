"""Allocating guest memory by NT's rules: 64 KiB granularity, reserve and commit, allocations remembered by their base.

Reserving only changes the books; committing maps. A large reservation is mapped as a whole by its first commit, because
programs with their own allocators commit it in thousands of small steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.address_space import AddressSpace, Region, page_up
from lichen.executive.interfaces import Map, MemoryOperation, Protect
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.allocations import (
    GRANULARITY,
    MEM_IMAGE,
    MEM_MAPPED,
    MEM_PRIVATE,
    Allocation,
    allocation_of,
)
from lichen.subsystems.nt.protection import (
    PAGE_EXECUTE_READWRITE,
    PAGE_EXECUTE_WRITECOPY,
    PAGE_GUARD,
    PAGE_READWRITE,
    PAGE_WRITECOPY,
    host_protection,
)
from lichen.subsystems.nt.records.virtual_memory import MemoryRegionInformation

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

MEM_COMMIT, MEM_RESERVE, MEM_DECOMMIT, MEM_RELEASE, MEM_FREE = 0x1000, 0x2000, 0x4000, 0x8000, 0x10000
MEM_RESET, MEM_TOP_DOWN, MEM_WRITE_WATCH = 0x80000, 0x100000, 0x200000
_WRITABLE: Final = (
    PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY | PAGE_GUARD
)
_LOWEST_CHOSEN: Final = 0x200000000
"""Addresses that the kernel chooses begin above 4 GiB and above the usual image bases' low part."""


_PRIVATE, _MAPPED_PAGE_FILE = 0x1, 0x8
_REGION_TYPES: Final = {MEM_PRIVATE: _PRIVATE, MEM_MAPPED: 0x2, MEM_IMAGE: 0x4}
"""Bits of MEMORY_REGION_INFORMATION."""


class Room(NamedTuple):
    """Where memory may be whose address the kernel chooses: from `low` to below `high`, 0 for anywhere."""

    low: int = 0
    high: int = 0
    alignment: int = GRANULARITY


ANYWHERE: Final = Room()
_MOST_ZERO_BITS, _BITS_OF_ADDRESS = 21, 32


def room_below(zero_bits: int, invalid: int) -> Room:
    """Where memory may be of whose address so many bits are to be zero, counted from bit 31; `invalid` if it cannot be.

    From 32 on it is no number but a mask: no bit above its highest may be set.
    """
    if not zero_bits:
        return ANYWHERE
    if zero_bits >= _BITS_OF_ADDRESS:
        high = 1 << zero_bits.bit_length()
    elif zero_bits > _MOST_ZERO_BITS:
        raise Failure(invalid)
    else:
        high = 1 << _BITS_OF_ADDRESS - zero_bits
    return Room(GRANULARITY, high)


def reserve(
    space: AddressSpace,
    size: int,
    protect: int,
    at: int = 0,
    top_down: bool = False,
    kind: int = MEM_PRIVATE,
    room: Room = ANYWHERE,
) -> Allocation:
    """Enter a reservation into the books: nothing is mapped yet."""
    if at and room is not ANYWHERE:
        raise Failure(Status.INVALID_PARAMETER)
    if at:
        base = at & -GRANULARITY
        size = page_up(at + size) - base
        if not space.is_free(base, base + size):
            raise Failure(Status.CONFLICTING_ADDRESSES)
    else:
        size = page_up(size)
        high = min(room.high or space.high, space.high)
        if top_down:
            base = space.highest_free(size, high & -GRANULARITY, room.alignment)
        else:
            base = space.lowest_free(size, room.low or _LOWEST_CHOSEN, room.alignment)
        if base < room.low or base + size > high:
            raise Failure(Status.NO_MEMORY)
    allocation = Allocation(base, size, protect, kind)
    space.insert(Region(base, base + size, 0, allocation=allocation))
    return allocation


def commit(space: AddressSpace, start: int, end: int, protect: int) -> list[MemoryOperation]:
    """Commit whole pages of one allocation; what is committed already only changes its protection."""
    host = host_protection(protect)
    operations: list[MemoryOperation] = []
    for region in list(space.overlapping(start, end)):
        low, high = max(start, region.start), min(end, region.end)
        if region.state == 0:
            operations.append(Map(low, high - low, host))
            space.insert(Region(low, high, host, allocation=region.allocation, state=protect))
        elif region.state != protect:
            operations.append(Protect(low, high - low, host))
            set_protection(space, low, high, protect)
    return operations


def set_protection(space: AddressSpace, start: int, end: int, protect: int) -> None:
    """Change the NT protection of committed pages in the books."""
    host = host_protection(protect)
    for region in list(space.overlapping(start, end)):
        part = region.part(max(start, region.start), min(end, region.end))
        part.protection, part.state = host, protect
        space.insert(part)


def allocate(space: AddressSpace, size: int, protect: int, at: int = 0) -> tuple[int, list[MemoryOperation]]:
    """Reserve and commit at once: the base, and the operations that map it."""
    allocation = reserve(space, size, protect, at)
    return allocation.base, commit(space, allocation.base, allocation.end, protect)


def change(thread: Thread, process: Process, operations: list[MemoryOperation]) -> None:
    """Carry out memory operations in a process: with the reply of the caller's own call when they are its own."""
    if not operations:
        return
    if process is thread.process:
        thread.guest.change_memory_on_return(operations)
        return
    guest = process.first_thread.guest
    with guest.at_rest():
        guest.change_memory(operations)


def region_information(space: AddressSpace, address: int) -> MemoryRegionInformation:
    """What the allocation at an address is as a whole; INVALID_ADDRESS where there is none."""
    region = space.find(address)
    if region is None:
        raise Failure(Status.INVALID_ADDRESS)
    allocation = allocation_of(region)
    if allocation is None:
        return MemoryRegionInformation(region.start, region.state, _PRIVATE, region.size, region.size, 0, 0)
    parts = space.overlapping(allocation.base, allocation.end)
    committed = sum(part.size for part in parts if part.state and part.allocation is allocation)
    kind = _REGION_TYPES[allocation.type]
    if allocation.type == MEM_MAPPED and not allocation.path:
        kind = _MAPPED_PAGE_FILE
    base, size, protect = allocation.base, allocation.size, allocation.protect
    return MemoryRegionInformation(base, protect, kind, size, committed, 0, 0)


def require_writable(space: AddressSpace, start: int, size: int) -> None:
    """ACCESS_VIOLATION unless a call may write to all of a buffer: asked before what fills it is taken from anywhere."""
    at, end = start, start + size
    for region in space.overlapping(start, end) if size else ():
        writable = (
            region.state & _WRITABLE if region.state else region.allocation is None and region.protection & 2
        )
        if region.start > at or not writable:
            break
        at = region.end
    if at < end:
        raise Failure(Status.ACCESS_VIOLATION)
