"""What names mean to Windows programs: Windows' own first, Linux programs by the names that Windows does not have, WSL's."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.programs.conftest import Lichen
from tests.programs.terminal import User

Batch = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def batch(machine: Lichen, tmp_path: Path) -> Batch:
    """Run lines as a batch file in a folder of its own."""

    def run(
        *lines: str, input: bytes = b"", user: tuple[str, ...] = (), **more: object
    ) -> subprocess.CompletedProcess[bytes]:
        text = "\r\n".join(("@echo off", *lines, ""))
        (tmp_path / "lines.bat").write_bytes(text.encode())
        words = ("run", "--share", f"{tmp_path}:{tmp_path}", "--cwd", str(tmp_path))
        return machine.run(*words, *user, "--", "cmd.exe", "/c", "lines.bat", input=input, **more)  # type: ignore[arg-type]

    return run


# ---- what Windows calls by the names of Linux programs


def test_calls_of_what_is_built_in(batch: Batch, tmp_path: Path) -> None:
    done = batch("call mkdir x\\y", "call echo one", "call dir /b", "call rmdir x\\y", "call echo two> three")
    assert (done.stdout.split(), done.stderr) == ([b"one", b"lines.bat", b"x"], b"")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["lines.bat", "three", "x"]


def test_sort(batch: Batch) -> None:
    done = batch(
        "echo b> in& echo A>> in& echo c>> in",
        "sort < in",
        "sort /r in",
        "type in| sort /+1",
        "sort in /o out",
        "type out",
    )
    assert done.stdout.split() == [b"A", b"b", b"c", b"c", b"b", b"A", *2 * [b"A", b"b", b"c"]]
    assert done.stderr == b""


def test_timeout(batch: Batch) -> None:
    done = batch(
        "timeout /t 0", "echo %errorlevel%", "timeout 0 /nobreak > nul", "timeout /t x", "echo %errorlevel%"
    )
    assert done.stdout.replace(b"\r\n", b"\n") == b"\nWaiting for 0 seconds, press CTRL+C to quit ...\n0\n1\n"
    assert done.stderr.startswith(b"ERROR: ")


def test_choice(batch: Batch) -> None:
    lines = (
        "choice /c xyz /m Which",
        "echo %errorlevel%",
        "choice /n",
        "echo %errorlevel%",
        "choice",
        "echo %errorlevel%",
    )
    done = batch(*lines, "choice /t 0 /d n > nul", "echo %errorlevel%", input=b"aZn")
    assert done.stdout.replace(b"\r\n", b"\n") == b"Which [X,Y,Z]?Z\n3\nN\n2\n[Y,N]?255\n2\n"
    assert done.stderr.startswith(b"ERROR: ")


def test_more(batch: Batch) -> None:
    done = batch(
        "echo one> in& echo two>> in",
        "more in",
        "type in| more",
        "%SystemRoot%\\system32\\more.com +1 < in",
        "%SystemRoot%\\system32\\more.com missing",
    )
    assert done.stdout.split() == [b"one", b"two", b"one", b"two", b"two"]
    assert done.stderr == b"Cannot access file missing\r\n"


def test_find_and_where(batch: Batch) -> None:
    done = batch('echo needle| find "need"', "find /? > nul", "echo %errorlevel%")
    assert done.stdout.split()[0] == b"needle"


def test_what_nobody_has_is_not_found(batch: Batch) -> None:
    """Linux has programs of these names, which do something else."""
    done = batch("link a b", "call link a b", "comp a b", "call expr 1 + 1")
    assert done.stdout == b"2\n"
    assert done.stderr.count(b"link") >= 2


# ---- Linux programs


def test_linux_programs_by_path_and_by_names_of_their_own(batch: Batch) -> None:
    done = batch(
        'printf "b\\na\\n"| Z:\\usr\\bin\\sort',
        "Z:\\usr\\bin\\mkdir -p deep/er",
        "ls -d deep/er",
        "ls C:\\linux\\usr\\bin\\ls > nul || echo no",
        "readlink -f /mnt/c/linux/usr/bin/env",
        "if exist C:\\linux\\usr\\bin\\sort echo hidden",
    )
    assert done.stdout.split() == [b"a", b"b", b"deep/er", b"no", b"/usr/bin/env"]


def test_the_search_path_is_the_same_in_both_worlds(machine: Lichen, tmp_path: Path) -> None:
    path = f"/usr/local/bin:/usr/bin:{tmp_path}:/usr/local/games"
    words = ("run", "--share", f"{tmp_path}:{tmp_path}", "--env", f"PATH={path}", "--", "cmd.exe", "/c")
    shown = machine.run(*words, "echo %PATH%").stdout.decode().strip().split(";")
    here = "Z:" + str(tmp_path).replace("/", "\\")
    assert shown[:4] == [
        "C:\\windows\\system32",
        "C:\\windows",
        "C:\\linux\\usr\\local\\bin",
        "C:\\linux\\usr\\bin",
    ]
    assert here in shown
    back = machine.run(*words, "printenv PATH").stdout.decode().strip().split(":")
    assert [folder for folder in back if not folder.startswith("/mnt")][:3] == path.split(":")[:3]


def test_linux_programs_know_their_own_files(batch: Batch) -> None:
    """Their names are those that Linux has, however they were found."""
    done = batch("C:\\linux\\usr\\bin\\readlink /proc/self/exe", 'C:\\linux\\usr\\bin\\sh -c "echo $0"')
    assert done.stdout == b"/usr/bin/readlink\n/usr/bin/sh\n"


# ---- WSL's names


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("wsl.exe uname -s", b"Linux"),
        ("wsl -e uname -s", b"Linux"),
        ('wsl --exec printf %%s. a "b c"', b"a.b c."),
        ("wsl -- echo a ^| tr a-z A-Z", b"A"),
        ('wsl echo "$HOME x"', b"/ x"),
        ("wsl --cd /usr pwd", b"/usr"),
        ("wsl --cd C:\\windows -- pwd", b"/mnt/c/windows"),
        ("wsl ~ pwd", b"/"),
        ("wsl --shell-type none echo $HOME", b"$HOME"),
        ("wsl --user nobody --shell-type none id -un", b"nobody"),
        ("wsl --user nobody -e id -un", b"nobody"),
        ("wsl -d lichen true && echo here", b"here"),
        ("wsl -l -q", b"Lichen"),
        ('bash.exe -c "uname -s; exit 3" || echo failed', b"Linux\nfailed"),
        ('bash -c "echo $0"', b"bash"),
    ],
)
def test_linux_by_the_names_of_wsl(batch: Batch, command: str, output: bytes) -> None:
    user = ("--user", "root") if "nobody" in command else ()  # who need not know a password
    done = batch(command, user=user, variables={"HOME": "/", "SHELL": "/bin/sh"})
    assert (done.stdout.replace(b"\r", b"").strip(), done.stderr) == (output, b"")


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ('bash.exe -c "uname -s"', b"Linux"),
        ('echo "a  b" "c"', b'"a  b" "c"'),
        ('Z:\\usr\\bin\\printf "[%s]" "a b" c\\', b"[a b][c\\]"),
        ('"Z:\\usr\\bin\\printf" "[%s]" "a b"', b"[a b]"),
    ],
)
def test_a_shell_gets_the_line_as_it_is(machine: Lichen, command: str, output: bytes) -> None:
    """cmd.exe takes no line apart into arguments: quotes in it reach the program that it starts."""
    assert machine.run("run", "cmd.exe", "/c", command).stdout.strip() == output
    assert machine.run("run", "cmd.exe", "/d", "/C", command).stdout.strip() == output


def test_exit_codes_and_input_pass_through_wsl(batch: Batch) -> None:
    done = batch(
        "wsl exit 7", "echo %errorlevel%", "wsl cat", "wsl -d Debian true", "echo %errorlevel%", input=b"in\n"
    )
    assert done.stdout.split() == [b"7", b"in", b"1"]
    assert done.stderr == b"wsl: There is no distribution with the supplied name.\n"


# ---- on a terminal


@pytest.fixture
def at_terminal(machine: Lichen) -> Iterator[Callable[..., User]]:
    users: list[User] = []

    def start(*words: str) -> User:
        users.append(User(machine, "run", *words))
        return users[-1]

    yield start
    for user in users:
        user.close()


def test_keys_end_waiting(at_terminal: Callable[..., User]) -> None:
    user = at_terminal("--", "cmd.exe", "/c", "timeout /t 999& choice /c ab& timeout /t -1")
    user.sees(b"press a key to continue ...")
    user.types(b" ")
    user.sees(b"[A,B]?")
    user.types(b"xb")
    user.sees(b"B\r")
    user.sees(b"Press any key to continue ...")
    user.types(b"q")
    assert user.ends() == 0
