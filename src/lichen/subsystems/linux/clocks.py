"""The clocks that Linux programs name by number, and timers on any of them.

A clock says what it reads and when a reading may be reached at the earliest. For a clock of the host that is exact. A
processor clock runs only while its process does, so that whoever waits on one looks again, the more seldom the less it
moves.

Source: clock_gettime(2), clock_getcpuclockid(3), timer_create(2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.host import Host
    from lichen.executive.interfaces import ProcessorTime
    from lichen.executive.processes import Process, Thread
    from lichen.executive.scheduler import Scheduler, Timer

REALTIME, MONOTONIC, PROCESS_TIME, THREAD_TIME, MONOTONIC_RAW = 0, 1, 2, 3, 4
REALTIME_COARSE, MONOTONIC_COARSE, BOOTTIME, REALTIME_ALARM, BOOTTIME_ALARM, TAI = 5, 6, 7, 8, 9, 11
_HOST: Final = frozenset(
    (
        REALTIME,
        MONOTONIC_RAW,
        REALTIME_COARSE,
        MONOTONIC_COARSE,
        BOOTTIME,
        REALTIME_ALARM,
        BOOTTIME_ALARM,
        TAI,
    )
)

ALL_TIME, USER_TIME, PRECISE_TIME, DESCRIPTOR = 0, 1, 2, 3
"""What a negative clock id asks for, in its two low bits."""
_ONE_THREAD: Final = 4
_NANOSECOND: Final = 1e-9
_TICK: Final = 0.01
_SHORTEST_LOOK, _LONGEST_LOOK = 0.001, 0.1
_SHORTEST_INTERVAL: Final = 0.0005
_MOST_OVERRUNS: Final = 0x7FFFFFFF


class Clock(Protocol):
    """Something that can be read and waited for; all values are seconds."""

    resolution: float

    def now(self) -> float:
        """What the clock reads."""

    def when(self, target: float) -> float:
        """The earliest time on the scheduler's clock at which this one may read `target`."""

    def for_lengths(self) -> Clock:
        """The clock to measure a length of time by, which nobody can set."""


class MachineClock:
    """CLOCK_MONOTONIC: the clock of the run loop itself."""

    resolution = _NANOSECOND

    def __init__(self, scheduler: Scheduler) -> None:
        self.now = scheduler.clock

    def when(self, target: float) -> float:
        return target

    def for_lengths(self) -> Clock:
        return self


class HostClock:
    """Another clock of the host's, which guests read by themselves."""

    def __init__(self, scheduler: Scheduler, host: Host, id: int) -> None:
        self.scheduler, self.host, self.id = scheduler, host, id
        self.resolution = host.resolution(id)

    def now(self) -> float:
        return self.host.clock(self.id)

    def when(self, target: float) -> float:
        return self.scheduler.clock() + target - self.now()

    def for_lengths(self) -> Clock:
        return MachineClock(self.scheduler)


class ProcessorClock:
    """What a process or a thread has used of the processors: the host's accounts, in steps of its ticks."""

    def __init__(self, process: Process, used: Callable[[], ProcessorTime], kind: int) -> None:
        self.process, self.used, self.kind = process, used, kind
        self.resolution = _NANOSECOND if kind == PRECISE_TIME else _TICK
        self._seen = -1.0
        self._pause = _SHORTEST_LOOK

    def now(self) -> float:
        used = self.used()
        return used.user if self.kind == USER_TIME else used.total

    def when(self, target: float) -> float:
        now = self.now()
        self._pause = min(2 * self._pause, _LONGEST_LOOK) if now == self._seen else _SHORTEST_LOOK
        self._seen = now
        earliest = (target - now) / max(1, len(self.process.threads))
        return self.process.machine.scheduler.clock() + max(earliest, self._pause)

    def for_lengths(self) -> Clock:
        return self


def clock_of_id(thread: Thread, id: int) -> Clock:
    """The clock that the calling thread names; INVALID_PARAMETER when there is none."""
    process = thread.process
    if id == MONOTONIC:
        return MachineClock(process.machine.scheduler)
    if id in _HOST:
        return HostClock(process.machine.scheduler, process.machine.system.host, id)
    if id == PROCESS_TIME:
        return ProcessorClock(process, process.processor_time, PRECISE_TIME)
    if id == THREAD_TIME:
        return ProcessorClock(process, thread.processor_time, PRECISE_TIME)
    if id < 0 and id & 3 != DESCRIPTOR:
        return _clock_of_another(thread, ~(id >> 3), id & 3, bool(id & _ONE_THREAD))
    raise Failure(Status.INVALID_PARAMETER)


def _clock_of_another(thread: Thread, number: int, kind: int, one_thread: bool) -> Clock:
    """The processor clock of a thread of the caller's process, or of any process of the machine."""
    process = thread.process
    if one_thread:
        other = process.threads.get(number) if number else thread
        if other is not None:
            return ProcessorClock(process, other.processor_time, kind)
    else:
        found = process if number in (0, thread.id) else process.machine.processes.get(number)
        if found is not None:
            return ProcessorClock(found, found.processor_time, kind)
    raise Failure(Status.INVALID_PARAMETER)


class ClockTimer:
    """Calls `expired` when a clock has reached a point, and then once for each interval.

    It is told how many intervals went by unseen. An interval may be as short as it likes: the kernel looks no more often
    than every half millisecond, and counts.
    """

    def __init__(self, scheduler: Scheduler, clock: Clock, expired: Callable[[int], None]) -> None:
        self.scheduler, self.clock, self.expired = scheduler, clock, expired
        self.target: float | None = None
        self.interval = 0.0
        self._timer: Timer | None = None

    def set(self, clock: Clock, target: float, interval: float) -> None:
        """Expire when `clock` reads `target`."""
        self.cancel()
        self.clock, self.target, self.interval = clock, target, interval
        self._timer = self.scheduler.at(clock.when(target), self._look)

    def cancel(self) -> None:
        """Expire no more."""
        self.target, self.interval = None, 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Expire no more, and let go of whom it would have told."""
        self.cancel()
        self.expired = lambda missed: None

    def remaining(self) -> float:
        """How long until it expires; 0 when it is not set."""
        return 0.0 if self.target is None else max(self.target - self.clock.now(), _NANOSECOND)

    def _look(self) -> None:
        if self.target is None:
            return
        now = self.clock.now()
        if now < self.target:
            self._timer = self.scheduler.at(self.clock.when(self.target), self._look)
            return
        missed = 0
        if self.interval:
            missed = int((now - self.target) / self.interval)
            self.target += (missed + 1) * self.interval
            soonest = self.scheduler.clock() + _SHORTEST_INTERVAL
            self._timer = self.scheduler.at(max(self.clock.when(self.target), soonest), self._look)
        else:
            self.target = self._timer = None
        self.expired(min(missed, _MOST_OVERRUNS))
