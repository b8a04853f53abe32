"""The `lichen` command on a terminal: line editing, keys, jobs, window size, full-screen programs, and how it is left.

The tests play the user: they hold the master side of a pseudo terminal of the host and wait for what they expect to see.
"""

from __future__ import annotations

import os
import signal
import termios
import time
from collections.abc import Callable, Iterator

import pytest

from tests.programs.conftest import Lichen, eventually
from tests.programs.terminal import PROMPT, SECONDS, User
from tests.toolchain import host_program


@pytest.fixture
def at_terminal(lichen: Lichen) -> Iterator[Callable[..., User]]:
    """Start `lichen WORDS...` on a terminal."""
    users: list[User] = []

    def start(*words: str, **size: int) -> User:
        users.append(User(lichen, *words, **size))
        return users[-1]

    yield start
    for user in users:
        user.close()


@pytest.fixture
def shell(at_terminal: Callable[..., User]) -> User:
    """An interactive bash."""
    user = at_terminal("run", "--", "bash", "--norc", "--noediting", "-i")
    user.sees(PROMPT)
    return user


def test_the_default_is_a_login_shell(at_terminal: Callable[..., User]) -> None:
    user = at_terminal()
    user.types(b"shopt -q login_shell && echo it is a ${SHELL##*/} at $(tty); exit 7\r")
    user.sees(b"it is a ")
    user.sees(b" at /dev/pts/0")
    assert user.ends() == 7


# ---- lines and keys


def test_editing_a_line(shell: User) -> None:
    shell.types(b"echo wrong\x15echo rihg\x7f\x7fght words oops\x17\r")
    shell.sees(b"\r\n")
    assert shell.sees(PROMPT).strip() == b"right words"


def test_editing_with_readline(at_terminal: Callable[..., User]) -> None:
    user = at_terminal("run", "--", "bash", "--norc", "-i")
    user.sees(PROMPT)
    user.types(b"echo bc\x1b[D\x1b[Da\x05d\r")
    user.sees(b"\r\n")
    assert user.sees(PROMPT).strip() == b"abcd"
    user.types(b"\x1b[A\r")
    user.sees(b"\r\n")
    assert user.sees(PROMPT).strip() == b"abcd"


def test_end_of_file_from_the_keyboard(shell: User) -> None:
    shell.types(b"cat\r")
    shell.types(b"line\r")
    shell.sees(b"line\r\nline\r\n")
    shell.types(b"\x04")
    shell.sees(PROMPT)
    shell.types(b"\x04")
    assert shell.ends() == 0


def test_interrupt(shell: User) -> None:
    shell.types(b"sleep 100\r")
    time.sleep(0.3)
    shell.types(b"\x03")
    shell.sees(b"^C")
    shell.sees(PROMPT)
    assert b"130" in shell.commands(b"echo $?")


def test_interrupting_a_busy_shell(shell: User) -> None:
    shell.types(b"while :; do :; done\r")
    time.sleep(0.3)
    shell.types(b"\x03")
    shell.sees(b"^C")
    shell.sees(PROMPT)


def test_quit(shell: User) -> None:
    shell.types(b"sleep 100\r")
    time.sleep(0.3)
    shell.types(b"\x1c")
    shell.sees(b"Quit")


def test_stop_and_go(shell: User) -> None:
    shell.types(b"for i in 1 2 3; do sleep 0.2; echo line$i; done\r")
    shell.sees(b"line1")
    shell.types(b"\x13")
    time.sleep(0.8)
    shell.types(b"\x11")
    shell.sees(b"line3")


# ---- jobs


def test_jobs(shell: User) -> None:
    shell.types(b"sleep 100\r")
    time.sleep(0.3)
    shell.types(b"\x1a")
    shell.sees(b"^Z")
    assert b"Stopped" in shell.sees(PROMPT)
    assert b"T" in shell.commands(b"ps -o stat= -C sleep")
    shell.commands(b"bg")
    assert b"Running" in shell.commands(b"jobs")
    shell.types(b"fg\r")
    shell.sees(b"sleep 100\r\n")
    time.sleep(0.3)
    shell.types(b"\x03")
    shell.sees(PROMPT)
    assert b"sleep" not in shell.commands(b"jobs")


def test_a_background_job_may_not_read(shell: User) -> None:
    shell.commands(b"cat &")
    time.sleep(0.3)
    assert b"Stopped" in shell.commands(b"jobs")
    shell.types(b"fg\r")
    time.sleep(0.3)
    shell.types(b"for cat\r")
    shell.sees(b"for cat\r\nfor cat\r\n")
    shell.types(b"\x03")
    shell.sees(PROMPT)


def test_a_pipeline_is_one_job(shell: User) -> None:
    shell.types(b"sleep 100 | cat | cat\r")
    time.sleep(0.4)
    shell.types(b"\x03")
    shell.sees(PROMPT)
    assert shell.commands(b"ps -C sleep,cat -o args=").strip() == b""


# ---- the window


def test_window_size(shell: User) -> None:
    assert b"24 80" in shell.commands(b"stty size")
    shell.resize(40, 132)
    time.sleep(0.3)
    assert b"40 132" in shell.commands(b"stty size")


