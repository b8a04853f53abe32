"""Machines as their users see them: joined, listed, ended, killed, and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen, children_of, eventually, is_alive
from tests.toolchain import host_program

STUBBORN = "trap '' TERM HUP; echo ready; while :; do sleep 1; done"
"""A program that ends only by force."""


def test_a_second_run_joins_the_machine(lichen: Lichen) -> None:
    with lichen.start("run", "--", "sh", "-c", "echo $$; read line") as first:
        assert first.stdout is not None
        assert first.stdin is not None
        id = int(first.stdout.readline())
        kernel = lichen.facts()["pid"]
        assert lichen.run("run", "cat", f"/proc/{id}/comm").stdout == b"sh\n"
        assert lichen.run("run", "kill", "-9", str(id)).returncode == 0
        assert first.wait(timeout=20) == 137
        assert lichen.facts()["pid"] == kernel


def test_many_sessions_at_once(lichen: Lichen) -> None:
    """Again and again: a descriptor of a client that became ready among ends of processes was once forgotten."""
    for _ in range(8):
        sessions = [lichen.start("run", "--", "sh", "-c", "read line; echo $line") for _ in range(6)]
        try:
            for number, session in enumerate(sessions):
                assert session.communicate(b"%d\n" % number, timeout=30) == (b"%d\n" % number, b"")
        finally:
            for session in sessions:
                session.kill()
                session.communicate()
    assert lichen.log().count("booted") == 1


def test_two_machines_know_nothing_of_each_other(lichen: Lichen) -> None:
    with lichen.start("run", "--machine", "one", "--", "sh", "-c", "echo ready; read line") as one:
        assert one.stdout is not None
        one.stdout.readline()
        listed = lichen.run("run", "--machine", "two", "ps", "-e", "-o", "comm=").stdout.split()
        assert listed == [b"init", b"ps"]
        cores = {lichen.facts(name)["processor"] for name in ("one", "two")}
        assert len(cores) == min(2, len(os.sched_getaffinity(0)))
        one.kill()


def test_list_ps_status_and_log(lichen: Lichen) -> None:
    with lichen.start("run", "--", "sh", "-c", "echo ready; sleep 1000; true") as running:
        assert running.stdout is not None
        running.stdout.readline()
        assert lichen.run("list").stdout.split() == [b"NAME", b"STATE", b"default", b"running"]
        row = lichen.run("list", "-v").stdout.splitlines()[1].split()
        assert row[2:4] == [b"0.1.0", lichen.facts()["pid"].encode()]
        assert row[5:] == [b"1", b"2", *f"session of uid {os.geteuid()}: sh".encode().split()]
        told = lichen.run("ps").stdout
        assert b"sleep 1000" in told
        status = lichen.run("status").stdout.decode()
        assert "default: running" in status
        assert "kernel errors     none" in status
        assert "booted default on core" in lichen.run("log").stdout.decode()
        assert lichen.run("terminate", "default").returncode == 0
        assert running.wait(timeout=20) == 128 + signal.SIGHUP
    assert lichen.run("list").stdout.split()[-1] == b"stopped"
    assert lichen.run("status").returncode == 0
    done = lichen.run("ps")
    assert (done.returncode, done.stderr) == (1, b"lichen: the machine default does not run\n")


def test_remove(lichen: Lichen) -> None:
    assert lichen.run("run", "--machine", "mine", "true").returncode == 0
    done = lichen.run("remove", "mine")
    assert (done.returncode, b"lichen terminate mine" in done.stderr) == (1, True)
    assert lichen.run("terminate", "mine").returncode == 0
    assert lichen.run("remove", "mine").returncode == 0
    assert lichen.machines() == []
    done = lichen.run("remove", "mine")
    assert (done.returncode, done.stderr.startswith(b"lichen: there is no machine mine")) == (1, True)


def test_stop_and_restart_at_the_same_time(lichen: Lichen) -> None:
    """Who stops a machine wins; a restart that comes too late starts it."""
    assert lichen.run("start").returncode == 0
    with lichen.start("run", "--", "sh", "-c", STUBBORN) as running:
        assert running.stdout is not None
        running.stdout.readline()
        with lichen.start("restart") as restarting:
            eventually(lambda: "going down: restarted" in lichen.log())
            assert lichen.run("stop").returncode == 0
            told, errors = restarting.communicate(timeout=20)
            assert (told, restarting.returncode) == (b"", 1)
            assert errors == b"lichen: the machine default has not come up again: it was stopped\n"
    assert lichen.run("list").stdout.split()[-1] == b"stopped"


def test_a_restart_during_which_the_kernel_is_killed(lichen: Lichen) -> None:
    assert lichen.run("start").returncode == 0
    with lichen.start("run", "--", "sh", "-c", STUBBORN) as running:
        assert running.stdout is not None
        running.stdout.readline()
        with lichen.start("restart") as restarting:
            eventually(lambda: "going down: restarted" in lichen.log())
            os.kill(int(lichen.facts()["pid"]), signal.SIGKILL)
            _, errors = restarting.communicate(timeout=20)
    assert restarting.returncode == 1
    assert errors.startswith(b"lichen: the machine default has not come up again: it crashed ")


def test_a_restart_of_a_machine_that_is_being_stopped(lichen: Lichen) -> None:
    with lichen.start("run", "--", "sh", "-c", STUBBORN) as running:
        assert running.stdout is not None
        running.stdout.readline()
        with lichen.start("stop") as stopping:
            eventually(lambda: "going down: stopped" in lichen.log())
            done = lichen.run("restart")
            assert done.stdout == b"the machine default did not run, and has been started\n"
            assert stopping.wait(timeout=20) == 0
    assert lichen.run("list", "-v").stdout.endswith(b"started\n")


def test_nothing_is_left_of_a_machine_that_is_removed_after_a_crash(lichen: Lichen, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    lichen.environment["XDG_RUNTIME_DIR"] = str(tmp_path)
    assert lichen.run("start").returncode == 0
    os.kill(int(lichen.facts()["pid"]), signal.SIGKILL)
    eventually(lambda: b"crashed" in lichen.run("list").stdout)
    assert lichen.run("remove", "default").returncode == 0
    assert list((tmp_path / "lichen").iterdir()) == []


def test_what_ignores_the_hang_up_is_killed(lichen: Lichen) -> None:
    with lichen.start(
        "run", "--", "sh", "-c", "trap '' HUP TERM; echo ready; while :; do sleep 1; done"
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        began = time.monotonic()
        assert lichen.run("shutdown").returncode == 0
        assert 1.5 < time.monotonic() - began < 5
        assert running.wait(timeout=20) == 137


def test_a_killed_kernel(lichen: Lichen) -> None:
    """Clients say so, no guest survives, and the next start works."""
    with lichen.start("run", "--", "sh", "-c", "echo ready; sleep 1000 & sleep 1000") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        kernel = int(lichen.facts()["pid"])
        guests = children_of(kernel)
        assert len(guests) >= 3
        os.kill(kernel, signal.SIGKILL)
        assert running.wait(timeout=10) == 125
        assert str(lichen.home / "machines" / "default" / "log") in running.stderr.read().decode()
    eventually(lambda: not any(is_alive(guest) for guest in guests))
    assert b"crashed " in lichen.run("list").stdout
    assert lichen.run("run", "echo", "again").stdout == b"again\n"


def test_the_folder_of_a_killed_fresh_machine_is_removed_at_the_next_start(lichen: Lichen) -> None:
    with lichen.start("run", "--fresh", "--", "sh", "-c", "echo ready; sleep 1000") as running:
        assert running.stdout is not None
        running.stdout.readline()
        (name,) = lichen.machines()
        os.kill(int(lichen.facts(name)["pid"]), signal.SIGKILL)
        assert running.wait(timeout=10) == 125
    assert lichen.machines() == [name]
    assert lichen.run("run", "true").returncode == 0
    assert lichen.machines() == ["default"]


def test_an_idle_machine_ends_by_itself(lichen: Lichen) -> None:
    lichen.environment["LICHEN_IDLE_SECONDS"] = "0.2"
    assert lichen.run("run", "true").returncode == 0
    kernel = int(lichen.facts()["pid"])
    eventually(lambda: not is_alive(kernel))
    assert lichen.log().splitlines()[-1].endswith("ended")


def test_clients_that_come_as_the_machine_ends_start_it_again(lichen: Lichen) -> None:
    lichen.environment["LICHEN_IDLE_SECONDS"] = "0"
    for _ in range(15):
        done = lichen.run("run", "true")
        assert (done.returncode, done.stderr) == (0, b"")


def test_clients_that_come_at_once_start_one_machine(lichen: Lichen) -> None:
    clients = [lichen.start("run", "echo", str(number)) for number in range(5)]
    for number, client in enumerate(clients):
        output, errors = client.communicate(timeout=40)
        assert (output, errors, client.returncode) == (b"%d\n" % number, b"", 0)
    assert lichen.log().count("booted") == 1


def test_another_versions_machine(lichen: Lichen, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of another version is told what to do, and its `terminate` works."""
    assert lichen.run("run", "true").returncode == 0
    code = "import lichen; lichen.__version__ = '9.9'; from lichen.__main__ import main; raise SystemExit(main())"
    monkeypatch.setattr(lichen, "command", lambda *words: [sys.executable, "-I", "-c", code, *words])
    done = lichen.run("run", "true")
    assert (done.returncode, b"lichen terminate default" in done.stderr) == (125, True)
    assert b"9.9" in done.stderr
    assert lichen.run("terminate", "default").returncode == 0


