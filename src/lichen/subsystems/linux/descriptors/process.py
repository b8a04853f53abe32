"""pidfd: a process as a descriptor, which names it for ever and becomes readable when it ends.

Source: pidfd_open(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lichen.executive.io.opening import Poll
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Waitable
from lichen.subsystems.linux.descriptors.anonymous import AnonymousFile
from lichen.subsystems.linux.files import file_of, opened_file_of
from lichen.subsystems.linux.procfs.subjects import Task, Whole

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread


class ProcessFile(AnonymousFile):
    """Stands for `process`, whatever becomes of its id."""

    __slots__ = ("process",)

    label: ClassVar[str] = "pidfd"

    def __init__(self, thread: Thread, process: Process, nonblocking: bool = False) -> None:
        super().__init__(thread, nonblocking)
        self.process = process

    @property
    def readiness(self) -> Waitable:
        """The end of the process wakes those who wait for it, by whatever they wait."""
        return self.process.ended

    def poll(self) -> int:
        return Poll.READABLE if self.process.exit_status is not None else 0

    def information(self) -> str:
        """The process by its id, which it has given back once it was waited for."""
        known = self.process.machine.processes.get(self.process.id) is self.process
        id = self.process.id if known else -1
        return f"Pid:\t{id}\nNSpid:\t{id}\n"

    def alive(self) -> Process:
        """The process; INVALID_CID when it has been waited for."""
        return alive(self.process)


def alive(process: Process) -> Process:
    """The process itself; INVALID_CID when it has been waited for."""
    if process.machine.processes.get(process.id) is not process:
        raise Failure(Status.INVALID_CID)
    return process


def process_file_of(thread: Thread, fd: int) -> ProcessFile:
    """The pidfd behind a descriptor; INVALID_HANDLE for any other file."""
    file = file_of(thread, fd)
    if not isinstance(file, ProcessFile):
        raise Failure(Status.INVALID_HANDLE)
    return file


def signalled_by(thread: Thread, fd: int) -> Process:
    """The process that a pidfd stands for, or the folder /proc/PID: both name it for ever."""
    file = opened_file_of(thread, fd)
    if isinstance(file, ProcessFile):
        return file.alive()
    parent, subject = file.location.parent, file.node.subject
    if parent is None or not isinstance(parent.node.subject, Whole) or not isinstance(subject, Task):
        raise Failure(Status.INVALID_HANDLE)
    return alive(subject.process)
