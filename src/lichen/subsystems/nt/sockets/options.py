"""Socket options: one request each to ask and to set, with Winsock's values and the executive's names.

Source: winsock2.h, ws2ipdef.h; ip(7), ipv6(7), tcp(7), socket(7) for what they are to the executive's sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.executive.network.sockets import AddressFamily, Level, SocketOption
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.records import LONG, MODEL, ULONG
from lichen.subsystems.nt.records.sockets import GroupSource, Linger, TcpKeepalive
from lichen.subsystems.nt.sockets.errors import number_of, status_of, translated

if TYPE_CHECKING:
    from lichen.subsystems.nt.sockets.request import Request

_BASE: Final = 0x120000
_LINGER: Final = layout(Linger, MODEL)
_MILLISECONDS: Final = 1000
_KEEP_ALIVE: Final = layout(TcpKeepalive, MODEL)
_KEEP_IDLE, _KEEP_INTERVAL = 4, 5
_PACKET_INFORMATION: Final = 8
_DISCOVER, _MUST_FRAGMENT, _NEVER_FRAGMENT = 10, 0, 2
"""IP_MTU_DISCOVER, and those of its values that are Windows' IP_DONTFRAGMENT."""

_INTS: Final = {
    219: (Level.SOCKET, SocketOption.ACCEPTS_CONNECTIONS, False),
    220: (Level.SOCKET, SocketOption.BROADCAST, False),
    221: (Level.SOCKET, SocketOption.BROADCAST, True),
    223: (Level.SOCKET, SocketOption.KEEP_ALIVE, False),
    224: (Level.SOCKET, SocketOption.KEEP_ALIVE, True),
    227: (Level.SOCKET, SocketOption.OUT_OF_BAND_INLINE, False),
    228: (Level.SOCKET, SocketOption.OUT_OF_BAND_INLINE, True),
    229: (Level.SOCKET, SocketOption.RECEIVE_BUFFER, True),
    235: (Level.SOCKET, SocketOption.SEND_BUFFER, True),
    250: (Level.IP, 34, False),  # IP_MULTICAST_LOOP
    251: (Level.IP, 34, True),
    252: (Level.IP, 33, False),  # IP_MULTICAST_TTL
    253: (Level.IP, 33, True),
    256: (Level.IP, _PACKET_INFORMATION, False),
    257: (Level.IP, _PACKET_INFORMATION, True),
    258: (Level.IP, 1, False),  # IP_TOS
    259: (Level.IP, 1, True),
    260: (Level.IP, 2, False),  # IP_TTL
    261: (Level.IP, 2, True),
    266: (Level.IP_6, 62, False),  # IPV6_DONTFRAG
    267: (Level.IP_6, 62, True),
    269: (Level.IP_6, 18, False),  # IPV6_MULTICAST_HOPS
    270: (Level.IP_6, 18, True),
    271: (Level.IP_6, 17, False),  # IPV6_MULTICAST_IF
    272: (Level.IP_6, 17, True),
    273: (Level.IP_6, 19, False),  # IPV6_MULTICAST_LOOP
    274: (Level.IP_6, 19, True),
    275: (Level.IP_6, 16, False),  # IPV6_UNICAST_HOPS
    276: (Level.IP_6, 16, True),
    279: (Level.IP_6, 26, False),  # IPV6_V6ONLY
    280: (Level.IP_6, 26, True),
    284: (Level.TCP, 1, False),  # TCP_NODELAY
    285: (Level.TCP, 1, True),
    286: (Level.IP_6, 51, False),  # IPV6_RECVHOPLIMIT
    287: (Level.IP_6, 51, True),
    288: (Level.IP_6, 49, False),  # IPV6_RECVPKTINFO
    289: (Level.IP_6, 49, True),
    290: (Level.IP_6, 66, False),  # IPV6_RECVTCLASS
    291: (Level.IP_6, 66, True),
    293: (Level.IP, 12, False),  # IP_RECVTTL
    294: (Level.IP, 12, True),
    295: (Level.IP, 13, False),  # IP_RECVTOS
    296: (Level.IP, 13, True),
    299: (Level.TCP, _KEEP_IDLE, False),
    300: (Level.TCP, _KEEP_IDLE, True),
    301: (Level.TCP, 6, False),  # TCP_KEEPCNT
    302: (Level.TCP, 6, True),
    303: (Level.TCP, _KEEP_INTERVAL, False),
    304: (Level.TCP, _KEEP_INTERVAL, True),
}
"""Ints in both worlds: level, name, and whether the request sets it."""
_BYTES: Final = {
    239: (Level.IP, 35),  # IP_ADD_MEMBERSHIP
    244: (Level.IP, 36),  # IP_DROP_MEMBERSHIP
    265: (Level.IP_6, 20),  # IPV6_ADD_MEMBERSHIP
    268: (Level.IP_6, 21),  # IPV6_DROP_MEMBERSHIP
}
"""Records that are the same in both worlds, and are only set."""
_DOUBLED: Final = {
    230: SocketOption.RECEIVE_BUFFER,
    236: SocketOption.SEND_BUFFER,
}
"""Sizes of which the executive tells twice what was set."""
_OF_SOURCES: Final = {
    240: 39,  # IP_ADD_SOURCE_MEMBERSHIP
    241: 38,  # IP_BLOCK_SOURCE
    245: 40,  # IP_DROP_SOURCE_MEMBERSHIP
    262: 37,  # IP_UNBLOCK_SOURCE
}
"""What is set for a group and one of those who send to it."""
_SOURCE: Final = layout(GroupSource, MODEL)
_MULTICAST_INTERFACE, _OUTGOING, _OUTGOING_6 = 32, 50, 76
"""IP_MULTICAST_IF, IP_UNICAST_IF, IPV6_UNICAST_IF"""
_NEVER: Final = 0xFFFFFFFF
_LONGEST: Final = 256
_LONGEST_SILENCE: Final = 32767
"""Seconds that the executive's sockets can wait before they ask."""


