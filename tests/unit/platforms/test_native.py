"""The native platform by itself: guests of a few instructions, events taken by hand, no executive behind it."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lichen.abi.memory import BadAddress
from lichen.executive.interfaces import Backing, Fault, GuestThread, Map, Protect, Unmap
from lichen.platforms.native import host, stub
from lichen.platforms.native.nt import SHARED_DATA
from lichen.platforms.native.platform import NativePlatform
from lichen.platforms.native.thread import NativeThread
from tests.turns import until

CODE, DATA, STACK_TOP = 0x400000, 0x500000, 0x510000
RUNNING_NUMBER, EXIT_NUMBER = 110, 60
FOREVER = b"\xeb\xfe"


def call(number: int) -> bytes:
    """mov eax, number; syscall"""
    return b"\xb8" + struct.pack("<I", number) + b"\x0f\x05"


class Recorder:
    """Takes the platform's events; `answer` decides about calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, tuple[int, ...]]] = []
        self.faults: list[Fault] = []
        self.ended: list[GuestThread] = []
        self.answer: Callable[[GuestThread, int], int | None] = lambda guest, number: 0

    def system_call(self, guest: GuestThread, number: int, arguments: tuple[int, ...]) -> None:
        self.calls.append((number, arguments))
        if number == EXIT_NUMBER:
            guest.kill()
        elif (result := self.answer(guest, number)) is not None:
            guest.complete(result)

    def fault(self, guest: GuestThread, fault: Fault) -> None:
        self.faults.append(fault)
        guest.kill()

    def exited(self, guest: GuestThread) -> None:
        self.ended.append(guest)

    def watched(self, watch: Callable[[int], None], events: int) -> None:
        watch(events)


class Bench:
    """A platform with one guest thread and a recorder."""

    def __init__(self, processor: int | None = None) -> None:
        self.events = Recorder()
        self.platform = NativePlatform(self.events, processor, nt_stopping=(7,))

    def prepare(self, guest: NativeThread, code: bytes) -> NativeThread:
        guest.owner = None
        guest.change_memory([Map(CODE, 4096, 7), Map(DATA, 0x10000, 3)])
        guest.memory.write(CODE, code)
        guest.registers.clear()
        guest.registers.rip, guest.registers.rsp, guest.registers.eflags = CODE, STACK_TOP, 0x202
        return guest

    def guest(self, code: bytes) -> NativeThread:
        return self.prepare(self.platform.blank(), code)

    def run_to_end(self, guest: NativeThread) -> None:
        guest.resume()
        for _ in until(lambda: guest in self.events.ended, "the guest has ended"):
            self.platform.step(5)

    def step_until_call(self, number: int) -> None:
        calls = self.events.calls
        for _ in until(lambda: calls and calls[-1][0] == number, f"call {number} is made"):
            self.platform.step(5)


@pytest.fixture
def bench() -> Iterator[Bench]:
    affinity = os.sched_getaffinity(0)
    made = Bench()
    yield made
    made.platform.close()
    os.sched_setaffinity(0, affinity)


def test_stub_code_is_what_the_source_assembles_to(tmp_path: Path) -> None:
    source = Path(stub.__file__).with_name("stub.S")
    try:
        subprocess.run(["gcc", "-c", "-o", tmp_path / "stub.o", source], check=True)
        subprocess.run(
            ["objcopy", "-O", "binary", "-j", ".text", tmp_path / "stub.o", tmp_path / "stub.bin"], check=True
        )
    except FileNotFoundError:
        pytest.skip("needs gcc and binutils")
    assert (tmp_path / "stub.bin").read_bytes() == stub.CODE


def test_a_start_that_fails_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(builder: object, program: bytes) -> int:
        raise OSError("no filters here")

    monkeypatch.setattr("lichen.platforms.native.zygote._Builder._install", refuse)
    with pytest.raises(OSError, match="no filters"):
        NativePlatform(Recorder())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, host.ANY_CHILD | os.WNOHANG)


