"""Waiting as NT does it: deadlines, what a handle is waited for by, and what a wait tells.

Source: NtWaitForSingleObject, NtWaitForMultipleObjects (ntifs.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.objects.rights import SYNCHRONIZE
from lichen.executive.status import Failure, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait, Waitable
from lichen.subsystems.nt.shared_data import UNITS, system_time
from lichen.subsystems.nt.state import nt_of
from lichen.subsystems.nt.types import CURRENT_PROCESS, CURRENT_THREAD, Result

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_LONGEST_WAIT: Final = 100 * 365 * 86400.0


def deadline_of(thread: Thread, timeout: int | None) -> float | None:
    """The deadline of an NT timeout: negative is relative, positive absolute (100 ns since 1601), None waits for ever."""
    if timeout is None or timeout == -(1 << 63):
        return None
    now = thread.process.machine.scheduler.clock()
    left = -timeout if timeout < 0 else timeout - system_time(thread.process.machine)
    return now + min(left / UNITS, _LONGEST_WAIT)


def waitable_of(thread: Thread, number: int) -> Waitable:
    """What a wait for a handle looks at, pseudo handles included."""
    if number == CURRENT_PROCESS:
        return thread.process.ended
    if number == CURRENT_THREAD:
        return thread.ended
    slot = thread.process.handles.named(number)
    if not slot.access & SYNCHRONIZE:
        raise Failure(Status.ACCESS_DENIED)
    return slot.object.waitable


def wait_for(
    thread: Thread,
    objects: tuple[Waitable, ...],
    timeout: int | None,
    alertable: bool,
    all_of_them: bool = False,
) -> Result:
    """Wait, without blocking machinery when the wait is satisfied already."""
    if not all_of_them:
        for index, item in enumerate(objects):
            if item.signalled(thread):
                item.acquire(thread)
                return _outcome(thread, index)
    elif all(item.signalled(thread) for item in objects):
        return _wait(thread, objects, None, alertable, all_of_them)
    if alertable and (alert := pending_alert(thread)) is not None:
        return alert
    if timeout == 0:
        return Status.TIMEOUT
    return _wait(thread, objects, deadline_of(thread, timeout), alertable, all_of_them)


def pending_alert(thread: Thread) -> int | None:
    """What an alertable wait ends with at once: an alert or an APC that came before it."""
    state = nt_of(thread)
    if state.alerted:
        state.alerted = False
        return Status.ALERTED
    if state.apcs:
        thread.attention = True
        return Status.USER_APC
    return None


def _wait(
    thread: Thread, objects: tuple[Waitable, ...], deadline: float | None, alertable: bool, all_of_them: bool
) -> Blocks[int]:
    index = yield Wait(objects, deadline, all_of_them, alertable, interruptible=alertable)
    return Status.TIMEOUT if index == TIMED_OUT else _outcome(thread, index)


def _outcome(thread: Thread, index: int) -> int:
    """WAIT_0 + index, or ABANDONED_WAIT_0 + index when a mutant's owner had died."""
    abandoned, nt_of(thread).abandoned = nt_of(thread).abandoned, False
    return Status.ABANDONED_WAIT_0 + index if abandoned else index
