"""A guest thread as a task of the host: what it has used, which processors it may run on, its extended registers.

Nothing here depends on what the thread is doing, or on how the kernel holds it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Set
from typing import Final

from lichen.executive.interfaces import MappingUsage, MemoryUsage, ProcessorTime
from lichen.platforms.native import host
from lichen.platforms.native.accounting import Account

BELOW_THE_KERNEL: Final = 1
"""How much nicer guests are: whom the kernel wakes does not take the core from it at once. More would have guests lose to
whatever the host runs."""
_MOST_NICE: Final = 19


class HostTask:
    """One task of the host; `home` are the processors of the platform's own."""

    def __init__(self, tid: int, home: frozenset[int]) -> None:
        self.tid, self.home = tid, home
        self.account = Account(tid)
        self._bound = self.away = False

    def extended_state(self) -> bytes:
        return host.extended_state(self.tid)

    def set_extended_state(self, state: bytes) -> None:
        host.set_extended_state(self.tid, state)

    def processor_time(self) -> ProcessorTime:
        """What this thread has used since it was made."""
        return self.account.read()

    def memory_usage(self) -> MemoryUsage:
        """How much memory the whole host process holds."""
        return self.account.memory()

    def mappings(self) -> Iterator[MappingUsage]:
        return self.account.mappings()

    def run_on(self, processors: frozenset[int] | None) -> None:
        """Bind the host thread to these processors; None: to the platform's own."""
        self._bound, self.away = processors is not None, False
        self._place(processors or self.home)

    def run_at(self, nice: int) -> None:
        """Run the host thread at a nice value above that of guests; what is below that is the kernel's and the host's own.

        Without privilege the host takes nothing back: then a guest that was nice stays so until its next program.
        """
        with contextlib.suppress(OSError):
            first = os.getpriority(os.PRIO_PROCESS, 0) + BELOW_THE_KERNEL
            os.setpriority(os.PRIO_PROCESS, self.tid, min(max(0, nice) + first, _MOST_NICE))

    def leave_home(self, processors: Set[int], first: Set[int]) -> bool:
        """Run on `processors` for a while, now on one of `first`, unless the guest chose some; whether it did not yet."""
        if self._bound or self.away:
            return False
        self.away = True
        self._place(first)
        self._place(processors)
        return True

    def come_home(self) -> bool:
        """Run beside the kernel again; whether that is new."""
        if not self.away:
            return False
        self.run_on(None)
        return True

    def _place(self, processors: Set[int]) -> None:
        with contextlib.suppress(OSError):  # it may have ended, or a host's cpuset may have shrunk
            os.sched_setaffinity(self.tid, processors)

    def moved_like(self, creator: HostTask) -> None:
        """A clone's processors are its creator's."""
        self._bound, self.away = creator._bound, creator.away
        self.come_home()
