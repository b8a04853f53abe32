"""nice, renice, taskset, prlimit, ulimit and what Windows has for the same, for both worlds; and the host is told."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from lichen.platforms.native.task import BELOW_THE_KERNEL
from tests.programs.conftest import Lichen, bash, children_of, eventually
from tests.toolchain import Toolchain, host_program

_WINDOWS: Final = Path(__file__).parent / "windows"
_NORMAL, _IDLE, _BELOW, _ABOVE, _HIGH, _REAL_TIME = "0x20", "0x40", "0x4000", "0x8000", "0x80", "0x100"
_NICE: Final = "ni() { ps -o ni= -p $1 | tr -d ' '; }\n"


@pytest.fixture(scope="module")
def scheduling(windows_c: Toolchain) -> Path:
    host_program("ps", "procps")
    return windows_c.compile(_WINDOWS / "scheduling.c")


def lines(machine: Lichen, program: Path, script: str) -> list[str]:
    """What a script prints, in which $P is the program."""
    done = bash(machine, f"P={program}\n{_NICE}{script}", program.parent)
    assert done.stderr == b"", done
    return done.stdout.decode().replace("\r", "").splitlines()


def test_nice_becomes_a_class(machine: Lichen, scheduling: Path) -> None:
    script = "for n in 0 3 4 11 12 19 -3 -4 -13 -14 -20; do nice -n $n $P; done"
    classes = [line.split()[0] for line in lines(machine, scheduling, script)]
    below, above = [_BELOW, _BELOW, _IDLE, _IDLE], [_NORMAL, _ABOVE, _ABOVE, _HIGH, _HIGH]
    assert classes == [_NORMAL, _NORMAL, *below, *above]


def test_a_class_becomes_nice(machine: Lichen, scheduling: Path) -> None:
    script = """
    for class in 0x40 0x4000 0x20 0x8000 0x80; do
        coproc "$P" class $class; read -r _ <&${COPROC[0]}; ni $COPROC_PID; kill $COPROC_PID; wait 2>/dev/null
    done
    coproc "$P" step -1; read -r _ <&${COPROC[0]}; ni $COPROC_PID; kill $COPROC_PID; wait 2>/dev/null"""
    assert lines(machine, scheduling, script) == ["16", "8", "0", "-8", "-20", "4"]


def test_renice_and_taskset_of_a_windows_program(machine: Lichen, scheduling: Path) -> None:
    script = """
    coproc "$P" wait; read -r _ <&${COPROC[0]}; p=$COPROC_PID
    renice -n 9 -p $p > /dev/null; taskset -pc 0 $p > /dev/null; prlimit -n100:200 -p $p
    ni $p; taskset -p $p | sed 's/.*: //'; "$P" tell 0 $p; prlimit -n -o SOFT,HARD --noheadings -p $p
    grep -c '^Max open files *100 *200' /proc/$p/limits; kill $p"""
    nice, mask, told, limit, shown = lines(machine, scheduling, script)
    assert (nice, mask, told.split()[:2]) == ("9", "1", [_BELOW, "0x1"])
    assert (limit.split(), shown) == (["100", "200"], "1")


def test_windows_schedules_a_linux_program(machine: Lichen, scheduling: Path) -> None:
    script = """
    sleep 20 & p=$!; "$P" class 0x4000 $p; "$P" mask 1 $p; ni $p; taskset -p $p | sed 's/.*: //'; kill $p"""
    first, second, nice, mask = lines(machine, scheduling, script)
    assert first.split()[0] == _BELOW
    assert second.split()[1] == "0x1"
    assert (nice, mask) == ("8", "1")


def test_a_windows_program_sees_at_once_what_linux_programs_do(machine: Lichen, scheduling: Path) -> None:
    script = """
    coproc "$P" watch; p=$COPROC_PID
    tell() { echo $1 >&${COPROC[1]}; read -r line <&${COPROC[0]}; echo "$line $(ni $p)"; }
    tell; renice -n 14 -p $p > /dev/null; tell; taskset -pc 0 $p > /dev/null; tell 0x8000; tell 0x100
    renice -n 0 -p $p > /dev/null; tell; tell 0x80; kill $p"""
    everything = hex((1 << len(os.sched_getaffinity(0))) - 1)
    assert lines(machine, scheduling, script) == [
        f"{_NORMAL} {everything} -1 4",
        f"{_IDLE} {everything} -1 18",
        f"{_ABOVE} 0x1 -1 -4",
        f"{_REAL_TIME} 0x1 -1 -16",
        f"{_NORMAL} 0x1 -1 4",
        f"{_HIGH} 0x1 -1 -16",
    ]


def test_it_goes_on_in_children_of_the_other_world(machine: Lichen, scheduling: Path) -> None:
    script = """
    nice -n 7 taskset -c 0 cmd.exe /c 'nice & bash -c "ulimit -n; nice" & bash -c $P' | tr -d '\\r' > /tmp/told
    ulimit -n 77; cmd.exe /c 'bash -c "ulimit -n"' ; export P; nice -n 5 cmd.exe /c "$P"
    nice -n -9 cmd.exe /c "$P" ; head -1 /tmp/told"""
    limit, at_5, at_minus_9, told = lines(machine, scheduling, script)
    assert (limit, at_5.split()[0], at_minus_9.split()[0], told) == ("77", _BELOW, _NORMAL, "7")


def test_the_processors_are_as_many_for_all(machine: Lichen, scheduling: Path) -> None:
    nproc, bound, told, told_bound = lines(
        machine, scheduling, 'nproc; taskset -c 0 nproc; "$P"; taskset -c 0 "$P"'
    )
    count = len(os.sched_getaffinity(0))
    everything = hex((1 << count) - 1)
    assert (nproc, bound) == (str(count), "1")
    assert told.split()[1:] == [everything, everything, str(count), str(count)]
    assert told_bound.split()[1:] == ["0x1", everything, str(count), str(count)]


def test_a_limit_of_processor_time_ends_a_windows_program(machine: Lichen, windows_c: Toolchain) -> None:
    program = windows_c.compile(_WINDOWS / "busy.c")
    script = f"ulimit -S -t 1; {program}; echo $?; ulimit -H -t 1; {program}; echo $?"
    assert bash(machine, script, program.parent).stdout.split() == [b"152", b"137"]


@pytest.mark.parametrize(("nice", "of_host"), [(0, 0), (5, 5), (19, 18), (-5, 0)])
def test_the_host_is_told(nice: int, of_host: int, lichen: Lichen) -> None:
    wanted = os.getpriority(os.PRIO_PROCESS, 0) + BELOW_THE_KERNEL + of_host
    home = {min(os.sched_getaffinity(0))}
    words = ("nice", "-n", str(nice), "taskset", "-c", str(*home), "sleep", "20")
    with lichen.start("run", "--machine", "told", "--", *words) as client:

        def told() -> bool:
            with suppress(OSError, KeyError):
                guests = children_of(int(lichen.facts("told")["pid"]))
                return any(_nice(guest) == wanted and os.sched_getaffinity(guest) == home for guest in guests)
            return False

        try:
            eventually(told)
        finally:
            client.kill()


def _nice(pid: int) -> int:
    try:
        return os.getpriority(os.PRIO_PROCESS, pid)
    except ProcessLookupError:
        return 100


@pytest.mark.parametrize("number", [1, 2, 3, 15])
def test_what_was_ignored_is_ignored_by_windows_programs(
    number: int, machine: Lichen, windows_c: Toolchain
) -> None:
    sleeper = windows_c.compile(_WINDOWS / "sleeper.c")
    script = f"""
    trap "" {number}; {sleeper} > /dev/null & p=$!; sleep 0.2; kill -{number} $p; sleep 0.1; kill -0 $p && echo lives
    grep SigIgn /proc/$p/status; cmd.exe /c "grep SigIgn /proc/self/status"; kill -9 $p; wait $p; echo $?"""
    done = bash(machine, script, sleeper.parent)
    lives, of_windows, of_child, status = done.stdout.decode().replace("\r", "").splitlines()
    assert (lives, status) == ("lives", "137")
    masks = [int(re.sub(r".*\s", "", line), 16) for line in (of_windows, of_child)]
    assert all(mask >> number - 1 & 1 for mask in masks)
