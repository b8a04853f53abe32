"""What pipes are asked, and what is known of them: requests by number, and FILE_PIPE_*_INFORMATION.

Source: [MS-FSCC] 2.3.30-39 and 2.4.33-34.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar, cast

from lichen.abi.layout import layout
from lichen.executive.io.attributes import Kind
from lichen.executive.io.location import fold
from lichen.executive.io.opening import Access, Poll
from lichen.executive.io.requests import Answer, BytesAvailable, DeviceRequest, PeekPipe, PipeCapacity
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then
from lichen.subsystems.nt.pipe_queues import Part
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.pipes import (
    FilePipeInformation,
    FilePipeLocalInformation,
    FilePipePeekBuffer,
    FilePipeWaitForBuffer,
)
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.types import decode
from lichen.subsystems.nt.waiting import deadline_of

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.named_pipes import NamedPipeEnd, PipeRoot

T = TypeVar("T")
DISCONNECTED, LISTENING, CONNECTED, CLOSING = 1, 2, 3, 4
"""FILE_PIPE_*_STATE."""
SHARE_READ, SHARE_WRITE = 1, 2
_DISCONNECT, _LISTEN, _PEEK, _WAIT, _TRANSCEIVE = 0x110004, 0x110008, 0x11400C, 0x110018, 0x11C017
_CONNECTION_ATTRIBUTE: Final = 0x110030
_ATTRIBUTES: Final = (b"ServerProcessId\0", b"ClientProcessId\0")
_PEEK_HEAD, _WAIT_HEAD = layout(FilePipePeekBuffer, MODEL), layout(FilePipeWaitForBuffer, MODEL)
_LEAST_WAIT: Final = 16
"""sizeof(FILE_PIPE_WAIT_FOR_BUFFER), with one unit of a name."""
_STREAMS: Final = (Kind.FIFO, Kind.SOCKET)
"""Kinds of Linux' files that are pipes to Windows programs."""
_USUAL_CAPACITY: Final = 65536
Known = TypeVar("Known", int, bytes)


def of_device(root: PipeRoot, request: DeviceRequest) -> Answer | Blocks[Answer]:
    """Carry out a request to the device itself; NOT_SUPPORTED."""
    if request.code != _WAIT:
        raise Failure(Status.NOT_SUPPORTED)
    return then(_wait(request.thread, root, request.data), lambda status: (status, b""))


def of_end(end: NamedPipeEnd, request: DeviceRequest) -> Answer | Blocks[Answer] | None:
    """Carry out a request to an end; None for one that is not for pipes."""
    code, room = request.code, request.room
    if code == _LISTEN:
        return then(end.listen(), lambda status: (status, b""))
    if code == _TRANSCEIVE:
        return then(end.transceive(request.data, room), _received)
    if code == _DISCONNECT:
        end.disconnect()
        return Status.SUCCESS, b""
    if code == _CONNECTION_ATTRIBUTE:
        return Status.SUCCESS, _attribute(end, request.data, room)
    return _peek(end, room) if code == _PEEK else None


def of_stream(file: File, code: int, room: int) -> Answer | None:
    """Carry out a request to what is a pipe of Linux'; None for other files and other requests."""
    return _peek_stream(file, room) if code == _PEEK and file.node.kind in _STREAMS else None


def _attribute(end: NamedPipeEnd, name: bytes, room: int) -> bytes:
    """A fact of the connection: which process opened which end."""
    if name not in _ATTRIBUTES:
        raise Failure(NtStatus.ILLEGAL_FUNCTION)
    if room < ULONG.size:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    return ULONG.pack(end.openers[_ATTRIBUTES.index(name)])


def _received(data: bytes) -> Answer:
    return (Status.BUFFER_OVERFLOW if type(data) is Part else Status.SUCCESS), data


def _wait(thread: Thread, root: PipeRoot, data: bytes) -> int | Blocks[int]:
    """FILE_PIPE_WAIT_FOR_BUFFER."""
    if len(data) < _LEAST_WAIT:
        raise Failure(Status.INVALID_PARAMETER)
    timeout, length, specified = _WAIT_HEAD.unpack(data)
    if len(data) < _WAIT_HEAD.size + length:
        raise Failure(Status.INVALID_PARAMETER)
    name = decode(data[_WAIT_HEAD.size :][:length])
    pipe = root.device.pipes.get(fold(name))
    if pipe is None:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    return pipe.wait(deadline_of(thread, timeout if specified else pipe.shape.timeout or None))


