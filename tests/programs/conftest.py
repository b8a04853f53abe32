"""How tests use the `lichen` command: with a state folder of their own, which leaves no machine running behind it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lichen.boot.drives import find_userland
from tests import userlands

SECONDS = 50
Run = Callable[..., list[str]]
_STUB_OF_WINE = "OpenJDK 64-Bit Server VM warning: Attempt to get process group affinity failed"


class Lichen:
    """The command with a state folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "LICHEN_HOME": str(home)}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "lichen", *words]

    def run(
        self,
        *words: str,
        input: bytes | None = b"",
        cwd: str | Path = "/",
        variables: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        **more: Any,
    ) -> subprocess.CompletedProcess[bytes]:
        """`lichen WORDS...` to its end."""
        return subprocess.run(
            self.command(*words),
            check=False,
            input=input,
            cwd=cwd,
            env={**self.environment, **(variables or {})},
            timeout=seconds,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
        )

    def start(self, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        """`lichen WORDS...`, started; the test ends it."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.command(*words), cwd="/", env=self.environment, **{**pipes, **more})

    def facts(self, machine: str = "default") -> dict[str, str]:
        """What the kernel of a machine wrote of itself."""
        text = (self.home / "machines" / machine / "running").read_text()
        return dict(line.split(" ", 1) for line in text.splitlines())

    def machines(self) -> list[str]:
        return sorted(path.name for path in (self.home / "machines").iterdir())

    def log(self, machine: str = "default") -> str:
        return (self.home / "machines" / machine / "log").read_text()


@pytest.fixture
def lichen() -> Iterator[Lichen]:
    with tempfile.TemporaryDirectory(prefix="lichen-home-") as folder:
        command = Lichen(Path(folder))
        yield command
        assert command.run("shutdown").returncode == 0


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lichen]:
    """One machine with Windows for all tests of a module: the first Windows program of a machine takes the longest."""
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    userlands.own_programs()
    command = Lichen(tmp_path_factory.mktemp("home"))
    userlands.begin_as_the_users(command.home)
    yield command
    assert command.run("shutdown").returncode == 0


@pytest.fixture
def run(machine: Lichen, tmp_path: Path) -> Run:
    """Have a shell run a script in the test's folder, with the places of the files or folders `tools` as $1, $2; its lines."""

    def run(script: str, *tools: Path) -> list[str]:
        shares = [
            word
            for tool in {_folder(tool) for tool in tools}
            for word in ("--share", f"{tool}:{_shown(tool)}:ro")
        ]
        place = f"/{tmp_path.name}"
        words = ["run", "--share", f"{tmp_path}:{place}", *shares, "--cwd", place, "--"]
        places = (_shown(tool) for tool in tools)
        done = machine.run(*words, "bash", "-c", f"exec 2>&1; {script}", "-", *places, seconds=120)
        assert done.stderr == b""
        lines = done.stdout.decode().replace("\r", "").splitlines()
        return [line for line in lines if not line.startswith(_STUB_OF_WINE)]

    return run


def _folder(tool: Path) -> Path:
    return tool if tool.is_dir() else tool.parent


def _shown(tool: Path) -> str:
    """Where a tool is in the machine."""
    folder = f"/tools/{_folder(tool).name}"
    return folder if tool.is_dir() else f"{folder}/{tool.name}"


def bash(machine: Lichen, script: str, *shared: Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Have a shell of the machine run a script, which sees the folders `shared` by their own names."""
    shares = [word for path in shared for word in ("--share", f"{path}:{path}:ro")]
    return machine.run("run", *shares, "--", "bash", "-c", script, **more)


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something becomes true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process of the host is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    """The host processes that a process made: of a kernel, its guests."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found
