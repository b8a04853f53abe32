"""Options of sockets. Times and identities are records here; all others go to the socket as they are.

Source: getsockopt(2), socket(7).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import InOut
from lichen.abi.layout import LP64, i32, layout
from lichen.executive.network.sockets import Level, Socket, SocketOption
from lichen.executive.status import POSIX, Failure, Status
from lichen.subsystems.linux.ancillary import pack_ucred
from lichen.subsystems.linux.calls.socket import caller_of, socket_of
from lichen.subsystems.linux.errors import errno_of
from lichen.subsystems.linux.records import Timeval
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.times import timeval_of
from lichen.subsystems.linux.types import Address, Fd, Int

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_TIMEVAL: Final = layout(Timeval, LP64)
_INT: Final = struct.Struct("<i")
_LARGEST: Final = 4096
_OUT_OF_DOMAIN: Final = POSIX | 33  # EDOM
_NEW_RECEIVE_TIMEOUT, _NEW_SEND_TIMEOUT = 66, 67
_RECEIVE_TIMEOUTS: Final = (SocketOption.RECEIVE_TIMEOUT, _NEW_RECEIVE_TIMEOUT)
_SEND_TIMEOUTS: Final = (SocketOption.SEND_TIMEOUT, _NEW_SEND_TIMEOUT)


@linux.call(amd64=55)
def getsockopt(thread: Thread, fd: Fd, level: Int, name: Int, value: Address, length: InOut[i32]) -> int:
    """The value of an option."""
    found, room = socket_of(thread, fd), length.read()
    if room < 0:
        raise Failure(Status.INVALID_PARAMETER)
    data = _own_option(found, name) if level == Level.SOCKET else None
    if data is None:
        data = found.option(level, name, min(room, _LARGEST))
    data = data[:room]
    if data:
        thread.memory.write(value, data)
    length.write(len(data))
    return 0


def _own_option(socket: Socket, name: int) -> bytes | None:
    """The options that are the same for all families."""
    if name == SocketOption.TYPE:
        return _INT.pack(socket.type)
    if name == SocketOption.DOMAIN:
        return _INT.pack(socket.family)
    if name == SocketOption.PROTOCOL:
        return _INT.pack(socket.protocol)
    if name == SocketOption.ERROR:
        return _INT.pack(errno_of(socket.pending_error()))
    if name == SocketOption.PEER_CREDENTIALS:
        return pack_ucred(socket.peer_credentials())
    if name in _RECEIVE_TIMEOUTS:
        return _TIMEVAL.pack(timeval_of(socket.receive_timeout or 0))
    if name in _SEND_TIMEOUTS:
        return _TIMEVAL.pack(timeval_of(socket.send_timeout or 0))
    return None


@linux.call(amd64=54)
def setsockopt(thread: Thread, fd: Fd, level: Int, name: Int, value: Address, length: Int) -> int:
    """Change an option."""
    found = socket_of(thread, fd)
    if not 0 <= length <= _LARGEST:
        raise Failure(Status.INVALID_PARAMETER)
    if level == Level.SOCKET and length < _INT.size and name != SocketOption.BIND_TO_DEVICE:  # a name
        raise Failure(Status.INVALID_PARAMETER)
    data = thread.memory.read(value, length) if length else b""
    if level == Level.SOCKET and name in _RECEIVE_TIMEOUTS:
        found.receive_timeout = _timeout(data)
    elif level == Level.SOCKET and name in _SEND_TIMEOUTS:
        found.send_timeout = _timeout(data)
    else:
        found.set_option(caller_of(thread), level, name, data)
    return 0


def _timeout(data: bytes) -> float | None:
    """Seconds; None when waiting has no end."""
    if len(data) < _TIMEVAL.size:
        raise Failure(Status.INVALID_PARAMETER)
    seconds, microseconds = _TIMEVAL.unpack(data)
    if not 0 <= microseconds < 1_000_000:
        raise Failure(_OUT_OF_DOMAIN)
    if seconds < 0:
        return 0.0
    return seconds + microseconds / 1e6 or None
