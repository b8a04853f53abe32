"""Timers: objects that become signalled at a time, once or again and again, and may queue an APC then.

Source: NtCreateTimer, NtSetTimer, NtCancelTimer, NtQueryTimer (ntifs.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import i32, i64, layout_of, ptr, u32
from lichen.executive.objects.rights import StateAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import names
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.objects import object_of
from lichen.subsystems.nt.objects.timer import TimerObject
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.objects import TimerBasicInformation
from lichen.subsystems.nt.shared_data import UNITS
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, Flags, Handle, ObjectName
from lichen.subsystems.nt.waiting import deadline_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_NOTIFICATION, _SYNCHRONIZATION = 0, 1
_MILLISECOND: Final = 0.001
_MOMENT: Final = layout_of(i64, MODEL)


@nt.call()
def NtCreateTimer(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, kind: u32) -> int:
    """Make or open a timer."""
    if kind not in (_NOTIFICATION, _SYNCHRONIZATION):
        raise Failure(Status.INVALID_PARAMETER)
    return names.make_or_open(
        thread,
        handle,
        access,
        name,
        TimerObject,
        lambda: TimerObject(kind == _NOTIFICATION, thread.process.machine.scheduler),
    )


@nt.call()
def NtOpenTimer(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a timer by name."""
    return names.open_named(thread, handle, access, name, TimerObject)


@nt.call(partial="nothing is ever woken from sleep")
def NtSetTimer(
    thread: Thread,
    handle: Handle,
    due: Address,
    routine: Address,
    argument: Address,
    resume: Boolean,
    period: i32,
    previous: OptionalOut[u32],
) -> int:
    """Start a timer: due time like a timeout, period in milliseconds."""
    moment: int = _MOMENT.read(thread.memory, due)
    if period < 0:
        raise Failure(Status.INVALID_PARAMETER)
    timer = object_of(thread, handle, TimerObject, StateAccess.MODIFY_STATE)
    deadline = deadline_of(thread, moment)
    if deadline is None:
        raise Failure(Status.INVALID_PARAMETER)
    before = timer.set(deadline, period * _MILLISECOND, thread if routine else None, (routine, argument))
    previous.write(int(before))
    return Status.SUCCESS


@nt.call()
def NtCancelTimer(thread: Thread, handle: Handle, previous: OptionalOut[u32]) -> int:
    """Stop a timer."""
    timer = object_of(thread, handle, TimerObject, StateAccess.MODIFY_STATE)
    timer.cancel()
    previous.write(int(timer.event.is_set))
    return Status.SUCCESS


@nt.call()
def NtQueryTimer(
    thread: Thread,
    handle: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """How long a timer has yet to run, and its state."""
    timer = object_of(thread, handle, TimerObject, StateAccess.QUERY_STATE)
    needed.write(information.find(information_class).answer(thread.memory, buffer, size, None, timer)[1])
    return Status.SUCCESS


information: Final = Information[TimerObject]()


@information(0, TimerBasicInformation)
def _basic(timer: TimerObject) -> TimerBasicInformation:
    left = timer.timer.deadline - timer.scheduler.clock() if timer.timer else 0.0
    return TimerBasicInformation(int(max(left, 0.0) * UNITS), timer.event.is_set)