def test_settings_pass_into_the_machine(lichen: Lichen, at_terminal: Callable[..., User]) -> None:
    user = at_terminal("run", "--", "stty", "-a", rows=30, columns=99)
    shown = user.sees(b"isig")
    assert b"rows 30; columns 99" in shown
    assert b"erase = ^?" in shown
    assert user.ends() == 0


# ---- full-screen programs


def test_less(shell: User) -> None:
    host_program("less")
    shell.types(b"seq 1 500 > /tmp/numbers; less /tmp/numbers\r")
    shell.sees(b"/tmp/numbers")
    shell.types(b"G")
    shell.sees(b"(END)")
    shell.types(b"?^250$\r")
    shell.sees(b"250")
    shell.types(b"q")
    shell.sees(PROMPT)


def test_vi(shell: User) -> None:
    host_program("vi")
    shell.types(b"vi /tmp/poem\r")
    shell.sees(b"~")
    shell.types(b"iroses\rviolets\x1b:wq\r")
    shell.sees(b"written")
    shell.sees(PROMPT)
    assert b"roses\r\nviolets\r\n" in shell.commands(b"cat /tmp/poem")


def test_top(shell: User) -> None:
    host_program("top")
    shell.types(b"top\r")
    shell.sees(b"COMMAND")
    shell.types(b"q")
    shell.sees(PROMPT)


def test_python(shell: User) -> None:
    shell.types(b"python3 -q\r")
    shell.sees(b">>> ")
    shell.types(b"6 * 7\r")
    shell.sees(b"42\r\n")
    shell.sees(b">>> ")  # newer ones leave a line free
    shell.interrupts_until(b"KeyboardInterrupt\r\n")
    shell.sees(b">>> ")
    shell.types(b"\x04")
    shell.sees(PROMPT)


def test_a_terminal_within_the_terminal(shell: User) -> None:
    host_program("script")
    assert b"/dev/pts/1" in shell.commands(b"script -qc 'tty; stty size' /dev/null")


# ---- with other things


def test_output_into_a_pipe_leaves_the_terminal_to_others(
    lichen: Lichen, at_terminal: Callable[..., User]
) -> None:
    terminal = at_terminal("run", "--", "true")
    assert terminal.ends() == 0
    with lichen.start(
        "run", "sh", "-c", "test -t 0 || echo no terminal; read line; echo got $line", stdin=terminal.terminal
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"no terminal\n"
        assert termios.tcgetattr(terminal.terminal) == terminal.settings
        terminal.types(b"typed\n")
        assert run.stdout.readline() == b"got typed\n"
        assert run.wait(SECONDS) == 0


def test_a_terminal_that_nobody_looks_at_stops_only_those_who_write(
    lichen: Lichen, at_terminal: Callable[..., User]
) -> None:
    user = at_terminal("run", "--", "yes")
    user.sees(b"y\r\ny\r\n")
    time.sleep(0.5)
    assert lichen.run("run", "echo", "alive").stdout == b"alive\n"
    user.types(b"\x03")
    assert user.process.wait(SECONDS) == 130


def test_two_terminals(at_terminal: Callable[..., User]) -> None:
    first = at_terminal("run", "--", "sh", "-c", "tty; read line; echo got $line")
    assert b"/dev/pts/0" in first.sees(b"\r\n")
    second = at_terminal("run", "--", "tty")
    second.sees(b"/dev/pts/1")
    assert second.ends() == 0
    first.types(b"x\r")
    first.sees(b"got x")
    assert first.ends() == 0


# ---- ends


def test_the_exit_status_is_the_programs(at_terminal: Callable[..., User]) -> None:
    assert at_terminal("run", "--", "sh", "-c", "exit 9").ends() == 9
    assert at_terminal("run", "--", "sh", "-c", "kill -9 $$").ends() == 137


def test_all_output_shows_before_the_end(at_terminal: Callable[..., User]) -> None:
    user = at_terminal("run", "--", "seq", "1", "9000")
    user.sees(b"\r\n9000\r\n")
    assert user.ends() == 0


def test_a_terminal_that_goes_hangs_up(lichen: Lichen, at_terminal: Callable[..., User]) -> None:
    user = at_terminal(
        "run", "--", "sh", "-c", "trap 'echo hung up > /tmp/told; exit' HUP; echo set; sleep 60 & wait"
    )
    user.sees(b"set")
    os.close(user.keyboard)
    os.close(user.terminal)
    user.keyboard = user.terminal = -1
    user.process.wait(SECONDS)
    eventually(lambda: lichen.run("run", "cat", "/tmp/told").stdout == b"hung up\n")


def test_the_terminal_is_put_back_when_the_kernel_is_killed(
    lichen: Lichen, at_terminal: Callable[..., User]
) -> None:
    user = at_terminal("run", "--", "sh", "-c", "echo here; sleep 100")
    user.sees(b"here")
    os.kill(int(lichen.facts()["pid"]), signal.SIGKILL)
    user.sees(b"ended unexpectedly")
    assert user.ends() == 125


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, -signal.SIGHUP)])
def test_the_terminal_is_put_back_when_the_command_is_ended(
    at_terminal: Callable[..., User], number: int, status: int
) -> None:
    user = at_terminal("run", "--", "sh", "-c", "echo here; exec sleep 100")
    user.sees(b"here")
    user.process.send_signal(number)
    assert user.ends() == status
