"""What a request means for other units, and in which order jobs are carried out."""

from __future__ import annotations

import pytest

from lichen.executive.power import PowerAction
from lichen.executive.services.transactions import JobKind, JobResult, RequestError
from lichen.executive.services.values import Definition, Readiness, StartType, State
from tests.unit.kernel import Call
from tests.unit.services.world import World


@pytest.fixture
def world() -> World:
    return World()


def running(world: World) -> set[str]:
    return {name for name, unit in world.manager.units.items() if unit.state is State.RUNNING}


def jobs(world: World) -> list[str]:
    return [event for event in world.events if event.split()[0] in ("start", "stop", "restart")]


def test_what_is_required_and_wanted_starts_along_in_order(world: World) -> None:
    for name in ("a", "b", "c"):
        world.define(f"{name}.target")
    world.define("all.target", wants=["a.target"], requires=["b.target"], after=["a.target", "b.target"])
    world.define("b.target", requires=["c.target"], after=["c.target"], before=["a.target"])
    world.start("all.target")
    assert jobs(world) == [f"start {name}.target done" for name in ("c", "b", "a", "all")]


def test_what_is_missing_fails_those_who_require_it_only(world: World) -> None:
    world.define("a.target", wants=["nothing.service"])
    world.define("b.target", requires=["nothing.service"])
    assert world.start("a.target").result is JobResult.DONE
    with pytest.raises(RequestError) as error:
        world.start("b.target")
    assert error.value.reason == "missing"


def test_one_that_fails_fails_those_who_wait_for_it(world: World) -> None:
    world.service("a.service", "/bad", readiness=Readiness.FINISHED)
    world.define("b.target", requires=["a.service"], after=["a.service"])
    world.define("c.target", wants=["a.service"], after=["a.service"])
    world.exits["/bad"] = 1
    assert world.start("b.target").result is JobResult.DEPENDENCY
    assert world.start("c.target").result is JobResult.DONE


def test_those_who_require_a_unit_stop_with_it_and_before_it(world: World) -> None:
    world.define("base.target")
    world.define("user.target", requires=["base.target"], after=["base.target"])
    world.define("other.target", wants=["base.target"])
    world.start("user.target")
    world.start("other.target")
    world.events.clear()
    world.stop("base.target")
    assert jobs(world) == ["stop user.target done", "stop base.target done"]
    assert running(world) == {"other.target"}


def test_a_restart_restarts_those_who_require_it(world: World) -> None:
    world.service("a.service")
    world.service("b.service", requires=["a.service"], after=["a.service"])
    world.start("b.service")
    world.ask(JobKind.RESTART, "a.service")
    world.turn()
    assert running(world) == {"a.service", "b.service"}
    assert len(world.started) == 4


def test_what_conflicts_is_stopped_first(world: World) -> None:
    world.service("a.service")
    world.service("b.service", conflicts=["a.service"])
    world.start("a.service")
    world.start("b.service")
    assert running(world) == {"b.service"}
    world.start("a.service")
    assert running(world) == {"a.service"}


def test_bound_units_go_when_one_ends_by_itself(world: World) -> None:
    world.service("a.service")
    world.service("b.service", binds_to=["a.service"], after=["a.service"])
    world.service("c.service", requires=["a.service"], after=["a.service"])
    world.start("b.service")
    world.start("c.service")
    world.started[0].end()
    world.turn()
    assert running(world) == {"c.service"}


def test_units_that_wait_for_each_other_start_all_the_same(world: World) -> None:
    world.define("a.target", wants=["b.target"], after=["b.target"])
    world.define("b.target", after=["a.target"])
    assert world.start("a.target").result is JobResult.DONE
    assert running(world) == {"a.target", "b.target"}
    assert any("circle" in text for _, text in world.told)


def test_a_stop_takes_the_place_of_a_start(world: World) -> None:
    world.service("a.service", readiness=Readiness.REPORTED)
    start = world.start("a.service")
    assert world.result(start) is None
    stop = world.stop("a.service")
    assert [job.result for job in (start, stop)] == [JobResult.CANCELED, JobResult.DONE]


def test_a_request_that_replaces_nothing_is_refused(world: World) -> None:
    unit = world.service("a.service", readiness=Readiness.REPORTED)
    world.start("a.service")
    with pytest.raises(RequestError) as error:
        world.manager.request(unit, JobKind.STOP, replaces=False)
    assert error.value.reason == "conflict"


def test_a_masked_unit_is_not_started(world: World) -> None:
    world.defined["a.service"] = Definition("a.service", start_type=StartType.DISABLED)
    with pytest.raises(RequestError) as error:
        world.start("a.service")
    assert error.value.reason == "masked"


def test_a_unit_may_end_the_machine(world: World) -> None:
    world.defined["poweroff.target"] = Definition("poweroff.target", action=PowerAction.POWER_OFF)
    world.start("poweroff.target")
    assert world.machine.power.requested is PowerAction.POWER_OFF


def test_everything_stops_in_reverse_and_nothing_starts_any_more(world: World) -> None:
    world.service("a.service", restart_delay=0.0)
    world.service("b.service", requires=["a.service"], after=["a.service"])
    world.start("b.service")
    world.events.clear()
    stopping: Call[None] = world.kernel.start(world.manager.stop_all())
    world.turn()
    assert stopping.ended
    assert jobs(world) == ["stop b.service done", "stop a.service done"]
    assert not world.manager.trigger(world.manager.load("a.service"), "b.service")


def test_a_reload_keeps_what_runs_and_forgets_what_does_not(world: World) -> None:
    world.service("a.service")
    world.service("b.service")
    world.service("c.service")
    world.start("a.service")
    world.start("c.service")
    del world.defined["c.service"]
    world.manager.reload()
    assert set(world.manager.units) == {"a.service", "c.service"}
    gone = world.manager.load("c.service")
    assert gone.definition.is_missing
    assert world.stop("c.service").result is JobResult.DONE


def test_looking_at_a_unit_does_not_load_it(world: World) -> None:
    world.define("a.target")
    assert not world.manager.look("a.target").definition.is_missing
    assert world.manager.look("b.target").definition.is_missing
    assert not world.manager.units


def test_a_request_for_too_many_units_is_refused(world: World) -> None:
    for number in range(1100):
        world.define(f"n{number}.target", requires=[f"n{number + 1}.target"])
    with pytest.raises(RequestError, match="too many"):
        world.start("n0.target")


def test_hundreds_of_units_start_in_their_order(world: World) -> None:
    for number in range(400):
        before = [f"n{number - 1}.target"] if number else []
        world.define(f"n{number}.target", wants=before, after=before)
    world.manager.request(world.manager.load("n399.target"), JobKind.START)
    while world.manager.jobs:
        world.turn()
    assert jobs(world) == [f"start n{number}.target done" for number in range(400)]
