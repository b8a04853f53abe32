"""What becomes of a call when a signal comes."""

from __future__ import annotations

import errno

import pytest

from lichen.subsystems.linux.signals import (
    ALL,
    SA_RESTART,
    SIGCONT,
    SIGHUP,
    SIGKILL,
    SIGSTOP,
    SIGURG,
    SIGUSR1,
    mask_of,
)
from lichen.subsystems.linux.state import linux_of
from tests.unit.abi.guest import BASE
from tests.unit.subsystems.linux.machine import Machine
from tests.unit.subsystems.linux.signalling import (
    EINTR,
    PROGRAM,
    handle,
    handled,
    kill,
    leave_handler,
    ready_machine,
    wait,
    waits,
)


@pytest.fixture
def machine() -> Machine:
    return ready_machine()


@pytest.mark.parametrize(
    ("name", "flags", "again"),
    [
        ("wait4", 0, False),
        ("wait4", SA_RESTART, True),
        ("pause", 0, False),
        ("pause", SA_RESTART, False),
        ("rt_sigtimedwait", SA_RESTART, False),
    ],
)
def test_what_becomes_of_a_call_that_a_handler_interrupts(
    machine: Machine, name: str, flags: int, again: bool
) -> None:
    handle(machine.thread.process, SIGUSR1, flags=flags)
    number = wait(machine, name)
    kill(machine, SIGUSR1)
    assert (handled(machine.thread), waits(machine.thread), machine.answer()) == (SIGUSR1, False, None)
    leave_handler(machine)
    registers = machine.guest.registers
    assert (registers.rip, registers.rax) == ((PROGRAM - 2, number) if again else (PROGRAM, EINTR))


@pytest.mark.parametrize(("name", "again"), [("wait4", True), ("pause", True), ("rt_sigtimedwait", False)])
def test_what_becomes_of_a_call_that_a_stop_interrupts(machine: Machine, name: str, again: bool) -> None:
    number = wait(machine, name)
    kill(machine, SIGSTOP)
    assert (machine.thread.process.stopped, machine.guest.running, machine.answer()) == (True, False, None)
    kill(machine, SIGCONT)
    assert (machine.thread.process.stopped, machine.guest.running) == (False, True)
    registers = machine.guest.registers
    assert machine.answer() == (None if again else -errno.EINTR)
    assert (registers.rip, registers.rax) == ((PROGRAM - 2, number) if again else (PROGRAM, 0))


@pytest.mark.parametrize(
    ("outcome", "flags", "again"),
    [
        (512, 0, False),
        (512, SA_RESTART, True),
        (513, 0, True),
        (514, SA_RESTART, False),
        (516, SA_RESTART, False),
    ],
)
def test_what_becomes_of_a_call_that_the_host_answers(
    machine: Machine, outcome: int, flags: int, again: bool
) -> None:
    """The host's kernel leaves in the registers how its call wants to go on."""
    handle(machine.thread.process, SIGUSR1, flags=flags)
    registers = machine.guest.registers
    registers.orig_rax, registers.rax = 35, -outcome
    kill(machine, SIGUSR1)
    assert registers.orig_rax == ALL, "the host does not do it a second time"
    leave_handler(machine)
    assert (registers.rip, registers.rax) == ((PROGRAM - 2, 35) if again else (PROGRAM, EINTR))


def test_a_call_of_the_hosts_that_was_not_interrupted_keeps_its_result(machine: Machine) -> None:
    handle(machine.thread.process, SIGUSR1, flags=SA_RESTART)
    registers = machine.guest.registers
    registers.orig_rax, registers.rax = 35, 7
    kill(machine, SIGUSR1)
    leave_handler(machine)
    assert (registers.rip, registers.rax) == (PROGRAM, 7)


def test_another_mask_for_the_time_of_a_call(machine: Machine) -> None:
    handle(machine.thread.process, SIGUSR1, SIGHUP)
    linux_of(machine.thread).mask = mask_of(SIGUSR1)
    machine.put(mask_of(SIGHUP, SIGKILL).to_bytes(8, "little"))
    assert machine.call("rt_sigsuspend", BASE, 8) is None
    kill(machine, SIGHUP)
    assert waits(machine.thread)
    kill(machine, SIGUSR1)
    assert handled(machine.thread) == SIGUSR1
    assert linux_of(machine.thread).mask == mask_of(SIGHUP, SIGUSR1)
    leave_handler(machine)
    assert handled(machine.thread) == SIGHUP, "which the mask of before does not block"
    leave_handler(machine)
    assert (linux_of(machine.thread).mask, machine.guest.registers.rax) == (mask_of(SIGUSR1), EINTR)


def test_a_signal_that_waits_already_ends_the_call_at_once(machine: Machine) -> None:
    handle(machine.thread.process, SIGUSR1)
    linux_of(machine.thread).mask = mask_of(SIGUSR1)
    kill(machine, SIGUSR1)
    machine.put(bytes(8))
    machine.call("rt_sigsuspend", BASE, 8)
    assert handled(machine.thread) == SIGUSR1
    leave_handler(machine)
    assert (linux_of(machine.thread).mask, machine.guest.registers.rax) == (mask_of(SIGUSR1), EINTR)


def test_a_signal_that_is_waited_for_runs_no_handler(machine: Machine) -> None:
    handle(machine.thread.process, SIGUSR1)
    machine.put(mask_of(SIGUSR1, SIGURG).to_bytes(8, "little"))
    linux_of(machine.thread).mask = mask_of(SIGUSR1)
    assert machine.call("rt_sigtimedwait", BASE, BASE + 64, 0, 8) is None
    kill(machine, SIGUSR1)
    machine.scheduler.step()
    assert (machine.answer(), machine.number(BASE + 64), handled(machine.thread)) == (SIGUSR1, SIGUSR1, 0)
    assert machine.call("rt_sigtimedwait", BASE, 0, 0, 8) is None
    kill(machine, SIGURG)
    machine.scheduler.step()
    assert machine.answer() == SIGURG, "although it does nothing by default"
