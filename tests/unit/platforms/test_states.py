"""Whatever form the host has of a thread, and whatever is asked of it: it goes on as it was, and no call is made twice."""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Callable

import pytest

from lichen.executive.interfaces import Backing, GuestThread, Map
from lichen.platforms.native import host
from lichen.platforms.native.thread import NativeThread, State
from tests.unit.platforms.test_native import (
    CODE,
    EXIT_NUMBER,
    FOREVER,
    RUNNING_NUMBER,
    Bench,
    _content,
    bench,
    call,
    nt_call,
)

__all__ = ["bench"]
RESULT = 99
MEMBARRIER = 324
FUTEX = 202
_COUNT = b"\xff\xc3"  # inc ebx
_KEEP_RESULT = b"\x89\xc7"  # mov edi, eax


def once(linux: bool) -> bytes:
    """Make one call, and hand its result to exit."""
    return (call(RUNNING_NUMBER) if linux else nt_call(15)) + _KEEP_RESULT + FOREVER


def look(guest: NativeThread) -> None:
    with guest.at_rest():
        assert guest.registers.rip


def change_memory(guest: NativeThread) -> None:
    with guest.at_rest():
        guest.change_memory([Map(0x900000, 4096, 3)])


def look_twice(guest: NativeThread) -> None:
    with guest.at_rest():
        look(guest)


def signal_from_the_host(guest: NativeThread) -> None:
    os.kill(guest.tid, signal.SIGWINCH)


def fault_from_the_host(guest: NativeThread) -> None:
    os.kill(guest.tid, signal.SIGSEGV)


def freeze(guest: NativeThread) -> None:
    """What the host does to every task when it goes to sleep: calls are cut short, and issued again."""
    if guest.state != State.STOPPED:
        host.ptrace(host.INTERRUPT, guest.tid)
        os.waitpid(guest.tid, host.ANY_CHILD)
        host.ptrace(host.CONT, guest.tid)


OPERATIONS = [look, look_twice, change_memory, signal_from_the_host, fault_from_the_host, freeze]
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
each_world = pytest.mark.parametrize("linux", [True, False], ids=["linux", "nt"])


def new_guest(bench: Bench, code: bytes, linux: bool) -> NativeThread:
    return bench.prepare(bench.platform.blank() if linux else bench.platform.enable_nt().blank(), code)


def settle(bench: Bench, seconds: float = 0.02) -> None:
    """Take what the platform has to report, until nothing comes any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        bench.platform.step(0.005)


def result_of(bench: Bench, guest: NativeThread) -> int:
    """What the guest's call gave it, once it computes again."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        bench.platform.step(0.005)
        with guest.at_rest():
            if guest.registers.rdi == guest.registers.rax & 0xFFFFFFFF and guest.registers.rip > CODE + 7:
                return int(guest.registers.rdi)
    raise AssertionError("the guest does not go on")


@each_world
@each_operation
def test_a_held_call_stays_held(bench: Bench, operation: Callable[[NativeThread], None], linux: bool) -> None:
    bench.events.answer = lambda guest, number: None
    guest = new_guest(bench, once(linux), linux)
    guest.resume()
    while not bench.events.calls:
        bench.platform.step(5)
    for _ in range(3):
        operation(guest)
        settle(bench)
    assert guest.state in (State.HELD, State.STOPPED)
    guest.complete(RESULT)
    assert result_of(bench, guest) == RESULT
    assert (len(bench.events.calls), bench.events.faults) == (1, [])


@each_world
@pytest.mark.parametrize("operation", [signal_from_the_host, freeze], ids=["signal", "freeze"])
def test_an_answer_that_comes_too_late_is_kept(
    bench: Bench, operation: Callable[[NativeThread], None], linux: bool
) -> None:
    def answer(guest: GuestThread, number: int) -> int:
        assert isinstance(guest, NativeThread)
        operation(guest)
        time.sleep(0.02)
        return RESULT

    bench.events.answer = answer
    guest = new_guest(bench, once(linux), linux)
    guest.resume()
    assert result_of(bench, guest) == RESULT
    assert len(bench.events.calls) == 1


def test_an_answer_that_came_too_late_is_in_the_registers_of_a_stopped_thread(bench: Bench) -> None:
    bench.events.answer = lambda guest, number: None
    guest = new_guest(bench, once(linux=True), linux=True)
    guest.resume()
    bench.step_until_call(RUNNING_NUMBER)
    freeze(guest)
    time.sleep(0.02)
    guest.complete(RESULT)
    with guest.at_rest():
        assert guest.registers.rax == RESULT
    assert result_of(bench, guest) == RESULT
    assert len(bench.events.calls) == 1


