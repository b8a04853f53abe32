"""Times of the calendar at which timers elapse: `Mon..Fri *-*-1,15 06:00`, `daily`, `*:0/15`.

Source: systemd.time(7) "Calendar Events". Times are the machine's, which are UTC unless the zone says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

_SHORT: Final = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "semi-annually": "*-01,07-01 00:00:00",
    "biannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DATE: Final = re.compile(r"[\d*,./~-]+\Z")
_DAYS_AHEAD: Final = 366 * 28
"""As far as one looks: every day of the week has been the 29th of February by then."""
Numbers = frozenset[int]


@dataclass(frozen=True)
class Event:
    """Times that come again. None stands for every one."""

    weekdays: Numbers | None
    years: Numbers | None
    months: Numbers | None
    days: Numbers | None
    from_end: bool
    hours: Numbers
    minutes: Numbers
    seconds: Numbers

    def after(self, moment: datetime) -> datetime | None:
        """The first time later than a moment; None when there is no more."""
        day = moment.date()
        start: tuple[int, int, int] | None = (moment.hour, moment.minute, moment.second + 1)
        for _ in range(_DAYS_AHEAD):
            if self._is_on(day):
                found = self._first(start or (0, 0, 0))
                if found is not None:
                    return datetime(day.year, day.month, day.day, *found, tzinfo=moment.tzinfo)
            day = self._next_day(day)
            start = None
            if self.years is not None and day.year > max(self.years):
                return None
        return None

    def _next_day(self, day: date) -> date:
        following = day + timedelta(days=1)
        if self.months is not None and following.month not in self.months:
            year, month = following.year + following.month // 12, following.month % 12 + 1
            return date(year, month, 1)
        return following

    def _is_on(self, day: date) -> bool:
        if self.weekdays is not None and day.weekday() not in self.weekdays:
            return False
        if self.years is not None and day.year not in self.years:
            return False
        if self.months is not None and day.month not in self.months:
            return False
        if self.days is None:
            return True
        if not self.from_end:
            return day.day in self.days
        following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return (following - day).days in self.days

    def _first(self, start: tuple[int, int, int]) -> tuple[int, int, int] | None:
        for hour in sorted(self.hours):
            if hour < start[0]:
                continue
            for minute in sorted(self.minutes):
                if (hour, minute) < start[:2]:
                    continue
                for second in sorted(self.seconds):
                    if (hour, minute, second) >= start:
                        return hour, minute, second
        return None


def parse(text: str) -> Event:
    """A calendar event; ValueError for what is none."""
    words = _SHORT.get(text.strip().lower(), text).split()
    if words and words[-1].upper() == "UTC":
        words.pop()
    weekdays = None
    if words and words[0][:3].lower() in _DAYS:
        weekdays = _weekdays(words.pop(0))
    day = words.pop(0) if words and ("-" in words[0] or "~" in words[0]) else "*-*-*"
    time = words.pop(0) if words else "00:00:00"
    if words or not _DATE.match(day):
        raise ValueError(f"{text!r} is no time of the calendar")
    from_end = "~" in day
    parts = day.replace("~", "-").split("-")
    parts = ["*"] * (3 - len(parts)) + parts
    clock = time.split(":")
    clock += ["00"] * (3 - len(clock))
    if len(parts) != 3 or len(clock) != 3:
        raise ValueError(f"{text!r} is no time of the calendar")
    years, months, days = (
        _numbers(part, low, high) for part, low, high in zip(parts, (1970, 1, 1), (2199, 12, 31), strict=True)
    )
    hours, minutes, seconds = (
        _numbers(part.partition(".")[0] if "/" not in part and ".." not in part else part, 0, high)
        for part, high in zip(clock, (23, 59, 59), strict=True)
    )
    every = frozenset(range(60))
    return Event(
        weekdays,
        years,
        months,
        days,
        from_end,
        frozenset(range(24)) if hours is None else hours,
        every if minutes is None else minutes,
        every if seconds is None else seconds,
    )


def _weekdays(text: str) -> Numbers:
    found: set[int] = set()
    for part in text.rstrip(",").split(","):
        first, _, last = part.replace("..", "-").partition("-")
        begin = _DAYS.index(first[:3].lower())
        end = _DAYS.index((last or first)[:3].lower())
        found.update(day % 7 for day in range(begin, end + 1 + 7 * (end < begin)))
    return frozenset(found)


def _numbers(text: str, low: int, high: int) -> Numbers | None:
    """The numbers that a part of an event stands for; None for all."""
    if text == "*":
        return None
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dots, last = span.partition("..")
        if first == "*":
            begin, end = low, high
        else:
            begin = int(first)
            end = int(last) if dots else high if step else begin
        if not low <= begin <= high or end > high or (step and int(step) < 1):
            raise ValueError(f"{text!r} is out of range")
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def seconds_until(event: Event, real: int, zone: tzinfo) -> float | None:
    """Seconds from a time (nanoseconds since 1970) until an event; None for never again."""
    now = datetime.fromtimestamp(real // 1_000_000_000, zone)
    found = event.after(now)
    return None if found is None else found.timestamp() - real / 1e9
