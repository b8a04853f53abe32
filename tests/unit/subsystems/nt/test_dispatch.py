"""What becomes of an NT call and of its thread: statuses, what is taken back, APCs, alerts, exceptions, signals; no guests."""

from __future__ import annotations

import signal as posix
import struct
from typing import Any, cast

import pytest

from lichen.abi.memory import BadAddress
from lichen.executive.address_space import Region
from lichen.executive.interfaces import Fault
from lichen.executive.processes import ExitStatus
from lichen.executive.status import POSIX, Failure, Interrupted, Status
from lichen.subsystems.nt import context
from lichen.subsystems.nt.generations import WINE_8, WINE_10, Generation
from lichen.subsystems.nt.protection import PAGE_GUARD, PAGE_READWRITE
from lichen.subsystems.nt.shared_data import TICK
from lichen.subsystems.nt.state import UserApc, nt_of, nt_of_process
from lichen.subsystems.nt.status import NtStatus
from tests.unit.abi.guest import BASE
from tests.unit.subsystems.nt.machine import (
    APC_DISPATCHER,
    EXCEPTION_DISPATCHER,
    PROGRAM,
    STACK,
    STRANGE,
    UNDECLARED,
    Machine,
)

ROUTINE = 0x5100_0000
KERNEL, MAPERR = 0x80, 1


@pytest.fixture
def machine() -> Machine:
    return Machine()


# ---- calls


def test_what_is_missing_says_so_and_is_counted(machine: Machine) -> None:
    assert machine.call(UNDECLARED) == Status.NOT_IMPLEMENTED
    assert machine.call(UNDECLARED) == Status.NOT_IMPLEMENTED
    assert machine.call(STRANGE) == NtStatus.INVALID_SYSTEM_SERVICE
    assert dict(machine.nt.missing) == {"NtLater": 2, "call_0x801": 1}


def test_a_call_gets_its_arguments_from_registers_and_stack(machine: Machine) -> None:
    event, handle = machine.event()
    machine.guest.memory.write(BASE, struct.pack("<2Q", handle, handle) + struct.pack("<q", 0))
    assert machine.call("NtWaitForMultipleObjects", 2, BASE, 1, 0, BASE + 16) == Status.TIMEOUT
    event.event.set()
    assert machine.call("NtWaitForMultipleObjects", 2, BASE, 1, 0, BASE + 16) == 0
    assert machine.call("NtSetEvent", 0x4444, 0) == Status.INVALID_HANDLE
    assert machine.call("NtWaitForMultipleObjects", 2, 0x10, 1, 0, 0) == Status.ACCESS_VIOLATION


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Failure(Status.ACCESS_DENIED), Status.ACCESS_DENIED),
        (Failure(POSIX | 5), Status.UNSUCCESSFUL),
        (BadAddress(0), Status.ACCESS_VIOLATION),
        (Interrupted(), Status.ALERTED),
        (FileNotFoundError(2, "nothing"), Status.OBJECT_NAME_NOT_FOUND),
    ],
)
def test_the_status_of_a_call_that_failed(machine: Machine, error: Exception, status: int) -> None:
    assert machine.nt.failed(machine.thread, error) == status


def test_what_the_kernel_did_wrong_is_no_status(machine: Machine) -> None:
    with pytest.raises(ZeroDivisionError):
        machine.nt.failed(machine.thread, ZeroDivisionError())


def test_a_call_that_fails_leaves_nothing(machine: Machine) -> None:
    """What it has made is taken back, the latest first; another thread may have been faster."""
    taken_back, undo = list[str](), nt_of(machine.thread).undo

    def gone() -> None:
        raise Failure(Status.INVALID_HANDLE)

    undo += [lambda: taken_back.append("first"), gone, lambda: taken_back.append("last")]
    machine.nt.failed(machine.thread, Failure(Status.NO_MEMORY))
    assert (taken_back, undo) == (["last", "first"], [])
    undo.append(lambda: taken_back.append("of an earlier call"))
    machine.call("NtYieldExecution")
    machine.nt.failed(machine.thread, Failure(Status.NO_MEMORY))
    assert len(taken_back) == 2


