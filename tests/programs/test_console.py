"""Windows programs on a terminal: cmd.exe as its user knows it, what programs find of their console, keys, jobs."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen
from tests.programs.terminal import PROMPT, SECONDS, User
from tests.toolchain import Toolchain

SOURCE = Path(__file__).parent / "windows" / "console.c"
AT_ROOT = b"Z:\\>"
INTERRUPTED = 130


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lichen]:
    """One machine for all of these tests."""
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    command = Lichen(tmp_path_factory.mktemp("home"))
    yield command
    assert command.run("shutdown").returncode == 0


@pytest.fixture
def at_terminal(machine: Lichen) -> Iterator[Callable[..., User]]:
    """Start `lichen run WORDS...` on a terminal."""
    users: list[User] = []

    def start(*words: str, **size: int) -> User:
        users.append(User(machine, "run", *words, **size))
        return users[-1]

    yield start
    for user in users:
        user.close()


@pytest.fixture
def cmd(at_terminal: Callable[..., User]) -> User:
    """cmd.exe at its prompt."""
    user = at_terminal("--", "cmd.exe")
    user.sees(AT_ROOT)
    return user


@pytest.fixture(scope="module")
def program(windows_c: Toolchain) -> Path:
    return windows_c.compile(SOURCE)


@pytest.fixture
def console(at_terminal: Callable[..., User], program: Path) -> Callable[..., User]:
    """Start the test program on a terminal, to do one thing."""
    return lambda what, **size: at_terminal("--share", share_of(program), "--", str(program), what, **size)


@pytest.fixture
def shell(at_terminal: Callable[..., User], program: Path) -> User:
    """An interactive bash that knows the test program by the variable P."""
    user = at_terminal("--share", share_of(program), "--", "bash", "--norc", "--noediting", "-i")
    user.sees(PROMPT)
    user.commands(b"P=" + str(program).encode())
    return user


def types_and_sees(user: User, keys: bytes, answer: bytes, prompt: bytes = AT_ROOT) -> None:
    user.types(keys)
    user.sees(answer or b"\r\n")
    user.sees(prompt)


def share_of(program: Path) -> str:
    return f"{program.parent}:{program.parent}:ro"


def windows_name(path: Path) -> bytes:
    return b"Z:" + str(path).replace("/", "\\").encode()


# ---- cmd.exe: lines


def test_prompt_command_and_exit(cmd: User) -> None:
    types_and_sees(cmd, b"echo 1%OS%2\r", b"echo 1%OS%2\r\n1Windows_NT2\r\n")
    cmd.types(b"exit 3\r")
    assert cmd.ends() == 3


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (b"abx\x7fc", b"abc"),
        (b"bd\x1b[D\x1b[Dac\x1b[D\x7f\x1b[C\x1b[C\x1b[C", b"cbd"),
        (b"one two\x17three", b"one three"),
        (b"axc\x1b[D\x1b[D\x1b[3~b", b"abc"),
        ("Zoë€".encode(), "Zoë€".encode()),
    ],
)
def test_editing(cmd: User, keys: bytes, line: bytes) -> None:
    types_and_sees(cmd, b"echo " + keys + b"\r", b"\r\n" + line + b"\r\n")


def test_home_and_end(cmd: User) -> None:
    types_and_sees(cmd, b"bc\x1b[Hecho a\x1b[Fd\r", b"\r\nabcd\r\n")


def test_forgetting_and_recalling_lines(cmd: User) -> None:
    types_and_sees(cmd, b"echo one\r", b"\r\none\r\n")
    types_and_sees(cmd, b"echo two\r", b"\r\ntwo\r\n")
    types_and_sees(cmd, b"\x1b[A\x1b[A\r", b"\r\none\r\n")
    types_and_sees(cmd, b"nonsense\x15echo three\r", b"\r\nthree\r\n")
    types_and_sees(cmd, b"\x1b[A\x1b[A\x1b[A\x1b[B\x7f\x7f\x7fTWO\r", b"\r\nTWO\r\n")


def test_names_are_completed(cmd: User) -> None:
    """Tab after Tab in the shell's own folder and in another, with quotes where there is a blank; back with Shift."""
    types_and_sees(cmd, b"mkdir C:\\users\\tabs && cd /d C:\\users\\tabs\r", b"", b"tabs>")
    types_and_sees(
        cmd, b'echo first> "one more.txt"& echo second> ONE.txt& echo third> two.txt\r', b"", b"tabs>"
    )
    types_and_sees(cmd, b"type on\t\r", b"first", b"tabs>")
    types_and_sees(cmd, b"type on\t\t\r", b"second", b"tabs>")
    types_and_sees(cmd, b"type t\t\r", b"third", b"tabs>")
    types_and_sees(cmd, b"type o\x1b[Z\r", b"second", b"tabs>")
    types_and_sees(cmd, b"cd \\us\t\r", b"", b"C:\\users>")
    types_and_sees(cmd, b"type tabs\\t\t\r", b"third", b"C:\\users>")
    types_and_sees(cmd, b"rd /s /q tabs & cd /d Z:\\\r", b"")


