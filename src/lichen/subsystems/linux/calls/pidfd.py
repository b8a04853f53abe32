"""Processes as descriptors.

Source: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.io.file import File
from lichen.executive.security.inspection import check_inspection
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux import signals
from lichen.subsystems.linux.calls.signal import may_signal, queue_signal, queued_information
from lichen.subsystems.linux.descriptors.installing import O_NONBLOCK, install
from lichen.subsystems.linux.descriptors.process import ProcessFile, process_file_of, signalled_by
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Address, Fd, Flags, Pid, Signal

if TYPE_CHECKING:
    from lichen.executive.processes import Thread


@linux.call(amd64=434)
def pidfd_open(thread: Thread, pid: Pid, flags: Flags) -> int:
    """A descriptor of a process."""
    machine = thread.process.machine
    if flags & ~O_NONBLOCK or pid <= 0 or (pid in machine.processes.threads and pid not in machine.processes):
        raise Failure(Status.INVALID_PARAMETER)
    file = ProcessFile(thread, machine.processes.find(pid), bool(flags & O_NONBLOCK))
    return install(thread, file, close_on_exec=True)


@linux.call(amd64=424)
def pidfd_send_signal(thread: Thread, fd: Fd, number: Signal, information: Address, flags: Flags) -> int:
    """Send a signal to a process, with data or without."""
    if flags or not 0 <= number <= signals.LAST:
        raise Failure(Status.INVALID_PARAMETER)
    target = signalled_by(thread, fd)
    data = queued_information(thread, target.id, number, information) if information else None
    if information and int.from_bytes(thread.memory.read(information, 4), "little") != number:
        raise Failure(Status.INVALID_PARAMETER)
    if not may_signal(thread.process, target, number):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    return queue_signal(thread, target, number, data)


@linux.call(amd64=438)
def pidfd_getfd(thread: Thread, fd: Fd, number: Fd, flags: Flags) -> int:
    """A copy of a descriptor of another process."""
    if flags:
        raise Failure(Status.INVALID_PARAMETER)
    target = process_file_of(thread, fd).alive()
    if target.exit_status is not None:
        raise Failure(Status.INVALID_CID)
    check_inspection(thread.process, target)
    file = target.handles.get(number)
    if not isinstance(file, File):
        raise Failure(Status.INVALID_HANDLE)
    return install(thread, file.reference(), close_on_exec=True)