def test_ranges_that_a_thread_gave_back_are_free_when_it_comes_again(machine: Machine) -> None:
    space = machine.thread.process.space
    space.draining[machine.thread] = [range(0x90000, 0xA0000)]
    machine.call("NtYieldExecution")
    assert space.is_free(0x90000, 0xA0000)


# ---- APCs


def queue(machine: Machine, number: int, target: object = None) -> int | None:
    """Another thread of the process queues an APC with three arguments to the first."""
    other = machine.another_thread(machine.thread.process)
    try:
        handle = machine.handle_to(machine.thread)
        return machine.call("NtQueueApcThread", handle, ROUTINE, number, 2, 3, thread=other)
    finally:
        other.exit(0)


def apc(machine: Machine) -> tuple[int, int]:
    """(first argument, status that its call will end with) of the APC that the thread is about to run."""
    registers, memory = machine.guest.registers, machine.guest.memory
    assert machine.guest.running
    assert registers.rip == APC_DISPATCHER
    if machine.nt.generation is WINE_8:
        captured = context.LAYOUT.read(memory, registers.rcx)
        assert (registers.r8, registers.r9) == (2, 3)
        assert struct.unpack("<Q", memory.read(registers.rsp + 8 + 32, 8)) == (ROUTINE,)
        return registers.rdx, captured.rax
    captured = context.LAYOUT.read(memory, registers.rsp)
    assert (captured.p2_home, captured.p3_home, captured.p4_home) == (2, 3, ROUTINE)
    return captured.p1_home, captured.rax


def go_on(machine: Machine) -> None:
    """The APC is done: the dispatcher continues what was interrupted."""
    registers = machine.guest.registers
    where = registers.rcx if machine.nt.generation is WINE_8 else registers.rsp
    machine.call("NtContinue", where, 1)


@pytest.mark.parametrize("generation", [WINE_8, WINE_10])
def test_apcs_run_in_their_order_and_then_the_call_ends(generation: Generation) -> None:
    machine = Machine(generation)
    for number in (5, 6, 7):
        assert queue(machine, number) == Status.SUCCESS
    assert (machine.guest.registers.rip, machine.guest.running) == (PROGRAM, True), "it does not wait"
    assert machine.call("NtYieldExecution") is not None
    machine.call("NtTestAlert")
    ran = []
    while machine.guest.registers.rip == APC_DISPATCHER:
        ran.append(apc(machine))
        go_on(machine)
    assert [number for number, _ in ran] == [5, 6, 7]
    assert {status for _, status in ran} == {Status.USER_APC}
    registers = machine.guest.registers
    assert (registers.rip, registers.rsp, registers.rax) == (PROGRAM, STACK, Status.USER_APC)
    assert not machine.thread.attention


def test_an_apc_ends_an_alertable_wait_only(machine: Machine) -> None:
    event, handle = machine.event()
    assert machine.call("NtWaitForSingleObject", handle, 0, 0) is None
    queue(machine, 1)
    assert machine.thread.parking is not None
    event.event.set()
    machine.scheduler.step()
    assert machine.answer() == Status.SUCCESS
    event.event.reset()
    machine.call("NtWaitForSingleObject", handle, 1, 0)
    assert apc(machine) == (1, Status.USER_APC), "it was there already"
    go_on(machine)
    assert machine.call("NtWaitForSingleObject", handle, 1, 0) is None
    queue(machine, 2)
    assert apc(machine) == (2, Status.USER_APC)
    assert event.event.waiters == {}


def test_an_object_that_is_there_already_comes_before_an_apc(machine: Machine) -> None:
    event, handle = machine.event()
    event.event.set()
    queue(machine, 1)
    assert machine.call("NtWaitForSingleObject", handle, 1, 0) == Status.SUCCESS
    assert len(nt_of(machine.thread).apcs) == 1


@pytest.mark.parametrize("name", ["NtDelayExecution", "NtWaitForSingleObject", "NtRemoveIoCompletionEx"])
def test_an_alert_ends_an_alertable_wait(machine: Machine, name: str) -> None:
    arguments = waits(machine)[name]
    other = machine.another_thread(machine.thread.process)
    alerts = machine.handle_to(machine.thread)
    assert machine.call(name, *arguments) is None
    assert machine.call("NtAlertThread", alerts, thread=other) == Status.SUCCESS
    assert machine.answer() == Status.ALERTED
    assert machine.call(name, *arguments) is None, "one alert, one wait"


