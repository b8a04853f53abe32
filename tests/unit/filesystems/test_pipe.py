"""Pipes between two ends of one test: what fits, what waits, what is told when an end goes."""

from __future__ import annotations

import pytest

from lichen.executive.io.anonymous import create_pipe
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.location import Location
from lichen.executive.io.opening import Access, Open, Options, Poll
from lichen.executive.io.requests import BytesAvailable, PeekPipe, PipeCapacity, SetPipeCapacity
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks
from lichen.filesystems.memory_files import MemoryFileSystem
from lichen.filesystems.pipe import DEFAULT_CAPACITY, LARGEST_CAPACITY, PIPE_BUF, Pipes
from tests.unit.kernel import Kernel, status_of


@pytest.fixture
def kernel() -> Kernel:
    kernel = Kernel()
    Pipes().register(kernel.devices)
    return kernel


@pytest.fixture
def ends(kernel: Kernel) -> tuple[File, File]:
    return create_pipe(kernel.context)


def test_a_read_gives_what_is_there(ends: tuple[File, File]) -> None:
    reader, writer = ends
    assert writer.write(b"hello") == 5
    assert writer.write(b" you") == 4
    assert [reader.read(2), reader.read(100)] == [b"he", b"llo you"]


def test_large_chunks_come_back_in_order_however_they_are_cut(ends: tuple[File, File]) -> None:
    reader, writer = ends
    sent = bytes(range(256)) * 256
    for start in range(0, len(sent), 5000):
        assert writer.write(sent[start : start + 5000])
    got = b""
    while reader.poll() & Poll.READABLE:
        data = reader.read(7001)
        assert isinstance(data, bytes)
        got += data
    assert got == sent


def test_what_one_write_gave_is_not_copied(ends: tuple[File, File]) -> None:
    reader, writer = ends
    data = bytes(PIPE_BUF + 1)
    writer.write(data)
    assert reader.read(DEFAULT_CAPACITY) is data


def test_a_reader_waits_for_a_writer(kernel: Kernel, ends: tuple[File, File]) -> None:
    reader, writer = ends
    call = kernel.start(reader.read(10))
    assert not call.ended
    writer.write(b"x")
    kernel.settle()
    assert call.result == b"x"


def test_the_end_of_the_last_writer_ends_a_waiting_read(kernel: Kernel, ends: tuple[File, File]) -> None:
    reader, writer = ends
    call = kernel.start(reader.read(10))
    writer.reference()
    writer.release()
    assert not call.ended
    writer.release()
    kernel.settle()
    assert call.result == b""
    assert reader.poll() == Poll.HANGUP


def test_small_writes_stay_whole_and_large_ones_go_in_pieces(kernel: Kernel, ends: tuple[File, File]) -> None:
    reader, writer = ends
    writer.write(bytes(DEFAULT_CAPACITY - 10))
    small, large = kernel.start(writer.write(b"s" * 20)), kernel.start(writer.write(b"l" * 100_000))
    reader.read(DEFAULT_CAPACITY)
    kernel.settle()
    assert small.ended
    assert not large.ended
    got = b""
    while len(got) < 100_020:
        got += kernel.finish(reader.read(30_000))
        kernel.settle()
    assert got == b"s" * 20 + b"l" * 100_000


def test_an_interrupted_write_tells_how_far_it_came(kernel: Kernel, ends: tuple[File, File]) -> None:
    _, writer = ends
    call = kernel.start(writer.write(bytes(DEFAULT_CAPACITY + 1)))
    kernel.scheduler.interrupt(call.parking)
    assert call.result == DEFAULT_CAPACITY
    call = kernel.start(writer.write(b"x"))
    kernel.scheduler.interrupt(call.parking)
    with pytest.raises(Interrupted):
        _ = call.result


def test_nobody_reads(kernel: Kernel, ends: tuple[File, File]) -> None:
    reader, writer = ends
    call = kernel.start(writer.write(bytes(DEFAULT_CAPACITY * 2)))
    blocked = kernel.start(writer.write(b"x"))
    reader.release()
    kernel.settle()
    assert call.result == DEFAULT_CAPACITY
    with pytest.raises(Failure):
        _ = blocked.result
    assert status_of(writer.write, b"x") == Status.PIPE_CLOSING
    assert writer.write(b"") == 0
    assert writer.poll() == Poll.ERROR


def test_without_waiting(kernel: Kernel) -> None:
    reader, writer = create_pipe(kernel.context, Options.NONBLOCKING)
    assert status_of(reader.read, 1) == Status.DEVICE_NOT_READY
    assert writer.write(bytes(DEFAULT_CAPACITY + 1)) == DEFAULT_CAPACITY
    assert status_of(writer.write, b"x") == Status.DEVICE_NOT_READY
    reader.read(PIPE_BUF - 1)
    assert not writer.poll() & Poll.WRITABLE
    reader.read(1)
    assert writer.poll() & Poll.WRITABLE


