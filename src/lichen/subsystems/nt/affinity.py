"""On which processors threads may run: masks of NT, which counts from 0, and the numbers that the host has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.state import NtProcess, NtThread

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread


def of_system(process: Process) -> int:
    """The mask of all processors."""
    return (1 << len(process.machine.system.processors)) - 1


def of_process(process: Process) -> int:
    """The mask of those that a process may run on."""
    state = process.personality
    return (state.affinity if isinstance(state, NtProcess) else 0) or of_system(process)


def of_thread(thread: Thread) -> int:
    """The mask of those that a thread may run on."""
    state = thread.personality
    return (state.affinity if isinstance(state, NtThread) else 0) or of_process(thread.process)


def set_thread(thread: Thread, mask: int) -> None:
    """Bind a thread; INVALID_PARAMETER for processors that are not its process's."""
    if not mask or mask & ~of_process(thread.process):
        raise Failure(Status.INVALID_PARAMETER)
    thread.personality.affinity = mask
    apply(thread)


def set_process(process: Process, mask: int) -> None:
    """Bind all threads of a process, those to come included; INVALID_PARAMETER for processors that are not there."""
    if not mask or mask & ~of_system(process):
        raise Failure(Status.INVALID_PARAMETER)
    process.personality.affinity = mask
    for thread in process.threads.values():
        thread.personality.affinity = 0
        apply(thread)


def apply(thread: Thread) -> None:
    """Have the host run a thread where its mask says; without one, where the platform likes."""
    mask, processors = of_thread(thread), sorted(thread.process.machine.system.processors)
    bound = frozenset(number for index, number in enumerate(processors) if mask >> index & 1)
    thread.guest.run_on(None if mask == of_system(thread.process) else bound)
