"""A machine in the test's own process, whose programs ask for its end: what was asked for is seen, and nobody does it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lichen.boot.launching import Launch, start
from lichen.boot.machine import Machine
from lichen.executive.power import Power
from lichen.executive.security.tokens import Token
from tests.turns import until

ROOT = 0
SOMEBODY = 1000
_PATH = b"/usr/sbin:/usr/bin:/sbin:/bin:/mnt/c/windows/system32"
_TURN = 0.01
"""Seconds after which the loop looks whether a program has ended."""


class Asked:
    """The machine, and how the program ended that was run last."""

    def __init__(self, folder: Path) -> None:
        self.machine = Machine(folder)
        self.status: int | None = None
        self.output = ""

    @property
    def power(self) -> Power:
        return self.machine.state.power

    def run(self, *words: str, user: int = ROOT) -> None:
        """Run a program to its end, or until the machine is to end at once: then `status` is None."""
        machine, scheduler = self.machine, self.machine.scheduler
        context = machine.context(b"/", Token.of_user(user, user))
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        descriptors = os.open("/dev/null", os.O_RDONLY), writing, os.dup(writing)
        files = [machine.standard_file(descriptor, context) for descriptor in descriptors]
        arguments = tuple(os.fsencode(word) for word in words)
        launch = Launch(arguments[0], arguments, {b"PATH": _PATH}, context, b"/", files)
        process = start(machine, launch)
        for _ in until(
            lambda: process.exit_status is not None or self.power.at_once, f"{words[0]} has ended"
        ):
            scheduler.at(scheduler.clock() + _TURN, lambda: None)
            scheduler.step()
        self.status = None if process.exit_status is None else process.exit_status.code
        self.output = self._written(reading)

    @staticmethod
    def _written(reading: int) -> str:
        with os.fdopen(reading, "rb") as file:
            return (file.read() or b"").decode()


@contextmanager
def asked(folder: Path) -> Iterator[Asked]:
    """A machine whose folder is empty."""
    asking = Asked(folder)
    try:
        yield asking
        assert not asking.machine.scheduler.errors
    finally:
        asking.machine.close()