def handler(code: int) -> Callable[[Request], int] | None:
    """What carries out a request about an option, if the code is one's."""
    number = (code - _BASE) >> 2
    if code & 3 or code < _BASE:
        return None
    if number in _INTS:
        level, name, sets = _INTS[number]
        return (
            (lambda request: _set_int(request, level, name))
            if sets
            else lambda request: _tell_int(request, level, name)
        )
    if number in _BYTES:
        level, name = _BYTES[number]
        return lambda request: _set(request, level, name, request.data[:_LONGEST])
    if number in _DOUBLED:
        return lambda request: _tell_size(request, _DOUBLED[number])
    if number in _OF_SOURCES:
        return lambda request: _set_source(request, _OF_SOURCES[number])
    return _OTHERS.get(number)


def _set(request: Request, level: int, name: int, value: bytes) -> int:
    with translated():
        request.file.made.set_option(request.caller, level, name, value)
    return request.completion.end(Status.SUCCESS, 0)


def _given_int(request: Request) -> int:
    """The int that a program gives, of which it may give the first byte alone (BOOL, UCHAR)."""
    data = request.need(1)[: LONG.size]
    return LONG.unpack(data) if len(data) == LONG.size else ULONG.unpack(data.ljust(ULONG.size, b"\0"))


def _set_int(request: Request, level: int, name: int) -> int:
    return _set(request, level, name, LONG.pack(_given_int(request)))


def _tell(request: Request, data: bytes) -> int:
    """An answer, of which the program may have room for less."""
    return request.answer(data[: request.room])


def _tell_int(request: Request, level: int, name: int) -> int:
    with translated():
        data = request.file.made.option(level, name, LONG.size)
    return _tell(request, data.ljust(LONG.size, b"\0"))


