"""^Z on `lichen run PROGRAM`: the program stops, the client with it, and the shell of the host has its terminal as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.programs.conftest import Lichen, eventually
from tests.programs.terminal import PROMPT, User
from tests.toolchain import host_program


@pytest.fixture
def shell(lichen: Lichen) -> Iterator[User]:
    """Somebody in front of a shell of the host, who has `lichen` as $L."""
    bash = host_program("bash")
    environment = {**lichen.environment, "L": f"{sys.executable} -m lichen"}
    host = SimpleNamespace(
        command=lambda *words: [bash, "--norc", "--noprofile", *words], environment=environment
    )
    user = User(cast(Any, host), "-i")
    user.sees(PROMPT)
    yield user
    user.close()


def test_a_program_is_stopped_and_goes_on(shell: User) -> None:
    shell.types(b"$L run cat\r")
    shell.sees(b"$L run cat")
    shell.types(b"first\r")
    shell.sees(b"first\r\nfirst")
    shell.types(b"\x1a")
    shell.sees(b"Stopped")
    shell.sees(PROMPT)
    assert b" icanon" in shell.commands(b"stty -a")
    assert b"T" in shell.commands(b"$L run ps -o stat= -C cat")
    shell.types(b"fg\r")
    shell.sees(b"$L run cat")
    eventually(lambda: _is_raw(shell))
    shell.types(b"second\r")
    shell.sees(b"second\r\nsecond")
    shell.types(b"\x1a")
    shell.sees(b"Stopped")
    shell.sees(PROMPT)
    shell.types(b"fg\r")
    shell.sees(b"$L run cat")
    eventually(lambda: _is_raw(shell))
    shell.types(b"\x04")
    shell.sees(PROMPT)
    assert b"=0=" in shell.commands(b"echo =$?=")


def test_in_the_background_the_keys_are_the_shells(shell: User) -> None:
    shell.types(b"$L run sh -c 'echo begun; read line; echo got $line; sleep 0.1; echo end'\r")
    shell.sees(b"begun\r")
    shell.types(b"\x1a")
    shell.sees(b"Stopped")
    shell.sees(PROMPT)
    shell.types(b"bg\r")
    shell.sees(PROMPT)
    assert b"for-the-shell" in shell.commands(b"echo for-the-shell")
    shell.types(b"fg\r")
    eventually(lambda: _is_raw(shell))
    shell.types(b"line\r")
    shell.sees(b"got line")
    shell.sees(b"end")
    shell.sees(PROMPT)


def test_without_a_terminal_too(shell: User) -> None:
    shell.types(b"$L run sh -c 'echo begun; sleep 0.5; echo end' | cat\r")
    shell.sees(b"begun\r")
    shell.types(b"\x1a")
    shell.sees(b"Stopped")
    shell.sees(PROMPT)
    assert b"T" in shell.commands(b"$L run ps -eo stat=,args=")
    shell.types(b"fg\r")
    shell.sees(b"\nend")
    shell.sees(PROMPT)


def test_nobody_could_continue_it(lichen: Lichen) -> None:
    """A client that is no job of a shell is not stopped, nor is its program."""
    client = lichen.start("run", "--", "sh", "-c", "kill -TSTP $$; echo went on", start_new_session=True)
    output, _ = client.communicate(timeout=20)
    assert output == b"went on\n"


def test_a_job_is_stopped_by_its_signal(lichen: Lichen) -> None:
    with lichen.start(
        "run", "--", "sh", "-c", "echo begun; read line; echo $line", process_group=0
    ) as client:
        assert client.stdout is not None
        assert client.stdin is not None
        assert client.stdout.readline() == b"begun\n"
        os.kill(client.pid, signal.SIGTSTP)
        eventually(lambda: _state(client) == "T")
        os.kill(client.pid, signal.SIGCONT)
        eventually(lambda: _state(client) != "T")
        client.stdin.write(b"again\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"again\n"
        assert client.wait(20) == 0


def _is_raw(user: User) -> bool:
    """Whether the terminal passes every key on as it is."""
    return not termios.tcgetattr(user.terminal)[3] & termios.ICANON


def _state(process: subprocess.Popen[bytes]) -> str:
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
