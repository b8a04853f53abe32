"""Virtual memory: allocate, free, protect and lock.

Source: NtAllocateVirtualMemory and its family (ntifs.h); status values as Windows 10 returns them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import InOut, Out
from lichen.abi.layout import layout, ptr, u32, u64
from lichen.executive.address_space import Region, page_down, page_up
from lichen.executive.interfaces import PAGE, MemoryOperation, Protect, Unmap
from lichen.executive.objects.rights import ProcessAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import placeholders, views, virtual_memory
from lichen.subsystems.nt.allocations import (
    GRANULARITY,
    MEM_PRIVATE,
    Allocation,
    allocation_at,
    allocation_of,
)
from lichen.subsystems.nt.objects import process_of
from lichen.subsystems.nt.placeholders import (
    MEM_COALESCE_PLACEHOLDERS,
    MEM_PRESERVE_PLACEHOLDER,
    MEM_REPLACE_PLACEHOLDER,
    MEM_RESERVE_PLACEHOLDER,
)
from lichen.subsystems.nt.protection import PAGE_NOACCESS, host_protection, without_targets
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.virtual_memory import (
    MemAddressRequirements,
    MemExtendedParameter,
)
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Flags, Handle, Size
from lichen.subsystems.nt.virtual_memory import (
    ANYWHERE,
    MEM_COMMIT,
    MEM_DECOMMIT,
    MEM_RELEASE,
    MEM_RESERVE,
    MEM_RESET,
    MEM_TOP_DOWN,
    MEM_WRITE_WATCH,
    Room,
    change,
)

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_PARAMETER, _REQUIREMENTS = layout(MemExtendedParameter, MODEL), layout(MemAddressRequirements, MODEL)
_ADDRESS_REQUIREMENTS: Final = 1
_MOST_PARAMETERS: Final = 16
_KNOWN_TYPES: Final = MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_TOP_DOWN | MEM_WRITE_WATCH | 0x20000000


@nt.call()
def NtAllocateVirtualMemory(
    thread: Thread,
    process: Handle,
    base: InOut[ptr],
    zero_bits: u64,
    size: InOut[u64],
    kind: Flags,
    protect: Flags,
) -> int:
    """Reserve or commit memory."""
    room = virtual_memory.room_below(zero_bits, NtStatus.INVALID_PARAMETER_3)
    room = ANYWHERE if base.read() else room
    return _allocate(thread, process, base, size, kind, without_targets(protect), room)


@nt.call(partial="of the extended parameters, those but address requirements are ignored")
def NtAllocateVirtualMemoryEx(
    thread: Thread,
    process: Handle,
    base: InOut[ptr],
    size: InOut[u64],
    kind: Flags,
    protect: Flags,
    parameters: Address,
    count: u32,
) -> int:
    """Reserve, commit or replace memory, with extended parameters."""
    requirements, protect = _requirements(thread, parameters, count), without_targets(protect)
    if kind & (MEM_RESERVE_PLACEHOLDER | MEM_REPLACE_PLACEHOLDER):
        return _placeholder(thread, process, base, size, kind, protect, requirements)
    return _allocate(thread, process, base, size, kind, protect, requirements)


def _requirements(thread: Thread, parameters: int, count: int) -> Room:
    """Where the array of MEM_EXTENDED_PARAMETER says that memory may be."""
    room = ANYWHERE
    if count > _MOST_PARAMETERS:
        raise Failure(Status.INVALID_PARAMETER)
    data = thread.memory.read(parameters, _PARAMETER.size * count) if count else b""
    for kind, value in _PARAMETER.unpack_array(data):
        if kind & 0xFF == _ADDRESS_REQUIREMENTS:
            low, high, alignment = _REQUIREMENTS.read(thread.memory, value)
            room = Room(low, high + 1 if high else 0, alignment or GRANULARITY)
            if alignment & (alignment - 1) or room.alignment < GRANULARITY or (high and high < low):
                raise Failure(Status.INVALID_PARAMETER)
    return room


def _placeholder(
    thread: Thread, process: int, base: InOut[int], size: InOut[int], kind: int, protect: int, room: Room
) -> int:
    """Make a placeholder, or replace one."""
    target, start, length = process_of(thread, process, ProcessAccess.VM_OPERATION), base.read(), size.read()
    if not length or length >> 47 or length % PAGE or start % PAGE or not kind & MEM_RESERVE:
        raise Failure(Status.INVALID_PARAMETER)
    if not kind & MEM_REPLACE_PLACEHOLDER:
        if kind & ~(MEM_TOP_DOWN | MEM_RESERVE | MEM_RESERVE_PLACEHOLDER) or protect != PAGE_NOACCESS:
            raise Failure(Status.INVALID_PARAMETER)
        made = virtual_memory.reserve(
            target.space, length, protect, start, bool(kind & MEM_TOP_DOWN), room=room
        )
        placeholders.put(target.space, made.base, made.base + made.size)
        start, length = made.base, made.size
    else:
        if kind & ~(MEM_RESERVE | MEM_COMMIT | MEM_REPLACE_PLACEHOLDER) or not start:
            raise Failure(Status.INVALID_PARAMETER)
        host_protection(protect)
        placeholders.replace(target.space, start, start + length, protect)
        if kind & MEM_COMMIT:
            change(thread, target, virtual_memory.commit(target.space, start, start + length, protect))
    base.write(start)
    size.write(length)
    return Status.SUCCESS


def _allocate(
    thread: Thread,
    process: int,
    base: InOut[int],
    size: InOut[int],
    kind: int,
    protect: int,
    room: Room = ANYWHERE,
) -> int:
    target, wanted, length = process_of(thread, process, ProcessAccess.VM_OPERATION), base.read(), size.read()
    if not length or length >> 47:
        raise Failure(Status.INVALID_PARAMETER if not length else Status.NO_MEMORY)
    if kind & ~_KNOWN_TYPES or not kind & (MEM_COMMIT | MEM_RESERVE | MEM_RESET):
        raise Failure(Status.INVALID_PARAMETER)
    host_protection(protect)
    views.check_private(protect)
    if wanted >> 47 or wanted + length > target.space.high:
        raise Failure(Status.CONFLICTING_ADDRESSES if wanted >> 47 == 0 else Status.INVALID_PARAMETER)
    if kind & MEM_RESERVE or not wanted:
        start, end, operations = _reserve(target, wanted, length, kind, protect, room)
    else:
        start, end = page_down(wanted), page_up(wanted + length)
        operations = _commit_existing(target, start, end, kind, protect)
    base.write(start)
    size.write(end - start)
    change(thread, target, operations)
    return Status.SUCCESS


def _reserve(
    target: Process, wanted: int, length: int, kind: int, protect: int, room: Room
) -> tuple[int, int, list[MemoryOperation]]:
    allocation = virtual_memory.reserve(
        target.space, length, protect, wanted, bool(kind & MEM_TOP_DOWN), room=room
    )
    start, end = allocation.base, allocation.end
    if not kind & MEM_COMMIT:
        return start, end, []
    return start, end, virtual_memory.commit(target.space, start, end, protect)


def _commit_existing(target: Process, start: int, end: int, kind: int, protect: int) -> list[MemoryOperation]:
    allocation = _allocation(target, start, end)
    if kind & MEM_RESET or not kind & MEM_COMMIT:
        return []
    if allocation.is_view:
        raise Failure(NtStatus.ALREADY_COMMITTED)
    return virtual_memory.commit(target.space, start, end, protect)


def _allocation(target: Process, start: int, end: int) -> Allocation:
    """The allocation that holds all of [start, end); CONFLICTING_ADDRESSES when no single one does."""
    regions = list(target.space.overlapping(start, end))
    if not regions or not target.space.is_mapped(start, end):
        raise Failure(Status.CONFLICTING_ADDRESSES)
    allocation = allocation_of(regions[0])
    if allocation is None or any(region.allocation is not allocation for region in regions):
        raise Failure(Status.CONFLICTING_ADDRESSES)
    if allocation.is_placeholder:
        raise Failure(Status.CONFLICTING_ADDRESSES)
    return allocation


@nt.call()
def NtFreeVirtualMemory(
    thread: Thread, process: Handle, base: InOut[ptr], size: InOut[u64], kind: Flags
) -> int:
    """Decommit pages, or release an allocation, for good or to a placeholder."""
    target, wanted, length = process_of(thread, process, ProcessAccess.VM_OPERATION), base.read(), size.read()
    if kind & (MEM_PRESERVE_PLACEHOLDER | MEM_COALESCE_PLACEHOLDERS):
        return _free_placeholder(thread, target, wanted, length, kind)
    start = page_down(wanted)
    allocation = allocation_at(target.space, start)
    if allocation is None:
        raise Failure(NtStatus.MEMORY_NOT_ALLOCATED)
    if allocation.type != MEM_PRIVATE:
        raise Failure(Status.INVALID_PARAMETER)
    end = page_up(wanted + length) if length else allocation.end
    if end > allocation.end or (not length and start != allocation.base):
        raise Failure(NtStatus.FREE_VM_NOT_AT_BASE if not length else NtStatus.UNABLE_TO_FREE_VM)
    if kind == MEM_RELEASE:
        operations = _release(target, start, end)
    elif kind == MEM_DECOMMIT:
        operations = _decommit(target, start, end, allocation)
    else:
        raise Failure(Status.INVALID_PARAMETER)
    base.write(start)
    size.write(end - start)
    if target is thread.process and len(target.threads) > 1:
        target.space.draining[thread] = [range(start, end)]
    change(thread, target, operations)
    return Status.SUCCESS


def _free_placeholder(thread: Thread, target: Process, start: int, length: int, kind: int) -> int:
    """Split, restore or join placeholders."""
    if length % PAGE or start % PAGE or not length or length >> 47:
        raise Failure(Status.INVALID_PARAMETER)
    if kind == MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS:
        placeholders.coalesce(target.space, start, start + length)
    elif kind == MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER:
        operations = placeholders.preserve(target.space, start, start + length)
        # At once, not with the reply: another thread may replace the placeholder before that.
        if operations and target is thread.process:
            thread.guest.change_memory(operations)
        else:
            change(thread, target, operations)
    else:
        raise Failure(Status.INVALID_PARAMETER)
    return Status.SUCCESS


def _release(target: Process, start: int, end: int) -> list[MemoryOperation]:
    removed = target.space.remove(start, end)
    return [Unmap(part.start, part.size) for part in removed if part.state]


def _decommit(target: Process, start: int, end: int, allocation: Allocation) -> list[MemoryOperation]:
    operations: list[MemoryOperation] = []
    for region in list(target.space.overlapping(start, end)):
        if region.state:
            low, high = max(start, region.start), min(end, region.end)
            operations.append(Unmap(low, high - low))
            target.space.insert(Region(low, high, 0, allocation=allocation))
    return operations


@nt.call()
def NtProtectVirtualMemory(
    thread: Thread, process: Handle, base: InOut[ptr], size: InOut[u64], protect: Flags, old: Out[u32]
) -> int:
    """Change the protection of committed pages."""
    target, wanted, length = process_of(thread, process, ProcessAccess.VM_OPERATION), base.read(), size.read()
    if wanted >> 47 or length >> 47 or not length:
        raise Failure(Status.INVALID_PARAMETER)
    start, end = page_down(wanted), page_up(wanted + length)
    protect = without_targets(protect)
    host_protection(protect)
    regions = list(target.space.overlapping(start, end))
    if not regions or not target.space.is_mapped(start, end):
        raise Failure(Status.CONFLICTING_ADDRESSES)
    if any(not region.state for region in regions):
        raise Failure(NtStatus.NOT_COMMITTED)
    protect, before = views.settled(regions, protect), regions[0].state
    views.make_private(thread, target, start, end, protect)
    virtual_memory.set_protection(target.space, start, end, protect)
    old.write(before)
    base.write(start)
    size.write(end - start)
    change(thread, target, [Protect(start, end - start, host_protection(protect))])
    return Status.SUCCESS


@nt.call()
def NtFlushInstructionCache(thread: Thread, process: Handle, address: Address, size: Size) -> int:
    """Nothing to do on x86-64."""
    process_of(thread, process, ProcessAccess.VM_WRITE)
    return Status.SUCCESS


@nt.call()
def NtLockVirtualMemory(
    thread: Thread, process: Handle, base: InOut[ptr], size: InOut[u64], kind: Flags
) -> int:
    """Keep pages in memory: the host decides about that."""
    target = process_of(thread, process, ProcessAccess.VM_OPERATION)
    start, end = page_down(base.read()), page_up(base.read() + size.read())
    if not target.space.is_mapped(start, end):
        raise Failure(Status.ACCESS_VIOLATION)
    return Status.SUCCESS


@nt.call()
def NtUnlockVirtualMemory(
    thread: Thread, process: Handle, base: InOut[ptr], size: InOut[u64], kind: Flags
) -> int:
    """Undo NtLockVirtualMemory."""
    return NtLockVirtualMemory(thread, process, base, size, kind)
