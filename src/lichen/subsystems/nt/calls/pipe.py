"""Named pipes: making them, their control codes and what is known of them.

Source: NtCreateNamedPipeFile (phnt); [MS-FSCC] 2.3.30-39 and 2.4.33-34.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar, cast

from lichen.abi.argument import OptionalIn, Out
from lichen.abi.layout import i64, layout, ptr, u32
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.location import fold
from lichen.executive.io.opening import Access, Poll
from lichen.executive.io.requests import BytesAvailable, PeekPipe, PipeCapacity
from lichen.executive.objects.handles import index_of
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then
from lichen.subsystems.nt import names
from lichen.subsystems.nt.access import given_descriptor
from lichen.subsystems.nt.files import open_of
from lichen.subsystems.nt.named_pipes import (
    CLOSING,
    CONNECTED,
    SHARE_READ,
    SHARE_WRITE,
    NamedPipe,
    NamedPipes,
    PipeEnd,
    PipeRoot,
    Shape,
)
from lichen.subsystems.nt.objects import new_handle
from lichen.subsystems.nt.pipe_queues import Part
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.records.pipes import (
    FilePipeInformation,
    FilePipeLocalInformation,
    FilePipePeekBuffer,
    FilePipeWaitForBuffer,
)
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import NOTHING, Flags, Named, ObjectName, decode
from lichen.subsystems.nt.waiting import deadline_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_DISCONNECT, _LISTEN, _PEEK, _WAIT, _TRANSCEIVE = 0x110004, 0x110008, 0x11400C, 0x110018, 0x11C017
_CONNECTION_ATTRIBUTE: Final = 0x110030
_ATTRIBUTES: Final = (b"ServerProcessId\0", b"ClientProcessId\0")
_PEEK_HEAD, _WAIT_HEAD = layout(FilePipePeekBuffer, MODEL), layout(FilePipeWaitForBuffer, MODEL)
_LEAST_WAIT: Final = 16
"""sizeof(FILE_PIPE_WAIT_FOR_BUFFER), with one unit of a name."""
_SHAREABLE: Final = SHARE_READ | SHARE_WRITE
_STREAMS: Final = (Kind.FIFO, Kind.SOCKET)
"""Kinds of Linux' files that are pipes to Windows programs."""
_USUAL_CAPACITY: Final = 65536
Known = TypeVar("Known", int, bytes)
Answer = tuple[int, bytes]
"""A status, and what goes into the output buffer."""


@nt.call()
def NtCreateNamedPipeFile(
    thread: Thread,
    handle: Out[ptr],
    access: Flags,
    name: ObjectName,
    status: Out[IoStatusBlock],
    share: Flags,
    disposition: u32,
    options: Flags,
    message_type: u32,
    message_reading: u32,
    not_waiting: u32,
    most_instances: u32,
    inbound_quota: u32,
    outbound_quota: u32,
    timeout: OptionalIn[i64],
) -> int:
    """Make a pipe, or one more instance of one; the handle is the server's end."""
    if not share & _SHAREABLE or share & ~_SHAREABLE or (message_reading & 1 and not message_type & 1):
        raise Failure(Status.INVALID_PARAMETER)
    if not most_instances:
        raise Failure(Status.INVALID_PARAMETER)
    device, rest = _device_of(thread, name)
    shape = Shape(share, bool(message_type & 1), most_instances, inbound_quota, outbound_quota, timeout or 0)
    request = open_of(access, disposition, 7, options & ~1)
    descriptor = given_descriptor(thread, name, NamedPipe.rights, NamedPipe.of_others)
    end = device.create(thread.process, rest, request, shape, descriptor)
    end.one_message, end.waits = bool(message_reading & 1), not not_waiting & 1
    handle.write(new_handle(thread, end, end.access, name))
    status.write(IoStatusBlock(Status.SUCCESS, end.outcome))
    return Status.SUCCESS


