"""How stops and continues meet."""

from __future__ import annotations

import pytest

from lichen.executive.processes import ExitStatus
from lichen.subsystems.linux import sending
from lichen.subsystems.linux.signals import (
    SA_NOCLDSTOP,
    SIGCHLD,
    SIGCONT,
    SIGHUP,
    SIGKILL,
    SIGSTOP,
    SIGTERM,
    SIGTSTP,
    SIGUSR1,
    bit,
    mask_of,
)
from lichen.subsystems.linux.state import linux_of, linux_of_process
from tests.unit.subsystems.linux.machine import Machine
from tests.unit.subsystems.linux.signalling import (
    PROGRAM,
    handle,
    handled,
    kill,
    prepare,
    ready_machine,
    wait,
    waits,
)


@pytest.fixture
def machine() -> Machine:
    return ready_machine()


def test_a_stop_and_a_continue_cancel_each_other(machine: Machine) -> None:
    process, state = machine.thread.process, linux_of(machine.thread)
    handle(process, SIGCONT, SIGTSTP)
    state.mask = mask_of(SIGCONT, SIGTSTP)
    kill(machine, SIGTSTP)
    kill(machine, SIGTSTP, machine.thread)
    kill(machine, SIGCONT)
    assert linux_of_process(process).pending.mask | state.pending.mask == bit(SIGCONT)
    kill(machine, SIGTSTP)
    assert linux_of_process(process).pending.mask == bit(SIGTSTP)


@pytest.mark.parametrize("blocked", [False, True])
def test_a_stopped_process_is_continued_even_if_it_blocks_that(machine: Machine, blocked: bool) -> None:
    handle(machine.thread.process, SIGCONT)
    linux_of(machine.thread).mask = bit(SIGCONT) if blocked else 0
    kill(machine, SIGSTOP)
    assert not machine.guest.running
    kill(machine, SIGCONT)
    assert (machine.thread.process.stopped, machine.guest.running) == (False, True)
    assert handled(machine.thread) == (0 if blocked else SIGCONT)


def test_what_comes_while_it_is_stopped_waits_for_the_continue(machine: Machine) -> None:
    process = machine.thread.process
    handle(process, SIGUSR1)
    kill(machine, SIGSTOP)
    kill(machine, SIGUSR1)
    assert (handled(machine.thread), machine.guest.running) == (0, False)
    kill(machine, SIGCONT)
    assert handled(machine.thread) == SIGUSR1
    kill(machine, SIGSTOP)
    kill(machine, SIGTERM)
    assert process.exit_status is None
    kill(machine, SIGCONT)
    assert process.exit_status == ExitStatus.of_signal(SIGTERM)


def test_a_stopped_process_can_be_killed(machine: Machine) -> None:
    kill(machine, SIGSTOP)
    kill(machine, SIGKILL)
    assert machine.thread.process.exit_status == ExitStatus.of_signal(SIGKILL)


def test_a_signal_in_a_stopped_call_ends_it_after_the_continue(machine: Machine) -> None:
    process = machine.thread.process
    handle(process, SIGUSR1)
    other = machine.another_thread(process)
    prepare(other)
    wait(machine, "pause")
    kill(machine, SIGSTOP, other)
    assert waits(machine.thread), "another thread took the stop: the call goes on"
    kill(machine, SIGUSR1, machine.thread)
    assert (waits(machine.thread), handled(machine.thread)) == (True, 0)
    kill(machine, SIGCONT)
    assert not waits(machine.thread)
    assert handled(machine.thread) == SIGUSR1


@pytest.mark.parametrize(("flags", "told"), [(0, bit(SIGCHLD)), (SA_NOCLDSTOP, 0)])
def test_a_parent_may_not_want_to_hear_of_stops(machine: Machine, flags: int, told: int) -> None:
    parent = machine.thread.process
    child = machine.process(parent=parent)
    handle(parent, SIGCHLD, flags=flags)
    linux_of(machine.thread).mask = bit(SIGCHLD)
    child.signal(SIGSTOP)
    assert linux_of_process(parent).pending.mask == told
    child.terminate(ExitStatus(0))
    assert linux_of_process(parent).pending.mask == bit(SIGCHLD)


def test_a_stopped_group_that_loses_its_shell_is_hung_up_and_continued(machine: Machine) -> None:
    shell = machine.thread.process
    shell.new_session()
    first, second = machine.process(parent=shell), machine.process(parent=shell)
    first.new_group()
    second.join(first.group)
    handle(first, SIGHUP, SIGCONT)
    linux_of(first.first_thread).mask = mask_of(SIGHUP, SIGCONT)
    first.signal(SIGSTOP)
    shell.terminate(ExitStatus(0))
    assert (first.stopped, linux_of_process(first).pending.mask) == (False, mask_of(SIGHUP, SIGCONT))
    assert second.exit_status == ExitStatus.of_signal(SIGHUP)


def test_a_guest_that_is_gone_runs_no_handler(machine: Machine) -> None:
    handle(machine.thread.process, SIGUSR1)
    machine.guest.killed = True
    sending.send(machine.thread.process, SIGUSR1, sending.sent_by(SIGUSR1, None))
    assert machine.guest.registers.rip == PROGRAM
