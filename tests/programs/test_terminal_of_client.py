"""The user's terminal is put back as it was, however a session ends."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator

import pytest

from tests.programs.conftest import Lichen

PATIENCE = 20
_TAKE_TERMINAL = """\
import os, sys
os.setsid()
os.open(os.ttyname(0), os.O_RDWR)
os.execv(sys.argv[1], sys.argv[1:])
"""


class User:
    """Somebody at a terminal, on which `lichen` runs in the foreground."""

    def __init__(self, lichen: Lichen, *words: str) -> None:
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        python, *rest = lichen.command(*words)
        self.process = subprocess.Popen(
            [python, "-c", _TAKE_TERMINAL, python, *rest],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            cwd="/",
            env=lichen.environment,
        )
        self.shown = b""

    def sees(self, text: bytes) -> bool:
        """Wait until the terminal shows a text."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 4096)
        return text in self.shown

    def types(self, text: bytes) -> None:
        os.write(self.master, text)

    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def at_terminal(lichen: Lichen) -> Iterator[Callable[..., User]]:
    users: list[User] = []

    def start(*words: str) -> User:
        users.append(User(lichen, *words))
        return users[-1]

    yield start
    for user in users:
        user.close()


def kill_kernel(lichen: Lichen, user: User) -> None:
    os.kill(int(lichen.facts()["pid"]), signal.SIGKILL)


def terminate(lichen: Lichen, user: User) -> None:
    user.process.terminate()


def hang_up(lichen: Lichen, user: User) -> None:
    user.process.send_signal(signal.SIGHUP)


def end(lichen: Lichen, user: User) -> None:
    user.types(b"\x04")


@pytest.mark.parametrize(
    ("ending", "status"), [(end, 0), (kill_kernel, 125), (terminate, 143), (hang_up, -signal.SIGHUP)]
)
def test_the_terminal_is_put_back(
    lichen: Lichen,
    at_terminal: Callable[..., User],
    ending: Callable[[Lichen, User], None],
    status: int,
) -> None:
    user = at_terminal("run", "cat")
    user.types(b"hello\n")
    assert user.sees(b"hello\r\nhello\r\n"), user.shown
    assert user.is_raw()
    ending(lichen, user)
    assert user.process.wait(timeout=PATIENCE) == status
    assert termios.tcgetattr(user.slave) == user.before


def test_a_shell_without_arguments(lichen: Lichen, at_terminal: Callable[..., User]) -> None:
    user = at_terminal()
    user.types(b"tty; shopt login_shell; exit 7\n")
    assert user.sees(b"/dev/pts/0\r\n"), user.shown
    assert user.sees(b"\ton\r\n"), user.shown
    assert user.process.wait(timeout=PATIENCE) == 7
    assert termios.tcgetattr(user.slave) == user.before