def _tell_size(request: Request, name: int) -> int:
    with translated():
        size = LONG.unpack(request.file.made.option(Level.SOCKET, name, LONG.size))
    return _tell(request, LONG.pack(size // 2))


def _told(status: int) -> int:
    return status_of(Failure(status)) if status else 0


def _tell_error(request: Request) -> int:
    return _tell(request, LONG.pack(number_of(_told(request.file.take_error()))))


def _tell_linger(request: Request) -> int:
    with translated():
        data = request.file.made.option(Level.SOCKET, SocketOption.LINGER, 2 * LONG.size)
    on, seconds = LONG.unpack_array(data)
    return _tell(request, _LINGER.pack(Linger(on & 0xFFFF, seconds & 0xFFFF)))


def _set_linger(request: Request) -> int:
    on, seconds = _LINGER.unpack(request.need(_LINGER.size))
    return _set(request, Level.SOCKET, SocketOption.LINGER, LONG.pack(on) + LONG.pack(seconds))


def _milliseconds(timeout: float | None) -> bytes:
    return ULONG.pack(0 if timeout is None else int(timeout * _MILLISECONDS))


def _seconds(request: Request) -> float | None:
    given = ULONG.unpack(request.need(ULONG.size))
    return given / _MILLISECONDS if given else None


def _tell_receive_timeout(request: Request) -> int:
    return _tell(request, _milliseconds(request.file.made.receive_timeout))


def _set_receive_timeout(request: Request) -> int:
    request.file.made.receive_timeout = _seconds(request)
    return request.completion.end(Status.SUCCESS, 0)


def _tell_send_timeout(request: Request) -> int:
    return _tell(request, _milliseconds(request.file.made.send_timeout))


def _set_send_timeout(request: Request) -> int:
    request.file.made.send_timeout = _seconds(request)
    return request.completion.end(Status.SUCCESS, 0)


def _tell_reuse(request: Request) -> int:
    return _tell(request, LONG.pack(request.file.reuses))


def _set_reuse(request: Request) -> int:
    """Windows lets a socket share a port whose owner has not asked for it alone; a stream's port is free once it rests."""
    file = request.file
    asked = bool(_given_int(request))
    if asked and file.exclusive:
        raise Failure(Status.INVALID_PARAMETER)
    file.reuses = asked
    if file.is_stream:
        return request.completion.end(Status.SUCCESS, 0)
    return _set(request, Level.SOCKET, SocketOption.REUSE_ADDRESS, LONG.pack(file.reuses))


def _tell_exclusive(request: Request) -> int:
    return _tell(request, LONG.pack(request.file.exclusive))


def _set_exclusive(request: Request) -> int:
    asked = bool(_given_int(request))
    if asked and request.file.reuses:
        raise Failure(Status.INVALID_PARAMETER)
    request.file.exclusive = asked
    return request.completion.end(Status.SUCCESS, 0)


def _tell_whole(request: Request) -> int:
    with translated():
        value = LONG.unpack(request.file.made.option(Level.IP, _DISCOVER, LONG.size))
    return _tell(request, LONG.pack(value == _NEVER_FRAGMENT))


def _set_whole(request: Request) -> int:
    value = _NEVER_FRAGMENT if _given_int(request) else _MUST_FRAGMENT
    return _set(request, Level.IP, _DISCOVER, LONG.pack(value))


def keep_alive(request: Request) -> int:
    """SIO_KEEPALIVE_VALS: whether, after how many milliseconds of silence, and how often then."""
    if len(request.data) < _KEEP_ALIVE.size:
        raise Failure(Status.BUFFER_TOO_SMALL)
    on, idle, interval = _KEEP_ALIVE.unpack(request.data)
    with translated():
        socket = request.file.made
        socket.set_option(request.caller, Level.SOCKET, SocketOption.KEEP_ALIVE, LONG.pack(bool(on)))
        for name, milliseconds in ((_KEEP_IDLE, idle), (_KEEP_INTERVAL, interval)) if on else ():
            seconds = min(max(milliseconds // _MILLISECONDS, 1), _LONGEST_SILENCE)
            socket.set_option(request.caller, Level.TCP, name, LONG.pack(seconds))
    return request.completion.end(Status.SUCCESS, 0)


def _tell_multicast_interface(request: Request) -> int:
    if request.file.made.family != AddressFamily.INTERNET:
        raise Failure(Status.NOT_SUPPORTED)
    with translated():
        return _tell(request, request.file.made.option(Level.IP, _MULTICAST_INTERFACE, 4))


def _set_multicast_interface(request: Request) -> int:
    """An interface by one of its addresses, or by its number where the address's first byte is zero."""
    given = request.need(4)[:4]
    index = int.from_bytes(given, "big") if not given[0] else 0
    value = bytes(8) + LONG.pack(index) if index else given
    return _set(request, Level.IP, _MULTICAST_INTERFACE, value)


def _set_source(request: Request, name: int) -> int:
    """IP_MREQ_SOURCE: group, source, interface; the executive's has the last two the other way around."""
    group, source, interface = _SOURCE.unpack(request.need(_SOURCE.size))
    return _set(request, Level.IP, name, group + interface + source)


def _tell_outgoing(request: Request) -> int:
    """IP_UNICAST_IF: the number of the interface, in network order."""
    with translated():
        return _tell(request, request.file.made.option(Level.IP, _OUTGOING, LONG.size)[::-1])


def _set_outgoing(request: Request) -> int:
    return _set(request, Level.IP, _OUTGOING, request.need(LONG.size)[: LONG.size])


def _tell_outgoing_6(request: Request) -> int:
    """IPV6_UNICAST_IF: here in the order of the machine."""
    with translated():
        return _tell(request, request.file.made.option(Level.IP_6, _OUTGOING_6, LONG.size))


def _set_outgoing_6(request: Request) -> int:
    return _set(request, Level.IP_6, _OUTGOING_6, request.need(LONG.size)[: LONG.size][::-1])


def _tell_connect_time(request: Request) -> int:
    """How many seconds ago the connection was made; all ones when there is none."""
    since = request.file.connected_at
    clock = request.thread.process.machine.scheduler.clock
    return _tell(request, ULONG.pack(_NEVER if since is None else int(clock() - since) & _NEVER))


_OTHERS: Final[dict[int, Callable[[Request], int]]] = {
    222: _tell_error,
    225: _tell_linger,
    226: _set_linger,
    231: _set_receive_timeout,
    232: _tell_receive_timeout,
    233: _tell_reuse,
    234: _set_reuse,
    242: _tell_whole,
    243: _set_whole,
    237: _tell_send_timeout,
    238: _set_send_timeout,
    248: _tell_multicast_interface,
    249: _set_multicast_interface,
    263: _tell_outgoing,
    264: _set_outgoing,
    277: _tell_outgoing_6,
    278: _set_outgoing_6,
    292: _tell_connect_time,
    297: _tell_exclusive,
    298: _set_exclusive,
}
