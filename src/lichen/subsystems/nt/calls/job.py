"""Job objects.

Source: NtCreateJobObject and its family (phnt); JOBOBJECT_* in winnt.h.
"""

from __future__ import annotations

from typing import Final

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import layout, ptr, u32
from lichen.executive.jobs import Job, Limits, Message
from lichen.executive.objects.completion import CompletionPort
from lichen.executive.objects.rights import JobAccess, ProcessAccess, StateAccess
from lichen.executive.processes import Thread
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import names
from lichen.subsystems.nt.calls.process import end
from lichen.subsystems.nt.information import Information, Settings
from lichen.subsystems.nt.objects import object_of, process_of
from lichen.subsystems.nt.records import MODEL, POINTER, ULONG
from lichen.subsystems.nt.records.jobs import (
    JobAccounting,
    JobAccountingAndIo,
    JobCompletionPort,
    JobExtendedLimits,
    JobLimits,
    JobProcessIdList,
)
from lichen.subsystems.nt.shared_data import UNITS
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Flags, Handle, ObjectName, Result

_PROCESS_IDS: Final = 3
_LIST: Final = layout(JobProcessIdList, MODEL)
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
    return NtStatus.PROCESS_IN_JOB if inside else NtStatus.PROCESS_NOT_IN_JOB


@nt.call()
def NtTerminateJobObject(thread: Thread, handle: Handle, code: u32) -> Result:
    """End all processes of a job."""
    object_of(thread, handle, Job, JobAccess.TERMINATE).terminate(code)
    return None if thread.dead else Status.SUCCESS


# ---- what is known of a job


information: Final = Information[Job](exact=True)


@information(1, JobAccounting)
def _accounting(job: Job) -> JobAccounting:
    used = job.processor_time()
    user, system = int(used.user * UNITS), int(used.system * UNITS)
    return JobAccounting(user, system, user, system, 0, job.total, len(job.members()), 0)


@information(2, JobLimits)
def _basic_limits(job: Job) -> JobLimits:
    limits = job.limits
    flags = 0 if limits.most_active is None else _ACTIVE_PROCESS
    flags |= _BREAKAWAY_OK if limits.breakaway else 0
    flags |= _SILENT_BREAKAWAY_OK if limits.silent_breakaway else 0
    flags |= _KILL_ON_JOB_CLOSE if limits.ends_with_last_handle else 0
    return JobLimits(limit_flags=flags, active_process_limit=limits.most_active or 0)


@information.value(4, u32)
def _restrictions(job: Job) -> int:
    return 0


@information(8, JobAccountingAndIo)
def _accounting_and_io(job: Job) -> JobAccountingAndIo:
    return JobAccountingAndIo(_accounting(job))


@information(9, JobExtendedLimits)
def _extended_limits(job: Job) -> JobExtendedLimits:
    return JobExtendedLimits(_basic_limits(job))


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
    status, length = information.find(information_class).answer(thread.memory, buffer, size, None, job)
    needed.write(length)
    return status


def _process_ids(thread: Thread, job: Job, buffer: int, size: int, needed: OptionalOut[int]) -> int:
    """As many ids as fit, of which there must be room for one."""
    if size < _LIST.size + POINTER.size:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    ids = [process.id for process in job.members()]
    listed = ids[: (size - _LIST.size) // POINTER.size]
    data = _LIST.pack(JobProcessIdList(len(ids), len(listed))) + b"".join(map(POINTER.pack, listed))
    thread.memory.write(buffer, data)
    needed.write(len(data))
    return Status.SUCCESS if len(listed) == len(ids) else Status.BUFFER_OVERFLOW


# ---- limiting a job


settings: Final = Settings[Thread, Job](exact=True)
settings.accept(4, least=ULONG.size)


@settings(2, JobLimits)
def _set_basic(given: JobLimits, thread: Thread, job: Job) -> None:
    job.limits = _limits(given, _KNOWN_BASIC)


@settings(9, JobExtendedLimits)
def _set_extended(given: JobExtendedLimits, thread: Thread, job: Job) -> None:
    job.limits = _limits(given.basic_limit_information, _KNOWN_EXTENDED)


def _limits(given: JobLimits, known: int) -> Limits:
    flags, most_active = given.limit_flags, given.active_process_limit
    if flags & ~known or (flags & _ACTIVE_PROCESS and not most_active):
        raise Failure(Status.INVALID_PARAMETER)
    return Limits(
        most_active if flags & _ACTIVE_PROCESS else None,
        bool(flags & _KILL_ON_JOB_CLOSE),
        bool(flags & _BREAKAWAY_OK),
        bool(flags & _SILENT_BREAKAWAY_OK),
    )


@settings(7, JobCompletionPort)
def _set_port(given: JobCompletionPort, thread: Thread, job: Job) -> None:
    """Each message is a packet, with the process's id in place of a pointer."""
    key, port = given
    if job.tell is not None:
        raise Failure(Status.INVALID_PARAMETER)
    found = object_of(thread, port & 0xFFFFFFFF, CompletionPort, StateAccess.MODIFY_STATE)
    job.tell = lambda message, value: found.post(key, value, Status.SUCCESS, message)
    for process in job.members():
        job.tell(Message.NEW_PROCESS, process.id)


@nt.call(partial="limits of the number of processes, of breaking away and at the last handle have an effect")
def NtSetInformationJobObject(
    thread: Thread, handle: Handle, information_class: u32, buffer: Address, size: u32
) -> int:
    """Limit a job, or have it tell a completion port what happens in it."""
    job = object_of(thread, handle, Job, JobAccess.SET_ATTRIBUTES)
    settings.find(information_class).take(thread.memory, buffer, size, thread, job)
    return Status.SUCCESS
