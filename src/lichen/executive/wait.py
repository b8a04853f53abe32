"""Dispatcher objects and the one wait that everything blocks on (NT: Ke).

A call that has to block returns a generator. It yields `Wait(objects, ...)` and is resumed with the index of the object
that satisfied the wait, or with `TIMED_OUT`; a signal or an alert throws `Interrupted` into it. futex, poll, epoll, pipes,
wait4, NtWaitFor* and signals all park on this. An object knows its waiters and wakes them; the scheduler decides when a
woken generator runs. Satisfying a wait may change the object (an auto-reset event, a semaphore): `acquire`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from types import GeneratorType
from typing import Final, Protocol, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")

TIMED_OUT: Final = -1
"""What a wait whose deadline passed is resumed with."""


class Waiter(Protocol):
    """Whoever parked on an object: told when the object may have become signalled."""

    def wake(self) -> object: ...


class Waitable:
    """Something a thread can wait for. Subclasses define `signalled`, and `acquire` when waiting consumes."""

    __slots__ = ("waiters",)

    def __init__(self) -> None:
        self.waiters: dict[Waiter, None] = {}

    def signalled(self, waiter: object) -> bool:
        """Whether a wait by `waiter` (an executive thread, or a task of the kernel's) is satisfied now."""
        raise NotImplementedError

    def acquire(self, waiter: object) -> None:
        """Take what the satisfied wait consumes; called once for each wait, before its thread goes on."""

    def wake(self) -> None:
        """Have every waiter look at the object again; call it after each change that may signal it."""
        for waiter in tuple(self.waiters):
            waiter.wake()


@dataclass(frozen=True, slots=True)
class Wait:
    """What a blocked call waits for: any (or all) of `objects`, until `deadline` (seconds on the machine's clock).

    `alertable` waits are also cut short by a user APC (NT); `interruptible` ones by a signal (Linux).
    """

    objects: tuple[Waitable, ...]
    deadline: float | None = None
    all: bool = False
    alertable: bool = False
    interruptible: bool = True


Blocks = Generator[Wait, int, T]
"""A call that had to wait, and will end with a T."""

Result = int | Blocks[int] | None
"""What a call returns: its result, a generator when it has to wait, None when the thread went on by itself."""


def then(value: T | Blocks[T], continuation: Callable[[T], R | Blocks[R]]) -> R | Blocks[R]:
    """Apply `continuation` to the outcome of an operation that may have to block, without cost when it did not."""
    if type(value) is GeneratorType:
        return _continue(value, continuation)
    return continuation(cast(T, value))


def outcome(value: T | Blocks[T]) -> Blocks[T]:
    """What an operation gives, waited for if need be: for a task of the kernel, which may."""
    return (yield from value) if type(value) is GeneratorType else cast(T, value)


def _continue(blocked: Blocks[T], continuation: Callable[[T], R | Blocks[R]]) -> Blocks[R]:
    value = continuation((yield from blocked))
    if type(value) is GeneratorType:
        result: R = yield from value
        return result
    return cast(R, value)


class Event(Waitable):
    """NT event: manual reset (notification) or auto reset (synchronisation)."""

    __slots__ = ("is_set", "manual")

    def __init__(self, manual: bool = True, is_set: bool = False) -> None:
        super().__init__()
        self.manual, self.is_set = manual, is_set

    def signalled(self, waiter: object) -> bool:
        return self.is_set

    def acquire(self, waiter: object) -> None:
        if not self.manual:
            self.is_set = False

    def set(self) -> bool:
        """Signal the event; returns whether it was signalled before."""
        before, self.is_set = self.is_set, True
        self.wake()
        return before

    def reset(self) -> bool:
        """Clear the event; returns whether it was signalled before."""
        before, self.is_set = self.is_set, False
        return before

    def pulse(self) -> None:
        """Release those who wait now, and leave the event clear."""
        self.is_set = True
        self.wake()
        self.is_set = False


class Condition(Waitable):
    """A wait channel of the kernel itself: `signalled` asks a predicate, whoever changes the state calls `wake`."""

    __slots__ = ("predicate",)

    def __init__(self, predicate: Callable[[], bool]) -> None:
        super().__init__()
        self.predicate = predicate

    def signalled(self, waiter: object) -> bool:
        return self.predicate()


class Ended(Waitable):
    """Signalled for ever once its process or thread has ended."""

    __slots__ = ("is_set",)

    def __init__(self) -> None:
        super().__init__()
        self.is_set = False

    def signalled(self, waiter: object) -> bool:
        return self.is_set

    def set(self) -> None:
        self.is_set = True
        self.wake()


class Changes(Waitable):
    """A channel that its owner wakes; whoever waits looks again. `generation` counts the wakes."""

    __slots__ = ("_seen", "generation")

    def __init__(self) -> None:
        super().__init__()
        self.generation = 0
        self._seen: dict[object, int] = {}

    def signalled(self, waiter: object) -> bool:
        return self._seen.setdefault(waiter, self.generation) != self.generation

    def acquire(self, waiter: object) -> None:
        self._seen.pop(waiter, None)

    def notify(self) -> None:
        """Have every waiter look again."""
        self.generation += 1
        self.wake()
        self._seen = {waiter: seen for waiter, seen in self._seen.items() if seen == self.generation}
