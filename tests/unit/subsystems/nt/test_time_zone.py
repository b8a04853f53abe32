"""Time zones in Windows' terms."""

from __future__ import annotations

import struct
import time

import pytest

from lichen.abi.layout import layout
from lichen.subsystems.nt import time_zone
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.time import DynamicTimeZoneInformation
from tests.unit.kernel import Kernel

INFORMATION = layout(DynamicTimeZoneInformation, MODEL)
NOW = int(time.time())
Rule = tuple[int, int, int, int]


@pytest.fixture
def there(zone: str) -> time_zone.Zone:
    """The zone of a rule, on a machine without any tables."""
    return time_zone.zone_of(Kernel().context, zone)


def rule(data: bytes, offset: int) -> Rule:
    """(month, which one, weekday from Sunday, hour) of a SYSTEMTIME that stands for every year."""
    year, month, weekday, nth, hour, *rest = struct.unpack_from("<8H", data, offset)
    assert (year, rest) == (0, [0, 0, 0])
    return month, nth, weekday, hour


@pytest.mark.parametrize(
    ("zone", "bias", "standard", "daylight"),
    [
        ("UTC0", 0, (0, 0, 0, 0), (0, 0, 0, 0)),
        ("IST-5:30", -330, (0, 0, 0, 0), (0, 0, 0, 0)),
        ("EST5EDT,M3.2.0,M11.1.0", 300, (11, 1, 0, 2), (3, 2, 0, 2)),
        ("CET-1CEST,M3.5.0,M10.5.0/3", -60, (10, 5, 0, 3), (3, 5, 0, 2)),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", -600, (4, 1, 0, 3), (10, 1, 0, 2)),
    ],
)
def test_rules_and_biases(there: time_zone.Zone, bias: int, standard: Rule, daylight: Rule) -> None:
    data = INFORMATION.pack(there.dynamic_information(NOW))
    assert len(data) == 432
    assert struct.unpack_from("<i", data)[0] == bias
    assert (rule(data, 68), rule(data, 152)) == (standard, daylight)
    assert struct.unpack_from("<i", data, 84)[0] == 0
    assert struct.unpack_from("<i", data, 168)[0] == (-60 if daylight[0] else 0)
    assert there.bias(NOW) in (60 * bias, 60 * bias - 3600)


@pytest.mark.parametrize("zone", ["UTC0"])
def test_the_zone_that_windows_knows_by_the_same_name(there: time_zone.Zone) -> None:
    data = INFORMATION.pack(there.dynamic_information(NOW))
    assert data[4:68].decode("utf-16-le").rstrip("\0") == "Coordinated Universal Time"
    assert data[172:428].decode("utf-16-le").rstrip("\0") == "UTC"


@pytest.mark.parametrize(
    "table", [b"", b"TZif", b"TZif2" + b"\xff" * 100, b"x" * 1000, b"TZif2" + bytes(39) + b"\nX\n"]
)
def test_a_damaged_table_is_utc(table: bytes) -> None:
    there = time_zone.Zone(table)
    assert there.bias(NOW) == 0
    assert there.registered(NOW)[0] == "UTC"


@pytest.mark.parametrize(
    "name", ["", ":", "../../etc/passwd", "No/Where", "\0", "x" * 1000, "EST", "<a\\b>99999"]
)
def test_names_that_lead_nowhere(name: str) -> None:
    assert time_zone.zone_of(Kernel().context, name).bias(NOW) == 0
