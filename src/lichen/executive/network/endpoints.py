"""What there is to tell of the sockets of a machine, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from lichen.executive.network.sockets import Address, InternetAddress, Level, Socket, SocketType
from lichen.executive.network.table import ConnectionState, Queues
from lichen.executive.status import Failure

if TYPE_CHECKING:
    from lichen.executive.processes import Process


class Endpoint(NamedTuple):
    """What there is to tell of a socket; `id` is the number that it has as a file, `created` is in ns since 1970."""

    id: int
    family: int
    type: int
    protocol: int
    local: Address | None
    remote: Address | None
    state: int
    queues: Queues
    uid: int
    created: int

    @property
    def is_known(self) -> bool:
        """Whether the network knows of it: a connection in some state, a datagram socket with a port, any other."""
        if self.protocol == Level.TCP:
            return self.state != ConnectionState.CLOSED
        if self.type == SocketType.DATAGRAM and isinstance(self.local, InternetAddress):
            return self.local.port != 0
        return True


def endpoint_of(socket: Socket) -> Endpoint:
    """What a socket is at this moment."""
    attributes = socket.attributes()
    return Endpoint(
        attributes.file_id,
        socket.family,
        socket.type,
        socket.protocol,
        _name(socket, remote=False),
        _name(socket, remote=True),
        socket.connection_state(),
        socket.queues(),
        attributes.uid,
        attributes.created,
    )


def _name(socket: Socket, remote: bool) -> Address | None:
    try:
        return socket.peer_address() if remote else socket.local_address()
    except Failure:
        return None


def owners(processes: Iterable[Process]) -> dict[Socket, list[Process]]:
    """The processes that have a handle of each socket, be it as it is or by a file in front of it."""
    found: dict[Socket, list[Process]] = {}
    for process in processes:
        if process.is_zombie:
            continue
        for socket in {handle.object.plain: None for _, handle in process.handles}:
            if isinstance(socket, Socket):
                found.setdefault(socket, []).append(process)
    return found
