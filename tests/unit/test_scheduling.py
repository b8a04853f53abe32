"""How a thread asks to be run, who gets the same, and what the host is told."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lichen.executive import scheduling
from lichen.executive.processes import ExitStatus
from lichen.executive.scheduling import Scheduling
from tests.unit.subsystems.linux.machine import Guest, Machine

FIFO, ROUND_ROBIN, BATCH, DEADLINE = 1, 2, 3, 6


def test_a_child_is_run_as_its_creator() -> None:
    asked = Scheduling(nice=5, policy=FIFO, priority=7, affinity=frozenset({1}), io_priority=3, timer_slack=9)
    child = asked.inherited()
    assert (child.nice, child.policy, child.priority) == (5, FIFO, 7)
    assert (child.affinity, child.io_priority) == (frozenset({1}), 3)
    assert (child.timer_slack, child.usual_timer_slack) == (9, 9)
    child.nice = 6
    assert asked.nice == 5


@pytest.mark.parametrize(
    ("asked", "nice", "policy"),
    [
        (Scheduling(policy=FIFO, priority=7), 0, 0),
        (Scheduling(policy=ROUND_ROBIN, priority=7, nice=4), 4, 0),
        (Scheduling(policy=DEADLINE, reservation=(1, 2, 3)), 0, 0),
        (Scheduling(policy=BATCH, nice=4), 4, BATCH),
        (Scheduling(nice=-5), 0, 0),
    ],
)
def test_a_child_of_who_resets_on_fork_is_run_as_anybody(asked: Scheduling, nice: int, policy: int) -> None:
    asked.reset_on_fork = True
    child = asked.inherited()
    assert (child.nice, child.policy, child.priority, child.reservation) == (nice, policy, 0, None)
    assert not child.reset_on_fork


@pytest.mark.parametrize(
    ("policy", "real_time"), [(0, False), (FIFO, True), (ROUND_ROBIN, True), (BATCH, False)]
)
def test_real_time_policies(policy: int, real_time: bool) -> None:
    assert Scheduling(policy=policy).real_time == real_time


@pytest.mark.parametrize(("asked", "given"), [(-21, -20), (-20, -20), (3, 3), (19, 19), (40, 19)])
def test_the_host_is_told_of_a_nice_value_that_there_is(asked: int, given: int) -> None:
    machine = Machine()
    scheduling.set_nice(machine.thread, asked)
    assert (machine.thread.scheduling.nice, machine.guest.nice) == (given, given)


def test_the_host_is_told_of_processors_and_of_a_guest_that_goes_on_elsewhere() -> None:
    machine = Machine()
    scheduling.set_processors(machine.thread, frozenset({0}))
    scheduling.set_processors(machine.thread, None)
    assert machine.guest.bound == [frozenset({0}), None]
    guest = Guest()
    machine.thread.guest = cast(Any, guest)
    scheduling.apply(machine.thread)
    assert (guest.bound, guest.nice) == ([], 0)
    scheduling.set_processors(machine.thread, frozenset({1}))
    scheduling.set_nice(machine.thread, 2)
    guest.bound.clear()
    scheduling.apply(machine.thread)
    assert (guest.bound, guest.nice) == ([frozenset({1})], 2)


def test_a_process_is_run_as_its_first_thread_is() -> None:
    machine = Machine()
    process = machine.thread.process
    machine.another_thread(process).scheduling.nice = 9
    machine.thread.scheduling.nice = 3
    assert scheduling.of_process(process).nice == 3
    machine.thread.exit(0)
    assert scheduling.of_process(process).nice == 9
    process.terminate(ExitStatus(0))
    assert scheduling.of_process(process) == Scheduling()
