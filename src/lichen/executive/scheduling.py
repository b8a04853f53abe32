"""How a thread asks to be run: its nice value, its processors, its policy (NT: priorities and affinities of Ke).

Both worlds mean the same by it, so that it is the executive's: exec, fork and children of either subsystem keep it. The
host is told of the nice value and of the processors; what else there is, is kept and shown.
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
    """What a thread asked for, or had from its creator."""

    nice: int = 0
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


def of_process(process: Process) -> Scheduling:
    """How a process is run: as its first thread is; one that has no threads is run as anybody."""
    return process.first_thread.scheduling if process.threads else Scheduling()


def set_nice(thread: Thread, nice: int) -> None:
    """Change a thread's nice value, within what there is."""
    thread.scheduling.nice = max(LEAST_NICE, min(nice, MOST_NICE))
    thread.guest.run_at(thread.scheduling.nice)


def set_processors(thread: Thread, processors: frozenset[int] | None) -> None:
    """Bind a thread to processors; None: it may run on all that there are."""
    thread.scheduling.affinity = processors
    thread.guest.run_on(processors)


def apply(thread: Thread) -> None:
    """Tell the host of a thread that goes on in a blank process."""
    scheduling = thread.scheduling
    if scheduling.nice:
        thread.guest.run_at(scheduling.nice)
    if scheduling.affinity is not None:
        thread.guest.run_on(scheduling.affinity)
