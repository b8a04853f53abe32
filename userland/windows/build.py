#!/usr/bin/env python3
"""Builds Lichen's own Windows programs: every .c file beside this one becomes a program in `src/lichen/userland`.

Only what is older than its source is built. Without a compiler nothing is, which is no failure: Lichen goes on with what there
is, and `lichen status` tells.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMPILER = "x86_64-w64-mingw32-gcc"
PACKAGE = "gcc-mingw-w64-x86-64"
SOURCES = Path(__file__).resolve().parent
TARGET = SOURCES.parents[1] / "src" / "lichen" / "userland"
FLAGS = (
    *("-std=c11", "-Os", "-s", "-municode", "-Wall", "-Wextra"),
    "-Wl,--no-insert-timestamp",  # the same sources give the same programs
)
LIBRARIES = ("-ladvapi32", "-luser32", "-lws2_32", "-liphlpapi", "-lnetapi32", "-lole32")
"""Import libraries: a program imports what it uses and nothing else."""


def stale(target: Path) -> list[Path]:
    """The sources whose programs are missing or older than they, than the headers or than this file."""
    shared = max(path.stat().st_mtime_ns for path in (Path(__file__), *SOURCES.glob("*.h")))
    return [
        source
        for source in sorted(SOURCES.glob("*.c"))
        if not (program := target / f"{source.stem}.exe").exists()
        or program.stat().st_mtime_ns < max(shared, source.stat().st_mtime_ns)
    ]


def build(source: Path, target: Path) -> str:
    """Compile one program, which gets its name when it is whole; what the compiler complains of."""
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target) as scratch:
        unfinished = Path(scratch) / f"{source.stem}.exe"
        command = [COMPILER, *FLAGS, "-o", str(unfinished), str(source), *LIBRARIES]
        run = subprocess.run(command, check=False, capture_output=True, text=True)
        if run.returncode == 0:
            unfinished.replace(target / unfinished.name)
            return ""
        return run.stderr or f"{COMPILER} ended with {run.returncode}\n"


def main(target: Path = TARGET) -> int:
    """Build what has to be; 1 when something could not be."""
    wanted = stale(target)
    if not wanted:
        return 0
    if shutil.which(COMPILER) is None:
        print(
            f"lichen: its own Windows programs are not built, as there is no {COMPILER} (package {PACKAGE})"
        )
        return 0
    target.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = list(pool.map(lambda source: build(source, target), wanted))
    sys.stderr.write("".join(complaints))
    return 1 if any(complaints) else 0


if __name__ == "__main__":
    sys.exit(main())
