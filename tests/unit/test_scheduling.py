"""How a thread asks to be run, who gets the same, and what the host is told."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lichen.executive import programs, scheduling
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
    other = machine.another_thread(process)
    scheduling.set_nice(other, 9)
    scheduling.set_nice(machine.thread, 3)
    scheduling.set_processors(machine.thread, frozenset({1}))
    assert (process.scheduling.nice, process.scheduling.affinity) == (3, frozenset({1}))
    assert (other.scheduling.nice, other.scheduling.affinity) == (9, None)
    machine.thread.exit(0)
    assert process.scheduling.nice == 3
    process.terminate(ExitStatus(0))
    assert process.scheduling.nice == 3


def test_what_a_process_is_given_all_its_threads_are() -> None:
    machine = Machine()
    process = machine.thread.process
    other = machine.another_thread(process)
    scheduling.set_nice(other, 9)
    scheduling.set_nice_of_process(process, 4)
    scheduling.set_processors_of_process(process, frozenset({1}))
    for thread in (machine.thread, other):
        guest = cast(Guest, thread.guest)
        assert (thread.scheduling.nice, thread.scheduling.affinity) == (4, frozenset({1}))
        assert (guest.nice, guest.bound) == (4, [frozenset({1})])
    scheduling.set_nice(machine.thread, 6)
    assert (process.scheduling.nice, other.scheduling.nice) == (6, 4)


def test_threads_that_were_set_apart_are_as_far_from_their_process_as_they_asked() -> None:
    machine = Machine()
    thread, process = machine.thread, machine.thread.process
    scheduling.set_apart(thread)
    scheduling.set_offset(thread, 4)
    scheduling.set_processors(thread, frozenset({1}))
    assert (process.scheduling.nice, process.scheduling.affinity) == (0, None)
    other = machine.another_thread(process)
    other.scheduling = thread.scheduling.inherited()
    scheduling.follow(other)
    assert (other.scheduling.nice, other.scheduling.affinity, cast(Guest, other.guest).bound) == (
        0,
        None,
        [None],
    )
    for nice, here in ((5, 9), (18, 19), (-20, -16), (40, 19)):
        scheduling.set_nice_of_process(process, nice)
        assert (thread.scheduling.nice, machine.guest.nice) == (here, here)
        assert other.scheduling.nice == process.scheduling.nice == max(-20, min(nice, 19))


def test_who_takes_the_place_of_the_first_thread_is_the_process() -> None:
    machine = Machine()
    process = machine.thread.process
    other = machine.another_thread(process)
    scheduling.set_nice(other, 9)
    machine.thread.exit(0)
    programs._take_leader_id(other)
    assert (process.first_thread, process.scheduling.nice) == (other, 9)
    scheduling.set_nice(other, 10)
    assert process.scheduling.nice == 10
