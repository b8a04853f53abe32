"""stat, status, statm, comm and the other small files of a process or thread.

All of it is told of processes of every subsystem: what only Linux has (signal masks, limits) is shown as absent or as its
default for others. The host is asked at most once for each thread and file.

Source: proc(5); fs/proc/array.c for the order and the form of the fields.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from lichen.executive.address_space import AddressSpace
from lichen.executive.interfaces import PAGE, MemoryUsage, ProcessorTime, Protection, TaskUsage
from lichen.executive.limits import RLIMIT_SIGPENDING, UNLIMITED
from lichen.executive.processes import Thread
from lichen.executive.scheduling import Scheduling
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.procfs.subjects import Task, as_bytes
from lichen.subsystems.linux.signals import SIG_DFL, SIG_IGN, SIGCHLD
from lichen.subsystems.linux.state import as_linux

TICKS: Final = 100
"""Clock ticks in a second (AT_CLKTCK)."""
LONGEST_NAME: Final = 15
_KERNEL_TASK, _RANDOMIZED = 0x200000, 0x400000
"""Bits of field `flags`: PF_KTHREAD, PF_RANDOMIZE."""
_SHOWN_SIGNALS: Final = 0x7FFFFFFF
_STATES: Final = {
    "R": "R (running)",
    "S": "S (sleeping)",
    "D": "D (disk sleep)",
    "T": "T (stopped)",
    "Z": "Z (zombie)",
}
_LEAST_ADJUSTMENT, _MOST_ADJUSTMENT = -1000, 1000
_LIMITS: Final = (
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
)


def state_letter(task: Task, usage: TaskUsage | None = None) -> str:
    """R, S, D, T or Z; `usage` is the leader's if it is known already."""
    if task.process.is_zombie:
        return "Z"
    leader = task.leader
    if leader is None:
        return "S"
    if task.process.stopped or leader.held_back:
        return "T"
    parking = leader.parking
    if parking is not None and parking.wait is not None:
        # A signal acts on a thread of another world whatever it waits for.
        acted_on = parking.wait.interruptible or as_linux(leader) is None
        return "S" if acted_on else "D"
    return (usage or leader.usage()).state


def is_running(thread: Thread) -> bool:
    """Whether a thread uses a processor or wants to."""
    parked = thread.parking is not None and thread.parking.wait is not None
    return not (parked or thread.held_back) and thread.usage().state == "R"


def ticks(seconds: float) -> int:
    return int(seconds * TICKS)


def _start(task: Task) -> int:
    """When it started, in ticks since boot."""
    return ticks((task.thread or task.process).started)


def _signal_masks(task: Task) -> tuple[int, int, int, int, int]:
    """Pending for the thread, pending for the process, blocked, ignored, caught."""
    state, leader = task.state, task.leader
    if state is None:
        return 0, 0, 0, sum(1 << number - 1 for number in task.process.ignored), 0
    ignored = caught = 0
    for signal, action in state.dispositions.actions.items():
        if action.handler == SIG_IGN:
            ignored |= 1 << signal - 1
        elif action.handler != SIG_DFL:
            caught |= 1 << signal - 1
    own = as_linux(leader) if leader is not None else None
    if own is None:
        return 0, state.pending.mask, 0, ignored, caught
    return own.pending.mask, state.pending.mask, own.mask, ignored, caught


def _flags(task: Task) -> int:
    if not task.process.threads and not task.process.is_zombie:
        return _KERNEL_TASK
    return _RANDOMIZED


def _time(task: Task, usages: Iterable[TaskUsage]) -> ProcessorTime:
    ended = task.process.time_of_ended_threads if task.thread is None else ProcessorTime()
    return sum((usage.time for usage in usages), ended)


def stat(task: Task) -> bytes:
    """One line of 52 fields."""
    process, state = task.process, task.state
    usages = [thread.usage() for thread in task.threads]
    first = usages[0] if usages else TaskUsage()
    time = _time(task, usages)
    children = state.children_time if state is not None else ProcessorTime()
    terminal, scheduling = process.session.terminal, _scheduling(task)
    pending, _, blocked, ignored, caught = _signal_masks(task)
    space = AddressSpace() if process.is_zombie else process.space
    status = process.exit_status
    fields = (
        process.parent.id if process.parent is not None else 0,
        process.group.id,
        process.session.id,
        terminal.device if terminal is not None else 0,
        terminal.foreground if terminal is not None else -1,
        _flags(task),
        sum(usage.minor_faults for usage in usages),
        0,
        sum(usage.major_faults for usage in usages),
        0,
        ticks(time.user),
        ticks(time.system),
        ticks(children.user),
        ticks(children.system),
        _priority(scheduling),
        scheduling.nice,
        len(process.threads) or 1,
        0,
        _start(task),
        space.total(),
        first.resident // PAGE,
        UNLIMITED,
        *(0, 0),  # where the code is
        space.arguments.start,  # the top of the first stack
        *(0, 0),  # where in both it is
        *(mask & _SHOWN_SIGNALS for mask in (pending, blocked, ignored, caught)),
        *(0, 0, 0),
        _end_signal(task),
        first.processor,
        scheduling.priority,
        scheduling.policy,
        *(0, 0, 0, 0, 0),
        space.heap_start,
        space.arguments.start,
        space.arguments.stop,
        space.environment.start,
        space.environment.stop,
        status.byte << 8 | status.signal if status is not None and not status.signal else 0,
    )
    letter = state_letter(task, first)
    line = b"%d (%b) %b " % (task.id, as_bytes(task.name), letter.encode())
    return line + " ".join(map(str, fields)).encode() + b"\n"


