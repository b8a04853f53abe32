"""What sockets within a machine ask of their family: names, what lies in messages, and how much does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lichen.executive.network.sockets import Caller, Socket
    from lichen.executive.objects.object import Object


class Names(Protocol):
    """Names that begin with a zero byte and are in no folder."""

    def take(self, name: bytes, socket: Socket) -> bytes: ...
    def get(self, name: bytes) -> Socket | None: ...
    def give_back(self, name: bytes, socket: Socket) -> None: ...


class OnTheirWay(Protocol):
    """What lies in messages."""

    def check(self, objects: tuple[Object, ...]) -> None: ...
    def departed(self, objects: tuple[Object, ...]) -> None: ...
    def arrived(self, objects: tuple[Object, ...]) -> None: ...
    def one_closed(self) -> None: ...
    def discard(self, objects: tuple[Object, ...]) -> None: ...


class Driver(Protocol):
    """What the sockets of a machine have in common."""

    waiting: int
    """What is charged for messages that nobody has taken yet."""

    @property
    def names(self) -> Names: ...
    @property
    def rights(self) -> OnTheirWay: ...
    def deadline(self, timeout: float | None) -> float | None: ...
    def caller(self, caller: Caller | None) -> Caller: ...
