"""What a process may use and what it has used: resource limits, usage, priorities.

Source: getrlimit(2), getrusage(2), times(2), getpriority(2), ioprio_set(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import In, OptionalIn, OptionalOut, Out
from lichen.executive import scheduling
from lichen.executive.limits import RLIMIT_CPU, RLIMIT_NICE, RLIMIT_NOFILE, RLIMIT_STACK
from lichen.executive.processes import Process
from lichen.executive.security.inspection import is_same_user, may_schedule
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.calls.wait import usage
from lichen.subsystems.linux.processes import (
    process_of,
    require,
    thread_of,
    token_of,
)
from lichen.subsystems.linux.records import Rlimit64, Rusage, Tms
from lichen.subsystems.linux.stacks import limit_stack
from lichen.subsystems.linux.state import linux_of_process
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.times import clock_of
from lichen.subsystems.linux.types import Int, Pid, Uint

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD = 0, -1, 1
PRIO_PROCESS, PRIO_PGRP, PRIO_USER = 0, 1, 2
IOPRIO_WHO_PROCESS, IOPRIO_WHO_PGRP, IOPRIO_WHO_USER = 1, 2, 3
IOPRIO_CLASS_NONE, IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE = 0, 1, 2, 3
_CLASS_SHIFT: Final = 13
_LEVELS: Final = 8
_TICKS: Final = 100
_ENFORCED: Final = "RLIMIT_CORE, LOCKS, MEMLOCK, MSGQUEUE, RSS, RTPRIO and RTTIME are only kept and shown"
_RECORDED: Final = (
    "the host is told of values from 0 on, and takes no nice value back but from a kernel with privilege"
)
_COUNTED: Final = "faults, switches and transfers are not counted"


# ---- limits


@linux.call(amd64=97)
def getrlimit(thread: Thread, resource: Uint, limit: Out[Rlimit64]) -> int:
    """A resource limit of the caller."""
    limits = thread.process.limits
    if resource not in limits:
        raise Failure(Status.INVALID_PARAMETER)
    limit.write(Rlimit64(*limits[resource]))
    return 0


@linux.call(amd64=160, partial=_ENFORCED)
def setrlimit(thread: Thread, resource: Uint, limit: In[Rlimit64]) -> int:
    """Change a resource limit of the caller."""
    _set_limit(thread, thread.process, resource, limit)
    return 0


@linux.call(amd64=302, partial=_ENFORCED)
def prlimit64(
    thread: Thread, pid: Pid, resource: Uint, new: OptionalIn[Rlimit64], old: OptionalOut[Rlimit64]
) -> int:
    """Change and show a resource limit of a process."""
    target = process_of(thread, pid)
    mine = token_of(thread)
    trusted = target is thread.process or mine.has(Capability.SYS_RESOURCE)
    if not trusted and not is_same_user(mine, target.files.token):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    limits = target.limits
    if resource not in limits:
        raise Failure(Status.INVALID_PARAMETER)
    before = limits[resource]
    if new is not None:
        _set_limit(thread, target, resource, new)
    old.write(Rlimit64(*before))
    return 0


def _set_limit(thread: Thread, target: Process, resource: int, limit: Rlimit64) -> None:
    if resource not in target.limits or limit.cur > limit.max:
        raise Failure(Status.INVALID_PARAMETER)
    raises = limit.max > target.limits[resource][1]
    if (raises and not token_of(thread).has(Capability.SYS_RESOURCE)) or (
        resource == RLIMIT_NOFILE and limit.max > thread.process.machine.system.limits.handles
    ):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    target.limits[resource] = limit.cur, limit.max
    if resource == RLIMIT_STACK and target is thread.process:
        limit_stack(thread, limit.cur)
    if resource == RLIMIT_NOFILE:
        target.handles.limit = limit.cur
    elif resource == RLIMIT_CPU:
        target.processor_limit.changed()


# ---- usage


@linux.call(amd64=98, partial=_COUNTED)
def getrusage(thread: Thread, who: Int, record: Out[Rusage]) -> int:
    """What the caller, its children or the calling thread have used."""
    process = thread.process
    if who == RUSAGE_SELF:
        record.write(usage(process.processor_time(), process.peak_memory()))
    elif who == RUSAGE_THREAD:
        record.write(usage(thread.processor_time(), process.peak_memory()))
    elif who == RUSAGE_CHILDREN:
        state = linux_of_process(process)
        record.write(usage(state.children_time, state.children_peak))
    else:
        raise Failure(Status.INVALID_PARAMETER)
    return 0


@linux.call(amd64=100)
def times(thread: Thread, record: OptionalOut[Tms]) -> int:
    """The processor time of the caller and its children; returns a time in ticks."""
    if record:
        own, children = thread.process.processor_time(), linux_of_process(thread.process).children_time
        seconds = own.user, own.system, children.user, children.system
        record.write(Tms(*(int(second * _TICKS) for second in seconds)))
    return int(clock_of(thread) * _TICKS)


# ---- priorities


def _processes(thread: Thread, kind: int, id: int) -> list[Process]:
    """The processes of a group or of a user; INVALID_CID when there are none."""
    machine, caller = thread.process.machine, thread.process
    if kind == PRIO_PGRP:
        group = machine.processes.groups.get(id) if id else caller.group
        found = list(group.members.values()) if group else []
    elif kind == PRIO_USER:
        user = id or token_of(thread).uid
        found = [process for process in machine.processes.values() if process.files.token.uid == user]
    else:
        raise Failure(Status.INVALID_PARAMETER)
    if not found:
        raise Failure(Status.INVALID_CID)
    return found


def _scheduled(thread: Thread, kind: int, id: int) -> list[Thread]:
    """The threads that getpriority's two arguments mean: one, which has its process's id, or all of some processes.

    INVALID_CID when there is nobody; a process that has ended, and init, are there but have no threads.
    """
    if kind != PRIO_PROCESS:
        return [member for process in _processes(thread, kind, id) for member in process.threads.values()]
    found = thread if id == 0 else thread.process.machine.processes.threads.get(id)
    if found is None:
        check_priority(thread, thread.process.machine.processes.find(id))
    return [found] if found is not None else []


def check_priority(thread: Thread, target: Process) -> None:
    """PRIVILEGE_NOT_HELD unless the caller may change how `target` is scheduled."""
    if not may_schedule(token_of(thread), target.files.token):
        raise Failure(Status.PRIVILEGE_NOT_HELD)


@linux.call(amd64=140)
def getpriority(thread: Thread, kind: Int, id: Int) -> int:
    """The best nice value of some threads, as 20 minus that value."""
    return 20 - min((found.scheduling.nice for found in _scheduled(thread, kind, id)), default=0)


@linux.call(amd64=141, partial=_RECORDED)
def setpriority(thread: Thread, kind: Int, id: Int, nice: Int) -> int:
    """Change the nice value of some threads."""
    for target in _scheduled(thread, kind, id):
        set_nice(thread, target, nice)
    return 0


def set_nice(thread: Thread, target: Thread, nice: int) -> None:
    """Change the nice value of a thread, if the caller may."""
    process = target.process
    check_priority(thread, process)
    nice = max(scheduling.LEAST_NICE, min(nice, scheduling.MOST_NICE))
    least = 20 - process.limits[RLIMIT_NICE][0]
    if nice < target.scheduling.nice and nice < least and not token_of(thread).has(Capability.SYS_NICE):
        raise Failure(Status.ACCESS_DENIED)
    process.subsystem.set_nice(target, nice)


def _threads(thread: Thread, kind: int, id: int) -> list[Thread]:
    """The threads that ioprio_get's two arguments mean."""
    if kind == IOPRIO_WHO_PROCESS:
        return [thread_of(thread, id)]
    if kind not in (IOPRIO_WHO_PGRP, IOPRIO_WHO_USER):
        raise Failure(Status.INVALID_PARAMETER)
    found = _processes(thread, PRIO_PGRP if kind == IOPRIO_WHO_PGRP else PRIO_USER, id)
    return [member for process in found for member in process.threads.values()]


@linux.call(amd64=252)
def ioprio_get(thread: Thread, kind: Int, id: Int) -> int:
    """The best I/O priority of some threads."""
    found = [each.scheduling.io_priority for each in _threads(thread, kind, id)]
    return min(filter(None, found), default=0)


@linux.call(amd64=251, partial="kept and shown; the host is not told")
def ioprio_set(thread: Thread, kind: Int, id: Int, priority: Int) -> int:
    """Change the I/O priority of some threads."""
    kind_of_priority, level = divmod(priority, 1 << _CLASS_SHIFT)
    with_level = kind_of_priority in (IOPRIO_CLASS_RT, IOPRIO_CLASS_BE) and level < _LEVELS
    if not with_level and kind_of_priority != IOPRIO_CLASS_IDLE and priority != IOPRIO_CLASS_NONE:
        raise Failure(Status.INVALID_PARAMETER)
    if kind_of_priority == IOPRIO_CLASS_RT:
        require(thread, Capability.SYS_NICE)
    for target in _threads(thread, kind, id):
        check_priority(thread, target.process)
        target.scheduling.io_priority = priority
    return 0
