"""What lies where in the memory of a process.

Source: NtQueryVirtualMemory (ntifs.h); status values as Windows 10 returns them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalOut
from lichen.abi.layout import layout, u32, u64
from lichen.executive.address_space import Region, page_down
from lichen.executive.objects.rights import ProcessAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import names, virtual_memory
from lichen.subsystems.nt.allocations import MEM_IMAGE, MEM_PRIVATE, allocation_at, allocation_of
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.objects import process_of
from lichen.subsystems.nt.protection import PAGE_NOACCESS
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.common import UnicodeString
from lichen.subsystems.nt.records.virtual_memory import MemoryBasicInformation, MemoryRegionInformation
from lichen.subsystems.nt.state import nt_of_process
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Handle, Size, encode, wrapped
from lichen.subsystems.nt.unixcalls import HANDLE_BASE
from lichen.subsystems.nt.virtual_memory import MEM_COMMIT, MEM_FREE, MEM_RESERVE

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_BASIC, _REGION = layout(MemoryBasicInformation, MODEL), layout(MemoryRegionInformation, MODEL)
_OLDER_REGIONS: Final = (24, 32, 40)
"""What its releases had, before commit size, partition and node."""
_WINE_UNIX_FUNCS: Final = 1000


@nt.call(partial="classes 0, 2, 3 and 1000")
def NtQueryVirtualMemory(
    thread: Thread,
    process: Handle,
    address: Address,
    information_class: u32,
    buffer: Address,
    size: Size,
    needed: OptionalOut[u64],
) -> int:
    """What lies at an address."""
    known = information.find(information_class)
    target = process_of(thread, process, known.access)
    known.answer(thread.memory, buffer, size, needed, thread, target, address)
    return Status.SUCCESS


information: Final = Information["Thread", "Process", int](access=ProcessAccess.QUERY_INFORMATION)


@information(0, MemoryBasicInformation, least=_BASIC.size)
def _basic(thread: Thread, target: Process, address: int) -> MemoryBasicInformation:
    start = page_down(address)
    if start >= target.space.high:
        raise Failure(Status.INVALID_PARAMETER)
    region = target.space.find(start)
    if region is None:
        following = next(target.space.overlapping(start, target.space.high), None)
        end = following.start if following else target.space.high
        return MemoryBasicInformation(start, 0, 0, end - start, MEM_FREE, PAGE_NOACCESS, 0)
    end = _end_of_run(target, region)
    allocation = allocation_of(region)
    kind = allocation.type if allocation is not None else MEM_PRIVATE
    base = allocation.base if allocation is not None else region.start
    protect = allocation.protect if allocation is not None else region.state
    state = MEM_COMMIT if region.state else MEM_RESERVE
    return MemoryBasicInformation(start, base, protect, end - start, state, region.state, kind)


def _end_of_run(target: Process, region: Region) -> int:
    """Where the pages end that are like `region` in allocation and state."""
    end = region.end
    for other in target.space.overlapping(region.end, target.space.high):
        if other.start != end or other.allocation is not region.allocation or other.state != region.state:
            break
        end = other.end
    return end


@information(3, MemoryRegionInformation, forms=(*_OLDER_REGIONS, _REGION.size))
def _region(thread: Thread, target: Process, address: int) -> MemoryRegionInformation:
    """The whole allocation that an address is in."""
    if address >= target.space.high:
        raise Failure(Status.INVALID_PARAMETER)
    return virtual_memory.region_information(target.space, address)


@information.tailed(2, UnicodeString, headless=Status.BUFFER_OVERFLOW)
def _mapped_name(at: int, thread: Thread, target: Process, address: int) -> tuple[UnicodeString, bytes]:
    allocation = allocation_at(target.space, address)
    if allocation is None or not allocation.path:
        raise Failure(Status.INVALID_ADDRESS)
    name = encode(names.native_name(target.machine, allocation.path))
    return UnicodeString(len(name), len(name) + 2, wrapped(at)), name + b"\0\0"


@information.value(_WINE_UNIX_FUNCS, u64)
def _unix_functions(thread: Thread, target: Process, address: int) -> int:
    """A handle for the Unix half of the caller's module at `address` (unixcalls.py)."""
    allocation = allocation_at(thread.process.space, address)
    if allocation is None or allocation.type != MEM_IMAGE:
        raise Failure(Status.INVALID_PARAMETER)
    modules = nt_of_process(thread.process).unix_modules
    if allocation.path not in modules:
        modules.append(allocation.path)
    return HANDLE_BASE + modules.index(allocation.path)
