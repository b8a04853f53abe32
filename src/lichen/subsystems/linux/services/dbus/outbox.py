"""What is on its way to one other side: written by a task of its own, so that nobody waits for whoever does not read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.network.sockets import Message
from lichen.executive.status import Failure, Interrupted
from lichen.executive.wait import Blocks, outcome

if TYPE_CHECKING:
    from lichen.executive.network.sockets import Caller, Socket
    from lichen.executive.scheduler import Scheduler

_MOST: Final = 8 << 20
"""Bytes that wait for somebody who does not read; then he is given up."""


class Outbox:
    """Messages for a socket, in order. `give_up` is called once when they cannot be sent."""

    def __init__(
        self, scheduler: Scheduler, socket: Socket, caller: Caller, give_up: Callable[[], None]
    ) -> None:
        self._scheduler, self._socket, self._caller, self._give_up = scheduler, socket, caller, give_up
        self._messages: deque[bytes] = deque()
        self._size = 0
        self._is_writing = self._is_closed = False

    def send(self, data: bytes) -> None:
        """Send a message as soon as it is taken."""
        if self._is_closed:
            return
        self._messages.append(data)
        self._size += len(data)
        if self._size > _MOST:
            self._fail()
        elif not self._is_writing:
            self._is_writing = True
            self._scheduler.spawn(self._write())

    def close(self) -> None:
        """Send no more."""
        self._is_closed = True
        self._messages.clear()

    def _fail(self) -> None:
        if not self._is_closed:
            self.close()
            self._give_up()

    def _write(self) -> Blocks[None]:
        try:
            while self._messages:
                data = self._messages.popleft()
                yield from outcome(self._socket.send(self._caller, Message(data)))
                self._size -= len(data)
        except (Failure, Interrupted):
            self._fail()
        self._is_writing = False
