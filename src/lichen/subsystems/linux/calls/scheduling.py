"""How threads are scheduled, as far as that is a guest's business.

The host runs the threads, all of them as SCHED_OTHER, and the platform chooses their processors. The policy and priority that
a thread asks for are kept and shown, and go on to its children and programs: who may have them is decided as on Linux, but
nothing that a guest does lets it keep a processor of the host from others. Binding a thread to processors is real.

Source: sched(7), sched_setscheduler(2), sched_setattr(2), sched_setaffinity(2), sched_rr_get_interval(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.argument import OptionalIn, OptionalOut, Out
from lichen.abi.layout import LP64, layout
from lichen.executive.limits import RLIMIT_NICE, RLIMIT_RTPRIO
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.calls.limits import check_priority, set_nice
from lichen.subsystems.linux.processes import require, token_of
from lichen.subsystems.linux.records import SchedAttr, SchedParam, Timespec
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Address, Flags, Int, Pid, Uint

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread
    from lichen.executive.scheduling import Scheduling

SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE = 0, 1, 2, 3, 5, 6
_REAL_TIME: Final = (SCHED_FIFO, SCHED_RR)
_ORDINARY: Final = (SCHED_OTHER, SCHED_BATCH, SCHED_IDLE)
_RESET_ON_FORK: Final = 0x40000000
_FLAG_RESET_ON_FORK, _FLAG_KEEP_POLICY, _FLAG_KEEP_PARAMETERS = 0x1, 0x8, 0x10
_FLAGS: Final = _FLAG_RESET_ON_FORK | _FLAG_KEEP_POLICY | _FLAG_KEEP_PARAMETERS
_MOST_REAL_TIME: Final = 99
_WORD: Final = 8
_LEAST_RUNTIME, _LEAST_PERIOD, _LONGEST_PERIOD = 1 << 10, 100_000, (1 << 22) * 1000
_SLICES: Final = {
    SCHED_FIFO: Timespec(0, 0),
    SCHED_DEADLINE: Timespec(0, 0),
    SCHED_RR: Timespec(0, 100_000_000),
}
_SLICE: Final = Timespec(0, 4_000_000)
_ATTRIBUTES: Final = layout(SchedAttr, LP64)
_FIRST_SIZE: Final = 48
_PAGE: Final = 4096
_PARTIAL: Final = "kept and shown; the host runs all threads alike"


class _Target(NamedTuple):
    """Who is meant. A process whose first thread has ended (or that never had one, like init) has what it had last."""

    process: Process
    thread: Thread | None
    scheduling: Scheduling


def _target_of(thread: Thread, id: int) -> _Target:
    """Whom an id names, where 0 is the caller; INVALID_CID when there is nobody."""
    found = thread if id == 0 else thread.process.machine.processes.threads.get(id)
    if found is not None:
        return _Target(found.process, found, found.scheduling)
    process = thread.process.machine.processes.find(id)
    return _Target(process, None, process.scheduling)


def _scheduled(thread: Thread, id: int) -> _Target:
    """The same for the calls to which a negative id is INVALID_PARAMETER."""
    if id < 0:
        raise Failure(Status.INVALID_PARAMETER)
    return _target_of(thread, id)


def _set_policy(thread: Thread, target: _Target, policy: int, priority: int) -> None:
    """Change a thread's policy and priority; the policy may say that children do not get it."""
    reset, policy = bool(policy & _RESET_ON_FORK), policy & ~_RESET_ON_FORK
    lowest, highest = (1, _MOST_REAL_TIME) if policy in _REAL_TIME else (0, 0)
    if policy not in (*_REAL_TIME, *_ORDINARY) or not lowest <= priority <= highest:
        raise Failure(Status.INVALID_PARAMETER)
    if not token_of(thread).has(Capability.SYS_NICE):
        _check_ordinary(thread, target, policy, priority, reset)
    now = target.scheduling
    now.policy, now.priority, now.reset_on_fork, now.reservation = policy, priority, reset, None


