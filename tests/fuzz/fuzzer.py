"""Makes seeded calls on a machine without guests, and tells what the kernel did that it must never do.

A call may fail by any error and wait as long as it likes. It may not raise what is no error of its front-end, be answered
twice or never, ask the platform for the impossible, go on for seconds, or leave anything behind when all processes ended.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from lichen.executive.objects.object import Object
from lichen.executive.processes import ExitStatus, Thread

_LONGEST: Final = 5.0
"""Seconds that one call may take."""
_MOST_PROCESSES: Final = 5
_MOST_THREADS: Final = 24
_LIFE: Final = 100
"""After how many calls of the machine the oldest process is replaced, as processes spoil: limits, ids, roots."""


class Hang(BaseException):
    """A call goes on and on; no handler of the kernel's may take this for an error."""


@dataclass
class Report:
    """What came of a run."""

    made: Counter[str] = field(default_factory=Counter)
    succeeded: Counter[str] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)
    """The first example of each kind of failure, by where it came from."""
    leftovers: list[str] = field(default_factory=list)

    def problem(self, error: BaseException | None, call: str) -> None:
        """Note an exception, once for each place."""
        frames = traceback.extract_tb(error.__traceback__) if error else []
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else call.partition("(")[0]
        text = "".join(traceback.format_exception(error)) if error else ""
        self.problems.setdefault(f"{type(error).__name__} {where}", f"{call}\n{text}")


class _Log(logging.Handler):
    """Takes the exceptions that the kernel logs."""

    def __init__(self, fuzzer: Fuzzer) -> None:
        super().__init__(logging.WARNING)
        self.fuzzer = fuzzer

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None or record.levelno >= logging.ERROR:
            self.fuzzer.report.problem(error, self.fuzzer.latest)


class Fuzzer:
    """Runs calls of one front-end on its `half` of a world."""

    def __init__(self, half: Any, seed: int) -> None:
        self.half, self.world = half, half.world
        self.random = random.Random(seed)
        self.report = Report()
        self.latest = ""
        self._current: dict[Any, str] = {}

    def run(self, calls: int) -> Report:
        """Make so many calls, every declared one as often as every other; then end everything."""
        handler, logger = _Log(self), logging.getLogger("lichen")
        logger.addHandler(handler)
        before = signal.signal(signal.SIGALRM, _too_long)
        gc.collect()
        known = {id(thing) for thing in _living()}
        try:
            for number, name in zip(range(calls), self._names(), strict=False):
                self._spoil(number)
                self._one(name)
            self._guarded(self.world.end)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            logger.removeHandler(handler)
        self.report.leftovers += self.world.leftovers()
        gc.collect()
        self.report.leftovers += sorted(
            f"{thing.references} of {thing!r}" for thing in _living() if id(thing) not in known
        )
        return self.report

    def _names(self) -> Iterator[str]:
        names = sorted(self.half.calls)
        while True:
            self.random.shuffle(names)
            yield from names

    def _spoil(self, number: int) -> None:
        """Replace a process now and then, and let time pass."""
        living = self._processes()
        if (
            (number % _LIFE == 0 and living)
            or len(living) > _MOST_PROCESSES
            or self._threads() > _MOST_THREADS
        ):
            self._guarded(lambda: living[0].terminate(ExitStatus(0)))
        if number % 16 == 0:
            self._guarded(lambda: self.world.pass_time(self.random.random() * 0.1))

    def _processes(self) -> list[Any]:
        return [p for p in self.world.table.processes.values() if p.threads]

    def _threads(self) -> int:
        return len(self.world.table.threads)

    def _caller(self) -> Thread:
        """A thread that can make a call; a new process when all of them wait."""
        ready = [t for t in self.world.table.threads.values() if t.guest.state == "runs" and not t.suspended]
        thread: Thread = self.random.choice(ready) if ready else self.half.process().first_thread
        return thread

    def _one(self, name: str) -> None:
        call, thread = self.half.calls[name], self._caller()
        raw = self.half.source.arguments(thread, call)
        guest: Any = thread.guest
        self.latest = f"{name}({', '.join(f'{value:#x}' for value in raw)}) by {thread}"
        self.report.made[name] += 1
        self._current[guest] = name
        guest.answered = lambda result: self._answered(guest, result)
        number = self.half.number(name)
        guest.call(number, raw)
        self._guarded(lambda: self.world.scheduler.system_call(guest, number, raw))
        if guest.state == "held" and not (thread.parking or thread.suspended or thread.dead):
            self.report.problem(None, f"{self.latest} is never answered")

    def _answered(self, guest: Any, result: int) -> None:
        name = self._current.pop(guest, None)
        if name is not None and self.half.succeeded(result):
            self.report.succeeded[name] += 1

    def _guarded(self, action: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, _LONGEST)
        try:
            action()
        except (Exception, Hang) as error:
            self.report.problem(error, self.latest)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(number: int, frame: Any) -> None:
    raise Hang


def _living() -> list[Object]:
    return [thing for thing in gc.get_objects() if isinstance(thing, Object) and thing.references > 0]


def host_descriptors() -> int:
    """How many descriptors the host has open for us, when garbage is gone."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