def test_no_permission_to_trace(lichen: Lichen) -> None:
    """A process that is traced itself may not let others be traced: what a strict container looks like."""
    strace = host_program("strace")
    command = [strace, "-f", "-o", "/dev/null", *lichen.command("run", "--fresh", "true")]
    done = subprocess.run(
        command, check=False, capture_output=True, cwd="/", env=lichen.environment, timeout=50
    )
    assert done.returncode == 125
    assert b"--cap-add SYS_PTRACE" in done.stderr


@pytest.mark.parametrize(
    "host",
    [
        ["unshare", "--user", "--map-root-user"],
        ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"],
    ],
    ids=["a namespace with one identity", "root that may not unshare"],
)
def test_hosts_that_give_less(lichen: Lichen, host: list[str]) -> None:
    """What containers look like to their root."""
    host_program(host[0], "util-linux")
    if subprocess.run([*host, "true"], check=False, capture_output=True).returncode:
        pytest.skip(f"this user may not {host[0]}")
    inside = subprocess.run([*host, "id", "-u"], check=True, capture_output=True).stdout
    command = [*host, *lichen.command("run", "--fresh", "id", "-u")]
    done = subprocess.run(
        command, check=False, capture_output=True, cwd="/", env=lichen.environment, timeout=50
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, inside, b"")


