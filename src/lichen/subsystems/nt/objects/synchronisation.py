"""Semaphores, mutants and keyed events: what they are, and the objects that handles to them refer to.

Source: NtCreateSemaphore, NtCreateMutant, NtCreateKeyedEvent (ntifs.h, phnt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from lichen.executive.objects.dispatcher import Dispatcher
from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import KEYED_EVENT, MUTANT, Rights, StateAccess
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Waitable
from lichen.subsystems.nt.state import nt_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread


class Semaphore(Waitable):
    """A count that waiting takes one from."""

    __slots__ = ("count", "limit")

    def __init__(self, count: int, limit: int) -> None:
        super().__init__()
        self.count, self.limit = count, limit

    def signalled(self, waiter: object) -> bool:
        return self.count > 0

    def acquire(self, waiter: object) -> None:
        self.count -= 1

    def release(self, count: int) -> int:
        """Add to the count; the count before. SEMAPHORE_LIMIT_EXCEEDED."""
        if count <= 0 or self.count + count > self.limit:
            raise Failure(Status.SEMAPHORE_LIMIT_EXCEEDED)
        before, self.count = self.count, self.count + count
        self.wake()
        return before


class Mutant(Waitable):
    """A lock that its owner may take again, and that is abandoned when the owner ends."""

    __slots__ = ("abandoned", "depth", "owner")

    def __init__(self) -> None:
        super().__init__()
        self.owner: Thread | None = None
        self.depth, self.abandoned = 0, False

    def signalled(self, waiter: object) -> bool:
        return self.owner is None or self.owner is waiter

    def acquire(self, waiter: object) -> None:
        if self.owner is None:
            self.owner = cast("Thread", waiter)
            nt_of(self.owner).mutants[self] = None
        if self.abandoned:
            self.abandoned = False
            nt_of(self.owner).abandoned = True
        self.depth += 1

    def release(self, thread: Thread) -> int:
        """Undo one acquisition; the count before as NtReleaseMutant gives it. MUTANT_NOT_OWNED."""
        if self.owner is not thread:
            raise Failure(Status.MUTANT_NOT_OWNED)
        before = 1 - self.depth
        self.depth -= 1
        if self.depth == 0:
            del nt_of(thread).mutants[self]
            self.owner = None
            self.wake()
        return before

    def abandon(self) -> None:
        """The owner has ended."""
        self.owner, self.depth, self.abandoned = None, 0, True
        self.wake()


class SemaphoreObject(Dispatcher):
    """A semaphore."""

    __slots__ = ("semaphore",)
    type_name: ClassVar[str] = "Semaphore"

    def __init__(self, semaphore: Semaphore) -> None:
        super().__init__(semaphore)
        self.semaphore = semaphore

    def signal(self, thread: Thread, access: int) -> None:
        if not access & StateAccess.MODIFY_STATE:
            raise Failure(Status.ACCESS_DENIED)
        self.semaphore.release(1)


class MutantObject(Dispatcher):
    """A mutant."""

    __slots__ = ("mutant",)
    type_name: ClassVar[str] = "Mutant"
    rights: ClassVar[Rights] = MUTANT

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant)
        self.mutant = mutant

    def signal(self, thread: Thread, access: int) -> None:
        self.mutant.release(thread)


class Meeting(Waitable):
    """One side of a rendezvous in a keyed event."""

    __slots__ = ("met",)

    def __init__(self) -> None:
        super().__init__()
        self.met = False

    def signalled(self, waiter: object) -> bool:
        return self.met


class KeyedEvent(Object):
    """A keyed event: waiters and releasers of the same key meet, whoever comes first waits."""

    __slots__ = ("releasers", "waiters")
    type_name: ClassVar[str] = "KeyedEvent"
    rights: ClassVar[Rights] = KEYED_EVENT

    def __init__(self) -> None:
        super().__init__()
        self.waiters: dict[tuple[int, int], list[Meeting]] = {}
        self.releasers: dict[tuple[int, int], list[Meeting]] = {}
