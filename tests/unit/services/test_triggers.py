"""Units that start others: timers when it is time, listeners when somebody comes."""

from __future__ import annotations

from typing import Any

import pytest

from lichen.executive.services.listener import Listener
from lichen.executive.services.timer import Timer
from lichen.executive.services.transactions import JobResult
from lichen.executive.services.values import (
    ListenerSettings,
    Moment,
    Phase,
    Readiness,
    Result,
    Since,
    State,
    TimerSettings,
)
from lichen.executive.wait import Event
from tests.unit.services.world import World


@pytest.fixture
def world() -> World:
    return World()


class Once:
    """So many seconds after the timer was started."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def next(self, now: Moment, since: Since) -> float | None:
        moment = since.armed + self.seconds
        return None if moment <= since.elapsed else max(0.0, moment - now.monotonic)


class AfterEnd:
    """So many seconds after the unit has ended."""

    def next(self, now: Moment, since: Since) -> float | None:
        stopped = since.unit_stopped
        return (
            None
            if stopped is None or stopped + 10 <= since.elapsed
            else max(0.0, stopped + 10 - now.monotonic)
        )


def phase_of(unit: Timer) -> Phase:
    return unit.phase


def timer(world: World, *schedules: Any) -> Timer:
    world.service("a.service", readiness=Readiness.FINISHED)
    world.define("a.timer", TimerSettings("a.service", schedules))
    assert world.start("a.timer").result is JobResult.DONE
    unit = world.manager.load("a.timer")
    assert isinstance(unit, Timer)
    return unit


def test_a_timer_elapses_once(world: World) -> None:
    unit = timer(world, Once(60))
    assert [unit.next] == [world.kernel.now + 60]
    world.wait(59)
    assert not world.started
    world.wait(2)
    assert len(world.started) == 1
    assert phase_of(unit) is Phase.RUNNING
    world.started[0].end()
    assert phase_of(unit) is Phase.WAITING
    assert unit.next is None
    world.wait(1000)
    assert len(world.started) == 1


def test_a_timer_counts_from_the_end_of_its_unit(world: World) -> None:
    timer(world, Once(1), AfterEnd())
    world.wait(2)
    world.started[0].end(1)
    world.wait(11)
    assert len(world.started) == 2
    world.wait(50)
    assert len(world.started) == 2
    world.started[1].end()
    world.wait(11)
    assert len(world.started) == 3


def test_a_timer_that_is_stopped_starts_nothing(world: World) -> None:
    unit = timer(world, Once(5))
    world.stop("a.timer")
    world.wait(10)
    assert not world.started
    assert (unit.state, unit.next) == (State.STOPPED, None)


def test_a_timer_of_a_unit_that_is_not_there_goes_on(world: World) -> None:
    world.define("a.timer", TimerSettings("gone.service", (Once(1), Once(3))))
    world.start("a.timer")
    world.wait(5)
    assert [text for _, text in world.told] == ["Unit gone.service not found."] * 2


class Door:
    """As much of a socket as a listener looks at."""

    def __init__(self) -> None:
        self.somebody = Event()
        self.released = False

    def ready(self, mask: int) -> Event:
        return self.somebody

    def release(self) -> None:
        self.released = True


def listener(world: World) -> tuple[Listener, Door]:
    door = Door()
    world.sockets.append(door)
    world.service("a.service")
    world.define("a.socket", ListenerSettings("a.service", name="door"))
    assert world.start("a.socket").result is JobResult.DONE
    unit = world.manager.load("a.socket")
    assert isinstance(unit, Listener)
    return unit, door


def test_who_comes_starts_the_service_which_gets_the_sockets(world: World) -> None:
    unit, door = listener(world)
    service = world.manager.load("a.service")
    (held,) = world.manager.sockets_for(service)
    assert [*held] == [door, "door"]
    door.somebody.set()
    world.turn()
    assert (unit.phase, len(world.started)) == (Phase.RUNNING, 1)
    door.somebody.reset()
    world.started[0].end()
    world.turn()
    assert unit.phase is Phase.WAITING
    door.somebody.set()
    world.turn()
    assert len(world.started) == 2


def test_a_service_that_does_not_take_what_comes_is_given_up(world: World) -> None:
    unit, door = listener(world)
    world.exits["/main"] = 0
    door.somebody.set()
    world.wait(1)
    assert len(world.started) == 20
    assert (unit.state, unit.result, door.released) == (State.STOPPED, Result.RESOURCES, True)


def test_a_listener_that_stops_lets_its_sockets_go(world: World) -> None:
    unit, door = listener(world)
    world.stop("a.socket")
    door.somebody.set()
    world.turn()
    assert (door.released, unit.sockets, world.started) == (True, [], [])
    assert world.events[-2:] == ["stop listening a.socket", "stop a.socket done"]


def test_a_socket_that_cannot_be_opened(world: World) -> None:
    world.missing.add("a.socket")
    world.define("a.socket", ListenerSettings("a.service"))
    assert world.start("a.socket").result is JobResult.FAILED
    assert ("a.socket", "it is in use") in world.told
