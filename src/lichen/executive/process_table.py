"""All processes of a machine, making them, and where ids come from (NT: PspCidTable).

Ids are multiples of 4 from one counter, shared by processes and threads; a process's first thread has the process's id.
An id is given out again only when its process is reaped and nobody holds a handle (G13).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from lichen.executive.interfaces import GuestThread, ProcessorTime, Subsystem
from lichen.executive.processes import INIT, Process, Thread
from lichen.executive.scheduling import Scheduling
from lichen.executive.sessions import ProcessGroup, Session
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.machine import MachineState

_ID_STEP: Final = 4


class ProcessTable(dict[int, Process]):
    """The processes of a machine by their ids, zombies included; its threads, groups and sessions; where new ids come from."""

    def __init__(
        self, machine: MachineState, subsystem_of_init: Subsystem, context: FileSystemContext
    ) -> None:
        super().__init__()
        self.machine = machine
        self.threads: dict[int, Thread] = {}
        self.groups: dict[int, ProcessGroup] = {}
        self.sessions: dict[int, Session] = {}
        self.held: dict[int, int] = {}
        """How many process objects handles refer to, by process id."""
        self.time_of_ended_threads = ProcessorTime()
        self.created = 0
        """How many ids were given out."""
        self._next_id = 2 * _ID_STEP
        self.init = self._new_init(subsystem_of_init, context)

    def _new_init(self, subsystem: Subsystem, context: FileSystemContext) -> Process:
        init = self[INIT] = Process(self.machine, INIT, None, subsystem)
        init.name, init.files = "init", context
        leads = init.group = ProcessGroup(INIT, Session(INIT, init))
        self.sessions[INIT] = leads.session
        self.groups[INIT] = leads.session.groups[INIT] = leads
        leads.members[INIT] = init
        return init

    @property
    def last_id(self) -> int:
        """The id that was given out last."""
        return self._next_id - _ID_STEP

    def processor_time(self) -> ProcessorTime:
        """What all threads have used, those that ended included."""
        return sum((thread.processor_time() for thread in self.threads.values()), self.time_of_ended_threads)

    def new_id(self) -> int:
        """An unused id; Failure(INSUFFICIENT_RESOURCES) when the machine has all the tasks it may have."""
        if not self.is_full:
            limit = self.machine.system.limits.ids
            for _ in range(0, limit, _ID_STEP):
                id, self._next_id = self._next_id, self._next_id + _ID_STEP
                if self._next_id >= limit:
                    self._next_id = 2 * _ID_STEP
                if not self._in_use(id):
                    self.created += 1
                    return id
        raise Failure(Status.INSUFFICIENT_RESOURCES)

    @property
    def is_full(self) -> bool:
        """Whether there are all the tasks that there may be; of zombies and others there are no more processes."""
        return max(len(self.threads), len(self) - 1) >= self.machine.system.limits.tasks

    def _in_use(self, id: int) -> bool:
        return any(id in each for each in (self, self.held, self.threads, self.groups, self.sessions))

    @contextmanager
    def making(self, parent: Process, subsystem: Subsystem, leaves_job: bool = False) -> Iterator[Process]:
        """A new process, to be given what it begins with and its first thread; nothing is left of it when that fails."""
        process = self.new_process(parent, subsystem, leaves_job)
        try:
            yield process
        except BaseException:
            process.unmake()
            raise

    def new_process(self, parent: Process, subsystem: Subsystem, leaves_job: bool = False) -> Process:
        """A process without threads and handles, in its parent's group and job, that sees the same files.

        QUOTA_EXCEEDED when the job has all the processes it may have; ACCESS_DENIED when they may not leave it.
        """
        job = parent.job.for_child(leaves_job) if parent.job is not None else None
        process = Process(self.machine, self.new_id(), parent, subsystem)
        process.job, process.limits, process.ignored = job, dict(parent.limits), parent.ignored
        process.files, process.service = parent.files, parent.service
        process.join(parent.group)
        self[process.id] = process
        parent.children[process.id] = process
        return process

    def new_thread(
        self, process: Process, guest: GuestThread, id: int | None = None, how: Scheduling | None = None
    ) -> Thread:
        """A thread of `process` that runs as `guest`, scheduled as `how` says; the first has the process's id."""
        if id is None:
            id = self.new_id() if process.threads else process.id
        thread = Thread(process, id, guest)
        thread.scheduling = how or thread.scheduling
        if not process.threads:
            process.scheduling = thread.scheduling
        process.threads[id] = thread
        process.last_guest = guest
        self.threads[id] = thread
        if process.job is not None and id == process.id:
            process.job.announce(process)
        return thread

    def find(self, id: int) -> Process:
        """The process with this id, zombies included; Failure(INVALID_CID) when there is none."""
        process = self.get(id)
        if process is None:
            raise Failure(Status.INVALID_CID)
        return process
