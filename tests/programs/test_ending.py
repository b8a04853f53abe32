"""A machine ends, or comes back, when a program of either world has it so; what runs in the other is asked to end first."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.administration import works
from tests.programs.conftest import Lichen, eventually, is_alive
from tests.programs.test_power import tool

SERVICE = (
    "trap 'echo asked >/root/told; exit' TERM; echo $$ >/run/service; while :; do sleep 1000 & wait; done"
)
"""A program of Linux that runs in the background and leaves word when it is asked to end."""


class Living:
    """A machine that stays, with a program of each world on it."""

    def __init__(self, lichen: Lichen) -> None:
        self.lichen = lichen
        assert lichen.run("start").returncode == 0
        self.kernel = int(lichen.facts()["pid"])
        nowhere: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        assert lichen.run("run", "--", "setsid", "-f", "sh", "-c", SERVICE, **nowhere).returncode == 0
        eventually(lambda: lichen.run("run", "test", "-s", "/run/service").returncode == 0)
        self.windows = lichen.start("run", "--", "cmd.exe", "/c", "echo ready& pause")
        assert self.windows.stdout is not None
        assert self.windows.stdout.readline() == b"ready\r\n"

    def types(self, *words: str) -> None:
        """Type a line in a session, which may end with the machine before it does."""
        self.lichen.run("run", "--", *words)

    def boots(self) -> int:
        return self.lichen.log().count("booted default on core")

    def both_were_ended(self) -> None:
        """The Windows program is gone; that of Linux was asked, as it left word on the disk."""
        assert self.windows.wait(timeout=20)
        assert self.lichen.run("run", "cat", "/root/told").stdout == b"asked\n"

    def is_off(self, mark: str) -> None:
        eventually(lambda: not is_alive(self.kernel), 20)
        assert self.lichen.run("list").stdout.split()[3] == b"stopped"
        assert f"going down: {mark}\n" in self.lichen.log()
        assert self.boots() == 1

    def is_back(self) -> None:
        eventually(lambda: self.boots() == 2, 20)
        assert "going down: rebooted\n" in self.lichen.log()
        assert self.lichen.run("list").stdout.split()[3] == b"running"
        assert self.lichen.run("run", "test", "-e", "/run/service").returncode == 1


@pytest.fixture
def living(lichen: Lichen, own_programs: Path) -> Iterator[Living]:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    machine = Living(lichen)
    yield machine
    machine.windows.kill()
    machine.windows.communicate()


@works("Power", "turn the machine off", "linux", "poweroff")
def test_poweroff(living: Living) -> None:
    living.types(tool("poweroff"))
    living.is_off("powered off")
    living.both_were_ended()


@works("Power", "turn the machine off", "linux", "shutdown -h now")
def test_shutdown_of_linux(living: Living) -> None:
    living.types(tool("shutdown"), "-h", "now")
    living.is_off("powered off")
    living.both_were_ended()


@works("Power", "turn the machine off", "windows", "shutdown /s /t 0")
def test_shutdown_of_windows(living: Living) -> None:
    living.types("cmd.exe", "/c", "shutdown /s /t 0")
    living.is_off("powered off")
    living.both_were_ended()


@works("Power", "restart the machine", "linux", "reboot")
def test_reboot(living: Living) -> None:
    living.types(tool("reboot"))
    living.is_back()
    living.both_were_ended()


@works("Power", "restart the machine", "windows", "shutdown /r /t 0")
def test_restart_by_windows(living: Living) -> None:
    living.types("cmd.exe", "/c", "shutdown /r /t 0")
    living.is_back()
    living.both_were_ended()


@works("Power", "restart the machine in some seconds", "windows", "shutdown /r /t 1")
def test_restart_later(living: Living) -> None:
    living.types("cmd.exe", "/c", "shutdown /r /t 1")
    living.is_back()
    living.both_were_ended()


@works("Power", "turn the machine off without asking programs", "linux", "poweroff -f")
def test_by_force(living: Living) -> None:
    living.types(tool("poweroff"), "-f")
    living.is_off("powered off")
    assert living.windows.wait(timeout=20) == 137
    assert living.lichen.run("run", "test", "-e", "/root/told").returncode == 1


@works("Power", "take back a shutdown that was set for later", "windows", "shutdown /a")
def test_it_is_taken_back(living: Living) -> None:
    assert living.lichen.run("run", "--", "shutdown.exe", "/s", "/t", "3600").returncode == 0
    living.types("cmd.exe", "/c", "shutdown /a")
    assert living.lichen.run("run", "--", "shutdown.exe", "/a").returncode == 1116 & 0xFF
    assert is_alive(living.kernel)
    assert living.windows.poll() is None
