"""Runs the benchmarks and prints a table: `make bench`. Nothing is asserted: figures are for reading, on this machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lichen.daemon import places

_HERE: Final = Path(__file__).parent
_FOLDER: Final = _HERE.parents[1] / ".build" / "bench"
_LICHEN: Final = [sys.executable, "-m", "lichen"]
_RUN: Final = [*_LICHEN, "run", "--share", f"{_FOLDER}:{_FOLDER}:ro"]
_ONE_CORE: Final = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
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
    native = figures([*_ONE_CORE, program])
    columns = {"native": native, "lichen": figures([*_RUN, "--fresh", "--", program])}
    with in_pure_python():
        columns["pure Python"] = figures([*_RUN, "--fresh", "--", program])
    if shutil.which("proot"):
        columns["proot"] = figures([*_ONE_CORE, "proot", program])
    show("native", columns)


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


def nt_operations() -> None:
    """Basic operations of a Windows program: on Lichen with and without its extension, and under Wine."""
    program = compile_program("x86_64-w64-mingw32-gcc", _HERE / "nt.c")
    if program is None:
        print("gcc-mingw-w64-x86-64 is missing: no figures for Windows programs")
        return
    columns = {"lichen": figures([*_RUN, "--fresh", "--", program])}
    with in_pure_python():
        columns["pure Python"] = figures([*_RUN, "--fresh", "--", program])
    with warm_wine() as wine:
        if wine:
            columns["Wine"] = figures([*_ONE_CORE, wine, program])
    show("", columns)


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
    print(f"lichen run hello.exe: cold {cold:.0f} ms, joining {joined:.0f} ms")
    print(f"a guest's shell starting it: {_inside([*_RUN, '--machine', _MACHINE, '--'], [hello]):.1f} ms")
    with warm_wine() as wine:
        if wine:
            print(f"a host's shell starting it under Wine: {_inside([], [wine, hello]):.1f} ms")


def _hello() -> Path | None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    source = _FOLDER / "hello.c"
    source.write_text(_HELLO)
    return compile_program("x86_64-w64-mingw32-gcc", source)


def _inside(prefix: Sequence[str], program: Sequence[str | Path]) -> float:
    """Milliseconds for a shell to start a program and wait for it: the best of twenty."""
    script = """best=999999999; for i in {1..20}; do start=${EPOCHREALTIME/./}; "$@" >/dev/null
        took=$((${EPOCHREALTIME/./} - start)); ((took < best)) && best=$took; done; echo $best"""
    command = [*prefix, "bash", "-c", script, "bash", *program]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1e3


def crowd() -> None:
    """A machine with 150 Linux and 150 Windows processes that sleep: what `ps -ef` takes, and what the kernel uses."""
    sleeper = compile_program("x86_64-w64-mingw32-gcc", _HERE / "sleeper.c")
    programs = [["sleep", "600"], *([[str(sleeper)]] if sleeper else [])]
    script = "".join(f"for i in {{1..150}}; do {shlex.join(program)} & done; " for program in programs)
    waiting = "echo; read line; start=${EPOCHREALTIME/./}; ps -ef > /dev/null; echo $((${EPOCHREALTIME/./} - start))"
    command = [*_RUN, "--machine", _MACHINE, "--", "bash", "-c", script + waiting]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdin
        assert shell.stdout
        shell.stdout.readline()
        time.sleep(3)
        before = _kernel_time()
        time.sleep(10)
        used = _kernel_time() - before
        shell.stdin.write("\n")
        shell.stdin.flush()
        print(
            f"\nwith {150 * len(programs)} sleepers: ps -ef {int(shell.stdout.readline()) / 1e3:.0f} ms,",
            end=" ",
        )
        print(f"the kernel used {used * 1e3:.0f} ms in 10 idle seconds")
        quietly([*_LICHEN, "terminate", _MACHINE])


def spinners() -> None:
    """How long a shell takes to start a program beside four guests that only compute (G10)."""
    script = """for i in {1..4}; do (while :; do :; done) & done; sleep 2; all=()
        for i in {1..20}; do start=${EPOCHREALTIME/./}; /bin/true; all+=($((${EPOCHREALTIME/./} - start))); done
        kill $(jobs -p); printf '%s\\n' "${all[@]}" | sort -n | sed -n '1p;10p;20p'"""
    shown = subprocess.run(
        [*_RUN, "--fresh", "--", "bash", "-c", script], capture_output=True, text=True, check=True
    )
    least, middle, most = (int(line) / 1e3 for line in shown.stdout.splitlines())
    print(
        f"beside four spinning guests a shell starts /bin/true in {least:.0f} to {most:.0f} ms, mostly {middle:.0f} ms"
    )


def _kernel_time() -> float:
    """Seconds of processor time that the benchmark machine's kernel has used."""
    kernel = places.facts(places.folder_of(_MACHINE))["pid"]
    return int(Path(f"/proc/{kernel}/schedstat").read_text().split()[0]) / 1e9


def main() -> None:
    """Everything, then the machine is removed."""
    operations()
    nt_operations()
    try:
        starts()
        crowd()
        spinners()
    finally:
        subprocess.run([*_LICHEN, "remove", _MACHINE], capture_output=True, check=False)


if __name__ == "__main__":
    main()
