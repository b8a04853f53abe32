"""What Linux knows of its processes and threads beyond the executive's part."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from lichen.executive.interfaces import PAGE, ProcessorTime
from lichen.subsystems.linux.clocks import ClockTimer
from lichen.subsystems.linux.signals import ALL, NEVER_BLOCKED, Dispositions, Pending

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

MINIMUM_STACK: Final = 2048
PER_MASK, PER_LINUX32 = 0xFF, 0x8
UNAME26, ADDR_COMPAT_LAYOUT, READ_IMPLIES_EXEC, STICKY_TIMEOUTS = 0x20000, 0x200000, 0x400000, 0x4000000
SS_ONSTACK, SS_DISABLE, SS_AUTODISARM = 1, 2, -1 << 31
UNLIMITED: Final = 0xFFFFFFFFFFFFFFFF

RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_NPROC = 0, 1, 2, 3, 4, 6
RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE = 7, 8, 9, 11, 12
RLIMIT_NICE, RLIMIT_RTPRIO = 13, 14

PROCESSOR_LIMIT: Final = -1
"""Where `LinuxProcess.alarms` has the timer of RLIMIT_CPU."""


@dataclass
class AlternateStack:
    """sigaltstack(2)."""

    address: int = 0
    flags: int = SS_DISABLE
    size: int = 0

    def holds(self, pointer: int) -> bool:
        """Whether a handler runs on it; one that a handler takes out of use (SS_AUTODISARM) never counts as in use."""
        return (
            not self.flags & (SS_DISABLE | SS_AUTODISARM)
            and self.address <= pointer < self.address + self.size
        )

    def top(self, pointer: int) -> int | None:
        """Where a handler's frame begins that is to run here; None to go on on the current stack."""
        if self.flags & SS_DISABLE or self.holds(pointer):
            return None
        return self.address + self.size

    def reported(self, pointer: int) -> tuple[int, int, int]:
        """(address, flags, size) as user space sees them."""
        flags = self.flags | (SS_ONSTACK if self.holds(pointer) else 0)
        return self.address, flags, self.size


def default_limits() -> dict[int, tuple[int, int]]:
    """Resource limits of a first process: number -> (soft, hard)."""
    limits = dict.fromkeys(range(16), (UNLIMITED, UNLIMITED))
    limits[RLIMIT_STACK] = 8 << 20, UNLIMITED
    limits[RLIMIT_CORE] = 0, UNLIMITED
    limits[RLIMIT_NPROC] = 4096, 4096
    limits[RLIMIT_NOFILE] = 1024, 4096
    limits[RLIMIT_MEMLOCK] = 8 << 20, 8 << 20
    limits[RLIMIT_SIGPENDING] = 4096, 4096
    limits[RLIMIT_MSGQUEUE] = 819200, 819200
    limits[RLIMIT_NICE] = limits[RLIMIT_RTPRIO] = 0, 0
    return limits


@dataclass
class Scheduling:
    """How a thread asks to be run; but for `affinity`, the host is not told. Fork and exec keep it."""

    policy: int = 0
    priority: int = 0
    """The static one, of the real-time policies."""
    reset_on_fork: bool = False
    """Whether children and threads begin as anybody does."""
    affinity: frozenset[int] | None = None
    """The processors that it wants to run on; None for all."""
    io_priority: int = 0
    timer_slack: int = 50_000
    """In nanoseconds."""

    @property
    def real_time(self) -> bool:
        """Whether the policy is SCHED_FIFO or SCHED_RR."""
        return self.policy in (1, 2)

    def inherited(self) -> Scheduling:
        """What a child or a new thread gets."""
        if not self.reset_on_fork:
            return replace(self)
        kept = Scheduling() if self.real_time else self
        return replace(self, policy=kept.policy, priority=0, reset_on_fork=False)


@dataclass(eq=False)
class LinuxProcess:
    """`Process.personality` of a Linux process."""

    dispositions: Dispositions = field(default_factory=Dispositions)
    pending: Pending = field(default_factory=Pending)
    limits: dict[int, tuple[int, int]] = field(default_factory=default_limits)
    exit_signal: int = 17
    creator: Thread | None = None
    """The thread of the parent that made it; None when it was somebody else's child before."""
    alarms: dict[int, ClockTimer] = field(default_factory=dict)
    """setitimer: which -> timer; and that of RLIMIT_CPU."""
    timers: dict[int, Any] = field(default_factory=dict)
    """timer_create: id -> timer object."""
    executed: bool = False
    """Whether it has called execve since fork (setpgid asks)."""
    children_time: ProcessorTime = field(default_factory=ProcessorTime)
    """What waited-for children, and theirs, have used."""
    children_peak: int = 0
    """The most bytes that any of them had in memory."""
    nice: int = 0
    dumpable: int = 1
    parent_death_signal: int = 0
    oom_score_adjustment: int = 0
    """Recorded and shown; it is the host that runs out of memory."""

    @property
    def most_pending_signals(self) -> int:
        return self.limits[RLIMIT_SIGPENDING][0]

    def forked(self, share_dispositions: bool) -> LinuxProcess:
        """The state of a child."""
        dispositions = self.dispositions if share_dispositions else self.dispositions.copy()
        return LinuxProcess(
            dispositions,
            limits=dict(self.limits),
            nice=self.nice,
            oom_score_adjustment=self.oom_score_adjustment,
        )


@dataclass(eq=False)
class LinuxThread:
    """`Thread.personality` of a Linux thread."""

    mask: int = 0
    saved_mask: int | None = None
    """The mask to put back when a call that replaced it ends (sigsuspend, ppoll, pselect, epoll_pwait)."""
    unfinished: tuple[object, float] | None = None
    """A wait that was cut short and will begin again: its arguments, and when it was to end."""
    waiting_for: int = 0
    """Signals that sigtimedwait is about to take: they are not ignored meanwhile."""
    pending: Pending = field(default_factory=Pending)
    stack: AlternateStack = field(default_factory=AlternateStack)
    restart: str = ""
    """The restart class of the call that a signal has just interrupted."""
    trap: tuple[int, int, int] = (0, 0, 0)
    clear_tid: int = 0
    clear_tid_native: bool = False
    robust_list: int = 0
    scheduling: Scheduling = field(default_factory=Scheduling)
    domain: int = 0
    """The execution domain (personality(2)) that the thread asked for; its children and programs have the same."""

    def has_deliverable(self, thread: Thread) -> bool:
        """Whether a pending signal is not blocked."""
        pending = self.pending.mask | thread.process.personality.pending.mask
        return bool(pending & (ALL & ~self.mask | NEVER_BLOCKED))


def first_stack_address(size: int) -> int:
    """Where a stack of `size` bytes starts that ends at the top of the user's addresses."""
    return STACK_TOP - (size + PAGE - 1) // PAGE * PAGE


STACK_TOP: Final = 0x7FFFFFFDF000
"""The end of the first stack: below the vDSO, with a page that stays empty between."""
