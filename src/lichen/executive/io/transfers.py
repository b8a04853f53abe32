"""Reading and writing that waits as whoever asks means it, whatever others have set on an open file that both worlds use.

Whether a call on a handle waits is the NT handle's own mode: synchronous, or overlapped and then left pending. O_NONBLOCK is
Linux's view of the same open file, so a read here waits in spite of it, and a write goes on until all is written. O_APPEND,
O_SYNC and the packets of an O_DIRECT pipe are properties of the file, which hold for whoever uses it.

Source: NtReadFile, NtWriteFile (ntifs.h); open(2) for what the flags mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import Kind
from lichen.executive.io.opening import Access, Options, Poll
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait

if TYPE_CHECKING:
    from lichen.executive.io.file import File

_STREAMS: Final = (Kind.FIFO, Kind.SOCKET)
"""Kinds of Linux' files that are pipes to Windows programs."""
_ENDED: Final = Poll.HANGUP | Poll.ERROR
_PAUSE: Final = 0.01
"""Seconds until a file is asked again that says it is ready and gives nothing."""
Clock = Callable[[], float]


def read(file: File, size: int, offset: int | None, clock: Clock) -> bytes | Blocks[bytes]:
    """At most `size` bytes, waiting for some; even a read of no bytes waits until a pipe has something to read."""
    if file.node.kind == Kind.DIRECTORY:
        raise Failure(Status.INVALID_DEVICE_REQUEST)
    if not size and file.node.kind in _STREAMS and file.access & Access.READ:
        return _wait_for_data(file)
    if not file.options & Options.NONBLOCKING:
        return file.read(size, offset)
    try:
        return file.read(size, offset)
    except Failure as failure:
        if failure.status != Status.DEVICE_NOT_READY:
            raise
    return _read_later(file, size, offset, clock)


def _wait_for_data(file: File) -> Blocks[bytes]:
    while not file.poll() & (Poll.READABLE | _ENDED):
        yield Wait((file.ready(Poll.READABLE | _ENDED),))
    if not file.poll() & Poll.READABLE:
        raise Failure(Status.PIPE_BROKEN)
    return b""


def _read_later(file: File, size: int, offset: int | None, clock: Clock) -> Blocks[bytes]:
    while True:
        yield from _until_ready(file, Poll.READABLE, clock)
        try:
            found = file.read(size, offset)
        except Failure as failure:
            if failure.status != Status.DEVICE_NOT_READY:
                raise
            continue
        return found if isinstance(found, bytes) else (yield from found)


def _until_ready(file: File, event: int, clock: Clock) -> Blocks[None]:
    """Wait for a file; one that claims to be ready already, after it has said that it is not, is asked again soon."""
    if file.poll() & (event | _ENDED):
        yield Wait((), clock() + _PAUSE)
    else:
        yield Wait((file.ready(event | _ENDED),))


def write(file: File, data: bytes, offset: int | None, clock: Clock) -> int | Blocks[int]:
    """Write all of `data`; PIPE_CLOSING when nobody reads it, PIPE_BROKEN when the reader goes in the middle of it."""
    if file.node.kind == Kind.DIRECTORY:
        raise Failure(Status.INVALID_DEVICE_REQUEST)
    if file.node.kind not in _STREAMS and not file.options & Options.NONBLOCKING:
        return file.write(data, offset)
    try:
        written = file.write(data, offset)
    except Failure as failure:
        if failure.status != Status.DEVICE_NOT_READY:
            raise
        written = 0
    if file.node.kind == Kind.REGULAR or written == len(data):
        return written
    return _write_later(file, data, written, clock)


def _write_later(file: File, data: bytes, written: int | Blocks[int], clock: Clock) -> Blocks[int]:
    """Finish a write that has to wait: with O_NONBLOCK only a part of it was taken, or nothing."""
    done = 0
    try:
        while True:
            done += written if isinstance(written, int) else (yield from written)
            if done == len(data) or not file.options & Options.NONBLOCKING:
                break
            yield from _until_ready(file, Poll.WRITABLE, clock)
            try:
                written = file.write(data[done:])
            except Failure as failure:
                if failure.status != Status.DEVICE_NOT_READY:
                    raise
                written = 0
    except Failure as failure:
        raise Failure(Status.PIPE_BROKEN) if failure.status == Status.PIPE_CLOSING else failure from failure
    if done < len(data) and file.poll() & _ENDED:
        raise Failure(Status.PIPE_BROKEN)
    return done  # less than all when it was cancelled
