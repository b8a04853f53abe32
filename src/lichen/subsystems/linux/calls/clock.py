"""Clocks: those that the host does not answer by itself, and setting any.

The host reads and sleeps by its own clocks for the guest (nanosleep, gettimeofday, time, clock_gettime and its sisters), as
they are the same for all. What comes here is a processor clock, whose process may have had several host tasks, or no clock
at all. Nobody in a machine sets a clock: the vDSO shows the host's (G28).

Source: clock_gettime(2), clock_nanosleep(2), settimeofday(2), adjtimex(2).
"""

from __future__ import annotations

import ctypes
import errno
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import In, OptionalIn, OptionalOut, Out
from lichen.executive.security.tokens import Capability
from lichen.executive.status import POSIX, Failure, Interrupted, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux.clocks import REALTIME, THREAD_TIME, Clock, ProcessorClock, clock_of_id
from lichen.subsystems.linux.processes import require
from lichen.subsystems.linux.records import Timespec, Timeval, Timezone
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.times import (
    deadline_before,
    keeping_deadline,
    seconds_of,
    seconds_of_timeval,
    timespec_of,
)
from lichen.subsystems.linux.types import Address, Flags, Int, Result

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

TIMER_ABSTIME: Final = 1
_TIMEX_SIZE: Final = 208
_Timex: Final = ctypes.c_char * _TIMEX_SIZE
_READ_ONLY: Final = (0, 0xA001)
_NOT_SET: Final = "no clock is ever set"

_adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex


@linux.call(amd64=228)
def clock_gettime(thread: Thread, clock: Int, time: Out[Timespec]) -> int:
    """Read a clock."""
    time.write(timespec_of(clock_of_id(thread, clock).now()))
    return 0


@linux.call(amd64=229)
def clock_getres(thread: Thread, clock: Int, resolution: OptionalOut[Timespec]) -> int:
    """In which steps a clock goes."""
    resolution.write(timespec_of(clock_of_id(thread, clock).resolution))
    return 0


@linux.call(amd64=230, restart="never")
def clock_nanosleep(
    thread: Thread, clock: Int, flags: Flags, time: In[Timespec], left: OptionalOut[Timespec]
) -> Result:
    """Sleep until a clock has reached a point or has gone on for some time."""
    found = clock_of_id(thread, clock)
    if clock == THREAD_TIME:
        raise Failure(Status.NOT_SUPPORTED)
    length = seconds_of(time)
    if flags & TIMER_ABSTIME:
        return _sleep(found, length, None)
    wait = (clock, time)
    target = deadline_before(thread, wait) or found.now() + length
    return keeping_deadline(thread, wait, target, _sleep(found, target, left))


def _sleep(clock: Clock, target: float, left: OptionalOut[Timespec] | None) -> Blocks[int]:
    try:
        while clock.now() < target:
            yield Wait((), deadline=clock.when(target))
    except Interrupted:
        if left is not None:
            left.write(timespec_of(target - clock.now()))
        raise
    return 0


@linux.call(amd64=227, partial=_NOT_SET)
def clock_settime(thread: Thread, clock: Int, time: In[Timespec]) -> int:
    """Set a clock: refused."""
    found = clock_of_id(thread, clock)
    if isinstance(found, ProcessorClock):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if clock != REALTIME:
        raise Failure(Status.INVALID_PARAMETER)
    seconds_of(time)
    raise Failure(Status.PRIVILEGE_NOT_HELD)


@linux.call(amd64=164, partial=_NOT_SET)
def settimeofday(thread: Thread, time: OptionalIn[Timeval], zone: OptionalIn[Timezone]) -> int:
    """Set the time of day: refused."""
    if time is not None:
        seconds_of_timeval(time)
    if time is not None or zone is not None:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    require(thread, Capability.SYS_TIME)
    return 0


@linux.call(amd64=159, partial=_NOT_SET)
def adjtimex(thread: Thread, buffer: Address) -> int:
    """Read how the host's clock is being disciplined; changing that is refused."""
    return _adjust(thread, buffer)


@linux.call(amd64=305, partial=_NOT_SET)
def clock_adjtime(thread: Thread, clock: Int, buffer: Address) -> int:
    """As adjtimex, for a clock by its number."""
    clock_of_id(thread, clock)
    if clock != REALTIME:
        raise Failure(Status.NOT_SUPPORTED)
    return _adjust(thread, buffer)


def _adjust(thread: Thread, address: int) -> int:
    record = _Timex.from_buffer_copy(thread.memory.read(address, _TIMEX_SIZE))
    modes = int.from_bytes(record.raw[:4], "little")
    if modes not in _READ_ONLY:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    state: int = _adjtimex(record)
    if state < 0:
        raise Failure(POSIX | (ctypes.get_errno() or errno.EPERM))
    thread.memory.write(address, record.raw)
    return state
