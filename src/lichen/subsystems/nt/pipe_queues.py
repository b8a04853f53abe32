"""What one end of a pipe has written and the other has not read yet (NT: npfs' data queues).

A write is queued whole, whatever its size: as far as the quota does not hold it, its writer waits until it is read or there is
room. A reader that waits is given data at the very moment that it is written, so both calls end together.

Source: [MS-FSA] 2.1.5.10.26-33; CreateNamedPipe in the SDK for quotas.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from lichen.executive.status import Failure, Status
from lichen.executive.wait import Waitable

_OVERHEAD: Final = 512
"""What a message counts besides its content: more than its memory, for the time that it takes to throw many away."""
_JOINED: Final = 4096


class Budget:
    """What all pipes of a machine may hold together."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> None:
        """INSUFFICIENT_RESOURCES when there is not so much left."""
        if size > self.left:
            raise Failure(Status.INSUFFICIENT_RESOURCES)
        self.left -= size


class Part(bytes):
    """What a read got of a message that has more."""

    __slots__ = ()


class Transfer(Waitable):
    """A read or write that waits for its other half; `status` says how it ended, `data` what was read."""

    __slots__ = ("data", "is_over", "size", "status")

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.is_over = False
        self.status: int = Status.SUCCESS
        self.data = b""

    def signalled(self, waiter: object) -> bool:
        return self.is_over

    def end(self, status: int = Status.SUCCESS, data: bytes = b"") -> None:
        """Let whoever waits go on; what has ended once stays as it is."""
        if self.is_over:
            return
        self.is_over, self.status, self.data = True, status, data
        self.wake()


class Message:
    """What one write wrote: `start` of it is read; `writer` waits unless the quota holds it."""

    __slots__ = ("data", "start", "writer")

    def __init__(self, data: bytes, writer: Transfer | None) -> None:
        self.data, self.start, self.writer = data, 0, writer

    @property
    def rest(self) -> int:
        return len(self.data) - self.start


class Queue:
    """The messages on their way to one end. `size` counts the bytes in all of them, `held` those that the quota holds."""

    def __init__(self, quota: int, messages: bool, budget: Budget) -> None:
        self.quota, self.messages, self._budget = quota, messages, budget
        self.parts: deque[Message] = deque()
        self.size = self.held = 0
        self._waiting: deque[Message] = deque()

    @property
    def has_room(self) -> bool:
        """Whether a write of a Linux program should be tried: a message may need all of the room."""
        return not self.size or (not self.messages and self.size < self.quota)

    def put(self, data: bytes, writer: Transfer | None) -> Message:
        """Append a message. Without a writer that could wait it is held beyond the quota."""
        if writer is None or self.held + len(data) <= self.quota:
            last = self.parts[-1] if self.parts else None
            if last is not None and self._joins(last, data):
                if writer is not None:
                    writer.end()
                return last
        self._budget.take(len(data) + _OVERHEAD)
        message = Message(data, writer if data else None)
        self.parts.append(message)
        self.size += len(data)
        if message.writer is None:
            self.held += len(data)
            if writer is not None:
                writer.end()
        else:
            self._waiting.append(message)
        return message

    def _joins(self, last: Message, data: bytes) -> bool:
        """Append to the last message if that makes no difference: single bytes would take a hundred times their size."""
        if self.messages or last.writer is not None or len(last.data) + len(data) > _JOINED:
            return False
        self._budget.take(len(data))
        last.data += data
        self.size += len(data)
        self.held += len(data)
        return True

    def settle(self) -> None:
        """Let those writers go on whose messages the quota holds now."""
        waiting = self._waiting
        while waiting:
            message = waiting[0]
            if message.writer is not None:
                if self.held + message.rest > self.quota:
                    return
                self.held += message.rest
                message.writer.end()
                message.writer = None
            waiting.popleft()

    def take(self, size: int, one_message: bool) -> bytes:
        """Up to `size` bytes, a Part of a message if that was cut short; there is a message, maybe an empty one."""
        first = self.parts[0]
        whole = len(first.data)
        if (
            whole <= size
            and not first.start
            and first.writer is None
            and (one_message or len(self.parts) == 1)
        ):
            self.parts.popleft()
            first.start = whole
            self.size -= whole
            self.held -= whole
            self._budget.left += whole + _OVERHEAD
            return first.data
        wanted = min(size, self.parts[0].rest if one_message else self.size)
        found: list[bytes] = []
        while True:
            message = self.parts[0]
            count = min(wanted, message.rest)
            found.append(message.data[message.start : message.start + count] if count else b"")
            self._read(message, count)
            wanted -= count
            if message.rest:
                data = b"".join(found) if len(found) > 1 else found[0]
                return Part(data) if one_message else data
            self.parts.popleft()
            self._finish(message, Status.SUCCESS)
            if not wanted:
                return b"".join(found) if len(found) > 1 else found[0]

    def _read(self, message: Message, count: int) -> None:
        message.start += count
        self.size -= count
        if message.writer is None:
            self.held -= count

    def _finish(self, message: Message, status: int) -> None:
        """A message has left the queue."""
        self._budget.left += len(message.data) + _OVERHEAD
        if message.writer is not None:
            message.writer.end(status)
            message.writer = None

    def peek(self, size: int) -> bytes:
        """Up to `size` bytes, which stay."""
        found: list[bytes] = []
        for message in self.parts:
            if size <= 0:
                break
            found.append(message.data[message.start : message.start + size])
            size -= len(found[-1])
        return b"".join(found)

    def keep(self, message: Message, size: int) -> int:
        """Cut a message down to `size` bytes more than are read of it; how many bytes are written then."""
        written = message.start + size
        if not written:
            self.drop(message)
            return 0
        self.size -= len(message.data) - written
        self._budget.left += len(message.data) - written
        message.data = message.data[:written]
        message.writer = None
        self.held += size
        if not size:
            self.parts.remove(message)
            self._budget.left += written + _OVERHEAD
        return written

    def drop(self, message: Message) -> None:
        """Take back what is not read of a message whose writer waits no longer."""
        self.parts.remove(message)
        self.size -= message.rest
        message.writer = None
        self._finish(message, Status.CANCELLED)

    def abandon(self, status: int, held_too: bool) -> None:
        """Let writers that wait fail, taking their messages back, and with `held_too` all others as well."""
        parts, self.parts = self.parts, deque()
        self._waiting.clear()
        for message in parts:
            if not held_too and message.writer is None:
                self.parts.append(message)
                continue
            self.size -= message.rest
            if message.writer is None:
                self.held -= message.rest
            self._finish(message, status)