def _check_ordinary(thread: Thread, target: _Target, policy: int, priority: int, reset: bool) -> None:
    """What may be changed without CAP_SYS_NICE: one's own, and upwards only as far as the limits let it."""
    check_priority(thread, target.process)
    now, limits = target.scheduling, target.process.limits
    most, least_nice = limits[RLIMIT_RTPRIO][0], 20 - limits[RLIMIT_NICE][0]
    raised = policy in _REAL_TIME and (
        (policy != now.policy and not most) or (priority > now.priority and priority > most)
    )
    woken = now.policy == SCHED_IDLE != policy and now.nice < least_nice
    if raised or woken or (now.reset_on_fork and not reset):
        raise Failure(Status.PRIVILEGE_NOT_HELD)


@linux.call(amd64=144, partial=_PARTIAL)
def sched_setscheduler(thread: Thread, id: Pid, policy: Int, parameter: OptionalIn[SchedParam]) -> int:
    """Change the scheduling policy and priority of a thread."""
    if policy < 0 or parameter is None:
        raise Failure(Status.INVALID_PARAMETER)
    _set_policy(thread, _scheduled(thread, id), policy, parameter.priority)
    return 0


@linux.call(amd64=145)
def sched_getscheduler(thread: Thread, id: Pid) -> int:
    """The scheduling policy of a thread."""
    return _shown(_scheduled(thread, id).scheduling)


def _shown(scheduling: Scheduling) -> int:
    """A policy with the bit that says that children do not get it."""
    return scheduling.policy | (_RESET_ON_FORK if scheduling.reset_on_fork else 0)


@linux.call(amd64=142, partial=_PARTIAL)
def sched_setparam(thread: Thread, id: Pid, parameter: OptionalIn[SchedParam]) -> int:
    """Change the priority of a thread within its policy."""
    if parameter is None:
        raise Failure(Status.INVALID_PARAMETER)
    target = _scheduled(thread, id)
    _set_policy(thread, target, _shown(target.scheduling), parameter.priority)
    return 0


@linux.call(amd64=143)
def sched_getparam(thread: Thread, id: Pid, parameter: OptionalOut[SchedParam]) -> int:
    """The priority of a thread within its policy."""
    if not parameter:
        raise Failure(Status.INVALID_PARAMETER)
    parameter.write(SchedParam(_scheduled(thread, id).scheduling.priority))
    return 0


@linux.call(amd64=146)
def sched_get_priority_max(thread: Thread, policy: Int) -> int:
    """The highest priority of a policy."""
    return _MOST_REAL_TIME if _known(policy) in _REAL_TIME else 0


@linux.call(amd64=147)
def sched_get_priority_min(thread: Thread, policy: Int) -> int:
    """The lowest priority of a policy."""
    return 1 if _known(policy) in _REAL_TIME else 0


def _known(policy: int) -> int:
    if policy not in (*_REAL_TIME, *_ORDINARY, SCHED_DEADLINE):
        raise Failure(Status.INVALID_PARAMETER)
    return policy


@linux.call(amd64=148)
def sched_rr_get_interval(thread: Thread, id: Pid, interval: Out[Timespec]) -> int:
    """How long a thread runs before others get their turn."""
    interval.write(_SLICES.get(_scheduled(thread, id).scheduling.policy, _SLICE))
    return 0


@linux.call(amd64=315)
def sched_getattr(thread: Thread, id: Pid, address: Address, size: Uint, flags: Flags) -> int:
    """All of how a thread is scheduled."""
    if flags or not address or not _FIRST_SIZE <= size <= _PAGE:
        raise Failure(Status.INVALID_PARAMETER)
    target = _scheduled(thread, id)
    now = target.scheduling
    nice = now.nice if now.policy not in _REAL_TIME else 0
    reset = _FLAG_RESET_ON_FORK if now.reset_on_fork else 0
    used = min(size, _ATTRIBUTES.size)
    data = _ATTRIBUTES.pack(SchedAttr(used, now.policy, reset, nice, now.priority, *(now.reservation or ())))
    thread.memory.write(address, data[:used])
    return 0


