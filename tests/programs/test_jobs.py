"""Job control of a shell on a terminal over Windows programs: they are jobs like any other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen
from tests.programs.terminal import PROMPT, User
from tests.toolchain import Toolchain

SOURCES = Path(__file__).parent / "windows"


@pytest.fixture
def shell(lichen: Lichen, windows_c: Toolchain) -> Iterator[User]:
    """An interactive bash that knows a Windows program as `sleeper` and a filter as `filter`."""
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    sleeper, pipe = (windows_c.compile(SOURCES / f"{name}.c") for name in ("sleeper", "filter"))
    share = f"{sleeper.parent}:{sleeper.parent}:ro"
    user = User(lichen, "run", "--share", share, "--", "bash", "--norc", "--noediting", "-i")
    user.sees(PROMPT)
    links = f"ln -s {sleeper} /tmp/bin/sleeper; ln -s {pipe} /tmp/bin/filter"
    user.commands(f"mkdir /tmp/bin; PATH=/tmp/bin:$PATH; {links}".encode())
    yield user
    user.close()


def start(shell: User) -> None:
    """Run the sleeper in the foreground, until it says that it is ready."""
    shell.types(b"sleeper\r")
    shell.sees(b"sleeper\r\n")
    shell.sees(b"ready")


def test_interrupt(shell: User) -> None:
    start(shell)
    shell.types(b"\x03")
    shell.sees(PROMPT)
    assert b"130" in shell.commands(b"echo $?")


def test_suspend_background_foreground(shell: User) -> None:
    start(shell)
    shell.types(b"\x1a")
    assert b"Stopped" in shell.sees(PROMPT)
    assert b"T" in shell.commands(b"ps -o state= -p $(jobs -p)")
    assert b"sleeper &" in shell.commands(b"bg")
    assert b"Running" in shell.commands(b"jobs")
    assert b"S" in shell.commands(b"ps -o state= -p $(jobs -p)")
    shell.types(b"fg\r")
    shell.sees(b"sleeper\r\n")
    time.sleep(0.3)
    shell.types(b"\x03")
    shell.sees(PROMPT)
    assert b"sleeper" not in shell.commands(b"jobs")


def test_a_mixed_pipeline_is_one_job(shell: User) -> None:
    shell.types(b"sleep 100 | filter | cat\r")
    shell.sees(b"cat\r\n")
    time.sleep(0.7)
    shell.types(b"\x1a")
    assert b"Stopped" in shell.sees(PROMPT)
    groups = shell.commands(
        b"ps -C sleep,cat,filter -o pgid=,tpgid=,state= | sort | uniq -c | wc -l; jobs | wc -l"
    )
    assert groups.split() == [b"1", b"1"]
    shell.types(b"fg\r")
    shell.sees(b"cat\r\n")
    time.sleep(0.3)
    shell.types(b"\x03")
    shell.sees(PROMPT)
    assert shell.commands(b"ps -C sleep,cat,filter -o args=").strip() == b""


def test_a_job_is_killed_by_its_number(shell: User) -> None:
    shell.commands(b"sleeper > /tmp/told & until [ -s /tmp/told ]; do sleep 0.02; done")
    assert b"Terminated" in shell.commands(b"kill %1; sleep 0.3") + shell.commands(b"true")


def test_a_filter_reads_what_is_typed(shell: User) -> None:
    shell.types(b"filter upper | cat\r")
    shell.sees(b"cat\r\n")
    shell.types(b"typed\r")
    shell.sees(b"TYPED")
    shell.types(b"\x04")
    shell.sees(PROMPT)
