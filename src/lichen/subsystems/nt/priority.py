"""Priorities of NT as nice values, which are what a machine has: 8, the middle, is 0, and each step up is 4 less.

A process has a class, and with it the base priority of its threads; each thread may be some steps above or below that. What
Linux programs set is a nice value, which a class is nearest to; it stays what it is until a class is set. Only that a process
is of the highest class must be remembered besides: its base, 24, is far beyond the last nice value, which is HIGH's already.

Source: "Scheduling Priorities" (Windows documentation); PROCESS_PRIORITY_CLASS (winternl.h, phnt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive import scheduling
from lichen.executive.scheduling import LEAST_NICE, MOST_NICE
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.state import as_nt_process, nt_of_process

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
    """The class of a process of either world: what its nice value says, as far as that tells classes apart."""
    nice, state = process.scheduling.nice, as_nt_process(process)
    return REAL_TIME if state is not None and state.is_real_time else class_of_nice(nice)


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
        state.is_real_time = number == REAL_TIME
    elif not may_raise and any(nice < thread.scheduling.nice for thread in process.threads.values()):
        raise Failure(Status.ACCESS_DENIED)
    scheduling.set_nice_of_process(process, nice)


def set_nice(process: Process, nice: int) -> None:
    """Somebody who knows no classes gives an NT process a nice value."""
    nt_of_process(process).is_real_time = False
    scheduling.set_nice_of_process(process, nice)


def of_child(process: Process, foreign: bool) -> int:
    """The nice value that a child begins with: of Windows programs those who are raised have ordinary children."""
    return process.scheduling.nice if foreign else max(0, process.scheduling.nice)


def set_step(thread: Thread, above: int) -> None:
    """Have a thread so many steps above its process."""
    scheduling.set_offset(thread, -above * _STEP)


def step_of(thread: Thread) -> int:
    """How many steps a thread is to be above its process."""
    return -thread.scheduling.offset // _STEP
