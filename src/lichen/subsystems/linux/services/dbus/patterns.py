"""Patterns of a shell for names of units, as calls give them."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from lichen.subsystems.linux.services.dbus.interface import invalid

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.dbus.interface import Call

_MOST_PATTERNS, _LONGEST_PATTERN = 100, 256


def patterns_of(call: Call) -> list[str]:
    """The patterns that a call gives, which must not be too many or too long."""
    patterns: list[str] = call.arguments[1] if len(call.arguments) > 1 else []
    if len(patterns) > _MOST_PATTERNS or any(len(pattern) > _LONGEST_PATTERN for pattern in patterns):
        raise invalid("Too many patterns, or too long ones.")
    return patterns


def matches(name: str, patterns: list[str]) -> bool:
    """Whether a name is one of those that patterns of a shell stand for; every one is when there are none."""
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