def test_a_line_of_several_rows(at_terminal: Callable[..., User]) -> None:
    user = at_terminal("--", "cmd.exe", columns=20)
    user.sees(AT_ROOT)
    text = b"abcdefghijklmnopqrstuvwxyz0123456789"
    user.types(b"echo " + text + b"\x1b[H\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C!\x1b[F\x7f.\r")
    user.sees(b"!" + text[:-1] + b".\r\n")


def test_end_of_file(cmd: User) -> None:
    cmd.types(b"\x04")
    assert cmd.ends() == 0


def test_batch_file(at_terminal: Callable[..., User], tmp_path: Path) -> None:
    batch = tmp_path / "ask.bat"
    batch.write_bytes(b"@echo off\r\nset /p NAME=who?\r\necho it is %NAME%, %1\r\npause\r\nexit /b 5\r\n")
    user = at_terminal("--share", f"{tmp_path}:{tmp_path}:ro", "--", "cmd.exe")
    user.sees(AT_ROOT)
    user.types(windows_name(batch) + b" here\r")
    user.sees(b"who?")
    user.types(b"me\r")
    user.sees(b"me\r\nit is me, here\r\n")
    types_and_sees(user, b"x", b"\r\n")
    types_and_sees(user, b"echo %errorlevel%\r", b"\r\n5\r\n")


def test_clearing_the_screen_and_naming_the_window(cmd: User) -> None:
    cmd.types(b"title A name\r")
    cmd.sees(AT_ROOT)
    assert b"\x1b]0;A name\x07" in cmd.everything
    cmd.types(b"cls\r")
    cmd.sees(AT_ROOT)
    assert b"\x1b[2J" in cmd.everything


# ---- cmd.exe: programs of both worlds


def test_a_linux_program_has_the_terminal_as_it_was(cmd: User) -> None:
    types_and_sees(cmd, b"Z:\\usr\\bin\\stty -a\r", b" icanon")
    cmd.types(b"Z:\\usr\\bin\\cat\r")
    cmd.sees(b"cat\r\n")
    time.sleep(0.3)
    cmd.types(b"lin\x15line\r")
    cmd.sees(b"line\r\nline\r\n")
    types_and_sees(cmd, b"\x04", b"")
    types_and_sees(cmd, b"echo still here\r", b"\r\nstill here\r\n")


def test_linux_programs_end_before_the_next_command(cmd: User) -> None:
    types_and_sees(cmd, b'Z:\\usr\\bin\\sh -c "sleep 0.3; exit 7"\r', b"")
    types_and_sees(cmd, b"echo %errorlevel%\r", b"\r\n7\r\n")
    types_and_sees(cmd, b"Z:\\usr\\bin\\echo word | Z:\\usr\\bin\\wc -w\r", b"\r\n1\r\n")


def test_a_shell_within(cmd: User) -> None:
    cmd.types(b"Z:\\usr\\bin\\bash --norc --noediting\r")
    cmd.sees(PROMPT)
    assert b"deep" in cmd.commands(b"cmd.exe /c echo deep")
    cmd.types(b"cmd.exe\r")
    types_and_sees(cmd, b"exit\r", b"", PROMPT)
    types_and_sees(cmd, b"exit\r", b"exit\r\n")


