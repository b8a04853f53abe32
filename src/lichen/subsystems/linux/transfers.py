"""Moving bytes between open files and guest memory, for read, write and all their kin.

Memory is copied in pieces, so that nothing is ever allocated because a guest merely claims to have it; a transfer of many
pieces lets others run in between. As on Linux, an operation that failed or would wait half-way returns what was moved.
"""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType
from typing import TYPE_CHECKING, Final, TypeVar, cast

from lichen.abi.layout import LP64, layout
from lichen.abi.memory import BadAddress
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Options
from lichen.executive.limits import RLIMIT_FSIZE, UNLIMITED
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux import sending, signals
from lichen.subsystems.linux.records import Iovec

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

T = TypeVar("T")

PIECE: Final = 1 << 20
MOST: Final = 0x7FFFF000
"""What one call moves at most, whatever it is asked to move."""
TASK_SIZE: Final = (1 << 47) - 4096
LARGEST_OFFSET: Final = (1 << 63) - 1
_MOST_VECTORS: Final = 1024
_PIECES_IN_A_ROW: Final = 4
_IOVEC: Final = layout(Iovec, LP64)


class Span:
    """The guest memory of one transfer: parts (address, size) that are filled or emptied one after the other."""

    __slots__ = ("_at", "_part", "memory", "parts", "size")

    def __init__(self, thread: Thread, parts: list[tuple[int, int]]) -> None:
        self.memory, self.parts = thread.memory, parts
        self.size = sum(size for _, size in parts)
        self._part = self._at = 0

    def take(self, size: int) -> bytes:
        """Read the next `size` bytes; fewer before a bad address, which is a BadAddress when it comes first."""
        taken: list[bytes] = []
        while size:
            address, count = self._next(size)
            try:
                taken.append(self.memory.read(address, count))
            except BadAddress as fault:
                before = fault.address - address
                if before > 0:
                    taken.append(self.memory.read(address, before))
                elif not taken:
                    raise
                break
            self._at += count
            size -= count
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def put(self, data: bytes) -> int:
        """Write `data` to where it belongs next; returns how much of it could be written, a BadAddress if nothing."""
        done = 0
        view = memoryview(data)
        while done < len(data):
            address, count = self._next(len(data) - done)
            try:
                self.memory.write(address, view[done : done + count])
            except BadAddress as fault:
                done += fault.address - address
                if done <= 0:
                    raise
                break
            self._at += count
            done += count
        return done

    def first(self, size: int = PIECE) -> Span:
        """At most the first `size` bytes, by default as much as is moved without letting others run."""
        room, self.size = size, min(self.size, size)
        for index, (address, size) in enumerate(self.parts):
            self.parts[index] = address, min(size, room)
            room -= self.parts[index][1]
        return self

    def _next(self, most: int) -> tuple[int, int]:
        """Where the next bytes are, and how many of them lie together."""
        while self._at >= self.parts[self._part][1]:
            self._part += 1
            self._at = 0
        address, size = self.parts[self._part]
        return address + self._at, min(size - self._at, most)


def span_of(thread: Thread, address: int, size: int) -> Span:
    """The memory of a plain buffer."""
    if address + size > TASK_SIZE:
        raise BadAddress(address)
    return Span(thread, [(address, min(size, MOST))])


def span_of_vectors(thread: Thread, address: int, count: int) -> Span:
    """The memory that an array of iovecs describes."""
    if count > _MOST_VECTORS:
        raise Failure(Status.INVALID_PARAMETER)
    if not count:
        return Span(thread, [])
    room, parts = MOST, []
    for base, size in _IOVEC.unpack_array(thread.memory.read(address, count * _IOVEC.size)):
        if size > LARGEST_OFFSET:
            raise Failure(Status.INVALID_PARAMETER)
        if base + size > TASK_SIZE:
            raise BadAddress(base)
        parts.append((base, min(size, room)))
        room -= min(size, room)
    return Span(thread, parts)


# ---- from a file to memory


def receive(file: File, span: Span, offset: int | None = None) -> int | Blocks[int]:
    """Read a file into guest memory, at `offset` or at its position; returns how many bytes arrived."""
    if offset is not None and offset + span.size > LARGEST_OFFSET:
        raise Failure(Status.INVALID_PARAMETER)
    if span.size > PIECE:
        return _receive_long(file, span, offset)
    data = file.read(span.size, offset)
    if type(data) is GeneratorType:
        return _receive_parked(file, cast(Blocks[bytes], data), span, offset)
    return _store(file, span, cast(bytes, data), offset)


def _store(file: File, span: Span, data: bytes, offset: int | None) -> int:
    try:
        stored = span.put(data)
    except BadAddress:
        take_back(file, len(data), offset)
        raise
    if stored < len(data):
        take_back(file, len(data) - stored, offset)
    return stored


def take_back(file: File, count: int, offset: int | None) -> None:
    """`count` bytes that were read did not reach the guest: the position is as if they had not been."""
    if offset is None and file.seekable:
        file.position = max(0, file.position - count)


