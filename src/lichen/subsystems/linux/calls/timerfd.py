"""timerfd: timers as descriptors.

Source: timerfd_create(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import In, OptionalOut, Out
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.clocks import BOOTTIME, BOOTTIME_ALARM, MONOTONIC, REALTIME, REALTIME_ALARM
from lichen.subsystems.linux.descriptors.installing import O_CLOEXEC, O_NONBLOCK, install
from lichen.subsystems.linux.descriptors.timerfd import TimerFile
from lichen.subsystems.linux.files import file_of
from lichen.subsystems.linux.records import Itimerspec
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.times import absolute_deadline, clock_of, seconds_of, timespec_of
from lichen.subsystems.linux.types import Fd, Flags, Int

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_ABSOLUTE, _CANCEL_ON_SET = 1, 2
_CLOCKS: Final = (REALTIME, MONOTONIC, BOOTTIME)
_WAKING_CLOCKS: Final = (REALTIME_ALARM, BOOTTIME_ALARM)


@linux.call(amd64=283)
def timerfd_create(thread: Thread, clock: Int, flags: Flags) -> int:
    """Make a timer; those that could wake a sleeping computer are not to be had."""
    if flags & ~(O_CLOEXEC | O_NONBLOCK) or clock not in _CLOCKS + _WAKING_CLOCKS:
        raise Failure(Status.INVALID_PARAMETER)
    if clock in _WAKING_CLOCKS:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    return install(thread, TimerFile(thread, clock, bool(flags & O_NONBLOCK)), bool(flags & O_CLOEXEC))


@linux.call(amd64=286, partial="TFD_TIMER_CANCEL_ON_SET has no effect, as nobody can set the clock")
def timerfd_settime(
    thread: Thread, fd: Fd, flags: Flags, new: In[Itimerspec], old: OptionalOut[Itimerspec]
) -> int:
    """Set a timer and tell how it was set before."""
    if flags & ~(_ABSOLUTE | _CANCEL_ON_SET):
        raise Failure(Status.INVALID_PARAMETER)
    interval, first = seconds_of(new.interval), seconds_of(new.value)
    timer = _timer_of(thread, fd)
    before = _setting_of(timer)
    if new.value == (0, 0):
        timer.set(None, interval)
    elif flags & _ABSOLUTE:
        timer.set(absolute_deadline(thread, timer.clock, new.value), interval)
    else:
        timer.set(clock_of(thread) + first, interval)
    old.write(before)
    return 0


@linux.call(amd64=287)
def timerfd_gettime(thread: Thread, fd: Fd, setting: Out[Itimerspec]) -> int:
    """Tell how a timer is set and when it runs out next."""
    setting.write(_setting_of(_timer_of(thread, fd)))
    return 0


def _setting_of(timer: TimerFile) -> Itimerspec:
    return Itimerspec(timespec_of(timer.interval), timespec_of(timer.left()))


def _timer_of(thread: Thread, fd: int) -> TimerFile:
    file = file_of(thread, fd)
    if not isinstance(file, TimerFile):
        raise Failure(Status.INVALID_PARAMETER)
    return file
