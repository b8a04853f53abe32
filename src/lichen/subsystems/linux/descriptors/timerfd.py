"""timerfd: a timer that is read.

The run loop is asked for one deadline at a time, and for none while an expiration waits to be read: how often a timer with
an interval has run out since is a division, so a short interval costs nothing as long as nobody looks.

Source: timerfd_create(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from lichen.executive.io.opening import Access, Options, Poll
from lichen.executive.scheduler import Timer
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux.descriptors.anonymous import AnonymousFile

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_SIZE: Final = 8


class TimerFile(AnonymousFile):
    """A timer of the clock `clock`; times are seconds on the scheduler's clock."""

    __slots__ = ("_deadline", "_scheduler", "_timer", "clock", "interval")

    label: ClassVar[str] = "timerfd"

    def __init__(self, thread: Thread, clock: int, nonblocking: bool) -> None:
        super().__init__(thread, nonblocking, Access.READ | Access.WRITE)
        self._scheduler = thread.process.machine.scheduler
        self.clock = clock
        self.interval = 0.0
        self._deadline: float | None = None
        """When the timer runs out next, or ran out first without having been read."""
        self._timer: Timer | None = None

    def closed(self) -> None:
        self._disarm()
        super().closed()

    def set(self, deadline: float | None, interval: float) -> None:
        """Let the timer run out at `deadline` (None: never) and then every `interval` seconds (0: once)."""
        self._disarm()
        self._deadline, self.interval = deadline, interval
        self._arm()

    def left(self) -> float:
        """Seconds until the timer runs out next; 0 when it will not."""
        if self._deadline is None:
            return 0.0
        left = self._deadline - self._scheduler.clock()
        if left > 0:
            return left
        return self.interval - -left % self.interval if self.interval else 0.0

    def _arm(self) -> None:
        if self._deadline is not None:
            self._timer = self._scheduler.at(self._deadline, self.notify)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> bool:
        return self._deadline is not None and self._deadline <= self._scheduler.clock()

    # ---- as a file

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if size < _SIZE:
            raise Failure(Status.INVALID_PARAMETER)
        if self._expired():
            return self._take()
        if self.options & Options.NONBLOCKING:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._read_later()

    def _read_later(self) -> Blocks[bytes]:
        wait = Wait((self.ready(Poll.READABLE),))
        while not self._expired():
            yield wait
        return self._take()

    def _take(self) -> bytes:
        """How often the timer ran out; it goes on from there."""
        assert self._deadline is not None
        times = 1
        if self.interval:
            times += int((self._scheduler.clock() - self._deadline) / self.interval)
            self._deadline += times * self.interval
        else:
            self._deadline = None
        self._disarm()
        self._arm()
        return times.to_bytes(_SIZE, "little")

    def information(self) -> str:
        """The clock, whether it has run out unread, and what timerfd_gettime tells."""
        (seconds, parts), (every, rest) = (
            divmod(round(time * 1e9), 10**9) for time in (self.left(), self.interval)
        )
        return (
            f"clockid: {self.clock}\nticks: {int(self._expired())}\nsettime flags: 00\n"
            f"it_value: ({seconds}, {parts})\nit_interval: ({every}, {rest})\n"
        )

    def poll(self) -> int:
        return Poll.READABLE if self._expired() else 0
