"""What a machine is besides its processes: its name, its processors, its memory, how busy it is.

Memory and processors are the host's, as nothing is set aside for a machine. Name and load are the machine's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from lichen.executive.host import Host

LONGEST_NAME: Final = 64
ID_LIMIT: Final = 1 << 22
MAXIMUM_TASKS: Final = 2000
_USUAL_BACKLOG: Final = 4096
_MINUTES: Final = (1, 5, 15)


class Processor(NamedTuple):
    """What a processor says of itself."""

    vendor: str
    name: str
    family: int
    model: int
    stepping: int
    megahertz: int


def _number(text: str) -> int:
    whole = text.partition(".")[0]
    return int(whole) if whole.isdecimal() else 0


class Load:
    """How many processors a machine keeps busy, averaged over the last 1, 5 and 15 minutes.

    The averages are brought up to date when somebody asks, from the processor time used since the last question: an idle
    machine needs no clock for that. Within such a span the load counts as even.
    """

    def __init__(self, now: float) -> None:
        self._asked, self._used = now, 0.0
        self._averages = (0.0, 0.0, 0.0)

    def averages(self, now: float, used: float) -> tuple[float, float, float]:
        """The three averages at the time `now`, when the machine has used `used` seconds of processors in all."""
        span = now - self._asked
        if span > 0:
            busy = max(0.0, used - self._used) / span
            one, five, fifteen = (
                busy + (average - busy) * math.exp(-span / (60 * minutes))
                for average, minutes in zip(self._averages, _MINUTES, strict=True)
            )
            self._averages = one, five, fifteen
            self._asked, self._used = now, used
        return self._averages


@dataclass
class Limits:
    """How much of something there may be. Administrators may set these lower than the kernel itself does, and back."""

    tasks: int = MAXIMUM_TASKS
    ids: int = ID_LIMIT
    """Ids of processes and threads are below this."""
    handles: int = 1 << 20
    """As far as a process may raise its own limit."""
    regions: int = 65530
    """Of memory, for each process."""
    pipe_bytes: int = 1 << 20
    """What a pipe may be made to hold by whom nothing else is granted."""
    backlog: int = _USUAL_BACKLOG
    """Connections that wait to be accepted, for each socket."""
    watchers: int = 128
    """Queues of file changes, for each user."""
    watches: int = 65536
    """Files that are watched, for each user."""
    watch_events: int = 16384
    """Changes that wait in one queue."""


@dataclass
class System:
    """The machine's description of itself. Name, processors and backlog are the host's unless it is given others."""

    host: Host
    load: Load
    host_name: str = ""
    domain_name: str = "(none)"
    processors: frozenset[int] = frozenset()
    when_renamed: list[Callable[[str], None]] = field(default_factory=list)
    """Told of the new name when the machine gets another one."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.host_name = self.host_name or self.host.name()[:LONGEST_NAME] or "lichen"
        self.processors = self.processors or self.host.processors
        self.limits.backlog = self.most_backlog()

    def most_backlog(self) -> int:
        """How many connections the host lets wait: its sockets are the machine's."""
        return int(self.host.read("/proc/sys/net/core/somaxconn") or _USUAL_BACKLOG)

    def memory(self) -> dict[str, int]:
        """The host's /proc/meminfo in bytes: `MemTotal`, `MemFree`, `SwapTotal`, ..."""
        rows = (line.split() for line in self.host.read("/proc/meminfo").decode().splitlines())
        return {row[0].rstrip(":"): int(row[1]) * (1024 if row[2:] else 1) for row in rows}

    @cached_property
    def described_processors(self) -> list[Processor]:
        """The host's /proc/cpuinfo, as far as it knows, of the processors that guests may be run on."""
        found = []
        for part in self.host.read("/proc/cpuinfo").decode(errors="replace").split("\n\n"):
            row = {
                name.strip(): value.strip()
                for name, _, value in (line.partition(":") for line in part.splitlines())
            }
            if row.get("processor", "").isdecimal() and int(row["processor"]) in self.processors:
                numbers = (
                    _number(row.get(name, "")) for name in ("cpu family", "model", "stepping", "cpu MHz")
                )
                found.append(Processor(row.get("vendor_id", ""), row.get("model name", ""), *numbers))
        return found

    def rename(self, name: str) -> None:
        """Give the machine another name."""
        self.host_name = name
        for tell in self.when_renamed:
            tell(name)
