"""What `lichen status` says of what was built and what was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.boot import drives
from lichen.cli.hostcheck import findings


def test_own_programs_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drives, "OWN_PROGRAMS", tmp_path)
    assert "`make userland`" in dict(findings())["Windows programs"]
    for name in ("one.exe", "two.exe", "README"):
        (tmp_path / name).touch()
    assert dict(findings())["Windows programs"] == "2 of Lichen's own"
