"""Timers: objects that become signalled at a time, once or again and again, and may queue an APC then.

Source: NtCreateTimer, NtSetTimer, NtCancelTimer, NtQueryTimer (ntifs.h).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import i32, i64, layout_of, ptr, u32
from lichen.executive.objects.dispatcher import Dispatcher
from lichen.executive.objects.rights import StateAccess
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Event
from lichen.subsystems.nt import names
from lichen.subsystems.nt.calls.handle import deadline_of
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.objects import object_of
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.objects import TimerBasicInformation
from lichen.subsystems.nt.shared_data import UNITS, system_time
from lichen.subsystems.nt.state import UserApc, nt_of, nt_of_process
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, Flags, Handle, ObjectName

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.executive.scheduler import Scheduler, Timer

_NOTIFICATION, _SYNCHRONIZATION = 0, 1
_MILLISECOND: Final = 0.001
_MOMENT: Final = layout_of(i64, MODEL)


class TimerObject(Dispatcher):
    """A timer."""

    __slots__ = ("apc", "event", "period", "queued", "scheduler", "thread", "timer")
    type_name: ClassVar[str] = "Timer"

    def __init__(self, manual: bool, scheduler: Scheduler) -> None:
        self.event = Event(manual)
        super().__init__(self.event)
        self.scheduler = scheduler
        self.timer: Timer | None = None
        self.period = 0.0
        self.thread: Thread | None = None
        """Who gets `apc` each time."""
        self.apc: tuple[int, int] = 0, 0
        """(routine, argument)."""
        self.queued: UserApc | None = None
        """The call that was queued last."""

    def closed(self) -> None:
        self.cancel()

    def set(self, deadline: float, period: float, thread: Thread | None, apc: tuple[int, int]) -> bool:
        """Start anew; whether the timer was signalled before."""
        self.cancel()
        before = self.event.reset()
        self.period, self.thread, self.apc = period, thread, apc
        self.timer = self.scheduler.at(deadline, self._expired)
        return before

    def cancel(self) -> None:
        """Stop, and take back a call that has not been made yet; the state stays as it is."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.thread is not None and self.queued is not None:
            with suppress(ValueError):  # it has been made
                nt_of(self.thread).apcs.remove(self.queued)

    def _expired(self) -> None:
        assert self.timer is not None
        due = self.timer.deadline
        self.timer = None
        if self.period:
            self.timer = self.scheduler.at(max(due + self.period, self.scheduler.clock()), self._expired)
        self.event.set()
        if self.thread is not None and not self.thread.dead:
            moment = system_time(self.thread.process.machine)
            routine, argument = self.apc
            self.queued = UserApc(routine, (argument, moment & 0xFFFFFFFF, moment >> 32))
            nt_of_process(self.thread.process).subsystem.queue_apc(self.thread, self.queued)


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
    needed.write(information.find(information_class).answer(thread.memory, buffer, size, None, timer).length)
    return Status.SUCCESS


information: Final = Information[TimerObject]()


@information(0, TimerBasicInformation)
def _basic(timer: TimerObject) -> TimerBasicInformation:
    left = timer.timer.deadline - timer.scheduler.clock() if timer.timer else 0.0
    return TimerBasicInformation(int(max(left, 0.0) * UNITS), timer.event.is_set)
