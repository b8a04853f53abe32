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
PEEK: Final = 0x11400C
_ATTRIBUTES: Final = (b"ServerProcessId\0", b"ClientProcessId\0")
_PEEK_HEAD, _WAIT_HEAD = layout(FilePipePeekBuffer, MODEL), layout(FilePipeWaitForBuffer, MODEL)
_LEAST_WAIT: Final = 16
"""sizeof(FILE_PIPE_WAIT_FOR_BUFFER), with one unit of a name."""
_STREAMS: Final = (Kind.FIFO, Kind.SOCKET)
"""Kinds of Linux' files that are pipes to Windows programs."""
_USUAL_CAPACITY: Final = 65536
Known = TypeVar("Known", int, bytes)


def _listen(end: NamedPipeEnd, request: DeviceRequest) -> Answer | Blocks[Answer]:
    return then(end.listen(), lambda status: (status, b""))


def _disconnect(end: NamedPipeEnd, request: DeviceRequest) -> Answer:
    end.disconnect()
    return Status.SUCCESS, b""


def _transceive(end: NamedPipeEnd, request: DeviceRequest) -> Answer | Blocks[Answer]:
    return then(end.transceive(request.data, request.room), _received)


def _attribute(end: NamedPipeEnd, request: DeviceRequest) -> Answer:
    """A fact of the connection: which process opened which end."""
    name, room = request.data, request.room
    if name not in _ATTRIBUTES:
        raise Failure(NtStatus.ILLEGAL_FUNCTION)
    if room < ULONG.size:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    return Status.SUCCESS, ULONG.pack(end.openers[_ATTRIBUTES.index(name)])


def _received(data: bytes) -> Answer:
    return (Status.BUFFER_OVERFLOW if type(data) is Part else Status.SUCCESS), data


def _wait(root: PipeRoot, request: DeviceRequest) -> Answer | Blocks[Answer]:
    """FILE_PIPE_WAIT_FOR_BUFFER."""
    data = request.data
    if len(data) < _LEAST_WAIT:
        raise Failure(Status.INVALID_PARAMETER)
    timeout, length, specified = _WAIT_HEAD.unpack(data)
    if len(data) < _WAIT_HEAD.size + length:
        raise Failure(Status.INVALID_PARAMETER)
    name = decode(data[_WAIT_HEAD.size :][:length])
    pipe = root.device.pipes.get(fold(name))
    if pipe is None:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    deadline = deadline_of(request.thread, timeout if specified else pipe.shape.timeout or None)
    return then(pipe.wait(deadline), lambda status: (status, b""))


def _peek(end: NamedPipeEnd, request: DeviceRequest) -> Answer:
    """FILE_PIPE_PEEK_BUFFER."""
    room = request.room
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


def peek_stream(file: File, request: DeviceRequest) -> Answer:
    """FILE_PIPE_PEEK_BUFFER of a Linux pipe: a pipe of the host's tells only how much there is."""
    room = request.room
    if file.node.kind not in _STREAMS:
        raise Failure(Status.INVALID_DEVICE_REQUEST)
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


_OF_DEVICE: Final[dict[int, Callable[[PipeRoot, DeviceRequest], Answer | Blocks[Answer]]]] = {0x110018: _wait}
_OF_END: Final[dict[int, Callable[[NamedPipeEnd, DeviceRequest], Answer | Blocks[Answer]]]] = {
    0x110004: _disconnect,
    0x110008: _listen,
    PEEK: _peek,
    0x110030: _attribute,
    0x11C017: _transceive,
}
"""What the device and an end carry out, by code (FSCTL_PIPE_*)."""


def of_device(root: PipeRoot, request: DeviceRequest) -> Answer | Blocks[Answer]:
    """Carry out a request to the device itself; NOT_SUPPORTED."""
    carry_out = _OF_DEVICE.get(request.code)
    if carry_out is None:
        raise Failure(Status.NOT_SUPPORTED)
    return carry_out(root, request)


def of_end(end: NamedPipeEnd, request: DeviceRequest) -> Answer | Blocks[Answer] | None:
    """Carry out a request to an end; None for one that is not for pipes."""
    carry_out = _OF_END.get(request.code)
    return carry_out(end, request) if carry_out else None


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
