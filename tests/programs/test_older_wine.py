"""The command and a shell on the files of an older Wine, which somebody may have chosen: what differs there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.subsystems.nt import userland
from tests import userlands
from tests.programs.conftest import Lichen


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lichen]:
    """A machine on the host's own Wine."""
    if userlands.older() is None:
        pytest.skip("needs a host with the package libwine of Debian 12")
    command = Lichen(tmp_path_factory.mktemp("home"))
    command.environment[userland.SETTING] = "/"
    yield command
    assert command.run("shutdown").returncode == 0


@pytest.mark.parametrize(
    "line", ["ls -d /etc", "Z:\\usr\\bin\\ls -d /etc", "ls -d /etc | cat", "call ls -d /etc"]
)
def test_the_shell_starts_linux_programs(older: Lichen, line: str) -> None:
    done = older.run("run", "--", "cmd.exe", "/c", line)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"/etc\n", b"")


def test_a_batch_file(older: Lichen, tmp_path: Path) -> None:
    (tmp_path / "a.bat").write_text(
        "@echo off\r\nfor %%i in (1 2) do echo %%i\r\nhostname >nul && echo done\r\nexit /b 3\r\n"
    )
    done = older.run("run", "--share", f"{tmp_path}:/case", "--", "cmd.exe", "/c", "Z:\\case\\a.bat")
    assert (done.returncode, done.stdout.split()) == (3, [b"1", b"2", b"done"])


def test_the_registry(older: Lichen) -> None:
    assert (
        older.run("run", "--", "reg.exe", "add", "HKCU\\Software\\T", "/v", "a", "/d", "1", "/f").returncode
        == 0
    )
    assert b"REG_SZ    1" in older.run("run", "--", "reg.exe", "query", "HKCU\\Software\\T").stdout
