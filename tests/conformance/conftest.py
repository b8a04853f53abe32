"""How conformance tests run one program twice: on the host and as a guest."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance import wine
from tests.conformance.wine import Wine

Run = Callable[[Path], subprocess.CompletedProcess[bytes]]

NOBODY = 65534
HOST_SECONDS = 20
GUEST_SECONDS = 50


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder in which programs of any user may make their own; what they leave behind goes with it."""
    with tempfile.TemporaryDirectory(prefix="lichen-conformance-") as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


@pytest.fixture
def run_on_host(scratch: Path) -> Run:
    """Run a program as a process of the host."""

    def run(program: Path) -> subprocess.CompletedProcess[bytes]:
        return _run([str(program)], {"TMPDIR": str(scratch)}, HOST_SECONDS)

    return run


@pytest.fixture
def run_as_ordinary_user(scratch: Path) -> Run:
    """Run a program on the host without root's rights; skip when the tests do not run as root anyway."""
    if os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user already")

    def run(program: Path) -> subprocess.CompletedProcess[bytes]:
        return _run([str(program)], {"TMPDIR": str(scratch)}, HOST_SECONDS, user=NOBODY)

    return run


@pytest.fixture
def run_as_guest(programs: Path) -> Run:
    """Run a program as a process of a machine of its own.

    The machine's /tmp is its own, so the folder of compiled programs is shared with it.
    """
    if importlib.util.find_spec("lichen.__main__") is None:
        pytest.skip("needs the command `lichen run`")

    def run(program: Path) -> subprocess.CompletedProcess[bytes]:
        share = f"{programs}:{programs}:ro"
        command = [sys.executable, "-m", "lichen", "run", "--fresh", "--share", share, "--", str(program)]
        return _run(command, {"TMPDIR": "/tmp"}, GUEST_SECONDS)

    return run


@pytest.fixture(scope="session")
def warm_wine() -> Iterator[Wine | None]:
    """The host's Wine with a server of its own, where there is one that runs."""
    with wine.running() as found:
        yield found


@pytest.fixture
def run_under_wine(warm_wine: Wine | None) -> Run:
    """Run a Windows program under the host's Wine."""
    if warm_wine is None:
        pytest.skip("needs the package wine64")
    loader, environment = warm_wine.loader, warm_wine.environment

    def run(program: Path) -> subprocess.CompletedProcess[bytes]:
        return _run([loader, str(program)], environment, HOST_SECONDS)

    return run


def _run(
    command: list[str], environment: dict[str, str], seconds: int, user: int | None = None
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",  # the one folder that every user and every machine has
            env={**os.environ, **environment},
            timeout=seconds,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    except subprocess.TimeoutExpired as late:
        printed = (late.stdout or b"").decode(errors="replace")
        pytest.fail(
            f"{' '.join(command)}\nwas not done in {seconds} s and had printed:\n{printed}", pytrace=False
        )
