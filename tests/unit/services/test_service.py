"""The life of one service: how it counts as started, how it ends, and when it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from lichen.executive.services.service import Report
from lichen.executive.services.transactions import JobKind, JobResult
from lichen.executive.services.values import (
    Command,
    KillMode,
    Phase,
    Readiness,
    Restart,
    Result,
    Speakers,
    StartLimit,
    State,
    Step,
)
from tests.unit.services.world import StandIn, World


@pytest.fixture
def world() -> World:
    return World()


def only(world: World) -> StandIn:
    (process,) = [process for process in world.processes.values() if process.exit_status is None]
    assert isinstance(process, StandIn)
    return process


def test_a_launched_service_runs_and_is_stopped(world: World) -> None:
    unit = world.service("a.service")
    assert world.start("a.service").result is JobResult.DONE
    assert (unit.state, unit.phase) == (State.RUNNING, Phase.RUNNING)
    assert unit.main is not None
    assert world.stop("a.service").result is JobResult.DONE
    assert (unit.state, unit.result) == (State.STOPPED, Result.SUCCESS)
    assert world.started[0].signals[0] == 15
    assert world.events == [
        "prepare a.service",
        "start a.service done",
        "finish a.service",
        "stop a.service done",
    ]


def test_a_second_start_changes_nothing(world: World) -> None:
    world.service("a.service")
    world.start("a.service")
    assert world.start("a.service").result is JobResult.DONE
    assert len(world.started) == 1


def test_a_program_that_is_missing_fails_the_start(world: World) -> None:
    unit = world.service("a.service", "/nowhere")
    world.missing.add("/nowhere")
    assert world.start("a.service").result is JobResult.FAILED
    assert unit.has_failed
    assert unit.main_run is not None
    assert unit.main_run.status is not None
    assert unit.main_run.status.code == 203


def test_a_service_that_ends_badly_has_failed(world: World) -> None:
    unit = world.service("a.service")
    world.start("a.service")
    only(world).end(3)
    assert (unit.state, unit.result) == (State.STOPPED, Result.EXIT_CODE)
    unit.forget_failure()
    assert not unit.has_failed


@pytest.mark.parametrize(
    ("code", "result"), [(0, Result.SUCCESS), (7, Result.SUCCESS), (8, Result.EXIT_CODE)]
)
def test_exit_codes_that_are_no_failure(world: World, code: int, result: Result) -> None:
    unit = world.service("a.service", success=frozenset({0, 7}))
    world.start("a.service")
    only(world).end(code)
    assert unit.result is result


def test_a_oneshot_counts_as_started_when_it_has_ended(world: World) -> None:
    unit = world.service("a.service", readiness=Readiness.FINISHED)
    job = world.start("a.service")
    assert (world.result(job), unit.state) == (None, State.START_PENDING)
    only(world).end()
    assert (world.result(job), unit.state) == (JobResult.DONE, State.STOPPED)


def test_a_oneshot_that_stays_is_stopped_by_its_own_command(world: World) -> None:
    commands = {Step.STOP: (Command("/undo", ("/undo",)),)}
    unit = world.service("a.service", "/do", readiness=Readiness.FINISHED, stays=True, commands=commands)
    world.exits = {"/do": 0, "/undo": 0}
    world.start("a.service")
    assert (unit.state, unit.phase) == (State.RUNNING, Phase.EXITED)
    world.stop("a.service")
    assert [program for _, program in world.launched] == ["/do", "/undo"]


def test_commands_before_the_start_run_in_order_and_one_that_fails_ends_it(world: World) -> None:
    commands = {
        Step.BEFORE_START: (Command("/one", ("/one",)), Command("/two", ("/two",), ignores_failure=True)),
        Step.AFTER_START: (Command("/three", ("/three",)),),
        Step.AFTER_STOP: (Command("/clean", ("/clean",)),),
    }
    unit = world.service("a.service", commands=commands)
    world.exits = {"/one": 0, "/two": 1, "/three": 1, "/clean": 0}
    assert world.start("a.service").result is JobResult.FAILED
    assert [program for _, program in world.launched] == ["/one", "/two", "/main", "/three", "/clean"]
    assert unit.result is Result.EXIT_CODE
    assert not unit.members()


def test_a_forking_service_is_known_by_its_file(world: World) -> None:
    unit = world.service("a.service", readiness=Readiness.FORKED, pid_file="/run/a")
    job = world.start("a.service")
    parent = only(world)
    child = parent.fork()
    helper = child.fork()
    parent.end()
    assert world.result(job) is None
    world.process_ids["/run/a"] = child.id
    world.wait(0.2)
    assert job.result is JobResult.DONE
    assert unit.main is not None
    assert unit.main.id == child.id
    child.end()
    assert helper.signals[0] == 15
    assert unit.state is State.STOPPED


def test_a_forking_service_whose_file_names_a_stranger_is_none(world: World) -> None:
    unit = world.service("a.service", readiness=Readiness.FORKED, pid_file="/run/a")
    stranger = world.process()
    world.process_ids["/run/a"] = stranger.id
    job = world.start("a.service")
    world.started[0].end()
    world.turn()
    assert (world.result(job), unit.result) == (JobResult.FAILED, Result.PROTOCOL)


def test_without_a_file_the_only_process_that_is_left_is_the_main_one(world: World) -> None:
    unit = world.service("a.service", readiness=Readiness.FORKED)
    world.start("a.service")
    child = world.started[0].fork()
    world.started[0].end()
    assert unit.main is not None
    assert unit.main.id == child.id


def reported(world: World, unit: Any, process: StandIn, **said: Any) -> bool:
    counted: bool = unit.report(process, Report(**said))
    world.turn()
    return counted


def test_a_reporting_service_is_started_when_it_says_so(world: World) -> None:
    unit = world.service("a.service", readiness=Readiness.REPORTED, speakers=Speakers.MAIN)
    job = world.start("a.service")
    process = only(world)
    child = process.fork()
    assert not reported(world, unit, child, ready=True)
    assert world.result(job) is None
    assert reported(world, unit, process, ready=True, status="up")
    assert (world.result(job), unit.status) == (JobResult.DONE, "up")


def test_a_reporting_service_that_says_nothing_is_ended(world: World) -> None:
    unit = world.service(
        "a.service", readiness=Readiness.REPORTED, speakers=Speakers.MAIN, start_timeout=30.0
    )
    job = world.start("a.service")
    world.wait(31)
    assert (world.result(job), unit.result) == (JobResult.TIMEOUT, Result.TIMEOUT)
    assert world.started[0].signals[0] == 15


def test_a_stubborn_service_is_killed(world: World) -> None:
    unit = world.service("a.service", stop_timeout=5.0)
    world.start("a.service")
    process = only(world)
    process.stubborn = True
    job = world.stop("a.service")
    assert (world.result(job), unit.phase) == (None, Phase.TERMINATING)
    world.wait(6)
    assert process.signals == [15, 18, 9]
    assert (world.result(job), unit.result) == (JobResult.DONE, Result.TIMEOUT)


@pytest.mark.parametrize(
    ("mode", "main", "other"),
    [
        (KillMode.ALL, [15], [15]),
        (KillMode.MIXED, [15], [9]),
        (KillMode.MAIN, [15], []),
        (KillMode.NOBODY, [], []),
    ],
)
def test_who_is_ended_with_a_service(world: World, mode: KillMode, main: list[int], other: list[int]) -> None:
    world.service("a.service", kill_mode=mode)
    world.start("a.service")
    process = only(world)
    child = process.fork()
    world.stop("a.service")
    assert (process.signals[:1], child.signals[:1]) == (main, other)


@pytest.mark.parametrize(
    ("restart", "after_failure", "after_success"),
    [
        (Restart.NEVER, 1, 1),
        (Restart.ON_FAILURE, 2, 1),
        (Restart.ON_SUCCESS, 1, 2),
        (Restart.ON_ABNORMAL, 1, 1),
        (Restart.ALWAYS, 2, 2),
    ],
)
@pytest.mark.parametrize("code", [0, 1])
def test_when_a_service_comes_back(
    world: World, restart: Restart, after_failure: int, after_success: int, code: int
) -> None:
    unit = world.service("a.service", restart=restart, restart_delay=1.0)
    world.start("a.service")
    only(world).end(code)
    world.wait(0.5)
    assert len(world.started) == 1
    world.wait(1)
    assert len(world.started) == (after_failure if code else after_success)
    assert unit.restarts == len(world.started) - 1


def test_one_that_was_stopped_does_not_come_back(world: World) -> None:
    world.service("a.service", restart=Restart.ALWAYS, restart_delay=1.0)
    world.start("a.service")
    world.stop("a.service")
    world.wait(5)
    assert len(world.started) == 1


def test_a_stop_while_it_waits_to_come_back(world: World) -> None:
    unit = world.service("a.service", restart=Restart.ALWAYS, restart_delay=10.0)
    world.start("a.service")
    only(world).end(1)
    assert unit.phase is Phase.RESTARTING
    assert world.stop("a.service").result is JobResult.DONE
    world.wait(20)
    assert (len(world.started), unit.state) == (1, State.STOPPED)


def test_one_that_fails_again_and_again_is_left(world: World) -> None:
    limit = StartLimit(3, 10.0)
    unit = world.service("a.service", restart=Restart.ALWAYS, restart_delay=0.1, limit=limit)
    world.exits["/main"] = 4
    world.start("a.service")
    world.wait(5)
    assert len(world.started) == 3
    assert (unit.state, unit.result) == (State.STOPPED, Result.EXIT_CODE)
    assert ("a.service", "Start request repeated too quickly.") in world.told


def test_a_condition_that_does_not_hold_is_no_failure(world: World) -> None:
    unit = world.service("a.service")
    world.unmet.add("a.service")
    assert world.start("a.service").result is JobResult.DONE
    assert not unit.has_failed
    assert not world.started


def test_a_reload_is_over_when_its_command_is(world: World) -> None:
    commands = {Step.RELOAD: (Command("/again", ("/again",)),)}
    unit = world.service("a.service", commands=commands)
    world.start("a.service")
    job = world.ask(JobKind.RELOAD, "a.service")
    assert (unit.phase, job.result) == (Phase.RELOADING, None)
    world.started[1].end()
    assert (unit.phase, job.result) == (Phase.RUNNING, JobResult.DONE)
    job = world.ask(JobKind.RELOAD, "a.service")
    world.started[0].end(1)
    world.turn()
    assert (unit.state, job.result) == (State.STOPPED, JobResult.FAILED)
    assert len(world.started) == 3


def test_what_does_not_run_is_not_reloaded(world: World) -> None:
    world.service("a.service", commands={Step.RELOAD: (Command("/again", ("/again",)),)})
    assert world.ask(JobKind.RELOAD, "a.service").result is JobResult.INVALID
    assert not world.launched
