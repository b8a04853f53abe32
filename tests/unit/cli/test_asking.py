"""Verbs and kernels that end, boot or are not there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lichen.cli import asking
from lichen.daemon import places


def test_a_process_that_has_the_number_of_a_former_kernel_is_not_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(asking, "_PATIENCE", 0.0)
    folder = places.make_folder("one")
    lock = places.try_lock(folder)
    assert lock is not None
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        places.write_facts(folder, {"pid": bystander.pid})
        with pytest.raises(asking.CommandError, match="cannot be ended"):
            asking.end("one")
        assert bystander.poll() is None
        bystander.kill()
    os.close(lock)
