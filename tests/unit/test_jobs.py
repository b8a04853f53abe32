"""Jobs: who is in one, what it lets happen, what it tells, and its end; without guests."""

from __future__ import annotations

import pytest

from lichen.executive.jobs import Job, Limits, Message
from lichen.executive.processes import ExitStatus, Process
from lichen.executive.status import Status
from tests.unit.subsystems.linux.machine import Machine
from tests.unit.trees import status_of


def end(process: Process, code: int) -> None:
    process.terminate(ExitStatus(code))


@pytest.fixture
def machine() -> Machine:
    return Machine()


def job_of(machine: Machine, limits: Limits | None = None) -> Job:
    job = Job(machine.state, end)
    job.limits = limits or Limits()
    return job


def test_children_are_in_their_parents_job(machine: Machine) -> None:
    job, process = job_of(machine), machine.process()
    job.assign(process)
    child = machine.process(parent=process)
    assert (job.members(), job.total) == ([process, child], 2)
    end(child, 0)
    assert (job.members(), job.total, job.ended) == ([process], 2, 1)
    assert not job.holds(machine.process())


def test_no_more_processes_than_there_may_be(machine: Machine) -> None:
    job, process, other = job_of(machine, Limits(most_active=1)), machine.process(), machine.process()
    job.assign(process)
    before = set(machine.state.processes)
    assert status_of(machine.process, parent=process) == Status.QUOTA_EXCEEDED
    assert set(machine.state.processes) == before
    assert status_of(job.assign, other) == Status.QUOTA_EXCEEDED
    assert other.exit_status == ExitStatus(0)


def test_leaving_is_a_right(machine: Machine) -> None:
    process = machine.process()
    job_of(machine).assign(process)
    new = machine.state.processes.new_process
    assert status_of(new, process, machine.linux, leaves_job=True) == Status.ACCESS_DENIED
    assert process.job is not None
    process.job.limits = Limits(breakaway=True)
    assert new(process, machine.linux, leaves_job=True).job is None
    assert new(process, machine.linux).job is process.job
    process.job.limits = Limits(silent_breakaway=True)
    assert new(process, machine.linux).job is None


def test_a_job_in_a_job(machine: Machine) -> None:
    outer, inner, process, other = job_of(machine), job_of(machine), machine.process(), machine.process()
    outer.assign(process)
    outer.assign(other)
    inner.assign(process)
    assert (outer.members(), inner.members(), outer.total) == ([process, other], [process], 2)
    assert status_of(outer.assign, process) == Status.ACCESS_DENIED
    stranger = job_of(machine)
    stranger.assign(machine.process())
    assert status_of(stranger.assign, other) == Status.ACCESS_DENIED
    inner.terminate(3)
    assert (process.exit_status, other.exit_status) == (ExitStatus(3), None)


def test_messages(machine: Machine) -> None:
    job, process, told = job_of(machine), machine.process(), list[tuple[int, int]]()
    job.tell = lambda message, value: told.append((message, value))
    job.assign(process)
    child = machine.process(parent=process)
    end(child, 0xC0000005)
    end(process, 1)
    assert told == [
        (Message.NEW_PROCESS, process.id),
        (Message.NEW_PROCESS, child.id),
        (Message.ABNORMAL_EXIT_PROCESS, child.id),
        (Message.EXIT_PROCESS, process.id),
        (Message.ACTIVE_PROCESS_ZERO, 0),
    ]


@pytest.mark.parametrize("kills", [True, False])
def test_the_last_handle(machine: Machine, kills: bool) -> None:
    job, process = job_of(machine, Limits(ends_with_last_handle=kills)), machine.process()
    job.assign(process)
    number = process.handles.insert(job)
    process.handles.close(number)
    assert (process.exit_status is not None) == kills
