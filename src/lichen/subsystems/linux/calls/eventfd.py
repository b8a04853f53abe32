"""eventfd: an event between threads or processes as a descriptor.

Source: eventfd(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.descriptors.eventfd import EventCounter
from lichen.subsystems.linux.descriptors.installing import O_CLOEXEC, O_NONBLOCK, install
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Flags, Uint

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_SEMAPHORE: Final = 1


@linux.call(amd64=284)
def eventfd(thread: Thread, count: Uint) -> int:
    """Make a counter."""
    return eventfd2(thread, count, 0)


@linux.call(amd64=290)
def eventfd2(thread: Thread, count: Uint, flags: Flags) -> int:
    """Make a counter, which reads may take all of or one by one."""
    if flags & ~(_SEMAPHORE | O_CLOEXEC | O_NONBLOCK):
        raise Failure(Status.INVALID_PARAMETER)
    counter = EventCounter(thread, count, bool(flags & _SEMAPHORE), bool(flags & O_NONBLOCK))
    return install(thread, counter, bool(flags & O_CLOEXEC))
