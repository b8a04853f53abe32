"""What a guest thread has used of the host's processors and memory, as the host's /proc tells it.

`schedstat` has the whole time to the nanosecond; `stat` has it in ticks of 10 ms, but for user and system mode apart. A
thread that is younger than a tick, as most programs are when they end, is not worth the second file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from lichen.executive.interfaces import PAGE, MappingUsage, MemoryUsage, ProcessorTime, TaskUsage

_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_MOST: Final = 4096
_STATE, _MINOR, _MAJOR, _USER, _SYSTEM, _RESIDENT, _PROCESSOR = 0, 7, 9, 11, 12, 21, 36
"""Fields of `stat`, counted from the one behind the name."""
_MEMORY: Final = (b"VmRSS", b"VmHWM", b"RssAnon", b"RssFile", b"RssShmem", b"VmSwap")


class Account:
    """The processor time of one host thread, which stays as it was last seen when the thread is gone, and its memory."""

    __slots__ = ("_folder", "_looked_at", "_seen")

    def __init__(self, tid: int) -> None:
        self._folder = f"/proc/{tid}/task/{tid}/"
        self._seen = ProcessorTime()
        self._looked_at = 0, 0

    def read(self) -> ProcessorTime:
        """The time until now; neither part ever goes back."""
        try:
            total = int(self._file("schedstat").split()[0]) * 1e-9
            if total >= _TICK:
                fields = self._stat()
                self._divide(total, int(fields[_USER]), int(fields[_SYSTEM]))
            else:
                self._divide(total, 1, 0)
        except (OSError, IndexError):
            return self._seen
        return self._seen

    def since_last_look(self) -> tuple[int, int]:
        """Nanoseconds of processor time since this was last asked, and how many turns on a processor they were."""
        try:
            used, _, turns = map(int, self._file("schedstat").split())
        except (OSError, ValueError):
            return 0, 0
        before, self._looked_at = self._looked_at, (used, turns)
        return used - before[0], turns - before[1]

    def memory(self) -> MemoryUsage:
        """The memory of the thread's process; zeros when the thread is gone."""
        try:
            rows = dict(row.partition(b":")[::2] for row in self._file("status").splitlines())
            return MemoryUsage(*(int(rows[name].split()[0]) << 10 for name in _MEMORY))
        except (OSError, KeyError):
            return MemoryUsage()

    def mappings(self) -> Iterator[MappingUsage]:
        """The mappings of the thread's process; none when it is gone."""
        found: MappingUsage | None = None
        sizes: dict[str, int] = {}
        try:
            with open(f"{self._folder}smaps") as file:
                for line in file:
                    name, _, rest = line.partition(" ")
                    if name[-1] != ":":
                        if found is not None:
                            yield found
                        start, end = (int(part, 16) for part in name.split("-"))
                        sizes = {}
                        found = MappingUsage(start, end, sizes)
                    elif rest.endswith(" kB\n"):
                        sizes[name[:-1]] = int(rest.split()[0]) << 10
        except OSError:
            return
        if found is not None:
            yield found

    def mapped(self, device: int, inode: int) -> list[range]:
        """The ranges of one file that the thread's process has mapped; none when it is gone."""
        name = f"{os.major(device):02x}:{os.minor(device):02x} {inode} "
        found = []
        try:
            with open(f"{self._folder}maps") as file:
                for line in file:
                    if name in line:
                        addresses, _, offset, _ = line.split(" ", 3)
                        start, end = (int(part, 16) for part in addresses.split("-"))
                        found.append(range(int(offset, 16), int(offset, 16) + end - start))
        except OSError:
            return []
        return found

    def usage(self) -> TaskUsage:
        """What the thread does and has used, its time in whole ticks; of one that is gone only the time."""
        try:
            fields = self._stat()
        except OSError:
            return TaskUsage(time=self._seen)
        self._seen = ProcessorTime(
            max(self._seen.user, int(fields[_USER]) * _TICK),
            max(self._seen.system, int(fields[_SYSTEM]) * _TICK),
        )
        return TaskUsage(
            fields[_STATE].decode(),
            self._seen,
            int(fields[_MINOR]),
            int(fields[_MAJOR]),
            int(fields[_RESIDENT]) * PAGE,
            int(fields[_PROCESSOR]),
        )

    def call(self) -> int | None:
        """The number of the host call that the thread sleeps in; None when it is in none."""
        try:
            number = self._file("syscall").split()[0]
            return int(number)
        except (OSError, ValueError, IndexError):
            return None

    def _stat(self) -> list[bytes]:
        return self._file("stat").rpartition(b")")[2].split()

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