def test_a_new_console_is_on_the_same_terminal(cmd: User) -> None:
    types_and_sees(cmd, b"start /wait cmd.exe /c echo there\r", b"\r\nthere\r\n")
    types_and_sees(cmd, b"start /b /wait cmd.exe /c echo here\r", b"\r\nhere\r\n")


# ---- ^C


def test_interrupting_a_line(cmd: User) -> None:
    cmd.types(b"echo wrong")
    cmd.sees(b"wrong")
    types_and_sees(cmd, b"\x03", b"^C\r\n")
    types_and_sees(cmd, b"echo right\r", b"\r\nright\r\n")


def test_interrupting_a_linux_program(cmd: User) -> None:
    cmd.types(b'Z:\\usr\\bin\\sh -c "echo waits; sleep 100"\r')
    cmd.sees(b"\r\nwaits")
    cmd.interrupts_until(AT_ROOT)  # while it starts a program with vfork, this sh lets ^C pass
    types_and_sees(cmd, b"echo alive\r", b"\r\nalive\r\n")


def test_interrupting_a_windows_program(at_terminal: Callable[..., User], program: Path) -> None:
    user = at_terminal("--share", share_of(program), "--", "cmd.exe")
    user.sees(AT_ROOT)
    user.types(windows_name(program) + b" wait\r")
    user.sees(b"waits\r\n")
    types_and_sees(user, b"\x03", b"")
    types_and_sees(user, b"echo alive\r", b"\r\nalive\r\n")


ENDLESS = {
    "loop.bat": "for /l %%i in (1,0,2) do echo begins\r\n",
    "goto.bat": ":again\r\necho begins\r\ngoto again\r\n",
    "inner.bat": "call loop.bat\r\necho never\r\n",
    "outer.bat": "setlocal\r\nset KEPT=no\r\n(call inner.bat)\r\necho never\r\n",
    "sleep.bat": 'Z:\\usr\\bin\\sh -c "echo begins; exec sleep 100"\r\necho never\r\n',
}


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Path:
    """A folder with batch files that do not end, the test program and a large file."""
    folder = tmp_path_factory.mktemp("endless")
    shutil.copy(program, folder / "console.exe")
    for name, lines in ENDLESS.items():
        (folder / name).write_bytes(b"@echo off\r\n" + lines.encode() + b"echo never\r\n")
    (folder / "large.txt").write_bytes(b"begins\r\n" * 500_000 + b"never\r\n")
    return folder


@pytest.fixture
def current_cmd(at_terminal: Callable[..., User], endless: Path) -> User:
    """cmd.exe of a Wine that has a way to end what runs, in the folder of what does not end."""
    found = find_userland()
    if found is None or not found.is_current:
        pytest.skip("Wine 8's cmd.exe has no code that ends loops")
    user = at_terminal("--share", f"{endless}:/srv:ro", "--", "cmd.exe")
    user.sees(AT_ROOT)
    user.types(b"cd \\srv& set KEPT=yes\r")
    user.sees(b"srv>")
    return user


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"for /l %i in (1,0,2) do @echo begins", b"begins\r\n"),
        (b"for /l %i in (1,0,2) do @for /l %j in (1,0,2) do @(echo begins& ver>nul)", b"begins\r\n"),
        (b'for /l %i in (1,0,2) do @Z:\\usr\\bin\\sh -c "echo begins; exec sleep 100"', b"begins\r\n"),
        (b"for /l %i in (1,0,2) do @console.exe wait", b"waits\r\n"),
        (b"for /f %i in (large.txt) do @echo %i", b"begins\r\n"),
        (b"for /r Z:\\usr %i in (*) do @echo %i", b"Z:\\usr\\"),
        (b"dir /p Z:\\usr\\bin", b"continue..."),
        (b"dir /s Z:\\usr", b"Directory of"),
        (b"type large.txt", b"begins\r\n"),
        (b"pause", b"continue..."),
        (b"set /p KEPT=who?", b"who?"),
        *((name.encode(), b"begins\r\n") for name in ENDLESS),
    ],
)
def test_interrupting_a_line_that_runs(current_cmd: User, line: bytes, shown: bytes) -> None:
    """It ends with all that it is part of, the shell and its variables stay, and the error level tells."""
    current_cmd.types(b"(" + line + b") & echo never\r")
    current_cmd.sees(b"never\r\n")
    current_cmd.sees(shown)
    current_cmd.types(b"\x03")
    assert b"never" not in current_cmd.sees(b"srv>")
    current_cmd.types(b"echo [%KEPT% %errorlevel%]\r")
    current_cmd.sees(b"\r\n[yes -1073741510]\r\n")