@pytest.mark.parametrize("name", ["NtDelayExecution", "NtWaitForSingleObject", "NtRemoveIoCompletionEx"])
def test_an_alert_that_came_before_the_wait_ends_it_at_once(machine: Machine, name: str) -> None:
    arguments = waits(machine)[name]
    other = machine.another_thread(machine.thread.process)
    alerts = machine.handle_to(machine.thread)
    assert machine.call("NtAlertThread", alerts, thread=other) == Status.SUCCESS
    assert machine.call(name, *arguments) == Status.ALERTED
    assert machine.call(name, *arguments) is None


def test_an_alert_is_asked_for(machine: Machine) -> None:
    other = machine.another_thread(machine.thread.process)
    machine.call("NtAlertThread", machine.handle_to(machine.thread), thread=other)
    assert machine.call("NtTestAlert") == Status.ALERTED
    assert machine.call("NtTestAlert") == Status.SUCCESS


def waits(machine: Machine) -> dict[str, tuple[int, ...]]:
    """Alertable waits without end."""
    _, event = machine.event()
    assert machine.call("NtCreateIoCompletion", BASE, 0x1F0003, 0, 0) == Status.SUCCESS
    (queue,) = struct.unpack("<Q", machine.guest.memory.read(BASE, 8))
    return {
        "NtDelayExecution": (1, 0),
        "NtWaitForSingleObject": (event, 1, 0),
        "NtRemoveIoCompletionEx": (queue, BASE + 0x100, 1, BASE + 0x80, 0, 1),
    }


def test_a_thread_that_is_suspended_runs_its_apc_afterwards(machine: Machine) -> None:
    _, handle = machine.event()
    machine.call("NtWaitForSingleObject", handle, 1, 0)
    machine.thread.suspend()
    queue(machine, 4)
    assert not machine.guest.running
    machine.thread.resume()
    assert apc(machine) == (4, Status.USER_APC)


def test_an_apc_without_room_for_its_frame_ends_the_process(machine: Machine) -> None:
    queue(machine, 1)
    machine.guest.registers.rsp = 0x100
    machine.call("NtTestAlert")
    assert machine.thread.process.exit_status == ExitStatus(Status.ACCESS_VIOLATION, posix.SIGSEGV)


def test_a_null_apc_wakes_nobody_and_a_dead_thread_takes_none(machine: Machine) -> None:
    other = machine.another_thread(machine.thread.process)
    handle = machine.handle_to(other)
    assert machine.call("NtQueueApcThread", handle, 0, 1, 2, 3) == Status.SUCCESS
    assert not nt_of(other).apcs
    other.exit(0)
    assert machine.call("NtQueueApcThread", handle, ROUTINE, 1, 2, 3) == Status.UNSUCCESSFUL


# ---- exceptions


def fault(machine: Machine, number: int, code: int = 0, address: int = 0, error: int = 0) -> None:
    machine.guest.running = False
    machine.scheduler.fault(cast(Any, machine.guest), Fault(number, code, address, error))
    assert not machine.scheduler.errors


def raised(machine: Machine) -> tuple[int, int, tuple[int, ...]]:
    """(code, address, parameters) of the exception that the dispatcher is given."""
    registers, memory = machine.guest.registers, machine.guest.memory
    assert machine.guest.running
    assert registers.rip == EXCEPTION_DISPATCHER
    assert registers.rsp % 16 == 0
    captured = context.LAYOUT.read(memory, registers.rsp)
    assert captured.rsp == STACK
    record = registers.rsp + context.LAYOUT.size + 0x20
    code, _, _, address, count = struct.unpack("<IIQQI", memory.read(record, 28))
    assert captured.rip == address
    return code, address, struct.unpack(f"<{count}Q", memory.read(record + 32, 8 * count))


