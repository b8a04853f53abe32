"""What the driver of sock_diag, which is always there, and its sockets know of each other (sock_diag(7))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from lichen.executive.network.sockets import Caller

SOCK_DIAG: Final = 4
"""The number of the protocol among netlink's."""


class Driver(Protocol):
    """What a socket asks of its driver."""

    ports: set[int]

    def take_port(self, wanted: int, process: int) -> int: ...

    def caller(self) -> Caller: ...

    def deadline(self, timeout: float | None) -> float | None: ...
