"""A machine without a daemon, whose kernel tells what a script on it has left behind: `python -m tests.programs.garbage`.

The collector of cyclic garbage is off meanwhile, so what it finds in the end are circles of objects of the kernel's own that
nobody broke. In a daemon they would stay for hours: what was looked at is old when it ends, and old objects are collected
the more seldom the more there are.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from lichen.boot import launching
from lichen.boot.machine import Machine
from lichen.boot.tree import Share
from lichen.executive.io.context import FileSystemContext
from lichen.executive.security.tokens import Token

_QUIET = 0.3
"""Seconds after which the host has told the last end of a guest."""


def main(folder: str, shared: str, warm_up: str, script: str) -> None:
    """Run two scripts one after the other, and print as JSON what the second has left."""
    machine = Machine(folder)
    machine.tree.share(Share(shared, shared, True), Token.of_user(0, 0))
    _run(machine, warm_up)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    memory, objects = _memory(), len(gc.get_objects())
    status = _run(machine, script)
    memory, objects = _memory() - memory, len(gc.get_objects()) - objects
    gc.collect()
    circles = Counter(
        type(each).__name__ for each in gc.garbage if type(each).__module__.startswith("lichen")
    )
    errors, tasks = machine.scheduler.errors, len(machine.state.processes)
    machine.close()
    json.dump(
        {
            "status": status,
            "errors": errors,
            "processes": tasks,
            "memory": memory,
            "objects": objects,
            "circles": circles,
            "garbage": len(gc.garbage),
        },
        sys.stdout,
    )


def _run(machine: Machine, script: str) -> int:
    root = machine.state.processes.init.files.root
    context = FileSystemContext(root, root, Token.of_user(0, 0))
    environment = {b"PATH": b"/usr/bin:/bin:/mnt/c/windows/system32"}
    arguments = (b"bash", b"-c", os.fsencode(script))
    process = launching.start(machine, launching.Launch(b"bash", arguments, environment, context, b"/"))
    while process.exit_status is None:
        machine.scheduler.step()
    end = time.monotonic() + _QUIET
    while time.monotonic() < end:
        machine.scheduler.step() if machine.scheduler.ready else machine.platform.step(0.01)
    return process.exit_status.code


def _memory() -> int:
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        main(home, *sys.argv[1:])
