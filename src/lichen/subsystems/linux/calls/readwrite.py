"""Reading and writing: read, write, their vectored and positioned kin, and lseek.

The plain calls move at most one piece without making any object for it; everything else goes by way of `transfers`.

Source: read(2), write(2), readv(2), pread(2), lseek(2).
"""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Final, cast

from lichen.abi.memory import BadAddress
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import SEEK_HOLE, File
from lichen.executive.io.opening import Options
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then
from lichen.subsystems.linux.files import file_of
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.transfers import (
    LARGEST_OFFSET,
    PIECE,
    broken,
    held,
    receive,
    send,
    send_parked,
    span_of,
    span_of_vectors,
    take_back,
    within_limit,
    without_waiting,
)
from lichen.subsystems.linux.types import Address, Content, Fd, Flags, Long, Result, Size, Uint

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND = 1, 2, 4, 8, 0x10
_READ_FLAGS: Final = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT
_WRITE_FLAGS: Final = _READ_FLAGS | RWF_APPEND


@linux.call(amd64=0)
def read(thread: Thread, fd: Fd, address: Address, size: Size) -> Result:
    """Read from a file at its position."""
    return _read(thread, file_of(thread, fd), address, size, None)


def _read(thread: Thread, file: File, address: int, size: int, offset: int | None) -> Result:
    counters = thread.process.counters
    if size > PIECE:
        return _read_spans(thread, receive(file, span_of(thread, address, size), offset))
    counters.reads += 1
    data = file.read(size, offset)
    if type(data) is GeneratorType:
        return _read_parked(thread, file, cast(Blocks[bytes], data), address)
    if data:
        try:
            thread.memory.write(address, cast(bytes, data))
        except BadAddress as fault:
            return _arrived(file, fault.address - address, len(cast(bytes, data)), offset)
    counters.read_bytes += len(cast(bytes, data))
    return len(cast(bytes, data))


def _read_spans(thread: Thread, moved: int | Blocks[int]) -> int | Blocks[int]:
    """Count what a call has read into several places."""
    counters = thread.process.counters
    counters.reads += 1

    def count(size: int) -> int:
        counters.read_bytes += size
        return size

    return then(moved, count)


def _written_spans(thread: Thread, moved: int | Blocks[int]) -> int | Blocks[int]:
    """Count what a call has written from several places."""
    counters = thread.process.counters
    counters.writes += 1

    def count(size: int) -> int:
        counters.written_bytes += size
        return size

    return then(moved, count)


def _read_parked(thread: Thread, file: File, blocked: Blocks[bytes], address: int) -> Blocks[int]:
    data = yield from held(file, blocked)
    try:
        thread.memory.write(address, data)
    except BadAddress as fault:
        return _arrived(file, fault.address - address, len(data), None)
    thread.process.counters.read_bytes += len(data)
    return len(data)


def _arrived(file: File, stored: int, read: int, offset: int | None) -> int:
    """Only `stored` of the bytes that were `read` could be stored."""
    stored = max(stored, 0)
    take_back(file, read - stored, offset)
    if not stored:
        raise Failure(Status.ACCESS_VIOLATION)
    return stored


@linux.call(amd64=1)
def write(thread: Thread, fd: Fd, address: Content, size: Size) -> Result:
    """Write to a file at its position."""
    return _write(thread, file_of(thread, fd), address, size, None)


def _write(thread: Thread, file: File, address: int, size: int, offset: int | None) -> Result:
    if size > PIECE:
        return _written_spans(thread, send(thread, file, span_of(thread, address, size), offset))
    try:
        data = thread.memory.read(address, size)
    except BadAddress:
        return _written_spans(thread, send(thread, file, span_of(thread, address, size), offset))
    if file.node.kind == Kind.REGULAR:
        data = within_limit(thread, file, data, offset)
    try:
        count = file.write(data, offset)
    except Failure as failure:
        broken(thread, failure)
        raise
    if type(count) is GeneratorType:
        return _written_spans(thread, send_parked(thread, file, cast(Blocks[int], count)))
    counters = thread.process.counters
    counters.writes += 1
    counters.written_bytes += cast(int, count)
    return count


def seekable_file(thread: Thread, fd: int, offset: int, size: int = 0) -> File:
    """The file of a call that says where to read or write: NOT_SEEKABLE, INVALID_PARAMETER for a bad offset."""
    if offset < 0 or offset + size > LARGEST_OFFSET:
        raise Failure(Status.INVALID_PARAMETER)
    file = file_of(thread, fd)
    if not file.seekable:
        raise Failure(Status.INVALID_HANDLE if file.options & Options.PATH_ONLY else Status.NOT_SEEKABLE)
    return file


