"""The sockets of a machine as values (NT: the tables of NSI; Unix: sock_diag, /proc/net).

A socket is in the table from its making to its end, and pays for nothing else: what is told of it is asked of it when
somebody looks. States have the numbers of Linux's TCP.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, NamedTuple, Protocol, TypeVar


class OfFamily(Protocol):
    """What is of a family of protocols, as sockets are."""

    family: int


S = TypeVar("S", bound=OfFamily)


class ConnectionState:
    """How far a connection is; what has none is ESTABLISHED when it has a peer, and else CLOSED."""

    ESTABLISHED: Final = 1
    SYN_SENT: Final = 2
    SYN_RECEIVED: Final = 3
    FIN_WAIT_1: Final = 4
    FIN_WAIT_2: Final = 5
    TIME_WAIT: Final = 6
    CLOSED: Final = 7
    CLOSE_WAIT: Final = 8
    LAST_ACK: Final = 9
    LISTEN: Final = 10
    CLOSING: Final = 11


class Queues(NamedTuple):
    """Bytes that wait to be read and to be taken by the peer; of who listens, the connections that wait and their limit."""

    receive: int = 0
    send: int = 0


class BufferUse(NamedTuple):
    """The memory that a socket's messages use, in bytes, in the order of Linux's SK_MEMINFO_*; `drops` counts messages."""

    received: int = 0
    receive_limit: int = 0
    sent: int = 0
    send_limit: int = 0
    reserved: int = 0
    send_queued: int = 0
    options: int = 0
    backlog: int = 0
    drops: int = 0


class SocketTable(Generic[S]):
    """Every socket that there is, the oldest first."""

    def __init__(self) -> None:
        self._sockets: dict[S, None] = {}

    def __iter__(self) -> Iterator[S]:
        return iter(list(self._sockets))

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, socket: S) -> None:
        self._sockets[socket] = None

    def remove(self, socket: S) -> None:
        self._sockets.pop(socket, None)

    def of(self, *families: int) -> list[S]:
        """The sockets of some families."""
        return [socket for socket in self._sockets if socket.family in families]
