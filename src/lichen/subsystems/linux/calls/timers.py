"""Timers that send signals: alarm, the interval timers, and POSIX timers.

A POSIX timer has at most one signal on its way: what expires before that is taken is counted as an overrun, in the very
siginfo_t that waits.

Source: alarm(2), getitimer(2), timer_create(2), timer_settime(2), timer_getoverrun(2), sigevent(7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalIn, OptionalOut, Out
from lichen.abi.layout import LP64, i32, layout
from lichen.executive.limits import RLIMIT_SIGPENDING
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux import clocks, sending, signals
from lichen.subsystems.linux.calls.clock import TIMER_ABSTIME
from lichen.subsystems.linux.clocks import Clock, ClockTimer, MachineClock, ProcessorClock, clock_of_id
from lichen.subsystems.linux.records import Itimerspec, Itimerval, Sigevent
from lichen.subsystems.linux.siginfo import SiginfoTimer
from lichen.subsystems.linux.state import SignalTimer, linux_of, linux_of_process
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.times import seconds_of, seconds_of_timeval, timespec_of, timeval_of
from lichen.subsystems.linux.types import Flags, Int, Uint

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF = 0, 1, 2
_SIGNALS: Final = {
    ITIMER_REAL: signals.SIGALRM,
    ITIMER_VIRTUAL: signals.SIGVTALRM,
    ITIMER_PROF: signals.SIGPROF,
}
_PROCESSOR: Final = "processor time is looked at from time to time, so its timers may be late by up to 0.1 s"
SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 0, 1, 2, 4
_WITHOUT_TIMERS: Final = frozenset(
    (
        clocks.MONOTONIC_RAW,
        clocks.REALTIME_COARSE,
        clocks.MONOTONIC_COARSE,
        clocks.REALTIME_ALARM,
        clocks.BOOTTIME_ALARM,
    )
)
_MOST_OVERRUNS: Final = 0x7FFFFFFF
_INFORMATION: Final = layout(SiginfoTimer, LP64)


# ---- the interval timers of a process


def _interval_timer(thread: Thread, which: int) -> ClockTimer:
    """One of the three timers; INVALID_PARAMETER for any other."""
    process, scheduler = thread.process, thread.process.machine.scheduler
    if which not in _SIGNALS:
        raise Failure(Status.INVALID_PARAMETER)
    found: ClockTimer | None = linux_of_process(process).alarms.get(which)
    if found is None:
        clock: Clock
        if which == ITIMER_REAL:
            clock = MachineClock(scheduler)
        else:
            kind = clocks.USER_TIME if which == ITIMER_VIRTUAL else clocks.ALL_TIME
            clock = ProcessorClock(process, process.processor_time, kind)
        found = ClockTimer(scheduler, clock, lambda _: process.signal(_SIGNALS[which]))
        linux_of_process(process).alarms[which] = found
    return found


def _start(timer: ClockTimer, length: float, interval: float) -> None:
    if length:
        timer.set(timer.clock, timer.clock.now() + length, interval)
    else:
        timer.cancel()


def _shown(timer: ClockTimer) -> Itimerval:
    """As getitimer shows it: a timer that is set never has nothing left."""
    left = timer.remaining()
    return Itimerval(timeval_of(timer.interval), timeval_of(max(left, 1e-6) if left else 0.0))


@linux.call(amd64=37)
def alarm(thread: Thread, seconds: Uint) -> int:
    """Have SIGALRM sent later; returns the seconds that were left of an earlier alarm."""
    timer = _interval_timer(thread, ITIMER_REAL)
    left = timer.remaining()
    _start(timer, seconds, 0.0)
    return max(1, int(left + 0.5)) if left else 0


@linux.call(amd64=36)
def getitimer(thread: Thread, which: Int, value: Out[Itimerval]) -> int:
    """What is left of an interval timer."""
    value.write(_shown(_interval_timer(thread, which)))
    return 0


@linux.call(amd64=38, partial=_PROCESSOR)
def setitimer(thread: Thread, which: Int, new: OptionalIn[Itimerval], old: OptionalOut[Itimerval]) -> int:
    """Have SIGALRM, SIGVTALRM or SIGPROF sent after some time, and then regularly."""
    length = seconds_of_timeval(new.value) if new else 0.0
    interval = seconds_of_timeval(new.interval) if new else 0.0
    timer = _interval_timer(thread, which)
    before = _shown(timer)
    _start(timer, length, interval)
    old.write(before)
    return 0


# ---- POSIX timers


class PosixTimer:
    """timer_create(2): a timer, and the signal that tells of it (number 0: none)."""

    def __init__(
        self, process: Process, id: int, clock: Clock, target: Thread | None, event: Sigevent
    ) -> None:
        self.process, self.id, self.clock, self.target = process, id, clock, target
        self.number = 0 if event.notify == SIGEV_NONE else event.signo
        self.value = event.value
        self._state = process.state
        self.countdown = ClockTimer(process.machine.scheduler, clock, self._expired)
        self._waiting: bytes | None = None
        self._overruns = self._delivered_overruns = 0

    def cancel(self) -> None:
        self.countdown.cancel()

    def close(self) -> None:
        """It is deleted."""
        self.countdown.close()

    def overruns(self) -> int:
        """How many expirations the signal that was taken last stood for besides its own."""
        self._settle()
        return self._delivered_overruns

    def _queue(self) -> signals.Pending:
        return (
            linux_of_process(self.process).pending if self.target is None else linux_of(self.target).pending
        )

    def _settle(self) -> None:
        """See whether the signal that was sent has been taken."""
        if self._waiting is not None and not self._queue().holds(self.number, self._waiting):
            self._delivered_overruns, self._waiting = self._overruns, None

    def _expired(self, missed: int) -> None:
        gone = self.process.state is not self._state or (self.target and self.target.dead)
        if gone or not self.number:
            return
        self._settle()
        waiting = self._waiting
        self._overruns = missed if waiting is None else min(self._overruns + 1 + missed, _MOST_OVERRUNS)
        self._waiting = _INFORMATION.pack(
            SiginfoTimer(self.number, 0, signals.SI_TIMER, self.id, self._overruns, self.value)
        )
        if waiting is not None:
            self._queue().replace(self.number, waiting, self._waiting)
        else:
            sending.send(self.process, self.number, self._waiting, self.target)


def _timer(thread: Thread, id: int) -> SignalTimer:
    timer: SignalTimer | None = linux_of_process(thread.process).timers.get(id)
    if timer is None:
        raise Failure(Status.INVALID_PARAMETER)
    return timer


@linux.call(amd64=222, partial=_PROCESSOR)
def timer_create(thread: Thread, clock: Int, event: OptionalIn[Sigevent], id: Out[i32]) -> int:
    """Make a timer on a clock, which tells of itself by a signal or not at all."""
    process, timers = thread.process, linux_of_process(thread.process).timers
    if clock in _WITHOUT_TIMERS:
        raise Failure(Status.NOT_SUPPORTED)
    found = clock_of_id(thread, clock)
    if len(timers) >= process.limits[RLIMIT_SIGPENDING][0]:
        raise Failure(Status.DEVICE_NOT_READY)
    number = next(number for number in range(len(timers) + 1) if number not in timers)
    event = event or Sigevent(number, signals.SIGALRM, SIGEV_SIGNAL, 0)
    timer = PosixTimer(process, number, found, _notified(thread, event), event)
    id.write(number)
    timers[number] = timer
    return 0


def _notified(thread: Thread, event: Sigevent) -> Thread | None:
    """The thread that the signal goes to, None for the process; INVALID_PARAMETER for a malformed event."""
    target = None
    if event.notify == SIGEV_THREAD_ID:
        target = thread.process.threads.get(event.tid)
        if target is None:
            raise Failure(Status.INVALID_PARAMETER)
    elif event.notify not in (SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD):
        raise Failure(Status.INVALID_PARAMETER)
    if event.notify != SIGEV_NONE and not 1 <= event.signo <= signals.LAST:
        raise Failure(Status.INVALID_PARAMETER)
    return target


def _setting(timer: SignalTimer) -> Itimerspec:
    return Itimerspec(timespec_of(timer.countdown.interval), timespec_of(timer.countdown.remaining()))


@linux.call(amd64=223, partial=_PROCESSOR)
def timer_settime(
    thread: Thread, id: Int, flags: Flags, new: OptionalIn[Itimerspec], old: OptionalOut[Itimerspec]
) -> int:
    """Start or stop a timer."""
    if new is None:
        raise Failure(Status.INVALID_PARAMETER)
    interval, length = seconds_of(new.interval), seconds_of(new.value)
    timer = _timer(thread, id)
    before = _setting(timer)
    if not length:
        timer.cancel()
    elif flags & TIMER_ABSTIME:
        timer.countdown.set(timer.clock, length, interval)
    else:
        steady = timer.clock.for_lengths()
        timer.countdown.set(steady, steady.now() + length, interval)
    old.write(before)
    return 0


@linux.call(amd64=224)
def timer_gettime(thread: Thread, id: Int, value: Out[Itimerspec]) -> int:
    """What is left of a timer."""
    value.write(_setting(_timer(thread, id)))
    return 0


@linux.call(amd64=225)
def timer_getoverrun(thread: Thread, id: Int) -> int:
    """How many expirations the signal that was taken last stood for besides its own."""
    return _timer(thread, id).overruns()


@linux.call(amd64=226)
def timer_delete(thread: Thread, id: Int) -> int:
    """Remove a timer."""
    _timer(thread, id).close()
    del linux_of_process(thread.process).timers[id]
    return 0
