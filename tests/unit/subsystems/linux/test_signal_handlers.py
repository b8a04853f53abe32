"""What runs in a program when a signal comes, and on which stack."""

from __future__ import annotations

import errno

import pytest

from lichen.executive.interfaces import Fault
from lichen.executive.limits import RLIMIT_SIGPENDING
from lichen.executive.processes import ExitStatus
from lichen.subsystems.linux.signals import (
    ALL,
    NEVER_BLOCKED,
    SA_NODEFER,
    SA_ONSTACK,
    SA_RESETHAND,
    SIGFPE,
    SIGHUP,
    SIGSEGV,
    SIGTERM,
    SIGUSR1,
    Dispositions,
    bit,
    mask_of,
)
from lichen.subsystems.linux.state import SS_AUTODISARM, AlternateStack, linux_of, linux_of_process
from tests.unit.abi.guest import BASE
from tests.unit.subsystems.linux.machine import Machine
from tests.unit.subsystems.linux.signalling import (
    PROGRAM,
    REAL_TIME,
    RESTORER,
    STACK,
    handle,
    handled,
    kill,
    leave_handler,
    ready_machine,
)


@pytest.fixture
def machine() -> Machine:
    return ready_machine()


# ---- handlers


def test_a_handler_runs_at_once_and_the_program_goes_on_where_it_was(machine: Machine) -> None:
    handle(machine.thread.process, SIGUSR1, mask=bit(SIGHUP))
    machine.guest.registers.rax = 0x1234
    kill(machine, SIGUSR1)
    assert handled(machine.thread) == SIGUSR1
    registers = machine.guest.registers
    assert (registers.rsp + 8) % 16 == 0, "as behind a call"
    assert int.from_bytes(machine.get(8, registers.rsp), "little") == RESTORER
    assert machine.number(registers.rsi) == SIGUSR1
    assert linux_of(machine.thread).mask == mask_of(SIGUSR1, SIGHUP)
    leave_handler(machine)
    assert (registers.rip, registers.rsp, registers.rax) == (PROGRAM, STACK, 0x1234)
    assert (linux_of(machine.thread).mask, machine.guest.running) == (0, True)


@pytest.mark.parametrize(("flags", "blocked"), [(0, True), (SA_NODEFER, False)])
def test_a_signal_in_its_own_handler(machine: Machine, flags: int, blocked: bool) -> None:
    handle(machine.thread.process, SIGUSR1, flags=flags)
    for _ in range(2):
        kill(machine, SIGUSR1)
    assert linux_of_process(machine.thread.process).pending.mask == (bit(SIGUSR1) if blocked else 0)
    leave_handler(machine)
    assert handled(machine.thread) == SIGUSR1, "the one inside, or the one that had to wait"
    leave_handler(machine)
    assert machine.guest.registers.rip == PROGRAM


def test_a_handler_for_once(machine: Machine) -> None:
    handle(machine.thread.process, SIGUSR1, flags=SA_RESETHAND)
    kill(machine, SIGUSR1)
    assert handled(machine.thread) == SIGUSR1
    leave_handler(machine)
    kill(machine, SIGUSR1)
    assert machine.thread.process.exit_status == ExitStatus.of_signal(SIGUSR1)


def test_what_was_blocked_comes_in_order_when_it_is_unblocked(machine: Machine) -> None:
    """Each handler is interrupted by the next before its first instruction, so that the last one runs first."""
    machine.guest.memory.data.extend(bytes(0x3000))
    machine.guest.registers.rsp = BASE + 0x3F00
    numbers = (SIGHUP, SIGSEGV, SIGTERM, REAL_TIME)
    handle(machine.thread.process, *numbers)
    machine.put((0xFFFFFFFFFFFFFFFF).to_bytes(8, "little"))
    assert machine.call("rt_sigprocmask", 2, BASE, 0, 8) == 0
    assert linux_of(machine.thread).mask == ALL & ~NEVER_BLOCKED
    for number in (REAL_TIME, SIGTERM, SIGHUP, SIGSEGV):
        kill(machine, number)
        assert handled(machine.thread) == 0
    assert machine.call("rt_sigpending", BASE, 8) == 0
    assert int.from_bytes(machine.get(8), "little") == mask_of(*numbers)
    machine.put(bytes(8))
    machine.call("rt_sigprocmask", 2, BASE, 0, 8)
    order = []
    while number := handled(machine.thread):
        order.append(number)
        leave_handler(machine)
    assert order == [REAL_TIME, SIGTERM, SIGHUP, SIGSEGV]
    assert (machine.guest.registers.rip, machine.guest.registers.rax) == (PROGRAM, 0)


