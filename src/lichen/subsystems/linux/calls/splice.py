"""Moving bytes into, out of and between pipes: splice, tee, vmsplice.

What is in a pipe is looked at first and taken only when it has reached its target, so that an error loses nothing. A call
waits until there is something to move, and never until all of it is: what fits is moved, and how much that was is told.

Source: splice(2), tee(2), vmsplice(2).
"""

from __future__ import annotations

from contextlib import ExitStack
from types import GeneratorType
from typing import TYPE_CHECKING, Final, cast

from lichen.abi.argument import OptionalInOut
from lichen.abi.layout import i64
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Options, Poll
from lichen.executive.io.requests import BytesAvailable, PeekPipe, PipeCapacity
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux.calls.transfer import Cursor, put
from lichen.subsystems.linux.files import opened_file_of
from lichen.subsystems.linux.procfs.subjects import Task
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.transfers import (
    PIECE,
    Span,
    broken,
    receive,
    send,
    span_of_vectors,
    without_waiting,
)
from lichen.subsystems.linux.types import Address, Fd, Flags, Result, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT = 1, 2, 4, 8
_FLAGS: Final = 0xF


@linux.call(amd64=275)
def splice(
    thread: Thread,
    source: Fd,
    source_offset: OptionalInOut[i64],
    target: Fd,
    target_offset: OptionalInOut[i64],
    size: Size,
    flags: Flags,
) -> Result:
    """Move bytes from one file to another, one of which is a pipe."""
    if not size:
        return 0
    if flags & ~_FLAGS:
        raise Failure(Status.INVALID_PARAMETER)
    reader, writer = _ends(thread, source, target)
    pipes = [file for file in (reader, writer) if file.node.kind == Kind.FIFO]
    if len(pipes) == 1 and (source_offset or target_offset):
        _check_seekable(*((reader, target_offset) if pipes == [writer] else (writer, source_offset)))
    start, end = Cursor(reader, source_offset), Cursor(writer, target_offset)
    if not pipes or reader.node is writer.node or writer.options & Options.APPEND or not _takes(writer):
        raise Failure(Status.INVALID_PARAMETER)
    waits = not flags & SPLICE_F_NONBLOCK and not any(file.options & Options.NONBLOCKING for file in pipes)
    return _move(thread, start, end, min(size, PIECE), waits, take=True)


@linux.call(amd64=276)
def tee(thread: Thread, source: Fd, target: Fd, size: Size, flags: Flags) -> Result:
    """Copy what is in one pipe into another, and leave it where it is."""
    if flags & ~_FLAGS:
        raise Failure(Status.INVALID_PARAMETER)
    if not size:
        return 0
    reader, writer = _ends(thread, source, target)
    if not reader.node.kind == writer.node.kind == Kind.FIFO or reader.node is writer.node:
        raise Failure(Status.INVALID_PARAMETER)
    waits = not (flags & SPLICE_F_NONBLOCK or (reader.options | writer.options) & Options.NONBLOCKING)
    return _move(thread, Cursor(reader), Cursor(writer), min(size, PIECE), waits, take=False)


@linux.call(amd64=278)
def vmsplice(thread: Thread, fd: Fd, vectors: Address, count: Size, flags: Flags) -> Result:
    """Write memory to a pipe, or read from one into memory."""
    if flags & ~_FLAGS:
        raise Failure(Status.INVALID_PARAMETER)
    file = opened_file_of(thread, fd)
    if file.node.kind != Kind.FIFO:
        raise Failure(Status.INVALID_HANDLE)
    span = span_of_vectors(thread, vectors, count)
    if not span.size:
        return 0
    return _between_memory_and_pipe(thread, file, span, waits=not flags & SPLICE_F_NONBLOCK)


def _between_memory_and_pipe(thread: Thread, pipe: File, span: Span, waits: bool) -> Blocks[int]:
    """Fill a pipe from memory as far as it goes, or empty it into memory, once there is room or content."""
    pipe.reference()
    try:
        if pipe.access & Access.CONTENT:
            piece = span.first((yield from _room(pipe, waits)))
            moved = without_waiting(pipe, lambda: send(thread, pipe, piece))
        elif (yield from _wait_for_content(pipe, waits)):
            moved = without_waiting(pipe, lambda: receive(pipe, span.first()))
        else:
            return 0
    finally:
        pipe.release()
    return cast(int, moved)


def _check_seekable(other: File, offset_of_pipe: OptionalInOut[i64]) -> None:
    """A pipe has no offset (ESPIPE), which is told first; nor have many of the files at its other side (EINVAL)."""
    if not offset_of_pipe and not other.seekable:
        raise Failure(Status.INVALID_PARAMETER)


def _takes(file: File) -> bool:
    """Whether a file can be spliced to. Of the files of /proc those about processes cannot."""
    return file.splices_in and not isinstance(file.node.subject, Task)


def _ends(thread: Thread, source: int, target: int) -> tuple[File, File]:
    reader, writer = opened_file_of(thread, source), opened_file_of(thread, target)
    if not reader.access & Access.READ or not writer.access & Access.CONTENT:
        raise Failure(Status.INVALID_HANDLE)
    return reader, writer


def _move(thread: Thread, source: Cursor, target: Cursor, size: int, waits: bool, take: bool) -> Blocks[int]:
    with ExitStack() as held:
        for file in (source.file, target.file):
            held.callback(file.reference().release)
        if target.file.node.kind == Kind.FIFO:
            size = min(size, (yield from _room(target.file, waits)))
        if source.file.node.kind == Kind.FIFO:
            if not (yield from _wait_for_content(source.file, waits)):
                return 0
            data = cast(bytes, source.file.control(PeekPipe(size)))
        elif source.file.node.kind == Kind.DIRECTORY or not source.file.splices_out:
            raise Failure(Status.INVALID_PARAMETER)
        else:
            data = yield from _read(source, size, waits)
        try:
            count = yield from put(thread, target, data)
        except Failure as failure:
            broken(thread, failure)
            raise
        if source.file.node.kind != Kind.FIFO:
            source.advance(count)
        elif take:
            source.file.read(count)
        target.advance(count)
        source.store()
        target.store()
    return count


def _room(pipe: File, waits: bool) -> Blocks[int]:
    """How many bytes go into a pipe, once there is room for any; one that nobody reads has room for the error."""
    while True:
        capacity = cast(int, pipe.control(PipeCapacity()))
        room = capacity - cast(int, pipe.control(BytesAvailable()))
        if pipe.poll() & Poll.ERROR:
            return capacity
        if room > 0:
            return room
        if not waits:
            raise Failure(Status.DEVICE_NOT_READY)
        yield Wait((pipe.ready(Poll.WRITABLE | Poll.ERROR),))


def _wait_for_content(pipe: File, waits: bool) -> Blocks[bool]:
    """Whether there is anything in a pipe, once there is or nobody is left to write it."""
    while not pipe.control(BytesAvailable()):
        if pipe.poll() & Poll.HANGUP:
            return False
        if not waits:
            raise Failure(Status.DEVICE_NOT_READY)
        yield Wait((pipe.ready(Poll.READABLE | Poll.HANGUP),))
    return True


def _read(source: Cursor, size: int, waits: bool) -> Blocks[bytes]:
    file, at = source.file, source.at
    data = file.read(size, at) if waits else without_waiting(file, lambda: file.read(size, at))
    if type(data) is GeneratorType:
        data = yield from cast(Blocks[bytes], data)
    return cast(bytes, data)
