"""Times as Linux calls have them, as the executive's clock has them.

The executive's deadlines are seconds on the machine's monotonic clock; calls bring relative or absolute records, of
several clocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.status import Failure, Status
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

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

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


def clock_of(thread: Thread) -> float:
    """Now, on the clock of deadlines."""
    return thread.process.machine.scheduler.clock()


def absolute_deadline(thread: Thread, clock: int, value: Timespec) -> float:
    """The deadline of an absolute time of a clock; INVALID_PARAMETER for a clock that nobody can wait on."""
    target = seconds_of(value)
    if clock not in _WAITABLE:
        raise Failure(Status.INVALID_PARAMETER)
    return clock_of_id(thread, clock).when(target)