def test_real_time_signals_are_handled_as_often_as_they_were_sent(machine: Machine) -> None:
    handle(machine.thread.process, REAL_TIME)
    for _ in range(3):
        kill(machine, REAL_TIME)
    times = 0
    while handled(machine.thread):
        times += 1
        leave_handler(machine)
    assert times == 3


def test_a_full_queue_is_told_to_who_queues(machine: Machine) -> None:
    process = machine.thread.process
    linux_of(machine.thread).mask = bit(REAL_TIME)
    process.limits[RLIMIT_SIGPENDING] = 1, 1
    machine.put((0).to_bytes(8, "little") + (-1 & 0xFFFFFFFF).to_bytes(4, "little"))
    assert machine.call("rt_sigqueueinfo", process.id, REAL_TIME, BASE) == 0
    assert machine.call("rt_sigqueueinfo", process.id, REAL_TIME, BASE) == -errno.EAGAIN
    assert machine.call("kill", process.id, REAL_TIME) == 0, "who only sends is told nothing"
    assert linux_of_process(process).pending.queued == 1


# ---- stacks


def test_a_handler_on_a_stack_of_its_own(machine: Machine) -> None:
    linux_of(machine.thread).stack = AlternateStack(BASE, 0, 0x800)
    handle(machine.thread.process, SIGUSR1, flags=SA_ONSTACK)
    kill(machine, SIGUSR1)
    assert BASE <= machine.guest.registers.rsp < BASE + 0x800
    leave_handler(machine)
    assert machine.guest.registers.rsp == STACK
    handle(machine.thread.process, SIGUSR1)
    kill(machine, SIGUSR1)
    assert machine.guest.registers.rsp > BASE + 0x800


def test_a_stack_that_is_taken_out_of_use_while_a_handler_runs_on_it(machine: Machine) -> None:
    stack = AlternateStack(BASE, SS_AUTODISARM, 0x800)
    linux_of(machine.thread).stack = stack
    handle(machine.thread.process, SIGUSR1, flags=SA_ONSTACK)
    kill(machine, SIGUSR1)
    assert BASE <= machine.guest.registers.rsp < BASE + 0x800
    assert linux_of(machine.thread).stack == AlternateStack()
    leave_handler(machine)
    assert linux_of(machine.thread).stack == stack


@pytest.mark.parametrize("pointer", [0, 64, BASE + 64, 1 << 63])
def test_a_stack_without_room_is_a_fault(machine: Machine, pointer: int) -> None:
    handle(machine.thread.process, SIGUSR1)
    machine.guest.registers.rsp = pointer
    kill(machine, SIGUSR1)
    assert machine.thread.process.exit_status == ExitStatus.of_signal(SIGSEGV)


def test_whose_handler_may_have_a_stack_of_its_own(machine: Machine) -> None:
    handle(machine.thread.process, SIGUSR1)
    handle(machine.thread.process, SIGSEGV, flags=SA_ONSTACK)
    linux_of(machine.thread).stack = AlternateStack(BASE + 0x800, 0, 0x800)
    machine.guest.registers.rsp = 64
    kill(machine, SIGUSR1)
    assert (handled(machine.thread), machine.thread.process.exit_status) == (SIGSEGV, None)


def test_a_frame_that_cannot_be_gone_back_from_is_a_fault(machine: Machine) -> None:
    machine.guest.registers.rsp = 64
    machine.call("rt_sigreturn")
    assert machine.thread.process.exit_status == ExitStatus.of_signal(SIGSEGV)


# ---- faults


def fault(machine: Machine, number: int) -> None:
    machine.guest.running = False
    machine.linux.fault(machine.thread, Fault(number, 2, 0x123))


def test_a_fault_goes_to_its_handler_with_its_address(machine: Machine) -> None:
    handle(machine.thread.process, SIGSEGV)
    fault(machine, SIGSEGV)
    assert handled(machine.thread) == SIGSEGV
    information = machine.guest.registers.rsi
    assert (machine.number(information + 8), machine.number(information + 16, 8)) == (2, 0x123)


@pytest.mark.parametrize("blocked", [True, False])
def test_a_fault_is_neither_ignored_nor_put_off(machine: Machine, blocked: bool) -> None:
    if blocked:
        handle(machine.thread.process, SIGFPE)
        linux_of(machine.thread).mask = bit(SIGFPE)
    else:
        linux_of_process(machine.thread.process).dispositions = Dispositions.ignoring(frozenset({SIGFPE}))
    fault(machine, SIGFPE)
    assert machine.thread.process.exit_status == ExitStatus.of_signal(SIGFPE)
