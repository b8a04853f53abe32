"""Job objects.

Source: NtCreateJobObject and its family (phnt); JOBOBJECT_* in winnt.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import ptr, u32
from lichen.executive.jobs import Job, Limits, Message
from lichen.executive.objects.completion import CompletionPort
from lichen.executive.objects.rights import JobAccess, ProcessAccess, StateAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import names
from lichen.subsystems.nt.calls.process import end
from lichen.subsystems.nt.objects import object_of, process_of
from lichen.subsystems.nt.shared_data import UNITS
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Flags, Handle, ObjectName, Result

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_PROCESS_NOT_IN_JOB, _PROCESS_IN_JOB = 0x123, 0x124
_ACCOUNTING, _BASIC_LIMITS, _PROCESS_IDS, _UI_RESTRICTIONS, _PORT = 1, 2, 3, 4, 7
_ACCOUNTING_AND_IO, _EXTENDED_LIMITS = 8, 9
_BASIC_SIZE, _EXTENDED_SIZE = 64, 144
_FLAGS_OFFSET, _ACTIVE_OFFSET = 16, 40
_ACTIVE_PROCESS, _BREAKAWAY_OK, _SILENT_BREAKAWAY_OK, _KILL_ON_JOB_CLOSE = 0x8, 0x800, 0x1000, 0x2000
_KNOWN_BASIC, _KNOWN_EXTENDED = 0xFF, 0x7FFF


@nt.call()
def NtCreateJobObject(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Make or open a job."""
    return names.make_or_open(thread, handle, access, name, Job, lambda: Job(thread.process.machine, end))


