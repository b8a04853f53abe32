"""Jobs: processes that are counted, limited and ended together, with all that they start (NT: Ps job objects).

A process belongs to one job, and through it to those that the job was put into. Who is in a job follows from the processes
themselves, so no list of members can be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from lichen.executive.interfaces import ProcessorTime
from lichen.executive.objects.dispatcher import Dispatcher
from lichen.executive.objects.rights import JOB, Rights
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Event

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Process

_MOST_NESTED: Final = 32


class Message:
    """What a job tells (JOB_OBJECT_MSG_*)."""

    ACTIVE_PROCESS_LIMIT: Final = 3
    ACTIVE_PROCESS_ZERO: Final = 4
    NEW_PROCESS: Final = 6
    EXIT_PROCESS: Final = 7
    ABNORMAL_EXIT_PROCESS: Final = 8


@dataclass
class Limits:
    """What the processes of a job may do; None for no limit."""

    most_active: int | None = None
    ends_with_last_handle: bool = False
    breakaway: bool = False
    """Whether a process may start others outside of the job."""
    silent_breakaway: bool = False
    """Whether everything that its processes start is outside of the job."""


class Job(Dispatcher):
    """A job. `end` ends a process with an exit code; `tell`, when somebody listens, is given a message and an id."""

    __slots__ = ("end", "ended", "is_done", "limits", "machine", "parent", "tell", "time_of_ended", "total")
    type_name: ClassVar[str] = "Job"
    rights: ClassVar[Rights] = JOB

    def __init__(self, machine: MachineState, end: Callable[[Process, int], None]) -> None:
        self.is_done = Event()
        super().__init__(self.is_done)
        self.machine, self.end = machine, end
        self.parent: Job | None = None
        self.limits = Limits()
        self.tell: Callable[[int, int], None] | None = None
        self.total = self.ended = 0
        self.time_of_ended = ProcessorTime()

    def closed(self) -> None:
        """The last handle is gone: the processes go on, or with it."""
        self.tell = None
        if self.limits.ends_with_last_handle:
            self.terminate(0)

    def chain(self) -> Iterator[Job]:
        """This job and those that it is in, from the inside out."""
        job: Job | None = self
        while job is not None:
            yield job
            job = job.parent

    def members(self) -> list[Process]:
        """Its processes that run, those of the jobs in it included."""
        return list(self._running())

    def _running(self) -> Iterator[Process]:
        return (
            process
            for process in self.machine.processes.values()
            if process.exit_status is None and self.holds(process)
        )

    def holds(self, process: Process) -> bool:
        """Whether a process is in this job or in one that is in it."""
        return process.job is not None and self in process.job.chain()

    def processor_time(self) -> ProcessorTime:
        """What all processes have used that ever were in it."""
        return sum((process.processor_time() for process in self.members()), self.time_of_ended)

    # ---- coming

    def assign(self, process: Process) -> None:
        """Put a process into the job; ACCESS_DENIED when it is in one that cannot hold this one, QUOTA_EXCEEDED."""
        outer = process.job
        if outer is self:
            return
        if outer is not None and self.parent is not outer:
            self._enter(outer)
        try:
            self.require_room()
        except Failure:
            self.end(process, 0)
            raise
        process.job = self
        self.announce(process, outer)

    def _enter(self, outer: Job) -> None:
        """Become a job within another, which is possible before it has held a process."""
        nested = list(outer.chain())
        if self.parent is not None or self.total or self in nested or len(nested) >= _MOST_NESTED:
            raise Failure(Status.ACCESS_DENIED)
        self.parent = outer

    def require_room(self) -> None:
        """QUOTA_EXCEEDED when there are as many processes as there may be."""
        for job in self.chain():
            if job.limits.most_active is not None and len(job.members()) >= job.limits.most_active:
                job._say(Message.ACTIVE_PROCESS_LIMIT, 0)
                raise Failure(Status.QUOTA_EXCEEDED)

    def announce(self, process: Process, outer: Job | None = None) -> None:
        """A process has come to run in this job; those from `outer` on had it already."""
        process.is_announced = True
        for job in self.chain():
            if job is outer:
                return
            job.total += 1
            job._say(Message.NEW_PROCESS, process.id)

    def for_child(self, wants_out: bool) -> Job | None:
        """The job of what one of its processes starts; ACCESS_DENIED when that may not leave it."""
        if wants_out and not (self.limits.breakaway or self.limits.silent_breakaway):
            raise Failure(Status.ACCESS_DENIED)
        if wants_out or self.limits.silent_breakaway:
            return self.parent.for_child(wants_out) if self.parent is not None else None
        self.require_room()
        return self

    # ---- going

    def process_ended(self, process: Process, abnormally: bool) -> None:
        """One of its processes has ended."""
        for job in self.chain():
            job.ended += 1
            job.time_of_ended += process.time_of_ended_threads
            job._say(Message.ABNORMAL_EXIT_PROCESS if abnormally else Message.EXIT_PROCESS, process.id)
            if next(job._running(), None) is None:
                job._say(Message.ACTIVE_PROCESS_ZERO, 0)

    def terminate(self, code: int) -> None:
        """End all processes; the job is signalled then."""
        for process in self.members():
            self.end(process, code)
        self.is_done.set()

    def _say(self, message: int, value: int) -> None:
        if self.tell is not None:
            self.tell(message, value)
