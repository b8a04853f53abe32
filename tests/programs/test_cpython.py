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


def test_python_finds_an_operating_system(lichen: Lichen) -> None:
    python = host_program("/usr/bin/python3", "python3")
    if subprocess.run([python, "-c", "import test.test_os"], check=False, capture_output=True).returncode:
        pytest.skip("needs the package libpython3.11-testsuite, or the one of the host's Python")
    done = lichen.run("run", "--fresh", "--cwd", "/tmp", "--", python, "-m", "test", *MODULES)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"All {len(MODULES)} tests OK.".encode() in done.stdout
