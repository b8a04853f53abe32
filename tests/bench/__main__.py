"""Runs the benchmarks and prints a table: `make bench`. Nothing is asserted: figures are for reading, on this machine."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lichen.daemon import places
from tests.bench import network
from tests.bench.measuring import (
    FOLDER,
    HERE,
    LICHEN,
    MACHINE,
    ONE_CORE,
    RUN,
    best,
    compile_program,
    figures,
    in_pure_python,
    quietly,
    show,
    warm_wine,
)

_HELLO: Final = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'


def operations() -> None:
    """Basic operations of a Linux program: native, on Lichen with and without its extension, under proot."""
    program = compile_program("gcc", HERE / "linux.c", "-static", "-pthread")
    if program is None:
        print("gcc is missing: no figures for Linux operations")
        return
    native = figures([*ONE_CORE, program])
    columns = {"native": native, "lichen": figures([*RUN, "--fresh", "--", program])}
    with in_pure_python():
        columns["pure Python"] = figures([*RUN, "--fresh", "--", program])
    if shutil.which("proot"):
        columns["proot"] = figures([*ONE_CORE, "proot", program])
    show("native", columns)


def nt_operations() -> None:
    """Basic operations of a Windows program: on Lichen with and without its extension, and under Wine."""
    program = compile_program("x86_64-w64-mingw32-gcc", HERE / "nt.c")
    if program is None:
        print("gcc-mingw-w64-x86-64 is missing: no figures for Windows programs")
        return
    columns = {"lichen": figures([*RUN, "--fresh", "--", program])}
    with in_pure_python():
        columns["pure Python"] = figures([*RUN, "--fresh", "--", program])
    with warm_wine() as wine:
        if wine:
            columns["Wine"] = figures([*ONE_CORE, wine, program])
    show("", columns)


def starts() -> None:
    """How long programs take to start, cold and on a machine that runs."""
    cold = best(lambda: quietly([*LICHEN, "run", "--fresh", "--", "/bin/true"]))
    quietly([*LICHEN, "run", "--machine", MACHINE, "--", "/bin/true"])
    joined = best(lambda: quietly([*LICHEN, "run", "--machine", MACHINE, "--", "/bin/true"]))
    print(f"\nlichen run /bin/true: cold {cold:.0f} ms, joining {joined:.0f} ms")
    hello = _hello()
    if hello is None:
        print("gcc-mingw-w64-x86-64 is missing: no figures for Windows programs")
        return
    cold = best(lambda: quietly([*RUN, "--fresh", "--", hello]))
    quietly([*RUN, "--machine", MACHINE, "--", hello])
    joined = best(lambda: quietly([*RUN, "--machine", MACHINE, "--", hello]))
    print(f"lichen run hello.exe: cold {cold:.0f} ms, joining {joined:.0f} ms")
    print(f"a guest's shell starting it: {_inside([*RUN, '--machine', MACHINE, '--'], [hello]):.1f} ms")
    with warm_wine() as wine:
        if wine:
            print(f"a host's shell starting it under Wine: {_inside([], [wine, hello]):.1f} ms")


def _hello() -> Path | None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    source = FOLDER / "hello.c"
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
    sleeper = compile_program("x86_64-w64-mingw32-gcc", HERE / "sleeper.c")
    programs = [["sleep", "600"], *([[str(sleeper)]] if sleeper else [])]
    script = "".join(f"for i in {{1..150}}; do {shlex.join(program)} & done; " for program in programs)
    waiting = "echo; read line; start=${EPOCHREALTIME/./}; ps -ef > /dev/null; echo $((${EPOCHREALTIME/./} - start))"
    command = [*RUN, "--machine", MACHINE, "--", "bash", "-c", script + waiting]
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
        quietly([*LICHEN, "terminate", MACHINE])


def spinners() -> None:
    """How long a shell takes to start a program beside four guests that only compute (G10)."""
    script = """for i in {1..4}; do (while :; do :; done) & done; sleep 2; all=()
        for i in {1..20}; do start=${EPOCHREALTIME/./}; /bin/true; all+=($((${EPOCHREALTIME/./} - start))); done
        kill $(jobs -p); printf '%s\\n' "${all[@]}" | sort -n | sed -n '1p;10p;20p'"""
    shown = subprocess.run(
        [*RUN, "--fresh", "--", "bash", "-c", script], capture_output=True, text=True, check=True
    )
    least, middle, most = (int(line) / 1e3 for line in shown.stdout.splitlines())
    print(
        f"beside four spinning guests a shell starts /bin/true in {least:.0f} to {most:.0f} ms, mostly {middle:.0f} ms"
    )


def _kernel_time() -> float:
    """Seconds of processor time that the benchmark machine's kernel has used."""
    kernel = places.facts(places.folder_of(MACHINE))["pid"]
    return int(Path(f"/proc/{kernel}/schedstat").read_text().split()[0]) / 1e9


def main() -> None:
    """Everything, then the machine is removed."""
    operations()
    nt_operations()
    try:
        starts()
        crowd()
        spinners()
        network.measure()
    finally:
        subprocess.run([*LICHEN, "remove", MACHINE], capture_output=True, check=False)


if __name__ == "__main__":
    main()
