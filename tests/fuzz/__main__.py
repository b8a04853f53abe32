"""`python -m tests.fuzz HALF [CALLS [SEED]]`: one run, in a process whose limits keep a mistake from the host."""

from __future__ import annotations

import argparse
import random
import resource
import sys
from collections.abc import Callable, Mapping
from typing import Final

from lichen.subsystems.nt import userland
from tests.fuzz.fuzzer import Fuzzer, Report, host_descriptors
from tests.fuzz.linux import LinuxHalf
from tests.fuzz.nt import NtHalf, SocketHalf
from tests.fuzz.world import World

SKIPPED: Final = 77
_MOST_MEMORY: Final = 4 << 30
_ENOUGH: Final = 70
"""Calls for each declared one after which all of them must have succeeded, if they can."""


def fuzz_linux(calls: int, seed: int) -> Report:
    """Calls of Linux processes; the world is gone afterwards, with what it had of the host."""
    half = LinuxHalf(World(), random.Random(seed))
    return _run(half, calls, seed)


def fuzz_nt(calls: int, seed: int, kind: type[NtHalf] = NtHalf) -> Report:
    """Calls of NT processes; SKIPPED without a Windows userland, whose ntdll says which numbers the calls have."""
    found = userland.find("/")
    if found is None:
        print("no Windows userland")
        sys.exit(SKIPPED)
    half = kind(World(), random.Random(seed), found)
    report = _run(half, calls, seed)
    half.close()
    return report


def fuzz_sockets(calls: int, seed: int) -> Report:
    """Requests to sockets of NT processes."""
    return fuzz_nt(calls, seed, SocketHalf)


def _run(half: LinuxHalf | NtHalf, calls: int, seed: int) -> Report:
    report = Fuzzer(half, seed).run(calls)
    if calls >= _ENOUGH * len(half.calls):
        report.missed = report.reach(half.never)
    return report


HALVES: Final[Mapping[str, Callable[[int, int], Report]]] = {
    "linux": fuzz_linux,
    "nt": fuzz_nt,
    "sockets": fuzz_sockets,
}


def main() -> int:
    """Make a run and print what came of it; 0 when all is well, SKIPPED when this host has not what it takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("half", choices=HALVES)
    parser.add_argument("calls", type=int, nargs="?", default=20000)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    before = host_descriptors()
    report = HALVES[options.half](options.calls, options.seed)
    if left := host_descriptors() - before:
        report.leftovers.append(f"{left} descriptors of the host")
    _show(report)
    return bool(report.problems or report.leftovers or report.missed)


def _show(report: Report) -> None:
    for where, example in report.problems.items():
        print(f"==== {where}\n{example}")
    for leftover in report.leftovers:
        print("left:", leftover)
    for missed in report.missed:
        print("missed:", missed)
    made, succeeded = sum(report.made.values()), sum(report.succeeded.values())
    print(f"{made} calls, {succeeded} successes, the rarest call {min(report.made.values())} times")


if __name__ == "__main__":
    sys.exit(main())
