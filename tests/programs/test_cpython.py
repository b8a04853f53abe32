"""Python's own tests of what it asks of an operating system, run by Debian's python3 on a machine."""

from __future__ import annotations

import subprocess

import pytest

from tests.programs.conftest import Lichen
from tests.toolchain import host_program

MODULES = (
    "test_epoll",
    "test_fcntl",
    "test_file",
    "test_fileio",
    "test_mmap",
    "test_os",
    "test_pipes",
    "test_popen",
    "test_posix",
    "test_pty",
    "test_resource",
    "test_stat",
    "test_thread",
)


PRESENT = (
    f"import importlib.util; print(*(name for name in {MODULES} if importlib.util.find_spec('test.' + name)))"
)
HURRIED = "*timerfd*"
"""Tests that want two calls answered within half a millisecond, the first that a machine makes of them included."""


def test_python_finds_an_operating_system(lichen: Lichen) -> None:
    python = host_program("/usr/bin/python3", "python3")
    found = subprocess.run([python, "-c", PRESENT], check=False, capture_output=True, text=True)
    modules = found.stdout.split()
    if "test_os" not in modules:
        pytest.skip("needs the package libpython3.11-testsuite, or the one of the host's Python")
    assert len(modules) >= len(MODULES) - 1, "3.13 has no test_pipes"
    words = ("-m", "test", "-i", HURRIED, *modules)
    done = lichen.run("run", "--fresh", "--cwd", "/tmp", "--", python, *words)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"All {len(modules)} tests OK.".encode() in done.stdout
