"""Machines that are started at login: what is written for systemd, what is told without it, and that both work."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.programs.conftest import Lichen, eventually


def executable(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def configured(lichen: Lichen, tmp_path: Path) -> Path:
    """A folder for the user's settings and for programs that are found before others; returns the unit's path."""
    (tmp_path / "bin").mkdir()
    lichen.environment["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    lichen.environment["PATH"] = f"{tmp_path}/bin:{os.environ['PATH']}"
    return tmp_path / "config" / "systemd" / "user" / "lichen-mine.service"


def test_enable_where_systemd_does_not_answer(lichen: Lichen, configured: Path, tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    done = lichen.run("enable", "mine")
    assert (done.returncode, done.stderr) == (0, b"")
    told = done.stdout.decode()
    assert str(configured) in told
    line = next(line for line in told.splitlines() if line.startswith("@reboot "))
    command = line.removeprefix("@reboot ")
    subprocess.run(["sh", "-c", command], check=True, env={"PATH": "/bin"}, timeout=30)
    assert lichen.run("list", "-v").stdout.endswith(b"started\n")
    done = lichen.run("disable", "mine")
    assert (done.returncode, done.stderr) == (0, b"")
    assert line in done.stdout.decode()
    assert not configured.exists()
    assert lichen.run("disable", "mine").stdout == b"the machine mine is not enabled\n"


def test_enable_with_systemd(lichen: Lichen, configured: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    executable(tmp_path / "bin" / "systemctl", f'echo "$@" >> {calls}')
    assert lichen.run("enable", "mine").returncode == 0
    assert lichen.run("disable", "mine").returncode == 0
    assert not configured.exists()
    assert calls.read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable lichen-mine.service",
        "--user daemon-reload",
        "--user disable lichen-mine.service",
        "--user daemon-reload",
    ]


def test_the_unit(lichen: Lichen, configured: Path, tmp_path: Path) -> None:
    """What it says holds: its command starts the machine and stays, the other one stops it, and then the first ends."""
    executable(tmp_path / "bin" / "systemctl", "exit 1")
    assert lichen.run("enable", "mine").returncode == 0
    if Path("/usr/bin/systemd-analyze").exists():
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", str(configured)],
            check=False,
            capture_output=True,
            env={**lichen.environment, "XDG_RUNTIME_DIR": str(tmp_path)},
            timeout=30,
        )
        assert b"lichen" not in done.stderr, done.stderr
    text = configured.read_text()
    assert f'Environment="LICHEN_HOME={lichen.home}"\n' in text
    unit = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    variables = {"PATH": "/usr/bin:/bin", "LICHEN_HOME": str(lichen.home)}
    with subprocess.Popen(unit["ExecStart"].replace('"', "").split(), env=variables) as running:
        eventually(lambda: b"started" in lichen.run("list", "-v").stdout)
        assert running.poll() is None
        subprocess.run(
            unit["ExecStop"].removeprefix("-").replace('"', "").split(), check=True, env=variables, timeout=30
        )
        assert running.wait(timeout=20) == 0
