"""Parents, orphans and zombies, groups and sessions, and the ids that they are known by; without guests."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, cast

import pytest

from lichen.executive.interfaces import MemoryUsage
from lichen.executive.objects.dispatcher import EventObject, ProcessObject, ThreadObject
from lichen.executive.objects.rights import StateAccess
from lichen.executive.processes import INIT, ExitStatus, Process
from lichen.executive.security.tokens import Token
from lichen.executive.status import Status
from lichen.subsystems.linux.records import Sigaction
from lichen.subsystems.linux.signals import SIG_IGN, SIGCHLD, SIGCONT, SIGSTOP
from lichen.subsystems.linux.state import linux_of_process
from lichen.subsystems.linux.subsystem import child_status
from tests.unit.subsystems.linux.machine import Guest, Machine
from tests.unit.trees import status_of


@pytest.fixture
def machine() -> Machine:
    return Machine()


def end(process: Process, code: int = 0) -> None:
    process.terminate(ExitStatus(code))


# ---- parents


def test_a_zombie_stays_until_its_parent_has_asked(machine: Machine) -> None:
    table, parent = machine.state.processes, machine.thread.process
    child = machine.process(parent=parent)
    end(child, 7)
    end(child, 8)
    assert (child.is_zombie, child.id in table, child.id in parent.children) == (True, True, True)
    assert table.find(child.id) is child
    assert status_of(lambda: child.first_thread) == Status.PROCESS_IS_TERMINATING
    assert child.reap() == ExitStatus(7)
    assert (child.id in table, child.id in parent.children) == (False, False)
    assert status_of(table.find, child.id) == Status.INVALID_CID


def test_a_parent_that_ignores_its_children_has_no_zombies(machine: Machine) -> None:
    parent = machine.thread.process
    child, before = machine.process(parent=parent), parent.children_changed.generation
    linux_of_process(parent).dispositions.actions[SIGCHLD] = Sigaction(SIG_IGN, 0, 0, 0)
    end(child)
    assert child.id not in machine.state.processes
    assert parent.children_changed.generation == before + 1, "who waits for it has to hear that it is gone"


def test_orphans_go_to_init(machine: Machine) -> None:
    parent, init = machine.thread.process, machine.state.processes.init
    child, zombie = machine.process(parent=parent), machine.process(parent=parent)
    init.state = None  # as it is in a machine: it waits for nobody
    end(zombie, 3)
    end(parent)
    assert (child.parent, init.children, parent.children) == (init, {child.id: child}, {})
    assert child.creator == parent.id, "NT goes on to show who made it"
    assert zombie.id not in machine.state.processes
    end(child)
    assert init.children == {}


def test_the_nearest_living_subreaper_adopts(machine: Machine) -> None:
    far = machine.thread.process
    near = machine.process(parent=far)
    middle = machine.process(parent=near)
    orphans = [machine.process(parent=middle) for _ in range(2)]
    far.is_subreaper = near.is_subreaper = True
    end(middle)
    assert [orphan.parent for orphan in orphans] == [near, near]
    end(near)
    assert [orphan.parent for orphan in orphans] == [far, far]
    end(far)
    assert [orphan.parent for orphan in orphans] == [machine.state.processes.init] * 2


def test_what_a_child_begins_with(machine: Machine) -> None:
    parent = machine.thread.process
    parent.limits[7] = 10, 20
    parent.ignored = frozenset({1})
    child = machine.state.processes.new_process(parent, machine.linux)
    assert (child.limits, child.ignored, child.group) == (parent.limits, frozenset({1}), parent.group)
    assert (child.files, child.parent, child.creator) == (parent.files, parent, parent.id)
    child.limits[7] = 1, 1
    assert parent.limits[7] == (10, 20)
    assert status_of(lambda: child.first_thread) == Status.PROCESS_IS_TERMINATING


def test_stop_and_continue_are_told_once_and_not_after_the_end(machine: Machine) -> None:
    parent = machine.thread.process
    child, told = machine.process(parent=parent), parent.children_changed
    child.signal(SIGSTOP)
    assert (child_status(child), told.generation) == ((5, SIGSTOP), 1)
    child.signal(SIGCONT)
    assert (child_status(child), told.generation) == ((6, SIGCONT), 2)
    child.signal(SIGCONT)
    assert told.generation == 2
    end(child)
    told_then = told.generation
    child.stop(SIGSTOP)
    child.resume()
    child.signal(SIGSTOP)
    assert (child.stopped, told.generation) == (False, told_then)


def test_the_kernels_own_failure_ends_it_as_a_fault_would(machine: Machine) -> None:
    machine.thread.process.crashed()
    assert machine.thread.process.exit_status == ExitStatus(139, 11)


def test_who_waits_for_the_memory_is_told_once(machine: Machine) -> None:
    process, told = machine.thread.process, list[str]()
    process.when_image_left.append(lambda: told.append("left"))
    process.left_image()
    end(process)
    assert told == ["left"]


def test_the_last_guest_goes_with_a_process_that_has_no_threads(machine: Machine) -> None:
    process, guest = machine.thread.process, machine.guest
    machine.thread._end(0)
    assert not guest.killed
    end(process)
    assert guest.killed


def test_the_most_memory_is_remembered(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    process = machine.thread.process
    assert process.peak_memory() == 2 << 20
    monkeypatch.setattr(Guest, "memory_usage", lambda guest: MemoryUsage(1 << 20, 1 << 20))
    end(process)
    assert process.peak_memory() == 2 << 20


# ---- groups and sessions


def test_groups_and_sessions_go_with_their_last_member(machine: Machine) -> None:
    table, leader = machine.state.processes, machine.thread.process
    leader.new_session()
    child = machine.process(parent=leader)
    assert (child.group.id, child.session.id, child.session.leader) == (leader.id, leader.id, leader)
    child.new_group()
    assert (child.group.id, child.session.id) == (child.id, leader.id)
    assert leader.session.groups.keys() == {leader.id, child.id}
    child.join(leader.group)
    assert child.id not in table.groups
    assert leader.session.groups.keys() == {leader.id}
    for process in (child, leader):
        end(process)
        process.reap()
    assert leader.id not in table.groups
    assert leader.id not in table.sessions
    leader.leave_group()


def test_a_session_that_its_last_member_leaves(machine: Machine) -> None:
    table, process = machine.state.processes, machine.thread.process
    process.new_session()
    process.join(table.init.group)
    assert (process.id in table.groups, process.id in table.sessions) == (False, False)
    assert process.id in table.init.group.members


def test_a_group_is_orphaned_when_nobody_outside_of_it_could_continue_it(machine: Machine) -> None:
    shell = machine.thread.process
    shell.new_session()
    job, other = machine.process(parent=shell), machine.process(parent=shell)
    job.new_group()
    other.join(job.group)
    assert not job.group.is_orphaned()
    assert shell.group.is_orphaned()
    shell.session.continuable = True
    assert not shell.group.is_orphaned(), "whoever started the session continues it"
    end(shell)
    assert job.group.is_orphaned()


# ---- ids


def round_of_ids(machine: Machine) -> set[int]:
    """All ids that are given out until one comes for the second time."""
    given, table = set[int](), machine.state.processes
    while (id := table.new_id()) not in given:
        given.add(id)
    return given


def test_ids_are_multiples_of_four_and_the_first_thread_has_its_processs(machine: Machine) -> None:
    process = machine.process()
    other = machine.another_thread(process)
    assert process.first_thread.id == process.id
    assert other.id == process.id + 4 == machine.state.processes.last_id
    assert all(id % 4 == 0 for id in machine.state.processes if id != INIT)
    process.first_thread.exit(0)
    third = machine.another_thread(process)
    assert third.id == other.id + 4, "the first thread's id is the process's for good"


def test_an_id_comes_round_when_nobody_knows_it_any_more(machine: Machine) -> None:
    machine.state.system.limits.ids = 64
    process = machine.process()
    other = machine.another_thread(process)
    handles = [ProcessObject(process), ProcessObject(process)]
    assert {process.id, other.id}.isdisjoint(round_of_ids(machine))
    other.exit(0)
    assert other.id in round_of_ids(machine)
    end(process)
    assert process.id not in round_of_ids(machine), "it is a zombie"
    process.reap()
    for handle in handles:
        assert process.id not in round_of_ids(machine), "a handle refers to it"
        handle.closed()
    assert round_of_ids(machine) == set(range(8, 64, 4)) - {machine.thread.id}
    assert machine.state.processes.held == {}


@pytest.mark.parametrize("become", [Process.new_group, Process.new_session])
def test_a_group_keeps_the_id_of_its_leader(machine: Machine, become: Callable[[Process], None]) -> None:
    machine.state.system.limits.ids = 64
    leader = machine.process()
    become(leader)
    member = machine.process(parent=leader)
    end(leader)
    leader.reap()
    assert leader.id not in round_of_ids(machine)
    end(member)
    member.reap()
    assert {leader.id, member.id} <= round_of_ids(machine)


def test_when_all_ids_are_in_use_there_are_no_more(machine: Machine) -> None:
    machine.state.system.limits.ids = 24
    for _ in range(3):
        machine.process()
    assert status_of(machine.process) == Status.INSUFFICIENT_RESOURCES


def test_no_more_tasks_than_the_machine_may_have(machine: Machine) -> None:
    machine.state.system.limits.tasks = 3
    process = machine.process()
    machine.another_thread(process)
    assert status_of(machine.another_thread, process) == Status.INSUFFICIENT_RESOURCES
    assert status_of(machine.process) == Status.INSUFFICIENT_RESOURCES
    process.first_thread.exit(0)
    assert machine.another_thread(process).id in process.threads


def test_zombies_fill_no_memory_without_end(machine: Machine) -> None:
    """A program that makes children and never asks for them leaves one behind for each."""
    machine.state.system.limits.tasks = 4
    parent = machine.thread.process
    children = [machine.process(parent=parent) for _ in range(3)]
    for child in children:
        end(child)
    assert status_of(machine.process, parent=parent) == Status.INSUFFICIENT_RESOURCES
    assert machine.call("fork") == -errno.EAGAIN
    children[0].reap()
    assert machine.process(parent=parent).threads


# ---- objects of handles


def test_objects_of_processes_and_threads(machine: Machine) -> None:
    process, thread = machine.thread.process, machine.thread
    of_process, of_thread = ProcessObject(process), ThreadObject(thread)
    assert (of_process.inside, of_thread.inside) == (process, process)
    assert (of_process.secured, of_thread.secured) == (process, thread)
    assert (of_process.identity, of_thread.identity) == (process, thread)
    assert not of_process.waitable.signalled(None)
    end(process)
    assert of_process.waitable.signalled(None)
    assert of_thread.waitable.signalled(None)


def test_a_new_user_of_the_machine(machine: Machine) -> None:
    """Who a process runs as is told by the files that it sees: a child of init is nobody else's."""
    process = machine.process(Token.of_user(5, 6))
    assert (process.files.token.uid, process.parent) == (5, machine.state.processes.init)


def test_an_event_is_signalled_by_who_may() -> None:
    event = EventObject(manual=True, is_set=False)
    assert status_of(event.signal, cast(Any, None), StateAccess.QUERY_STATE) == Status.ACCESS_DENIED
    assert not event.event.is_set
    event.signal(cast(Any, None), StateAccess.MODIFY_STATE)
    assert event.waitable.signalled(None)