def _end_signal(task: Task) -> int:
    """What its end sends to the parent; -1 for a thread."""
    if task.id != task.process.id:
        return -1
    return task.state.exit_signal if task.state is not None else SIGCHLD


def _priority(scheduling: Scheduling) -> int:
    """As the scheduler of Linux counts: what has a reservation is before all that is real-time, and that before the rest."""
    if scheduling.reservation:
        return -101
    return -1 - scheduling.priority if scheduling.real_time else 20 + scheduling.nice


def _scheduling(task: Task) -> Scheduling:
    return task.leader.scheduling if task.leader is not None else task.process.scheduling


# ---- status


def status(task: Task) -> bytes:
    """The same facts and more as lines `Name:<tab>value`."""
    name = as_bytes(task.name).replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    lines = [*_identity(task), *_memory(task), *_signals(task), *_rights(task)]
    return b"Name:\t%b\n" % name + "".join(f"{line}\n" for line in lines).encode()


def _identity(task: Task) -> list[str]:
    process, token = task.process, task.process.files.token
    return [
        f"Umask:\t{process.files.umask:04o}",
        f"State:\t{_STATES[state_letter(task)]}",
        f"Tgid:\t{process.id}",
        "Ngid:\t0",
        f"Pid:\t{task.id}",
        f"PPid:\t{process.parent.id if process.parent is not None else 0}",
        "TracerPid:\t0",
        f"Uid:\t{token.uid}\t{token.euid}\t{token.suid}\t{token.fsuid}",
        f"Gid:\t{token.gid}\t{token.egid}\t{token.sgid}\t{token.fsgid}",
        f"FDSize:\t{0 if process.is_zombie else process.handles.size}",
        f"Groups:\t{' '.join(map(str, token.groups))} ",
        f"NStgid:\t{process.id}",
        f"NSpid:\t{task.id}",
        f"NSpgid:\t{process.group.id}",
        f"NSsid:\t{process.session.id}",
    ]


def _memory(task: Task) -> list[str]:
    leader = task.leader
    if leader is None:
        return []
    usage, space = leader.guest.memory_usage(), task.process.space
    data, stack, program, libraries = _division(space, task.process.image)
    sizes = {
        "VmSize": space.total(),
        "VmLck": space.locked(),
        "VmHWM": max(usage.peak, usage.resident),
        "VmRSS": usage.resident,
        "RssAnon": usage.anonymous,
        "RssFile": usage.file,
        "RssShmem": usage.shared,
        "VmData": data,
        "VmStk": stack,
        "VmExe": program,
        "VmLib": libraries,
        "VmSwap": usage.swapped,
    }
    return [f"{name}:\t{size >> 10:8d} kB" for name, size in sizes.items()]


def _division(space: AddressSpace, image: object) -> tuple[int, int, int, int]:
    """Bytes of data, stack, the program's code, and the code of libraries."""
    data = stack = program = libraries = 0
    for region in space.regions:
        if region.name == "[stack]":
            stack += region.size
        elif region.protection & Protection.EXECUTE and region.file is not None:
            if region.file.location is image:
                program += region.size
            else:
                libraries += region.size
        elif region.protection & Protection.WRITE and not region.shared:
            data += region.size
    return data, stack, program, libraries


def _signals(task: Task) -> list[str]:
    pending, shared, blocked, ignored, caught = _signal_masks(task)
    state = task.state
    queued = state.pending.queued if state is not None else 0
    most = task.process.limits[RLIMIT_SIGPENDING][0]
    return [
        f"Threads:\t{len(task.process.threads) or 1}",
        f"SigQ:\t{queued}/{most}",
        f"SigPnd:\t{pending:016x}",
        f"ShdPnd:\t{shared:016x}",
        f"SigBlk:\t{blocked:016x}",
        f"SigIgn:\t{ignored:016x}",
        f"SigCgt:\t{caught:016x}",
    ]


