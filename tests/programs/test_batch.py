"""Batch files: unmodified cmd.exe runs them on a machine as it does under Wine, byte for byte.

It is the cmd.exe of the Wine that is compared with: its releases differ in what they print.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.subsystems.nt import userland
from tests.conformance import wine
from tests.conformance.wine import Wine
from tests.programs.conftest import Lichen

BATCHES = Path(__file__).parent / "batches"
SECONDS = 50
ARGUMENTS = {
    "arguments": ("a", "b c", "d=e", "f,g", "h;i"),
    "places": ("a.txt",),
    "commands": ("first", "the second"),
}


@pytest.fixture(scope="module")
def warm_wine() -> Iterator[Wine]:
    with wine.running() as found:
        if found is None:
            pytest.skip("needs a Wine to compare with (wine64)")
        yield found


def folder_at(path: Path) -> Path:
    """A folder to run batch files in."""
    (path / "sub").mkdir(parents=True)
    (path / "a.txt").write_bytes(b"line one\r\nline two\r\n")
    for batch in BATCHES.iterdir():
        (path / batch.name).write_bytes(batch.read_bytes().replace(b"\n", b"\r\n"))
    return path


@pytest.fixture(scope="module")
def same_wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lichen]:
    """A machine with the host's own files of Windows."""
    if userland.find(["/"]) is None:
        pytest.skip("needs the package libwine")
    command = Lichen(tmp_path_factory.mktemp("home"))
    command.environment[userland.SETTING] = "/"
    yield command
    assert command.run("shutdown").returncode == 0


@pytest.mark.parametrize("name", sorted(path.stem for path in BATCHES.glob("*.bat")))
def test_batch(same_wine: Lichen, warm_wine: Wine, tmp_path: Path, name: str) -> None:
    words = ("cmd.exe", "/c", f"{name}.bat", *ARGUMENTS.get(name, ()))
    here, there = folder_at(tmp_path / "here"), folder_at(tmp_path / "there")
    done = same_wine.run("run", "--share", f"{here}:{here}", "--cwd", str(here), "--", *words)
    by_wine = subprocess.run(
        (warm_wine.loader, *words),
        cwd=there,
        env={**os.environ, **warm_wine.environment},
        input=b"",
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout == by_wine.stdout.replace(b"\\there", b"\\here")
    assert done.stderr == by_wine.stderr.replace(b"\\there", b"\\here")
    assert done.returncode == by_wine.returncode
    assert sorted(path.name for path in here.iterdir()) == sorted(path.name for path in there.iterdir())