def test_two_platforms_in_one_process(bench: Bench) -> None:
    """Either may be told of what the other's guests do, and each ends its own only."""
    other = Bench()
    guests = [
        each.guest(call(RUNNING_NUMBER) + b"\x0f\x0b" + FOREVER) for each in (bench, other) for _ in range(2)
    ]
    for guest in guests:
        guest.resume()
    while not (len(bench.events.ended) == len(other.events.ended) == 2):
        for each in (bench, other):
            each.platform.step(0.01)
    assert set(bench.events.ended) == set(guests[:2])
    assert [fault.signal for fault in (*bench.events.faults, *other.events.faults)] == [signal.SIGILL] * 4
    survivor, victim = bench.guest(call(RUNNING_NUMBER) + FOREVER), other.guest(FOREVER)
    victim.resume()
    stranger = subprocess.Popen(["sleep", "100"])
    other.platform.close()
    assert not Path(f"/proc/{victim.tid}").exists()
    assert stranger.poll() is None
    stranger.kill()
    assert stranger.wait(timeout=20) == -signal.SIGKILL
    survivor.resume()
    bench.step_until_call(RUNNING_NUMBER)
    assert survivor.tid in bench.platform.threads


def test_calls_are_reported_and_answered(bench: Bench) -> None:
    bench.events.answer = lambda guest, number: 1234
    guest = bench.guest(call(RUNNING_NUMBER) + b"\x89\xc7" + call(EXIT_NUMBER))  # mov edi, eax
    bench.run_to_end(guest)
    assert [number for number, _ in bench.events.calls] == [RUNNING_NUMBER, EXIT_NUMBER]
    assert bench.events.calls[1][1][0] == 1234


def test_memory_is_mapped_protected_and_unmapped(bench: Bench) -> None:
    guest = bench.guest(FOREVER)
    offset = bench.platform.page_cache.insert("greeting", lambda: _content(b"hello"), 5)
    guest.change_memory([Map(0x700000, 4096, 1, Backing(None, offset)), Map(0x800000, 8192, 3)])
    assert guest.memory.read(0x700000, 5) == b"hello"
    assert guest.memory.cstring(0x700000, 100) == b"hello"
    with pytest.raises(BadAddress):
        guest.memory.write(0x700000, b"x")
    guest.change_memory([Protect(0x800000, 4096, 0), Unmap(0x801000, 4096)])
    for address in (0x800000, 0x801000):
        with pytest.raises(BadAddress):
            guest.memory.read(address, 1)


def _content(data: bytes) -> int:
    descriptor = os.memfd_create("content")
    os.write(descriptor, data)
    return descriptor


def test_a_shared_file_is_mapped_writable_and_the_descriptor_does_not_stay(bench: Bench) -> None:
    guest = bench.guest(FOREVER)
    descriptor = _content(b"before".ljust(4096, b"\0"))
    guest.change_memory([Map(0x700000, 4096, 3, Backing(descriptor, 0, True), True)])
    guest.memory.write(0x700000, b"behind")
    assert os.pread(descriptor, 6, 0) == b"behind"
    assert os.listdir(f"/proc/{guest.tid}/fd") == ["100"]
    os.close(descriptor)


def test_page_cache_descriptor_of_a_guest_is_read_only(bench: Bench) -> None:
    guest = bench.guest(FOREVER)
    with open(f"/proc/{guest.tid}/fdinfo/100") as file:
        flags = next(line for line in file if line.startswith("flags"))
    assert int(flags.split()[1], 8) & os.O_ACCMODE == os.O_RDONLY


def test_the_page_cache_takes_no_more_than_the_host_can_spare(bench: Bench) -> None:
    cache = bench.platform.page_cache
    assert cache.admits("small", 1 << 20)
    assert not cache.admits("large", 1 << 26)
    with pytest.raises(OSError, match="memory"):
        cache.insert("huge", lambda: _content(b""), 1 << 44)


