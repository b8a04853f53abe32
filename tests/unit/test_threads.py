"""A thread's life: what holds it back in each of its states, what lets it go on, and how it ends; without guests."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lichen.executive.interfaces import ProcessorTime, TaskUsage
from lichen.executive.processes import ExitStatus, Thread
from lichen.executive.scheduler import NOBODY
from lichen.executive.wait import Blocks, Event, Wait
from lichen.subsystems.linux.signals import SIGKILL, SIGSTOP
from tests.unit.subsystems.linux.machine import Guest, Machine


@pytest.fixture
def machine() -> Machine:
    return Machine()


def guest_of(thread: Thread) -> Guest:
    return cast(Guest, thread.guest)


class Sleeper:
    """A thread whose call waits for `event`."""

    def __init__(self, machine: Machine, **how: Any) -> None:
        self.machine, self.thread, self.event = machine, machine.thread, Event()
        self.guest = machine.guest

        def sleep(*_: object) -> Blocks[int]:
            yield Wait((self.event,), **how)
            return 7

        cast(Any, machine.linux).system_call = sleep
        machine.guest.running = False
        machine.scheduler.system_call(cast(Any, machine.guest), 0, ())

    def wake(self) -> None:
        self.event.set()
        self.machine.scheduler.step()


# ---- suspended and held back


def test_a_running_thread_goes_on_after_the_last_resume(machine: Machine) -> None:
    thread = machine.thread
    for _ in range(2):
        thread.suspend()
        assert not machine.guest.running
    thread.resume()
    assert (thread.suspended, machine.guest.running) == (1, False)
    thread.resume()
    assert (thread.suspended, machine.guest.running) == (0, True)
    thread.resume()
    assert (thread.suspended, thread.held_back) == (0, 0), "there was nothing to undo"


def test_a_suspension_outlives_a_stop_of_the_process(machine: Machine) -> None:
    thread = machine.thread
    thread.suspend()
    thread.process.stop(SIGSTOP)
    thread.process.resume()
    assert (thread.held_back, machine.guest.running) == (1, False)
    thread.process.stop(SIGSTOP)
    thread.resume()
    assert (thread.held_back, machine.guest.running) == (1, False)
    thread.process.resume()
    assert machine.guest.running


def test_a_blocked_call_goes_on_waiting_and_its_result_waits_for_the_resume(machine: Machine) -> None:
    sleeper = Sleeper(machine)
    sleeper.thread.suspend()
    sleeper.wake()
    assert (sleeper.guest.answers, sleeper.thread.parking) == ([], None)
    sleeper.thread.resume()
    assert (sleeper.guest.answers, sleeper.guest.running) == ([7], True)
    assert sleeper.thread.deferred is None


def test_a_call_that_still_waits_is_answered_when_it_ends(machine: Machine) -> None:
    sleeper = Sleeper(machine)
    sleeper.thread.suspend()
    sleeper.thread.resume()
    assert (sleeper.guest.answers, sleeper.guest.running) == ([], False)
    sleeper.wake()
    assert sleeper.guest.answers == [7]


def test_who_suspends_itself_is_answered_when_it_is_resumed(machine: Machine) -> None:
    thread = machine.thread

    def suspend(*_: object) -> int:
        thread.suspend()
        return 0

    cast(Any, machine.linux).system_call = suspend
    machine.guest.running = False
    machine.scheduler.system_call(cast(Any, machine.guest), 0, ())
    assert (machine.guest.answers, thread.deferred) == ([], 0)
    thread.resume()
    assert (machine.guest.answers, machine.guest.running) == ([0], True)


@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("stopped", [False, True])
def test_a_new_thread_begins_when_nothing_holds_it_back(
    machine: Machine, suspended: bool, stopped: bool
) -> None:
    process = machine.thread.process
    if stopped:
        process.stop(SIGSTOP)
    thread = machine.another_thread(process)
    guest_of(thread).running = False
    thread.begin(suspended)
    assert guest_of(thread).running == (not suspended and not stopped)
    process.resume()
    assert guest_of(thread).running == (not suspended)
    thread.resume()
    assert guest_of(thread).running


def test_a_dead_thread_is_neither_stopped_nor_resumed_nor_answered(machine: Machine) -> None:
    other = machine.another_thread(machine.thread.process)
    other.suspend()
    other.exit(3)
    guest = guest_of(other)
    other.resume()
    other.finish(0)
    other.suspend()
    other.resume()
    assert (guest.running, guest.answers, guest.killed) == (False, [], True)
    other.exit(4)
    assert other.exit_code == 3


# ---- interruptions


def test_only_what_waits_interruptibly_is_interrupted(machine: Machine) -> None:
    assert not machine.thread.interrupt()
    deaf = Sleeper(machine, interruptible=False)
    assert not deaf.thread.interrupt()
    assert not deaf.guest.answers
    deaf.wake()
    assert deaf.guest.answers == [7]


def test_only_an_alertable_wait_is_alerted(machine: Machine) -> None:
    assert not machine.thread.alert()
    deaf = Sleeper(machine)
    assert not deaf.thread.alert()
    deaf.wake()
    sleeper = Sleeper(machine, alertable=True)
    assert sleeper.thread.alert()
    assert sleeper.thread.parking is None
    assert not sleeper.thread.alert()


# ---- the end


def test_the_last_thread_takes_the_process_along(machine: Machine) -> None:
    process = machine.thread.process
    other = machine.another_thread(process)
    machine.thread.exit(1)
    assert (process.exit_status, machine.guest.killed) == (None, True)
    assert (machine.thread.ended.is_set, other.ended.is_set) == (True, False)
    assert process.first_thread is other
    other.exit(2)
    assert process.exit_status == ExitStatus(2)
    assert (process.threads, list(machine.state.processes.threads)) == ({}, [])


def test_a_thread_that_ends_in_a_call_leaves_nothing_waiting(machine: Machine) -> None:
    sleeper = Sleeper(machine)
    machine.another_thread(sleeper.thread.process)
    sleeper.thread.exit(0)
    assert (sleeper.event.waiters, sleeper.thread.parking) == ({}, None)
    sleeper.wake()
    assert not sleeper.guest.answers
    sleeper.thread.cancel()


def test_ranges_that_a_dead_thread_gave_back_are_free(machine: Machine) -> None:
    space, other = machine.thread.process.space, machine.another_thread(machine.thread.process)
    space.draining[other] = [range(0x20000, 0x30000)]
    assert not space.is_free(0x20000, 0x21000)
    other.exit(0)
    assert space.is_free(0x20000, 0x21000)


def test_a_host_task_that_is_gone(machine: Machine) -> None:
    process = machine.thread.process
    other = machine.another_thread(process)
    other.host_ended()
    assert (other.dead, process.exit_status) == (True, None)
    machine.thread.host_ended()
    assert process.exit_status == ExitStatus.of_signal(SIGKILL)
    machine.thread.host_ended()


# ---- what it has used, and another program


def test_time_is_kept_when_threads_and_programs_end(machine: Machine) -> None:
    process = machine.thread.process
    other = machine.another_thread(process)
    machine.use(1.0, 0.5)
    guest_of(other).used = ProcessorTime(2.0, 0.0)
    assert process.processor_time() == ProcessorTime(3.0, 0.5)
    other.exit(0)
    assert process.processor_time() == ProcessorTime(3.0, 0.5)
    assert machine.state.processes.processor_time() == ProcessorTime(3.0, 0.5)
    old, new = machine.guest, Guest()
    machine.thread.adopt(cast(Any, new))
    new.used = ProcessorTime(0.25, 0.25)
    assert machine.thread.processor_time() == ProcessorTime(1.25, 0.75)
    assert (old.killed, old.owner, new.owner) == (True, NOBODY, machine.thread)
    machine.thread.exit(0)
    assert machine.state.processes.processor_time() == ProcessorTime(3.25, 0.75)


def test_usage_has_the_time_of_all_programs(machine: Machine) -> None:
    machine.use(1.0)
    new = Guest(used=ProcessorTime(0.5, 0.5))
    cast(Any, new).usage = lambda: TaskUsage(time=new.used, minor_faults=3)
    machine.thread.adopt(cast(Any, new))
    usage = machine.thread.usage()
    assert (usage.time, usage.minor_faults) == (ProcessorTime(1.5, 0.5), 3)


def test_another_program_keeps_how_the_thread_is_scheduled(machine: Machine) -> None:
    machine.thread.scheduling.nice = 5
    machine.thread.scheduling.affinity = frozenset({1})
    new = Guest()
    machine.thread.adopt(cast(Any, new))
    assert (new.nice, new.bound) == (5, [frozenset({1})])


def test_names_in_messages(machine: Machine) -> None:
    process = machine.thread.process
    process.name = "sh"
    assert str(machine.thread) == f"thread {machine.thread.id} of process {process.id} (sh)"
