"""eventfd: a number that a read takes and a write adds to.

Source: eventfd(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from lichen.executive.io.file import Data
from lichen.executive.io.opening import Options, Poll
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait, Waitable
from lichen.subsystems.linux.descriptors.anonymous import AnonymousFile

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_SIZE: Final = 8
_LARGEST: Final = (1 << 64) - 2


class EventCounter(AnonymousFile):
    """A 64-bit counter; with `semaphore`, a read takes one of it, else all."""

    __slots__ = ("count", "semaphore")

    label: ClassVar[str] = "eventfd"

    def __init__(self, thread: Thread, count: int, semaphore: bool, nonblocking: bool) -> None:
        super().__init__(thread, nonblocking)
        self.count, self.semaphore = count, semaphore

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if size < _SIZE:
            raise Failure(Status.INVALID_PARAMETER)
        if self.count:
            return self._take()
        if self.options & Options.NONBLOCKING:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._read_later()

    def _read_later(self) -> Blocks[bytes]:
        wait = Wait((self.ready(Poll.READABLE),))
        while not self.count:
            yield wait
        return self._take()

    def _take(self) -> bytes:
        taken = 1 if self.semaphore else self.count
        self.count -= taken
        self.notify()
        return taken.to_bytes(_SIZE, "little")

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        value = int.from_bytes(data[:_SIZE], "little")
        if len(data) < _SIZE or value > _LARGEST:
            raise Failure(Status.INVALID_PARAMETER)
        if value <= _LARGEST - self.count:
            return self._add(value)
        if self.options & Options.NONBLOCKING:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._write_later(value)

    def _write_later(self, value: int) -> Blocks[int]:
        wait = Wait((_Room(self, value),))
        while value > _LARGEST - self.count:
            yield wait
        return self._add(value)

    def _add(self, value: int) -> int:
        self.count += value
        self.notify()
        return _SIZE

    def information(self) -> str:
        return (
            f"eventfd-count: {self.count:16x}\neventfd-id: {self.attributes().file_id}\n"
            f"eventfd-semaphore: {int(self.semaphore)}\n"
        )

    def poll(self) -> int:
        ready = Poll.READABLE if self.count else 0
        return ready | (Poll.WRITABLE if self.count < _LARGEST else 0)


class _Room(Waitable):
    """Signalled while a value can be added to a counter."""

    __slots__ = ("counter", "value")

    def __init__(self, counter: EventCounter, value: int) -> None:
        self.counter, self.value = counter, value
        self.waiters = counter.readiness.waiters

    def signalled(self, waiter: object) -> bool:
        return self.value <= _LARGEST - self.counter.count