def test_the_page_cache_keeps_what_a_guest_has_mapped(bench: Bench) -> None:
    guest = bench.guest(FOREVER)
    cache = bench.platform.page_cache
    kept, dropped = (cache.insert(key, lambda: _content(b"hello"), 4096) for key in ("kept", "dropped"))
    guest.change_memory([Map(0x700000, 4096, 1, Backing(None, kept))])
    cache.room, later = 0, time.monotonic() + 60
    cache.clock = lambda: later
    cache.insert("new", lambda: _content(b"new"), 4096)
    assert guest.memory.read(0x700000, 5) == b"hello"
    assert os.pread(cache.descriptor, 5, dropped) == bytes(5)


def test_stopping_a_running_thread_keeps_its_registers(bench: Bench) -> None:
    guest = bench.guest(b"\xbb\x2a\x00\x00\x00" + FOREVER)  # mov ebx, 42
    guest.resume()
    assert guest.stop()
    guest.stop()
    while guest.registers.rip != CODE + 5:
        guest.resume()
        assert guest.stop()
    assert guest.registers.rbx == 42


def test_a_held_call_that_is_stopped_is_completed_by_registers_and_not_made_again(bench: Bench) -> None:
    bench.events.answer = lambda guest, number: None
    guest = bench.guest(call(RUNNING_NUMBER) + b"\x89\xc7" + call(EXIT_NUMBER))
    guest.resume()
    bench.step_until_call(RUNNING_NUMBER)
    assert guest.stop()
    assert guest.registers.rip == CODE + 7
    guest.complete(99)
    bench.step_until_call(EXIT_NUMBER)
    assert [number for number, _ in bench.events.calls] == [RUNNING_NUMBER, EXIT_NUMBER]
    assert bench.events.calls[1][1][0] == 99


def test_a_fault_is_reported_with_its_address(bench: Bench) -> None:
    guest = bench.guest(b"\xa1" + struct.pack("<Q", 0x123456))  # mov eax, [0x123456]
    bench.run_to_end(guest)
    assert [(fault.signal, fault.address) for fault in bench.events.faults] == [(11, 0x123456)]


def test_a_guest_that_jumps_into_the_stub_dies(bench: Bench) -> None:
    for place in (stub.IDLE, stub.RUN, stub.IDLE_RESULT):
        guest = bench.guest(b"\x48\xb8" + struct.pack("<Q", place) + b"\xff\xe0")  # mov rax, place; jmp rax
        guest.registers.r12 = DATA
        bench.run_to_end(guest)
    assert bench.events.calls == []


def test_a_list_of_the_guests_own_cannot_map_the_page_cache(bench: Bench) -> None:
    guest = bench.guest(b"\x48\xb8" + struct.pack("<Q", stub.RUN) + b"\xff\xe0")
    guest.memory.write(DATA, struct.pack("<8Q", 9, 0x700000, 4096, 1, 0x12, 100, 4096, stub.END_OF_LIST))
    guest.registers.r12 = DATA
    bench.run_to_end(guest)
    assert bench.events.calls == []


def test_fork_copies_memory_and_registers(bench: Bench) -> None:
    guest = bench.guest(FOREVER)
    guest.memory.write(DATA, b"parent")
    guest.registers.rbx = 7
    child = guest.clone_process()
    child.owner = None
    child.memory.write(DATA, b"child!")
    assert guest.memory.read(DATA, 6) == b"parent"
    assert child.registers.rbx == 7
    assert child.registers.rip == CODE


def test_threads_share_memory(bench: Bench) -> None:
    guest = bench.guest(FOREVER)
    second = guest.clone_thread(STACK_TOP - 4096, None, 0)
    second.owner = None
    second.memory.write(DATA, b"shared")
    assert guest.memory.read(DATA, 6) == b"shared"
    assert second.registers.rsp == STACK_TOP - 4096


