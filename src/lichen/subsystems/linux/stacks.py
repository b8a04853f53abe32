"""Memory that grows at its lower end, and the first stack of a process.

A mapping with MAP_GROWSDOWN becomes larger when somebody touches what lies below it. The first stack is mapped whole at
exec, and what RLIMIT_STACK denies is closed to access.

The host would grow a stack fault by fault; here no fault reaches the kernel before it is too late, so a limit that is
lowered while the program runs shows as pages without access, from which a fault is a stack overflow all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.address_space import GUARD_GAP, Region, page_down
from lichen.executive.interfaces import Map, MemoryOperation, Protect, Protection
from lichen.executive.limits import RLIMIT_AS, RLIMIT_STACK
from lichen.subsystems.linux.state import STACK_TOP

if TYPE_CHECKING:
    from lichen.executive.processes import Thread


def limit_stack(thread: Thread, size: int) -> None:
    """Let the calling process's first stack reach `size` bytes below its top, as far as it was mapped."""
    space = thread.process.space
    regions = [region for region in space.regions if region.name == "[stack]"]
    if not regions:
        return
    bottom, open_protection = regions[0].start, regions[-1].protection
    boundary = max(bottom, page_down(STACK_TOP - min(size, STACK_TOP)))
    operations: list[MemoryOperation] = []
    for start, end, protection in (
        (bottom, boundary, Protection.NONE),
        (boundary, STACK_TOP, open_protection),
    ):
        differs = any(region.protection != protection for region in space.overlapping(start, end))
        if start < end and differs:
            operations.append(Protect(start, end - start, protection))
            space.protect(start, end, protection)
    if operations:
        thread.guest.change_memory(operations)


def grow(thread: Thread, address: int) -> bool:
    """Have the region above `address`, where nothing is, reach down to it; False when that may not be.

    It may not be larger than RLIMIT_STACK says, nor come near to its neighbour, unless that cannot be touched anyway.
    """
    space, start = thread.process.space, page_down(address)
    below, region = space.around(address)
    if region is None or not region.grows or start < space.low:
        return False
    if below is not None and below.protection and not below.grows and start < below.end + GUARD_GAP:
        return False
    limits = thread.process.limits
    added = region.start - start
    if region.end - start > limits[RLIMIT_STACK][0] or space.total() + added > limits[RLIMIT_AS][0]:
        return False
    thread.guest.change_memory((Map(start, added, region.protection),))
    space.insert(Region(start, region.start, region.protection, name=region.name, grows=True))
    return True
