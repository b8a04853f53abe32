"""unix_diag: sockets between programs of the machine, and whom each is connected to.

Source: linux/unix_diag.h; net/unix/diag.c for which attributes are told when.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator

from lichen.abi.layout import LP64, layout_of
from lichen.executive.network.endpoints import Endpoint, endpoint_of
from lichen.executive.network.sockets import AddressFamily, LocalAddress, Socket
from lichen.executive.network.table import ConnectionState
from lichen.subsystems.linux.sockdiag.internet import pack_buffers
from lichen.subsystems.linux.sockdiag.messages import Refused, attribute
from lichen.subsystems.linux.sockdiag.records import UnixAnswer, UnixRequest

REQUEST = layout_of(UnixRequest, LP64)
_ANSWER = layout_of(UnixAnswer, LP64)
_NAME, _PLACE, _PEER, _CONNECTING, _QUEUES, _BUFFERS, _SHUT, _UID = range(8)
"""UNIX_DIAG_*: each but the last but one is asked for by the bit of its number, UDIAG_SHOW_UID by the bit below."""
_SHOW_UID = 0x40
_ANY_COOKIE = b"\xff" * 8


def dump(sockets: Iterable[Socket], request: UnixRequest) -> Iterator[bytes]:
    """An answer for each socket in the states that are asked for."""
    for socket in sockets:
        if socket.family != AddressFamily.LOCAL or not socket.references:
            continue
        endpoint = endpoint_of(socket)
        if request.states >> endpoint.state & 1:
            yield _answer(socket, endpoint, request.show)


def exact(sockets: Iterable[Socket], request: UnixRequest) -> bytes:
    """The answer for the socket of an inode; ENOENT, ESTALE."""
    for socket in sockets:
        if socket.family == AddressFamily.LOCAL and socket.attributes().file_id == request.ino:
            if request.cookie not in (_ANY_COOKIE, request.ino.to_bytes(8, "little")):
                raise Refused(errno.ESTALE)
            return _answer(socket, endpoint_of(socket), request.show)
    raise Refused(errno.ENOENT if request.ino else errno.EINVAL)


def _answer(socket: Socket, endpoint: Endpoint, show: int) -> bytes:
    record = UnixAnswer(
        endpoint.family,
        endpoint.type,
        endpoint.state,
        0,
        endpoint.id & 0xFFFFFFFF,
        endpoint.id.to_bytes(8, "little"),
    )
    parts = _attributes(socket, endpoint, show)
    return _ANSWER.pack(record) + b"".join(attribute(type, value) for type, value in parts)


def _attributes(socket: Socket, endpoint: Endpoint, show: int) -> Iterator[tuple[int, bytes]]:
    name = endpoint.local
    if show >> _NAME & 1 and isinstance(name, LocalAddress) and name.text:
        end = b"\0" if name.name is not None else b""
        yield _NAME, name.text + end
    if show >> _PLACE & 1 and (file := socket.name_in_tree()) is not None:
        yield _PLACE, struct.pack("<II", file.file_id & 0xFFFFFFFF, file.device & 0xFFFFFFFF)
    if show >> _PEER & 1 and (peer := socket.connected_to()) is not None:
        yield _PEER, _inode(peer)
    if show >> _CONNECTING & 1 and endpoint.state == ConnectionState.LISTEN:
        yield _CONNECTING, b"".join(map(_inode, socket.connecting()))
    if show >> _QUEUES & 1:
        yield _QUEUES, struct.pack("<II", *endpoint.queues)
    if show >> _BUFFERS & 1:
        yield _BUFFERS, pack_buffers(socket.buffer_use())
    yield _SHUT, bytes((socket.ways_ended(),))
    if show & _SHOW_UID:
        yield _UID, struct.pack("<I", endpoint.uid)


def _inode(socket: Socket) -> bytes:
    return struct.pack("<I", socket.attributes().file_id & 0xFFFFFFFF)
