"""On which processors threads may run: masks of NT, which counts from 0, and the numbers that the host has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive import scheduling
from lichen.executive.status import Failure, Status

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
    return _mask(process, process.scheduling.affinity)


def of_thread(thread: Thread) -> int:
    """The mask of those that a thread may run on."""
    return _mask(thread.process, thread.scheduling.affinity)


def set_thread(thread: Thread, mask: int) -> None:
    """Bind a thread; INVALID_PARAMETER for processors that are not its process's."""
    if not mask or mask & ~of_process(thread.process):
        raise Failure(Status.INVALID_PARAMETER)
    scheduling.set_processors(thread, _bound(thread.process, mask))


def set_process(process: Process, mask: int) -> None:
    """Bind all threads of a process, those to come included; INVALID_PARAMETER for processors that are not there."""
    if not mask or mask & ~of_system(process):
        raise Failure(Status.INVALID_PARAMETER)
    scheduling.set_processors_of_process(process, _bound(process, mask))


def set_from_outside(thread: Thread, processors: frozenset[int] | None) -> None:
    """A Linux program binds a thread: the first one means the process, as far as there are processors in common."""
    process = thread.process
    if thread is process.first_thread:
        scheduling.set_processors_of_process(process, processors)
    else:
        common = _mask(process, processors) & of_process(process)
        scheduling.set_processors(thread, _bound(process, common or of_process(process)))
