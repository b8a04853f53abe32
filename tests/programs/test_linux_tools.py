"""Tools that ask the kernel itself: its configuration and settings, how threads are scheduled, which locks there are."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.programs.conftest import Lichen, bash
from tests.toolchain import host_program

SCHEDULING = """
chrt -f 10 bash -c 'chrt -p $$ | sed s/.*current//; ps -o cls=,rtprio= -p $$'
chrt -d --sched-runtime 1000000 --sched-deadline 2000000 --sched-period 4000000 0 chrt -p $$ | wc -l
chrt -d -R --sched-runtime 1000000 --sched-deadline 2000000 --sched-period 4000000 0 bash -c 'chrt -p $$ | sed s/.*current//'
chrt -R -r 5 bash -c 'chrt -p $$ | sed s/.*current//; bash -c "chrt -p \\$\\$" | sed s/.*current//'
"""
PERSONALITIES = """
setarch -R bash -c 'uname -m; cat /proc/self/personality'
linux32 uname -m
setarch --uname-2.6 uname -r
uname -m
"""
SETTINGS = """
sysctl -qw kernel.pid_max=400 && sysctl -n kernel.pid_max
for i in $(seq 200); do (:) & done; wait
test $(bash -c 'echo $$') -lt 400 && echo again
sysctl -qw kernel.core_pattern=/tmp/core && cat /proc/sys/kernel/core_pattern
sysctl -qw net.core.somaxconn=16 && sysctl -n net.core.somaxconn
swap=$(sysctl -n vm.swappiness)
sysctl -qw vm.swappiness=$swap && echo the same
sysctl -qw vm.swappiness=$((swap + 1)) 2>&1 | grep -o 'not permitted'
sysctl -a 2>&1 | grep -ci 'error\\|denied'
"""
HARDWARE = """
lscpu | grep -c 'Socket(s)\\|NUMA node0'
zcat /proc/config.gz | grep -x 'CONFIG_EPOLL=y\\|# CONFIG_IO_URING is not set'
cat /sys/class/net/lo/mtu /sys/class/net/lo/type | tail -1
readlink /sys/class/net/lo
"""


def told(machine: Lichen, script: str, *programs: str) -> list[str]:
    for program in programs:
        host_program(program)
    run = machine.run("run", "--fresh", "--user", "root", "--", "bash", "-c", script)
    assert run.stderr == b""
    return run.stdout.decode().splitlines()


@pytest.fixture
def machine(lichen: Lichen) -> Lichen:
    return lichen


def test_scheduling(machine: Lichen) -> None:
    assert told(machine, SCHEDULING, "chrt") == [
        " scheduling policy: SCHED_FIFO",
        " scheduling priority: 10",
        " FF     10",
        "2",
        " scheduling policy: SCHED_DEADLINE|SCHED_RESET_ON_FORK",
        " scheduling priority: 0",
        " runtime/deadline/period parameters: 1000000/2000000/4000000",
        " scheduling policy: SCHED_RR|SCHED_RESET_ON_FORK",
        " scheduling priority: 5",
        " scheduling policy: SCHED_OTHER",
        " scheduling priority: 0",
    ]


def test_personalities(machine: Lichen) -> None:
    lines = told(machine, PERSONALITIES, "setarch", "linux32")
    assert lines == ["x86_64", "00040000", "i686", "2.6.61-lichen", "x86_64"]


def test_settings(machine: Lichen) -> None:
    lines = told(machine, SETTINGS, "sysctl")
    assert lines == ["400", "again", "/tmp/core", "16", "the same", "not permitted", "0"]


def test_hardware(machine: Lichen) -> None:
    assert told(machine, HARDWARE, "lscpu") == [
        "2",
        "CONFIG_EPOLL=y",
        "# CONFIG_IO_URING is not set",
        "772",
        "../../devices/virtual/net/lo",
    ]


def test_locks(machine: Lichen) -> None:
    script = "flock /tmp/file lslocks -no TYPE,SIZE,MODE,START,END,PATH"
    (line,) = told(machine, script, "flock", "lslocks")
    assert line.split() == ["FLOCK", "WRITE", "0", "0", "/tmp/file"] or line.split()[-1] == "/tmp/file"


def test_a_program_lists_its_users_sockets(machine: Lichen) -> None:
    script = "head -1 /proc/net/sockstat; exec 3<>/dev/udp/127.0.0.1/9; cat /proc/net/sockstat"
    lines = bash(machine, script).stdout.decode().splitlines()
    used = int(lines[0].split()[-1])  # the machine's own, where services are asked for
    assert lines[1:4] == [
        f"sockets: used {used + 1}",
        "TCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0",
        "UDP: inuse 1 mem 0",
    ]


SPECIAL = """
cd /share
mkfifo pipe && (echo through > pipe &) && cat pipe
mknod nothing c 1 3 && echo lost > nothing && cat nothing
cp /bin/true program && chmod 4755 program
stat -c '%A %F %n' *
"""


def test_special_files_in_shares(machine: Lichen, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    share = ("--user", "root", "--share", f"{tmp_path}:/share")
    first = machine.run("run", *share, "--", "bash", "-c", SPECIAL)
    lines = first.stdout.decode().splitlines()
    shown = [
        "crw-r--r-- character special file nothing",
        "prw-r--r-- fifo pipe",
        "-rwsr-xr-x regular file program",
    ]
    assert (lines, first.stderr) == (["through", *shown], b"")
    modes = {path.name: path.lstat().st_mode for path in tmp_path.iterdir()}
    assert all(stat.S_ISREG(mode) and not mode & 0o7000 for mode in modes.values())
    assert machine.run("terminate", "default").returncode == 0
    again = machine.run("run", *share, "--", "bash", "-c", "cd /share; stat -c '%A %F %n' *")
    assert again.stdout.decode().splitlines() == shown
