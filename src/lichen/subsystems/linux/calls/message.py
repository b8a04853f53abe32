"""Messages of sockets: sending and receiving with flags, addresses and what goes along.

Source: send(2), recv(2), sendmmsg(2), recvmmsg(2).
"""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType
from typing import TYPE_CHECKING, Final, cast

from lichen.abi.argument import InOut, OptionalInOut
from lichen.abi.layout import LP64, i32, layout
from lichen.abi.memory import BadAddress
from lichen.executive.network.sockets import Message, MessageFlag, Received, Socket, SocketType
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.linux.ancillary import give_controls, read_controls
from lichen.subsystems.linux.calls.socket import caller_of, socket_of
from lichen.subsystems.linux.records import Mmsghdr, Msghdr, Timespec
from lichen.subsystems.linux.sockaddr import pack_address, read_address, write_address
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.times import clock_of, deadline_of
from lichen.subsystems.linux.transfers import PIECE, Span, broken, held, span_of, span_of_vectors
from lichen.subsystems.linux.types import Address, Content, Fd, Flags, Int, Result, Size, Uint

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

MSG_NOSIGNAL, MSG_WAITFORONE, MSG_CMSG_CLOEXEC = 0x4000, 0x10000, 0x40000000
_MSGHDR, _MMSGHDR = layout(Msghdr, LP64), layout(Mmsghdr, LP64)
_LENGTH_AT: Final = _MMSGHDR.offsets["len"]
_MOST_MESSAGES: Final = 1024
_LARGEST_CONTROL: Final = 1 << 16
"""No control messages of one message fill more room than this."""
_MOST_AT_ONCE: Final = 16 << 20
"""What MSG_WAITALL waits for at most."""
_PASSED_ON: Final = ~(MSG_NOSIGNAL | MSG_WAITFORONE | MSG_CMSG_CLOEXEC)


# ---- sending


@linux.call(amd64=44)
def sendto(
    thread: Thread, fd: Fd, buffer: Content, size: Size, flags: Flags, address: Address, length: Int
) -> Result:
    """Send bytes, to an address if one is given."""
    socket = socket_of(thread, fd)
    span = span_of(thread, buffer, size)
    target = read_address(thread, socket.family, address, length) if address else None
    return _send(thread, socket, span, Message(b"", target, flags & _PASSED_ON), flags)


@linux.call(amd64=46)
def sendmsg(thread: Thread, fd: Fd, header: Address, flags: Flags) -> Result:
    """Send bytes from several places, with what goes along."""
    socket = socket_of(thread, fd)
    return _send_header(thread, socket, _MSGHDR.unpack(thread.memory.read(header, _MSGHDR.size)), flags)


def _send_header(thread: Thread, socket: Socket, header: Msghdr, flags: int) -> int | Blocks[int]:
    target = None
    if header.name and header.namelen:
        target = read_address(thread, socket.family, header.name, header.namelen)
    span = _vectors(thread, header)
    along = read_controls(thread, socket, header.control, header.controllen if header.control else 0)
    message = Message(b"", target, flags & _PASSED_ON, along.objects, along.credentials, along.controls)
    return _send(thread, socket, span, message, flags)


def _vectors(thread: Thread, header: Msghdr) -> Span:
    try:
        return span_of_vectors(thread, header.iov, header.iovlen)
    except Failure as failure:
        if header.iovlen > _MOST_MESSAGES:
            raise Failure(Status.MESSAGE_TOO_LONG) from failure
        raise


def _send(thread: Thread, socket: Socket, span: Span, message: Message, flags: int) -> int | Blocks[int]:
    if span.size > PIECE:
        if socket.type != SocketType.STREAM:
            raise Failure(Status.MESSAGE_TOO_LONG)
        return _send_long(thread, socket, span, message, flags)
    return _send_piece(thread, socket, message._replace(data=span.take(span.size)), flags)


def _send_piece(thread: Thread, socket: Socket, message: Message, flags: int) -> int | Blocks[int]:
    try:
        count = socket.send(caller_of(thread), message)
    except Failure as failure:
        if not flags & MSG_NOSIGNAL:
            broken(thread, failure)
        raise
    if type(count) is GeneratorType:
        return _send_parked(thread, socket, cast(Blocks[int], count), flags)
    return count


def _send_parked(thread: Thread, socket: Socket, blocked: Blocks[int], flags: int) -> Blocks[int]:
    try:
        count: int = yield from held(socket, blocked)
    except Failure as failure:
        if not flags & MSG_NOSIGNAL:
            broken(thread, failure)
        raise
    return count


def _send_long(thread: Thread, socket: Socket, span: Span, message: Message, flags: int) -> Blocks[int]:
    """Send more than one piece; what failed half-way tells how far it came."""
    done = 0
    while done < span.size:
        try:
            data = span.take(min(PIECE, span.size - done))
            count = _send_piece(thread, socket, message._replace(data=data), flags)
            if type(count) is GeneratorType:
                count = yield from cast(Blocks[int], count)
        except (Failure, BadAddress, Interrupted):
            if done:
                break
            raise
        done += cast(int, count)
        if cast(int, count) < len(data):
            break
        message = message._replace(objects=(), controls=())
    return done


# ---- receiving


