"""Time zones in Windows' terms: a bias, two names and the days on which clocks change.

The zone of a machine is what its /etc/localtime says, as for every Linux program; that of a process is what TZ was in its
environment when it began, if there is such a zone. Days are found by asking for this year's offsets. Without an answer
programs of the MSVC runtime would take Pacific Time.

Source: RTL_DYNAMIC_TIME_ZONE_INFORMATION, TIME_ZONE_INFORMATION (timezoneapi.h); tzset(3), tzfile(5).
"""

from __future__ import annotations

import calendar
import io
import time
from calendar import timegm
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from lichen.abi.layout import layout
from lichen.executive.io.attributes import Kind
from lichen.executive.io.lookup import find
from lichen.executive.security.modes import READ, check
from lichen.executive.status import Failure
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.time import (
    DynamicTimeZoneInformation,
    RegisteredTimeZone,
    SystemTime,
    TimeZoneInformation,
)

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext

_LOCAL: Final = ("etc", "localtime")
_ZONES: Final = ("usr", "share", "zoneinfo")
_MOST: Final = 1 << 16
_LONGEST: Final = 255
_TABLE: Final = b"TZif2" + bytes(15 + 19) + b"\1" + bytes(3) + b"\4" + bytes(6) + b"UTC\0"
"""A table without a change, of which a file has one for old readers and one that a rule follows."""
_DAY: Final = 86400
_RECENT: Final = 1 << 30
"""A moment, in 2004."""
_LAST: Final = 5
_CHANGES: Final = 2
_NAME: Final = 32
_KEY: Final = 128
_REGISTERED: Final = layout(RegisteredTimeZone, MODEL)
_NAMES: Final = {"UTC": "Coordinated Universal Time"}


class Zone(NamedTuple):
    """A zone as a compiled table (tzfile(5)); without one it is UTC."""

    table: bytes = b""

    def bias(self, now: int) -> int:
        """What is to be added to local time now to have UTC, in seconds."""
        return -_offset(_rules(self.table), now)

    def dynamic_information(self, now: int) -> DynamicTimeZoneInformation:
        """The zone with this year's days."""
        return _information(self.table, time.gmtime(now).tm_year)

    def registered(self, now: int) -> tuple[str, dict[str, str], bytes]:
        """What the registry has of the zone: the name of its key, its names and its rule (TZI).

        UTC is called there what Windows calls it; of other zones it is not known under which of its names Windows has them.
        """
        zone, key_name, _ = self.dynamic_information(now)
        rule = RegisteredTimeZone(
            zone.bias, zone.standard_bias, zone.daylight_bias, zone.standard_date, zone.daylight_date
        )
        standard, daylight = _decoded(zone.standard_name), _decoded(zone.daylight_name)
        texts = {"Display": standard, "Std": standard, "Dlt": daylight}
        return _decoded(key_name), texts, _REGISTERED.pack(rule)


def zone_of(context: FileSystemContext, variable: str | None) -> Zone:
    """The zone of whoever has this TZ, by the files that the machine has."""
    if variable is None:
        return Zone(_table(context, _LOCAL))
    name = variable.removeprefix(":")
    if not name or len(name) > _LONGEST or "\0" in name:
        return Zone()
    parts = tuple(part for part in name.split("/") if part)
    table = _table(context, parts if name.startswith("/") else (*_ZONES, *parts))
    return Zone(table or _by_rule(name))


def _table(context: FileSystemContext, path: tuple[str, ...]) -> bytes:
    """The table that a file holds; nothing when there is none that may be read."""
    try:
        node = find(context, context.root, path).node
        check(context.token, node.attributes(), READ)
        return node.read_at(0, _MOST) if node.kind == Kind.REGULAR else b""
    except Failure:
        return b""


def _by_rule(text: str) -> bytes:
    """The table of a rule as POSIX writes it (`CET-1CEST,M3.5.0,M10.5.0/3`)."""
    return _TABLE + _TABLE + b"\n" + text.encode(errors="replace") + b"\n"


@lru_cache(8)
def _rules(table: bytes) -> tzinfo:
    """A zone by its table; a damaged one is UTC, as for the C library."""
    if not table:
        return UTC
    try:
        zone = ZoneInfo.from_file(io.BytesIO(table))
        for at in (0, _RECENT):
            datetime.fromtimestamp(at, zone).tzname()
    except Exception:  # whatever is made of what somebody wrote there
        return UTC
    return zone


@lru_cache(8)
def _information(table: bytes, year: int) -> DynamicTimeZoneInformation:
    zone = _rules(table)
    changes, begin = _changes(zone, year), timegm((year, 1, 1, 0, 0, 0))
    standard = -min((_offset(zone, at) for at in changes), default=_offset(zone, begin))
    names = [_name(zone, begin)] * 2
    dates, biases = [SystemTime(), SystemTime()], [0, 0]
    for at in changes:
        daylight = -_offset(zone, at) != standard
        dates[daylight], names[daylight] = _date(zone, at), _name(zone, at)
        biases[daylight] = (-_offset(zone, at) - standard) // 60
    shown = [_text(_NAMES.get(name, name), _NAME) for name in names]
    parts = (shown[0], dates[0], biases[0], shown[1], dates[1], biases[1])
    return DynamicTimeZoneInformation(TimeZoneInformation(standard // 60, *parts), _text(names[0], _KEY))


def _text(text: str, units: int) -> bytes:
    return text.encode("utf-16-le")[: 2 * units - 2].ljust(2 * units, b"\0")


def _decoded(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").partition("\0")[0]


def _changes(zone: tzinfo, year: int) -> list[int]:
    """The first second of each new offset in a year, if there are two as in a year with summer time."""
    begin = calendar.timegm((year, 1, 1, 0, 0, 0))
    offsets = [_offset(zone, begin + number * _DAY) for number in range(366)]
    found = [
        _change_between(zone, begin + number * _DAY, begin + (number + 1) * _DAY)
        for number in range(365)
        if offsets[number] != offsets[number + 1]
    ]
    return found if len(found) == _CHANGES else []


def _change_between(zone: tzinfo, before: int, after: int) -> int:
    old = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def _local(zone: tzinfo, at: int) -> datetime:
    return datetime.fromtimestamp(at, zone)


def _offset(zone: tzinfo, at: int) -> int:
    """Seconds east of Greenwich."""
    offset = _local(zone, at).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _name(zone: tzinfo, at: int) -> str:
    return _local(zone, at).tzname() or "UTC"


def _date(zone: tzinfo, at: int) -> SystemTime:
    """When clocks change, by the clock before that, as a rule for any year: the nth (5: last) such weekday of a month."""
    local = time.gmtime(at + _offset(zone, at - 1))
    days = calendar.monthrange(local.tm_year, local.tm_mon)[1]
    nth = _LAST if local.tm_mday + 7 > days else (local.tm_mday - 1) // 7 + 1
    weekday = (local.tm_wday + 1) % 7
    return SystemTime(0, local.tm_mon, weekday, nth, local.tm_hour, local.tm_min, local.tm_sec)
