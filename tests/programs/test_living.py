"""How long a machine lives: while anything in it does, or until it is stopped when it was started to stay."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen, eventually, is_alive
from tests.programs.terminal import User
from tests.toolchain import Toolchain, host_program

NOWHERE: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
"""For sessions whose programs outlive them: a pipe would be open as long as they are."""


@pytest.fixture
def at_once(lichen: Lichen) -> Lichen:
    """Machines that end as soon as nothing keeps them."""
    lichen.environment["LICHEN_IDLE_SECONDS"] = "0"
    return lichen


@pytest.fixture
def at_terminal(at_once: Lichen) -> Iterator[Callable[..., User]]:
    users = []

    def begin(*words: str) -> User:
        users.append(User(at_once, *words))
        return users[-1]

    yield begin
    for user in users:
        user.close()


def kernel_of(lichen: Lichen) -> int:
    return int(lichen.facts()["pid"])


def kept_by(lichen: Lichen) -> str:
    """What `lichen ps` says of what keeps the machine running."""
    told = lichen.run("ps").stdout.decode().splitlines()
    assert told, lichen.log()
    return told[-1].removeprefix("kept running by: ")


def sleepers(lichen: Lichen) -> list[str]:
    """The arguments of the `sleep`s that live."""
    rows = lichen.run("ps").stdout.decode().splitlines()
    return sorted(row.partition(" sleep ")[2] for row in rows if " sleep " in row)


# ---- what outlives its session


@pytest.mark.parametrize(
    "words",
    [
        ["sh", "-c", "setsid sleep 1000 &"],
        ["bash", "-c", "sleep 1000 &"],
        ["sh", "-c", "nohup sleep 1000 &"],
        ["bash", "-c", "(sleep 1000 &)"],
    ],
)
def test_a_session_without_a_terminal_hangs_nobody_up(at_once: Lichen, words: list[str]) -> None:
    """As `ssh HOST COMMAND &` does; and the machine lives as long as what is left, and no longer."""
    assert at_once.run("run", "--", *words, **NOWHERE).returncode == 0
    kernel = kernel_of(at_once)
    eventually(lambda: kept_by(at_once).endswith(" sleep"))
    assert kept_by(at_once).startswith("left running: pid ")
    assert sleepers(at_once) == ["1000"]
    assert kernel_of(at_once) == kernel
    pid = kept_by(at_once).split()[3]
    assert at_once.run("run", "kill", pid).returncode == 0
    eventually(lambda: not is_alive(kernel))
    assert at_once.run("list").stdout.split()[-1] == b"stopped"


def test_a_program_whose_client_was_killed_goes_on(at_once: Lichen) -> None:
    with at_once.start("run", "--", "sh", "-c", "echo ready; exec sleep 1000") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.kill()
    eventually(lambda: kept_by(at_once).startswith("left running: pid "))
    assert at_once.run("terminate", "default").returncode == 0


def test_a_client_that_is_killed_on_a_terminal_hangs_up(
    at_once: Lichen, at_terminal: Callable[..., User]
) -> None:
    user = at_terminal("run", "--", "sh", "-c", "echo ready; sleep 1000; true")
    user.sees(b"ready")
    kernel = kernel_of(at_once)
    user.process.kill()
    eventually(lambda: not is_alive(kernel))


def test_a_terminal_hangs_up_who_is_in_its_foreground(
    at_once: Lichen, at_terminal: Callable[..., User]
) -> None:
    """The leader's end reaches its own group; not what left that or was told to ignore it."""
    script = (
        "sleep 1001 & nohup sleep 1002 > /dev/null 2>&1 & setsid sleep 1003 &"
        " until pgrep -x -f 'sleep 100[123]' | wc -l | grep -qx 3; do :; done"
    )
    assert at_terminal("run", "--", "bash", "-c", script).ends() == 0
    eventually(lambda: sleepers(at_once) == ["1002", "1003"])
    assert at_once.run("terminate", "default").returncode == 0


