"""The first stack of a process: it is mapped whole at exec, and what RLIMIT_STACK denies is closed to access.

The host would grow a stack fault by fault; here no fault reaches the kernel before it is too late, so a limit that is
lowered while the program runs shows as pages without access, from which a fault is a stack overflow all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.interfaces import MemoryOperation, Protect, Protection
from lichen.executive.memory import page_down
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
