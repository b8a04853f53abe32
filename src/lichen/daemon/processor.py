"""Which core a machine runs on: its kernel and its guests take turns, so they share one (G10)."""

from __future__ import annotations

import os
from collections import Counter

from lichen.daemon import places

Ticks = dict[int, int]
"""How long each core has been busy, in the host's ticks."""


def busy_ticks() -> Ticks:
    """How busy every core has been since the host was booted; nothing where the host does not say."""
    ticks = {}
    try:
        with open("/proc/stat") as file:
            for line in file:
                name, *fields = line.split()
                if name.startswith("cpu") and name != "cpu":
                    user, nice, system, _, _, *interrupts = map(int, fields[:8])
                    ticks[int(name[3:])] = user + nice + system + sum(interrupts)
    except (OSError, ValueError):
        return {}
    return ticks


def choose(before: Ticks, now: Ticks, allowed: frozenset[int]) -> int:
    """The core, of those that are allowed, with the fewest other machines, and of these the least busy since `before`."""
    taken = Counter(processors_of_machines())
    return min(allowed, key=lambda core: (taken[core], now.get(core, 0) - before.get(core, 0), core))


def processors_of_machines() -> list[int]:
    """The cores of the machines that run."""
    found = []
    for name in places.names():
        folder = places.folder_of(name)
        facts = places.facts(folder)
        if facts and places.is_running(folder):
            found.append(int(facts.get("processor", -1)))
    return found


def allowed() -> frozenset[int]:
    """The cores that this process may run on."""
    return frozenset(os.sched_getaffinity(0))