@linux.call(amd64=314, partial=_PARTIAL)
def sched_setattr(thread: Thread, id: Pid, address: Address, flags: Flags) -> int:
    """Change how a thread is scheduled."""
    if flags or not address:
        raise Failure(Status.INVALID_PARAMETER)
    size = int.from_bytes(thread.memory.read(address, 4), "little") or _FIRST_SIZE
    if not _FIRST_SIZE <= size <= _PAGE:
        raise Failure(Status.INVALID_BUFFER_SIZE)
    data = thread.memory.read(address, size)
    if any(data[_ATTRIBUTES.size :]):
        raise Failure(Status.INVALID_BUFFER_SIZE)
    wanted = _ATTRIBUTES.unpack(data[: _ATTRIBUTES.size].ljust(_ATTRIBUTES.size, b"\0"))
    target = _scheduled(thread, id)
    now, policy, priority = target.scheduling, wanted.policy, wanted.priority
    if wanted.flags & ~_FLAGS or policy & _RESET_ON_FORK:
        raise Failure(Status.INVALID_PARAMETER)
    if wanted.flags & _FLAG_KEEP_POLICY:
        policy = now.policy
    if wanted.flags & _FLAG_KEEP_PARAMETERS:
        priority = now.priority
    reset = bool(wanted.flags & _FLAG_RESET_ON_FORK)
    if policy == SCHED_DEADLINE:
        _reserve(thread, target, wanted, reset)
        return 0
    _set_policy(thread, target, policy | (_RESET_ON_FORK if reset else 0), priority)
    ordinary = policy not in _REAL_TIME and not wanted.flags & _FLAG_KEEP_PARAMETERS
    if ordinary and target.thread is not None:
        set_nice(thread, target.thread, wanted.nice)
    return 0


def _reserve(thread: Thread, target: _Target, wanted: SchedAttr, reset: bool) -> None:
    """SCHED_DEADLINE: so much time in each period, before a deadline in it. It is kept and told like all the rest."""
    runtime, deadline, period = wanted.runtime, wanted.deadline, wanted.period or wanted.deadline
    in_order = _LEAST_RUNTIME <= runtime <= deadline <= period
    if not in_order or not _LEAST_PERIOD <= period <= _LONGEST_PERIOD or wanted.priority:
        raise Failure(Status.INVALID_PARAMETER)
    require(thread, Capability.SYS_NICE)
    now = target.scheduling
    now.policy, now.priority, now.reset_on_fork = SCHED_DEADLINE, 0, reset
    now.reservation = runtime, deadline, wanted.period or deadline


# ---- processors


@linux.call(amd64=204)
def sched_getaffinity(thread: Thread, id: Pid, size: Uint, mask: Address) -> int:
    """The processors that a thread may run on, as a bit mask; returns its size."""
    target = _target_of(thread, id)
    processors = target.process.machine.system.processors
    needed = _mask_size(processors)
    if size < needed or size % _WORD:
        raise Failure(Status.INVALID_PARAMETER)
    data = sum(1 << number for number in target.scheduling.affinity or processors).to_bytes(needed, "little")
    thread.memory.write(mask, data)
    return needed


def _mask_size(processors: frozenset[int]) -> int:
    """The bytes of a mask, in whole words."""
    return (max(processors) // 64 + 1) * _WORD


@linux.call(amd64=203)
def sched_setaffinity(thread: Thread, id: Pid, size: Uint, mask: Address) -> int:
    """Say on which processors a thread may run."""
    processors = thread.process.machine.system.processors
    bits = int.from_bytes(thread.memory.read(mask, min(size, _mask_size(processors))), "little")
    target = _target_of(thread, id)
    check_priority(thread, target.process)
    wanted = frozenset(number for number in processors if bits >> number & 1)
    if not wanted:
        raise Failure(Status.INVALID_PARAMETER)
    chosen = None if wanted == processors else wanted
    if target.thread is not None:
        target.process.subsystem.set_processors(target.thread, chosen)
    else:
        target.scheduling.affinity = chosen
    return 0