def test_interrupting_a_shell_with_one_line(at_terminal: Callable[..., User]) -> None:
    user = at_terminal("--", "cmd.exe", "/c", "for /l %i in (1,0,2) do @echo begins")
    user.sees(b"begins\r\n")
    user.types(b"\x03")
    assert user.process.wait(SECONDS) == INTERRUPTED


def test_handlers(console: Callable[..., User]) -> None:
    user = console("handle")
    user.sees(b"handles\r\n")
    user.types(b"\x03")
    user.sees(b"event 0\r\n")
    user.types(b"\x03")
    user.sees(b"event 0\r\n")
    user.types(b"\x1c")
    user.sees(b"event 1\r\n")
    assert user.ends() == 131


def test_ignoring(console: Callable[..., User]) -> None:
    user = console("ignore")
    user.sees(b"handles\r\n")
    user.types(b"\x03")
    time.sleep(0.5)
    assert user.process.poll() is None


def test_a_program_raises_an_event(console: Callable[..., User]) -> None:
    console("raise").sees(b"event 0\r\n")


def test_bash_hears_of_an_interrupted_program(shell: User) -> None:
    shell.types(b"for i in 1 2 3; do $P wait; done\r")
    shell.sees(b"waits\r\n")
    shell.types(b"\x03")
    assert b"waits" not in shell.sees(PROMPT)
    assert b"130" in shell.commands(b"echo $?")


# ---- jobs


def test_stopping_and_continuing(shell: User) -> None:
    shell.types(b"cmd.exe\r")
    shell.sees(AT_ROOT)
    shell.types(b"echo ab")
    shell.sees(b"echo ab")
    shell.types(b"\x1a")
    assert b"Stopped" in shell.sees(PROMPT)
    assert b" icanon" in shell.commands(b"stty -a")
    shell.types(b"fg\r")
    shell.sees(b"Z:\\>echo ab")
    types_and_sees(shell, b"c\r", b"\r\nabc\r\n")
    types_and_sees(shell, b"exit\r", b"", PROMPT)


def test_a_background_program_may_not_read(shell: User) -> None:
    shell.commands(b"cmd.exe &")
    time.sleep(0.5)
    assert b"Stopped" in shell.commands(b"jobs")
    shell.types(b"fg\r")
    shell.sees(b"cmd.exe\r\n")
    types_and_sees(shell, b"exit\r", b"", PROMPT)


def test_the_terminal_is_put_back_when_a_program_is_killed(shell: User) -> None:
    shell.types(b"(sleep 0.5; pkill -9 console) & $P keys\r")
    shell.sees(b"keys\r\n")
    shell.sees(PROMPT)
    assert b" icanon" in shell.commands(b"stty -a")


# ---- what programs find


def test_the_state_of_a_console(console: Callable[..., User]) -> None:
    user = console("state", rows=30, columns=100)
    assert user.ends() == 3
    user.sees(b"CONIN$ 1")
    found = user.everything.decode().split("\r\n")
    assert found[:7] == [
        "types 2 2",
        "input mode 1 0x1f7",
        "output mode 1 0x7",
        "screen 1 100 x 30, window to 99 29",
        "attributes 0x7",
        "cursor 1 25 1",
        found[6],
    ]
    assert found[6].startswith("code pages ")
    assert found[7:12] == [
        "set 1, then 65001",
        "\x1b]0;A title\x07title 7 A title",
        "events 1 0",
        "processes 1, I am one",
        "CONOUT$ 1",
    ]


def test_pipes_are_no_console(machine: Lichen, program: Path) -> None:
    done = machine.run("run", "--share", share_of(program), "--", str(program), "state")
    found = done.stdout.decode().split("\r\n")
    assert found[:4] == ["types 3 3", "input mode 0 0", "output mode 0 0", "screen 0 0 x 0, window to 0 0"]
    assert found[-3:-1] == ["CONOUT$ 0", "CONIN$ 0"]


