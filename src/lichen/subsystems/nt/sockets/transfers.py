"""Sending and receiving: Winsock's buffers and flags, and the messages of the executive's sockets.

Source: WSARecvMsg, WSASendMsg; AFD_RECV_INFO (afd.h).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.layout import layout
from lichen.executive.io.opening import Poll
from lichen.executive.network.sockets import Control, Level, Message, MessageFlag, Received, SocketOption
from lichen.executive.status import Failure, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait, then
from lichen.subsystems.nt.records import LONG, MODEL, ULONG
from lichen.subsystems.nt.records.sockets import AfdReceive, AfdReceiveMessage, AfdSendMessage, WsaBuffer
from lichen.subsystems.nt.records.sockets import Message as WsaMessage
from lichen.subsystems.nt.sockets import controls
from lichen.subsystems.nt.sockets.afd import OUT_OF_BAND, READ, WRITE, AfdFile
from lichen.subsystems.nt.sockets.errors import status_of, translated
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.abi.memory import Memory
    from lichen.subsystems.nt.sockets.request import Request
    from lichen.subsystems.nt.types import Result

_RECEIVE, _SEND = layout(AfdReceiveMessage, MODEL), layout(AfdSendMessage, MODEL)
_AFD_RECEIVE, _BUFFER = layout(AfdReceive, MODEL), layout(WsaBuffer, MODEL)
_MOST_BUFFERS: Final = 1 << 16
"""Node gives thousands: one for each piece that was written meanwhile."""
_AT_ONCE: Final = 1 << 20
"""Bytes that are copied in one go."""
_ARRIVAL: Final = Poll.READABLE | Poll.READ_HANGUP | Poll.HANGUP | Poll.ERROR
_OUT_OF_BAND, _PEEK, _DO_NOT_ROUTE, _WAIT_FOR_ALL = 0x1, 0x2, 0x4, 0x8
_CONTROL_TRUNCATED: Final = 0x200
_NATIVE_NORMAL, _NATIVE_EXPEDITED, _NATIVE_PEEK = 0x20, 0x40, 0x80
_NATIVE_OVERLAPPED: Final = 0x2
_LONGEST_ADDRESS: Final = 128
_MESSAGE: Final = layout(WsaMessage, MODEL)
_MOST_CONTROL: Final = 1 << 13
WITH_CONTROL: Final = 0x40000000
"""Says that a WSAMSG is given in place of the buffers, as `mends` has it of WSASendMsg, which keeps control data to itself."""


class _Buffers(NamedTuple):
    """(address, size) of each, and the size of all; nearly always there is one."""

    places: tuple[tuple[int, int], ...]
    size: int

    @classmethod
    def read(cls, memory: Memory, address: int, count: int) -> _Buffers:
        if count == 1:
            size, place = _BUFFER.read(memory, address)
            return cls(((place, size),), size)
        if count > _MOST_BUFFERS:
            raise Failure(Status.INVALID_PARAMETER)
        data = memory.read(address, count * _BUFFER.size) if count else b""
        places = tuple((place, size) for size, place in _BUFFER.unpack_array(data))
        return cls(places, sum(size for _, size in places))

    def gather(self, memory: Memory, start: int) -> bytes:
        """What is in them from `start` on, as much as is copied in one go."""
        if len(self.places) == 1:
            ((place, size),) = self.places
            return memory.read(place + start, min(size - start, _AT_ONCE))
        parts, room = [], _AT_ONCE
        for place, size in self.places:
            if start >= size:
                start -= size
                continue
            taken = min(size - start, room)
            parts.append(memory.read(place + start, taken))
            start, room = 0, room - taken
            if not room:
                break
        return b"".join(parts)

    def scatter(self, memory: Memory, data: bytes) -> None:
        for place, size in self.places:
            if not data:
                return
            memory.write(place, data[:size])
            data = data[size:]


def _may_wait(file: AfdFile, later: int) -> int:
    """The message flag of a request that is not to wait; one that may go on after its call always does."""
    return 0 if later or not file.nonblocking else MessageFlag.DO_NOT_WAIT


def _late(file: AfdFile, later: int, timeout: float | None) -> int:
    """The status of an operation that came to no end in the time that the socket gives it."""
    return Status.DEVICE_NOT_READY if later or timeout is None else Status.IO_TIMEOUT


# ---- receiving


def receive(request: Request) -> Result:
    """WSARecv, WSARecvFrom."""
    memory = request.thread.memory
    control, address, address_size, flags_at, later, count, buffers_at = _RECEIVE.unpack(
        request.need(_RECEIVE.size)
    )
    buffers = _Buffers.read(memory, buffers_at, count)
    flags = ULONG.read(memory, flags_at) if flags_at else 0

    def received(message: Received) -> int:
        buffers.scatter(memory, message.data)
        if address and address_size and message.address is not None:
            _tell_address(request, address, address_size, message)
        cut_control = _tell_controls(memory, control, message) if control else False
        told = _CONTROL_TRUNCATED if cut_control else 0
        if flags_at and told != flags:
            memory.write(flags_at, ULONG.pack(told))
        cut = message.flags & MessageFlag.TRUNCATED
        return request.completion.end(Status.BUFFER_OVERFLOW if cut else Status.SUCCESS, len(message.data))

    try:
        operation = _begin(request.file, buffers.size, flags, later)
    except Failure as failure:
        raise Failure(status_of(failure)) from None
    timeout = request.file.made.receive_timeout
    return request.finish(operation, received, _late(request.file, later, timeout))


def receive_natively(request: Request) -> Result:
    """AFD's own request, which asks for exactly one of normal and expedited data."""
    memory = request.thread.memory
    buffers_at, count, manner, given = _AFD_RECEIVE.unpack(request.need(_AFD_RECEIVE.size))
    kind = given & (_NATIVE_NORMAL | _NATIVE_EXPEDITED)
    if kind not in (_NATIVE_NORMAL, _NATIVE_EXPEDITED):
        raise Failure(Status.INVALID_PARAMETER)
    buffers = _Buffers.read(memory, buffers_at, count)
    flags = (_OUT_OF_BAND if kind == _NATIVE_EXPEDITED else 0) | (_PEEK if given & _NATIVE_PEEK else 0)

    def received(message: Received) -> int:
        buffers.scatter(memory, message.data)
        cut = message.flags & MessageFlag.TRUNCATED
        return request.completion.end(Status.BUFFER_OVERFLOW if cut else Status.SUCCESS, len(message.data))

    with translated():
        operation = _begin(request.file, buffers.size, flags, manner & _NATIVE_OVERLAPPED)
    return request.finish(operation, received)


