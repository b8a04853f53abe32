"""Who is asked to end, in which order, and what becomes of those that do not."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any, cast

from lichen.daemon import ending
from lichen.executive.processes import ExitStatus
from lichen.executive.wait import Ended
from tests.unit.kernel import Kernel

HUP, TERM, CONT = signal.SIGHUP, signal.SIGTERM, signal.SIGCONT


class Program:
    """A process that ends by some signals, or when its world asks it to."""

    def __init__(self, world: World, ends_by: tuple[int, ...] = (), does_as_asked: bool = False) -> None:
        self.world, self.ends_by, self.does_as_asked = world, ends_by, does_as_asked
        self.ended = Ended()
        self.status: ExitStatus | None = None
        self.subsystem = self
        world.programs.append(self)
        self.started = len(world.programs)

    def signal(self, number: int) -> None:
        self.world.told.append((self.started, number))
        if number in self.ends_by and self.status is None:
            self.terminate(ExitStatus.of_signal(number))

    def ask_to_end(self, process: Program) -> None:
        self.world.told.append((process.started, 0))
        if self.does_as_asked:
            self.terminate(ExitStatus(0))

    def terminate(self, status: ExitStatus) -> None:
        self.status = status
        self.ended.set()


class World:
    """A machine of such programs."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.programs: list[Program] = []
        self.told: list[tuple[int, int]] = []

    def living(self) -> list[Program]:
        return [program for program in self.programs if program.status is None]

    def end(self, way: ending.Way) -> float:
        """End them all; how many seconds that took."""
        machine = cast(Any, SimpleNamespace(scheduler=self.kernel.scheduler, living=self.living))
        began = self.kernel.now
        blocked: Any = ending.end_processes(machine, way)
        self.kernel.finish(blocked)
        return self.kernel.now - began


def test_the_youngest_comes_first() -> None:
    world = World()
    for _ in range(3):
        Program(world, does_as_asked=True)
    assert world.end(ending.STOPPED) == 0
    assert world.told == [(3, 0), (2, 0), (1, 0)]


def test_who_does_not_end_is_ended() -> None:
    world = World()
    stubborn, willing = Program(world), Program(world, (HUP,))
    assert world.end(ending.TERMINATED) == ending.TERMINATED.grace
    assert world.told == [(2, HUP), (2, TERM), (2, CONT), (1, HUP), (1, TERM), (1, CONT)]
    assert (stubborn.status, willing.status) == (ExitStatus.of_signal(9), ExitStatus.of_signal(HUP))


def test_at_once_nobody_is_asked() -> None:
    world = World()
    program = Program(world, does_as_asked=True)
    assert world.end(ending.STOPPED.at_once()) == 0
    assert (world.told, program.status) == ([], ExitStatus.of_signal(9))


def test_an_empty_machine_ends_without_waiting() -> None:
    assert World().end(ending.IDLE) == 0
