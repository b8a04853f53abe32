"""Streams of bytes between programs of one machine.

Each write is queued as it came and read back in any portions. What came with bytes (descriptors, a sender's identity) comes
out with the first of them, so a read never runs over the end of a piece that brought descriptors.

Source: unix(7), recv(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.network.sockets import Caller, Message, MessageFlag, Received
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks
from lichen.filesystems.sockets.connection import ConnectedSocket
from lichen.filesystems.sockets.local import Item, LocalSocket

if TYPE_CHECKING:
    from lichen.executive.objects.object import Object
    from lichen.filesystems.sockets.localdriver import Driver

_PIECE: Final = 65536
"""A long write is queued in pieces of this size, as room becomes free."""


class StreamSocket(ConnectedSocket):
    """One end of a stream, or one who listens."""

    __slots__ = ("_available", "_start")

    def __init__(self, driver: Driver, caller: Caller, type: int, options: int) -> None:
        super().__init__(driver, caller, type, options)
        self._start = 0
        """How much of the first item has been read."""
        self._available = 0

    def bytes_available(self) -> int:
        return self._available

    def enqueue(self, item: Item) -> None:
        self._available += len(item.data)
        super().enqueue(item)

    def check_target(self, target: LocalSocket) -> None:
        if self.is_cut_off(target):
            raise Failure(Status.PIPE_CLOSING)

    # ---- sending

    def send(self, caller: Caller | None, message: Message) -> int | Blocks[int]:
        peer = self.peer
        if message.flags & MessageFlag.OUT_OF_BAND:
            raise Failure(Status.NOT_SUPPORTED)
        if message.address is not None:
            raise Failure(Status.NOT_SUPPORTED if peer is None else Status.CONNECTION_ACTIVE)
        if peer is None:
            raise Failure(Status.CONNECTION_INVALID)
        self.check_error()
        self.check_target(peer)
        size = len(message.data)
        done = self._send_some(caller, peer, message, 0)
        if done < size and self.may_wait(message.flags):
            return self._send_rest(self.driver.caller(caller), peer, message, done)
        if size and not done:
            raise Failure(Status.DEVICE_NOT_READY)
        return done

    def _send_some(self, caller: Caller | None, peer: LocalSocket, message: Message, done: int) -> int:
        """Queue what there is room for from `done` on; returns how much is done then."""
        data = message.data
        while done < len(data) and self.sent < self.send_buffer:
            whole = not done and len(data) <= _PIECE
            piece = data if whole else data[done : done + _PIECE]
            peer.enqueue(self.item_of(caller, message, piece, () if done else message.objects))
            done += len(piece)
        return done

    def _send_rest(self, caller: Caller, peer: LocalSocket, message: Message, done: int) -> Blocks[int]:
        try:
            while done < len(message.data):
                yield from self.wait_for_room(peer)
                self.check_target(peer)
                done = self._send_some(caller, peer, message, done)
        except (Failure, Interrupted):
            if not done:
                raise
        return done

    # ---- receiving

    def receive(self, size: int, flags: int = 0) -> Received | Blocks[Received]:
        if flags & MessageFlag.OUT_OF_BAND or self.peer is None:
            raise Failure(Status.INVALID_PARAMETER)
        if not size:
            return Received(b"", 0)
        if not flags & MessageFlag.WAIT_FOR_ALL or not self.may_wait(flags):
            return super().receive(size, flags)
        return self._receive_all(size, flags & ~MessageFlag.WAIT_FOR_ALL)

    def _receive_all(self, size: int, flags: int) -> Blocks[Received]:
        """Wait until `size` bytes are there, or something else ends the message."""
        deadline = self.driver.deadline(self.receive_timeout)
        found = yield from self.receive_later(size, flags, deadline)
        parts, left = [found.data], size - found.length
        while left and parts[-1] and not found.objects and not flags & MessageFlag.PEEK:
            try:
                more = yield from self.receive_later(left, flags, deadline)
            except (Failure, Interrupted):
                break
            parts.append(more.data)
            left -= more.length
            found = found._replace(objects=more.objects)
        return found._replace(data=b"".join(parts), length=size - left)

    def receive_now(self, size: int, flags: int) -> Received | None:
        if not self.inbox:
            return self.end()
        parts, items, objects = self._portion(size)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if flags & MessageFlag.PEEK:
            objects = tuple(thing.reference() for thing in objects)
            return self.received(items[0], data, len(data), objects=objects)
        self._consume(items, len(data))
        return self.received(items[0], data, len(data), objects=objects)

    def _portion(self, size: int) -> tuple[list[bytes], list[Item], tuple[Object, ...]]:
        """Up to `size` bytes from the front: the parts, the items they are of, and what comes along."""
        parts: list[bytes] = []
        items: list[Item] = []
        start = self._start
        for item in self.inbox:
            if items and self.passes_credentials and item.credentials != items[0].credentials:
                break
            data = item.data
            part = data if not start and len(data) <= size else data[start : start + size]
            parts.append(part)
            items.append(item)
            size -= len(part)
            start = 0
            if item.objects:
                return parts, items, item.objects
            if not size:
                break
        return parts, items, ()

    def _consume(self, items: list[Item], size: int) -> None:
        """The bytes at the front, which these items hold, have been received; so has what came with them."""
        self._available -= size
        for item in items:
            left = len(item.data) - self._start
            if size < left:
                self._start += size
                if item.objects:
                    self.driver.rights.arrived(item.objects)
                    item.objects = ()
                return
            size -= left
            self._start = 0
            self.dequeue()