@linux.call(amd64=17)
def pread64(thread: Thread, fd: Fd, address: Address, size: Size, offset: Long) -> Result:
    """Read from a file at an offset."""
    return _read(thread, seekable_file(thread, fd, offset, size), address, size, offset)


@linux.call(amd64=18)
def pwrite64(thread: Thread, fd: Fd, address: Content, size: Size, offset: Long) -> Result:
    """Write to a file at an offset."""
    return _write(thread, seekable_file(thread, fd, offset, size), address, size, offset)


@linux.call(amd64=19)
def readv(thread: Thread, fd: Fd, vectors: Address, count: Size) -> Result:
    """Read from a file at its position into several buffers."""
    file = file_of(thread, fd)
    return _read_spans(thread, receive(file, span_of_vectors(thread, vectors, count)))


@linux.call(amd64=20)
def writev(thread: Thread, fd: Fd, vectors: Address, count: Size) -> Result:
    """Write several buffers to a file at its position."""
    file = file_of(thread, fd)
    return _written_spans(thread, send(thread, file, span_of_vectors(thread, vectors, count)))


@linux.call(amd64=295)
def preadv(thread: Thread, fd: Fd, vectors: Address, count: Size, offset: Long) -> Result:
    """Read from a file at an offset into several buffers."""
    file = seekable_file(thread, fd, offset)
    return _read_spans(thread, receive(file, span_of_vectors(thread, vectors, count), offset))


@linux.call(amd64=296)
def pwritev(thread: Thread, fd: Fd, vectors: Address, count: Size, offset: Long) -> Result:
    """Write several buffers to a file at an offset."""
    file = seekable_file(thread, fd, offset)
    return _written_spans(thread, send(thread, file, span_of_vectors(thread, vectors, count), offset))


@linux.call(amd64=327, partial="RWF_ATOMIC, RWF_NOAPPEND and RWF_DONTCACHE are refused, as by older kernels")
def preadv2(
    thread: Thread, fd: Fd, vectors: Address, count: Size, offset: Long, high: Size, flags: Flags
) -> Result:
    """As preadv, with flags; offset -1 is the position."""
    if flags & ~_READ_FLAGS:
        raise Failure(Status.NOT_SUPPORTED)
    file, at = _positioned(thread, fd, offset)
    span = span_of_vectors(thread, vectors, count)
    if flags & RWF_NOWAIT:
        return _read_spans(thread, without_waiting(file, lambda: receive(file, span.first(), at)))
    return _read_spans(thread, receive(file, span, at))


@linux.call(amd64=328, partial="RWF_ATOMIC, RWF_NOAPPEND and RWF_DONTCACHE are refused, as by older kernels")
def pwritev2(
    thread: Thread, fd: Fd, vectors: Address, count: Size, offset: Long, high: Size, flags: Flags
) -> Result:
    """As pwritev, with flags; offset -1 is the position."""
    if flags & ~_WRITE_FLAGS:
        raise Failure(Status.NOT_SUPPORTED)
    file, at = _positioned(thread, fd, offset)
    span = span_of_vectors(thread, vectors, count)
    if flags & RWF_APPEND and file.node.kind == Kind.REGULAR:
        if at is None:
            file.position = file.node.size()
        else:
            at = file.node.size()
    if flags & RWF_NOWAIT:
        result = without_waiting(file, lambda: send(thread, file, span.first(), at))
    else:
        result = send(thread, file, span, at)
    result = _written_spans(thread, result)
    if flags & (RWF_SYNC | RWF_DSYNC):
        return then(result, lambda done: _synced(file, done))
    return result


def _positioned(thread: Thread, fd: int, offset: int) -> tuple[File, int | None]:
    if offset == -1:
        return file_of(thread, fd), None
    return seekable_file(thread, fd, offset), offset


def _synced(file: File, done: int) -> int | Blocks[int]:
    return then(file.sync(data_only=True), lambda _: done)


@linux.call(amd64=8)
def lseek(thread: Thread, fd: Fd, offset: Long, whence: Uint) -> int:
    """Move the position of a file."""
    file = file_of(thread, fd)
    if whence > SEEK_HOLE:
        raise Failure(Status.INVALID_HANDLE if file.options & Options.PATH_ONLY else Status.INVALID_PARAMETER)
    return file.seek(offset, whence)
