"""The network: round trips, throughput and connections on the loopback, in each world and across, and what tools take."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench.measuring import (
    HERE,
    LICHEN,
    MACHINE,
    ONE_CORE,
    RUN,
    best,
    compile_program,
    quietly,
    show,
    warm_wine,
)

_ASKED = "for i in 1 2 3 4 5 6 7 8 9 10; do ss -ltnp; done"
_SERVERS = """import socket, sys
all = [socket.create_server(("127.0.0.1", 0)) for _ in range(200)]
print("ready", flush=True)
sys.stdin.read()"""


def measure() -> None:
    """Everything about the network."""
    traffic()
    listing()
    booting()


def traffic() -> None:
    """Microseconds of a server and a client on one core: native, in each world of one machine, across, and under Wine."""
    linux = compile_program("gcc", HERE / "sockets.c")
    windows = compile_program("x86_64-w64-mingw32-gcc", HERE / "sockets.c", "-lws2_32")
    if linux is None:
        print("gcc is missing: no figures for the network")
        return
    joined = [*RUN, "--machine", MACHINE, "--"]
    columns = {"native": _between([*ONE_CORE, linux], [*ONE_CORE, linux])}
    columns["Linux"] = _between([*joined, linux], [*joined, linux])
    if windows:
        columns["Windows"] = _between([*joined, windows], [*joined, windows])
        columns["Windows asks"] = _between([*joined, linux], [*joined, windows])
        columns["Linux asks"] = _between([*joined, windows], [*joined, linux])
        with warm_wine() as wine:
            if wine:
                columns["Wine"] = _between([*ONE_CORE, wine, windows], [*ONE_CORE, wine, windows])
    show("native", columns)


def _between(server: Sequence[str | Path], client: Sequence[str | Path]) -> dict[str, float]:
    """What a client measures of a server, which ends with it."""
    with subprocess.Popen([*server, "serve"], stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout
        command = [*client, "ask", serving.stdout.readline().strip()]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in shown.splitlines())}


def listing() -> None:
    """How long `ss -ltnp` takes with 200 listening sockets, on the host and in a machine."""
    times = []
    for prefix in ([], [*LICHEN, "run", "--machine", MACHINE, "--"]):
        with subprocess.Popen(
            [*prefix, "python3" if prefix else sys.executable, "-c", _SERVERS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as servers:
            assert servers.stdin
            assert servers.stdout
            servers.stdout.readline()
            times.append(best(partial(quietly, [*prefix, "sh", "-c", _ASKED])) / 10)
            servers.stdin.close()
    print(f"\nss -ltnp with 200 listening: {times[0]:.1f} ms native, {times[1]:.1f} ms on Lichen")


def booting() -> None:
    """How long a machine takes to boot and make its first socket, by kind of its network."""
    first = ["--", "python3", "-S", "-c", "import socket; socket.socket()"]
    for kind in ("host", "none", "own"):
        took = best(partial(quietly, [*LICHEN, "run", "--fresh", "--network", kind, *first]))
        print(f"boot and first socket, network {kind}: {took:.0f} ms")


if __name__ == "__main__":
    try:
        measure()
    finally:
        subprocess.run([*LICHEN, "remove", MACHINE], capture_output=True, check=False)
