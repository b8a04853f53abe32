"""Servers of one world and clients of the other on one machine's loopback, with each world's own ways of waiting."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.programs.conftest import Lichen
from tests.toolchain import Toolchain

HERE = Path(__file__).parent
_INTERNET = ["linux answered 3", "windows asks: 1 1 1", "linux asks: True True True", "windows answered 3"]
_LOCAL = [
    "linux sees True True True",
    "linux answered 3",
    "peer is linux",
    "windows asks: 1 1 1",
    "linux sees True True",
    "linux asks: True True True",
    "peer is linux",
    "windows answered 3",
    "deleted True",
]


def test_servers_and_clients(machine: Lichen, windows_c: Toolchain, tmp_path: Path) -> None:
    """epoll on one side, WSAPoll or a completion port on the other; the same file names a local socket for both."""
    program = windows_c.compile(HERE / "windows" / "across.c", "-lws2_32")
    shutil.copy(program, tmp_path / "across.exe")
    shutil.copy(HERE / "scripts" / "across.py", tmp_path)
    words = ("python3", "/programs/across.py", "/programs/across.exe", "/mnt/c/windows/temp")
    done = machine.run("run", "--share", f"{tmp_path}:/programs:ro", "--", *words)
    ways = [
        [f"{way} AF_INET", *_INTERNET, f"{way} AF_INET6", *_INTERNET, f"{way} AF_UNIX", *_LOCAL]
        for way in ("poll", "port")
    ]
    assert done.stdout.decode().splitlines() == [line for way in ways for line in way], done.stderr
