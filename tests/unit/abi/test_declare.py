"""One declaration gives the decoder, the trace line and the row of the reference."""

from __future__ import annotations

import inspect
import struct
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import pytest

from lichen.abi.argument import Arg, In, OptionalIn, OptionalOut, Out, show_address, show_bytes
from lichen.abi.convention import AMD64, I386, X64, X86, Convention
from lichen.abi.declare import CallEntry, Calls, Row, decode_for_trace, entry_source
from lichen.abi.layout import i32, i64, long, ptr, u32, u64, ulong
from lichen.abi.memory import BadAddress
from tests.unit.abi.guest import BASE, GuestThread

if TYPE_CHECKING:
    from lichen.executive.nowhere import Thread, Yielded  # type: ignore[import-not-found]  # known to no one at run time


class Timespec(NamedTuple):
    sec: long
    nsec: long


class IoStatusBlock(NamedTuple):
    status: ptr
    information: ptr


Content = Annotated[int, Arg("{x}", show_address, sized=True)]
Path = Annotated[bytes, Arg("memory.cstring({x}, 4096)", show_bytes)]
Count = Annotated[int, Arg("halve({x})", uses={"halve": lambda x: x // 2})]

linux, nt = Calls("linux"), Calls("nt")


@linux.call(amd64=257, i386=295)
def openat(thread: Thread, directory: i32, path: Path, flags: u32, mode: u32) -> int | Yielded:
    """Open a file named relative
    to a directory.

    And more.
    """
    return (thread, directory, path, flags, mode)


@linux.call(amd64=17, i386=180, partial="regular files only", restart="always")
def pread64(thread: Thread, fd: i32, buffer: ptr, count: ulong, offset: i64) -> Any:
    """Read at an offset."""
    return (fd, buffer, count, offset)


@linux.call(amd64=35)
def nanosleep(thread: Thread, request: In[Timespec], remaining: OptionalOut[Timespec]) -> Any:
    """Sleep."""
    if remaining:
        remaining.write(Timespec(0, 1))
    return request


@linux.call(amd64=60)
def exit_(thread: Thread, status: i32) -> Any:
    """End the calling thread."""
    raise SystemExit(status)


@linux.call(amd64=39)
def getpid(thread: Thread) -> Any:
    return 4


@nt.call()
def NtReadFile(
    thread: Thread,
    file: ptr,
    event: ptr,
    apc: ptr,
    apc_context: ptr,
    io_status: Out[IoStatusBlock],
    buffer: ptr,
    length: u32,
    offset: OptionalIn[i64],
    key: OptionalIn[u32],
) -> Any:
    """Read from a file."""
    io_status.write(IoStatusBlock(0, length))
    return (file, event, apc, apc_context, buffer, length, offset, key)


@nt.call()
def NtClose(thread: Thread, handle: ptr) -> Any:
    """Close a handle."""
    return handle


def enter(calls: Calls, name: str, convention: Convention, thread: GuestThread, *args: int) -> Any:
    return calls.table(convention, {name: 1})[1].enter(thread, args)


def test_registers_become_typed_parameters() -> None:
    thread = GuestThread()
    thread.memory.write(BASE, b"/etc/passwd\0")
    args = (0xDEAD_FFFF_FF9C, BASE, 0xF00_0000_0040, 0o644, 1, 2)
    assert linux.table(AMD64)[257].enter(thread, args) == (thread, -100, b"/etc/passwd", 0o100, 0o644)


def test_a_call_without_parameters_touches_nothing() -> None:
    assert linux.table(AMD64)[39].enter(GuestThread(), (0,) * 6) == 4


def test_a_table_holds_the_calls_of_its_convention() -> None:
    assert set(linux.table(AMD64)) == {257, 17, 35, 60, 39}
    assert set(linux.table(I386)) == {295, 180}
    assert linux.table(AMD64).get(999) is None


def test_nt_numbers_come_from_outside_and_unknown_names_are_left_out() -> None:
    assert {n: entry.call.name for n, entry in nt.table(X64, {"NtClose": 15, "NtFly": 16}).items()} == {
        15: "NtClose"
    }
    assert nt.table(X64) == {}


def test_an_entry_is_compiled_once_on_first_use() -> None:
    table = linux.table(AMD64)
    first = table[60]
    assert first.call.name == "exit"
    for _ in range(2):
        with pytest.raises(SystemExit):
            first.enter(GuestThread(), (3, 0, 0, 0, 0, 0))
    assert table[60] != first
    assert table[60].call is first.call


def test_64_bits_take_two_slots_of_32() -> None:
    thread = GuestThread()
    assert enter(linux, "pread64", AMD64, thread, 3, 4, 5, 2**64 - 2, 0, 0) == (3, 4, 5, -2)
    assert enter(linux, "pread64", I386, thread, 3, 4, 5, 0xFFFFFFFE, 0xFFFFFFFF, 0) == (3, 4, 5, -2)
    assert enter(linux, "pread64", I386, thread, 3, 4, 5, 1, 2, 0) == (3, 4, 5, 0x2_0000_0001)


@pytest.mark.parametrize(("convention", "registers", "slot"), [(X64, 4, "Q"), (X86, 0, "I")])
def test_nt_arguments_beyond_the_registers_are_read_from_the_stack_at_once(
    convention: Convention, registers: int, slot: str
) -> None:
    thread = GuestThread()
    raw = (8, 0, 1, 2, BASE, 0x7000, 0xFFFF_0000_0200 if slot == "Q" else 0x200, BASE + 0x20, 0)
    stack = BASE + 0x100
    thread.memory.write(stack, struct.pack(f"<{9 - registers}{slot}", *raw[registers:]))
    thread.memory.write(BASE + 0x20, struct.pack("<q", -2))
    args = (*raw[:registers], stack)
    assert convention.delivered == len(args)
    assert enter(nt, "NtReadFile", convention, thread, *args) == (8, 0, 1, 2, 0x7000, 0x200, -2, None)
    size = (9 - registers) * struct.calcsize(slot)
    assert thread.memory.reads == [(stack, size), (BASE + 0x20, 8)]
    width = struct.calcsize(slot)
    assert thread.memory.read(BASE, 2 * width) == struct.pack(f"<2{slot}", 0, 0x200)


def test_the_stack_is_left_alone_by_calls_that_fit_in_registers() -> None:
    thread = GuestThread()
    assert enter(nt, "NtClose", X64, thread, 0x44, 0, 0, 0, 0) == 0x44
    assert thread.memory.reads == []


@pytest.mark.parametrize("bad", [0, 0xFFFF_FFFF_FFFF_FFF8, BASE + 0xFF8])
def test_faults_come_out_of_the_entry(bad: int) -> None:
    thread = GuestThread()
    with pytest.raises(BadAddress) as raised:
        enter(linux, "nanosleep", AMD64, thread, bad, 0, 0, 0, 0, 0)
    assert raised.value.address == bad
    with pytest.raises(BadAddress):
        enter(linux, "nanosleep", AMD64, thread, BASE, 8, 0, 0, 0, 0)
    with pytest.raises(BadAddress):
        enter(nt, "NtReadFile", X64, thread, 0, 0, 0, 0, bad)


def test_generated_source_shows_in_tracebacks() -> None:
    entry = linux.table(AMD64)
    with pytest.raises(BadAddress) as raised:
        entry[257].enter(GuestThread(), (0, 1, 0, 0, 0, 0))
    text = "".join(traceback.format_exception(raised.value))
    assert 'File "<amd64 openat>"' in text
    assert "memory.cstring(args[1], 4096),  # path" in text
    assert inspect.getsource(entry[257].enter) == entry_source(entry[257].call, AMD64)


def test_trace_prints_decoded_arguments() -> None:
    thread = GuestThread()
    thread.memory.write(BASE, b"a\nb\0")
    call = linux.by_name["openat"]
    assert (
        decode_for_trace(call, AMD64, thread, (0xFFFFFF9C, BASE, 0, 7, 0, 0)) == 'openat(-100, "a\\nb", 0, 7)'
    )
    assert decode_for_trace(linux.by_name["getpid"], AMD64, thread, (0,) * 6) == "getpid()"


def test_trace_shows_what_is_written() -> None:
    calls = Calls("linux")

    @calls.call(amd64=1)
    def write(thread: Thread, fd: i32, buffer: Content, count: ulong) -> Any:
        """Write."""

    thread = GuestThread()
    thread.memory.write(BASE, b"a\0" * 20)
    for count, shown in ((3, '"a\\0a"'), (40, '"' + "a\\0" * 16 + '"...'), (0, '""')):
        line = decode_for_trace(calls.by_name["write"], AMD64, thread, (1, BASE, count, 0, 0, 0))
        assert line == f"write(1, {shown}, {count})"
    line = decode_for_trace(calls.by_name["write"], AMD64, thread, (1, 0x10, 3, 0, 0, 0))
    assert line == "write(1, 0x10, 3)"


def test_trace_shows_raw_what_it_cannot_decode() -> None:
    thread = GuestThread()
    call = linux.by_name["openat"]
    assert decode_for_trace(call, AMD64, thread, (3, 0x10, 0, 7, 0, 0)) == "openat(3, 0x10, 0, 7)"
    assert (
        decode_for_trace(nt.by_name["NtReadFile"], X64, thread, (1, 2, 3, 4, 5))
        == "NtReadFile(arguments at 0x5)"
    )


def test_declarations_carry_what_the_kernel_needs_to_know() -> None:
    call = linux.by_name["pread64"]
    assert (call.partial, call.restart, dict(call.numbers)) == (
        "regular files only",
        "always",
        {"amd64": 17, "i386": 180},
    )
    assert linux.by_name["openat"].restart == "signal"
    assert list(call.parameters) == ["fd", "buffer", "count", "offset"]


def test_the_reference_lists_declared_and_missing_calls_by_number() -> None:
    known = {
        "close": 3,
        "pread64": 17,
        "nanosleep": 35,
        "getpid": 39,
        "exit": 60,
        "openat": 257,
        "mseal": 462,
    }
    rows = list(linux.reference(AMD64, known))
    assert [row.number for row in rows] == [3, 17, 35, 39, 60, 257, 462]
    assert rows[0] == Row(3, "close", "close", "missing", "")
    assert rows[1] == Row(
        17,
        "pread64",
        "pread64(fd: i32, buffer: ptr, count: ulong, offset: i64)",
        "regular files only",
        "Read at an offset.",
    )
    assert rows[5] == Row(
        257,
        "openat",
        "openat(directory: i32, path: Path, flags: u32, mode: u32)",
        "full",
        "Open a file named relative to a directory.",
    )


def test_the_reference_of_nt_has_numbers_only_where_ntdll_gave_them() -> None:
    rows = list(nt.reference(X64, {"NtReadFile": 6, "NtFly": 5}))
    assert [(row.number, row.name, row.support) for row in rows] == [
        (5, "NtFly", "missing"),
        (6, "NtReadFile", "full"),
        (None, "NtClose", "full"),
    ]


def test_a_number_that_contradicts_the_known_ones_is_an_error() -> None:
    with pytest.raises(ValueError, match="getpid"):
        list(linux.reference(AMD64, {"getpid": 40}))


def test_a_call_is_declared_once_and_a_number_is_given_once() -> None:
    calls = Calls("test")

    @calls.call(amd64=1)
    def write(thread: Any) -> None: ...

    with pytest.raises(ValueError, match="twice"):
        calls.call(amd64=2)(write)

    @calls.call(amd64=1)
    def read(thread: Any) -> None: ...

    with pytest.raises(ValueError, match="share number 1"):
        calls.table(AMD64)


def test_arguments_must_fit_their_convention() -> None:
    calls = Calls("test")

    @calls.call(amd64=1, i386=1)
    def greedy(thread: Any, a: u64, b: u64, c: u64, d: u64) -> tuple[int, ...]:
        return (a, b, c, d)

    assert calls.table(AMD64)[1].enter(GuestThread(), (1, 2, 3, 4, 5, 6)) == (1, 2, 3, 4)
    with pytest.raises(TypeError, match="no room for 8"):
        calls.table(I386)[1].enter(GuestThread(), (1, 2, 3, 4, 5, 6))


def test_names_used_by_decoders_must_agree() -> None:
    calls = Calls("test")
    Double = Annotated[int, Arg("halve({x})", uses={"halve": lambda x: x * 2})]

    def confused(thread: Any, a: Any, b: Any) -> None: ...

    confused.__annotations__ |= {"a": Count, "b": Double}
    calls.call(amd64=1)(confused)
    with pytest.raises(TypeError, match="halve"):
        calls.table(AMD64)[1].enter(GuestThread(), (1, 2, 3, 4, 5, 6))


def test_calls_that_block_hand_on_their_generator() -> None:
    calls = Calls("test")

    @calls.call(amd64=1)
    def pause(thread: Any) -> Iterator[str]:
        yield "waiting"

    assert list(calls.table(AMD64)[1].enter(GuestThread(), (0,) * 6)) == ["waiting"]


def test_entries_can_be_told_apart_by_name() -> None:
    entry = linux.table(AMD64)[257]
    assert isinstance(entry, CallEntry)
    assert entry.call is linux.by_name["openat"]
