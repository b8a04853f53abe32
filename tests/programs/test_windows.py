"""Real Windows programs, alone and among Linux ones: what a shell sees of them is what it sees of its own kind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.programs.conftest import Lichen, bash, eventually
from tests.toolchain import Toolchain, host_program

SOURCES = Path(__file__).parent / "windows"


@pytest.fixture(scope="module")
def sleeper(windows_c: Toolchain) -> Path:
    return windows_c.compile(SOURCES / "sleeper.c")


# ---- alone


def test_echo(machine: Lichen) -> None:
    done = machine.run("run", "cmd.exe", "/c", "echo hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hi\r\n", b"")


def test_login_shells_find_programs_by_name(machine: Lichen) -> None:
    done = machine.run("run", "bash", "-lc", 'cmd.exe /c "echo hi" | tr a-z A-Z')
    assert (done.returncode, done.stdout) == (0, b"HI\r\n")


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_exit_code(machine: Lichen, code: int) -> None:
    assert machine.run("run", "cmd.exe", "/c", f"exit {code}").returncode == code


def test_host_name(machine: Lichen) -> None:
    linux = machine.run("run", "uname", "-n").stdout.decode().strip()
    assert machine.run("run", "hostname.exe").stdout.decode().strip().lower() == linux.lower()


def test_only_administrators_change_what_is_everybodys_in_the_registry(machine: Lichen) -> None:
    def add(user: str, key: str) -> int:
        return machine.run(
            "run", "--user", user, "reg.exe", "add", key, "/v", "Name", "/d", "x", "/f"
        ).returncode

    assert add("nobody", r"HKCU\Software\Lichen Test") == 0
    assert add("root", r"HKLM\Software\Lichen Test") == 0
    for key in (r"HKLM\Software\Lichen Test", r"HKLM\Software\New", r"HKU\S-1-5-21-0-0-0-500\Software"):
        assert add("nobody", key) != 0


def test_registry_outlives_the_machine(machine: Lichen) -> None:
    key = r"HKCU\Software\Lichen Test"
    assert machine.run("run", "reg.exe", "add", key, "/v", "Answer", "/d", "forty two", "/f").returncode == 0
    assert machine.run("terminate", "default").returncode == 0
    found = machine.run("run", "reg.exe", "query", key, "/v", "Answer")
    assert (found.returncode, b"REG_SZ    forty two\r\n" in found.stdout) == (0, True)
    assert machine.run("run", "reg.exe", "delete", key, "/f").returncode == 0
    assert machine.run("run", "reg.exe", "query", key).returncode == 1


# ---- among Linux programs


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ('cmd.exe /c "echo hi" | tr a-z A-Z', b"HI\r\n"),
        ("cmd.exe /c 'exit 7'; echo $?", b"7\n"),
        ("cd /usr; cmd.exe /c ls", b"".join(sorted(os.fsencode(n) + b"\n" for n in os.listdir("/usr")))),
        ("[ $(cmd.exe /c bash -c hostname.exe) = $(hostname.exe) ] && echo same", b"same\n"),
        ("cmd.exe /c 'echo one> C:\\users\\one.txt'; cat /mnt/c/users/one.txt", b"one\r\n"),
        ("echo two > /mnt/c/users/two.txt; cmd.exe /c 'type C:\\users\\TWO.TXT'", b"two\n"),
        ("cmd.exe /c 'hostname.exe | Z:\\usr\\bin\\wc -l'", b"1\n"),
        ("X='a b' cmd.exe /c 'echo %X%'", b"a b\r\n"),
    ],
)
def test_crossings(machine: Lichen, script: str, output: bytes) -> None:
    done = bash(machine, script)
    assert (done.stdout, done.stderr) == (output, b"")


@pytest.mark.parametrize(("signal", "status"), [("KILL", 137), ("TERM", 143), ("INT", 130)])
def test_kill(machine: Lichen, sleeper: Path, signal: str, status: int) -> None:
    script = f"exec 3< <(exec {sleeper}); read -r line <&3; echo $line; kill -{signal} $!; wait $!; echo $?"
    assert bash(machine, script, sleeper.parent).stdout.split() == [b"ready", str(status).encode()]


def test_taskkill_ends_both_kinds(machine: Lichen, sleeper: Path) -> None:
    for program in ("sleep 60", str(sleeper)):
        script = f"{program} >/dev/null & taskkill.exe /PID $! /F >/dev/null; echo $?; wait $! 2>/dev/null; echo $?"
        killed, status = bash(machine, script, sleeper.parent).stdout.split()
        assert killed == b"0"
        assert status == (b"137" if program == "sleep 60" else b"1")  # the exit code that taskkill chooses


def test_stop_and_continue(machine: Lichen, sleeper: Path) -> None:
    state = "ps -o state= -p $!"
    script = f"{sleeper} & sleep 0.3; {state}; kill -STOP $!; {state}; kill -CONT $!; {state}; kill $!"
    assert bash(machine, script, sleeper.parent).stdout.split() == [b"ready", b"S", b"T", b"S"]


def test_timeout(machine: Lichen, sleeper: Path) -> None:
    done = bash(machine, f"timeout 1 {sleeper}; echo $?", sleeper.parent)
    assert done.stdout.split() == [b"ready", b"124"]


def test_one_tree_of_processes(machine: Lichen, sleeper: Path) -> None:
    script = rf"""cmd.exe /c 'Z:\usr\bin\timeout' 60 {sleeper} & sleep 1; ps -eo pid=,ppid=,comm=; echo "shell $$"
        pkill sleeper"""
    output = bash(machine, script, sleeper.parent).stdout.decode()
    *lines, last = [line.split(None, 2) for line in output.splitlines() if line.strip() != "ready"]
    processes = {int(pid): (int(parent), name) for pid, parent, name in lines}
    (lowest,) = (pid for pid, (_, name) in processes.items() if name.startswith("sleeper"))
    chain, here = [], lowest
    while here != int(last[1]):
        here, name = processes[here]
        chain.append(name.rstrip()[:8])
    assert chain == ["sleeper-", "timeout", "cmd.exe"]


def test_crash(machine: Lichen, windows_c: Toolchain) -> None:
    program = windows_c.compile(SOURCES / "crash.c")
    done = bash(machine, f"{program}; echo $?", program.parent)
    assert done.stdout == b"139\n"
    assert f"{program.name}+0x".encode() in done.stderr


@pytest.mark.parametrize(
    ("library", "told"), [("nowhere.dll", "Library nowhere.dll"), ("kernel32.dll", "kernel32.dll.undefined")]
)
def test_what_is_missing_is_named(machine: Lichen, windows_c: Toolchain, library: str, told: str) -> None:
    tool = host_program("x86_64-w64-mingw32-dlltool", "binutils-mingw-w64-x86-64")
    definition, archive = (windows_c.folder / f"{library}.{suffix}" for suffix in ("def", "a"))
    definition.write_text(f"LIBRARY {library}\nEXPORTS\nundefined\n")
    subprocess.run([tool, "-d", definition, "-l", archive], check=True)
    program = windows_c.compile(SOURCES / "undefined.c", str(archive))
    done = bash(machine, str(program), program.parent)
    assert done.returncode != 0
    assert f"{program.name}: ".encode() in done.stderr
    assert told.encode() in done.stderr


@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("hostname.exe", None),
        ("Z:\\usr\\bin\\seq 1 3", b"1\n2\n3\n6 bytes, exit code 0\n"),
        ("Z:\\usr\\bin\\head -c 300000 /dev/zero", bytes(300000) + b"300000 bytes, exit code 0\n"),
        ("Z:\\usr\\bin\\false", b"0 bytes, exit code 1\n"),
    ],
)
def test_windows_reads_what_it_started(
    machine: Lichen, windows_c: Toolchain, program: str, output: bytes | None
) -> None:
    capture = windows_c.compile(SOURCES / "capture.c")
    done = machine.run("run", "--share", f"{capture.parent}:{capture.parent}:ro", str(capture), program)
    if output is None:
        output = machine.run("run", program).stdout
        output += f"{len(output)} bytes, exit code 0\n".encode()
    assert (done.returncode, done.stdout) == (0, output)


def test_programs_that_are_left_end_with_the_machine(machine: Lichen, sleeper: Path) -> None:
    bash(machine, f"{sleeper} >/dev/null 2>&1 &", sleeper.parent)
    eventually(lambda: b"sleeper" in machine.run("run", "ps", "-e").stdout)
    assert machine.run("terminate", "default").returncode == 0
    eventually(lambda: b"sleeper" not in machine.run("run", "ps", "-e").stdout)
