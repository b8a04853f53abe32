"""Two machines in one process: their programs run side by side and see nothing of each other, and each ends by itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from lichen.boot.launching import Launch, start
from lichen.boot.machine import Machine
from lichen.executive.processes import Process
from lichen.executive.security.tokens import Token
from tests.turns import until

TURN = 0.01
"""Seconds that one machine runs before it is the other's turn."""
SCRIPT = """
while read line; do
    echo "$line" >> /tmp/said
    cat /tmp/said
    ls /tmp /dev/shm | wc -l
    python3 -c "$0"
    (exit 3); echo $? $$
done
"""


LOCK = """
import fcntl
file = open("/tmp/lock", "w")
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("locked", open("/proc/locks").read().count("POSIX"))
"""


class World:
    """A machine with a shell that reads lines and answers."""

    def __init__(self, folder: Path) -> None:
        self.machine = Machine(folder)
        lines, self.input = os.pipe()
        self.output, answers = os.pipe()
        os.set_blocking(self.output, False)
        self.text = ""
        standard = lines, answers, os.dup(answers)
        self.shell = self.run(b"/bin/sh", b"-c", SCRIPT.encode(), LOCK.encode(), standard=standard)

    def run(self, program: bytes, *arguments: bytes, standard: tuple[int, ...]) -> Process:
        context = self.machine.context(b"/", Token.of_user(os.geteuid(), os.getegid()))
        files = [self.machine.standard_file(descriptor, context) for descriptor in standard]
        environment = {b"PATH": b"/usr/bin:/bin"}
        return start(self.machine, Launch(program, (program, *arguments), environment, context, b"/", files))

    def turn(self) -> None:
        scheduler = self.machine.scheduler
        scheduler.at(scheduler.clock() + TURN, lambda: None)
        scheduler.step()
        try:
            self.text += os.read(self.output, 1 << 16).decode()
        except BlockingIOError:
            return

    def close(self) -> None:
        self.machine.close()
        os.close(self.output)


def test_two_machines(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    worlds = first, second = World(tmp_path / "first"), World(tmp_path / "second")
    stranger = subprocess.Popen(["sleep", "100"])
    for world, name in zip(worlds, ("one", "two"), strict=True):
        os.write(world.input, f"{name}\n".encode())
    for _ in until(
        lambda: all(world.text.count("\n") == 4 for world in worlds), "both have written four lines"
    ):
        for world in worlds:
            world.turn()
    pid = first.shell.id
    for world, name in zip(worlds, ("one", "two"), strict=True):
        assert world.text.splitlines()[0] == name
        assert world.text.splitlines()[2:] == ["locked 1", f"3 {pid}"]
    assert second.shell.id == pid

    first.close()
    assert stranger.poll() is None
    second.text = ""
    os.write(second.input, b"still there\n")
    while second.text.count("\n") < 5:
        second.turn()
    assert second.text.splitlines()[:2] == ["two", "still there"]
    os.close(second.input)
    for _ in until(lambda: second.shell.exit_status, "the shell has ended with its input"):
        second.turn()
    assert second.shell.exit_status is not None
    assert second.shell.exit_status.code == 0
    assert not second.machine.scheduler.errors
    second.close()
    os.close(first.input)
    stranger.kill()
    stranger.wait(timeout=20)
