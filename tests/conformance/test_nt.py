"""Every program in nt/ states what Windows does: each line that it prints as a guest says that a fact holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lichen.drives import find_userland
from tests.conformance.conftest import Run
from tests.toolchain import Toolchain

SOURCES = sorted((Path(__file__).parent / "nt").glob("*.c"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_holds_in_a_machine(source: Path, windows_c: Toolchain, run_as_guest: Run) -> None:
    if find_userland() is None:
        pytest.skip("needs the package libwine")
    run = run_as_guest(windows_c.compile(source))
    lines = run.stdout.decode(errors="replace").splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert (run.returncode, run.stderr) == (0, b"")
    assert len(lines) >= 5
    assert [line for line, times in Counter(lines).items() if times > 1] == []
