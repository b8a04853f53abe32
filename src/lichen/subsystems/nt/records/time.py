"""Dates and time zones.

Source: timezoneapi.h; minwinbase.h.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Bytes, i32, u8, u16


class SystemTime(NamedTuple):
    """SYSTEMTIME; of the day on which clocks change, `day` says the how-manieth such weekday it is."""

    year: u16 = 0
    month: u16 = 0
    day_of_week: u16 = 0
    day: u16 = 0
    hour: u16 = 0
    minute: u16 = 0
    second: u16 = 0
    milliseconds: u16 = 0


class TimeZoneInformation(NamedTuple):
    """TIME_ZONE_INFORMATION: biases in minutes, names in UTF-16."""

    bias: i32
    standard_name: Annotated[bytes, Bytes(64, align=2)]
    standard_date: SystemTime
    standard_bias: i32
    daylight_name: Annotated[bytes, Bytes(64, align=2)]
    daylight_date: SystemTime
    daylight_bias: i32


class DynamicTimeZoneInformation(NamedTuple):
    """DYNAMIC_TIME_ZONE_INFORMATION."""

    zone: TimeZoneInformation
    key_name: Annotated[bytes, Bytes(256, align=2)]
    dynamic_daylight_time_disabled: u8 = 0


class RegisteredTimeZone(NamedTuple):
    """The value TZI of a time zone in the registry."""

    bias: i32
    standard_bias: i32
    daylight_bias: i32
    standard_date: SystemTime
    daylight_date: SystemTime
