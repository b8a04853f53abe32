"""Programs of both worlds count the time since the same boot (021)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.programs.conftest import SECONDS, Lichen, bash
from tests.toolchain import Toolchain

_WINDOWS: Final = Path(__file__).parent / "windows"
_TICK: Final = 50
"""Milliseconds: Windows programs see the ticks of a page that is written every 15.6."""


def test_windows_programs_count_from_the_boot_of_linux_programs(
    machine: Lichen, windows_c: Toolchain
) -> None:
    program = windows_c.compile(_WINDOWS / "boot.c", "-lntdll")
    clock = "python3 -c 'import time; print(time.clock_gettime(time.CLOCK_BOOTTIME))'"
    lines = bash(machine, f"{clock}; {program}; {clock}", program.parent).stdout.split()
    before, after = (1000 * float(lines[at]) for at in (0, -1))
    *since_boot, age = map(int, lines[1:-1])
    assert len(since_boot) == 3
    assert [told for told in since_boot if not before - _TICK <= told <= after] == []
    assert 0 <= age < 1000 * SECONDS
