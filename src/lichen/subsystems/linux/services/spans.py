"""Lengths of time, sizes and the like as unit files have them.

Source: systemd.time(7).
"""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {
    **dict.fromkeys(("usec", "us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("msec", "ms"), 1e-3),
    **dict.fromkeys(("seconds", "second", "sec", "s", ""), 1.0),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60.0),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3600.0),
    **dict.fromkeys(("days", "day", "d"), 86400.0),
    **dict.fromkeys(("weeks", "week", "w"), 604800.0),
    **dict.fromkeys(("months", "month", "M"), 2629800.0),
    **dict.fromkeys(("years", "year", "y"), 31557600.0),
}
_PART: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-zµμ]*)\s*")
_SIZE: Final = re.compile(r"(\d+)\s*([KMGTPE]?)B?\Z")
_POWERS: Final = " KMGTPE"


def seconds(text: str) -> float:
    """A length of time in seconds; ValueError for what is none."""
    if text.strip() == "infinity":
        return float("inf")
    at, total = 0, 0.0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or part[2] not in _UNITS:
            raise ValueError(f"{text!r} is no length of time")
        total += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    if not text.strip():
        raise ValueError("no length of time")
    return total


def size(text: str) -> int:
    """A number with a suffix of a power of 1024; ValueError for what is none."""
    found = _SIZE.match(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no size")
    return int(found[1]) << 10 * _POWERS.index(found[2] or " ")
