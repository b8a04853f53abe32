"""Makes seeded calls on a machine without guests, and tells what the kernel did that it must never do.

A call may fail by any error and wait as long as it likes. It may not raise what is no error of its front-end, be answered
twice or never, ask the platform for the impossible, go on for seconds, make anything when it failed, or leave anything
behind when all processes ended.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lichen.executive.objects.object import Object
from lichen.executive.processes import ExitStatus, Thread
from tests.fuzz.recipes import Steps, Unready

_BY_RECIPE, _SPOILED, _FRESH = 0.4, 0.3, 0.1
"""How often a call follows its recipe, how often one of its arguments is then replaced, or its process a new one."""
LEAST: Final = 50
"""How often a run that is long enough makes each call."""
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
    missed: list[str] = field(default_factory=list)

    def reach(self, never: Mapping[str, str]) -> list[str]:
        """What a run of some length missed of the declared calls, of which those of `never` cannot succeed."""
        failed = self.made.keys() - self.succeeded.keys()
        rare = (name for name, times in self.made.items() if times < LEAST)
        return [
            *(f"{name} was called fewer than {LEAST} times" for name in sorted(rare)),
            *(
                f"{name} never succeeded: it wants a recipe, or a reason in NEVER"
                for name in sorted(failed - never.keys())
            ),
            *(f"{name} succeeded, though it cannot: {never[name]}" for name in sorted(never.keys() - failed)),
        ]

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
        self._failed = False

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
        return [p for p in self.world.state.processes.values() if p.threads]

    def _threads(self) -> int:
        return len(self.world.state.processes.threads)

    def _caller(self) -> Thread:
        """A thread that can make a call; a new process when all of them wait."""
        ready = [
            t
            for t in self.world.state.processes.threads.values()
            if t.guest.state == "runs" and not t.held_back
        ]
        thread: Thread = self.random.choice(ready) if ready else self.half.process().first_thread
        return thread

    def _prepared(self, name: str) -> tuple[Thread, tuple[int, ...]]:
        """Who makes a call, and with which arguments: by its recipe, with one of them spoiled perhaps, or by chance."""
        recipe = self.half.recipes.get(name)
        if recipe is not None and self.random.random() < _BY_RECIPE:
            fresh = self.random.random() < _FRESH
            thread = self.half.process().first_thread if fresh else self._caller()
            values: list[int] = []
            self._guarded(lambda: values.extend(recipe(Steps(self.half, thread))))
            guest: Any = thread.guest
            runs = guest.state == "runs" and not thread.held_back
            if runs and (values or not self.half.calls[name].parameters):
                if values and self.random.random() < _SPOILED:
                    values[self.random.randrange(len(values))] = self.half.source.wild()
                return thread, self.half.raw(values)
        thread = self._caller()
        return thread, self.half.source.arguments(thread, self.half.calls[name])

    def _one(self, name: str) -> None:
        thread, raw = self._prepared(name)
        guest: Any = thread.guest
        self.latest = f"{name}({', '.join(f'{value:#x}' for value in raw)}) by {thread}"
        self.report.made[name] += 1
        self._current[guest] = name
        guest.answered = lambda result: self._answered(guest, result)
        number = self.half.number(name)
        guest.call(number, raw)
        before, self._failed = self._things(thread), False
        self._guarded(lambda: self.world.scheduler.system_call(guest, number, raw))
        if self._failed and any(now > then for now, then in zip(self._things(thread), before, strict=True)):
            self.report.problem(None, f"{self.latest} failed and left something")
        if guest.state == "held" and not (thread.parking or thread.held_back or thread.dead):
            self.report.problem(None, f"{self.latest} is never answered")
        if name in self.half.unanswered and guest.state in ("runs", "gone") and self._went_on(thread):
            self._answered(guest, 0)

    def _things(self, thread: Thread) -> tuple[int, ...]:
        """How much there is of what a call makes: handles, processes, threads."""
        table = self.world.state.processes
        return len(thread.process.handles), len(table), len(table.threads)

    def _went_on(self, thread: Thread) -> bool:
        """Whether the process lives or has ended by no signal."""
        status = thread.process.exit_status
        return status is None or not status.signal

    def _answered(self, guest: Any, result: int) -> None:
        name = self._current.pop(guest, None)
        self._failed = not self.half.succeeded(result)
        if name is not None and not self._failed:
            self.report.succeeded[name] += 1

    def _guarded(self, action: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, _LONGEST)
        try:
            action()
        except Unready:
            pass
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
