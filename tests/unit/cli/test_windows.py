"""`lichen windows` with an apt that is a few lines of shell: what it brings, what it says, and what it leaves behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.programs.conftest import eventually

FILES: Final = {
    "libwine": (
        "./usr/lib/x86_64-linux-gnu/wine/x86_64-windows/ntdll.dll",
        "./usr/lib/x86_64-linux-gnu/wine/i386-unix/not-wanted.so",
        "./usr/share/wine/nls/locale.nls",
        "./usr/share/wine/nls/../../../../escaped",
    ),
    "libz-mingw-w64": ("./usr/x86_64-w64-mingw32/lib/zlib1.dll",),
}
_SHOW: Final = """#!/bin/sh
for package; do :; done
[ -e "$ARCHIVES/offline" ] && exit 100
echo "Package: $package"
echo "Filename: pool/$package"
echo "Size: 10240"
echo "Installed-Size: 1"
"""
_GET: Final = """#!/bin/sh
for package; do :; done
if [ -e "$ARCHIVES/offline" ]; then echo "W: Failed to fetch http://archive  No route to host" >&2; exit 0; fi
[ "$package" = update ] && exit 0
if [ -e "$ARCHIVES/slow" ]; then
    head -c 100 "$ARCHIVES/$package" > ${package}_1.deb; echo $$ > "$ARCHIVES/pid"; exec sleep 60
fi
cp "$ARCHIVES/$package" ${package}_1_amd64.deb
"""
_DPKG: Final = """#!/bin/sh
cat "$2"
"""


class Apt:
    """The programs, the archives that they serve, and a home of Lichen's."""

    def __init__(self, folder: Path) -> None:
        self.archives, self.home, programs = folder / "archives", folder / "home", folder / "bin"
        for path in (self.archives, programs):
            path.mkdir()
        for name, text in (("apt-cache", _SHOW), ("apt-get", _GET), ("dpkg-deb", _DPKG)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        for package, names in FILES.items():
            with tarfile.open(self.archives / package, "w") as archive:
                for name in names:
                    member = tarfile.TarInfo(name)
                    member.size = len(name)
                    archive.addfile(member, io.BytesIO(name.encode()))
        self.environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "ARCHIVES": str(self.archives),
            "LICHEN_HOME": str(self.home),
        }

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "lichen", "windows", "--fetch"]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self) -> tuple[int, str, str]:
        with self.start() as process:
            output, errors = process.communicate(timeout=30)
            return process.returncode, output, errors


@pytest.fixture
def apt(tmp_path: Path) -> Apt:
    return Apt(tmp_path)


def test_what_is_wanted_is_there_and_nothing_else(apt: Apt) -> None:
    status, output, _ = apt.run()
    system = apt.home / "windows/usr/lib/x86_64-linux-gnu/wine/x86_64-windows"
    assert (status, output) == (0, f"Windows userland: {system}\n")
    found = {str(path.relative_to(apt.home)) for path in apt.home.rglob("*") if path.is_file()}
    wanted = {f"windows/{name[2:]}" for names in FILES.values() for name in names}
    assert found == {n for n in wanted if "not-wanted" not in n and "escaped" not in n} | {"windows.lock"}
    assert not (apt.home / "windows/escaped").exists()


def test_without_a_network_it_says_so(apt: Apt) -> None:
    (apt.archives / "offline").touch()
    status, _, errors = apt.run()
    assert status == 1
    assert "No route to host" in errors
    assert "sudo apt-get install libwine" in errors
    assert os.listdir(apt.home) == ["windows.lock"]


def test_without_apt_it_says_so(apt: Apt) -> None:
    apt.environment["PATH"] = "/nowhere"
    status, _, errors = apt.run()
    assert (status, "no Debian" in errors) == (1, True)


@pytest.mark.parametrize("package", FILES)
def test_a_damaged_package_replaces_nothing(apt: Apt, package: str) -> None:
    assert apt.run()[0] == 0
    before = sorted(apt.home.rglob("*"))
    whole = (apt.archives / package).read_bytes()
    (apt.archives / package).write_bytes(whole[: len(whole) // 20])
    assert apt.run()[0] == 1
    assert sorted(apt.home.rglob("*")) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_download(apt: Apt, number: int) -> None:
    """Nothing runs on, nothing is left that counts, and the next one works."""
    (apt.archives / "slow").touch()
    with apt.start() as process:
        eventually((apt.archives / "pid").exists)
        eventually(lambda: (apt.archives / "pid").read_text().endswith("\n"))
        downloading = int((apt.archives / "pid").read_text())
        process.send_signal(number)
        process.communicate(timeout=10)
        assert process.returncode != 0
    if number == signal.SIGKILL:
        os.kill(downloading, signal.SIGKILL)
    else:
        eventually(_gone(downloading))
        assert os.listdir(apt.home) == ["windows.lock"]
    (apt.archives / "slow").unlink()
    assert apt.run()[0] == 0
    assert sorted(os.listdir(apt.home)) == ["windows", "windows.lock"]


def _gone(pid: int) -> Callable[[], bool]:
    return lambda: not Path(f"/proc/{pid}").exists()
