"""What a process leaves in the kernel when it is gone: nothing, whoever looked at it meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from lichen.boot.drives import find_userland
from tests.programs.conftest import SECONDS
from tests.toolchain import Toolchain, host_program

_HERE: Final = Path(__file__).parent
_CONFORMANCE: Final = _HERE.parent / "conformance" / "nt"
_LINUX: Final = """
import os, pty, select, signal, socket, subprocess, threading, time
for number in range(5):
    thread = threading.Thread(target=time.sleep, args=(0.01,)); thread.start(); thread.join()
    subprocess.run(["true"]); subprocess.run(["timeout", "9", "true"]); subprocess.run(["timeout", "0.01", "sleep", "9"])
    a, b = socket.socketpair(); c, d = socket.socketpair(type=socket.SOCK_DGRAM)
    e = socket.socket(socket.AF_UNIX); e.bind(f"\\0{number}"); e.listen(); f = socket.create_connection
    g = socket.socket(socket.AF_UNIX); g.connect(f"\\0{number}"); h, _ = e.accept(); g.send(b"left")
    i = socket.socket(); i.bind(("127.0.0.1", 0)); i.listen(); j = f(i.getsockname()); k, _ = i.accept()
    poll = select.epoll(); poll.register(a); poll.register(h); poll.poll(0)
    os.close(os.pidfd_open(os.getpid())); os.close(os.eventfd(0))
    master, slave = pty.openpty(); os.close(slave); os.close(master)
    signal.setitimer(signal.ITIMER_REAL, 100)
    for each in (a, b, c, d, e, g, h, i, j, k, poll): each.close()
"""


def left(folder: Path, warm_up: str, script: str) -> dict[str, Any]:
    """What a script leaves in the kernel after another has run."""
    command = [sys.executable, "-m", "tests.programs.garbage", str(folder), warm_up, script]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=SECONDS, cwd=_HERE.parents[1]
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["status"], found["errors"], found["processes"]) == (0, 0, 1), (found, done.stderr)
    return found


def test_thousands_of_processes_that_were_looked_at_leave_nothing(linux_c: Toolchain, programs: Path) -> None:
    host_program("ps", "procps")
    many = linux_c.compile(_HERE / "many.c")
    script = f"{many} %d & for i in 1 2 3 4; do ps -ef > /dev/null; done; wait"
    found = left(programs, script % 100, script % 3000)
    assert found["circles"] == {}
    assert found["garbage"] < 300, "thirty objects would be left of each process"
    assert found["objects"] < 3000, "an object for each"
    assert found["memory"] < 3 << 20, "a kilobyte for each"


def test_circles_are_broken(programs: Path) -> None:
    python = host_program("/usr/bin/python3", "python3")
    assert left(programs, "true", f"{python} -c '{_LINUX}'")["circles"] == {}


def test_circles_of_windows_programs_are_broken(windows_c: Toolchain, programs: Path) -> None:
    if find_userland() is None:
        pytest.skip("needs the package libwine")
    names = ("threads", "waits", "directories", "processes")
    built = [windows_c.compile(_CONFORMANCE / f"{name}.c", "-lntdll") for name in names]
    script = "; ".join(f"{path} > /dev/null < /dev/null || exit" for path in built)
    assert left(programs, "true", f"{script}; cmd.exe /c 'ls / & echo x' > /dev/null")["circles"] == {}
