"""The command line of `lichen run`, and how little it imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lichen.cli.run import UsageError, parse, share_of

BUDGET = 0.020
"""Seconds that the fast road may add to a bare start of Python (G31)."""
FORBIDDEN = {
    "argparse",
    "click",
    "dataclasses",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "rich",
    "subprocess",
    "typing",
}


def test_options_end_at_the_program() -> None:
    options = parse(["--fresh", "--env", "A=1", "--env=B=2", "ls", "--user", "x"])
    assert (options.fresh, options.environment, options.program) == (
        True,
        ["A=1", "B=2"],
        ["ls", "--user", "x"],
    )
    assert (options.machine, options.trace, options.user) == ("default", None, "")


def test_two_dashes_end_the_options() -> None:
    assert parse(["--machine=m", "--", "--fresh"]).program == ["--fresh"]
    assert parse(["--trace", "--", "a", "--", "b"]).program == ["a", "--", "b"]


@pytest.mark.parametrize(
    ("word", "trace"), [("--trace", ""), ("--trace=file", "file"), ("--trace=a=b", "a=b")]
)
def test_trace(word: str, trace: str) -> None:
    assert parse([word, "true"]).trace == trace


@pytest.mark.parametrize(
    "words", [[], ["--"], ["--fresh"], ["--user"], ["--nonsense", "x"], ["-x", "y"], ["--fresh=1", "x"],
              ["--fresh", "--machine", "m", "x"], [""], ["--user", "", "x"], ["--cwd=", "x"], ["--trace=", "x"]]
)  # fmt: skip
def test_command_lines_that_make_no_sense(words: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(words)


def test_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    here = str(tmp_path.resolve())
    assert share_of("real") == [f"{here}/real", f"{here}/real", "rw"]
    assert share_of("link:ro") == [f"{here}/real", f"{here}/link", "ro"]
    assert share_of("/usr:/mnt/x/../y") == ["/usr", "/mnt/y", "rw"]
    assert share_of("/usr:/mnt/y:rw") == ["/usr", "/mnt/y", "rw"]


@pytest.mark.parametrize("text", ["", ":", ":/x", "/a:", "/a:b", "/a:/b:/c", "/a:/b:ro:ro"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(UsageError):
        share_of(text)


def test_the_fast_road_imports_little() -> None:
    script = (
        "import sys, time; began = time.process_time(); import lichen.cli.run; took = time.process_time() - began;"
        "print(took, *sys.modules)"
    )
    runs = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
        took, *modules = done.stdout.split()
        assert not FORBIDDEN & set(modules)
        runs.append(float(took))
    assert min(runs) < BUDGET
