"""Stacks of NT threads: committed as a whole, with guard pages near the lower end.

Whoever touches the guard of its own stack has a stack overflow, and what lies below is for its handlers: as much as programs
ask for by SetThreadStackGuarantee. The lowest page is never accessible. Windows commits a stack step by step, with one guard
page that moves down; Wine's DLLs do not probe the pages of their frames, so a stack is there from the beginning, and the
guard is wide.

A fiber has a stack of its own, so the bounds are those of the TEB, which the program may have falsified: nothing outside
the allocation that the guard is in is touched.

Source: SetThreadStackGuarantee, "Thread Stack Size" (learn.microsoft.com); winternl.h (TEB).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.abi.memory import BadAddress
from lichen.executive.address_space import AddressSpace, Region, page_down
from lichen.executive.interfaces import PAGE, MemoryOperation
from lichen.executive.status import Status
from lichen.subsystems.nt import virtual_memory
from lichen.subsystems.nt.allocations import GRANULARITY, MEM_PRIVATE, Allocation, allocation_of
from lichen.subsystems.nt.protection import PAGE_GUARD, PAGE_READWRITE
from lichen.subsystems.nt.records import MODEL, POINTER
from lichen.subsystems.nt.records.startup import NtTib, Teb
from lichen.subsystems.nt.state import nt_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_TIB: Final = layout(NtTib, MODEL)
_DEALLOCATION_STACK: Final = layout(Teb, MODEL).offsets["deallocation_stack"]
_LEAST: Final = 0x100000
_LARGEST: Final = 0x10000000
_FOR_HANDLERS: Final = 0x10000 - PAGE
_GUARD_SIZE: Final = 0x10000
_BELOW: Final = PAGE + _FOR_HANDLERS + _GUARD_SIZE
"""What a stack has besides the size that was asked for."""
_GUARD: Final = PAGE_READWRITE | PAGE_GUARD


def reserve(
    space: AddressSpace, size: int, commit: int, room: virtual_memory.Room = virtual_memory.ANYWHERE
) -> tuple[Allocation, int, list[MemoryOperation]]:
    """A new stack: its allocation, the lowest address above the guard, and the operations that map it."""
    size = (min(max(size, commit, _LEAST), _LARGEST) + _BELOW + GRANULARITY - 1) & -GRANULARITY
    allocation = virtual_memory.reserve(space, size, PAGE_READWRITE, room=room)
    lowest, limit = allocation.base + PAGE, allocation.base + _BELOW
    operations = [
        *virtual_memory.commit(space, lowest, limit - _GUARD_SIZE, PAGE_READWRITE),
        *virtual_memory.commit(space, limit - _GUARD_SIZE, limit, _GUARD),
        *virtual_memory.commit(space, limit, allocation.base + size, PAGE_READWRITE),
    ]
    return allocation, limit, operations


def touched(thread: Thread, region: Region, address: int) -> int | None:
    """A thread has touched a guard page of `region`: STACK_OVERFLOW when that was the end of its own stack.

    SUCCESS when it was a page further up, by which a program has the guard set up again (_resetstkoflw); None when it was
    no page of the stack.
    """
    allocation, teb = allocation_of(region), nt_of(thread).teb
    try:
        top = _TIB.read(thread.memory, teb).stack_base
        bottom = POINTER.read(thread.memory, teb + _DEALLOCATION_STACK)
    except BadAddress:
        return None
    if allocation is None or allocation.type != MEM_PRIVATE:
        return None
    if allocation.base != bottom or not address < top <= bottom + allocation.size:
        return None
    limit, page = bottom + _BELOW, page_down(address)
    space = thread.process.space
    if page >= limit:
        operations = virtual_memory.commit(space, page, page + PAGE, PAGE_READWRITE)
        operations += virtual_memory.commit(space, limit - _GUARD_SIZE, limit, _GUARD)
        status = Status.SUCCESS
    else:
        limit = bottom + PAGE
        operations = virtual_memory.commit(space, limit, max(region.end, page + PAGE), PAGE_READWRITE)
        status = Status.STACK_OVERFLOW
    thread.guest.change_memory(operations)
    thread.memory.write(teb + _TIB.offsets["stack_limit"], POINTER.pack(limit))
    return status


def reach(thread: Thread, address: int) -> bool:
    """Open the guard of the thread's stack when a frame of the kernel's has come upon it; whether that was the obstacle."""
    region = thread.process.space.find(address)
    if region is None or not region.state & PAGE_GUARD:
        return False
    return touched(thread, region, address) is not None