def _peek(end: NamedPipeEnd, room: int) -> Answer:
    """FILE_PIPE_PEEK_BUFFER."""
    if room < _PEEK_HEAD.size:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    queue = end.received
    if end.state not in (CONNECTED, CLOSING):
        raise Failure(Status.PIPE_DISCONNECTED if end.thrown_out else NtStatus.INVALID_PIPE_STATE)
    if not queue.parts and end.state == CLOSING:
        raise Failure(Status.PIPE_BROKEN)
    message = queue.parts[0].rest if queue.messages and queue.parts else 0
    content = queue.peek(min(room - _PEEK_HEAD.size, message) if queue.messages else room - _PEEK_HEAD.size)
    waiting = len(queue.parts) if queue.messages else 0
    header = _PEEK_HEAD.pack(FilePipePeekBuffer(end.state, queue.size, waiting, message))
    return (Status.BUFFER_OVERFLOW if len(content) < message else Status.SUCCESS), header + content


def _peek_stream(file: File, room: int) -> Answer:
    """FILE_PIPE_PEEK_BUFFER of a Linux pipe: a pipe of the host's tells only how much there is."""
    if room < _PEEK_HEAD.size:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    size = _asked(file, BytesAvailable(), 0)
    if not size and file.poll() & Poll.HANGUP:
        raise Failure(Status.PIPE_BROKEN)
    content = _asked(file, PeekPipe(room - _PEEK_HEAD.size), b"")
    return Status.SUCCESS, _PEEK_HEAD.pack(FilePipePeekBuffer(CONNECTED, size, 0, 0)) + content


def _asked(file: File, request: object, otherwise: Known) -> Known:
    """What a stream answers to a request, or what stands for that when it does not know such requests."""
    try:
        return cast(Known, file.control(request))
    except Failure:
        return otherwise


# ---- FILE_PIPE_*_INFORMATION


class OfEnd(NamedTuple):
    """A request to the end of a pipe of NT's, which Linux' pipes do not know: what `ask` says of it."""

    ask: Callable[[NamedPipeEnd], object]


def _known(file: File, ask: Callable[[NamedPipeEnd], T], otherwise: Callable[[File], T]) -> T:
    """What is known of the end of a pipe of NT's, or else of a pipe of Linux'; INVALID_PARAMETER for what is none."""
    if file.node.kind not in _STREAMS:
        raise Failure(Status.INVALID_PARAMETER)
    try:
        return cast(T, file.control(OfEnd(ask)))
    except Failure as failure:
        if failure.status != Status.INVALID_DEVICE_REQUEST:
            raise
    return otherwise(file)


def pipe_information(thread: Thread, file: File) -> FilePipeInformation:
    return _known(
        file,
        lambda end: FilePipeInformation(end.one_message, not end.waits),
        lambda stream: FilePipeInformation(0, 0),
    )


def local_information(thread: Thread, file: File) -> FilePipeLocalInformation:
    return _known(file, _local_of_end, _local_of_stream)


def _local_of_stream(file: File) -> FilePipeLocalInformation:
    size, capacity = _asked(file, BytesAvailable(), 0), _asked(file, PipeCapacity(), _USUAL_CAPACITY)
    configuration = 0 if file.access & Access.READ else 1
    return FilePipeLocalInformation(
        0, configuration, 1, 1, capacity, size, capacity, max(0, capacity - size), CONNECTED, 0
    )


def _local_of_end(end: NamedPipeEnd) -> FilePipeLocalInformation:
    shape, partner = end.pipe.shape, end.partner
    configuration = {SHARE_WRITE: 0, SHARE_READ: 1}.get(shape.directions, 2)
    room = max(0, partner.received.quota - partner.received.size) if partner else 0
    return FilePipeLocalInformation(
        shape.messages, configuration, min(shape.most_instances, 0xFFFFFFFF), len(end.pipe.instances),
        shape.inbound_quota, end.received.size, shape.outbound_quota, room, end.state, end.is_server,
    )  # fmt: skip


def set_pipe_information(given: FilePipeInformation, thread: Thread, file: File) -> None:
    """How an end reads, and whether it waits."""
    reading, completion = given

    def set_end(end: NamedPipeEnd) -> None:
        if reading > 1 or completion > 1 or (reading and not end.pipe.shape.messages):
            raise Failure(Status.INVALID_PARAMETER)
        end.one_message, end.waits = bool(reading), not completion

    def set_stream(stream: File) -> None:
        if reading or completion:
            raise Failure(Status.INVALID_PARAMETER)

    _known(file, set_end, set_stream)
