"""Memory: mmap and its family. The kernel chooses every address; the host only ever sees fixed ones.

Source: mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), madvise(2), msync(2), mincore(2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Final

from lichen.abi.argument import Arg, flag_names
from lichen.executive.address_space import Region, page_up
from lichen.executive.interfaces import (
    PAGE,
    USER_END,
    Map,
    MemoryOperation,
    Move,
    Protect,
    Protection,
    Unmap,
)
from lichen.executive.io.attributes import Kind
from lichen.executive.io.opening import Access
from lichen.executive.limits import RLIMIT_AS, RLIMIT_DATA, UNLIMITED
from lichen.executive.sections import mapping
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.linux.calls.memorylocks import check_lock
from lichen.subsystems.linux.execution import MAP_TOP
from lichen.subsystems.linux.files import anonymous_file, opened_file_of
from lichen.subsystems.linux.seals import may_be_written
from lichen.subsystems.linux.state import ADDR_COMPAT_LAYOUT, READ_IMPLIES_EXEC, linux_of
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Address, Fd, Flags, Int, Result, Size

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.node import Node
    from lichen.executive.processes import Thread

MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, MAP_TYPE = 1, 2, 3, 0xF
MAP_FIXED, MAP_ANONYMOUS, MAP_32BIT, MAP_GROWSDOWN, MAP_FIXED_NOREPLACE = 0x10, 0x20, 0x40, 0x100, 0x100000
MAP_DENYWRITE, MAP_EXECUTABLE, MAP_LOCKED, MAP_NORESERVE = 0x800, 0x1000, 0x2000, 0x4000
MAP_POPULATE, MAP_NONBLOCK, MAP_STACK, MAP_HUGETLB, MAP_SYNC = 0x8000, 0x10000, 0x20000, 0x40000, 0x80000
PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC = 0, 1, 2, 4
PROT_SEM, PROT_GROWSDOWN, PROT_GROWSUP = 0x8, 0x01000000, 0x02000000
MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP = 1, 2, 4
MS_ASYNC, MS_INVALIDATE, MS_SYNC = 1, 2, 4
_PROTECTIONS: Final = Protection.READ | Protection.WRITE | Protection.EXECUTE
_KNOWN_PROTECTIONS: Final = _PROTECTIONS | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP
_ABOVE_4_GB, _HUGE_SIZES = 0x80, 0x3F << 26
_VALIDATED: Final = sum(
    (MAP_SHARED_VALIDATE, MAP_FIXED, MAP_ANONYMOUS, MAP_32BIT, MAP_GROWSDOWN, MAP_DENYWRITE, MAP_EXECUTABLE),
    MAP_LOCKED
    | MAP_NORESERVE
    | MAP_POPULATE
    | MAP_NONBLOCK
    | MAP_STACK
    | MAP_HUGETLB
    | _ABOVE_4_GB
    | _HUGE_SIZES,
)
"""The flags that MAP_SHARED_VALIDATE takes: those that there were before it."""
_LOW_TOP: Final = 1 << 31
_COMPATIBLE_BOTTOM: Final = page_up(USER_END // 3)
_NOT_THERE: Final = (9, 12, 13)
"""MADV_REMOVE, which punches holes into files, MADV_MERGEABLE and UNMERGEABLE: no pages are merged."""
_ABOUT_FORK: Final = (10, 11, 18, 19)
"""MADV_DONTFORK, DOFORK, WIPEONFORK, KEEPONFORK."""


def _flags(prefix: str) -> Arg:
    """A parameter that prints by the constants above that begin with `prefix`."""
    constants = {name: value for name, value in globals().items() if name.startswith(prefix)}
    return Arg("{x} & 0xffffffff", flag_names(SimpleNamespace(**constants)))


MappingFlags = Annotated[int, _flags("MAP_")]
ProtectionFlags = Annotated[int, _flags("PROT_")]


@linux.call(amd64=9)
def mmap(
    thread: Thread,
    address: Address,
    size: Size,
    protection: ProtectionFlags,
    flags: MappingFlags,
    fd: Fd,
    offset: Size,
) -> Result:
    """Map a file or anonymous memory."""
    opened = None if flags & MAP_ANONYMOUS else opened_file_of(thread, fd)
    if size == 0 or offset % PAGE or flags & MAP_TYPE not in (MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE):
        raise Failure(Status.INVALID_PARAMETER)
    _check_flags(flags)
    size = page_up(size)
    if size > 1 << 47 or offset + size > 1 << 63:
        raise Failure(Status.NO_MEMORY if not offset or size > 1 << 47 else Status.VALUE_TOO_LARGE)
    shared = flags & MAP_TYPE != MAP_PRIVATE
    protection = _implied(thread, protection)
    file = opened
    if file is not None:
        _check_file(file, protection, shared)
        if file.node.kind == Kind.CHARACTER and file.mapping() is None:
            file = None  # /dev/zero is another name of anonymous memory
    space = thread.process.space
    if len(space.regions) > thread.process.machine.system.limits.regions or not _has_room(thread, size):
        raise Failure(Status.NO_MEMORY)
    if flags & MAP_LOCKED or space.locks_future:
        check_lock(thread, size, Status.DEVICE_NOT_READY)
    start = _place(thread, address, size, flags)
    if file is None and shared:
        file = anonymous_file(thread, size)
        try:
            return _map_file(thread, Region(start, start + size, protection, True, file, 0), True)
        finally:
            file.release()
    if file is not None:
        region = Region(start, start + size, protection, shared, file, offset)
        return _map_file(thread, region, may_be_written(file))
    thread.guest.change_memory((Map(start, size, protection),))
    space.insert(Region(start, start + size, protection, grows=bool(flags & MAP_GROWSDOWN)))
    if flags & MAP_LOCKED:
        space.lock(start, start + size, True)
    return start


def _check_flags(flags: int) -> None:
    """Refuse what a kind of mapping cannot have; of huge pages and persistent memory there is none at all."""
    of_file, kind = not flags & MAP_ANONYMOUS, flags & MAP_TYPE
    if flags & MAP_HUGETLB:
        raise Failure(Status.INVALID_PARAMETER if of_file else Status.NO_MEMORY)
    if kind == MAP_SHARED_VALIDATE and not of_file:
        raise Failure(Status.INVALID_PARAMETER)
    if of_file and (flags & MAP_SYNC or (kind == MAP_SHARED_VALIDATE and flags & ~_VALIDATED)):
        raise Failure(Status.NOT_SUPPORTED)
    if flags & MAP_GROWSDOWN and (of_file or kind != MAP_PRIVATE):
        raise Failure(Status.INVALID_PARAMETER)


def _implied(thread: Thread, protection: int) -> int:
    """The protection that is meant: for some programs what can be read can be executed (personality(2))."""
    if protection & Protection.READ and linux_of(thread).domain & READ_IMPLIES_EXEC:
        protection |= Protection.EXECUTE
    return protection & _PROTECTIONS


def _has_room(thread: Thread, size: int) -> bool:
    """Whether RLIMIT_AS lets a process have `size` bytes more."""
    limit: int = thread.process.limits[RLIMIT_AS][0]
    return limit == UNLIMITED or thread.process.space.total() + size <= limit


def _check_file(file: File, protection: int, shared: bool) -> None:
    if file.location.node.kind not in (Kind.REGULAR, Kind.CHARACTER):
        raise Failure(Status.NO_DEVICE)
    if not file.access & Access.READ:
        raise Failure(Status.ACCESS_DENIED)
    if shared and protection & Protection.WRITE and not may_be_written(file):
        sealed = file.access & Access.CONTENT
        raise Failure(Status.PRIVILEGE_NOT_HELD if sealed else Status.ACCESS_DENIED)


def _place(thread: Thread, address: int, size: int, flags: int) -> int:
    """Where a mapping goes: where it must, where the hint says if there is room, else below the others."""
    space = thread.process.space
    if flags & (MAP_FIXED | MAP_FIXED_NOREPLACE):
        if address % PAGE:
            raise Failure(Status.INVALID_PARAMETER)
        if address + size > space.high or address < space.low:
            raise Failure(Status.NO_MEMORY if address + size > space.high else Status.PRIVILEGE_NOT_HELD)
        if flags & MAP_FIXED_NOREPLACE and any(True for _ in space.overlapping(address, address + size)):
            raise Failure(Status.OBJECT_NAME_COLLISION)
        return address
    hint = page_up(address)
    if hint and space.is_free(hint, hint + size):
        return hint
    if linux_of(thread).domain & ADDR_COMPAT_LAYOUT and not flags & MAP_32BIT:
        return space.lowest_free(size, _COMPATIBLE_BOTTOM)
    return space.highest_free(size, _LOW_TOP if flags & MAP_32BIT else MAP_TOP)


def _map_file(thread: Thread, region: Region, writable: bool) -> int:
    with _operations(thread, region, writable) as operations:
        thread.guest.change_memory(operations)
    thread.process.space.insert(region)
    return region.start


@contextmanager
def _operations(thread: Thread, region: Region, writable: bool) -> Iterator[list[Map]]:
    cache = thread.process.subsystem.platform.page_cache
    assert region.file is not None
    node = region.file.location.node
    content = mapping(
        cache, node, region.start, region.size, region.protection, region.offset, region.shared, writable
    )
    with content as operations:
        yield operations


@linux.call(amd64=11)
def munmap(thread: Thread, address: Address, size: Size) -> Result:
    """Remove mappings."""
    end = _end(thread, address, size)
    space = thread.process.space
    removed = space.remove(address, end)
    for region in removed:
        if region.file is not None and region.shared:
            region.file.location.node.touch()
    if not removed:
        return 0
    if len(thread.process.threads) > 1 or space.users > 1:
        space.draining.setdefault(thread, []).append(range(address, end))
        thread.guest.change_memory((Unmap(address, end - address),))
        del space.draining[thread]
        return 0
    thread.guest.proceed()
    return None


def _end(thread: Thread, address: int, size: int) -> int:
    """The end of a range of whole pages; INVALID_PARAMETER when it is not one of user memory."""
    if address % PAGE or size == 0 or address + size > thread.process.space.high:
        raise Failure(Status.INVALID_PARAMETER)
    return address + page_up(size)


@linux.call(amd64=10, partial="protection keys are refused")
def mprotect(thread: Thread, address: Address, size: Size, protection: ProtectionFlags) -> Result:
    """Change the protection of whole pages."""
    grown = protection & (PROT_GROWSDOWN | PROT_GROWSUP)
    if address % PAGE or protection & ~_KNOWN_PROTECTIONS or grown == PROT_GROWSDOWN | PROT_GROWSUP:
        raise Failure(Status.INVALID_PARAMETER)
    if size == 0:
        return 0
    asked, end = protection & _PROTECTIONS, address + page_up(size)
    space = thread.process.space
    if end > space.high or not space.is_mapped(address, end):
        raise Failure(Status.NO_MEMORY)
    if grown:
        region = space.find(address)
        if region is None or not region.grows or grown == PROT_GROWSUP:
            raise Failure(Status.INVALID_PARAMETER)
        address = region.start
    protection = _implied(thread, protection)
    for region in space.overlapping(address, end):
        if protection & ~region.protection & Protection.WRITE and not _may_become_writable(region):
            raise Failure(Status.ACCESS_DENIED)
    space.protect(address, end, protection)
    if thread.guest.stopped or grown or protection != asked:
        # It was held when something else stopped the thread, or it means more than it says.
        thread.guest.change_memory((Protect(address, end - address, protection),))
        return 0
    thread.guest.proceed()
    return None


def _may_become_writable(region: Region) -> bool:
    return not region.shared or region.file is None or may_be_written(region.file)


@linux.call(amd64=25, partial="old_size 0, which maps shared memory once more, is refused")
def mremap(
    thread: Thread, address: Address, old_size: Size, new_size: Size, flags: Flags, target: Address
) -> Result:
    """Resize a mapping, moving it if that is allowed and needed."""
    old_size, new_size = page_up(old_size), page_up(new_size)
    if address % PAGE or new_size == 0 or flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) or new_size > 1 << 47:
        raise Failure(Status.INVALID_PARAMETER if new_size <= 1 << 47 else Status.NO_MEMORY)
    if old_size == 0 or (flags & MREMAP_FIXED and not flags & MREMAP_MAYMOVE):
        raise Failure(Status.INVALID_PARAMETER)
    space = thread.process.space
    region = space.find(address)
    if region is None or address + old_size > region.end:
        raise Failure(Status.ACCESS_VIOLATION)
    if new_size > old_size and not _has_room(thread, new_size - old_size):
        raise Failure(Status.NO_MEMORY)
    if flags & MREMAP_FIXED:
        return _move_to(thread, region, address, old_size, new_size, target)
    if new_size <= old_size:
        _shrink(thread, address + new_size, address + old_size)
        return address
    if address + old_size == region.end and space.is_free(region.end, address + new_size):
        _extend(thread, region, address + new_size)
        return address
    if not flags & MREMAP_MAYMOVE:
        raise Failure(Status.NO_MEMORY)
    return _move(
        thread, region.part(address, address + old_size), new_size, space.highest_free(new_size, MAP_TOP)
    )


def _move_to(thread: Thread, region: Region, address: int, old_size: int, new_size: int, target: int) -> int:
    space = thread.process.space
    if target % PAGE or target + new_size > space.high or target < space.low:
        raise Failure(Status.INVALID_PARAMETER)
    if target < address + old_size and address < target + new_size:
        raise Failure(Status.INVALID_PARAMETER)
    if old_size > new_size:
        _shrink(thread, address + new_size, address + old_size)
        old_size = new_size
    return _move(thread, region.part(address, address + old_size), new_size, target)


def _shrink(thread: Thread, start: int, end: int) -> None:
    if start < end:
        thread.guest.change_memory((Unmap(start, end - start),))
        thread.process.space.remove(start, end)


def _extend(thread: Thread, region: Region, end: int) -> None:
    """Grow a mapping at its end, where there is room."""
    added = region.part(region.start, region.end)
    added.start, added.end = region.end, end
    if region.file is None:
        thread.guest.change_memory((Map(added.start, added.size, added.protection),))
    else:
        added.offset = region.offset + region.size
        with _operations(thread, added, may_be_written(region.file)) as operations:
            thread.guest.change_memory(operations)
    thread.process.space.insert(added)


def _move(thread: Thread, region: Region, new_size: int, target: int) -> int:
    space = thread.process.space
    operations: list[MemoryOperation] = [Move(region.start, region.size, region.size, target)]
    thread.guest.change_memory(operations)
    moved = Region(
        target,
        target + region.size,
        region.protection,
        region.shared,
        region.file,
        region.offset,
        region.name,
        grows=region.grows,
    )
    space.insert(moved)
    space.remove(region.start, region.end)
    if new_size > region.size:
        _extend(thread, moved, target + new_size)
    return target


@linux.call(amd64=12)
def brk(thread: Thread, address: Address) -> Result:
    """Move the end of the heap; returns where it is."""
    space = thread.process.space
    if not space.heap_start <= address <= min(MAP_TOP, space.heap_start + _data_limit(thread)):
        return space.heap_end
    wanted, mapped = page_up(address), space.heap_mapped
    if wanted > mapped and _has_room(thread, wanted - mapped):
        _grow_heap(thread, wanted)
    elif page_up(space.heap_end) > wanted and wanted < mapped:
        thread.guest.change_memory((Unmap(wanted, mapped - wanted),))
        space.remove(wanted, mapped)
        space.heap_mapped = wanted
    if wanted > space.heap_mapped:
        return space.heap_end
    space.heap_end = address
    return address


def _data_limit(thread: Thread) -> int:
    limit: int = thread.process.limits[RLIMIT_DATA][0]
    return limit


def _grow_heap(thread: Thread, wanted: int) -> None:
    """Map more heap; where something is in the way it stays as it is."""
    space = thread.process.space
    start, protection = space.heap_mapped, Protection.READ | Protection.WRITE
    if space.is_free(start, wanted):
        thread.guest.change_memory((Map(start, wanted - start, protection),))
        space.insert(Region(start, wanted, protection, name="[heap]"))
        space.heap_mapped = wanted


@linux.call(amd64=28, partial="advice that the host does not take at once is accepted and has no effect")
def madvise(thread: Thread, address: Address, size: Size, advice: Int) -> int:
    """Advice about the use of memory; what is harmless the host takes without asking."""
    if address % PAGE or advice not in (*range(5), 8, *range(9, 22)):
        raise Failure(Status.INVALID_PARAMETER)
    if advice in _NOT_THERE:
        raise Failure(Status.INVALID_PARAMETER)
    if size and not thread.process.space.is_mapped(address, address + page_up(size)):
        raise Failure(Status.NO_MEMORY)
    if advice in _ABOUT_FORK and size:
        thread.guest.advise(address, page_up(size), advice)
    return 0


@linux.call(amd64=26)
def msync(thread: Thread, address: Address, size: Size, flags: Flags) -> int | Blocks[int]:
    """Bring the changes of shared mappings to their files."""
    if address % PAGE or flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) or flags & 5 == 5:
        raise Failure(Status.INVALID_PARAMETER)
    end = address + page_up(size)
    if size and not thread.process.space.is_mapped(address, end):
        raise Failure(Status.NO_MEMORY)
    shared = [
        region.file.location.node
        for region in thread.process.space.overlapping(address, end)
        if region.file is not None and region.shared
    ]
    for node in shared:
        node.touch()
    return _synced(shared) if shared and flags & MS_SYNC else 0


def _synced(nodes: list[Node]) -> Blocks[int]:
    for node in nodes:
        yield from node.sync() or ()
    return 0


@linux.call(amd64=27, partial="every mapped page counts as resident")
def mincore(thread: Thread, address: Address, size: Size, vector: Address) -> int:
    """Which pages are in memory."""
    if address % PAGE:
        raise Failure(Status.INVALID_PARAMETER)
    if size and not thread.process.space.is_mapped(address, address + page_up(size)):
        raise Failure(Status.NO_MEMORY)
    thread.memory.write(vector, b"\x01" * (page_up(size) // PAGE))
    return 0
