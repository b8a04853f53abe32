"""What the files of /proc tell of: the machine, a process or one of its threads, a descriptor of a process.

Source: proc(5); ptrace(2) "Ptrace access mode checking" for who may look.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from lichen.executive.io.generated import Subject
from lichen.executive.machine import MachineState
from lichen.executive.objects.handles import Handle
from lichen.executive.processes import Process, Thread
from lichen.executive.security.inspection import may_inspect
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.state import LinuxProcess, as_linux_process

if TYPE_CHECKING:
    from lichen.executive.host import Host
    from lichen.executive.io.location import Location


class Whole(Subject):
    """The machine. `boot_id` names this run of it."""

    __slots__ = ("boot_id", "core_pattern", "namespaces", "places_of_types", "state")

    def __init__(self, state: MachineState) -> None:
        self.state = state
        self.boot_id = self.random_uuid()
        self.core_pattern = b"core"
        self.namespaces: dict[str, Location] = {}
        self.places_of_types: dict[str, Location] = {}
        """Of objects that are no files, by the names of their types."""

    @property
    def host(self) -> Host:
        return self.state.system.host

    def random_uuid(self) -> str:
        """A new UUID."""
        return str(UUID(bytes=self.host.random(16), version=4))

    @property
    def caller(self) -> Thread:
        """Whoever asks; OBJECT_NAME_NOT_FOUND when it is the kernel itself, which is nobody's self."""
        thread = self.state.scheduler.current
        if thread is None:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return thread


@dataclass(frozen=True, slots=True)
class Task(Subject):
    """A process, or one of its threads. Of a process without threads the process itself stands for its only one."""

    machine: Whole
    process: Process
    thread: Thread | None = None

    @property
    def id(self) -> int:
        return self.process.id if self.thread is None else self.thread.id

    @property
    def threads(self) -> list[Thread]:
        """The threads that it consists of, the one that stands for all of them first."""
        if self.thread is not None:
            return [self.thread]
        return sorted(self.process.threads.values(), key=lambda thread: thread.id != self.process.id)

    @property
    def leader(self) -> Thread | None:
        """The thread that is meant when one has to be; None for a zombie and for what runs no guest code."""
        if self.thread is not None:
            return self.thread
        return self.process.first_thread if self.process.threads else None

    @property
    def name(self) -> str:
        leader = self.leader
        return self.process.name if leader is None else leader.name

    @property
    def state(self) -> LinuxProcess | None:
        """What only Linux knows of the process."""
        return as_linux_process(self.process)

    def exists(self) -> bool:
        if self.machine.state.processes.get(self.process.id) is not self.process:
            return False
        return self.thread is None or not self.thread.dead

    def owner(self, private: bool) -> tuple[int, int]:
        """Its effective ids; what is private belongs to root when the process may not be looked into."""
        token = self.process.files.token
        caller = self.machine.state.scheduler.current
        hidden = private and not self.process.dumpable
        if hidden and not (caller is not None and caller.process is self.process):
            return 0, 0
        return token.euid, token.egid

    def admit(self) -> None:
        caller = self.machine.state.scheduler.current
        if caller is None:
            return
        if not may_inspect(caller.process, self.process):
            raise Failure(Status.ACCESS_DENIED)


@dataclass(frozen=True, slots=True)
class Descriptor(Subject):
    """One slot of a process's handle table."""

    task: Task
    index: int

    def exists(self) -> bool:
        return self.task.exists() and self.find() is not None

    def owner(self, private: bool) -> tuple[int, int]:
        return self.task.owner(private)

    def admit(self) -> None:
        self.task.admit()

    def find(self) -> Handle | None:
        """The handle in the slot."""
        if self.task.process.is_zombie:
            return None
        try:
            return self.task.process.handles.handle(self.index)
        except Failure:
            return None

    @property
    def handle(self) -> Handle:
        """As `find`, with OBJECT_NAME_NOT_FOUND for an empty slot."""
        handle = self.find()
        if handle is None:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return handle


def number(name: str) -> int:
    """The number that a name is, written the one way it can be; -1 for any other name."""
    return int(name) if name.isascii() and name.isdecimal() and (name == "0" or name[0] != "0") else -1


def path_text(location: Location, root: Location | None) -> str:
    """A place as /proc shows it to whoever has `root` as root: a path, or `pipe:[1]` for what never had one."""
    place = location.place(root)
    text = "/".join(place.components)
    if location.mount is not None:
        text = "/" + text
    return text + " (deleted)" if place.deleted else text


def shown(task: Task, location: Location) -> str:
    """A place as it is shown to whoever asks about `task`."""
    caller = task.machine.state.scheduler.current
    return path_text(location, (caller.process if caller is not None else task.process).files.root)


def as_bytes(text: str) -> bytes:
    """A name as it was given; one out of UTF-16 may hold halves of characters, which UTF-8 has no proper form for."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def encoded(text: str, escaped: str) -> bytes:
    """A name as a field of a line: the `escaped` characters become their octal numbers."""
    return as_bytes(text.translate({ord(character): f"\\{ord(character):03o}" for character in escaped}))