def test_jobs_of_a_shell_that_leaves_go_on(at_once: Lichen, at_terminal: Callable[..., User]) -> None:
    """A job in the background is another group; a stopped one is orphaned by the shell's end, and hung up."""
    user = at_terminal("run", "--", "bash", "--norc", "-i")
    for line in (b"sleep 1001 &", b"sleep 1002 & kill -STOP $!", b"echo so'me'thing"):
        user.types(line + b"\r")
    user.sees(b"something\r\n")
    user.types(b"exit\rexit 0\r")
    user.sees(b"stopped jobs")
    assert user.ends() == 0
    eventually(lambda: sleepers(at_once) == ["1001"])
    assert at_once.run("terminate", "default").returncode == 0


def test_a_shell_whose_terminal_goes_hangs_up_its_jobs(
    at_once: Lichen, at_terminal: Callable[..., User]
) -> None:
    user = at_terminal("run", "--", "bash", "--norc", "-i")
    for line in (b"sleep 1001 &", b"sleep 1002 &", b"disown", b"nohup sleep 1003 > /dev/null 2>&1 &"):
        user.types(line + b"\r")
    user.types(b"until pgrep -x -f 'sleep 100[123]' | wc -l | grep -qx 3; do :; done; echo so'me'thing\r")
    user.sees(b"something\r\n")
    user.hangs_up()
    eventually(lambda: sleepers(at_once) == ["1002", "1003"])
    assert at_once.run("terminate", "default").returncode == 0


def test_a_multiplexer_can_be_attached_later(at_once: Lichen, at_terminal: Callable[..., User]) -> None:
    host_program("tmux")
    tmux = ("tmux", "-L", "test", "-f", "/dev/null")
    assert at_once.run("run", "--", *tmux, "new", "-d", "-s", "work", "sh").returncode == 0
    assert "tmux" in kept_by(at_once)
    user = at_terminal("run", "--", *tmux, "attach", "-t", "work")
    user.types(b"echo so'me'thing\r")
    user.sees(b"something\r\n")
    user.types(b"\x02d")
    user.sees(b"[detached")
    assert user.ends() == 0
    assert at_once.run("run", "--", *tmux, "kill-server").returncode == 0
    kernel = kernel_of(at_once)
    eventually(lambda: not is_alive(kernel))


# ---- Windows programs


@pytest.fixture
def closing(windows_c: Toolchain) -> Path:
    """A program that notes the control event by which it is told of the end."""
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    return windows_c.compile(Path(__file__).parent / "windows" / "closing.c")


def shown(program: Path) -> tuple[str, ...]:
    return ("run", "--share", f"{program.parent}:{program.parent}:ro", "--")


def is_told(lichen: Lichen, file: str, event: bytes) -> None:
    """Wait until a program has noted an event."""
    eventually(lambda: lichen.run("run", "cat", file).stdout == event)


def is_gone(lichen: Lichen) -> None:
    """Wait until no program of these is left."""
    eventually(lambda: "closing" not in lichen.run("ps").stdout.decode())


def test_a_console_that_closes_ends_its_programs(
    lichen: Lichen, at_terminal: Callable[..., User], closing: Path
) -> None:
    """CTRL_CLOSE_EVENT, whatever the handler says; also to a program that another one started."""
    lichen.environment["LICHEN_IDLE_SECONDS"] = "60"
    user = at_terminal(*shown(closing), str(closing), r"Z:\tmp\event")
    user.sees(b"ready")
    user.hangs_up()
    is_told(lichen, "/tmp/event", b"2\n")
    is_gone(lichen)
    windows_name = str(closing).replace("/", "\\")
    script = rf"start /b Z:{windows_name} Z:\tmp\event2"
    user = at_terminal(*shown(closing), "cmd.exe", "/k", script)
    user.sees(b"ready")
    user.hangs_up()
    is_told(lichen, "/tmp/event2", b"2\n")
    is_gone(lichen)


def test_a_handler_has_its_time_and_no_more(
    lichen: Lichen, at_terminal: Callable[..., User], closing: Path
) -> None:
    lichen.environment["LICHEN_IDLE_SECONDS"] = "60"
    user = at_terminal(*shown(closing), str(closing), r"Z:\tmp\event", "stay")
    user.sees(b"ready")
    user.hangs_up()
    is_told(lichen, "/tmp/event", b"2\n")
    is_gone(lichen)