def _begin(file: AfdFile, size: int, flags: int, later: int) -> Received | Blocks[Received]:
    socket = file.made
    file.settle()
    if file.is_stream and not file.connected:
        raise Failure(Status.CONNECTION_INVALID)
    asked = _may_wait(file, later)
    for bit, flag in (
        (_OUT_OF_BAND, MessageFlag.OUT_OF_BAND),
        (_PEEK, MessageFlag.PEEK),
        (_WAIT_FOR_ALL, MessageFlag.WAIT_FOR_ALL),
    ):
        if flags & bit:
            asked |= flag
    file.rearm(READ | OUT_OF_BAND)
    if flags & _OUT_OF_BAND:
        return _urgent(file, min(size, _AT_ONCE), asked)
    if not size and file.is_stream:
        return _nothing(file, asked, bool(later))
    if not later:
        return socket.receive(min(size, _AT_ONCE), asked)
    timeout, socket.receive_timeout = socket.receive_timeout, None
    try:
        return socket.receive(min(size, _AT_ONCE), asked)
    finally:
        socket.receive_timeout = timeout


def _nothing(file: AfdFile, flags: int, later: bool) -> Received | Blocks[Received]:
    """Receive no bytes, which is to wait until there are some, or an end: so programs wait without giving a buffer."""
    if file.made.poll() & _ARRIVAL:
        return Received(b"", 0)
    if flags & MessageFlag.DO_NOT_WAIT:
        raise Failure(Status.DEVICE_NOT_READY)
    return _nothing_later(file, None if later else file.made.receive_timeout)


def _nothing_later(file: AfdFile, timeout: float | None) -> Blocks[Received]:
    deadline = None if timeout is None else file.clock() + timeout
    if (yield Wait((file.made.ready(_ARRIVAL),), deadline)) == TIMED_OUT:
        raise Failure(Status.DEVICE_NOT_READY)
    return Received(b"", 0)


