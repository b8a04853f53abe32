"""Priorities of NT as nice values, which are what a machine has: 8, the middle, is 0, and each step up is 4 less.

A process has a class, and with it the base priority of its threads; each thread may be some steps above or below that. What
Linux programs set is a nice value, which a class is nearest to; it stays what it is until a class is set.

Source: "Scheduling Priorities" (Windows documentation); PROCESS_PRIORITY_CLASS (winternl.h, phnt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive import scheduling
from lichen.executive.scheduling import LEAST_NICE, MOST_NICE
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.state import as_nt, as_nt_process, nt_of, nt_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

IDLE, NORMAL, HIGH, REAL_TIME, BELOW_NORMAL, ABOVE_NORMAL = 1, 2, 3, 4, 5, 6
_BASES: Final = {IDLE: 4, BELOW_NORMAL: 6, NORMAL: 8, ABOVE_NORMAL: 10, HIGH: 13, REAL_TIME: 24}
_MIDDLE, _STEP = 8, 4
_FIRST: Final = ((12, IDLE), (4, BELOW_NORMAL), (-3, NORMAL), (-13, ABOVE_NORMAL))
"""The least nice value of each class, of those that are not the last."""


def class_of_nice(nice: int) -> int:
    """The class that is nearest to a nice value."""
    return next((number for least, number in _FIRST if nice >= least), HIGH)


def nice_of(base: int) -> int:
    """The nice value of a base priority."""
    return max(LEAST_NICE, min((_MIDDLE - base) * _STEP, MOST_NICE))


def class_of(process: Process) -> int:
    """The class of a process of either world."""
    state = as_nt_process(process)
    if state is not None:
        return state.priority_class
    return class_of_nice(scheduling.of_process(process).nice)


def base_of(process: Process) -> int:
    """The base priority of a process."""
    return _BASES[class_of(process)]


def set_class(process: Process, number: int, may_raise: bool) -> None:
    """Give a process a class; INVALID_PARAMETER for none that there is.

    ACCESS_DENIED to raise a Linux process without the privilege: among Windows programs nobody needs one.
    """
    if number not in _BASES:
        raise Failure(Status.INVALID_PARAMETER)
    nice, state = nice_of(_BASES[number]), as_nt_process(process)
    if state is not None:
        state.priority_class = number
        set_nice(process, nice)
        return
    if not may_raise and any(nice < thread.scheduling.nice for thread in process.threads.values()):
        raise Failure(Status.ACCESS_DENIED)
    for thread in process.threads.values():
        process.subsystem.set_nice(thread, nice)


def begin(thread: Thread) -> None:
    """A process begins with the nice value that its first thread has already."""
    state, nice = nt_of_process(thread.process), thread.scheduling.nice
    state.nice, state.priority_class = nice, class_of_nice(nice)


def of_child(process: Process, foreign: bool) -> int:
    """The nice value that a child begins with: of Windows programs those who are raised have ordinary children."""
    state = nt_of_process(process)
    return state.nice if foreign else max(0, state.nice)


def set_nice(process: Process, nice: int) -> None:
    """Give all threads of an NT process another nice value to start from."""
    nt_of_process(process).nice = nice
    for thread in process.threads.values():
        apply(thread)


def set_step(thread: Thread, above: int) -> None:
    """Have a thread so many steps above its process."""
    nt_of(thread).priority = above
    apply(thread)


def apply(thread: Thread) -> None:
    """Have the host run a thread as its process and its own priority say."""
    state, process = as_nt(thread), nt_of_process(thread.process)
    above = state.priority if state is not None else 0
    nice = max(LEAST_NICE, min(process.nice - above * _STEP, MOST_NICE))
    if nice != thread.scheduling.nice:
        scheduling.set_nice(thread, nice)