def test_memory_is_there_when_the_first_thread_has_left(bench: Bench) -> None:
    guest = bench.guest(FOREVER)
    other = guest.clone_thread(STACK_TOP - 0x1000, None, 0)
    guest.exit()
    while host.core.wait_for(guest.tid, bench.platform.signals, 1) is None and _state(guest.tid) != "Z":
        time.sleep(0.01)
    assert other.memory.read(CODE, 2) == FOREVER


def _state(tid: int) -> str:
    return Path(f"/proc/{tid}/stat").read_text().rpartition(")")[2].split()[0]


def test_guests_have_no_privilege_and_no_names(bench: Bench) -> None:
    guest = bench.guest(FOREVER)
    with open(f"/proc/{guest.tid}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert set(status["CapBnd"] + status["CapEff"] + status["CapPrm"]) == {"0"}
    if os.getuid() == 0:
        assert "0" not in status["Uid"].split()
    if bench.platform.zygote.isolation != "none":
        assert os.readlink(f"/proc/{guest.tid}/ns/pid") != os.readlink("/proc/self/ns/pid")


def nt_call(number: int) -> bytes:
    """mov eax, number; call [0x7ffe1000]"""
    return b"\xb8" + struct.pack("<I", number) + bytes.fromhex("ff14250010fe7f")


def test_nt_calls_come_through_the_dispatcher(bench: Bench) -> None:
    nt = bench.platform.enable_nt()
    results = []

    def answer(guest: GuestThread, number: int) -> int | None:
        if number == 7:
            results.append((guest.stopped, guest.registers.rax & 0xFFFFFFFF))
            guest.kill()
            return None
        return 0xC0000008

    bench.events.answer = answer
    store = b"\xa3" + struct.pack("<Q", DATA)  # mov [DATA], eax
    guest = bench.prepare(
        nt.blank(), b"\x49\xc7\xc2\x11\x00\x00\x00" + nt_call(15) + store + nt_call(7)
    )  # mov r10, 17
    bench.run_to_end(guest)
    assert [number for number, _ in bench.events.calls] == [15, 7]
    assert bench.events.calls[0][1][0] == 0x11
    assert bench.events.calls[0][1][4] == STACK_TOP + 0x28
    assert results[0][0]


def test_raw_linux_calls_of_nt_code_reach_the_kernel_as_nt_calls(bench: Bench) -> None:
    nt = bench.platform.enable_nt()
    numbers = (9, 24, 28, 35, 202)
    code = b"".join(call(number) for number in numbers) + call(EXIT_NUMBER)
    bench.run_to_end(bench.prepare(nt.blank(), code))
    assert [number for number, _ in bench.events.calls] == [*numbers, EXIT_NUMBER]


def test_nt_memory_operations_ride_in_the_reply(bench: Bench) -> None:
    nt = bench.platform.enable_nt()
    content = bench.platform.page_cache.insert("image", lambda: _content(b"MZ"), 2)

    def answer(guest: GuestThread, number: int) -> int:
        guest.change_memory_on_return(
            [Map(0x700000, 4096, 3), Map(0x710000, 4096, 1, Backing(None, content))]
        )
        return 0

    bench.events.answer = answer
    touch = b"\xa1" + struct.pack("<Q", 0x700000) + b"\xa1" + struct.pack("<Q", 0x710000)
    bench.run_to_end(bench.prepare(nt.blank(), nt_call(15) + touch + b"\x0f\x0b"))
    assert [fault.signal for fault in bench.events.faults] == [4]  # ud2: both reads went well


def test_an_answer_on_its_way_is_kept_when_the_thread_is_stopped(bench: Bench) -> None:
    nt = bench.platform.enable_nt()
    calls = 300

    def answer(guest: GuestThread, number: int) -> None:
        made = len(bench.events.calls)
        guest.change_memory_on_return([Map(0x700000 + made * 4096, 4096, 3)])
        guest.complete(0x55)
        assert guest.stop()
        assert guest.memory.read(0x700000 + made * 4096, 1) == b"\0"
        if made < calls:
            guest.resume()

    bench.events.answer = answer
    count = nt_call(15) + b"\xff\xc3"  # inc ebx
    guest = bench.prepare(nt.blank(), count + b"\xeb" + struct.pack("<b", -len(count) - 2))
    guest.resume()
    while len(bench.events.calls) < calls:
        bench.platform.step(5)
    assert calls - 1 <= guest.registers.rbx <= calls


def test_an_operation_of_a_reply_that_was_interrupted_is_carried_out(bench: Bench) -> None:
    nt = bench.platform.enable_nt()
    content = bench.platform.page_cache.insert("image", lambda: _content(b"MZ"), 2)
    other = bench.guest(FOREVER)
    of_cache = Map(0x700000, 4096, 1, Backing(None, content))

    def answer(guest: GuestThread, number: int) -> None:
        guest.change_memory_on_return([of_cache])
        guest.complete(0x55)
        meanwhile(other, of_cache)
        assert guest.stop()

    bench.events.answer = answer
    guest = bench.prepare(nt.blank(), nt_call(15) + FOREVER)
    guest.resume()
    bench.step_until_call(15)
    assert guest.registers.rip == CODE + len(nt_call(15))
    assert guest.memory.read(0x700000, 2) == b"MZ"


def test_a_stop_that_was_not_yet_reported_serves_whoever_wants_one(bench: Bench) -> None:
    content = bench.platform.page_cache.insert("image", lambda: _content(b"MZ"), 2)
    other = bench.guest(FOREVER)
    guest = bench.guest(b"\x0f\x0b")  # ud2
    guest.resume()
    meanwhile(other, Map(0x700000, 4096, 1, Backing(None, content)))
    assert guest.stop()
    assert guest.registers.rip == CODE
    bench.run_to_end(guest)
    assert [fault.signal for fault in bench.events.faults] == [4]


def meanwhile(other: NativeThread, operation: Map) -> None:
    """Let guests run for a while, and the platform receive what they do without reporting it."""
    time.sleep(0.02)
    other.change_memory([operation, operation])


def test_shared_data_is_seen_by_nt_guests_and_cannot_be_written(bench: Bench) -> None:
    nt = bench.platform.enable_nt()
    guest = bench.prepare(nt.blank(), FOREVER)
    nt.shared_data[0x14:0x18] = b"time"
    assert guest.memory.read(SHARED_DATA + 0x14, 4) == b"time"
    with pytest.raises(BadAddress):
        guest.memory.write(SHARED_DATA, b"x")


def test_a_guest_that_computes_may_leave_the_kernels_core_until_it_calls() -> None:
    available = os.sched_getaffinity(0)
    if len(available) < 2:
        pytest.skip("needs two processors")
    home = {min(available)}
    bench = Bench(*home)

    def step_until_on(processors: set[int]) -> None:
        deadline = time.monotonic() + 20
        while os.sched_getaffinity(guest.tid) != processors:
            assert time.monotonic() < deadline
            bench.platform.step(0.05)

    calls = call(RUNNING_NUMBER) + b"\xeb\xf7"
    guest = bench.guest(calls + FOREVER)
    guest.registers.rip = CODE + len(calls)
    try:
        guest.resume()
        step_until_on(available)
        guest.stop()
        guest.registers.rip = CODE
        guest.resume()
        step_until_on(home)
    finally:
        bench.platform.close()
        os.sched_setaffinity(0, available)


def test_both_forms_of_the_hot_operations_work() -> None:
    """The whole file once more with the other core, in another process."""
    if os.environ.get("LICHEN_PURE_PYTHON") or not host.EXTENSION:
        pytest.skip("already running in pure Python")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", __file__],
        env={**os.environ, "LICHEN_PURE_PYTHON": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
