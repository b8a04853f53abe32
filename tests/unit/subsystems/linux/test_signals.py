"""Signals: which thread gets one and when, what runs, what becomes of the call, and how stops and continues meet."""

from __future__ import annotations

import errno
from typing import cast

import pytest

from lichen.executive.interfaces import Fault
from lichen.executive.limits import RLIMIT_SIGPENDING
from lichen.executive.processes import ExitStatus, Process, Thread
from lichen.subsystems.linux import sending, signals
from lichen.subsystems.linux.numbers import AMD64_NUMBERS
from lichen.subsystems.linux.records import Sigaction
from lichen.subsystems.linux.signals import (
    ALL,
    NEVER_BLOCKED,
    SA_NOCLDSTOP,
    SA_NODEFER,
    SA_ONSTACK,
    SA_RESETHAND,
    SA_RESTART,
    SIG_DFL,
    SIG_IGN,
    SIGABRT,
    SIGCHLD,
    SIGCONT,
    SIGFPE,
    SIGHUP,
    SIGINT,
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
    Pending,
    bit,
    mask_of,
)
from lichen.subsystems.linux.state import SS_AUTODISARM, AlternateStack, linux_of, linux_of_process
from tests.unit.abi.guest import BASE
from tests.unit.subsystems.linux.machine import Guest, Machine

HANDLER, RESTORER, PROGRAM, STACK = 0x5000, 0x6000, 0x7000, BASE + 0xF00
EINTR = -errno.EINTR & 0xFFFFFFFFFFFFFFFF
REAL_TIME = 34


@pytest.fixture
def machine() -> Machine:
    """Its thread runs at PROGRAM, with a stack that ends at STACK."""
    machine = Machine()
    prepare(machine.thread)
    return machine


def prepare(thread: Thread) -> None:
    registers = thread.guest.registers
    registers.rip, registers.rsp, registers.orig_rax = PROGRAM, STACK, -1


def handle(process: Process, *numbers: int, flags: int = 0, mask: int = 0) -> None:
    for number in numbers:
        action = Sigaction(HANDLER + number, flags, RESTORER, mask)
        linux_of_process(process).dispositions.actions[number] = action


def handled(thread: Thread) -> int:
    """The signal whose handler the thread is at; 0 for none."""
    registers = thread.guest.registers
    if not cast(Guest, thread.guest).running or registers.rip < HANDLER or registers.rip >= RESTORER:
        return 0
    assert registers.rip == HANDLER + registers.rdi
    return registers.rdi


def waits(thread: Thread) -> bool:
    """Whether the thread waits in a call."""
    return thread.parking is not None


def leave_handler(machine: Machine) -> None:
    """The handler ends as the C library's does: by its restorer, which calls rt_sigreturn."""
    machine.guest.registers.rsp += 8
    assert machine.call("rt_sigreturn") is None


def sender(machine: Machine) -> Thread:
    """Another process of the same user."""
    return machine.process().first_thread


def kill(machine: Machine, number: int, thread: Thread | None = None) -> None:
    """Another process sends a signal to the machine's first, or to one thread of it."""
    target = thread or machine.thread
    if thread is None:
        assert machine.call("kill", target.process.id, number, thread=sender(machine)) == 0
    else:
        assert machine.call("tkill", thread.id, number, thread=sender(machine)) == 0


# ---- queues


def test_one_of_each_standard_signal_and_all_real_time_ones_wait() -> None:
    pending = Pending()
    for number, information in ((10, b"1"), (10, b"2"), (40, b"1"), (40, b"2"), (35, b"3")):
        assert pending.add(number, information)
    assert [pending.take(ALL) for _ in range(5)] == [(10, b"1"), (35, b"3"), (40, b"1"), (40, b"2"), None]
    assert (pending.mask, pending.queued, pending.queues) == (0, 0, {})


def test_faults_come_first_and_then_the_lowest_that_is_wanted() -> None:
    pending = Pending()
    for number in (SIGTERM, SIGSEGV, SIGHUP, SIGFPE):
        pending.add(number, b"")
    taken = [pending.take(ALL & ~bit(SIGHUP)) for _ in range(4)]
    assert [one and one[0] for one in taken] == [SIGFPE, SIGSEGV, SIGTERM, None]
    assert pending.mask == bit(SIGHUP)


def test_only_so_many_real_time_signals_wait() -> None:
    pending = Pending()
    assert [pending.add(number, b"", 2) for number in (33, 64, 33)] == [True, True, False]
    assert pending.add(SIGHUP, b"", 0), "there is always room for one of a standard signal"
    pending.take(bit(64))
    assert pending.add(33, b"", 2)


def test_what_waits_is_found_replaced_and_dropped() -> None:
    pending, first, second = Pending(), bytes(bytearray(b"first")), bytes(bytearray(b"first"))
    pending.add(40, first)
    pending.add(40, second)
    assert pending.holds(40, second)
    pending.replace(40, second, b"new")
    assert (pending.holds(40, second), pending.holds(41, first)) == (False, False)
    assert (pending.take(ALL), pending.take(ALL)) == ((40, first), (40, b"new"))
    for number in (SIGHUP, SIGINT, 40, 40):
        pending.add(number, b"")
    pending.discard(mask_of(SIGHUP, 40))
    assert (pending.mask, pending.queued) == (bit(SIGINT), 0)


def test_what_exec_and_fork_make_of_dispositions() -> None:
    dispositions = Dispositions(
        {
            SIGHUP: Sigaction(SIG_IGN, 1, 2, 3),
            SIGINT: Sigaction(HANDLER, SA_RESTART, RESTORER, 3),
        }
    )
    copy = dispositions.copy()
    copy.reset(SIGINT)
    assert copy.get(SIGINT) == Sigaction(SIG_DFL, SA_RESTART, RESTORER, 3)
    assert dispositions.get(SIGINT).handler == HANDLER
    after = dispositions.after_exec()
    assert (after.get(SIGHUP).handler, after.get(SIGINT)) == (SIG_IGN, signals.DEFAULT)
    assert dispositions.ignored() == frozenset({SIGHUP})
    ignored = [number for number in range(1, 65) if after.is_ignored(number)]
    assert ignored == [SIGHUP, SIGCHLD, SIGCONT, SIGURG, SIGWINCH]


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


# ---- calls


def wait(machine: Machine, name: str) -> int:
    """Have the first thread wait in a call; its number."""
    if name == "wait4":
        machine.process(parent=machine.thread.process)
        assert machine.call("wait4", -1 & 0xFFFFFFFF, 0, 0, 0) is None
    elif name == "rt_sigtimedwait":
        machine.put(bytes(8))
        assert machine.call("rt_sigtimedwait", BASE, 0, 0, 8) is None
    else:
        assert machine.call(name) is None
    assert waits(machine.thread)
    return AMD64_NUMBERS[name]


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


# ---- stops and continues


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