def test_a_job_on_a_console_ends_with_it(
    lichen: Lichen, at_terminal: Callable[..., User], closing: Path
) -> None:
    """Unlike a Linux job, whose terminal is only gone; what has left the session or is to ignore it goes on."""
    lichen.environment["LICHEN_IDLE_SECONDS"] = "60"
    user = at_terminal(*shown(closing), "bash", "--norc", "-i")
    user.types(f"P={closing}\r".encode())
    user.types(b"$P 'Z:\\tmp\\event' &\r")
    user.sees(b"ready\r\n")
    user.types(b"setsid $P 'Z:\\tmp\\other' &\r")
    user.sees(b"ready\r\n")
    user.types(b"exit\r")
    assert user.ends() == 0
    is_told(lichen, "/tmp/event", b"2\n")
    eventually(lambda: kept_by(lichen).count("closing") == 1)
    assert lichen.run("run", "ls", "/tmp/other").returncode == 2
    assert lichen.run("terminate", "default").returncode == 0


def test_stop_tells_windows_programs(lichen: Lichen, closing: Path, tmp_path: Path) -> None:
    """CTRL_SHUTDOWN_EVENT, without a terminal too."""
    tmp_path.chmod(0o777)
    command = [*shown(closing)[:1], "--share", f"{tmp_path}:/told", *shown(closing)[1:]]
    with lichen.start(*command, str(closing), r"Z:\told\event") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\r\n"
        assert lichen.run("stop").returncode == 0
        assert running.wait(timeout=20) == 128 + signal.SIGTERM
    assert (tmp_path / "event").read_bytes() == b"6\n"


@pytest.mark.skipif(find_userland() is None, reason=userlands.MISSING)
def test_a_windows_program_keeps_the_machine(at_once: Lichen) -> None:
    script = "start /b ping -n 1000 127.0.0.1"
    assert at_once.run("run", "--", "cmd.exe", "/c", script, **NOWHERE).returncode == 0
    assert "ping.exe" in kept_by(at_once).lower()
    kernel = kernel_of(at_once)
    assert at_once.run("run", "pkill", "-i", "ping").returncode == 0
    eventually(lambda: not is_alive(kernel))


def test_a_fresh_machine_ends_with_its_program(lichen: Lichen) -> None:
    script = "trap '' HUP TERM; setsid sleep 1000 & exit 3"
    assert lichen.run("run", "--fresh", "--", "sh", "-c", script, **NOWHERE).returncode == 3
    eventually(lambda: lichen.machines() == [])


# ---- started


def test_a_started_machine_stays(at_once: Lichen) -> None:
    done = at_once.run("start")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    kernel = kernel_of(at_once)
    assert kept_by(at_once) == "started"
    assert at_once.run("run", "true").returncode == 0
    done = at_once.run("start")
    assert (done.returncode, done.stdout) == (0, b"the machine default has been started already\n")
    assert at_once.run("list", "-v").stdout.endswith(b"0         0          started\n")
    assert kernel_of(at_once) == kernel
    done = at_once.run("stop")
    assert (done.returncode, done.stderr) == (0, b"")
    assert not is_alive(kernel)
    assert at_once.run("list").stdout.split()[-1] == b"stopped"
    done = at_once.run("stop")
    assert (done.returncode, done.stderr) == (1, b"lichen: the machine default does not run\n")
    assert at_once.run("run", "true").returncode == 0
    kernel = kernel_of(at_once)
    eventually(lambda: not is_alive(kernel))


def test_a_machine_that_runs_can_be_started(at_once: Lichen) -> None:
    with at_once.start("run", "--machine", "mine", "--", "sh", "-c", "echo ready; read line") as running:
        assert running.stdout is not None
        running.stdout.readline()
        kernel = at_once.facts("mine")["pid"]
        assert at_once.run("start", "mine").stdout == b""
        assert at_once.facts("mine")["pid"] == kernel
        running.communicate(b"\n", timeout=20)
    assert at_once.run("list", "-v").stdout.endswith(b"started\n")
    assert at_once.run("terminate", "mine").returncode == 0
    assert at_once.run("list").stdout.split()[-1] == b"stopped"


