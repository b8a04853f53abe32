"""wslpath and WSLENV: paths and variables in the other world's terms, as users of WSL know them."""

from __future__ import annotations

import shlex

import pytest

from tests.programs.conftest import Lichen, bash

SET_UP = """
mkdir -p /mnt/c/users/Mixed; echo > '/mnt/c/users/Mixed/A [b] c.txt'; mkdir -p /tmp/target; ln -sfn /mnt/c/users /tmp/link
"""


def wslpath(machine: Lichen, *words: str, folder: str = "/") -> tuple[int, str]:
    """The exit status, and the line that is printed, or else the last line of the complaint."""
    done = bash(machine, f"{SET_UP} cd {folder}; wslpath {shlex.join(words)}")
    lines = (done.stdout or done.stderr).decode().splitlines()
    return done.returncode, lines[-1]


@pytest.mark.parametrize(
    ("path", "linux"),
    [
        ("C:\\", "/mnt/c/"),
        ("C:\\Foo", "/mnt/c/Foo"),
        ("C:\\Foo\\", "/mnt/c/Foo/"),
        ("C:/Foo/bar", "/mnt/c/Foo/bar"),
        ("c:\\Program Files\\Git", "/mnt/c/Program Files/Git"),
        ("C:\\a\\..\\b\\.\\c", "/mnt/c/b/c"),
        ("\\\\?\\C:\\Foo", "/mnt/c/Foo"),
        ("z:\\etc\\passwd", "/etc/passwd"),
        ("Z:\\", "/"),
        ("foo\\", "foo/"),
        (".", "."),
        ("\\foo", "/foo"),
        ("C:", "/mnt/c"),
        ("z:", "/"),
        ("\\\\wsl.localhost\\Lichen\\etc", "/etc"),
        ("\\\\WSL$\\lichen\\etc\\..\\USR\\bin\\", "/usr/bin/"),
        ("//wsl.localhost/Lichen/mnt/c/users", "/mnt/c/users"),
        ("\\\\wsl$\\Lichen", "/"),
        ("\\\\?\\UNC\\wsl.localhost\\Lichen\\etc", "/etc"),
        ("C:\\USERS\\mixed\\a [B] C.TXT", "/mnt/c/users/Mixed/A [b] c.txt"),
    ],
)
def test_to_linux(machine: Lichen, path: str, linux: str) -> None:
    assert wslpath(machine, path) == wslpath(machine, "-u", path) == (0, linux)


@pytest.mark.parametrize(
    ("path", "windows"),
    [
        ("/mnt/c", "C:\\"),
        ("/mnt/c/", "C:\\"),
        ("/mnt/c/users", "C:\\users"),
        ("/mnt/c/users/", "C:\\users\\"),
        ("/mnt/c/DOESNOTEXIST/", "C:\\DOESNOTEXIST\\"),
        ("/mnt/cc", "Z:\\mnt\\cc"),
        ("/", "Z:\\"),
        ("/proc/stat", "Z:\\proc\\stat"),
        ("/proc/1/", "Z:\\proc\\1\\"),
        ("/tmp/link/Mixed", "C:\\users\\Mixed"),
        ("/tmp/target/../link", "C:\\users"),
        ("not/there", "not\\there"),
    ],
)
def test_to_windows(machine: Lichen, path: str, windows: str) -> None:
    assert wslpath(machine, "-w", path) == (0, windows)
    assert wslpath(machine, "-m", path) == (0, windows.replace("\\", "/"))


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("-u", "MIXED"), "Mixed"),
        (("-u", "x\\y"), "x/y"),
        (("-a", "x\\y"), "/mnt/c/users/x/y"),
        (("-ua", "Mixed\\..\\x"), "/mnt/c/users/x"),
        (("\\foo",), "/mnt/c/foo"),
        (("-w", "."), "C:\\users"),
        (("-w", "Mixed"), "C:\\users\\Mixed"),
        (("-w", "new"), "new"),
        (("new", "-a", "-m"), "C:/users/new"),
        (("-w", "--", "-a"), "-a"),
        (("-w", "../new"), "C:\\new"),
    ],
)
def test_relative_paths_and_options(machine: Lichen, words: tuple[str, ...], answer: str) -> None:
    assert wslpath(machine, *words, folder="/mnt/c/users") == (0, answer)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("Q:\\x",), "wslpath: Q:\\x: Invalid argument"),
        (("C:x",), "wslpath: C:x: Invalid argument"),
        (("C:\\..",), "wslpath: C:\\..: Invalid argument"),
        (("\\\\server\\share",), "wslpath: \\\\server\\share: Invalid argument"),
        (("\\\\wsl$\\Debian\\etc",), "wslpath: \\\\wsl$\\Debian\\etc: Invalid argument"),
        (("Q:",), "wslpath: Q:: Invalid argument"),
        (("-w", "/etc/passwd/x"), "wslpath: /etc/passwd/x: Not a directory"),
        (("-x", "/"), "wslpath: -x: Invalid argument"),
        (("-w", "a", "b"), "wslpath: b: Invalid argument"),
    ],
)
def test_what_cannot_be_translated(machine: Lichen, words: tuple[str, ...], complaint: str) -> None:
    assert wslpath(machine, *words) == (1, complaint)


