"""A timer: a unit that starts another one when it is time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.services.unit import Unit
from lichen.executive.services.values import Phase, Since, State, TimerSettings

if TYPE_CHECKING:
    from lichen.executive.scheduler import Timer as Deadline
    from lichen.executive.services.unit import Owner
    from lichen.executive.services.values import Definition

_LONGEST = 86400.0
"""Seconds after which the clock of the calendar is looked at again, which somebody may have set."""


class Timer(Unit):
    """A unit that starts another one at certain times."""

    def __init__(self, manager: Owner, definition: Definition) -> None:
        super().__init__(manager, definition)
        self.elapsed_real, self.elapsed = 0, 0.0
        """When it elapsed last: nanoseconds since 1970, and seconds since the boot."""
        self.next: float | None = None
        """When it elapses next, in seconds since the boot."""
        self._armed = 0.0
        self._deadline: Deadline | None = None

    @property
    def settings(self) -> TimerSettings:
        assert isinstance(self.definition.settings, TimerSettings)
        return self.definition.settings

    def start(self) -> None:
        if self.may_start():
            self._armed = self.manager.now().monotonic
            self.enter(State.RUNNING, Phase.WAITING)
            self._arm()

    def stop(self) -> None:
        self._disarm()
        super().stop()

    def redefined(self, definition: Definition) -> None:
        super().redefined(definition)
        if self.state is State.RUNNING:
            self._arm()

    def unit_stopped(self) -> None:
        """What it starts has ended, so that it may be started again."""
        if self.state is State.RUNNING and self._deadline is None:
            self.enter(State.RUNNING, Phase.WAITING)
            self._arm()

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline, self.next = None, None

    def _arm(self) -> None:
        self._disarm()
        now, unit = self.manager.now(), self.manager.get(self.settings.unit)
        started = unit.times.left_stopped if unit is not None else None
        stopped = unit.times.entered_stopped if unit is not None else None
        since = Since(
            0.0,
            self._armed,
            started.monotonic if started else None,
            stopped.monotonic if stopped else None,
            self.elapsed_real,
            self.elapsed,
        )
        left = [
            found for schedule in self.settings.schedules if (found := schedule.next(now, since)) is not None
        ]
        if not left:
            return
        seconds = min(left) + self._random_delay()
        self.next = now.monotonic + seconds
        scheduler = self.manager.machine.scheduler
        wait = min(seconds, _LONGEST)
        expired = self._elapse if wait == seconds else self._arm
        self._deadline = scheduler.at(scheduler.clock() + wait, expired)

    def _elapse(self) -> None:
        now = self.manager.now()
        self._deadline, self.next = None, None
        self.elapsed_real, self.elapsed = now.real, now.monotonic
        if self.manager.trigger(self, self.settings.unit):
            self.enter(State.RUNNING, Phase.RUNNING)
        else:
            self._arm()

    def _random_delay(self) -> float:
        most = self.settings.random_delay
        if not most:
            return 0.0
        return most * int.from_bytes(self.manager.machine.system.host.random(4), "little") / (1 << 32)