def _urgent(file: AfdFile, size: int, flags: int) -> Received | Blocks[Received]:
    """Receive the urgent byte; INVALID_PARAMETER where it comes among the others."""
    socket = file.made
    try:
        return socket.receive(size, flags)
    except Failure as failure:
        inline = socket.option(Level.SOCKET, SocketOption.OUT_OF_BAND_INLINE, LONG.size)
        if failure.status != Status.INVALID_PARAMETER or any(inline):
            raise
    if flags & MessageFlag.DO_NOT_WAIT:
        raise Failure(Status.DEVICE_NOT_READY)
    return _urgent_later(file, size, flags)


def _urgent_later(file: AfdFile, size: int, flags: int) -> Blocks[Received]:
    socket = file.made
    deadline = None if socket.receive_timeout is None else file.clock() + socket.receive_timeout
    if (yield Wait((socket.ready(Poll.PRIORITY | Poll.ERROR | Poll.HANGUP),), deadline)) == TIMED_OUT:
        raise Failure(Status.DEVICE_NOT_READY)
    found = socket.receive(size, flags)
    return found if isinstance(found, Received) else (yield from found)


def _tell_address(request: Request, address: int, size_at: int, message: Received) -> None:
    memory = request.thread.memory
    room = LONG.read(memory, size_at)
    name = request.name(message.address, room)
    if room > 0:
        memory.write(address, name[:room])
    memory.write(size_at, LONG.pack(len(name)))


def _tell_controls(memory: Memory, place: int, message: Received) -> bool:
    """Fill a WSABUF with what came along; whether that was cut."""
    room, at = _BUFFER.read(memory, place)
    data, cut = controls.encode(message.controls, room)
    if data:
        memory.write(at, data)
    memory.write(place, ULONG.pack(len(data)))
    return cut or bool(message.flags & MessageFlag.CONTROL_TRUNCATED)


# ---- sending


def send(request: Request) -> Result:
    """WSASend, WSASendTo."""
    memory, file = request.thread.memory, request.file
    address, size, flags, later, count, buffers_at = _SEND.unpack(request.need(_SEND.size))
    along: tuple[Control, ...] = ()
    if flags & WITH_CONTROL:
        _, _, buffers_at, count, (length, control), _ = _MESSAGE.read(memory, buffers_at)
        along = controls.decode(memory.read(control, min(length, _MOST_CONTROL)))
    buffers = _Buffers.read(memory, buffers_at, count)
    if file.sending_ended:
        raise Failure(Status.PIPE_DISCONNECTED)
    file.settle()
    if file.is_stream and not file.connected:
        raise Failure(NtStatus.CONNECTION_UNKNOWN)
    socket = file.made
    to = None
    if address and size and not file.is_stream:
        to = request.address(memory.read(address, min(size, _LONGEST_ADDRESS)))
    if not file.is_stream:
        file.bind_by_use(request.caller)
    asked = _may_wait(file, later) | (MessageFlag.OUT_OF_BAND if flags & _OUT_OF_BAND else 0)
    asked |= MessageFlag.DO_NOT_ROUTE if flags & _DO_NOT_ROUTE else 0

    def next_part(done: int) -> int | Blocks[int]:
        return socket.send(request.caller, Message(buffers.gather(memory, done), to, asked, controls=along))

    def rest(done: int) -> int | Blocks[int]:
        """A stream takes all of it, in parts; one that may not wait as much as there is room for."""
        if asked & MessageFlag.DO_NOT_WAIT or not file.is_stream or done >= buffers.size:
            return done
        return _remaining(next_part, done, buffers.size)

    try:
        operation = then(next_part(0), rest)
    except Failure as failure:
        if failure.status == Status.DEVICE_NOT_READY:
            file.rearm(WRITE)
        raise Failure(status_of(failure)) from None
    late = _late(file, later, socket.send_timeout)
    return request.finish(operation, lambda done: request.completion.end(Status.SUCCESS, done), late)


def _remaining(next_part: Callable[[int], int | Blocks[int]], done: int, total: int) -> Blocks[int]:
    while done < total:
        sent = next_part(done)
        done += sent if isinstance(sent, int) else (yield from sent)
    return done
