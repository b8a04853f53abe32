"""Pipes and FIFOs: bytes in one direction, between ends that open and close.

A write's bytes object goes into the queue as it is, and a read that takes it whole gives it back as it is: between two
guests the content is never copied inside the kernel. Linux counts a pipe's room in pages, we count bytes; a writer that
found no room waits until PIPE_BUF bytes are free, which is what `poll` calls writable, so both agree with each other.

Source: pipe(7), fifo(7), fcntl(2) F_SETPIPE_SZ.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from lichen.executive.io.anonymous import AnonymousNode
from lichen.executive.io.attributes import Kind
from lichen.executive.io.device import Devices
from lichen.executive.io.file import Data, File, Pollers
from lichen.executive.io.opening import Access, Open, Options, Poll
from lichen.executive.io.requests import BytesAvailable, PeekPipe, PipeCapacity, SetPipeCapacity
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks, Condition, Wait

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.security.tokens import Token

PIPE_BUF: Final = 4096
"""Writes of up to this size stay whole."""
DEFAULT_CAPACITY: Final = 65536
LARGEST_CAPACITY: Final = 1 << 20
_SCARCE_CAPACITY: Final = 2 * PIPE_BUF


class Pipes:
    """The driver of a machine's FIFOs. `budget` bounds what all pipes may hold together; beyond it new ones are small."""

    def __init__(self, budget: int = 64 << 20) -> None:
        self.budget = budget

    def register(self, devices: Devices) -> None:
        """Answer for every FIFO, those of pipe(2) included."""
        devices.register(Kind.FIFO, self.open)

    def open(self, location: Location, open: Open, token: Token) -> PipeEnd | Blocks[PipeEnd]:
        """Open an end; of a FIFO, one that only reads or writes waits for the other unless NONBLOCKING.

        NO_SUCH_DEVICE (ENXIO) for a writer that may not wait and finds no reader.
        """
        node = location.node
        pipe = node.attachment
        if not isinstance(pipe, Pipe):
            pipe = node.attachment = Pipe(self)
        reads, writes = open.access & Access.READ, open.access & Access.CONTENT
        one_way = bool(reads) != bool(writes) and not isinstance(node, AnonymousNode)
        alone = one_way and not (pipe.writers if reads else pipe.readers)
        if alone and writes and open.options & Options.NONBLOCKING:
            pipe.release_if_unused(location)
            raise Failure(Status.NO_SUCH_DEVICE)
        end = PipeEnd(location, open, pipe)
        if alone and not open.options & Options.NONBLOCKING:
            return _wait_for_partner(end)
        if alone:
            end.unnoticed = pipe.writers_opened
        return end


def _wait_for_partner(end: PipeEnd) -> Blocks[PipeEnd]:
    """Wait until the other end is opened, though it may be closed again by the time this one goes on."""
    pipe, opened = end.pipe, False
    reads = end.access & Access.READ

    def opened_by_others() -> int:
        return pipe.writers_opened if reads else pipe.readers_opened

    before = opened_by_others()
    partner = Condition(lambda: opened_by_others() != before)
    pipe.openers.append(partner)
    try:
        while opened_by_others() == before:
            yield Wait((partner,))
        opened = True
    finally:
        pipe.openers.remove(partner)
        if not opened:
            end.release()
    return end


class _Packet(bytes):
    """What one write in packet mode wrote: a read gives no more than that."""

    __slots__ = ()