@pytest.mark.parametrize(
    "words", [["nonsense"], ["log", "nobody"], ["terminate", "../x"], ["ps", "--machine", "no"]]
)
def test_verbs_that_make_no_sense(lichen: Lichen, words: list[str]) -> None:
    done = lichen.run(*words)
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr


def test_help_and_version(lichen: Lichen) -> None:
    assert lichen.run("--version").stdout.startswith(b"lichen 0.")
    assert b"lichen run --fresh" in lichen.run("--help").stdout
    assert b"--share" in lichen.run("run", "--help").stdout


def test_trace(lichen: Lichen, tmp_path: Path) -> None:
    done = lichen.run(
        *("run", "--machine", "traced", f"--trace={tmp_path}/calls"),
        *("--", "sh", "-c", "/bin/echo hi; cat /none"),
    )
    assert (done.returncode, done.stdout) == (1, b"hi\n")
    calls = (tmp_path / "calls").read_text()
    assert calls.endswith(" +++ exited with 1 +++\n")
    assert 'write(1, "hi\\n", 3) = 3' in calls
    assert "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x" in calls
    assert "rseq(0x" in calls
    status = lichen.run("status", "traced")
    assert re.search(rb"^missing calls +.*rseq", status.stdout, re.MULTILINE)
    assert not re.search(r"(munmap|mprotect)\(.* = \?", calls)
    assert '"/etc/ld.so.cache", O_RDONLY|O_CLOEXEC' in calls
    assert '"/none"' in calls
    assert "-1 ENOENT" in calls
    assert re.search(r'execve\("[a-z/]*/cat", \["cat", "/none"\], 0x[0-9a-f]+\) = 0 <', calls)
    assert "exit_group(1)" in calls
    assert len({line.split()[1].partition(":")[0] for line in calls.splitlines()}) == 3


@pytest.mark.skipif(find_userland() is None, reason=userlands.MISSING)
def test_a_trace_of_a_windows_program(lichen: Lichen, tmp_path: Path) -> None:
    script = "echo hi& type C:\\none& exit 300"
    done = lichen.run("run", "--fresh", f"--trace={tmp_path}/calls", "--", "cmd.exe", "/c", script)
    assert done.stdout.startswith(b"hi")
    calls = (tmp_path / "calls").read_text()
    assert re.search(r"NtCreateFile\(.*none.* = 0xc0000034 STATUS_OBJECT_NAME_NOT_FOUND <", calls)
    assert re.search(r'NtWriteFile\(.*, "hi", 2, NULL, NULL\) = 0x00000000 <', calls)
    assert calls.endswith(" +++ exited with 300 +++\n")


def test_a_trace_tells_signals(lichen: Lichen, tmp_path: Path) -> None:
    lichen.run("run", "--fresh", f"--trace={tmp_path}/calls", "--", "sh", "-c", "kill -TERM $$")
    assert (tmp_path / "calls").read_text().endswith(" +++ killed by SIGTERM +++\n")


def test_a_trace_waits_for_its_reader(lichen: Lichen) -> None:
    command = " ".join(lichen.command("run", "--fresh", "--trace", "--", "ls", "-lR", "/etc"))
    done = subprocess.run(
        ["sh", "-c", f"{command} 2>&1 >/dev/null | (sleep 1.5; cat)"],
        check=False,
        capture_output=True,
        cwd="/",
        env=lichen.environment,
        timeout=50,
    )
    assert len(done.stdout) > 100_000
    assert b"exit_group(" in done.stdout.splitlines()[-2]
