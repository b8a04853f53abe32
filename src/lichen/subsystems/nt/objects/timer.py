"""Timers, which may call a routine of the thread that set them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from lichen.executive.objects.dispatcher import Dispatcher
from lichen.executive.wait import Event
from lichen.subsystems.nt.shared_data import system_time
from lichen.subsystems.nt.state import UserApc, nt_of, nt_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.executive.scheduler import Scheduler, Timer


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
