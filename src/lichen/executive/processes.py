"""Processes and threads: their life from making to the end, their families, groups and sessions (NT: Ps).

A process is a process, whichever subsystem it belongs to: one class, one id space, one parent/child relation, one handle
table. What only one subsystem knows (signal dispositions, a PEB) is `state`, which an accessor of that subsystem narrows. The
executive owns sessions and process groups, because `kill` and the console speak of processes of both worlds; what a signal
means to a process is its subsystem's business.

Init is 1: an executive object without a host task, which adopts orphans.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from lichen.executive import scheduling, sessions
from lichen.executive.address_space import AddressSpace
from lichen.executive.counters import Counters
from lichen.executive.interfaces import GuestMemory, GuestThread, ProcessorTime, Subsystem, TaskUsage
from lichen.executive.limits import ProcessorLimit, default_limits
from lichen.executive.objects.handles import HandleTable
from lichen.executive.scheduler import NOBODY, Parking
from lichen.executive.scheduling import Scheduling
from lichen.executive.security.access import Secured, default_descriptor
from lichen.executive.sessions import ProcessGroup, Session
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Changes, Ended

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.io.location import Location
    from lichen.executive.jobs import Job
    from lichen.executive.machine import MachineState
    from lichen.executive.objects.rights import Rights
    from lichen.executive.security.descriptors import Descriptor
    from lichen.executive.security.tokens import Token

INIT: Final = 1
SYSTEM: Final = 4


class ExitStatus(NamedTuple):
    """How a process ended: a 32-bit code, and the POSIX signal that ended it, if one did."""

    code: int
    signal: int = 0

    @classmethod
    def of_signal(cls, number: int) -> ExitStatus:
        """That of a process which a signal ended."""
        return cls(128 + number, number)

    @property
    def byte(self) -> int:
        """The eight bits of the code that a POSIX parent sees: never 0 for a code that is not (G18)."""
        return (self.code & 0xFF) or (0xFF if self.code else 0)

    @property
    def shown(self) -> int:
        """What a shell shows of it: 128 and the signal, or those eight bits."""
        return 128 + self.signal if self.signal else self.byte


class Thread(Secured):
    """One thread of a guest. `attention` makes `finish` ask the subsystem before the thread goes on."""

    def __init__(self, process: Process, id: int, guest: GuestThread) -> None:
        self.process, self.id = process, id
        self.guest = guest
        self.memory: GuestMemory = guest.memory
        guest.owner = self
        self.parking: Parking | None = None
        self.call: tuple[int, tuple[int, ...]] = (0, ())
        self.attention = False
        self.suspended = self.held_back = 0
        """How often it was suspended, and how many reasons it has not to run: those, and a stop of its process."""
        self.deferred: int | None = None
        self.waiting_to_run = False
        self.ended = Ended()
        self.exit_code = 0
        self.dead = False
        self.name = process.name
        self.state: object = None
        """What only its subsystem knows of it, which has a typed accessor for it."""
        self.scheduling = Scheduling()
        self.security: Descriptor | None = None
        self.started = process.machine.scheduler.since_boot()
        self._time_of_earlier_guests = ProcessorTime()

    def __str__(self) -> str:
        return f"thread {self.id} of {self.process}"

    def usual_descriptor(self, caller: Token, rights: Rights) -> Descriptor:
        return default_descriptor(self.process.files.token, rights)

    def adopt(self, guest: GuestThread) -> None:
        """Go on in another host thread, after exec."""
        old = self.guest
        self._time_of_earlier_guests += old.processor_time()
        self.guest, self.memory = guest, guest.memory
        guest.owner = self
        old.owner = NOBODY
        scheduling.apply(self)
        old.kill()

    def processor_time(self) -> ProcessorTime:
        """What this thread has used, in every program that it ran."""
        return self._time_of_earlier_guests + self.guest.processor_time()

    def usage(self) -> TaskUsage:
        """What the host says of it, with the time of every program that it ran."""
        usage = self.guest.usage()
        return usage._replace(time=self._time_of_earlier_guests + usage.time)

    def finish(self, result: int) -> None:
        """End the current call with `result` and let the thread go on, unless something stands in its way."""
        if self.dead:
            return
        if self.held_back:
            self.deferred = result
        elif self.attention:
            self.process.subsystem.attend(self, result)
        else:
            self.guest.complete(result)

    def interrupt(self) -> bool:
        """Cut a blocked, interruptible call short; whether there was one."""
        parking = self.parking
        if parking is None or parking.wait is None or not parking.wait.interruptible:
            return False
        self.process.machine.scheduler.interrupt(parking)
        return True

    def alert(self) -> bool:
        """Cut an alertable wait short; whether there was one."""
        parking = self.parking
        return (
            parking is not None
            and parking.wait is not None
            and parking.wait.alertable
            and not self.process.machine.scheduler.works_for(self)
            and self.interrupt()
        )

    def suspend(self) -> None:
        """Keep the thread from running until as many `resume` calls."""
        self.suspended += 1
        self.hold_back()

    def resume(self) -> None:
        """Undo one `suspend`."""
        if self.suspended:
            self.suspended -= 1
            self.release()

    def hold_back(self) -> None:
        """Keep the thread from running until as many `release` calls; a blocked call goes on waiting."""
        self.held_back += 1
        if self.held_back > 1 or self.parking is not None or self.dead:
            return
        if not self.process.machine.scheduler.works_for(self):
            self.waiting_to_run = self.guest.stop()

    def begin(self, suspended: bool) -> None:
        """Let a new thread, which is stopped, run from its first instruction, unless something holds it back."""
        self.suspended = int(suspended)
        self.held_back = self.suspended + int(self.process.stopped)
        if self.held_back:
            self.waiting_to_run = True
        else:
            self.guest.resume()

    def release(self) -> None:
        """Undo one `hold_back`; a blocked call is cut short by what came meanwhile."""
        self.held_back -= 1
        if self.held_back or self.dead:
            return
        if self.deferred is not None:
            result, self.deferred = self.deferred, None
            self.finish(result)
        elif self.waiting_to_run:
            self.waiting_to_run = False
            self.process.subsystem.attend(self, None)
        elif self.attention and self.parking is not None:
            self.process.subsystem.released(self)

    def cancel(self) -> None:
        """Drop whatever the thread was blocked in."""
        if self.parking is not None:
            parking, self.parking = self.parking, None
            self.process.machine.scheduler.cancel(parking)

    def exit(self, code: int) -> None:
        """End this thread; the last one takes the process along."""
        if self.dead:
            return
        self._end(code)
        if not self.process.threads:
            self.process.terminate(ExitStatus(code))
        else:
            self.guest.exit()

    def host_ended(self) -> None:
        """The host task is gone. Unless the kernel ended it, that is the end of the process."""
        if not self.dead:
            self._end(0)
            if not self.process.threads:
                self.process.terminate(ExitStatus.of_signal(9))

    def _end(self, code: int) -> None:
        self.cancel()
        self.dead, self.exit_code = True, code
        process = self.process
        used = self.processor_time()
        process.time_of_ended_threads += used
        process.machine.processes.time_of_ended_threads += used
        process.threads.pop(self.id, None)
        process.space.draining.pop(self, None)
        process.machine.processes.threads.pop(self.id, None)
        process.subsystem.thread_ended(self)
        self.ended.set()


class Membership(Protocol):
    """What a process belongs to with all that it starts, for good: a service."""

    def process_ended(self, process: Process) -> None:
        """One of its processes has ended."""


class Process(Secured):
    """One process of the machine."""

    def __init__(self, machine: MachineState, id: int, parent: Process | None, subsystem: Subsystem) -> None:
        self.machine, self.id, self.parent, self.subsystem = machine, id, parent, subsystem
        self.creator = parent.id if parent else 0
        self.children: dict[int, Process] = {}
        self.threads: dict[int, Thread] = {}
        self.group: ProcessGroup
        self.job: Job | None = None
        self.service: Membership | None = None
        self.security: Descriptor | None = None
        self.handles = HandleTable()
        self.files: FileSystemContext
        self.space = AddressSpace()
        self.scheduling = Scheduling()
        """How it is run as a whole: what its first thread has, or what its threads start from."""
        self.counters = Counters()
        self.state: object = None
        """What only its subsystem knows of it, which has a typed accessor for it."""
        self.limits = default_limits()
        self.processor_limit = ProcessorLimit(self)
        self.ignored: frozenset[int] = frozenset()
        """POSIX signals that it was told to ignore when it began."""
        self.name = "?"
        self.arguments: tuple[bytes, ...] = ()
        self.command_line = ""
        """What it was started with, as one line."""
        self.image: Location | None = None
        self.started = machine.scheduler.since_boot()
        self.exit_status: ExitStatus | None = None
        self.ended = Ended()
        self.children_changed = Changes()
        self.job_state: ExitStatus | None = None
        """A stop or continue that the parent has not yet been told: code 0 for continued, else signal."""
        self.stopped = False
        self.is_announced = False
        """Whether its job has been told that it runs, and is to be told of the end."""
        self.is_subreaper = False
        self.dumpable = True
        """Whether others of the same user may look into it."""
        self.time_of_ended_threads = ProcessorTime()
        self._peak_memory = 0
        self.when_image_left: list[Callable[[], None]] = []
        """Called once when the process leaves its address space, by exec or exit: vfork's parent waits for that."""

    def usual_descriptor(self, caller: Token, rights: Rights) -> Descriptor:
        return default_descriptor(self.files.token, rights)

    def __str__(self) -> str:
        return f"process {self.id} ({self.name})"

    @property
    def session(self) -> Session:
        return self.group.session

    @property
    def is_zombie(self) -> bool:
        return self.exit_status is not None

    @property
    def first_thread(self) -> Thread:
        """The thread that has the process's id, or the oldest that is left; PROCESS_IS_TERMINATING when none is."""
        thread = self.threads.get(self.id) or next(iter(self.threads.values()), None)
        if thread is None:
            raise Failure(Status.PROCESS_IS_TERMINATING)
        return thread

    def processor_time(self) -> ProcessorTime:
        """What its threads have used, those that ended included."""
        return sum((thread.processor_time() for thread in self.threads.values()), self.time_of_ended_threads)

    def peak_memory(self) -> int:
        """The most bytes that it ever had in the host's memory."""
        if self.threads:
            self._peak_memory = max(self._peak_memory, self.first_thread.guest.memory_usage().peak)
        return self._peak_memory

    def join(self, group: ProcessGroup) -> None:
        """Move into a process group."""
        self.leave_group()
        self.group = group
        group.members[self.id] = self

    def leave_group(self) -> None:
        group = getattr(self, "group", None)
        if group is None or group.members.pop(self.id, None) is None or group.members:
            return
        self.machine.processes.groups.pop(group.id, None)
        group.session.groups.pop(group.id, None)
        if not group.session.groups:
            self.machine.processes.sessions.pop(group.session.id, None)

    def new_group(self) -> None:
        """Become the leader of a new group in the same session."""
        session = self.session
        group = ProcessGroup(self.id, session)
        self.machine.processes.groups[self.id] = session.groups[self.id] = group
        self.join(group)

    def new_session(self) -> None:
        """Become the leader of a new session without a terminal, and of its first group."""
        self.leave_group()
        session = Session(self.id, self)
        self.machine.processes.sessions[self.id] = session
        self.group = ProcessGroup(self.id, session)
        self.machine.processes.groups[self.id] = session.groups[self.id] = self.group
        self.group.members[self.id] = self

    def signal(self, number: int, sender: Process | None = None) -> None:
        """Ask for POSIX signal `number` to be delivered; what that means is up to the subsystem."""
        if self.exit_status is None:
            self.subsystem.signal(self, number, sender)

    def left_image(self) -> None:
        """The process has left its address space, or is about to end."""
        waiting, self.when_image_left = self.when_image_left, []
        for action in waiting:
            action()

    def stop(self, signal: int) -> None:
        """Hold all threads back, as job control does by `signal`, and tell the parent."""
        if self.stopped or self.exit_status is not None:
            return
        self.stopped = True
        for thread in list(self.threads.values()):
            thread.hold_back()
        self._job_changed(signal)

    def resume(self) -> None:
        """Undo `stop`."""
        if not self.stopped or self.exit_status is not None:
            return
        self.stopped = False
        self._job_changed(0)
        for thread in list(self.threads.values()):
            thread.release()

    def _job_changed(self, signal: int) -> None:
        if self.exit_status is not None:  # its last guest was found to be gone
            return
        self.job_state = ExitStatus(0, signal)
        self.subsystem.job_changed(self)
        if self.parent is not None:
            self.parent.subsystem.child_changed(self.parent, self)
            self.parent.children_changed.notify()

    def terminate(self, status: ExitStatus) -> None:
        """End the process: threads, handles, memory; its parent is told, its children go to init."""
        if self.exit_status is not None:
            return
        try:
            self._end(status)
        finally:
            self._tell_parent()

    def unmake(self) -> None:
        """Take back what could not be made: nothing is left of it, and its parent hears of no end."""
        try:
            if self.exit_status is None:
                self._end(ExitStatus(0))
        finally:
            self.reap()

    def _end(self, status: ExitStatus) -> None:
        self.peak_memory()
        self.exit_status = status
        guests = [thread.guest for thread in self.threads.values()]
        for thread in list(self.threads.values()):
            thread._end(status.code)
        for guest in guests:
            guest.kill()
        if not guests and self.last_guest is not None:
            self.last_guest.kill()
        self.handles.release()
        self.space.users -= 1
        if self.space.users == 0:
            self.space.clear()
        self.left_image()
        self.processor_limit.close()
        try:
            sessions.process_ended(self)
            self.subsystem.process_ended(self)
        finally:  # whatever goes wrong there, those who wait for the end hear of it
            self._orphan_children()
            self.ended.set()
            if self.service is not None:
                self.service.process_ended(self)
            if self.job is not None and self.is_announced:
                self.job.process_ended(self, abnormally=bool(status.signal) or status.code >> 30 == 3)

    last_guest: GuestThread | None = None

    def _orphan_children(self) -> None:
        adopter = self._adopter()
        for child in list(self.children.values()):
            self.children.pop(child.id)
            child.parent = adopter
            adopter.children[child.id] = child
            child.subsystem.orphaned(child)
            if child.is_zombie:
                child._tell_parent()

    def _adopter(self) -> Process:
        ancestor = self.parent
        while ancestor is not None and ancestor.id != INIT:
            if ancestor.is_subreaper and ancestor.exit_status is None:
                return ancestor
            ancestor = ancestor.parent
        return self.machine.processes.init

    def _tell_parent(self) -> None:
        parent = self.parent
        if parent is None or not parent.subsystem.child_ended(parent, self):
            self.reap()
        else:
            parent.children_changed.notify()

    def reap(self) -> ExitStatus:
        """Forget an ended process; returns how it ended."""
        assert self.exit_status is not None
        if self.parent is not None:
            self.parent.children.pop(self.id, None)
            self.parent.children_changed.notify()
        self.leave_group()
        self.machine.processes.pop(self.id, None)
        return self.exit_status

    def crashed(self) -> None:
        """The kernel failed while it worked for this process: end it, not the machine."""
        self.terminate(ExitStatus.of_signal(11))
