"""The run loop: takes events from the platform, runs calls, parks those that wait, keeps deadlines (NT: Ke).

Single-threaded and without locks. A call that does not block is dispatched and answered at once. One that returns a
generator is parked on the objects it yields; an object that changes wakes its waiters, and a satisfied wait puts its
thread on the ready list. No exception of a handler gets past this loop: it is logged with the call and ends the process.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections import deque
from collections.abc import Callable, Generator
from itertools import count
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final

from lichen.executive.interfaces import Fault, GuestGone, GuestThread, Platform
from lichen.executive.status import Interrupted
from lichen.executive.wait import TIMED_OUT, Blocks, Wait

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

log = logging.getLogger("lichen.scheduler")

_LONGEST_STEP: Final = 86400.0
"""Seconds; a platform may count in milliseconds of 32 bits."""


class Timer:
    """A deadline that can be cancelled; `expired` is called once, from the run loop."""

    __slots__ = ("deadline", "expired")

    def __init__(self, deadline: float, expired: Callable[[], None]) -> None:
        self.deadline = deadline
        self.expired: Callable[[], None] | None = expired

    def cancel(self) -> None:
        self.expired = None


class Parking:
    """A generator that waits: a blocked call of `thread`, or a task of the kernel itself (`thread` is None)."""

    __slots__ = ("generator", "scheduler", "thread", "timer", "wait")

    def __init__(self, scheduler: Scheduler, thread: Thread | None, generator: Blocks[object]) -> None:
        self.scheduler, self.thread, self.generator = scheduler, thread, generator
        self.wait: Wait | None = None
        self.timer: Timer | None = None

    def satisfied(self) -> int | None:
        """The index of the object that satisfies the wait now, whose state is thereby consumed; else None."""
        wait = self.wait
        waiter = self if self.thread is None else self.thread  # each of the kernel's tasks waits for itself
        assert wait is not None
        if wait.all:
            if not all(item.signalled(waiter) for item in wait.objects):
                return None
            for item in wait.objects:
                item.acquire(waiter)
            return 0
        for index, item in enumerate(wait.objects):
            if item.signalled(waiter):
                item.acquire(waiter)
                return index
        return None

    def park(self, wait: Wait) -> None:
        self.wait = wait
        for item in wait.objects:
            item.waiters[self] = None
        if wait.deadline is not None:
            self.timer = self.scheduler.at(wait.deadline, self._timed_out)

    def wake(self) -> None:
        """An object that this waits for has changed."""
        if self.wait is not None and (index := self.satisfied()) is not None:
            self.leave()
            self.scheduler.ready.append((self, index))

    def _timed_out(self) -> None:
        if self.wait is not None:
            self.leave()
            self.scheduler.ready.append((self, TIMED_OUT))

    def leave(self) -> None:
        """Stop waiting for the objects; the generator stays where it is."""
        if self.wait is not None:
            for item in self.wait.objects:
                item.waiters.pop(self, None)
            self.wait = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class _Nobody:
    """Owns host threads that are only waiting for their end."""

    def host_ended(self) -> None:
        """Nothing depends on it."""


NOBODY: Final = _Nobody()


def since_boot() -> float:
    """Seconds since the host was booted, its sleep included: what every guest reads as CLOCK_BOOTTIME."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Scheduler:
    """Runs a machine. `clock` gives seconds that never go back; `since_boot` those that ages are told by."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, since_boot: Callable[[], float] = since_boot
    ) -> None:
        self.clock, self.since_boot = clock, since_boot
        self.platform: Platform
        self.ready: deque[tuple[Parking, int]] = deque()
        self.stopping = False
        self.current: Thread | None = None
        """The thread whose call is being worked on."""
        self._outer: list[Thread] = []
        """Threads whose calls are half done: in the middle of one, another thread's call was interrupted and goes on."""
        self.errors = 0
        """Exceptions that handlers let through; a test suite fails when there are any."""
        self._timers: list[tuple[float, int, Timer]] = []
        self._sequence = count()
        self._on_wake: dict[Callable[[], None], None] = {}

    # ---- time

    def at(self, deadline: float, expired: Callable[[], None]) -> Timer:
        """Call `expired` when the clock has reached `deadline`."""
        timer = Timer(deadline, expired)
        heapq.heappush(self._timers, (deadline, next(self._sequence), timer))
        return timer

    def on_wake(self, action: Callable[[], None]) -> None:
        """Call `action` once, before anything goes on that waits now; unlike a timer it wakes nobody by itself."""
        self._on_wake[action] = None

    def _wake(self) -> None:
        actions, self._on_wake = self._on_wake, {}
        for action in actions:
            self._guarded(action)

    def _run_timers(self) -> None:
        now = self.clock()
        if self._on_wake and self._timers[0][0] <= now:
            self._wake()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if (expired := timer.expired) is not None:
                timer.expired = None
                self._guarded(expired)

    def _timeout(self) -> float | None:
        while self._timers and self._timers[0][2].expired is None:
            heapq.heappop(self._timers)
        if self.ready:
            return 0.0
        return min(max(0.0, self._timers[0][0] - self.clock()), _LONGEST_STEP) if self._timers else None

    # ---- the loop

    def run(self) -> None:
        """Run until `stopping` is set."""
        while not self.stopping:
            self.step()

    def step(self) -> None:
        """Run what is ready, then take one event of the platform."""
        if self._on_wake and self.ready:
            self._wake()
        while self.ready:
            parking, index = self.ready.popleft()
            self._advance(parking, index)
        if self._timers:
            self._run_timers()
        if not self.stopping:
            self.platform.step(self._timeout() if self._timers or self.ready else None)

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except GuestGone:
            return
        except Exception:
            self.errors += 1
            log.exception("in the run loop")

    # ---- events of the platform

    def system_call(self, guest: GuestThread, number: int, arguments: tuple[int, ...]) -> None:
        """A guest thread made a call: run it, and answer unless it waits or has answered itself."""
        thread = self.current = guest.owner
        try:
            result = thread.process.subsystem.system_call(thread, number, arguments)
            if type(result) is GeneratorType:
                thread.call = number, arguments
                parking = Parking(self, thread, result)
                thread.parking = parking
                self._advance(parking, None)
                return
        except Exception as error:
            result = self._failed(thread, error)
        if self.ready:
            self._run_tasks()
        if result is not None:
            self._finish(thread, result)
        else:
            self.current = None

    def works_for(self, thread: Thread) -> bool:
        """Whether a call of the thread is being worked on now, so that it is neither running nor waiting."""
        return thread is self.current or thread in self._outer

    def _finish(self, thread: Thread, result: int) -> None:
        self.current = None
        try:
            thread.finish(result)
        except GuestGone:
            thread.guest.kill()
        except Exception as error:
            self._failed(thread, error)

    def fault(self, guest: GuestThread, fault: Fault) -> None:
        thread = guest.owner
        try:
            thread.process.subsystem.fault(thread, fault)
        except Exception as error:
            self._failed(thread, error)

    def exited(self, guest: GuestThread) -> None:
        self._guarded(guest.owner.host_ended)

    def watched(self, watch: Callable[[int], None], events: int) -> None:
        self._guarded(lambda: watch(events))

    # ---- waiting

    def spawn(self, generator: Blocks[object]) -> Parking:
        """Run a task of the kernel itself."""
        parking = Parking(self, None, generator)
        self._advance(parking, None)
        return parking

    def _run_tasks(self) -> None:
        """Run what a call has woken of the kernel itself, so that its caller finds done what the call has made possible."""
        tasks = [entry for entry in self.ready if entry[0].thread is None]
        if tasks:
            self.ready = deque(entry for entry in self.ready if entry[0].thread is not None)
            for parking, index in tasks:
                self._advance(parking, index)

    def interrupt(self, parking: Parking) -> None:
        """Throw Interrupted into a parked generator."""
        if parking.wait is not None:
            parking.leave()
            interruption = Interrupted()
            self._advance(parking, interruption)
            interruption.__traceback__ = (
                None  # the frames that were under way hold it in their turn: a circle
            )

    def cancel(self, parking: Parking) -> None:
        """Close a parked generator: its thread will not go on with it."""
        parking.leave()
        parking.generator.close()

    # `value` is what a wait ended with (an index or TIMED_OUT), Interrupted to throw, None to start
    def _advance(self, parking: Parking, value: object) -> None:
        """Run a generator until it waits for something that is not yet there, or ends; then `current` is as before."""
        outer = self.current
        if outer is None or outer is parking.thread:
            self._run(parking, value)
            return
        self._outer.append(outer)
        try:
            self._run(parking, value)
        finally:
            self.current = self._outer.pop()

    def _run(self, parking: Parking, value: object) -> None:
        thread = parking.thread
        generator: Generator[Wait, Any, Any] = parking.generator
        if thread is not None and thread.parking is not parking:
            return
        self.current = thread
        result: Any
        try:
            while True:
                wait = generator.throw(value) if isinstance(value, Interrupted) else generator.send(value)
                parking.wait = wait
                value = parking.satisfied()
                if value is None:
                    parking.park(wait)
                    self.current = None
                    return
                parking.wait = None
        except StopIteration as end:
            result = end.value
        except Exception as error:
            result = self._failed(thread, error)
        self.current = None
        if thread is not None:
            thread.parking = None
            if result is not None:
                self._finish(thread, result)

    def _failed(self, thread: Thread | None, error: Exception) -> int | None:
        """What becomes of a call that raised: an error of the subsystem's own kind, or the end of the process."""
        if isinstance(error, GuestGone):
            if thread is not None:
                thread.guest.kill()
            return None
        if thread is not None:
            try:
                return thread.process.subsystem.failed(thread, error)
            except GuestGone:
                return None
            except Exception as unexpected:
                error = unexpected
        self.errors += 1
        log.error("in a call of %s", thread or "the kernel", exc_info=error)
        if thread is not None:
            thread.process.crashed()
        return None
