"""Windows programs are in the zone of the machine's /etc/localtime, or in that of TZ, as Linux programs are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain

_WINDOWS: Final = Path(__file__).parent / "windows"
_ZONES: Final = Path("/usr/share/zoneinfo")


def test_the_zone_is_the_machines_and_that_of_tz(machine: Lichen, windows_c: Toolchain) -> None:
    if not (_ZONES / "Europe/Berlin").exists():
        pytest.skip("needs the package tzdata")
    zone = windows_c.compile(_WINDOWS / "zone.c")
    script = f"""
    keep=$(readlink /etc/localtime); TZ=America/New_York {zone}; TZ=IST-5:30 cmd.exe /c '{zone.name}'
    ln -sf {_ZONES}/Europe/Berlin /etc/localtime; {zone}; TZ=:UTC {zone}; TZ=Asia/Tokyo bash -c {zone}
    ln -sf "$keep" /etc/localtime"""
    done = bash(machine, f"cd {zone.parent}; {script}", zone.parent)
    assert done.stdout.decode().replace("\r", "").splitlines() == [
        "300 240 11 3 EST",
        "-330 -330 0 0 IST",
        "-60 -120 10 3 CET",
        "0 0 0 0 Coordinated Universal Time",
        "-540 -540 0 0 JST",
    ]
