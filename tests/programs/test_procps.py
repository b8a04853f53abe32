"""Debian's procps, psmisc and lsof read the machine's /proc: they list the machine's tree, all of it and no more."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from tests.programs.conftest import SECONDS, Lichen, bash
from tests.toolchain import host_program

VARIABLES = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "COLUMNS": "200"}
TREE = """
sleep 1000 &
sleeper=$!
sh -c 'kill -STOP $$; exit' &
stopped=$!
sh -c 'sleep 0.01 & exec sleep 1001' &
parent=$!
zombie=
until [ -n "$zombie" ]; do zombie=$(pgrep -P $parent -r Z); done
until [ "$(ps -o stat= -p $stopped)" = T ]; do :; done
while :; do :; done &
busy=$!
echo $$ $sleeper $stopped $parent $zombie $busy
"""
"""A shell with a child that sleeps, one that is stopped, one with a zombie, and one that never rests; prints their ids."""


SOCKETS = """
import socket
import time
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
local = socket.socket(socket.AF_UNIX)
local.bind("/tmp/name")
local.listen()
print(server.getsockname()[1], local.getsockname(), sep="\\n")
for name in "tcp", "tcp6", "unix":
    print(open("/proc/net/" + name).read())
"""


class Row(NamedTuple):
    """A line of `ps -eo pid,ppid,stat,comm,args`."""

    pid: int
    parent: int
    state: str
    name: str
    arguments: str


@dataclass
class Ids:
    """The ids that TREE printed."""

    shell: int
    sleeper: int
    stopped: int
    parent: int
    zombie: int
    busy: int


Guest = Callable[[str], str]
Tree = Callable[[str], tuple[Ids, list[str]]]


@pytest.fixture
def guest(lichen: Lichen) -> Guest:
    """What a shell of a machine of its own prints, which has nothing to complain about."""
    host_program("ps", "procps")

    def run(script: str) -> str:
        done = lichen.run("run", "--fresh", "--", "/bin/bash", "-c", script, variables=VARIABLES)
        assert done.stderr == b""
        return done.stdout.decode()

    return run


@pytest.fixture
def in_tree(guest: Guest) -> Tree:
    """The ids of TREE and the lines that a command prints beside it."""

    def run(command: str) -> tuple[Ids, list[str]]:
        lines = guest(f"{TREE}{command}\nkill -9 $sleeper $stopped $parent $busy 2>/dev/null").splitlines()
        return Ids(*map(int, lines[0].split())), lines[1:]

    return run


def without_id(line: str) -> str:
    """A line of /proc/net/unix without the inode."""
    return re.sub(r" +\d+ /", " /", line)


def columns(lines: list[str], count: int) -> list[list[str]]:
    return [line.split(None, count - 1) for line in lines]


class TestTree:
    """Everything that is there, with its true parent and state."""

    def test_ps_lists_the_processes_of_the_machine(self, in_tree: Tree) -> None:
        ids, lines = in_tree("ps -ef")
        rows = columns(lines, 8)
        assert rows[0] == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
        found = {int(row[1]): (int(row[2]), row[7]) for row in rows[1:]}
        ps = next(pid for pid, (_, command) in found.items() if command == "ps -ef")
        assert found[1] == (0, "[init]")
        assert found[ids.shell][0] == 1
        assert found[ids.shell][1].startswith("/bin/bash -c")
        assert found[ids.sleeper] == (ids.shell, "sleep 1000")
        assert found[ids.parent] == (ids.shell, "sleep 1001")
        assert found[ids.zombie] == (ids.parent, "[sleep] <defunct>")
        assert found[ps] == (ids.shell, "ps -ef")
        known = {1, ids.shell, ids.sleeper, ids.stopped, ids.parent, ids.zombie, ids.busy, ps}
        assert set(found) == known

    def test_states(self, in_tree: Tree) -> None:
        ids, lines = in_tree("ps -eo pid,ppid,stat,comm,args")
        rows = [Row(int(pid), int(parent), *rest) for pid, parent, *rest in columns(lines[1:], 5)]
        found = {row.pid: row for row in rows}
        assert found[1][1:4] == (0, "Ss", "init")
        assert found[ids.shell].state == "Ss"
        assert found[ids.sleeper][1:] == (ids.shell, "S", "sleep", "sleep 1000")
        assert found[ids.stopped][2:4] == ("T", "sh")
        assert found[ids.zombie][2:] == ("Z", "sleep", "[sleep] <defunct>")
        assert (found[ids.busy].state, found[ids.busy].name) == ("R", "bash")
        reader = next(row for row in rows if row.name == "ps")
        assert reader.state in ("R", "R+")

    def test_pstree(self, in_tree: Tree) -> None:
        host_program("pstree", "psmisc")
        ids, lines = in_tree("pstree -p -A")
        text = "\n".join(lines)
        assert text.startswith(f"init(1)---bash({ids.shell})-+-")
        assert f"sleep({ids.parent})---sleep({ids.zombie})" in text
        assert f"-sh({ids.stopped})" in text

    def test_top(self, in_tree: Tree) -> None:
        ids, lines = in_tree("top -b -n1 -w 200")
        assert re.fullmatch(r"Tasks: +8 total, +2 running, +4 sleeping, +1 stopped, +1 zombie", lines[1])
        rows = columns(lines[7:], 12)
        found = {int(row[0]): (row[7], row[11]) for row in rows}
        assert found[ids.sleeper] == ("S", "sleep")
        assert found[ids.stopped] == ("T", "sh")
        assert found[ids.busy] == ("R", "bash")
        assert float(rows[0][8]) > 0  # the busiest comes first
        assert rows[0][11] == "bash"

    def test_memory_and_start_are_told(self, in_tree: Tree) -> None:
        ids, lines = in_tree("ps -eo pid,rss,vsz,etimes,times,lstart")
        found = {int(row[0]): row[1:] for row in columns(lines[1:], 6)}
        for id in (ids.shell, ids.sleeper, ids.stopped, ids.busy):
            resident, size, elapsed, _, _ = found[id]
            assert 0 < int(resident) < int(size)
            assert 0 <= int(elapsed) < SECONDS
        assert found[ids.zombie][:2] == ["0", "0"]

    def test_terminals_and_who_is_in_the_foreground(self, guest: Guest) -> None:
        host_program("script", "util-linux")
        lines = guest(
            'SHELL=/bin/sh script -qc "ps -o pid,sid,tty,tpgid,stat,comm; tty" /dev/null'
        ).splitlines()
        shell, ps = columns(lines[1:3], 6)
        leader = shell[0]
        assert shell[1:] == [leader, "pts/0", leader, "Ss+", "sh"]
        assert ps[1:] == [leader, "pts/0", leader, "R+", "ps"]
        assert lines[3] == "/dev/pts/0"

    def test_no_process_of_the_host_shows(self, guest: Guest) -> None:
        listed = guest("cd /proc; echo [0-9]*").split()
        assert [int(id) for id in listed] == [1, 8]


class TestThreads:
    """Threads of a process."""

    PROGRAM = (
        "import threading, time\n"
        "for _ in range(3): threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
        "time.sleep(99)"
    )

    def test_every_thread_has_a_line(self, guest: Guest) -> None:
        lines = guest(
            f"/usr/bin/python3 -c '{self.PROGRAM}' & program=$!\n"
            "until [ $(ps -o nlwp= -p $program) = 4 ]; do :; done\n"
            "echo $program; ps -eLf; ps -o nlwp,stat -p $program; ls /proc/$program/task; kill $program"
        ).splitlines()
        program = int(lines[0])
        header = lines[1].split()
        rows = columns(lines[2:], len(header))
        mine = [row for row in rows if len(row) == len(header) and row[1] == str(program)]
        threads = {int(row[3]) for row in mine}
        assert len(mine) == len(threads) == 4
        assert min(threads) == program
        assert {row[5] for row in mine} == {"4"}
        assert [line.split() for line in lines if line.split()[-1].startswith("Sl")] == [["4", "Sl"]]
        assert sorted(map(int, lines[-4:])) == sorted(threads)


class TestFinding:
    """Processes by name."""

    def test_pgrep_and_pidof(self, in_tree: Tree) -> None:
        ids, lines = in_tree("pgrep -x sleep; pgrep -f '^sleep 1000'; pidof sh; pgrep nothing; echo $?")
        assert lines == [
            *map(str, sorted((ids.sleeper, ids.parent, ids.zombie))),
            str(ids.sleeper),
            str(ids.stopped),
            "1",
        ]

    def test_pkill_reaches_what_it_names_only(self, in_tree: Tree) -> None:
        ids, lines = in_tree("pkill -f '^sleep 1000'; wait $sleeper; echo $?; pgrep -x sleep")
        assert lines == [str(128 + 15), str(ids.parent), str(ids.zombie)]

    def test_lsof_shows_open_files(self, guest: Guest) -> None:
        lsof = host_program("lsof")
        text = guest(
            f"exec 7>/tmp/held; {lsof} -w -p $$; sleep 1000 | sleep 1001 &\n"
            f"until pgrep -fx 'sleep 1000' >/dev/null; do :; done; {lsof} -w -a -c sleep -d 1; pkill -x sleep"
        )
        assert re.search(r"^bash +8 +root +cwd +DIR .* /$", text, re.MULTILINE) or os.geteuid() != 0
        assert re.search(r" txt +REG .* /usr/bin/bash$", text, re.MULTILINE)
        assert re.search(r" 7w +REG .* /tmp/held$", text, re.MULTILINE)
        assert re.search(r"^sleep .* 1w +FIFO .* pipe$", text, re.MULTILINE)

    def test_fuser_finds_who_uses_a_file(self, guest: Guest) -> None:
        host_program("fuser", "psmisc")
        assert guest("sleep 9 > /tmp/held & fuser /tmp/held 2>/dev/null; kill $!").split() == ["12"]


class TestMachine:
    """What tells of the machine as a whole."""

    def test_uptime_and_the_load_of_the_machine(self, guest: Guest) -> None:
        assert re.match(r" \d\d:\d\d:\d\d up .*\d.*, +0 users?, +load average: 0\.\d\d, 0\.", guest("uptime"))

    def test_ages_are_told_from_one_boot(self, guest: Guest) -> None:
        """By /proc/uptime, which older releases read, and by CLOCK_BOOTTIME, which newer ones do (021)."""
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        first, shell, wall = guest(
            "ps -o etimes= -p 1; ps -o etimes= -p $$; ps -o lstart= -p $$"
        ).splitlines()
        assert 0 <= int(shell) <= int(first) < SECONDS
        assert abs(time.mktime(time.strptime(wall)) - time.time()) < SECONDS
        told = int(re.search(r"^btime (\d+)$", guest("cat /proc/stat"), re.MULTILINE)[1])  # type: ignore[index]
        assert abs(told - booted) < 2

    def test_load_and_time_of_a_busy_machine(self, guest: Guest) -> None:
        script = (
            "timeout 2 sh -c 'while :; do :; done'; cat /proc/loadavg; head -1 /proc/stat; cat /proc/uptime"
        )
        load, processors, up = guest(script).splitlines()
        assert float(load.split()[0]) > 0.0
        assert 5 < int(processors.split()[1]) + int(processors.split()[3]) < 100 * SECONDS
        assert 2 < float(up.split()[0]) <= time.clock_gettime(time.CLOCK_BOOTTIME)

    def test_free_and_vmstat(self, guest: Guest) -> None:
        text = guest("free -b; vmstat")
        total, used, free = map(int, text.splitlines()[1].split()[1:4])
        assert total > used > 0 < free < total
        names, values = (line.split() for line in text.splitlines()[-2:])
        assert len(values) == len(names) >= 17  # newer releases have one more

    def test_sockets_are_the_machines(self, guest: Guest) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            text = guest(f"/usr/bin/python3 -c '{SOCKETS}'")
            of_host = f":{server.getsockname()[1]:04X} "
        port, name, *lines = text.splitlines()
        listening, connected = (
            f" 0100007F:{int(port):04X} 00000000:0000 0A ",
            f" 0100007F:{int(port):04X} 01 ",
        )
        assert sum(listening in line for line in lines) == 1
        assert sum(connected in line for line in lines) == 1
        assert sum(line.endswith(f" 00010000 0001 01 {name}") for line in map(without_id, lines)) == 1
        assert of_host not in text

    def test_nobody_is_logged_in(self, guest: Guest) -> None:
        assert guest("who") == ""
        assert guest("w -h") == ""

    def test_the_root_of_init_is_ones_own(self, lichen: Lichen) -> None:
        words = ("--fresh", "--user", "root", "--", "stat", "-Lc", "%d:%i", "/proc/1/root", "/")
        first, second = lichen.run("run", *words).stdout.split()
        assert first == second

    def test_the_variables_of_a_windows_process(self, machine: Lichen) -> None:
        script = """mkfifo /tmp/held
            WSLENV=ONE ONE='a b' cmd.exe /c "set TWO=ü& echo set& pause" < /tmp/held > /tmp/told &
            exec 3> /tmp/held; until grep -q set /tmp/told; do sleep 0.02; done
            tr '\\0' '\\n' < /proc/$!/environ | grep -a -e ^ONE= -e ^TWO= -e ^windir= | LC_ALL=C sort; kill -9 $!"""
        assert bash(machine, script).stdout.decode().splitlines() == [
            "ONE=a b",
            "TWO=ü",
            "windir=C:\\windows",
        ]