class Pipe:
    """The queue between the ends. `filled` is woken when there is more to read, `drained` when there is more room."""

    __slots__ = (
        "_chunks",
        "_driver",
        "_start",
        "capacity",
        "drained",
        "filled",
        "openers",
        "readers",
        "readers_opened",
        "size",
        "two_way",
        "writers",
        "writers_opened",
    )

    def __init__(self, driver: Pipes) -> None:
        self._driver = driver
        self.capacity = DEFAULT_CAPACITY if driver.budget >= DEFAULT_CAPACITY else _SCARCE_CAPACITY
        driver.budget -= self.capacity
        self._chunks: deque[bytes] = deque()
        self._start = 0
        """How much of the first chunk has been read."""
        self.size = 0
        self.readers = self.writers = 0
        self.readers_opened = self.writers_opened = 0
        self.filled, self.drained = Pollers(), Pollers()
        self.two_way: list[PipeEnd] = []
        self.openers: list[Condition] = []

    @property
    def room(self) -> int:
        return self.capacity - self.size

    def put(self, data: bytes, packet: bool = False) -> int:
        """Append all of `data`, for which there is room; returns how much that was."""
        chunks, count = self._chunks, len(data)
        if packet:
            chunks.append(_Packet(data))
        elif chunks and count + len(chunks[-1]) <= PIPE_BUF and type(chunks[-1]) is bytes:
            chunks[-1] += data  # or a pipe full of single bytes would take fifty times its size
        else:
            chunks.append(data)
        self.size += count
        self.wake_readers()
        return count

    def take(self, size: int) -> bytes:
        """Remove and return up to `size` bytes, of which there are some; at most one packet."""
        first, start = self._chunks[0], self._start
        was_full = self.capacity - self.size < PIPE_BUF
        packet = type(first) is _Packet
        left = len(first) - start
        if size < left and not packet:
            data = first[start : start + size]
            self._start = start + size
            self.size -= size
        else:
            self._chunks.popleft()
            self._start = 0
            self.size -= left
            data = first[start : start + size] if start or packet else first
            if left < size and self._chunks and not packet:
                data = self._take_more([data], size - left)
        if was_full:
            self.wake_writers()
        return data

    def _take_more(self, parts: list[bytes], size: int) -> bytes:
        chunks = self._chunks
        while size and chunks and type(chunks[0]) is bytes:
            chunk = chunks[0]
            if len(chunk) > size:
                parts.append(chunk[:size])
                self._start = size
                self.size -= size
                break
            parts.append(chunks.popleft())
            size -= len(chunk)
            self.size -= len(chunk)
        return b"".join(parts)

    def peek(self, size: int) -> bytes:
        """What `take` would return; empty when there is nothing."""
        parts: list[bytes] = []
        start = self._start
        for chunk in self._chunks:
            if size <= 0 or (parts and type(chunk) is _Packet):
                break
            parts.append(chunk[start : start + size])
            size -= len(parts[-1])
            start = 0
            if type(chunk) is _Packet:
                break
        return b"".join(parts)

    def resize(self, size: int) -> int:
        """Set the capacity to `size`, rounded up to a power of two."""
        if not 0 <= size <= 1 << 31:
            raise Failure(Status.INVALID_PARAMETER)
        capacity = max(PIPE_BUF, 1 << (size - 1).bit_length())
        if capacity > LARGEST_CAPACITY or capacity - self.capacity > max(self._driver.budget, 0):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        if capacity < self.size:
            raise Failure(Status.SHARING_VIOLATION)
        self._driver.budget -= capacity - self.capacity
        self.capacity = capacity
        self.wake_writers()
        return capacity

    def wake_readers(self) -> None:
        if self.filled.waiters:
            self.filled.wake()
        for end in self.two_way:
            end.notify()

    def wake_writers(self) -> None:
        if self.drained.waiters:
            self.drained.wake()
        for end in self.two_way:
            end.notify()

    def attach(self, end: PipeEnd) -> None:
        """An end was opened."""
        if end.access & Access.READ:
            self.readers += 1
            self.readers_opened += 1
        if end.access & Access.CONTENT:
            self.writers += 1
            self.writers_opened += 1
        for opener in tuple(self.openers):
            opener.wake()

    def detach(self, end: PipeEnd) -> None:
        """An end was closed: the others learn of it; after the last one the content is gone."""
        if end.access & Access.READ:
            self.readers -= 1
        if end.access & Access.CONTENT:
            self.writers -= 1
        if not self.writers:
            self.wake_readers()
        if not self.readers:
            self.wake_writers()
        self.release_if_unused(end.location)

    def release_if_unused(self, location: Location) -> None:
        """Forget the pipe when no end is open."""
        if not self.readers and not self.writers and location.node.attachment is self:
            location.node.attachment = None
            self._driver.budget += self.capacity


