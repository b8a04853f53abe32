"""What the benchmarks share: compiling, running, comparing, and Wine where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
FOLDER: Final = HERE.parents[1] / ".build" / "bench"
LICHEN: Final = [sys.executable, "-m", "lichen"]
RUN: Final = [*LICHEN, "run", "--share", f"{FOLDER}:{FOLDER}:ro"]
ONE_CORE: Final = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
MACHINE: Final = "bench"


def compile_program(compiler: str, source: Path, *flags: str) -> Path | None:
    """Compile a C program into the build folder; None when the compiler is missing."""
    if not shutil.which(compiler):
        return None
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / (source.stem + (".exe" if "mingw" in compiler else ""))
    subprocess.run([compiler, "-O1", "-w", "-o", target, source, *flags], check=True)
    return target


def figures(command: Sequence[str | Path]) -> dict[str, float]:
    """What a run of the program prints: name -> microseconds."""
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in shown.splitlines())}


def best(action: Callable[[], object], times: int = 5) -> float:
    """The shortest of several runs, in milliseconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        found.append((time.perf_counter() - start) * 1e3)
    return min(found)


def quietly(command: Sequence[str | Path]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def show(base: str, columns: Mapping[str, dict[str, float]]) -> None:
    """A table of microseconds, with ratios to the column `base` when there is one."""
    ratio = "   ratio" if base in columns else ""
    print(
        f"\n{'microseconds':30}" + "".join(f"{name:>13}{ratio if name != base else ''}" for name in columns)
    )
    for row in next(iter(columns.values())):
        cells = (
            f"{found[row]:13.2f}"
            + (f"{found[row] / columns[base][row]:8.1f}" if ratio and name != base else "")
            for name, found in columns.items()
        )
        print(f"{row:30}" + "".join(cells))


@contextmanager
def in_pure_python() -> Iterator[None]:
    """Machines that are started meanwhile do without the extension."""
    os.environ["LICHEN_PURE_PYTHON"] = "1"
    yield
    del os.environ["LICHEN_PURE_PYTHON"]


@contextmanager
def warm_wine() -> Iterator[str | None]:
    """Wine's loader with a server of its own that runs, or None where Wine is not installed."""
    wine = shutil.which("wine") or shutil.which("wine64", path="/usr/lib/wine")
    if wine is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as prefix:
        os.environ |= {"WINEPREFIX": prefix, "WINEDEBUG": "-all"}
        quietly([wine, "hostname.exe"])
        yield wine
        quietly(
            [shutil.which("wineserver", path=f"{os.environ['PATH']}:/usr/lib/wine") or "wineserver", "-k"]
        )
