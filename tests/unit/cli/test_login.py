"""Units and crontab lines: names and folders may hold whatever files may be called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from lichen.cli import login
from lichen.cli.asking import CommandError
from lichen.cli.login import crontab_line, enable, unit


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "LICHEN_WINDOWS", "LICHEN_IDLE_SECONDS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LICHEN_HOME", '/a "b" 100%/$HOME')


def test_the_unit_quotes_what_it_names() -> None:
    text = unit("mine", ["/opt/my tools/lichen"])
    assert 'ExecStart="/opt/my tools/lichen" start --wait mine\n' in text
    assert 'ExecStop=-"/opt/my tools/lichen" stop mine\n' in text
    assert 'Environment="LICHEN_HOME=/a \\"b\\" 100%%/$HOME"\n' in text


def test_the_crontab_line_is_one_for_the_shell() -> None:
    """cron takes % for the end of the line, unless it is escaped."""
    line = crontab_line("mine", ["/opt/my tools/lichen"])
    assert line.startswith("@reboot ")
    command = line.removeprefix("@reboot ").replace("\\%", "%")
    shown = command.replace("'/opt/my tools/lichen'", "sh -c 'echo \"$LICHEN_HOME\" $0 $1'", 1)
    done = subprocess.run(["sh", "-c", shown], check=True, capture_output=True, text=True)
    assert done.stdout == '/a "b" 100%/$HOME start mine\n'


def test_folders_are_named_for_wherever_a_login_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LICHEN_HOME", "here")
    assert f'Environment="LICHEN_HOME={tmp_path}/here"\n' in unit("mine", ["/opt/lichen"])
    assert f"LICHEN_HOME={tmp_path}/here " in crontab_line("mine", ["/opt/lichen"])


@pytest.mark.parametrize("value", ["/a\nExecStart=/bin/sh", "/\udcff"])
def test_what_no_unit_can_say(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LICHEN_HOME", value)
    with pytest.raises(CommandError, match="LICHEN_HOME="):
        unit("mine", ["/opt/lichen"])


def test_throw_away_machines_are_not_for_logins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = CliRunner().invoke(enable, ["fresh.1-2"])
    assert isinstance(done.exception, CommandError)
    assert list(tmp_path.iterdir()) == []


def test_a_systemd_that_hangs_is_one_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexec sleep 1000\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(login, "_SECONDS", 0.1)
    done = CliRunner().invoke(enable, ["mine"])
    assert done.exception is None
    assert "systemd does not answer" in done.output
