"""Classes, steps and masks of NT are a way to read what the executive knows of a process."""

from __future__ import annotations

import pytest

from lichen.executive import scheduling
from lichen.executive.status import Status
from lichen.subsystems.nt import affinity, priority
from tests.unit.subsystems.nt.machine import Machine
from tests.unit.trees import status_of

CLASSES = (priority.IDLE, priority.BELOW_NORMAL, priority.NORMAL, priority.ABOVE_NORMAL, priority.HIGH)


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    machine.state.system.processors = frozenset({2, 3, 5})
    return machine


@pytest.mark.parametrize("number", [*CLASSES, priority.REAL_TIME])
def test_a_class_is_read_from_the_nice_value(machine: Machine, number: int) -> None:
    process = machine.thread.process
    priority.set_class(process, number, may_raise=False)
    assert priority.class_of(process) == number
    scheduling.set_nice_of_process(process, priority.nice_of(8))
    assert priority.class_of(process) == (number if number == priority.REAL_TIME else priority.NORMAL)


def test_who_sets_a_nice_value_ends_the_highest_class(machine: Machine) -> None:
    process = machine.thread.process
    priority.set_class(process, priority.REAL_TIME, may_raise=False)
    assert process.scheduling.nice == scheduling.LEAST_NICE
    machine.nt.set_nice(machine.another_thread(process), scheduling.LEAST_NICE)
    assert priority.class_of(process) == priority.HIGH


@pytest.mark.parametrize("step", [-15, -2, -1, 0, 1, 2, 15])
def test_a_step_stays_whatever_becomes_of_the_process(machine: Machine, step: int) -> None:
    thread = machine.thread
    priority.set_step(thread, step)
    for nice in (0, 19, -20, 3):
        machine.nt.set_nice(thread, nice)
        assert priority.step_of(thread) == step
        assert thread.scheduling.nice == max(-20, min(nice - 4 * step, 19))
        assert thread.process.scheduling.nice == nice


def test_masks_count_the_processors_that_there_are(machine: Machine) -> None:
    thread, process = machine.thread, machine.thread.process
    other = machine.another_thread(process)
    assert affinity.of_process(process) == affinity.of_thread(thread) == 7
    affinity.set_process(process, 6)
    assert process.scheduling.affinity == thread.scheduling.affinity == frozenset({3, 5})
    affinity.set_thread(other, 4)
    assert [affinity.of_thread(each) for each in (thread, other)] == [6, 4]
    for mask in (0, 1, 8):
        assert status_of(affinity.set_thread, other, mask) == Status.INVALID_PARAMETER
    for mask in (0, 8):
        assert status_of(affinity.set_process, process, mask) == Status.INVALID_PARAMETER
    affinity.set_process(process, 7)
    assert process.scheduling.affinity is other.scheduling.affinity is None


def test_a_linux_program_binds_the_process_by_its_first_thread(machine: Machine) -> None:
    thread, process = machine.thread, machine.thread.process
    other = machine.another_thread(process)
    machine.nt.set_processors(thread, frozenset({2, 3}))
    assert affinity.of_process(process) == affinity.of_thread(thread) == affinity.of_thread(other) == 3
    machine.nt.set_processors(other, frozenset({3, 5}))
    assert (affinity.of_thread(other), affinity.of_process(process)) == (2, 3)
    machine.nt.set_processors(other, frozenset({5}))
    assert affinity.of_thread(other) == 3