@pytest.mark.parametrize("words", ["", "--help", "-w -u /"])
def test_usage(machine: Lichen, words: str) -> None:
    done = bash(machine, f"wslpath {words}")
    assert done.returncode == 1
    assert b"usage: wslpath [-a] [-u | -w | -m] PATH" in done.stdout + done.stderr


def test_windows_programs_find_it_too(machine: Lichen) -> None:
    assert bash(machine, 'cd /mnt/c/users; cmd.exe /c "wslpath -w ."').stdout == b"C:\\users\n"


def test_it_comes_back_with_the_machine(machine: Lichen) -> None:
    damage = ("--user", "root", "--", "ln", "-sf", "/no/where", "/usr/bin/wslpath")
    assert machine.run("run", *damage).returncode == 0
    assert machine.run("terminate", "default").returncode == 0
    assert wslpath(machine, "/") == (0, "/")


# ---- WSLENV


@pytest.mark.parametrize(
    ("entry", "value", "windows"),
    [
        ("X", "/usr/bin", "/usr/bin"),
        ("X/p", "/usr/bin", "Z:\\usr\\bin"),
        ("X/p", "/mnt/c/users/not there/", "C:\\users\\not there\\"),
        ("X/p", "/mnt/c", "C:\\"),
        ("X/p", "../relative", "..\\relative"),
        ("X/l", "/usr/bin:/mnt/c/users", "Z:\\usr\\bin;C:\\users"),
        ("X/wp", "/usr", "Z:\\usr"),
        ("X/u", "/usr", "%X%"),
    ],
)
def test_variables_of_windows_programs(machine: Lichen, entry: str, value: str, windows: str) -> None:
    done = bash(machine, f"X='{value}' WSLENV={entry} cmd.exe /c 'echo %X%'")
    assert done.stdout.decode() == f"{windows}\r\n"


@pytest.mark.parametrize(
    ("entry", "value", "linux"),
    [
        ("X", "C:\\users", "C:\\users"),
        ("X/p", "C:\\USERS\\not there\\", "/mnt/c/users/not there/"),
        ("X/p", "Z:\\", "/"),
        ("X/l", "C:\\users;relative;Z:\\usr\\bin", "/mnt/c/users:/usr/bin"),
        ("X/up", "z:/usr", "/usr"),
        ("X/p", "\\\\wsl.localhost\\Lichen\\usr\\bin", "/usr/bin"),
        ("X/w", "C:\\users", None),
        ("X/p", "relative", None),
    ],
)
def test_variables_of_linux_programs(machine: Lichen, entry: str, value: str, linux: str | None) -> None:
    done = machine.run("run", "cmd.exe", "/c", f"set X={value}&set WSLENV={entry}&printenv X")
    assert (done.returncode, done.stdout.decode()) == ((0, f"{linux}\n") if linux else (1, ""))


def test_a_path_that_goes_there_and_back(machine: Lichen) -> None:
    script = "X=/mnt/c/users Y=/etc WSLENV=X/p:Y/u cmd.exe /c 'echo %X% %Y%&printenv X&printenv Y'"
    assert bash(machine, script).stdout.split() == [b"C:\\users", b"%Y%", b"/mnt/c/users"]
