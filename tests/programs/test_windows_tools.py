"""The small programs of Wine's userland on files and services: attrib, xcopy, net; and the end of one that had a crash."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen
from tests.toolchain import Toolchain

SOURCES = Path(__file__).parent / "windows"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lichen]:
    """One machine for all of these tests: the first Windows program of a machine takes the longest."""
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    command = Lichen(tmp_path_factory.mktemp("home"))
    yield command
    assert command.run("shutdown").returncode == 0


@pytest.fixture
def folder(machine: Lichen, request: pytest.FixtureRequest) -> str:
    """An empty folder of drive C: for one test, as Linux programs name it."""
    path = f"/mnt/c/{request.node.name.partition('[')[0]}"
    assert bash(machine, f"rm -rf {path}; mkdir {path}").returncode == 0
    return path


def bash(machine: Lichen, script: str, *shared: Path) -> subprocess.CompletedProcess[bytes]:
    shares = [word for path in shared for word in ("--share", f"{path}:{path}:ro")]
    return machine.run("run", *shares, "--", "bash", "-c", script)


# ---- attrib


def test_attrib(machine: Lichen, folder: str) -> None:
    name = "C:\\" + folder.rpartition("/")[2] + "\\file.txt"
    script = f"""cd {folder}; echo hi > file.txt
        attrib.exe file.txt; attrib.exe +h file.txt; attrib.exe +r file.txt; attrib.exe file.txt; stat -c %A file.txt
        attrib.exe -r file.txt; attrib.exe -h file.txt; attrib.exe file.txt; stat -c %A file.txt"""
    before, during, mode, after, last = bash(machine, script).stdout.decode().splitlines()
    assert [line.split() for line in (before, during, after)] == [["A", name], ["A", "HR", name], ["A", name]]
    assert (mode[2], last[2]) == ("-", "w")


def test_what_is_read_only_for_linux_is_so_for_windows(machine: Lichen, folder: str) -> None:
    script = f"cd {folder}; echo hi > file.txt; chmod a-w file.txt; attrib.exe file.txt; cmd.exe /c 'del file.txt'; ls"
    attributes, *_, name = bash(machine, script).stdout.decode().splitlines()
    assert "R" in attributes.split()
    assert name == "file.txt"


def test_attrib_in_folders(machine: Lichen, folder: str) -> None:
    script = f"""cd {folder}; mkdir -p a/b; touch a/one.log a/b/two.log a/b/other.txt
        attrib.exe +h '*.log' /s; cmd.exe /c 'dir /b /s /a-d'; echo; cmd.exe /c 'dir /b /s /ah'"""
    everything, _, hidden = bash(machine, script).stdout.decode().replace("\r", "").partition("\n\n")
    assert sorted(line.rpartition("\\")[2] for line in hidden.splitlines()) == ["one.log", "two.log"]
    assert "other.txt" in everything


def test_attrib_of_nothing(machine: Lichen, folder: str) -> None:
    done = bash(machine, f"cd {folder}; attrib.exe nothing.txt")
    assert done.stdout == b"nothing.txt: File Not Found\r\n"


# ---- xcopy


def test_xcopy_of_a_tree(machine: Lichen, folder: str) -> None:
    script = f"""cd {folder}; mkdir -p from/deep/empty; seq 10000 > from/numbers; echo hi > 'from/deep/two words'
        xcopy.exe from to /i /e /q; echo $?; diff -r from to && find to | sort"""
    lines = bash(machine, script).stdout.decode().splitlines()
    assert lines == [
        "2 file(s) copied",
        "0",
        "to",
        "to/deep",
        "to/deep/empty",
        "to/deep/two words",
        "to/numbers",
    ]


def test_xcopy_asks_before_it_replaces(machine: Lichen, folder: str) -> None:
    script = f"""cd {folder}; mkdir from to; echo new > from/x; echo old > to/x
        echo n | xcopy.exe from to >/dev/null; cat to/x; xcopy.exe from to /y >/dev/null; cat to/x"""
    assert bash(machine, script).stdout.split() == [b"old", b"new"]


def test_xcopy_of_folders_only(machine: Lichen, folder: str) -> None:
    script = (
        f"cd {folder}; mkdir -p from/a/b; touch from/x; xcopy.exe from to /i /e /t >/dev/null; find to | sort"
    )
    assert bash(machine, script).stdout.split() == [b"to", b"to/a", b"to/a/b"]


def test_xcopy_of_nothing(machine: Lichen, folder: str) -> None:
    done = bash(machine, f"cd {folder}; xcopy.exe nothing to; echo $?")
    assert done.stdout.splitlines()[-1] == b"4"
    assert b"File not found" in done.stdout + done.stderr


# ---- net


def test_net_help(machine: Lichen) -> None:
    done = machine.run("run", "net.exe", "help", "start")
    assert (done.returncode, b"NET START [service]" in done.stdout) == (0, True)


@pytest.mark.parametrize("words", [(), ("user",)])
def test_net_without_a_command_that_it_has(machine: Lichen, words: tuple[str, ...]) -> None:
    done = machine.run("run", "net.exe", *words)
    assert (done.returncode, b"HELP, START, STOP or USE" in done.stdout) == (0 if words else 1, True)


def test_net_use_has_nothing_to_show(machine: Lichen) -> None:
    done = machine.run("run", "net.exe", "use")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_net_says_when_there_are_no_services(machine: Lichen) -> None:
    done = machine.run("run", "net.exe", "start", "Nothing")
    assert done.returncode == 1
    assert done.stdout + done.stderr != b""


# ---- ends


def test_an_exception_that_was_handled_is_no_crash(machine: Lichen, windows_c: Toolchain) -> None:
    program = windows_c.compile(SOURCES / "handled.c")
    done = bash(machine, f"{program}; echo $?", program.parent)
    assert (done.stdout, done.stderr) == (b"5\n", b"")  # the low byte of 0xC0000005


def test_what_windows_makes_on_its_drive_can_be_run(machine: Lichen, folder: str) -> None:
    script = f"cd {folder}; cmd.exe /c 'copy /b C:\\windows\\system32\\hostname.exe own.exe' >&2 && ./own.exe && hostname.exe"
    first, second = bash(machine, script).stdout.split()
    assert first == second


# ---- jobs


@pytest.mark.parametrize(
    "command",
    [
        "Z:\\usr\\bin\\sleep 60",
        "Z:\\usr\\bin\\timeout 60 sleep 60",
        "cmd.exe /c Z:\\usr\\bin\\sleep 60",
    ],
)
def test_a_job_holds_both_worlds(machine: Lichen, windows_c: Toolchain, command: str) -> None:
    """What a program in a job starts, and what that starts, ends with the job."""
    program = windows_c.compile(SOURCES / "job.c")
    script = f'{program} "{command}"; echo $?; sleep 0.2; ps -eo comm= | grep -c "^sleep$"'
    id, code, left = bash(machine, script.replace("\\", "\\\\"), program.parent).stdout.split()
    assert int(id) > 0
    assert (code, left) == (b"0", b"0")


# ---- names and words of Wine's own


def test_winepath(machine: Lichen) -> None:
    """Names of either world in the other's terms; links stay, and nothing has to be there."""
    script = """cd /mnt/c/users; for name in /bin /mnt/c/windows/nothing /mnt/c /mnt / new ..; do winepath.exe -w $name; done
        winepath.exe -u new 'z:\\USR\\Bin' 'C:\\Windows' 'c:\\no\\thing'"""
    names = bash(machine, script).stdout.decode().split()
    expected = "Z:\\bin C:\\windows\\nothing C:\\ Z:\\mnt Z:\\ C:\\users\\new C:\\"
    assert names[:7] == expected.split()
    assert names[7:] == ["/mnt/c/users/new", "/usr/bin", "/mnt/c/windows", "/mnt/c/no/thing"]


def test_what_programs_of_wine_say_is_on_their_standard_error(machine: Lichen) -> None:
    done = bash(machine, "sc.exe || echo failed")
    assert (done.stdout, done.stderr) == (
        b"failed\n",
        b"Usage: sc command servicename [parameter= value ...]\n",
    )
