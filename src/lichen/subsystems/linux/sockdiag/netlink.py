"""netlink_diag: the sockets by which programs ask the kernel.

Source: linux/netlink_diag.h; net/netlink/diag.c.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import Final

from lichen.abi.layout import LP64, layout_of
from lichen.executive.network.endpoints import endpoint_of
from lichen.executive.network.sockets import AddressFamily, NetlinkAddress, Socket
from lichen.executive.network.table import ConnectionState
from lichen.subsystems.linux.sockdiag.internet import pack_buffers
from lichen.subsystems.linux.sockdiag.messages import Ended, attribute
from lichen.subsystems.linux.sockdiag.records import NetlinkAnswer, NetlinkRequest

REQUEST = layout_of(NetlinkRequest, LP64)
_ANSWER = layout_of(NetlinkAnswer, LP64)
_BUFFERS, _GROUPS = 0, 1
_SHOW_BUFFERS, _SHOW_GROUPS = 1, 2
_EVERY_PROTOCOL: Final = 0xFF
_MOST_PROTOCOLS: Final = 32


def dump(sockets: Iterable[Socket], request: NetlinkRequest) -> Iterator[bytes]:
    """An answer for each socket of a protocol, or of all; ENOENT for a protocol that there cannot be."""
    if _MOST_PROTOCOLS <= request.protocol != _EVERY_PROTOCOL:
        raise Ended(errno.ENOENT)

    def answers() -> Iterator[bytes]:
        for socket in sockets:
            right = request.protocol in (_EVERY_PROTOCOL, socket.protocol)
            if socket.family == AddressFamily.NETLINK and socket.references and right:
                yield _answer(socket, request.show)

    return answers()


def _answer(socket: Socket, show: int) -> bytes:
    endpoint = endpoint_of(socket)
    local = endpoint.local if isinstance(endpoint.local, NetlinkAddress) else NetlinkAddress(0, 0)
    remote = endpoint.remote if isinstance(endpoint.remote, NetlinkAddress) else NetlinkAddress(0, 0)
    record = NetlinkAnswer(
        endpoint.family,
        endpoint.type,
        endpoint.protocol,
        int(endpoint.state == ConnectionState.ESTABLISHED),
        local.port,
        remote.port,
        remote.groups,
        endpoint.id & 0xFFFFFFFF,
        endpoint.id.to_bytes(8, "little"),
    )
    data = _ANSWER.pack(record)
    if show & _SHOW_GROUPS:
        data += attribute(_GROUPS, local.groups.to_bytes(8, "little"))
    if show & _SHOW_BUFFERS:
        data += attribute(_BUFFERS, pack_buffers(socket.buffer_use()))
    return data
