"""The protections that pages of views may get: no more rights than the view was mapped with, and what is shared stays so.

Copying on write needs no more than reading, and makes the pages of a view private. Pages of an image are never shared, so
writable ones are copied on write whatever they are called.

Source: VirtualProtect, "Memory Protection Constants" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from lichen.executive.address_space import Region
from lichen.executive.sections import mapping
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.allocations import MEM_IMAGE, MEM_MAPPED, MEM_PRIVATE, allocation_of
from lichen.subsystems.nt.protection import (
    PAGE_EXECUTE,
    PAGE_EXECUTE_READ,
    PAGE_EXECUTE_READWRITE,
    PAGE_EXECUTE_WRITECOPY,
    PAGE_NOACCESS,
    PAGE_READONLY,
    PAGE_READWRITE,
    PAGE_WRITECOPY,
    host_protection,
)
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_BASE: Final = 0xFF
"""A protection without its modifiers."""
_COPIED: Final = PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY
_READ, _WRITE, _EXECUTE = 1, 2, 4
_NEEDS: Final = {
    PAGE_NOACCESS: 0,
    PAGE_READONLY: _READ,
    PAGE_READWRITE: _READ | _WRITE,
    PAGE_WRITECOPY: _READ,
    PAGE_EXECUTE: _EXECUTE,
    PAGE_EXECUTE_READ: _READ | _EXECUTE,
    PAGE_EXECUTE_READWRITE: _READ | _WRITE | _EXECUTE,
    PAGE_EXECUTE_WRITECOPY: _READ | _EXECUTE,
}
_OF_IMAGES: Final = {PAGE_READWRITE: PAGE_WRITECOPY, PAGE_EXECUTE_READWRITE: PAGE_EXECUTE_WRITECOPY}


def check_private(protect: int) -> None:
    """INVALID_PAGE_PROTECTION for pages that are to be copied and have nothing that they are a copy of."""
    if protect & _COPIED:
        raise Failure(NtStatus.INVALID_PAGE_PROTECTION)


def settled(regions: Iterable[Region], protect: int) -> int:
    """The protection that pages get who are asked for `protect`; SECTION_PROTECTION when their view does not allow it."""
    for region in regions:
        allocation = allocation_of(region)
        if allocation is None:
            continue
        if allocation.type == MEM_IMAGE:
            base = protect & _BASE
            protect = protect & ~_BASE | _OF_IMAGES.get(base, base)
        elif allocation.type == MEM_PRIVATE:
            check_private(protect)
        elif allocation.type == MEM_MAPPED and _NEEDS[protect & _BASE] & ~_NEEDS[allocation.protect & _BASE]:
            raise Failure(Status.SECTION_PROTECTION)
    return protect


def make_private(thread: Thread, target: Process, start: int, end: int, protect: int) -> None:
    """Have pages of a view show the section's content, and keep what is written into them, if they are copied on write."""
    if not protect & _COPIED:
        return
    cache = thread.process.subsystem.platform.page_cache
    for region in list(target.space.overlapping(start, end)):
        if not region.shared:
            continue
        part = region.part(max(start, region.start), min(end, region.end))
        part.shared = False
        host = host_protection(protect)
        assert part.file is not None
        with mapping(
            cache, part.file.node, part.start, part.size, host, part.offset, shared=False, writable=False
        ) as operations:
            guest = target.first_thread.guest if target is not thread.process else thread.guest
            if guest is thread.guest:
                guest.change_memory(operations)
            else:
                with guest.at_rest():
                    guest.change_memory(operations)
        target.space.insert(part)