def test_each_end_does_one_thing(ends: tuple[File, File]) -> None:
    reader, writer = ends
    assert status_of(reader.write, b"x") == status_of(writer.read, 1) == Status.INVALID_HANDLE
    assert status_of(reader.seek, 0) == status_of(writer.write, b"x", 0) == Status.NOT_SEEKABLE


def test_packets_stay_apart_and_what_is_not_read_is_lost(kernel: Kernel) -> None:
    reader, writer = create_pipe(kernel.context, Options.DIRECT)
    writer.write(b"one")
    writer.write(b"second")
    writer.write(bytes(PIPE_BUF + 3))
    assert [reader.read(100), reader.read(3)] == [b"one", b"sec"]
    assert reader.read(DEFAULT_CAPACITY) == bytes(PIPE_BUF)
    assert reader.control(BytesAvailable()) == 3


def test_capacity(ends: tuple[File, File]) -> None:
    reader, writer = ends
    assert reader.control(PipeCapacity()) == DEFAULT_CAPACITY
    assert writer.control(SetPipeCapacity(5000)) == 8192
    writer.write(bytes(5000))
    assert status_of(reader.control, SetPipeCapacity(4096)) == Status.SHARING_VIOLATION
    assert status_of(reader.control, SetPipeCapacity(LARGEST_CAPACITY + 1)) == Status.PRIVILEGE_NOT_HELD
    assert status_of(reader.control, SetPipeCapacity((1 << 31) + 1)) == Status.INVALID_PARAMETER
    assert status_of(reader.control, "something else") == Status.INVALID_DEVICE_REQUEST


def test_all_pipes_together_keep_to_the_budget(kernel: Kernel) -> None:
    pipes = Pipes(3 * DEFAULT_CAPACITY)
    pipes.register(kernel.devices)
    made = [create_pipe(kernel.context) for _ in range(4)]
    assert [reader.control(PipeCapacity()) for reader, _ in made] == [DEFAULT_CAPACITY] * 3 + [8192]
    for reader, writer in made:
        reader.release()
        writer.release()
    assert pipes.budget == 3 * DEFAULT_CAPACITY


def test_peeking_takes_nothing(ends: tuple[File, File]) -> None:
    reader, writer = ends
    writer.write(b"x" * PIPE_BUF)
    writer.write(b"y" * PIPE_BUF)
    reader.read(1)
    assert reader.control(PeekPipe(PIPE_BUF)) == b"x" * (PIPE_BUF - 1) + b"y"
    assert reader.control(BytesAvailable()) == 2 * PIPE_BUF - 1


class TestFifo:
    """A FIFO's ends are opened one by one."""

    @pytest.fixture
    def opens(self, kernel: Kernel) -> Opener:
        return Opener(kernel)

    def test_the_ends_wait_for_each_other(self, kernel: Kernel, opens: Opener) -> None:
        reading = kernel.start(opens(Access.READ))
        assert not reading.ended
        writer = opens(Access.WRITE)
        assert isinstance(writer, File)
        kernel.settle()
        writer.write(b"x")
        assert reading.result.read(1) == b"x"

    def test_a_partner_that_left_again_was_there(self, kernel: Kernel, opens: Opener) -> None:
        reading = kernel.start(opens(Access.READ))
        writer = opens(Access.WRITE)
        assert isinstance(writer, File)
        writer.release()
        kernel.settle()
        assert reading.result.read(1) == b""

    def test_an_interrupted_open_leaves_nothing(self, kernel: Kernel, opens: Opener) -> None:
        writing = kernel.start(opens(Access.WRITE))
        kernel.scheduler.interrupt(writing.parking)
        assert writing.ended
        assert opens.location.node.attachment is None
        assert not opens.location.node.files

    def test_without_waiting(self, opens: Opener) -> None:
        assert status_of(opens, Access.WRITE, Options.NONBLOCKING) == Status.NO_SUCH_DEVICE
        reader = opens(Access.READ, Options.NONBLOCKING)
        assert isinstance(reader, File)
        assert (reader.read(1), reader.poll()) == (b"", 0)
        writer = opens(Access.WRITE, Options.NONBLOCKING)
        assert isinstance(writer, File)
        assert status_of(reader.read, 1) == Status.DEVICE_NOT_READY
        writer.release()
        assert reader.poll() == Poll.HANGUP

    def test_both_ends_in_one(self, opens: Opener) -> None:
        both = opens(Access.READ | Access.WRITE)
        assert isinstance(both, File)
        assert both.write(b"self") == 4
        assert both.poll() == Poll.READABLE | Poll.WRITABLE
        assert both.read(10) == b"self"
        both.release()
        assert opens.location.node.attachment is None


class Opener:
    """Opens one FIFO again and again."""

    def __init__(self, kernel: Kernel) -> None:
        self.token = kernel.token
        root = MemoryFileSystem(1, kernel.devices).root
        node = root.create("fifo", Kind.FIFO, 0o666, 1000, 1000)
        self.location = Location(None, Location(None, None, "", root), "fifo", node)

    def __call__(self, access: int, options: int = 0) -> File | Blocks[File]:
        return self.location.node.open(self.location, Open(access, options=options), self.token)