def _rights(task: Task) -> list[str]:
    token = task.process.files.token
    processors = _scheduling(task).affinity or task.process.machine.system.processors
    return [
        f"CapInh:\t{token.inheritable:016x}",
        f"CapPrm:\t{token.permitted:016x}",
        f"CapEff:\t{token.effective:016x}",
        f"CapBnd:\t{token.bounding:016x}",
        f"CapAmb:\t{token.ambient:016x}",
        f"NoNewPrivs:\t{int(token.no_new_privileges)}",
        "Seccomp:\t0",
        f"Cpus_allowed:\t{sum(1 << number for number in processors):x}",
        f"Cpus_allowed_list:\t{ranges(processors)}",
        "Mems_allowed:\t1",
        "Mems_allowed_list:\t0",
    ]


def ranges(numbers: Iterable[int]) -> str:
    """A set of numbers as Linux lists it: `0-3,6`."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{first}-{last}" if first < last else str(first) for first, last in parts)


# ---- the small ones


def statm(task: Task) -> bytes:
    """Pages: mapped, resident, of these shared; code; 0; data and stack; 0."""
    leader = task.leader
    if leader is None:
        return b"0 0 0 0 0 0 0\n"
    usage, space = leader.guest.memory_usage(), task.process.space
    data, stack, program, _ = _division(space, task.process.image)
    sizes = space.total(), usage.resident, usage.file + usage.shared, program, 0, data + stack, 0
    return " ".join(str(size // PAGE) for size in sizes).encode() + b"\n"


def comm(task: Task) -> bytes:
    return as_bytes(task.name) + b"\n"


def set_comm(task: Task, text: bytes) -> None:
    """Name a thread of one's own process."""
    leader, caller = task.leader, task.machine.caller
    if leader is None or caller.process is not task.process:
        raise Failure(Status.INVALID_PARAMETER)
    leader.name = os.fsdecode(text.partition(b"\0")[0][:LONGEST_NAME])
    if leader is task.process.first_thread:
        task.process.name = leader.name


def limits(task: Task) -> bytes:
    lines = [f"{'Limit':25} {'Soft Limit':20} {'Hard Limit':20} {'Units':10}"]
    for number, (name, unit) in enumerate(_LIMITS):
        soft, hard = (
            "unlimited" if value == UNLIMITED else str(value) for value in task.process.limits[number]
        )
        lines.append(f"{name:25} {soft:20} {hard:20} " + (f"{unit:10}" if unit else ""))
    return "".join(f"{line}\n" for line in lines).encode()


def oom_score(task: Task) -> bytes:
    """How much the machine would gain by its end, in thousandths of the memory, moved by what it was adjusted by."""
    leader = task.leader
    usage = leader.guest.memory_usage() if leader is not None else MemoryUsage()
    share = (
        (usage.anonymous + usage.shared + usage.swapped)
        * 1000
        // task.process.machine.system.memory()["MemTotal"]
    )
    adjustment = task.state.oom_score_adjustment if task.state is not None else 0
    return b"%d\n" % max(0, (1000 + share + adjustment) * 2 // 3)


def oom_adjustment(task: Task) -> bytes:
    return b"%d\n" % (task.state.oom_score_adjustment if task.state is not None else 0)


def set_oom_adjustment(task: Task, text: bytes) -> None:
    """Only administrators may make a process less likely to be chosen than it is."""
    try:
        wanted = int(text.strip(b" \t\n\0"))
    except ValueError:
        raise Failure(Status.INVALID_PARAMETER) from None
    state = task.state
    if state is None or not _LEAST_ADJUSTMENT <= wanted <= _MOST_ADJUSTMENT:
        raise Failure(Status.INVALID_PARAMETER)
    resources = task.machine.caller.process.files.token.has(Capability.SYS_RESOURCE)
    if wanted < state.oom_score_adjustment and not resources:
        raise Failure(Status.ACCESS_DENIED)
    state.oom_score_adjustment = wanted


def children(task: Task) -> bytes:
    """The ids of the children; they are the process's, so a process's first thread has them all."""
    if task.id != task.process.id:
        return b""
    return b"".join(b"%d " % id for id in sorted(task.process.children))


def personality(task: Task) -> bytes:
    """The execution domain, as personality(2) gives it."""
    own = as_linux(task.leader) if task.leader is not None else None
    return b"%08x\n" % (own.domain if own is not None else 0)


def timer_slack(task: Task) -> bytes:
    """By how many nanoseconds the timers of the process may be late; another's is for CAP_SYS_NICE alone."""
    return b"%d\n" % _slack_of(task).timer_slack


def set_timer_slack(task: Task, text: bytes) -> None:
    """Change it; 0 is what a process begins with."""
    wanted = text.strip(b" \t\n\0")
    if not wanted.isdigit():
        raise Failure(Status.INVALID_PARAMETER)
    scheduling = _slack_of(task)
    scheduling.timer_slack = int(wanted) or scheduling.usual_timer_slack


def _slack_of(task: Task) -> Scheduling:
    caller = task.machine.caller.process
    if caller is not task.process and not caller.files.token.has(Capability.SYS_NICE):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    return _scheduling(task)
