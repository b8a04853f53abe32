"""Times as Linux calls have them, as the executive's clock has them.

The executive's deadlines are seconds on the machine's monotonic clock; calls bring relative or absolute records, of
several clocks.
"""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Final, TypeVar

from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.linux.clocks import (
    BOOTTIME,
    BOOTTIME_ALARM,
    MONOTONIC,
    REALTIME,
    REALTIME_ALARM,
    TAI,
    clock_of_id,
)
from lichen.subsystems.linux.records import Timespec, Timeval
from lichen.subsystems.linux.state import linux_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

T = TypeVar("T")

NANOSECONDS: Final = 1_000_000_000
_WAITABLE: Final = frozenset((REALTIME, MONOTONIC, BOOTTIME, REALTIME_ALARM, BOOTTIME_ALARM, TAI))
_LONGEST: Final = 1e10
"""Seconds: no length or point in time is longer, and every wall-clock time to the year 2286 is shorter."""


def seconds_of(value: Timespec) -> float:
    """The length of a timespec; INVALID_PARAMETER when it is not a valid one."""
    if value.sec < 0 or not 0 <= value.nsec < NANOSECONDS:
        raise Failure(Status.INVALID_PARAMETER)
    return min(value.sec + value.nsec / NANOSECONDS, _LONGEST)


def seconds_of_timeval(value: Timeval) -> float:
    """The length of a timeval; INVALID_PARAMETER when it is not a valid one."""
    if value.sec < 0 or not 0 <= value.usec < 1_000_000:
        raise Failure(Status.INVALID_PARAMETER)
    return min(value.sec + value.usec / 1e6, _LONGEST)


def timespec_of(seconds: float) -> Timespec:
    """A length of time as a record, not below zero."""
    return Timespec(*divmod(max(0, round(seconds * NANOSECONDS)), NANOSECONDS))


def timeval_of(seconds: float) -> Timeval:
    """A length of time as a record, not below zero."""
    return Timeval(*divmod(max(0, round(seconds * 1e6)), 1_000_000))


def deadline_of(thread: Thread, timeout: Timespec | None) -> float | None:
    """The deadline of a relative timeout; None for none."""
    return None if timeout is None else clock_of(thread) + seconds_of(timeout)


def deadline_before(thread: Thread, wait: object) -> float | None:
    """When this very wait was to end, if it was cut short by what no handler saw (a stop) and begins again."""
    state = linux_of(thread)
    before, state.unfinished = state.unfinished, None
    return before[1] if before is not None and before[0] == wait else None


def keeping_deadline(thread: Thread, wait: object, deadline: float, result: T | Blocks[T]) -> T | Blocks[T]:
    """Have a wait that is cut short and begins again end when it was to end at first: see `deadline_before`."""
    return _kept(thread, wait, deadline, result) if type(result) is GeneratorType else result


def _kept(thread: Thread, wait: object, deadline: float, blocked: Blocks[T]) -> Blocks[T]:
    try:
        return (yield from blocked)
    except Interrupted:
        linux_of(thread).unfinished = wait, deadline
        raise


def clock_of(thread: Thread) -> float:
    """Now, on the clock of deadlines."""
    return thread.process.machine.scheduler.clock()


def absolute_deadline(thread: Thread, clock: int, value: Timespec) -> float:
    """The deadline of an absolute time of a clock; INVALID_PARAMETER for a clock that nobody can wait on."""
    target = seconds_of(value)
    if clock not in _WAITABLE:
        raise Failure(Status.INVALID_PARAMETER)
    return clock_of_id(thread, clock).when(target)
