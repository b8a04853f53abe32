"""What a process may use, and the watch over its processor time (POSIX: resource limits).

A process has them whatever its subsystem is: a limit that was set is kept by exec and by children of either world. Where a
limit takes effect is the business of whoever gives out what it limits. Names and numbers are those of Linux.

Source: getrlimit(2).
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final
from weakref import proxy

if TYPE_CHECKING:
    from lichen.executive.processes import Process
    from lichen.executive.scheduler import Timer

UNLIMITED: Final = 0xFFFFFFFFFFFFFFFF

RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_NPROC = 0, 1, 2, 3, 4, 6
RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE = 7, 8, 9, 11, 12
RLIMIT_NICE, RLIMIT_RTPRIO = 13, 14

_SHORTEST_LOOK, _LONGEST_LOOK = 0.01, 0.1

Limits = dict[int, tuple[int, int]]
"""Number -> (soft, hard)."""


def default_limits() -> Limits:
    """The limits of a first process."""
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


class ProcessorLimit:
    """Lets RLIMIT_CPU take effect: SIGXCPU at the soft limit and each second from there, SIGKILL at the hard one."""

    def __init__(self, process: Process) -> None:
        self._process = proxy(process)  # a limit that held its process would be a circle
        self._told = 0.0
        """The processor time at which the process was told last."""
        self._seen, self._pause = -1.0, _SHORTEST_LOOK
        self._timer: Timer | None = None

    def changed(self) -> None:
        """The limit is another one now."""
        self.close()
        if self._process.limits[RLIMIT_CPU][0] != UNLIMITED and self._process.exit_status is None:
            self._told = 0.0
            self._look()

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        process = self._process
        soft, hard = process.limits[RLIMIT_CPU]
        used, wanted = process.processor_time().total, max(1.0, float(soft), self._told + 1)
        if used >= wanted:
            self._told = used
            process.signal(signal.SIGKILL if used >= hard else signal.SIGXCPU)
            if process.exit_status is not None:
                return
            wanted = used + 1
        self._pause = min(2 * self._pause, _LONGEST_LOOK) if used == self._seen else _SHORTEST_LOOK
        self._seen = used
        pause = max((wanted - used) / max(1, len(process.threads)), self._pause)
        scheduler = process.machine.scheduler
        self._timer = scheduler.at(scheduler.clock() + pause, self._look)