@nt.call()
def NtOpenJobObject(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a job by name."""
    return names.open_named(thread, handle, access, name, Job)


@nt.call()
def NtAssignProcessToJobObject(thread: Thread, handle: Handle, process: Handle) -> int:
    """Put a process into a job, with all that it will start."""
    job = object_of(thread, handle, Job, JobAccess.ASSIGN_PROCESS)
    target = process_of(thread, process, ProcessAccess.SET_QUOTA | ProcessAccess.TERMINATE)
    if target.exit_status is not None:
        raise Failure(Status.PROCESS_IS_TERMINATING)
    if target is target.machine.processes.init:
        raise Failure(Status.ACCESS_DENIED)
    job.assign(target)
    return Status.SUCCESS


@nt.call()
def NtIsProcessInJob(thread: Thread, process: Handle, handle: Handle) -> int:
    """Whether a process is in a job, or in any."""
    target = process_of(thread, process, ProcessAccess.QUERY_LIMITED)
    job = object_of(thread, handle, Job, JobAccess.QUERY) if handle else None
    inside = job.holds(target) if job else target.job is not None
    return _PROCESS_IN_JOB if inside else _PROCESS_NOT_IN_JOB


@nt.call()
def NtTerminateJobObject(thread: Thread, handle: Handle, code: u32) -> Result:
    """End all processes of a job."""
    object_of(thread, handle, Job, JobAccess.TERMINATE).terminate(code)
    return None if thread.dead else Status.SUCCESS


# ---- what is known of a job


@nt.call(partial="limits without an effect here are forgotten")
def NtQueryInformationJobObject(
    thread: Thread,
    handle: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """What is known of a job; a null handle means the caller's own."""
    job = object_of(thread, handle, Job, JobAccess.QUERY) if handle else thread.process.job
    if job is None:
        raise Failure(Status.ACCESS_DENIED)
    if information_class == _PROCESS_IDS:
        return _process_ids(thread, job, buffer, size, needed)
    data = _describe(job, information_class)
    if size != len(data):
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    thread.memory.write(buffer, data)
    needed.write(len(data))
    return Status.SUCCESS


def _describe(job: Job, information_class: int) -> bytes:
    if information_class in (_ACCOUNTING, _ACCOUNTING_AND_IO):
        used = job.processor_time()
        user, system = int(used.user * UNITS), int(used.system * UNITS)
        active = len(job.members())
        data = struct.pack("<4q4I", user, system, user, system, 0, job.total, active, 0)
        return data if information_class == _ACCOUNTING else data + bytes(48)
    if information_class == _BASIC_LIMITS:
        return _basic_limits(job.limits)
    if information_class == _EXTENDED_LIMITS:
        return _basic_limits(job.limits).ljust(_EXTENDED_SIZE, b"\0")
    if information_class == _UI_RESTRICTIONS:
        return bytes(4)
    raise Failure(Status.INVALID_INFO_CLASS)


def _basic_limits(limits: Limits) -> bytes:
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""
    flags = 0 if limits.most_active is None else _ACTIVE_PROCESS
    flags |= _BREAKAWAY_OK if limits.breakaway else 0
    flags |= _SILENT_BREAKAWAY_OK if limits.silent_breakaway else 0
    flags |= _KILL_ON_JOB_CLOSE if limits.ends_with_last_handle else 0
    return struct.pack("<2qI4x2QI4xQ2I", 0, 0, flags, 0, 0, limits.most_active or 0, 0, 0, 0)


def _process_ids(thread: Thread, job: Job, buffer: int, size: int, needed: OptionalOut[int]) -> int:
    """JOBOBJECT_BASIC_PROCESS_ID_LIST: as many ids as fit."""
    if size < 16:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    ids = [process.id for process in job.members()]
    listed = ids[: (size - 8) // 8]
    data = struct.pack(f"<2I{len(listed)}Q", len(ids), len(listed), *listed)
    thread.memory.write(buffer, data)
    needed.write(len(data))
    return Status.SUCCESS if len(listed) == len(ids) else Status.BUFFER_OVERFLOW


@nt.call(partial="limits of the number of processes, of breaking away and at the last handle have an effect")
def NtSetInformationJobObject(
    thread: Thread, handle: Handle, information_class: u32, buffer: Address, size: u32
) -> int:
    """Limit a job, or have it tell a completion port what happens in it."""
    job = object_of(thread, handle, Job, JobAccess.SET_ATTRIBUTES)
    expected = {_BASIC_LIMITS: _BASIC_SIZE, _EXTENDED_LIMITS: _EXTENDED_SIZE, _PORT: 16, _UI_RESTRICTIONS: 4}
    if information_class not in expected:
        raise Failure(Status.INVALID_INFO_CLASS)
    if size != expected[information_class]:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    data = thread.memory.read(buffer, size)
    if information_class == _PORT:
        _set_port(thread, job, *struct.unpack("<2Q", data))
    elif information_class != _UI_RESTRICTIONS:
        known = _KNOWN_BASIC if information_class == _BASIC_LIMITS else _KNOWN_EXTENDED
        job.limits = _limits(data, known)
    return Status.SUCCESS


def _limits(data: bytes, known: int) -> Limits:
    (flags,) = struct.unpack_from("<I", data, _FLAGS_OFFSET)
    (most_active,) = struct.unpack_from("<I", data, _ACTIVE_OFFSET)
    if flags & ~known or (flags & _ACTIVE_PROCESS and not most_active):
        raise Failure(Status.INVALID_PARAMETER)
    return Limits(
        most_active if flags & _ACTIVE_PROCESS else None,
        bool(flags & _KILL_ON_JOB_CLOSE),
        bool(flags & _BREAKAWAY_OK),
        bool(flags & _SILENT_BREAKAWAY_OK),
    )


def _set_port(thread: Thread, job: Job, key: int, port: int) -> None:
    """JOBOBJECT_ASSOCIATE_COMPLETION_PORT: each message is a packet, with the process's id in place of a pointer."""
    if job.tell is not None:
        raise Failure(Status.INVALID_PARAMETER)
    found = object_of(thread, port & 0xFFFFFFFF, CompletionPort, StateAccess.MODIFY_STATE)
    job.tell = lambda message, value: found.post(key, value, Status.SUCCESS, message)
    for process in job.members():
        job.tell(Message.NEW_PROCESS, process.id)