class PipeEnd(File):
    """One end, or (a FIFO opened for both) the two ends in one."""

    __slots__ = ("pipe", "unnoticed")

    def __init__(self, location: Location, open: Open, pipe: Pipe) -> None:
        super().__init__(location, open)
        self.pipe = pipe
        self.unnoticed = 0
        """The count of writers' opens of which this reader does not learn that they have ended."""
        if not self.access & Access.CONTENT:
            self._readiness = pipe.filled
        elif not self.access & Access.READ:
            self._readiness = pipe.drained
        else:
            pipe.two_way.append(self)
        pipe.attach(self)

    def closed(self) -> None:
        pipe = self.pipe
        if self in pipe.two_way:
            pipe.two_way.remove(self)
        pipe.detach(self)
        super().closed()

    # ---- content

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if not self.access & Access.READ:
            raise Failure(Status.INVALID_HANDLE)
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        pipe = self.pipe
        if not size:
            return b""
        if pipe.size:
            return pipe.take(size)
        if not pipe.writers:
            return b""
        if self.options & Options.NONBLOCKING:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._read_later(size)

    def _read_later(self, size: int) -> Blocks[bytes]:
        pipe = self.pipe
        wait = Wait((self.ready(Poll.READABLE | Poll.HANGUP),))
        while not pipe.size:
            if not pipe.writers:
                return b""
            yield wait
        return pipe.take(size)

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        if not self.access & Access.CONTENT:
            raise Failure(Status.INVALID_HANDLE)
        if offset is not None:
            raise Failure(Status.NOT_SEEKABLE)
        pipe, count = self.pipe, len(data)
        if not count:
            return 0
        if not pipe.readers:
            raise Failure(Status.PIPE_CLOSING)
        if not isinstance(data, bytes):
            data = bytes(data)
        packets = self.options & Options.DIRECT
        if count <= pipe.capacity - pipe.size and not (packets and count > PIPE_BUF):
            return pipe.put(data, bool(packets))
        done = self._write_some(data, 0)
        if done == count:
            return done
        if not self.options & Options.NONBLOCKING:
            return self._write_later(data, done)
        if not done:
            raise Failure(Status.DEVICE_NOT_READY)
        return done

    def _write_some(self, data: bytes, done: int) -> int:
        """Put in what there is room for of data[done:]; returns how much is done then."""
        pipe, packets = self.pipe, bool(self.options & Options.DIRECT)
        if len(data) <= PIPE_BUF:
            return pipe.put(data, packets) if pipe.room >= len(data) else 0
        while done < len(data) and (pipe.room >= PIPE_BUF or pipe.room >= len(data) - done):
            most = PIPE_BUF if packets else pipe.room
            done += pipe.put(data[done : done + most], packets)
        return done

    def _write_later(self, data: bytes, done: int) -> Blocks[int]:
        pipe = self.pipe
        wait = Wait((self.ready(Poll.WRITABLE | Poll.ERROR),))
        try:
            while done < len(data):
                yield wait
                if not pipe.readers:
                    break
                done = self._write_some(data, done)
        except Interrupted:
            if not done:
                raise
        if not done:
            raise Failure(Status.PIPE_CLOSING)
        return done

    # ---- state

    def poll(self) -> int:
        pipe, access, ready = self.pipe, self.access, 0
        if access & Access.READ:
            if pipe.size:
                ready = Poll.READABLE
            if not pipe.writers and pipe.writers_opened != self.unnoticed:
                ready |= Poll.HANGUP
        if access & Access.CONTENT:
            if pipe.capacity - pipe.size >= PIPE_BUF:
                ready |= Poll.WRITABLE
            if not pipe.readers:
                ready |= Poll.ERROR
        return ready

    def control(self, request: object) -> object:
        pipe = self.pipe
        match request:
            case BytesAvailable():
                return pipe.size
            case PipeCapacity():
                return pipe.capacity
            case SetPipeCapacity(size):
                return pipe.resize(size)
            case PeekPipe(size):
                return pipe.peek(size)
        return super().control(request)
