"""Objects that handles refer to and threads wait for (NT: Ke dispatcher objects with an Ob header).

A `Dispatcher` is the handle side; its `waitable` is what the wait looks at. Processes and threads exist without handles, so
their objects are made when a handle is wanted, and keep them from being forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import (
    PROCESS,
    READ_CONTROL,
    SYNCHRONIZE,
    THREAD,
    ProcessAccess,
    Rights,
    StateAccess,
    ThreadAccess,
)
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Event, Waitable

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread


class Dispatcher(Object):
    """A handle's object that can be waited for."""

    __slots__ = ("_waitable",)

    def __init__(self, waitable: Waitable) -> None:
        super().__init__()
        self._waitable = waitable

    @property
    def waitable(self) -> Waitable:
        return self._waitable


class ProcessObject(Dispatcher):
    """A process; its id is not given out again while one of these exists."""

    __slots__ = ("process",)
    type_name: ClassVar[str] = "Process"
    rights: ClassVar[Rights] = PROCESS
    of_others: ClassVar[int] = ProcessAccess.QUERY_LIMITED | READ_CONTROL | SYNCHRONIZE

    def __init__(self, process: Process) -> None:
        super().__init__(process.ended)
        self.process = process
        process.machine.processes.held[process.id] = process.machine.processes.held.get(process.id, 0) + 1

    @property
    def secured(self) -> Process:
        return self.process

    @property
    def identity(self) -> Process:
        """Every handle to one process has an object of its own."""
        return self.process

    @property
    def inside(self) -> Process:
        return self.process

    def closed(self) -> None:
        held, id = self.process.machine.processes.held, self.process.id
        held[id] -= 1
        if not held[id]:
            del held[id]


class ThreadObject(Dispatcher):
    """A thread."""

    __slots__ = ("thread",)
    type_name: ClassVar[str] = "Thread"
    rights: ClassVar[Rights] = THREAD
    of_others: ClassVar[int] = ThreadAccess.QUERY_LIMITED | READ_CONTROL | SYNCHRONIZE

    def __init__(self, thread: Thread) -> None:
        super().__init__(thread.ended)
        self.thread = thread

    @property
    def secured(self) -> Thread:
        return self.thread

    @property
    def identity(self) -> Thread:
        return self.thread

    @property
    def inside(self) -> Process:
        return self.thread.process


class EventObject(Dispatcher):
    """An event."""

    __slots__ = ("event",)
    type_name: ClassVar[str] = "Event"

    def __init__(self, manual: bool, is_set: bool) -> None:
        self.event = Event(manual, is_set)
        super().__init__(self.event)

    def signal(self, thread: Thread, access: int) -> None:
        if not access & StateAccess.MODIFY_STATE:
            raise Failure(Status.ACCESS_DENIED)
        self.event.set()