def test_idle(lichen: Lichen) -> None:
    assert lichen.run("run", "true").returncode == 0
    seconds = int(kept_by(lichen).removeprefix("idle, ends in ").removesuffix(" s"))
    assert 0 < seconds <= 60


def test_restart(at_once: Lichen) -> None:
    """The files are there, what was in memory is not, the machine is still started."""
    assert at_once.run("start").returncode == 0
    assert at_once.run("run", "--", "sh", "-c", "echo kept > /var/tmp/kept; echo > /tmp/lost").returncode == 0
    with at_once.start("run", "--", "sh", "-c", "echo ready; exec sleep 1000") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        done = at_once.run("restart")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert running.wait(timeout=20) == 128 + signal.SIGTERM
        assert running.stderr.read() == b"lichen: the machine default is going down for restart\n"
    assert at_once.run("run", "cat", "/var/tmp/kept").stdout == b"kept\n"
    assert at_once.run("run", "ls", "/tmp/lost").returncode == 2
    assert kept_by(at_once) == "started"
    assert at_once.log().count("booted default") == 2
    assert at_once.log().count("booting again") == 1
    assert at_once.run("stop").returncode == 0
    assert at_once.run("restart").stdout == b"the machine default did not run, and has been started\n"
    assert kept_by(at_once) == "started"


def test_restart_of_a_machine_that_was_not_started(at_once: Lichen) -> None:
    with at_once.start("run", "--", "sh", "-c", "echo ready; exec sleep 1000") as running:
        assert running.stdout is not None
        running.stdout.readline()
        kernel = kernel_of(at_once)
        assert at_once.run("restart").returncode == 0
        running.wait(timeout=20)
    eventually(lambda: not is_alive(kernel))
    assert at_once.run("list").stdout.split()[-1] == b"stopped"


# ---- the end


def test_stop_lets_programs_end(lichen: Lichen) -> None:
    """Who is asked may finish, and its status is the command's; who is attached is told why."""
    script = "exec 2> /dev/null; trap 'echo finished; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    with lichen.start("run", "--", "sh", "-c", script) as running:
        assert running.stdout is not None
        running.stdout.readline()
        assert lichen.run("stop").returncode == 0
        output, errors = running.communicate(timeout=20)
        assert (output, errors) == (b"finished\n", b"lichen: the machine default is being stopped\n")
        assert running.returncode == 0


def test_terminate_tells_clients(lichen: Lichen) -> None:
    with lichen.start("run", "--", "sh", "-c", "echo ready; exec sleep 1000") as running:
        assert running.stdout is not None
        running.stdout.readline()
        assert lichen.run("terminate", "default").returncode == 0
        _, errors = running.communicate(timeout=20)
        assert errors == b"lichen: the machine default is being terminated\n"
        assert running.returncode == 128 + signal.SIGHUP


def test_stop_ends_interactive_shells(lichen: Lichen, at_terminal: Callable[..., User]) -> None:
    """They ignore TERM: their terminals hang up."""
    user = at_terminal("run", "--", "bash", "--norc", "-i")
    user.types(b"echo so'me'thing\r")
    user.sees(b"something\r\n")
    assert lichen.run("stop").returncode == 0
    user.sees(b"lichen: the machine default is being stopped\r\n")
    assert user.ends() == 128 + signal.SIGHUP


def test_the_host_ends_a_machine(lichen: Lichen) -> None:
    """TERM to its kernel is a clean stop."""
    assert lichen.run("start").returncode == 0
    kernel = kernel_of(lichen)
    os.kill(kernel, signal.SIGTERM)
    eventually(lambda: not is_alive(kernel))
    assert lichen.run("list").stdout.split()[-1] == b"stopped"


# ---- programs that end the machine


def ask_init(lichen: Lichen, signal_name: str) -> None:
    """Have process 1 end the machine; whether the asking shell is still there to say so is chance."""
    lichen.run("run", "--user", "root", "--", "bash", "-c", f"kill -{signal_name} 1", **NOWHERE)