@pytest.mark.parametrize(
    ("number", "code", "error", "exception"),
    [
        (posix.SIGSEGV, MAPERR, 0, (Status.ACCESS_VIOLATION, PROGRAM, (0, 0x123))),
        (posix.SIGSEGV, MAPERR, 2, (Status.ACCESS_VIOLATION, PROGRAM, (1, 0x123))),
        (posix.SIGSEGV, MAPERR, 16, (Status.ACCESS_VIOLATION, PROGRAM, (8, 0x123))),
        (posix.SIGSEGV, KERNEL, 0, (Status.ACCESS_VIOLATION, PROGRAM, (0, 0xFFFFFFFFFFFFFFFF))),
        (posix.SIGBUS, 2, 0, (Status.ACCESS_VIOLATION, PROGRAM, (0, 0x123))),
        (posix.SIGFPE, 1, 0, (NtStatus.INTEGER_DIVIDE_BY_ZERO, PROGRAM, ())),
        (posix.SIGFPE, 7, 0, (NtStatus.FLOAT_INVALID_OPERATION, PROGRAM, ())),
        (posix.SIGILL, 2, 0, (NtStatus.ILLEGAL_INSTRUCTION, PROGRAM, ())),
        (posix.SIGTRAP, 2, 0, (NtStatus.SINGLE_STEP, PROGRAM, ())),
        (posix.SIGTRAP, KERNEL, 0, (NtStatus.BREAKPOINT, PROGRAM - 1, (0,))),
    ],
)
def test_a_trap_becomes_an_exception(
    machine: Machine, number: int, code: int, error: int, exception: tuple[int, int, tuple[int, ...]]
) -> None:
    fault(machine, number, code, 0x123, error)
    assert raised(machine) == exception
    assert nt_of(machine.thread).last_exception == exception[:2]


def code_at(machine: Machine, data: bytes) -> int:
    """Put machine code where the thread is."""
    machine.guest.memory.write(BASE + 0x100, data)
    machine.guest.registers.rip = BASE + 0x100
    return BASE + 0x100


def test_a_call_in_disguise(machine: Machine) -> None:
    at = code_at(machine, b"\xcd\x2e")
    machine.guest.registers.rax = UNDECLARED | 0xFFFFFFFF << 32
    fault(machine, posix.SIGSEGV, KERNEL)
    assert (machine.answer(), machine.guest.registers.rip) == (Status.NOT_IMPLEMENTED, at + 2)


def test_a_fast_fail_runs_no_handler(machine: Machine) -> None:
    code_at(machine, b"\xcd\x29")
    fault(machine, posix.SIGSEGV, KERNEL)
    assert machine.thread.process.exit_status == ExitStatus(NtStatus.STACK_BUFFER_OVERRUN, posix.SIGABRT)


def test_a_debug_service_is_a_breakpoint(machine: Machine) -> None:
    at = code_at(machine, b"\xcd\x2d\xcc")
    machine.guest.registers.rax = 9
    fault(machine, posix.SIGSEGV, KERNEL)
    registers = machine.guest.registers
    captured = context.LAYOUT.read(machine.guest.memory, registers.rsp)
    assert (registers.rip, captured.rip, captured.rax) == (EXCEPTION_DISPATCHER, at + 3, 9)


def test_the_first_touch_of_a_guard_page_opens_it(machine: Machine) -> None:
    page = 0x90000
    space = machine.thread.process.space
    space.insert(Region(page, page + 0x2000, 0, state=PAGE_READWRITE | PAGE_GUARD))
    fault(machine, posix.SIGSEGV, MAPERR, page + 8, 2)
    assert raised(machine) == (Status.GUARD_PAGE_VIOLATION, PROGRAM, (1, page + 8))
    touched, rest = space.find(page), space.find(page + 0x1000)
    assert touched is not None
    assert rest is not None
    assert (touched.state, rest.state) == (PAGE_READWRITE, PAGE_READWRITE | PAGE_GUARD)
    assert [(change.address, change.size) for change in cast(Any, machine.guest.changes)] == [(page, 0x1000)]


@pytest.mark.parametrize("pointer", [0x100, 1 << 63])
def test_an_exception_without_room_ends_the_process(machine: Machine, pointer: int) -> None:
    machine.guest.registers.rsp = pointer
    fault(machine, posix.SIGFPE, 1)
    assert machine.thread.process.exit_status == ExitStatus(NtStatus.INTEGER_DIVIDE_BY_ZERO, posix.SIGFPE)


