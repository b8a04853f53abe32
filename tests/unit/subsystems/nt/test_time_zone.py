"""Time zones of the host in Windows' terms."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import pytest

from lichen.subsystems.nt import time_zone

Rule = tuple[int, int, int, int]


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch, zone: str) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        yield
    time.tzset()


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
def test_rules_and_biases(zone: str, bias: int, standard: Rule, daylight: Rule) -> None:
    data = time_zone.dynamic_information()
    assert len(data) == 432
    assert struct.unpack_from("<i", data)[0] == bias
    assert (rule(data, 68), rule(data, 152)) == (standard, daylight)
    assert struct.unpack_from("<i", data, 84)[0] == 0
    assert struct.unpack_from("<i", data, 168)[0] == (-60 if daylight[0] else 0)
    assert time_zone.bias() in (60 * bias, 60 * bias - 3600)


@pytest.mark.parametrize("zone", ["UTC0"])
def test_the_zone_that_windows_knows_by_the_same_name(zone: str) -> None:
    data = time_zone.dynamic_information()
    assert data[4:68].decode("utf-16-le").rstrip("\0") == "Coordinated Universal Time"
    assert data[172:428].decode("utf-16-le").rstrip("\0") == "UTC"
