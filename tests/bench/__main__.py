"""Runs the benchmarks and prints a table: `make bench`. Nothing is asserted: figures are for reading, on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_FOLDER: Final = _HERE.parents[1] / ".build" / "bench"
_LICHEN: Final = [sys.executable, "-m", "lichen"]
_RUN: Final = [*_LICHEN, "run", "--share", f"{_FOLDER}:{_FOLDER}:ro"]
_HELLO: Final = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
_MACHINE: Final = "bench"


def compile_program(compiler: str, source: Path, *flags: str) -> Path | None:
    """Compile a C program into the build folder; None when the compiler is missing."""
    if not shutil.which(compiler):
        return None
    _FOLDER.mkdir(parents=True, exist_ok=True)
    target = _FOLDER / (source.stem + (".exe" if "mingw" in compiler else ""))
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


def operations() -> None:
    """Basic operations of a Linux program: native, on Lichen with and without its extension, under proot."""
    program = compile_program("gcc", _HERE / "linux.c", "-static", "-pthread")
    if program is None:
        print("gcc is missing: no figures for Linux operations")
        return
    core = str(max(os.sched_getaffinity(0)))
    native = figures(["taskset", "-c", core, program])
    columns = {"lichen": figures([*_RUN, "--fresh", "--", program])}
    os.environ["LICHEN_PURE_PYTHON"] = "1"
    columns["pure Python"] = figures([*_RUN, "--fresh", "--", program])
    del os.environ["LICHEN_PURE_PYTHON"]
    if shutil.which("proot"):
        columns["proot"] = figures(["taskset", "-c", core, "proot", program])
    print(
        f"{'operation':28}{'native us':>11}" + "".join(f"{name + ' us':>15}{'ratio':>8}" for name in columns)
    )
    for name, value in native.items():
        cells = "".join(f"{found[name]:15.2f}{found[name] / value:8.1f}" for found in columns.values())
        print(f"{name:28}{value:11.2f}{cells}")


def starts() -> None:
    """How long programs take to start, cold and on a machine that runs."""
    cold = best(lambda: quietly([*_LICHEN, "run", "--fresh", "--", "/bin/true"]))
    quietly([*_LICHEN, "run", "--machine", _MACHINE, "--", "/bin/true"])
    joined = best(lambda: quietly([*_LICHEN, "run", "--machine", _MACHINE, "--", "/bin/true"]))
    print(f"\nlichen run /bin/true: cold {cold:.0f} ms, joining {joined:.0f} ms")
    hello = _hello()
    if hello is None:
        print("gcc-mingw-w64-x86-64 is missing: no figures for Windows programs")
        return
    cold = best(lambda: quietly([*_RUN, "--fresh", "--", hello]))
    quietly([*_RUN, "--machine", _MACHINE, "--", hello])
    joined = best(lambda: quietly([*_RUN, "--machine", _MACHINE, "--", hello]))
    inside = _inside(hello)
    print(
        f"lichen run hello.exe: cold {cold:.0f} ms, joining {joined:.0f} ms; started by a guest's shell {inside:.1f} ms"
    )
    if shutil.which("wine"):
        with tempfile.TemporaryDirectory() as prefix:
            os.environ |= {"WINEPREFIX": prefix, "WINEDEBUG": "-all"}
            quietly(["wine", hello])
            print(f"wine hello.exe: warm {best(lambda: quietly(['wine', hello])):.0f} ms")
            quietly(["wineserver", "-k"])


def _hello() -> Path | None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    source = _FOLDER / "hello.c"
    source.write_text(_HELLO)
    return compile_program("x86_64-w64-mingw32-gcc", source)


def _inside(program: Path, times: int = 20) -> float:
    """Milliseconds for a shell on the machine to start a program and wait for it."""
    script = f"start=$(date +%s%N); for i in $(seq {times}); do {program} >/dev/null; done; echo $(($(date +%s%N)-start))"
    command = [*_RUN, "--machine", _MACHINE, "--", "bash", "-c", script]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(shown) / times / 1e6


def main() -> None:
    """Everything, then the machine is removed."""
    operations()
    try:
        starts()
    finally:
        subprocess.run([*_LICHEN, "remove", _MACHINE], capture_output=True, check=False)


if __name__ == "__main__":
    main()
