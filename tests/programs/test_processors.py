"""Programs that compute use every processor that their machine may use, however many they are and however they began."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from tests.programs.conftest import Lichen
from tests.toolchain import Toolchain

_HERE: Final = Path(__file__).parent
_LONGEST: Final = 15
"""Seconds after which they give up; it takes them 0.05 on a host that does nothing else, 0.15 after a sleep."""


@pytest.mark.parametrize(("together", "sleeps"), [(1, 0.0), (12, 0.0), (12, 1.0)])
def test_those_who_compute_use_every_processor(
    together: int, sleeps: float, lichen: Lichen, linux_c: Toolchain, programs: Path
) -> None:
    there = len(os.sched_getaffinity(0))
    if there < 2:
        pytest.skip("needs two processors")
    wanted = min(there, together + 1)
    busy = linux_c.compile(_HERE / "busy.c")
    words = (str(busy), str(together), str(wanted), str(_LONGEST), str(sleeps))
    done = lichen.run("run", "--share", f"{programs}:{programs}:ro", "--", *words)
    assert int(done.stdout) >= wanted, done.stderr