def _receive_parked(file: File, blocked: Blocks[bytes], span: Span, offset: int | None) -> Blocks[int]:
    data = yield from held(file, blocked)
    return _store(file, span, data, offset)


def _receive_long(file: File, span: Span, offset: int | None) -> Blocks[int]:
    done = 0
    file.reference()
    try:
        while done < span.size:
            size = min(PIECE, span.size - done)
            try:
                data = file.read(size, None if offset is None else offset + done)
                if type(data) is GeneratorType:
                    if done:
                        break
                    data = yield from cast(Blocks[bytes], data)
                stored = _store(file, span, cast(bytes, data), offset)
            except (Failure, BadAddress):
                if done:
                    break
                raise
            done += stored
            if stored < size:
                break
            yield from let_others_run(done)
    finally:
        file.release()
    return done


def held(file: File, blocked: Blocks[T]) -> Blocks[T]:
    """Finish a parked operation, during which the file stays open whatever becomes of its descriptors."""
    file.reference()
    try:
        return (yield from blocked)
    finally:
        file.release()


def without_waiting(file: File, operation: Callable[[], T]) -> T:
    """Carry out an operation (of at most one piece) as if the file had been opened with O_NONBLOCK."""
    before = file.options
    file.options |= Options.NONBLOCKING
    try:
        return operation()
    finally:
        file.options = before


def let_others_run(done: int) -> Blocks[None]:
    """A transfer without end would keep everybody else waiting."""
    if done % (_PIECES_IN_A_ROW * PIECE) == 0:
        yield Wait((), deadline=0.0, interruptible=False)


# ---- from memory to a file


def send(thread: Thread, file: File, span: Span, offset: int | None = None) -> int | Blocks[int]:
    """Write guest memory to a file, at `offset` or at its position; returns how many bytes were taken."""
    if not file.access & Access.CONTENT:
        raise Failure(Status.INVALID_HANDLE)
    if offset is not None and offset + span.size > LARGEST_OFFSET:
        raise Failure(Status.INVALID_PARAMETER)
    if span.size > PIECE:
        return _send_long(thread, file, span, offset)
    try:
        data = span.take(span.size)
    except BadAddress:
        if file.discards:
            return span.size
        raise
    if file.node.kind == Kind.REGULAR:
        data = within_limit(thread, file, data, offset)
    try:
        count = file.write(data, offset)
    except Failure as failure:
        broken(thread, failure)
        raise
    if type(count) is GeneratorType:
        return send_parked(thread, file, cast(Blocks[int], count))
    return count


def send_parked(thread: Thread, file: File, blocked: Blocks[int]) -> Blocks[int]:
    """Finish a write that has to wait."""
    try:
        count: int = yield from held(file, blocked)
    except Failure as failure:
        broken(thread, failure)
        raise
    return count


def _send_long(thread: Thread, file: File, span: Span, offset: int | None) -> Blocks[int]:
    done = 0
    file.reference()
    try:
        while done < span.size:
            size = min(PIECE, span.size - done)
            at = None if offset is None else offset + done
            try:
                data = span.take(size)
                if file.node.kind == Kind.REGULAR:
                    data = within_limit(thread, file, data, at)
                count = file.write(data, at)
                if type(count) is GeneratorType:
                    count = yield from cast(Blocks[int], count)
            except (Failure, BadAddress, Interrupted) as error:
                if done:
                    break
                if isinstance(error, Failure):
                    broken(thread, error)
                raise
            done += cast(int, count)
            if cast(int, count) < size:
                break
            yield from let_others_run(done)
    finally:
        file.release()
    return done


def broken(thread: Thread, failure: Failure) -> None:
    """A write to what nobody reads any more: SIGPIPE comes with the error."""
    if failure.status == Status.PIPE_CLOSING:
        send_signal(thread, signals.SIGPIPE)


def send_signal(thread: Thread, number: int) -> None:
    """A signal that the calling thread has brought upon itself."""
    sending.send(thread.process, number, sending.sent_by(number, thread.process), thread)


def within_limit(thread: Thread, file: File, data: bytes, offset: int | None) -> bytes:
    """The part of `data` that RLIMIT_FSIZE lets into a regular file; SIGXFSZ and FILE_TOO_LARGE when it is none."""
    limit: int = thread.process.limits[RLIMIT_FSIZE][0]
    if limit == UNLIMITED or not data:
        return data
    if offset is None:
        offset = file.position
    if file.options & Options.APPEND:
        offset = file.node.size()
    if offset >= limit:
        send_signal(thread, signals.SIGXFSZ)
        raise Failure(Status.FILE_TOO_LARGE)
    return data[: limit - offset]


def check_file_size(thread: Thread, size: int, now: int) -> None:
    """Whether RLIMIT_FSIZE lets a file grow from `now` to `size` bytes; SIGXFSZ and FILE_TOO_LARGE when not."""
    if size > now and size > thread.process.limits[RLIMIT_FSIZE][0]:
        send_signal(thread, signals.SIGXFSZ)
        raise Failure(Status.FILE_TOO_LARGE)
