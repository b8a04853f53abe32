"""What a guest thread has used of the host's processors and memory, as the host's /proc tells it.

`schedstat` has the whole time to the nanosecond; `stat` has it in ticks of 10 ms, but for user and system mode apart. A
thread that is younger than a tick, as most programs are when they end, is not worth the second file.
"""

from __future__ import annotations

import os
from typing import Final

from lichen.executive.interfaces import MemoryUsage, ProcessorTime

_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_MOST: Final = 4096
_USER_FIELD, _SYSTEM_FIELD = 11, 12


class Account:
    """The processor time of one host thread, which stays as it was last seen when the thread is gone, and its memory."""

    __slots__ = ("_folder", "_seen")

    def __init__(self, tid: int) -> None:
        self._folder = f"/proc/{tid}/task/{tid}/"
        self._seen = ProcessorTime()

    def read(self) -> ProcessorTime:
        """The time until now; neither part ever goes back."""
        try:
            total = int(self._file("schedstat").split()[0]) * 1e-9
            if total >= _TICK:
                fields = self._file("stat").rpartition(b")")[2].split()
                self._divide(total, int(fields[_USER_FIELD]), int(fields[_SYSTEM_FIELD]))
            else:
                self._divide(total, 1, 0)
        except (OSError, IndexError):
            return self._seen
        return self._seen

    def memory(self) -> MemoryUsage:
        """The memory of the thread's process; zeros when the thread is gone."""
        try:
            rows = dict(row.partition(b":")[::2] for row in self._file("status").splitlines())
            return MemoryUsage(*(int(rows[name].split()[0]) << 10 for name in (b"VmRSS", b"VmHWM")))
        except (OSError, KeyError):
            return MemoryUsage(0, 0)

    def _file(self, name: str) -> bytes:
        descriptor = os.open(self._folder + name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, _MOST)
        finally:
            os.close(descriptor)

    def _divide(self, total: float, user_ticks: int, system_ticks: int) -> None:
        """Share `total` out in proportion to the ticks."""
        ticks = user_ticks + system_ticks
        share = total * user_ticks / ticks if ticks else total
        user = max(self._seen.user, min(share, total - self._seen.system))
        self._seen = ProcessorTime(user, max(self._seen.system, total - user))