def test_lines(console: Callable[..., User]) -> None:
    user = console("lines")
    user.sees(b"reads\r\n")
    types_and_sees(user, b"\x7fab\x1b[Dc\r", b"got 61 63 62 d a", b"reads\r\n")
    types_and_sees(user, "é😀\r".encode(), b"got e9 d83d de00 d a", b"reads\r\n")
    user.types(b"\x04")
    user.sees(b"end of input\r\n")
    assert user.ends() == 3


def test_lines_without_echo(console: Callable[..., User]) -> None:
    user = console("secret")
    user.sees(b"reads\r\n")
    user.types(b"ab\x7fc\r")
    assert user.sees(b"got 61 63 d a") == b""


def test_characters(console: Callable[..., User]) -> None:
    user = console("characters")
    user.sees(b"reads\r\n")
    for key, code in ((b"a", b"61"), (b"\x03", b"3"), (b"\r", b"d"), (b"\x1a", b"1a"), (b"q", b"71")):
        user.types(key)
        assert user.sees(b"got " + code + b" \r\n") in (b"", b"reads\r\n")
    assert user.ends() == 3


@pytest.mark.parametrize(
    ("keys", "record"),
    [
        (b"a", b"41 1e 61 0"),
        (b"A", b"41 1e 41 10"),
        (b"?", b"bf 35 3f 10"),
        (b"\r", b"d 1c d 0"),
        (b"\x03", b"43 2e 3 8"),
        (b"\x1b[A", b"26 48 0 100"),
        (b"\x1b[1;5D", b"25 4b 0 108"),
        (b"\x1b[3~", b"2e 53 0 100"),
        (b"\x1bOP", b"70 3b 0 0"),
        (b"\x1bx", b"58 2d 78 2"),
        (b"\x1b", b"1b 1 1b 0"),
    ],
)
def test_keys(console: Callable[..., User], keys: bytes, record: bytes) -> None:
    user = console("keys")
    user.sees(b"keys\r\n")
    user.types(keys)
    user.sees(b"down " + record + b"\r\nup " + record + b"\r\n")


def test_the_window_changes(console: Callable[..., User]) -> None:
    user = console("keys")
    user.sees(b"keys\r\n")
    user.resize(40, 120)
    user.sees(b"size 120 x 40\r\n")


def test_looking_at_keys(console: Callable[..., User]) -> None:
    user = console("peek")
    user.sees(b"waits 258\r\npeeks\r\n")
    user.types(b"a")
    user.sees(b"peeked 2 of 2\r\nwaits 0\r\nleft 0\r\nwritten 1, there 1\r\n")


def test_leaving_the_console_and_coming_back(at_terminal: Callable[..., User], program: Path) -> None:
    user = at_terminal(
        "--share", share_of(program), "--", "cmd.exe", "/c", windows_name(program).decode(), "leave"
    )
    user.sees(b"left: 0, 0\r\nopened: 0\r\nattached: 1, 1\r\nagain: 0\r\n")
    assert user.ends() == 3


def test_a_slow_terminal_shows_everything_once(console: Callable[..., User]) -> None:
    user = console("flood")
    user.sees(b"begins")
    for _ in range(20):
        time.sleep(0.02)
        user.sees(b"7\r\n")
    user.sees(b"004999")
    assert user.ends() == 3
    assert re.findall(rb"\d{6}", user.everything) == [b"%06d" % number for number in range(5000)]


def test_the_screen(console: Callable[..., User]) -> None:
    user = console("screen")
    assert user.ends() == 3
    user.sees(b"[31m")
    shown = user.everything.decode().split("\r\n")
    assert shown[:5] == [
        "€世 at 3 0",
        "\x1b[1A\x1b[4Gat 3 0",
        "\x1b[0;91mred",
        "\x1b[m\x1b7\x1b[1B\x1b[5G\x1b[0;91;44mo\x1b[mk\x1b8\x1b7\x1b[2A\x1b[4G=====\x1b8filled 5",
        shown[4],
    ]
    assert shown[5] == "←[31m"
