"""NLS tables: files of the userland, mapped read-only and shared (code pages, case, locales, sorting)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lichen.executive.interfaces import Backing, Map
from lichen.executive.memory import Region, page_up
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.images import GRANULARITY, Allocation
from lichen.subsystems.nt.memory import MEM_MAPPED
from lichen.subsystems.nt.protection import PAGE_READONLY

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.subsystem import NtSubsystem

_LOWEST: int = 0x200000000


def map_table(thread: Thread, name: str) -> tuple[int, int]:
    """Map a table into the calling process: (address, size); OBJECT_NAME_NOT_FOUND when the userland lacks it."""
    subsystem: NtSubsystem = thread.process.subsystem  # type: ignore[assignment]
    path = subsystem.nls / name
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND) from error
    offset = subsystem.platform.page_cache.insert(
        ("nls", name), lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC), size
    )
    space = thread.process.space
    length = page_up(size)
    at = space.lowest_free(length, _LOWEST, GRANULARITY)
    allocation = Allocation(at, length, PAGE_READONLY, MEM_MAPPED, None, f"C:\\windows\\system32\\{name}")
    space.insert(Region(at, at + length, 1, allocation=allocation, state=PAGE_READONLY))
    thread.guest.change_memory_on_return((Map(at, length, 1, Backing(None, offset)),))
    return at, size