def _device_of(thread: Thread, name: Named) -> tuple[NamedPipes, str]:
    """The device that a pipe's name leads to, and the name it has there."""
    if name.root:
        start = thread.process.handles.get(index_of(name.root))
        if isinstance(start, PipeRoot):
            return start.device, name.name
    elif not name.name:
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD if name is not NOTHING else Status.INVALID_PARAMETER)
    found = names.reach(thread, name, case_blind=True)
    rest = "\\".join(found.rest)
    if not isinstance(found.object, NamedPipes) or not rest:
        raise Failure(Status.OBJECT_NAME_INVALID)
    return found.object, rest


# ---- FSCTL_PIPE_*


def pipe_control(
    thread: Thread, file: File, code: int, data: bytes, room: int
) -> Answer | Blocks[Answer] | None:
    """What a control code does; None for a code or file that is not meant."""
    if isinstance(file, PipeRoot):
        if code != _WAIT:
            raise Failure(Status.NOT_SUPPORTED)
        return then(_wait(thread, file, data), lambda status: (status, b""))
    if not isinstance(file, PipeEnd):
        return _peek_stream(file, room) if code == _PEEK and file.node.kind in _STREAMS else None
    if code == _LISTEN:
        return then(file.listen(), lambda status: (status, b""))
    if code == _TRANSCEIVE:
        return then(file.transceive(data, room), _received)
    if code == _DISCONNECT:
        file.disconnect()
        return Status.SUCCESS, b""
    if code == _CONNECTION_ATTRIBUTE:
        return Status.SUCCESS, _attribute(file, data, room)
    return _peek(file, room) if code == _PEEK else None


def _attribute(end: PipeEnd, name: bytes, room: int) -> bytes:
    """A fact of the connection: which process opened which end."""
    if name not in _ATTRIBUTES:
        raise Failure(NtStatus.ILLEGAL_FUNCTION)
    if room < ULONG.size:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    return ULONG.pack(end.openers[_ATTRIBUTES.index(name)])


def _received(data: bytes) -> Answer:
    return (Status.BUFFER_OVERFLOW if type(data) is Part else Status.SUCCESS), data


def _wait(thread: Thread, root: PipeRoot, data: bytes) -> Blocks[int]:
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


def _peek(end: PipeEnd, room: int) -> Answer:
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


def _end_of(file: File) -> PipeEnd | None:
    """The end of a pipe of NT's; None for a pipe of Linux'."""
    if isinstance(file, PipeEnd):
        file.require_pipe()
        return file
    if file.node.kind not in _STREAMS:
        raise Failure(Status.INVALID_PARAMETER)
    return None


def name_of(end: PipeEnd) -> str:
    """A pipe's name below its device; fails for the device itself."""
    end.require_pipe()
    return "\\" + end.pipe.name


def pipe_information(thread: Thread, file: File) -> FilePipeInformation:
    end = _end_of(file)
    return (
        FilePipeInformation(end.one_message, not end.waits) if end is not None else FilePipeInformation(0, 0)
    )


def local_information(thread: Thread, file: File) -> FilePipeLocalInformation:
    end = _end_of(file)
    if end is None:
        size, capacity = _asked(file, BytesAvailable(), 0), _asked(file, PipeCapacity(), _USUAL_CAPACITY)
        configuration = 0 if file.access & Access.READ else 1
        return FilePipeLocalInformation(
            0, configuration, 1, 1, capacity, size, capacity, max(0, capacity - size), CONNECTED, 0
        )
    shape, partner = end.pipe.shape, end.partner
    configuration = {SHARE_WRITE: 0, SHARE_READ: 1}.get(shape.directions, 2)
    room = max(0, partner.received.quota - partner.received.size) if partner else 0
    return FilePipeLocalInformation(
        shape.messages, configuration, min(shape.most_instances, 0xFFFFFFFF), len(end.pipe.instances),
        shape.inbound_quota, end.received.size, shape.outbound_quota, room, end.state, end.is_server,
    )  # fmt: skip


def set_pipe_information(given: FilePipeInformation, thread: Thread, file: File) -> None:
    """How an end reads, and whether it waits."""
    end = _end_of(file)
    reading, completion = given
    if end is None:
        if reading or completion:
            raise Failure(Status.INVALID_PARAMETER)
        return
    if reading > 1 or completion > 1 or (reading and not end.pipe.shape.messages):
        raise Failure(Status.INVALID_PARAMETER)
    end.one_message, end.waits = bool(reading), not completion