@each_world
@each_operation
def test_a_thread_that_computes_goes_on(
    bench: Bench, operation: Callable[[NativeThread], None], linux: bool
) -> None:
    guest = new_guest(bench, _COUNT + b"\xeb\xfc", linux)
    guest.resume()
    before = 0
    for _ in range(20):
        operation(guest)
        bench.platform.step(0.001)
        deadline = time.monotonic() + 5
        while True:
            with guest.at_rest():
                count, rip = guest.registers.rbx, guest.registers.rip
            assert CODE <= rip <= CODE + 2
            if count != before:
                break
            assert time.monotonic() < deadline
        before = count
    assert (bench.events.calls, bench.events.faults) == ([], [])


@each_world
@each_operation
def test_a_stopped_thread_stays_stopped(
    bench: Bench, operation: Callable[[NativeThread], None], linux: bool
) -> None:
    guest = new_guest(bench, _COUNT + b"\xeb\xfc", linux)
    guest.resume()
    assert guest.stop()
    saved = guest.registers.save()
    for _ in range(3):
        operation(guest)
        bench.platform.step(0.001)
    assert guest.state == State.STOPPED
    assert guest.registers.save() == saved


@each_world
@pytest.mark.parametrize("operation", OPERATIONS[:5], ids=lambda operation: operation.__name__)
def test_a_call_that_the_kernel_has_not_seen_is_made_once(
    bench: Bench, operation: Callable[[NativeThread], None], linux: bool
) -> None:
    """It is sent and waits, or the platform has received it while it waited for another thread."""
    bench.events.answer = lambda guest, number: RESULT
    content = bench.platform.page_cache.insert("image", lambda: _content(b"MZ"), 2)
    other = bench.guest(FOREVER)
    for received in (False, True):
        bench.events.calls.clear()
        guest = new_guest(bench, once(linux), linux)
        guest.resume()
        time.sleep(0.02)
        if received:
            other.change_memory([Map(0x700000, 4096, 1, Backing(None, content))] * 2)
        operation(guest)
        assert result_of(bench, guest) == RESULT
        assert len(bench.events.calls) == 1


@each_world
@each_operation
def test_calls_one_after_the_other_are_counted_right(
    bench: Bench, operation: Callable[[NativeThread], None], linux: bool
) -> None:
    """A thread that is disturbed wherever it happens to be: each call is made once, and each result is the kernel's."""
    made = 0

    def answer(guest: GuestThread, number: int) -> int:
        nonlocal made
        made += 1
        return RESULT

    bench.events.answer = answer
    one = (
        (call(RUNNING_NUMBER) if linux else nt_call(15))
        + b"\x83\xf8"
        + bytes((RESULT,))
        + b"\x75\x04"
        + _COUNT
    )
    guest = new_guest(bench, one + b"\xeb" + struct.pack("<b", -len(one) - 2) + b"\x0f\x0b", linux)
    guest.resume()
    for _ in range(200):
        operation(guest)
        bench.platform.step(0.001)
    assert guest.stop()
    assert made - 1 <= guest.registers.rbx <= made
    assert bench.events.faults == []


def test_a_call_that_the_host_is_to_carry_out_is_carried_out_by_a_stopped_thread(bench: Bench) -> None:
    bench.events.answer = lambda guest, number: None
    guest = bench.guest(call(MEMBARRIER) + _KEEP_RESULT + call(EXIT_NUMBER))
    guest.registers.rdi = guest.registers.rsi = 0
    guest.resume()
    bench.step_until_call(MEMBARRIER)
    assert guest.stop()
    guest.proceed()
    bench.step_until_call(EXIT_NUMBER)
    assert 0 < bench.events.calls[-1][1][0] < 1 << 12  # what commands there are


def test_a_wait_that_the_host_answers_survives_a_change_of_memory(bench: Bench) -> None:
    guest = bench.guest(b"\x45\x31\xd2" + call(FUTEX) + _KEEP_RESULT + call(EXIT_NUMBER))  # xor r10d, r10d
    guest.registers.rdi, guest.registers.rsi, guest.registers.rdx = 0x500000, 128, 0
    guest.resume()
    time.sleep(0.02)
    for _ in range(3):
        change_memory(guest)
        time.sleep(0.01)
    assert bench.events.calls == []
    guest.stop()
    guest.memory.write(0x500000, b"\x01")
    guest.resume()  # the wait begins again, and finds another value
    bench.step_until_call(EXIT_NUMBER)
    assert bench.events.calls[-1][1][0] == (-11) & 0xFFFFFFFF
