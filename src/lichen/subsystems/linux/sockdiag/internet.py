"""inet_diag: TCP, UDP and raw sockets, one by its addresses or all in some states that a program chooses.

Source: linux/inet_diag.h; net/ipv4/inet_diag.c for which attributes are told when.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from lichen.abi.layout import LP64, layout_of
from lichen.executive.network.endpoints import Endpoint, endpoint_of
from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    InternetAddress,
    Level,
    Socket,
    SocketType,
)
from lichen.executive.network.table import BufferUse, ConnectionState
from lichen.executive.status import Failure
from lichen.subsystems.linux.sockdiag.filters import Filter
from lichen.subsystems.linux.sockdiag.messages import Ended, Refused, attribute, attributes
from lichen.subsystems.linux.sockdiag.records import InetAnswer, InetRequest, InetSocketId, OldInetRequest

REQUEST = layout_of(InetRequest, LP64)
OLD_REQUEST = layout_of(OldInetRequest, LP64)
_ANSWER = layout_of(InetAnswer, LP64)
_MEMORY_INFORMATION, _INFORMATION, _CONGESTION, _TOS, _TRAFFIC_CLASS = 1, 2, 4, 5, 6
_BUFFERS, _SHUT, _PROTOCOL, _V6_ONLY = 7, 8, 10, 11
_BYTECODE, _FULL_PROTOCOL = 1, 3
"""The attributes of a request."""
_IP_TOS, _IPV6_TCLASS, _IPV6_V6ONLY, _TCP_CONGESTION = 1, 67, 26, 13
_RAW: Final = 255
_UDP_LITE: Final = 136
_TYPES: Final = {
    Level.TCP: SocketType.STREAM,
    Level.UDP: SocketType.DATAGRAM,
    _UDP_LITE: SocketType.DATAGRAM,
    _RAW: SocketType.RAW,
}
_ANY_COOKIE: Final = b"\xff" * 8
_WIDTHS: Final = {AddressFamily.INTERNET: 4, AddressFamily.INTERNET_6: 16}
_RETRANSMITS_AT: Final = 2
"""Where tcpi_retransmits is."""
_RETRANSMITTING: Final = 1
"""The timer that runs then."""


def upgraded(old: OldInetRequest) -> InetRequest:
    """A request of old, which is always about TCP."""
    return InetRequest(old.family, Level.TCP, old.ext, 0, old.states, old.id)


def _kind(request: InetRequest, more: dict[int, bytes]) -> tuple[int, int]:
    """The type and protocol of the sockets that are meant; ENOENT for what nobody answers for."""
    protocol = request.protocol
    if len(full := more.get(_FULL_PROTOCOL, b"")) >= 4:
        protocol = int.from_bytes(full[:4], "little")
    if protocol not in _TYPES:
        raise Ended(errno.ENOENT)
    return _TYPES[protocol], protocol


def _candidates(sockets: Iterable[Socket], type: int, protocol: int) -> Iterator[Socket]:
    for socket in sockets:
        if socket.type == type and socket.family in _WIDTHS and protocol in (_RAW, socket.protocol):
            yield socket


def dump(sockets: Iterable[Socket], request: InetRequest, more: bytes) -> Iterator[bytes]:
    """An answer for each socket in the states and with the ports that are asked for."""
    found = attributes(more)
    chooser = Filter(found[_BYTECODE]) if _BYTECODE in found else None
    type, protocol = _kind(request, found)

    def answers() -> Iterator[bytes]:
        for socket in _candidates(sockets, type, protocol):
            if not socket.references:
                continue  # it was closed while others were told
            endpoint = endpoint_of(socket)
            if _is_asked_for(endpoint, request) and (chooser is None or chooser.chooses(endpoint)):
                yield _answer(socket, endpoint, request.ext)

    return answers()


def _is_asked_for(endpoint: Endpoint, request: InetRequest) -> bool:
    if request.family not in (AddressFamily.UNSPECIFIED, endpoint.family) or not endpoint.is_known:
        return False
    if not request.states >> endpoint.state & 1:
        return False
    id = _id(endpoint)
    return all(
        wanted in (bytes(2), port)
        for wanted, port in ((request.id.sport, id.sport), (request.id.dport, id.dport))
    )


def find(sockets: Iterable[Socket], request: InetRequest) -> Socket:
    """The one socket that is asked for by its addresses, and that is no other than before; ENOENT."""
    try:
        type, protocol = _kind(request, {})
    except Ended:
        raise Refused(errno.ENOENT) from None
    if request.family not in _WIDTHS:
        raise Refused(errno.EINVAL)
    fallback = None
    for socket in _candidates(sockets, type, protocol):
        endpoint = endpoint_of(socket)
        id = _id(endpoint)
        if endpoint.family != request.family or not endpoint.is_known or id.sport != request.id.sport:
            continue
        if id[:4] == request.id[:4]:
            return _unless_another(socket, request)
        passive = id.dport == bytes(2) and id.src in (bytes(16), request.id.src)
        if passive and (type != SocketType.STREAM or endpoint.state == ConnectionState.LISTEN):
            fallback = socket
    if fallback is None:
        raise Refused(errno.ENOENT)
    return _unless_another(fallback, request)


def _unless_another(socket: Socket, request: InetRequest) -> Socket:
    if request.id.cookie not in (_ANY_COOKIE, _cookie(socket.attributes().file_id)):
        raise Refused(errno.ENOENT)
    return socket


def exact(sockets: Iterable[Socket], request: InetRequest) -> bytes:
    """The answer for the one socket that is asked for."""
    socket = find(sockets, request)
    return _answer(socket, endpoint_of(socket), request.ext)


# ---- an answer


def _cookie(id: int) -> bytes:
    return id.to_bytes(8, "little")


def _host(address: Address | None) -> tuple[bytes, bytes]:
    if not isinstance(address, InternetAddress):
        return bytes(2), bytes(16)
    return address.port.to_bytes(2, "big"), address.host.ljust(16, b"\0")


def _id(endpoint: Endpoint) -> InetSocketId:
    (sport, source), (dport, target) = _host(endpoint.local), _host(endpoint.remote)
    return InetSocketId(sport, dport, source, target, 0, _cookie(endpoint.id))


def _answer(socket: Socket, endpoint: Endpoint, extensions: int) -> bytes:
    transport = socket.transport()
    retransmits = transport[_RETRANSMITS_AT] if transport else 0
    record = InetAnswer(
        endpoint.family,
        endpoint.state,
        _RETRANSMITTING if retransmits else 0,
        retransmits,
        _id(endpoint),
        0,
        *endpoint.queues,
        endpoint.uid,
        endpoint.id & 0xFFFFFFFF,
    )
    parts = _attributes(socket, endpoint, transport, extensions)
    return _ANSWER.pack(record) + b"".join(attribute(type, value) for type, value in parts)


def _attributes(
    socket: Socket, endpoint: Endpoint, transport: bytes, extensions: int
) -> Iterator[tuple[int, bytes]]:
    def wants(type: int) -> bool:
        return bool(extensions >> type - 1 & 1)

    yield _SHUT, bytes((socket.ways_ended(),))
    if wants(_TOS):
        yield _TOS, _option(socket, Level.IP, _IP_TOS)[:1]
    if endpoint.family == AddressFamily.INTERNET_6:
        if wants(_TRAFFIC_CLASS):
            yield _TRAFFIC_CLASS, _option(socket, Level.IP_6, _IPV6_TCLASS)[:1]
        if endpoint.state in (ConnectionState.LISTEN, ConnectionState.CLOSED):
            yield _V6_ONLY, _option(socket, Level.IP_6, _IPV6_V6ONLY)[:1]
    if endpoint.type == SocketType.RAW:
        yield _PROTOCOL, bytes((endpoint.protocol & 0xFF,))
    use = socket.buffer_use()
    if wants(_MEMORY_INFORMATION):
        yield _MEMORY_INFORMATION, struct.pack("<4I", use.received, use.send_queued, use.reserved, use.sent)
    if wants(_BUFFERS):
        yield _BUFFERS, pack_buffers(use)
    if transport and wants(_INFORMATION):
        yield _INFORMATION, transport
    if transport and wants(_CONGESTION):
        yield _CONGESTION, _option(socket, Level.TCP, _TCP_CONGESTION, 16).rstrip(b"\0") + b"\0"


def pack_buffers(use: BufferUse) -> bytes:
    """The nine numbers of SK_MEMINFO_*."""
    return struct.pack("<9I", *use)


def _option(socket: Socket, level: int, name: int, size: int = 4) -> bytes:
    try:
        return socket.option(level, name, size)
    except Failure:
        return bytes(size)
