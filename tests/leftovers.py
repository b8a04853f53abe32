"""What a run of the tests leaves on the host: nothing, which is looked at when all tests are done.

Others may test on the same host at the same time, so only what is this run's own counts: files in its own folder for
temporary files, processes that have its name in their environment, and guests whose kernel is gone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from lichen.daemon import places

_VARIABLE: Final = "LICHEN_TEST_RUN"
_GRACE: Final = 10.0
"""Seconds that a machine has to end after its last client."""


@contextmanager
def nothing_left() -> Iterator[None]:
    """Have temporary files of the tests in one folder, and fail when anything of the run is still there at its end."""
    usual = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="lichen-run-")
    os.chmod(folder, 0o755)
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", usual)  # pytest keeps its own folders for a while
    os.environ[_VARIABLE] = name = os.path.basename(folder)
    tempfile.tempdir = folder
    orphans, machines, mounts = set(_orphans()), set(_machines()), set(_mounts())
    try:
        yield
        deadline = time.monotonic() + _GRACE
        while found := [
            *(f"process {pid}: {_command(pid)!r}" for pid in _processes(name)),
            *(f"guest {pid} without a kernel" for pid in set(_orphans()) - orphans),
            *(f"machine {path}" for path in set(_machines()) - machines),
            *(f"mount {mount}" for mount in set(_mounts()) - mounts),
            *(f"file {path}" for path in Path(folder).iterdir()),
        ]:
            assert time.monotonic() < deadline, f"the tests left behind: {found}"
            time.sleep(0.1)
    finally:
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)


def _processes(name: str) -> Iterator[int]:
    """Processes that were started, however indirectly, by this run."""
    marker = f"{_VARIABLE}={name}".encode()
    for pid in _ids():
        with suppress(OSError):
            if pid != os.getpid() and marker in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                yield pid


def _orphans() -> Iterator[int]:
    """Guests whose parent is init: their kernel has ended."""
    for pid in _ids():
        with suppress(OSError):
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if (
                stat[0] != "Z"
                and stat[1] == "1"
                and _command(pid).startswith((b"lichen-guest", b"memfd:lichen"))
            ):
                yield pid


def _machines() -> Iterator[str]:
    """The folders of throw-away machines that do not run."""
    with suppress(OSError):
        for name in os.listdir(places.machines()):
            folder = os.path.join(places.machines(), name)
            if name.startswith(places.FRESH_PREFIX) and not places.is_running(folder):
                yield folder


def _mounts() -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if "lichen" in line:
            yield line


def _ids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _command(pid: int) -> bytes:
    """How a process was started; its name when that is not told."""
    with suppress(OSError):
        folder = Path(f"/proc/{pid}")
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ") or (folder / "comm").read_bytes()
    return b"?"
