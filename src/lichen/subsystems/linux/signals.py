"""Linux signals: their numbers, masks, queues and dispositions.

Source: signal(7), sigaction(2), sigqueue(3).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from lichen.executive.wait import Waitable
from lichen.subsystems.linux.records import Sigaction

LAST: Final = 64
FIRST_REAL_TIME: Final = 32
SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL = 1, 2, 3, 4, 5, 6, 7, 8, 9
SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD, SIGCONT, SIGSTOP = (
    10,
    11,
    12,
    13,
    14,
    15,
    17,
    18,
    19,
)
SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH = (
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    27,
    28,
)
SIGIO, SIGPWR, SIGSYS = 29, 30, 31

SI_USER, SI_KERNEL, SI_QUEUE, SI_TIMER, SI_TKILL = 0, 0x80, -1, -2, -6

SIG_DFL, SIG_IGN = 0, 1
SA_NOCLDSTOP, SA_NOCLDWAIT, SA_SIGINFO = 0x1, 0x2, 0x4
SA_RESTORER, SA_ONSTACK, SA_RESTART, SA_NODEFER, SA_RESETHAND = (
    0x04000000,
    0x08000000,
    0x10000000,
    0x40000000,
    0x80000000,
)


def bit(number: int) -> int:
    """The bit of a signal in a mask."""
    return 1 << (number - 1)


def mask_of(*numbers: int) -> int:
    """The mask of several signals."""
    return sum(bit(number) for number in numbers)


NEVER_BLOCKED: Final = mask_of(SIGKILL, SIGSTOP)
STOPPING: Final = mask_of(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU)
IGNORED_BY_DEFAULT: Final = mask_of(SIGCHLD, SIGCONT, SIGURG, SIGWINCH)
SYNCHRONOUS: Final = mask_of(SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS)
ALL: Final = (1 << LAST) - 1
DEFAULT: Final = Sigaction(SIG_DFL, 0, 0, 0)
MAXIMUM_QUEUED: Final = 4096


class Pending(Waitable):
    """Signals that wait for delivery: one of each standard signal, any number of each real-time signal."""

    __slots__ = ("mask", "queued", "queues")

    def __init__(self) -> None:
        super().__init__()
        self.mask = 0
        self.queues: dict[int, deque[bytes]] = {}
        self.queued = 0

    def signalled(self, waiter: object) -> bool:
        """Never by itself: who waits for signals says which (`SignalWait`)."""
        return False

    def add(self, number: int, information: bytes, most: int = MAXIMUM_QUEUED) -> bool:
        """Queue a signal; False when there are `most` real-time signals in the queue."""
        if number < FIRST_REAL_TIME:
            if not self.mask & bit(number):
                self.queues[number] = deque((information,))
        elif self.queued >= min(most, MAXIMUM_QUEUED):
            return False
        else:
            self.queues.setdefault(number, deque()).append(information)
            self.queued += 1
        self.mask |= bit(number)
        self.wake()
        return True

    def take(self, wanted: int) -> tuple[int, bytes] | None:
        """Remove the next signal out of the mask `wanted`: faults first, then the lowest number, oldest first."""
        found = self.mask & wanted
        if not found:
            return None
        urgent = found & SYNCHRONOUS or found
        number = (urgent & -urgent).bit_length()
        queue = self.queues[number]
        information = queue.popleft()
        if number >= FIRST_REAL_TIME:
            self.queued -= 1
        if not queue:
            del self.queues[number]
            self.mask &= ~bit(number)
        return number, information

    def holds(self, number: int, information: bytes) -> bool:
        """Whether this very siginfo_t still waits."""
        return any(entry is information for entry in self.queues.get(number, ()))

    def replace(self, number: int, information: bytes, new: bytes) -> None:
        """Put another siginfo_t in the place of one that waits."""
        queue = self.queues[number]
        for index, entry in enumerate(queue):
            if entry is information:
                queue[index] = new

    def discard(self, mask: int) -> None:
        """Drop all pending signals of a mask."""
        while self.take(mask):
            continue


@dataclass(eq=False)
class Dispositions:
    """What each signal does; shared by CLONE_SIGHAND."""

    actions: dict[int, Sigaction] = field(default_factory=dict)

    def get(self, number: int) -> Sigaction:
        return self.actions.get(number, DEFAULT)

    def reset(self, number: int) -> None:
        """Go back to the default, but for the flags and the mask, which sigaction goes on to show."""
        self.actions[number] = self.get(number)._replace(handler=SIG_DFL)

    def is_ignored(self, number: int) -> bool:
        """Whether delivery would do nothing."""
        handler = self.get(number).handler
        return handler == SIG_IGN or (handler == SIG_DFL and bool(bit(number) & IGNORED_BY_DEFAULT))

    @classmethod
    def ignoring(cls, numbers: frozenset[int]) -> Dispositions:
        """Those of a program that begins with some signals ignored."""
        return cls({number: Sigaction(SIG_IGN, 0, 0, 0) for number in numbers})

    def ignored(self) -> frozenset[int]:
        """The signals that are ignored on purpose."""
        return frozenset(number for number, action in self.actions.items() if action.handler == SIG_IGN)

    def copy(self) -> Dispositions:
        return Dispositions(dict(self.actions))

    def after_exec(self) -> Dispositions:
        """Handlers go back to the default; what was ignored stays ignored."""
        return Dispositions.ignoring(self.ignored())
