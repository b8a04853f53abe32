"""Echo requests (IcmpSendEcho), by the machine's own ICMP sockets: who answers, when, and what came instead of an answer.

Source: icmpapi.h, ipexport.h; icmp(7), ip(7) "IP_RECVERR".
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.io.opening import Poll
from lichen.executive.network.sockets import (
    AddressFamily,
    Caller,
    InternetAddress,
    Level,
    Message,
    MessageFlag,
    Received,
    Socket,
    SocketType,
)
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait, then
from lichen.subsystems.nt.network.tables import packer
from lichen.subsystems.nt.records.network_requests import EchoReply, EchoReply32, EchoRequest
from lichen.subsystems.nt.sockets.addresses import decode

if TYPE_CHECKING:
    from lichen.executive.io.requests import DeviceRequest
    from lichen.subsystems.nt.types import Result

_REQUEST, _REPLY, _REPLY_32 = packer(EchoRequest), packer(EchoReply), packer(EchoReply32)
_ICMP: Final = 1
_ECHO, _ECHO_REPLY, _UNREACHABLE, _TIME_EXCEEDED, _PARAMETERS = 8, 0, 3, 11, 12
_HEADER: Final = struct.Struct(">BBHHH")
_ERROR: Final = struct.Struct("=IBBBBII")
"""struct sock_extended_err: number, origin, type, code, padding, more; the offender follows."""
_INT: Final = struct.Struct("=i")
_IP_TOS, _IP_TTL, _IP_DISCOVER, _IP_RECVERR, _IP_RECVTTL, _IP_RECVTOS = 1, 2, 10, 11, 12, 13
_DO_NOT_FRAGMENT: Final = 2
_ALWAYS: Final = 2
_LARGEST: Final = 65500
_SEQUENCE: Final = 1
_PAUSE: Final = 0.001
"""For this long it rests when a socket that is called ready has nothing to tell."""
_GENERAL_FAILURE, _TIMED_OUT, _NET_UNREACHABLE, _HOST_UNREACHABLE = 11050, 11010, 11002, 11003
_PROTOCOL_UNREACHABLE, _PORT_UNREACHABLE, _TOO_BIG, _BAD_ROUTE = 11004, 11005, 11009, 11012
_EXPIRED, _EXPIRED_REASSEMBLING, _PARAMETER_PROBLEM = 11013, 11014, 11015
_CODES: Final = {
    0: _NET_UNREACHABLE,
    2: _PROTOCOL_UNREACHABLE,
    3: _PORT_UNREACHABLE,
    4: _TOO_BIG,
    5: _BAD_ROUTE,
    6: _NET_UNREACHABLE,
    9: _NET_UNREACHABLE,
    11: _NET_UNREACHABLE,
}
"""Of what cannot be reached: by code; the others are hosts."""
_OF_ICMP: Final = 2
"""Who reported an error."""
_STATUSES: Final = {
    Status.NETWORK_UNREACHABLE: _NET_UNREACHABLE,
    Status.HOST_UNREACHABLE: _HOST_UNREACHABLE,
    Status.MESSAGE_TOO_LONG: _TOO_BIG,
}


class _Outcome(NamedTuple):
    """What there is to tell: the status, and who sent what."""

    status: int
    host: bytes = bytes(4)
    data: bytes = b""
    ttl: int = 0
    tos: int = 0
    replies: int = 1


def send(request: DeviceRequest) -> Result:
    """Send an echo request; ends with a reply, or with the status in one, when there is an answer or no time is left."""
    if len(request.data) < _REQUEST.size:
        raise Failure(Status.INVALID_PARAMETER)
    asked = _REQUEST.unpack(request.data)
    start = _REQUEST.size + (asked.options_size + 3 & ~3)
    data = request.data[start : start + asked.data_size]
    least = _REPLY_32.size if asked.bits == 32 else _REPLY.size
    if len(data) != asked.data_size or asked.data_size > _LARGEST or request.room < least:
        raise Failure(Status.INVALID_PARAMETER)
    target = decode(asked.target, AddressFamily.INTERNET)
    if not any(target.host):
        raise Failure(Status.INVALID_ADDRESS)
    process = request.thread.process
    caller = Caller(process.files, process.id)
    families = process.files.devices.families
    made = families.create(caller, AddressFamily.INTERNET, SocketType.DATAGRAM, _ICMP, 0)
    return request.operation.carry_out(
        then(made, lambda socket: _exchange(request, asked, caller, socket, target, data))
    )


def _exchange(
    request: DeviceRequest,
    asked: EchoRequest,
    caller: Caller,
    socket: Socket,
    target: InternetAddress,
    data: bytes,
) -> Blocks[int]:
    clock = request.thread.process.machine.scheduler.clock
    try:
        begun = clock()
        try:
            _prepare(caller, socket, asked)
            packet = _HEADER.pack(_ECHO, 0, 0, 0, _SEQUENCE) + data
            socket.send(caller, Message(packet, InternetAddress(target.host, 0), MessageFlag.DO_NOT_WAIT))
            outcome = yield from _answer(socket, clock, begun + asked.timeout / 1000)
        except Failure as failure:
            outcome = _Outcome(_STATUSES.get(failure.status, _GENERAL_FAILURE), replies=0)
        reply = _packed(request, asked, outcome, int((clock() - begun) * 1000))
        request.thread.memory.write(request.output, reply)
        return request.operation.end(Status.SUCCESS, len(reply))
    finally:
        socket.release()


def _prepare(caller: Caller, socket: Socket, asked: EchoRequest) -> None:
    options = [(_IP_RECVERR, 1), (_IP_RECVTTL, 1), (_IP_RECVTOS, 1)]
    if asked.ttl:
        options.append((_IP_TTL, asked.ttl))
    if asked.tos:
        options.append((_IP_TOS, asked.tos))
    if asked.flags & _DO_NOT_FRAGMENT:
        options.append((_IP_DISCOVER, _ALWAYS))
    for name, value in options:
        socket.set_option(caller, Level.IP, name, _INT.pack(value))


def _answer(socket: Socket, clock: Callable[[], float], deadline: float) -> Blocks[_Outcome]:
    """Wait for an answer; what comes that is none is passed over, and not looked at all the time."""
    ready = Wait((socket.ready(Poll.READABLE | Poll.ERROR | Poll.HANGUP),), deadline)
    while clock() < deadline:
        yield ready
        outcome = _told(socket)
        if outcome is not None:
            return outcome
        yield Wait((), clock() + _PAUSE)
    return _told(socket) or _Outcome(_TIMED_OUT, replies=0)


def _told(socket: Socket) -> _Outcome | None:
    return _reported(socket) or _replied(socket)


def _taken(socket: Socket, flags: int) -> Received | None:
    try:
        found = socket.receive(1 << 16, flags | MessageFlag.DO_NOT_WAIT)
    except Failure as failure:
        if failure.status != Status.DEVICE_NOT_READY and not flags:
            socket.pending_error()
        return None
    return found if isinstance(found, Received) else None


def _replied(socket: Socket) -> _Outcome | None:
    found = _taken(socket, 0)
    if found is None or len(found.data) < _HEADER.size or not isinstance(found.address, InternetAddress):
        return None
    if found.data[0] != _ECHO_REPLY:
        return None
    ttl, tos = (
        next((each.data[0] for each in found.controls if each.type == wanted and each.data), 0)
        for wanted in (_IP_TTL, _IP_TOS)
    )
    return _Outcome(0, found.address.host, found.data[_HEADER.size :], ttl, tos)


def _reported(socket: Socket) -> _Outcome | None:
    """What a router, or the host itself, said of the request."""
    found = _taken(socket, MessageFlag.ERROR_QUEUE)
    for control in found.controls if found is not None else ():
        if (control.level, control.type) == (Level.IP, _IP_RECVERR) and len(control.data) >= _ERROR.size:
            _, origin, type, code, *_ = _ERROR.unpack_from(control.data)
            offender = control.data[_ERROR.size + 4 :][:4]
            status = _status(type, code) if origin == _OF_ICMP else _HOST_UNREACHABLE
            return _Outcome(status, offender if len(offender) == 4 else bytes(4))
    return None


def _status(type: int, code: int) -> int:
    if type == _UNREACHABLE:
        return _CODES.get(code, _HOST_UNREACHABLE)
    if type == _TIME_EXCEEDED:
        return _EXPIRED_REASSEMBLING if code == 1 else _EXPIRED
    return _PARAMETER_PROBLEM if type == _PARAMETERS else _GENERAL_FAILURE


def _packed(request: DeviceRequest, asked: EchoRequest, outcome: _Outcome, milliseconds: int) -> bytes:
    """The reply with its data, cut to the room that the caller has."""
    record, layout = (EchoReply32, _REPLY_32) if asked.bits == 32 else (EchoReply, _REPLY)
    data = outcome.data[: request.room - layout.size]
    place = asked.reply_address + layout.size & ((1 << asked.bits) - 1 if asked.bits == 32 else (1 << 64) - 1)
    reply = record(
        *(outcome.host, outcome.status, milliseconds & 0xFFFFFFFF, len(data), outcome.replies, place),
        *(outcome.ttl, outcome.tos, 0, 0, place),
    )
    return bytes(layout.pack(reply)) + data
