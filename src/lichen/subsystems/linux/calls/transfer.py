"""Moving bytes from one open file to another without a guest's memory between: sendfile, copy_file_range.

Source: sendfile(2), copy_file_range(2).
"""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Final, cast

from lichen.abi.argument import OptionalInOut
from lichen.abi.layout import i64
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Options
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.linux.files import opened_file_of
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.transfers import (
    LARGEST_OFFSET,
    MOST,
    PIECE,
    broken,
    let_others_run,
    within_limit,
)
from lichen.subsystems.linux.types import Fd, Flags, Result, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_WITH_CONTENT: Final = (Kind.REGULAR, Kind.BLOCK, Kind.CHARACTER)


class Cursor:
    """Where one file of a transfer is read or written: at its position, or at an offset that the caller keeps."""

    def __init__(self, file: File, offset: OptionalInOut[i64] | None = None) -> None:
        self.file, self._offset = file, offset or None
        if self._offset is None:
            self.at = file.position if file.seekable else None
        elif file.seekable:
            self.at = self._offset.read()
            if self.at < 0:
                raise Failure(Status.INVALID_PARAMETER)
        else:
            raise Failure(Status.NOT_SEEKABLE)

    def advance(self, count: int) -> None:
        if self.at is not None:
            self.at += count

    def store(self) -> None:
        """Tell the caller, or the file, where the transfer has come to."""
        if self.at is None:
            return
        if self._offset is not None:
            self._offset.write(self.at)
        else:
            self.file.position = self.at


@linux.call(amd64=40)
def sendfile(thread: Thread, target: Fd, source: Fd, offset: OptionalInOut[i64], size: Size) -> Result:
    """Write what is in one file to another."""
    reader, writer = opened_file_of(thread, source), opened_file_of(thread, target)
    if not reader.access & Access.READ:
        raise Failure(Status.INVALID_HANDLE)
    start = Cursor(reader, offset)
    if not writer.access & Access.CONTENT:
        raise Failure(Status.INVALID_HANDLE)
    if reader.node.kind not in _WITH_CONTENT or start.at is None or writer.options & Options.APPEND:
        raise Failure(Status.INVALID_PARAMETER)
    if not reader.splices_out or not writer.splices_in:
        raise Failure(Status.INVALID_PARAMETER)
    if start.at + size > LARGEST_OFFSET:
        raise Failure(Status.INVALID_PARAMETER)
    return _copy(thread, start, Cursor(writer), min(size, MOST))


@linux.call(amd64=326)
def copy_file_range(
    thread: Thread,
    source: Fd,
    source_offset: OptionalInOut[i64],
    target: Fd,
    target_offset: OptionalInOut[i64],
    size: Size,
    flags: Flags,
) -> Result:
    """Copy a range of one file into another."""
    reader, writer = opened_file_of(thread, source), opened_file_of(thread, target)
    start, end = Cursor(reader, source_offset), Cursor(writer, target_offset)
    kinds = reader.node.kind, writer.node.kind
    if flags or size > LARGEST_OFFSET:
        raise Failure(Status.INVALID_PARAMETER)
    if Kind.DIRECTORY in kinds:
        raise Failure(Status.FILE_IS_A_DIRECTORY)
    if kinds != (Kind.REGULAR, Kind.REGULAR) or start.at is None or end.at is None:
        raise Failure(Status.INVALID_PARAMETER)
    if (
        not reader.access & Access.READ
        or not writer.access & Access.CONTENT
        or writer.options & Options.APPEND
    ):
        raise Failure(Status.INVALID_HANDLE)
    if max(start.at, end.at) + size > LARGEST_OFFSET:
        raise Failure(Status.VALUE_TOO_LARGE)
    size = min(size, MOST, max(0, reader.node.size() - start.at))
    if reader.node is writer.node and abs(start.at - end.at) < size:
        raise Failure(Status.INVALID_PARAMETER)
    return _copy(thread, start, end, size)


def _copy(thread: Thread, source: Cursor, target: Cursor, size: int) -> Blocks[int]:
    """Copy piece by piece; what was copied before an error is success."""
    done = 0
    source.file.reference()
    target.file.reference()
    try:
        while done < size:
            piece = min(PIECE, size - done)
            try:
                count = yield from _copy_piece(thread, source, target, piece)
            except (Failure, Interrupted) as error:
                if done:
                    break
                if isinstance(error, Failure):
                    broken(thread, error)
                raise
            source.advance(count)
            target.advance(count)
            done += count
            if count < piece:
                break
            yield from let_others_run(done)
    finally:
        source.file.release()
        target.file.release()
    source.store()
    target.store()
    return done


def _copy_piece(thread: Thread, source: Cursor, target: Cursor, size: int) -> Blocks[int]:
    data = source.file.read(size, source.at)
    if type(data) is GeneratorType:
        data = yield from cast(Blocks[bytes], data)
    return (yield from put(thread, target, cast(bytes, data)))


def put(thread: Thread, target: Cursor, data: bytes) -> Blocks[int]:
    """Write where a cursor stands, as far as RLIMIT_FSIZE lets it; returns how many bytes were taken."""
    if target.file.node.kind == Kind.REGULAR:
        data = within_limit(thread, target.file, data, target.at)
    if not data:
        return 0
    count = target.file.write(data, target.at)
    if type(count) is GeneratorType:
        count = yield from cast(Blocks[int], count)
    return cast(int, count)
