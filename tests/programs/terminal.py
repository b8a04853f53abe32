"""Somebody in front of a terminal: tests hold the master side of one of the host's and wait for what they expect to see."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from fcntl import ioctl

from tests.programs.conftest import Lichen

PROMPT = b"ready> "
SECONDS = 20
_ESCAPES = re.compile(rb"\x1b(\[[0-9;?>]*[a-zA-Z]|\][^\x07]*\x07|[=>()][B0]?)")


class User:
    """Somebody in front of a terminal on which `lichen WORDS...` was started."""

    def __init__(self, lichen: Lichen, *words: str, rows: int = 24, columns: int = 80) -> None:
        self.keyboard, self.terminal = pty.openpty()
        self.resize(rows, columns)
        self.settings = termios.tcgetattr(self.terminal)
        environment = {**lichen.environment, "TERM": "xterm", "PS1": PROMPT.decode(), "HISTFILE": "/dev/null"}
        self.process = subprocess.Popen(
            lichen.command(*words),
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            cwd="/",
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 # the tests have one thread
        )
        self.seen = b""
        self.everything = b""
        """What showed since the beginning, escape sequences included."""

    def types(self, keys: bytes) -> None:
        os.write(self.keyboard, keys)

    def sees(self, text: bytes) -> bytes:
        """Wait until `text` shows; returns all that showed until then."""
        deadline = time.monotonic() + SECONDS
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} does not show, but {self.seen[-2000:]!r}"
            self._look(left)
        before, _, self.seen = self.seen.partition(text)
        return before

    def _look(self, seconds: float) -> None:
        """Take what shows, if anything does within some seconds."""
        if select.select([self.keyboard], [], [], seconds)[0]:
            shown = os.read(self.keyboard, 65536)
            self.everything += shown
            self.seen = _ESCAPES.sub(b"", self.seen + shown)

    def commands(self, line: bytes) -> bytes:
        """Have the shell run a line; returns what shows until the next prompt."""
        self.types(line + b"\r")
        self.sees(line)
        return self.sees(PROMPT)

    def interrupts_until(self, text: bytes) -> None:
        """Press ^C until `text` shows: a program that just showed its prompt may not wait for keys yet, and misses it."""
        for _ in range(SECONDS):
            self.types(b"\x03")
            deadline = time.monotonic() + 1
            while text not in self.seen and (left := deadline - time.monotonic()) > 0:
                self._look(left)
            if text in self.seen:
                break
        self.sees(text)

    def resize(self, rows: int, columns: int) -> None:
        ioctl(self.keyboard, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def ends(self) -> int:
        """Wait for the end of the command; the terminal is as it was."""
        status = self.process.wait(SECONDS)
        assert termios.tcgetattr(self.terminal) == self.settings
        return status

    def hangs_up(self) -> None:
        """The terminal goes away."""
        os.close(self.keyboard)
        os.close(self.terminal)
        self.keyboard = self.terminal = -1
        self.process.wait(SECONDS)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self.keyboard, self.terminal):
            if descriptor >= 0:
                os.close(descriptor)
