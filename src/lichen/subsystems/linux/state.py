"""What Linux knows of its processes and threads beyond the executive's part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from lichen.executive.interfaces import PAGE, ProcessorTime
from lichen.subsystems.linux.signals import ALL, NEVER_BLOCKED, Dispositions, Pending

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread
    from lichen.subsystems.linux.clocks import Clock, ClockTimer

MINIMUM_STACK: Final = 2048
PER_MASK, PER_LINUX32 = 0xFF, 0x8
UNAME26, ADDR_COMPAT_LAYOUT, READ_IMPLIES_EXEC, STICKY_TIMEOUTS = 0x20000, 0x200000, 0x400000, 0x4000000
SS_ONSTACK, SS_DISABLE, SS_AUTODISARM = 1, 2, -1 << 31


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


class SignalTimer(Protocol):
    """A timer that tells of its ends by a signal (timer_create)."""

    clock: Clock
    countdown: ClockTimer

    def cancel(self) -> None: ...
    def close(self) -> None: ...
    def overruns(self) -> int: ...


@dataclass(eq=False)
class LinuxProcess:
    """`Process.state` of a Linux process."""

    dispositions: Dispositions = field(default_factory=Dispositions)
    pending: Pending = field(default_factory=Pending)
    exit_signal: int = 17
    creator: Thread | None = None
    """The thread of the parent that made it; None when it was somebody else's child before."""
    alarms: dict[int, ClockTimer] = field(default_factory=dict)
    """setitimer: which -> timer."""
    timers: dict[int, SignalTimer] = field(default_factory=dict)
    """timer_create: id -> timer object."""
    executed: bool = False
    """Whether it has called execve since fork (setpgid asks)."""
    children_time: ProcessorTime = field(default_factory=ProcessorTime)
    """What waited-for children, and theirs, have used."""
    children_peak: int = 0
    """The most bytes that any of them had in memory."""
    parent_death_signal: int = 0
    oom_score_adjustment: int = 0
    """Recorded and shown; it is the host that runs out of memory."""

    def forked(self, share_dispositions: bool) -> LinuxProcess:
        """The state of a child."""
        dispositions = self.dispositions if share_dispositions else self.dispositions.copy()
        return LinuxProcess(dispositions, oom_score_adjustment=self.oom_score_adjustment)


@dataclass(eq=False)
class LinuxThread:
    """`Thread.state` of a Linux thread."""

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
    domain: int = 0
    """The execution domain (personality(2)) that the thread asked for; its children and programs have the same."""

    def has_deliverable(self, thread: Thread) -> bool:
        """Whether a pending signal is not blocked."""
        pending = self.pending.mask | linux_of_process(thread.process).pending.mask
        return bool(pending & (ALL & ~self.mask | NEVER_BLOCKED))


def linux_of(thread: Thread) -> LinuxThread:
    """What Linux knows of a thread of its own."""
    state = thread.state
    assert isinstance(state, LinuxThread)
    return state


def linux_of_process(process: Process) -> LinuxProcess:
    """What Linux knows of a process of its own."""
    state = process.state
    assert isinstance(state, LinuxProcess)
    return state


def as_linux(thread: Thread) -> LinuxThread | None:
    """What Linux knows of a thread; None of one that is not its own."""
    state = thread.state
    return state if isinstance(state, LinuxThread) else None


def as_linux_process(process: Process) -> LinuxProcess | None:
    """What Linux knows of a process; None of one that is not its own."""
    state = process.state
    return state if isinstance(state, LinuxProcess) else None


def first_stack_address(size: int) -> int:
    """Where a stack of `size` bytes starts that ends at the top of the user's addresses."""
    return STACK_TOP - (size + PAGE - 1) // PAGE * PAGE


STACK_TOP: Final = 0x7FFFFFFDF000
"""The end of the first stack: below the vDSO, with a page that stays empty between."""
