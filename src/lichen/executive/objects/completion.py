"""Completion ports: packets of finished operations, which threads take one after the other (NT: Io completion)."""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final, NamedTuple

from lichen.executive.objects.dispatcher import Dispatcher
from lichen.executive.wait import Waitable

MOST_PACKETS: Final = 1 << 18
Packet = tuple[int, int, int, int]
"""(key, value, status, information)."""


class PacketQueue(Waitable):
    """Packets that wait to be taken."""

    __slots__ = ("packets",)

    def __init__(self) -> None:
        super().__init__()
        self.packets: deque[Packet] = deque()

    def signalled(self, waiter: object) -> bool:
        return bool(self.packets)


class CompletionPort(Dispatcher):
    """A completion port."""

    __slots__ = ("queue",)
    type_name: ClassVar[str] = "IoCompletion"

    def __init__(self) -> None:
        self.queue = PacketQueue()
        super().__init__(self.queue)

    def post(self, key: int, value: int, status: int, information: int) -> None:
        """Queue a packet, which is lost when nobody has taken the many that there are."""
        if len(self.queue.packets) < MOST_PACKETS:
            self.queue.packets.append((key, value, status, information))
            self.queue.wake()


class Telling(NamedTuple):
    """How the end of an operation on a file is told beyond the file's signal and what the call names itself."""

    port: CompletionPort | None = None
    key: int = 0
    modes: int = 0
    """FILE_SKIP_* of FileIoCompletionNotificationInformation."""


USUAL: Final = Telling()
