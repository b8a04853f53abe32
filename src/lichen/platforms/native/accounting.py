"""What a guest thread has used of the host's processors and memory, as the host's /proc tells it.

`schedstat` has the whole time to the nanosecond; `stat` has it in ticks of 10 ms, but for user and system mode apart. A
thread that is younger than a tick, as most programs are when they end, is not worth the second file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Set
from typing import Final, NamedTuple

from lichen.executive.interfaces import PAGE, MappingUsage, MemoryUsage, ProcessorTime, TaskUsage

_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_MOST: Final = 4096
_STATE, _MINOR, _MAJOR, _USER, _SYSTEM, _RESIDENT, _PROCESSOR = 0, 7, 9, 11, 12, 21, 36
"""Fields of `stat`, counted from the one behind the name."""
_SLEEPS: Final = b"\nvoluntary_ctxt_switches:"
_MEMORY: Final = (b"VmRSS", b"VmHWM", b"RssAnon", b"RssFile", b"RssShmem", b"VmSwap")


class Look(NamedTuple):
    """What a thread did in the last `passed` seconds: it ran for `used`, in so many turns, and `waited` for a processor."""

    passed: float
    used: float
    waited: float
    turns: int


def busy_time(processors: Set[int]) -> float | None:
    """The seconds that processors of the host have been used since it was booted; None where the host does not tell."""
    names = {b"cpu%d" % number for number in processors}
    ticks = 0
    try:
        with open("/proc/stat", "rb") as file:
            for line in file:
                name, _, rest = line.partition(b" ")
                if name in names:
                    names.discard(name)
                    user, nice, system, _, _, *interrupts = map(int, rest.split()[:8])
                    ticks += user + nice + system + sum(interrupts)
                elif not names or not name.startswith(b"cpu"):
                    break
    except (OSError, ValueError):
        return None
    return None if names else ticks * _TICK


class Account:
    """The processor time of one host thread, which stays as it was last seen when the thread is gone, and its memory."""

    __slots__ = ("_folder", "_looked_at", "_seen", "_sleeps", "awake")

    def __init__(self, tid: int) -> None:
        self._folder = f"/proc/{tid}/task/{tid}/"
        self._seen = ProcessorTime()
        self._looked_at = time.monotonic(), 0, 0, 0
        self._sleeps = 0
        self.awake = True
        """Whether the thread had done anything when it was looked at last."""

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

    def look(self, now: float) -> Look:
        """What the thread did since this was last asked."""
        then, *before = self._looked_at
        try:
            used, waited, turns = map(int, self._file("schedstat").split())
        except (OSError, ValueError):
            return Look(now - then, 0.0, 0.0, 0)
        self._looked_at = now, used, waited, turns
        self.awake = turns != before[2] or used != before[0]
        return Look(now - then, (used - before[0]) * 1e-9, (waited - before[1]) * 1e-9, turns - before[2])

    def sleeps(self) -> int:
        """How often the thread has waited for something since this was last asked."""
        try:
            text = self._file("status")
            found = int(text[text.index(_SLEEPS) + len(_SLEEPS) :].split(None, 1)[0])
        except (OSError, ValueError):
            return 0
        before, self._sleeps = self._sleeps, found
        return found - before

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