def test_unhandled_exceptions_as_a_linux_parent_sees_them(machine: Machine) -> None:
    for code, number in (
        (Status.ACCESS_VIOLATION, posix.SIGSEGV),
        (NtStatus.BREAKPOINT, posix.SIGTRAP),
        (0xE0000001, 0),
    ):
        process = machine.process()
        machine.nt.end_by_exception(process, code)
        assert process.exit_status == ExitStatus(code, number)


# ---- POSIX signals


@pytest.mark.parametrize("number", [0, posix.SIGCHLD, posix.SIGURG, posix.SIGCONT, posix.SIGWINCH])
def test_signals_that_mean_nothing(machine: Machine, number: int) -> None:
    machine.thread.process.signal(number)
    assert (machine.thread.process.exit_status, machine.thread.process.stopped) == (None, False)


@pytest.mark.parametrize("number", [posix.SIGTERM, posix.SIGINT, posix.SIGHUP, posix.SIGKILL, 34])
def test_signals_that_end(machine: Machine, number: int) -> None:
    machine.thread.process.signal(number)
    assert machine.thread.process.exit_status == ExitStatus.of_signal(number)


@pytest.mark.parametrize("number", [posix.SIGTERM, posix.SIGHUP, posix.SIGTSTP])
def test_what_its_starter_had_it_ignore(machine: Machine, number: int) -> None:
    process = machine.thread.process
    process.ignored = frozenset({posix.SIGTERM, posix.SIGHUP, posix.SIGTSTP, posix.SIGKILL, posix.SIGCONT})
    process.signal(number)
    assert (process.exit_status, process.stopped) == (None, False)
    assert machine.nt.ignores(machine.thread, number)
    assert not machine.nt.ignores(machine.thread, posix.SIGKILL)
    process.signal(posix.SIGSTOP)
    process.signal(posix.SIGCONT)
    assert not process.stopped
    process.signal(posix.SIGKILL)
    assert process.exit_status is not None


@pytest.mark.parametrize("orphaned", [True, False])
@pytest.mark.parametrize("number", [posix.SIGSTOP, posix.SIGTSTP, posix.SIGTTOU])
def test_signals_that_stop(machine: Machine, number: int, orphaned: bool) -> None:
    process = machine.thread.process
    if not orphaned:
        process.new_group()
    process.signal(number)
    assert process.stopped == (number == posix.SIGSTOP or not orphaned)
    assert machine.guest.running == (not process.stopped)
    process.signal(posix.SIGCONT)
    assert (process.stopped, machine.guest.running) == (False, True)


# ---- time, and the end


def test_the_shared_time_rests_while_nobody_could_read_it(machine: Machine) -> None:
    def pass_time() -> int:
        before = machine.ticks
        for _ in range(5):
            machine.now += TICK
            machine.scheduler.step()
        return machine.ticks - before

    assert pass_time() == 5
    event, handle = machine.event()
    machine.call("NtWaitForSingleObject", handle, 0, 0)
    pass_time()
    assert pass_time() == 0
    before = machine.ticks
    event.event.set()
    machine.scheduler.step()
    assert (machine.answer(), machine.ticks) == (Status.SUCCESS, before + 1), (
        "it is right before anybody runs"
    )
    assert pass_time() == 5


def test_a_parent_keeps_no_zombies(machine: Machine) -> None:
    parent = machine.thread.process
    child = machine.state.processes.new_process(parent, machine.nt)
    child.terminate(ExitStatus(3))
    assert (child.id in machine.state.processes, parent.children) == (False, {})


def test_what_a_thread_leaves_is_remembered(machine: Machine) -> None:
    other = machine.another_thread(machine.thread.process)
    other.exit(0)
    assert machine.thread.process.exit_status is None
    assert nt_of_process(machine.thread.process).left_memory


def test_more_apcs_than_anybody_needs(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lichen.subsystems.nt.calls.apc._MOST_APCS", 2)
    assert [queue(machine, number) for number in range(3)] == [0, 0, Status.INSUFFICIENT_RESOURCES]
    nt_of(machine.thread).apcs.clear()
    nt_of(machine.thread).apcs.append(UserApc(ROUTINE, (9, 2, 3)))
    assert queue(machine, 1) == Status.SUCCESS
