"""Keeping memory in memory: mlock and its family. What is locked is counted and limited; the host decides what stays.

Source: mlock(2), getrlimit(2) RLIMIT_MEMLOCK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.address_space import page_down, page_up
from lichen.executive.limits import RLIMIT_MEMLOCK, UNLIMITED
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.processes import token_of
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Address, Flags, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

MLOCK_ONFAULT, MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 1, 2, 4
_HOST_DECIDES: Final = "the host decides what stays in memory"


@linux.call(amd64=149, partial=_HOST_DECIDES)
def mlock(thread: Thread, address: Address, size: Size) -> int:
    """Keep pages in memory."""
    space, start, end = thread.process.space, page_down(address), page_up(address + size)
    check_lock(thread, end - start - space.locked(start, end), Status.NO_MEMORY)
    return _set_locked(thread, start, end, True)


def _set_locked(thread: Thread, start: int, end: int, locked: bool) -> int:
    space = thread.process.space
    if start < end:
        if not space.is_mapped(start, end):
            raise Failure(Status.NO_MEMORY)
        space.lock(start, end, locked)
    return 0


def check_lock(thread: Thread, size: int, beyond: int) -> None:
    """Whether RLIMIT_MEMLOCK lets a process lock `size` bytes more; `beyond` is what becomes of too much."""
    limit: int = thread.process.limits[RLIMIT_MEMLOCK][0]
    if limit == UNLIMITED or token_of(thread).has(Capability.IPC_LOCK):
        return
    if not limit:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if thread.process.space.locked() + size > limit:
        raise Failure(beyond)


@linux.call(amd64=325, partial=_HOST_DECIDES)
def mlock2(thread: Thread, address: Address, size: Size, flags: Flags) -> int:
    """As mlock; with MLOCK_ONFAULT, pages only once they are touched."""
    if flags & ~MLOCK_ONFAULT:
        raise Failure(Status.INVALID_PARAMETER)
    return mlock(thread, address, size)


@linux.call(amd64=150, partial=_HOST_DECIDES)
def munlock(thread: Thread, address: Address, size: Size) -> int:
    """Undo mlock."""
    return _set_locked(thread, page_down(address), page_up(address + size), False)


@linux.call(amd64=151, partial=_HOST_DECIDES)
def mlockall(thread: Thread, flags: Flags) -> int:
    """Keep all pages in memory, those of now or of the future."""
    if flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) or not flags & (MCL_CURRENT | MCL_FUTURE):
        raise Failure(Status.INVALID_PARAMETER)
    space = thread.process.space
    check_lock(thread, space.total() - space.locked() if flags & MCL_CURRENT else 0, Status.NO_MEMORY)
    space.locks_future = bool(flags & MCL_FUTURE)
    if flags & MCL_CURRENT:
        space.lock(0, space.high, True)
    return 0


@linux.call(amd64=152, partial=_HOST_DECIDES)
def munlockall(thread: Thread) -> int:
    """Undo mlock and mlockall for all pages."""
    space = thread.process.space
    space.locks_future = False
    space.lock(0, space.high, False)
    return 0
