"""Timers of unit files: which times they name, and when each comes next.

Source: systemd.timer(5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Final

from lichen.executive.services.values import Moment, Since, TimerSettings
from lichen.subsystems.linux.services import calendar, names, spans

if TYPE_CHECKING:
    from lichen.executive.services.values import Schedule
    from lichen.subsystems.linux.services.unitfile import UnitFile

_SECTION: Final = "Timer"
_NOT_DONE: Final = ("Persistent", "WakeSystem", "OnClockChange", "OnTimezoneChange")


@dataclass(frozen=True)
class Context:
    """What times are told by: the machine's time zone."""

    zone: tzinfo = UTC


@dataclass(frozen=True)
class Calendar:
    """At a time of the calendar."""

    text: str
    event: calendar.Event
    zone: tzinfo

    def next(self, now: Moment, since: Since) -> float | None:
        return calendar.seconds_until(self.event, max(now.real, since.elapsed_real), self.zone)


@dataclass(frozen=True)
class After:
    """So many seconds after something, which `base` finds."""

    name: str
    seconds: float
    base: Callable[[Since], float | None]

    def next(self, now: Moment, since: Since) -> float | None:
        base = self.base(since)
        if base is None:
            return None
        moment = base + self.seconds
        return None if moment <= since.elapsed else max(0.0, moment - now.monotonic)


_BASES: Final[dict[str, Callable[[Since], float | None]]] = {
    "OnActiveSec": lambda since: since.armed,
    "OnBootSec": lambda since: since.boot,
    "OnStartupSec": lambda since: since.boot,
    "OnUnitActiveSec": lambda since: since.unit_started,
    "OnUnitInactiveSec": lambda since: since.unit_stopped,
}


def read(name: str, file: UnitFile, context: Context, warn: Callable[[str], None]) -> TimerSettings:
    """The settings of a timer; ValueError when it names no time."""
    schedules: list[Schedule] = []
    for text in file.all(_SECTION, "OnCalendar"):
        try:
            schedules.append(Calendar(text, calendar.parse(text), context.zone))
        except ValueError as error:
            warn(f"OnCalendar={text}: {error}")
    for directive, base in _BASES.items():
        schedules += (After(directive, spans.seconds(text), base) for text in file.all(_SECTION, directive))
    if not schedules:
        raise ValueError("the timer names no time")
    for directive in _NOT_DONE:
        if file.flag(_SECTION, directive):
            warn(f"{directive}= is not carried out")
    unit = file.last(_SECTION, "Unit") or f"{names.stem(name)}.service"
    if not names.is_valid(unit):
        raise ValueError(f"Unit={unit}: no name of a unit")
    delay = spans.seconds(file.last(_SECTION, "RandomizedDelaySec", "0"))
    return TimerSettings(unit, tuple(schedules), delay)
