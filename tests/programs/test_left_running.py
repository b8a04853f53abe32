"""Programs that outlive their session: they keep the machine, and the other world sees and ends them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.administration import works
from tests.programs.conftest import Lichen, eventually
from tests.programs.terminal import PROMPT, User
from tests.toolchain import host_program


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lichen]:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    userlands.own_programs()
    command = Lichen(tmp_path_factory.mktemp("home"))
    userlands.begin_as_the_users(command.home)
    yield command
    assert command.run("shutdown").returncode == 0


def said(machine: Lichen, *words: str) -> str:
    done = machine.run("run", "--", *words)
    assert done.returncode == 0, done
    return done.stdout.decode().replace("\r", "")


def left_by(machine: Lichen, line: str, *shell: str) -> None:
    """Type a line in a session on a terminal, which then closes."""
    user = User(machine, "run", "--", *shell)
    try:
        user.sees(PROMPT)
        user.commands(line.encode())
        user.commands(b"until pgrep -x sleep >/dev/null; do :; done")
    finally:
        user.hangs_up()


def kept_by(machine: Lichen) -> str:
    """What the host is told of what keeps the machine running."""
    told = machine.run("ps").stdout.decode().splitlines()[-1].removeprefix("kept running by: ")
    listed = machine.run("list", "-v").stdout.decode().splitlines()[-1]
    return told if listed.endswith(told) else f"{told} or {listed}"


def is_left(machine: Lichen, name: str) -> str:
    """Wait until the session is over and a program is all that is left; its number."""
    eventually(lambda: re.fullmatch(rf"left running: pid \d+ {name}", kept_by(machine)) is not None)
    return kept_by(machine).split()[3]


@pytest.mark.parametrize(
    "line", ["nohup sleep 1000 >/dev/null 2>&1 &", "setsid sleep 1000 &", "sleep 1000 & disown"]
)
@works("Life of a machine", "leave a program running", "linux", "nohup sleep 1000 >/dev/null 2>&1 &")
@works("Life of a machine", "leave a program running", "linux", "setsid sleep 1000 &")
@works("Life of a machine", "leave a program running", "linux", "sleep 1000 & disown")
@works("Life of a machine", "see what runs", "windows", "tasklist")
@works("Life of a machine", "end a program", "windows", "taskkill /f /pid PID")
def test_windows_ends_what_linux_left(machine: Lichen, line: str) -> None:
    left_by(machine, line, "bash", "--norc", "-i")
    pid = is_left(machine, "sleep")
    assert re.search(rf"^sleep +{pid} ", said(machine, "cmd.exe", "/c", "tasklist"), re.MULTILINE)
    said(machine, "cmd.exe", "/c", f"taskkill /f /pid {pid}")
    eventually(lambda: kept_by(machine).startswith("idle"))


@works("Life of a machine", "leave a program running", "linux", "tmux new -d -s work sleep 1000")
def test_windows_ends_what_runs_in_a_multiplexer(machine: Lichen) -> None:
    host_program("tmux")
    said(machine, "tmux", "new", "-d", "-s", "work", "sleep", "1000")
    assert "tmux" in kept_by(machine)
    found = re.search(r"^sleep +(\d+) ", said(machine, "cmd.exe", "/c", "tasklist"), re.MULTILINE)
    assert found is not None
    said(machine, "cmd.exe", "/c", f"taskkill /f /pid {found[1]}")
    eventually(lambda: kept_by(machine).startswith("idle"))


@works("Life of a machine", "leave a program running", "windows", "start /b ping -n 1000 127.0.0.1")
@works("Life of a machine", "see what runs", "linux", "ps -ef")
@works("Life of a machine", "end a program", "linux", "kill PID")
def test_linux_ends_what_windows_left(machine: Lichen) -> None:
    nowhere = machine.run(
        "run", "--", "cmd.exe", "/c", "start /b ping -n 1000 127.0.0.1", stdout=None, stderr=None
    )
    assert nowhere.returncode == 0
    pid = is_left(machine, "ping.exe")
    (line,) = [line for line in said(machine, "ps", "-ef").splitlines() if line.split()[1] == pid]
    assert line.endswith("ping.EXE -n 1000 127.0.0.1")
    said(machine, "bash", "-c", f"kill {pid}")
    eventually(lambda: kept_by(machine).startswith("idle"))


def test_tasks_that_are_not_there_are_not_ended(machine: Lichen) -> None:
    for words, reason in (
        (("cmd.exe", "/c", "taskkill /f /pid 999999"), b"Could not find process"),
        (("cmd.exe", "/c", "taskkill /f /im none-such.exe"), b"Could not find process"),
        (("bash", "-c", "kill 999999"), b"No such process"),
    ):
        done = machine.run("run", "--", *words)
        assert done.returncode != 0
        assert reason in done.stdout + done.stderr
