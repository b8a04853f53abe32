"""What a signal does that has no handler, and to which thread it goes."""

from __future__ import annotations

import errno
from typing import cast

import pytest

from lichen.executive.processes import ExitStatus
from lichen.subsystems.linux.signals import (
    SIGABRT,
    SIGCHLD,
    SIGCONT,
    SIGHUP,
    SIGIO,
    SIGKILL,
    SIGSEGV,
    SIGSTOP,
    SIGTERM,
    SIGTSTP,
    SIGTTIN,
    SIGURG,
    SIGUSR1,
    SIGWINCH,
    Dispositions,
    bit,
    mask_of,
)
from lichen.subsystems.linux.state import linux_of, linux_of_process
from tests.unit.abi.guest import BASE
from tests.unit.subsystems.linux.machine import Guest, Machine
from tests.unit.subsystems.linux.signalling import (
    REAL_TIME,
    handle,
    handled,
    kill,
    leave_handler,
    prepare,
    ready_machine,
    waits,
)


@pytest.fixture
def machine() -> Machine:
    return ready_machine()


# ---- default actions


@pytest.mark.parametrize("number", [SIGHUP, SIGABRT, SIGSEGV, SIGKILL, SIGTERM, SIGIO, REAL_TIME, 64])
def test_what_ends_a_process(machine: Machine, number: int) -> None:
    kill(machine, number)
    assert machine.thread.process.exit_status == ExitStatus.of_signal(number)
    assert machine.guest.killed


@pytest.mark.parametrize("number", [0, SIGCHLD, SIGCONT, SIGURG, SIGWINCH])
def test_what_does_nothing(machine: Machine, number: int) -> None:
    machine.call("pause")
    kill(machine, number)
    assert machine.thread.process.exit_status is None
    assert waits(machine.thread), "nor does a call hear of it"
    assert linux_of_process(machine.thread.process).pending.mask == 0


@pytest.mark.parametrize("number", [SIGSTOP, SIGTSTP, SIGTTIN])
@pytest.mark.parametrize("orphaned", [False, True])
def test_what_stops_a_process(machine: Machine, number: int, orphaned: bool) -> None:
    """A terminal's signals stop only who can be continued by a shell."""
    child = machine.process(parent=machine.thread.process)
    if not orphaned:
        child.new_group()
    child.signal(number)
    stops = number == SIGSTOP or not orphaned
    assert (child.stopped, cast(Guest, child.first_thread.guest).running) == (stops, not stops)
    assert child.exit_status is None


def test_ignored_signals_are_not_even_kept(machine: Machine) -> None:
    linux_of_process(machine.thread.process).dispositions = Dispositions.ignoring(frozenset({SIGTERM}))
    kill(machine, SIGTERM)
    assert linux_of_process(machine.thread.process).pending.mask == 0
    linux_of(machine.thread).mask = bit(SIGTERM)
    kill(machine, SIGTERM)
    assert linux_of_process(machine.thread.process).pending.mask == bit(SIGTERM), (
        "it may be handled once unblocked"
    )
    linux_of(machine.thread).mask = 0
    assert machine.call("getpid") == machine.thread.process.id


def test_what_was_blocked_and_does_nothing_is_gone_when_it_is_unblocked(machine: Machine) -> None:
    state = linux_of(machine.thread)
    state.mask = mask_of(SIGCHLD, SIGUSR1)
    kill(machine, SIGCHLD)
    machine.put(mask_of(SIGUSR1).to_bytes(8, "little"))
    assert machine.call("rt_sigprocmask", 2, BASE, 0, 8) == 0
    assert (linux_of_process(machine.thread.process).pending.mask, machine.thread.attention) == (0, False)
    assert machine.thread.process.exit_status is None


def test_init_hears_nothing(machine: Machine) -> None:
    init = machine.state.processes.init
    init.signal(SIGKILL)
    init.signal(SIGTERM)
    assert (init.exit_status, linux_of_process(init).pending.mask) == (None, 0)


# ---- threads


def test_a_signal_goes_to_a_thread_that_does_not_block_it(machine: Machine) -> None:
    process, first = machine.thread.process, machine.thread
    other = machine.another_thread(process)
    prepare(other)
    handle(process, SIGUSR1, SIGHUP)
    kill(machine, SIGHUP)
    assert (handled(first), handled(other)) == (SIGHUP, 0), "the first if it can"
    linux_of(first).mask |= bit(SIGUSR1)
    kill(machine, SIGUSR1)
    assert (handled(first), handled(other)) == (SIGHUP, SIGUSR1)
    kill(machine, SIGUSR1)
    assert linux_of_process(process).pending.mask == bit(SIGUSR1), "nobody takes it"
    leave_handler(machine)
    assert linux_of_process(process).pending.mask == 0, "the first has unblocked it"


def test_a_signal_for_one_thread_waits_for_that_one(machine: Machine) -> None:
    process = machine.thread.process
    other = machine.another_thread(process)
    prepare(other)
    handle(process, SIGUSR1)
    linux_of(other).mask = bit(SIGUSR1)
    kill(machine, SIGUSR1, other)
    assert (handled(machine.thread), handled(other)) == (0, 0)
    assert (linux_of(other).pending.mask, linux_of_process(process).pending.mask) == (bit(SIGUSR1), 0)
    assert machine.call("tgkill", process.id + 4000, other.id, SIGUSR1) == -errno.ESRCH


def test_a_deadly_signal_for_one_thread_ends_them_all(machine: Machine) -> None:
    other = machine.another_thread(machine.thread.process)
    kill(machine, SIGTERM, other)
    assert (machine.guest.killed, machine.thread.process.threads) == (True, {})
