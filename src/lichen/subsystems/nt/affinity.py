"""On which processors threads may run: masks of NT, which counts from 0, and the numbers that the host has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive import scheduling
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.state import as_nt, as_nt_process, nt_of, nt_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread


def _mask(process: Process, processors: frozenset[int] | None) -> int:
    """Processors of the machine as a mask."""
    numbers = sorted(process.machine.system.processors)
    return sum(
        1 << index for index, number in enumerate(numbers) if processors is None or number in processors
    )


def _bound(process: Process, mask: int) -> frozenset[int] | None:
    """The processors of a mask; None for all."""
    numbers = sorted(process.machine.system.processors)
    bound = frozenset(number for index, number in enumerate(numbers) if mask >> index & 1)
    return None if len(bound) == len(numbers) else bound


def of_system(process: Process) -> int:
    """The mask of all processors."""
    return _mask(process, None)


def of_process(process: Process) -> int:
    """The mask of those that a process may run on; a Linux process's is its first thread's."""
    state = as_nt_process(process)
    if state is not None:
        return state.affinity or of_system(process)
    return _mask(process, scheduling.of_process(process).affinity)


def of_thread(thread: Thread) -> int:
    """The mask of those that a thread may run on."""
    state = as_nt(thread)
    if state is not None:
        return state.affinity or of_process(thread.process)
    return _mask(thread.process, thread.scheduling.affinity)


def set_thread(thread: Thread, mask: int) -> None:
    """Bind a thread; INVALID_PARAMETER for processors that are not its process's."""
    if not mask or mask & ~of_process(thread.process):
        raise Failure(Status.INVALID_PARAMETER)
    nt_of(thread).affinity = mask
    apply(thread)


def set_process(process: Process, mask: int) -> None:
    """Bind all threads of a process, those to come included; INVALID_PARAMETER for processors that are not there."""
    if not mask or mask & ~of_system(process):
        raise Failure(Status.INVALID_PARAMETER)
    if as_nt_process(process) is None:
        for thread in process.threads.values():
            process.subsystem.set_processors(thread, _bound(process, mask))
        return
    nt_of_process(process).affinity = mask
    for thread in process.threads.values():
        nt_of(thread).affinity = 0
        apply(thread)


def set_from_outside(thread: Thread, processors: frozenset[int] | None) -> None:
    """A Linux program binds a thread: the first one means the process, as far as there are processors in common."""
    process, mask = thread.process, _mask(thread.process, processors)
    if thread is process.first_thread:
        set_process(process, mask)
    else:
        nt_of(thread).affinity = mask & of_process(process) or of_process(process)
        apply(thread)


def begin(thread: Thread) -> None:
    """A process begins with the processors that its first thread has already."""
    nt_of_process(thread.process).affinity = _mask(thread.process, thread.scheduling.affinity)


def of_child(process: Process) -> frozenset[int] | None:
    """The processors that a child begins with."""
    return _bound(process, of_process(process))


def apply(thread: Thread) -> None:
    """Have the host run a thread where its mask says; without one, where the platform likes."""
    scheduling.set_processors(thread, _bound(thread.process, of_thread(thread)))
