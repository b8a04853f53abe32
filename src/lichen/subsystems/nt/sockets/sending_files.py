"""Files that go out by a socket without passing through their program (TransmitFile).

Source: TransmitFile, TRANSMIT_FILE_BUFFERS (mswsock.h).
"""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType
from typing import TYPE_CHECKING, Final, TypeVar, cast

from lichen.abi.layout import layout
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access
from lichen.executive.network.sockets import Message, ShutDown
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.nt.objects import file_of
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.sockets import AfdTransmit
from lichen.subsystems.nt.sockets.connections import let_go
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.subsystems.nt.sockets.request import Request
    from lichen.subsystems.nt.types import Result

T = TypeVar("T")
_TRANSMIT: Final = layout(AfdTransmit, MODEL)
_AT_POSITION: Final = -2
_PIECE: Final = 1 << 16
_LARGEST_PIECE: Final = 1 << 20
_DISCONNECT, _REUSE, _WRITE_BEHIND = 0x1, 0x2, 0x4
_KNOWN: Final = 0x3F
"""The other flags say which thread does the work."""


def transmit(request: Request) -> Result:
    """Send what is before a file, the file or a part of it, and what is behind it."""
    asked = _TRANSMIT.unpack(request.need(_TRANSMIT.size))
    file = request.file
    if not file.is_stream or not file.is_connected:
        raise Failure(NtStatus.CONNECTION_UNKNOWN)
    if file.sending_ended:
        raise Failure(Status.PIPE_DISCONNECTED)
    if asked.flags & ~_KNOWN or asked.offset < _AT_POSITION:
        raise Failure(Status.INVALID_PARAMETER)
    source = None
    if asked.file:
        source = file_of(request.thread, asked.file)
        source.require(Access.READ)
        if source.node.kind != Kind.REGULAR:
            raise Failure(Status.NOT_SUPPORTED)
        source.reference()
    return request.finish(_transmit(request, asked, source), lambda status: status, Status.IO_TIMEOUT)


def _transmit(request: Request, asked: AfdTransmit, source: File | None) -> Blocks[int]:
    memory, file = request.thread.memory, request.file
    try:
        done = yield from _send(
            request, lambda at, size: memory.read(asked.head + at, size), asked.head_length
        )
        if source is not None:
            done += yield from _send_file(request, asked, source)
        done += yield from _send(
            request, lambda at, size: memory.read(asked.tail + at, size), asked.tail_length
        )
    finally:
        if source is not None:
            source.release()
    if asked.flags & _REUSE:
        yield from let_go(request)
    elif asked.flags & _DISCONNECT:
        file.made.shut_down(ShutDown.SEND)
        file.sending_ended = True
    return request.completion.end(Status.SUCCESS, done)


def _send(request: Request, take: Callable[[int, int], bytes], size: int) -> Blocks[int]:
    """Send `size` bytes of the program's memory, piece by piece."""
    done = 0
    while done < size:
        done += yield from _all(request, take(done, min(size - done, _LARGEST_PIECE)))
    return done


def _send_file(request: Request, asked: AfdTransmit, source: File) -> Blocks[int]:
    piece = min(asked.buffer_size or _PIECE, _LARGEST_PIECE)
    done, left = 0, asked.file_length or None
    while left is None or done < left:
        size = piece if left is None else min(piece, left - done)
        offset = None if asked.offset == _AT_POSITION else asked.offset + done
        data = yield from _outcome(source.read(size, offset))
        if not data:
            break
        done += yield from _all(request, data)
    return done


def _all(request: Request, data: bytes) -> Blocks[int]:
    done = 0
    while done < len(data):
        done += yield from _outcome(request.file.made.send(request.caller, Message(data[done:])))
    return done


def _outcome(result: T | Blocks[T]) -> Blocks[T]:
    """What an operation comes to, whether it had to wait or not."""
    if type(result) is GeneratorType:
        return cast(T, (yield from result))
    return cast(T, result)