@linux.call(amd64=45)
def recvfrom(
    thread: Thread,
    fd: Fd,
    buffer: Address,
    size: Size,
    flags: Flags,
    address: Address,
    length: OptionalInOut[i32],
) -> Result:
    """Receive bytes, and tell who sent them."""
    socket = socket_of(thread, fd)
    span = span_of(thread, buffer, size)

    def deliver(received: Received) -> int:
        for thing in received.objects:
            thing.release()
        count = _store(span, received, flags)
        if address:
            write_address(thread, address, length, received.address)
        return count

    return _receive(socket, span, flags, deliver)


@linux.call(amd64=47)
def recvmsg(thread: Thread, fd: Fd, header: InOut[Msghdr], flags: Flags) -> Result:
    """Receive bytes to several places, and what came along."""
    return _receive_header(thread, socket_of(thread, fd), header, flags)


def _receive_header(thread: Thread, socket: Socket, header: InOut[Msghdr], flags: int) -> int | Blocks[int]:
    wanted = header.read()
    if wanted.name and wanted.namelen < 0:
        raise Failure(Status.INVALID_PARAMETER)
    span = _vectors(thread, wanted)

    def deliver(received: Received) -> int:
        return _deliver(thread, span, header, wanted, received, flags)

    return _receive(socket, span, flags, deliver)


def _deliver(
    thread: Thread, span: Span, header: InOut[Msghdr], wanted: Msghdr, received: Received, flags: int
) -> int:
    """Put a received message where the caller wants its parts, and tell what became of each."""
    try:
        count = _store(span, received, flags)
    except BaseException:
        for thing in received.objects:
            thing.release()
        raise
    room = min(wanted.controllen, _LARGEST_CONTROL) if wanted.control else 0
    control = give_controls(thread, received, room, bool(flags & MSG_CMSG_CLOEXEC))
    if control.data:
        thread.memory.write(wanted.control, control.data)
    name_length = wanted.namelen
    if wanted.name:
        name = pack_address(received.address)
        if name[: wanted.namelen]:
            thread.memory.write(wanted.name, name[: wanted.namelen])
        name_length = len(name)
    result_flags = received.flags | control.flags | flags & MSG_CMSG_CLOEXEC
    header.write(wanted._replace(namelen=name_length, controllen=len(control.data), flags=result_flags))
    return count


def _store(span: Span, received: Received, flags: int) -> int:
    """Store the bytes; the result of the call, which is the message's true length if that was asked for."""
    stored = span.put(received.data) if received.data else 0
    return received.length if flags & MessageFlag.TRUNCATED else stored


def _receive(socket: Socket, span: Span, flags: int, deliver: Callable[[Received], int]) -> int | Blocks[int]:
    most = _MOST_AT_ONCE if flags & MessageFlag.WAIT_FOR_ALL else PIECE
    received = socket.receive(min(span.size, most), flags & _PASSED_ON)
    if type(received) is GeneratorType:
        return _receive_parked(socket, cast(Blocks[Received], received), deliver)
    return deliver(cast(Received, received))


def _receive_parked(
    socket: Socket, blocked: Blocks[Received], deliver: Callable[[Received], int]
) -> Blocks[int]:
    received: Received = yield from held(socket, blocked)
    return deliver(received)


# ---- several messages


@linux.call(amd64=307)
def sendmmsg(thread: Thread, fd: Fd, headers: Address, count: Uint, flags: Flags) -> Result:
    """Send several messages."""
    socket = socket_of(thread, fd)
    return _several(
        thread,
        headers,
        min(count, _MOST_MESSAGES),
        lambda header: _send_header(thread, socket, header.read(), flags),
    )


@linux.call(amd64=299)
def recvmmsg(
    thread: Thread,
    fd: Fd,
    headers: Address,
    count: Uint,
    flags: Flags,
    timeout: OptionalInOut[Timespec],
) -> Result:
    """Receive several messages, until a time is over; that is looked at after each message only, as on Linux."""
    socket = socket_of(thread, fd)
    deadline = deadline_of(thread, timeout.read()) if timeout else None
    received = 0

    def one(header: InOut[Msghdr]) -> int | Blocks[int]:
        nonlocal received
        if received and deadline is not None and clock_of(thread) >= deadline:
            raise Failure(Status.DEVICE_NOT_READY)
        more = MessageFlag.DO_NOT_WAIT if received and flags & MSG_WAITFORONE else 0
        received += 1
        return _receive_header(thread, socket, header, flags | more)

    return _several(thread, headers, min(count, _MOST_MESSAGES), one)


def _several(
    thread: Thread, headers: int, count: int, transfer: Callable[[InOut[Msghdr]], int | Blocks[int]]
) -> Blocks[int]:
    """Do the same with each of an array of struct mmsghdr; how many it was done with, unless it was none."""
    done = 0
    while done < count:
        address = headers + done * _MMSGHDR.size
        try:
            size = transfer(InOut(thread.memory, address, _MSGHDR))
            if type(size) is GeneratorType:
                size = yield from cast(Blocks[int], size)
            thread.memory.write(address + _LENGTH_AT, cast(int, size).to_bytes(4, "little"))
        except (Failure, BadAddress, Interrupted):
            if done:
                break
            raise
        done += 1
    return done