def test_a_reboot_from_inside(at_once: Lichen) -> None:
    """The machine is there again, and as much started as before; who is attached is told."""
    assert at_once.run("start").returncode == 0
    with at_once.start("run", "--", "sh", "-c", "echo ready; exec sleep 1000") as running:
        assert running.stdout is not None
        running.stdout.readline()
        ask_init(at_once, "RTMIN+5")
        _, errors = running.communicate(timeout=20)
        assert errors == b"lichen: the machine default is going down for reboot\n"
        assert running.returncode == 128 + signal.SIGTERM
    assert at_once.run("run", "echo", "up").stdout == b"up\n"
    assert kept_by(at_once) == "started"
    assert at_once.log().count("booting again") == 1
    assert "restart is requested by signal 39 from process" in at_once.log()


def test_a_poweroff_from_inside(at_once: Lichen) -> None:
    assert at_once.run("start").returncode == 0
    kernel = kernel_of(at_once)
    with at_once.start("run", "--", "sh", "-c", "echo ready; exec sleep 1000") as running:
        assert running.stdout is not None
        running.stdout.readline()
        ask_init(at_once, "RTMIN+4")
        _, errors = running.communicate(timeout=20)
        assert errors == b"lichen: the machine default is going down for poweroff\n"
    eventually(lambda: not is_alive(kernel))
    assert at_once.run("list").stdout.split()[-1] == b"stopped"
    assert at_once.facts()["how"] == "powered off"
    at_once.environment["LICHEN_IDLE_SECONDS"] = "60"
    assert at_once.run("run", "true").returncode == 0
    assert kept_by(at_once).startswith("idle")


def test_at_once_nobody_is_asked(lichen: Lichen) -> None:
    """It outdoes a clean end that has begun, for which a program takes its time."""
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    with lichen.start("run", "--", "sh", "-c", script) as running:
        assert running.stdout is not None
        running.stdout.readline()
        kernel = kernel_of(lichen)
        root = ("run", "--user", "root", "--", "bash", "-c")
        lichen.run(*root, "trap '' TERM; kill -RTMIN+4 1; kill -RTMIN+14 1; sleep 1000", **NOWHERE)
        assert running.wait(timeout=20) == 128 + signal.SIGKILL
    eventually(lambda: not is_alive(kernel))
    assert lichen.log().count("going down") == 2
    assert lichen.facts()["how"] == "powered off"


# ---- crashes


def test_a_started_machine_whose_kernel_is_killed(at_once: Lichen) -> None:
    """It is shown as crashed; the next start says so, and it is still started."""
    assert at_once.run("start").returncode == 0
    os.kill(kernel_of(at_once), signal.SIGKILL)
    eventually(lambda: b"crashed after " in at_once.run("list").stdout)
    assert at_once.run("list", "-v").stdout.count(b"its kernel was killed") == 1
    assert b"crashed after" in at_once.run("status").stdout
    done = at_once.run("run", "echo", "hi")
    assert (done.returncode, done.stdout) == (0, b"hi\n")
    assert done.stderr.startswith(b"lichen: the machine default had crashed after ")
    assert done.stderr.count(b"\n") == 1
    assert kept_by(at_once) == "started"
    assert at_once.run("run", "true").stderr == b""
    os.kill(kernel_of(at_once), signal.SIGKILL)
    eventually(lambda: b"crashed after " in at_once.run("list").stdout)
    done = at_once.run("start")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"the machine default had crashed after ")
    assert kept_by(at_once) == "started"


def test_a_client_notes_when_its_kernel_was_killed(lichen: Lichen) -> None:
    with lichen.start("run", "--", "sh", "-c", "echo ready; exec sleep 1000") as running:
        assert running.stdout is not None
        running.stdout.readline()
        os.kill(kernel_of(lichen), signal.SIGKILL)
        assert running.wait(timeout=20) == 125
    shown = lichen.run("list").stdout
    assert b"crashed " in shown
    assert b"crashed after" not in shown


def test_who_waits_for_the_end_sees_a_crash(lichen: Lichen) -> None:
    with lichen.start("start", "--wait") as waiting:
        eventually(lambda: lichen.run("ps").returncode == 0)
        os.kill(kernel_of(lichen), signal.SIGKILL)
        _, errors = waiting.communicate(timeout=20)
    assert waiting.returncode == 1
    assert errors.startswith(b"lichen: the machine default crashed ")
    assert b"after" not in errors
