"""The machine's time zone, which is the host's, in Windows' terms: a bias, two names and the days on which clocks change.

The days are found by asking the C library for this year's offsets. Without an answer programs of the MSVC runtime would
take Pacific Time.

Source: RTL_DYNAMIC_TIME_ZONE_INFORMATION, TIME_ZONE_INFORMATION (timezoneapi.h).
"""

from __future__ import annotations

import calendar
import struct
import time
from functools import lru_cache
from typing import Final

SIZE: Final = 172
"""Of TIME_ZONE_INFORMATION, which the dynamic one begins with."""
_DAY: Final = 86400
_LAST: Final = 5
_CHANGES: Final = 2
_NAME: Final = 32
_KEY: Final = 128
_NAMES: Final = {"UTC": "Coordinated Universal Time"}


def bias() -> int:
    """What is to be added to local time now to have UTC, in seconds."""
    return -time.localtime().tm_gmtoff


def dynamic_information() -> bytes:
    """RTL_DYNAMIC_TIME_ZONE_INFORMATION."""
    return _information(time.localtime().tm_year, time.tzname)


@lru_cache(4)
def _information(year: int, names: tuple[str, str]) -> bytes:
    changes = _changes(year)
    standard = -min((time.localtime(at).tm_gmtoff for at in changes), default=time.localtime().tm_gmtoff)
    dates, biases = [bytes(16), bytes(16)], [0, 0]
    for at in changes:
        daylight = -time.localtime(at).tm_gmtoff != standard
        dates[daylight] = _date(at)
        biases[daylight] = (-time.localtime(at).tm_gmtoff - standard) // 60
    data = struct.pack("<i", standard // 60)
    for name, date, extra in zip(names, dates, biases, strict=True):
        data += _text(_NAMES.get(name, name), _NAME) + date + struct.pack("<i", extra)
    return (data + _text(names[0], _KEY)).ljust(SIZE + 2 * _KEY + 4, b"\0")


def registered() -> tuple[str, dict[str, str], bytes]:
    """What the registry has of the zone: the name of its key, its names and its rule (TZI).

    UTC is called there what Windows calls it; of other zones it is not known under which of its names Windows has them.
    """
    data = dynamic_information()
    bias, standard_date, daylight_date = data[:4], data[68:84], data[152:168]
    rule = bias + data[84:88] + data[168:172] + standard_date + daylight_date
    names = [_NAMES.get(name, name) for name in time.tzname]
    return time.tzname[0], {"Display": names[0], "Std": names[0], "Dlt": names[1]}, rule


def _text(text: str, units: int) -> bytes:
    return text.encode("utf-16-le")[: 2 * units - 2].ljust(2 * units, b"\0")


def _changes(year: int) -> list[int]:
    """The first second of each new offset in a year, if there are two as in a year with summer time."""
    begin = calendar.timegm((year, 1, 1, 0, 0, 0))
    days = range(begin, begin + 365 * _DAY, _DAY)
    found = [_change_between(day, day + _DAY) for day in days if _offset(day) != _offset(day + _DAY)]
    return found if len(found) == _CHANGES else []


def _change_between(before: int, after: int) -> int:
    old = _offset(before)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset(middle) == old else (before, middle)
    return after


def _offset(at: int) -> int:
    return time.localtime(at).tm_gmtoff


def _date(at: int) -> bytes:
    """When clocks change, by the clock before that, as a rule for any year: the nth (5: last) such weekday of a month."""
    local = time.gmtime(at + _offset(at - 1))
    days = calendar.monthrange(local.tm_year, local.tm_mon)[1]
    nth = _LAST if local.tm_mday + 7 > days else (local.tm_mday - 1) // 7 + 1
    weekday = (local.tm_wday + 1) % 7
    return struct.pack("<8H", 0, local.tm_mon, weekday, nth, local.tm_hour, local.tm_min, local.tm_sec, 0)
