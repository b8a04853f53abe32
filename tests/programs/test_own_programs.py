"""Lichen's own Windows programs are in every machine, before the userland's of the same names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain

SOURCES = Path(__file__).parents[2] / "userland" / "windows"
SYSTEM = "/mnt/c/windows/system32"


def test_every_source_is_a_program(own_programs: Path) -> None:
    assert {path.stem for path in own_programs.glob("*.exe")} >= {path.stem for path in SOURCES.glob("*.c")}


@pytest.mark.parametrize("source", sorted(SOURCES.glob("*.c")), ids=lambda source: source.stem)
def test_nothing_is_warned_of(source: Path, windows_c: Toolchain) -> None:
    libraries = "-lws2_32", "-liphlpapi", "-lnetapi32", "-lole32"
    assert windows_c.compile(source, "-std=c11", "-municode", *libraries).exists()


def test_without_a_compiler_nothing_fails(tmp_path: Path) -> None:
    copies = tmp_path / "userland" / "windows"
    copies.mkdir(parents=True)
    for name in ("build.py", "common.h", "shutdown.c"):
        (copies / name).write_bytes((SOURCES / name).read_bytes())
    command = [sys.executable, str(copies / "build.py")]
    done = subprocess.run(command, env={"PATH": "/nowhere"}, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"package gcc-mingw-w64-x86-64" in done.stdout
    assert not (tmp_path / "src").exists()


def test_ours_stand_before_the_userlands(machine: Lichen, own_programs: Path) -> None:
    for program in own_programs.glob("*.exe"):
        done = bash(
            machine, f"sha256sum {SYSTEM}/{program.name} | cut -c 1-64; stat -c %a {SYSTEM}/{program.name}"
        )
        digest = subprocess.run(["sha256sum", program], check=True, capture_output=True).stdout[:64]
        assert done.stdout.split() == [digest, b"755"]
    done = bash(machine, "cmd.exe /c 'shutdown /?' </dev/null")
    assert done.stdout.startswith(b"Usage: shutdown ")


def test_a_machine_gets_the_present_ones_at_its_next_boot(lichen: Lichen, own_programs: Path) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    assert lichen.run("run", "--", "sh", "-c", f"echo old >{SYSTEM}/shutdown.exe").returncode == 0
    kept = lichen.home / "machines" / "default" / "root" / "system32" / "files" / "shutdown.exe"
    assert lichen.run("shutdown").returncode == 0
    assert kept.read_bytes() == b"old\n"
    assert lichen.run("run", "--", "test", "-x", f"{SYSTEM}/shutdown.exe").returncode == 0
    assert kept.read_bytes() == (own_programs / "shutdown.exe").read_bytes()
    before = kept.stat()
    assert lichen.run("shutdown").returncode == 0
    assert lichen.run("run", "--", "true").returncode == 0
    assert (os.stat(kept).st_ino, os.stat(kept).st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
