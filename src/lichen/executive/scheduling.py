"""How a thread asks to be run: its nice value, its processors, its policy (NT: priorities and affinities of Ke).

Both worlds mean the same by it, so that it is the executive's: exec, fork and children of either subsystem keep it. The
host is told of the nice value and of the processors; what else there is, is kept and shown.

A process has a nice value and processors as a whole, in `Process.scheduling`. To Linux these are its first thread's, and
every other thread has its own: there the first thread's `Scheduling` is the process's, the same object. To NT they are what
all of its threads start from: there each thread is `set_apart`, and may be some way above or below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

LEAST_NICE: Final = -20
MOST_NICE: Final = 19


@dataclass
class Scheduling:
    """What a thread or a process asked for, or had from its creator."""

    nice: int = 0
    offset: int = 0
    """How far from its process's a thread's nice value is to be, wherever that goes."""
    policy: int = 0
    priority: int = 0
    """The static one, of the real-time policies."""
    reservation: tuple[int, int, int] | None = None
    """(runtime, deadline, period) in ns, of the policy that has deadlines."""
    reset_on_fork: bool = False
    """Whether children and threads begin as anybody does."""
    affinity: frozenset[int] | None = None
    """The processors that it wants to run on; None for all."""
    io_priority: int = 0
    timer_slack: int = 50_000
    """In nanoseconds."""
    usual_timer_slack: int = 50_000
    """What it is when nothing else is asked for: what the creator's was."""

    @property
    def real_time(self) -> bool:
        """Whether the policy is SCHED_FIFO or SCHED_RR."""
        return self.policy in (1, 2)

    def inherited(self) -> Scheduling:
        """What a child or a new thread gets."""
        usual = replace(self, usual_timer_slack=self.timer_slack)
        if not self.reset_on_fork:
            return usual
        policy = 0 if self.real_time or self.reservation else self.policy
        nice = max(0, self.nice)
        return replace(usual, nice=nice, policy=policy, priority=0, reset_on_fork=False, reservation=None)


def set_nice(thread: Thread, nice: int) -> None:
    """Change a thread's nice value, within what there is."""
    thread.scheduling.nice = _within(nice)
    thread.guest.run_at(thread.scheduling.nice)


def _within(nice: int) -> int:
    return max(LEAST_NICE, min(nice, MOST_NICE))


def set_processors(thread: Thread, processors: frozenset[int] | None) -> None:
    """Bind a thread to processors; None: it may run on all that there are."""
    thread.scheduling.affinity = processors
    thread.guest.run_on(processors)


def set_nice_of_process(process: Process, nice: int) -> None:
    """Change the nice value of a process and of all its threads, each of which stays as far from it as it is to be."""
    process.scheduling.nice = nice = _within(nice)
    for thread in process.threads.values():
        set_nice(thread, nice + thread.scheduling.offset)


def set_processors_of_process(process: Process, processors: frozenset[int] | None) -> None:
    """Bind a process and all its threads to processors, whatever these had chosen."""
    process.scheduling.affinity = processors
    for thread in process.threads.values():
        set_processors(thread, processors)


def set_apart(thread: Thread) -> None:
    """Have a process keep what its first thread has now, whatever the thread asks for from now on."""
    thread.process.scheduling, thread.scheduling = thread.scheduling, replace(thread.scheduling)


def set_offset(thread: Thread, offset: int) -> None:
    """Have the nice value of a thread that was set apart be so far from its process's."""
    thread.scheduling.offset = offset
    set_nice(thread, thread.process.scheduling.nice + offset)


def follow(thread: Thread) -> None:
    """Have a new thread be run as its process is, and not as its creator, which has made it like itself."""
    own, process = thread.scheduling, thread.process.scheduling
    own.offset = 0
    if own.nice != process.nice:
        set_nice(thread, process.nice)
    if own.affinity is not None or process.affinity is not None:
        set_processors(thread, process.affinity)


def apply(thread: Thread) -> None:
    """Tell the host of a thread that goes on in a blank process."""
    scheduling = thread.scheduling
    if scheduling.nice:
        thread.guest.run_at(scheduling.nice)
    if scheduling.affinity is not None:
        thread.guest.run_on(scheduling.affinity)
