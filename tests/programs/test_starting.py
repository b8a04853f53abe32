"""How programs are found and started, with all that they need: by Linux programs, by Windows programs and by `lichen run`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from tests.programs.conftest import Lichen
from tests.toolchain import Toolchain, build

SOURCES = Path(__file__).parent / "windows"
HERE, BESIDE, CURRENT, SEARCHED = 3, 4, 5, 6
"""Which copy of part.dll a program has found."""


class Shell(Protocol):
    def __call__(self, script: str, **more: object) -> subprocess.CompletedProcess[bytes]: ...


@pytest.fixture(scope="module")
def folder(windows_c: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program in `program` that needs part.dll, copies of which lie in folders beside it; and `start.exe`."""
    top = tmp_path_factory.mktemp("starting")
    compiler = windows_c.compiler
    for name, value in (("program", BESIDE), ("current", CURRENT), ("searched", SEARCHED)):
        (top / name).mkdir()
        flags = (f"-DPART={value}", "-shared", f"-Wl,--out-implib,{top}/part.a")
        build(compiler, SOURCES / "part.c", flags, top / name / "part.dll")
    build(compiler, SOURCES / "whole.c", (f"{top}/part.a",), top / "program" / "whole.exe")
    (top / "start.exe").write_bytes(windows_c.compile(SOURCES / "start.c").read_bytes())
    (top / "start.exe").chmod(0o755)
    (top / "unmarked.exe").write_bytes(windows_c.compile(SOURCES / "identify.c").read_bytes())
    (top / "unmarked.exe").chmod(0o644)
    return top


@pytest.fixture(scope="module")
def shell(machine: Lichen, folder: Path) -> Shell:
    """A shell of the machine in a folder with a copy of `folder` that may be changed."""
    return partial(_run, machine, folder)


def _run(machine: Lichen, folder: Path, script: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    begin = f"rm -rf /tmp/t; cp -r {folder} /tmp/t; cd /tmp/t; "
    words = ("run", "--share", f"{folder}:{folder}:ro", "--cwd", "/", "--", "bash", "-c", begin + script)
    return machine.run(*words, **more)  # type: ignore[arg-type]


# ---- libraries


@pytest.mark.parametrize("starter", ["", "/tmp/t/start.exe "])
@pytest.mark.parametrize(
    ("without", "found"),
    [
        ("", BESIDE),
        ("program/part.dll", CURRENT),
        ("program/part.dll current/part.dll", SEARCHED),
    ],
)
def test_where_libraries_are_found(shell: Shell, starter: str, without: str, found: int) -> None:
    """Beside the program, in the current folder, in the folders of PATH: for programs that either world starts."""
    script = (
        f"rm -f {without}; cd current; export PATH=$PATH:/tmp/t/searched; {starter}/tmp/t/program/whole.exe"
    )
    done = shell(script)
    assert (done.returncode, done.stdout, done.stderr) == (found, b"", b"")


def test_libraries_of_the_system_come_before_the_current_folder(shell: Shell) -> None:
    script = "rm program/part.dll; cp searched/part.dll /mnt/c/windows/system32; cd current; ../program/whole.exe; s=$?"
    done = shell(script + "; rm /mnt/c/windows/system32/part.dll; exit $s")
    assert (done.returncode, done.stderr) == (SEARCHED, b"")


# ---- what Windows has no room for


def test_a_command_line_that_is_too_long(shell: Shell) -> None:
    done = shell('hostname.exe "$(printf %32767s x)"')
    assert (done.returncode, done.stdout) == (126, b"")
    assert b"Argument list too long" in done.stderr


def test_the_longest_command_line(shell: Shell) -> None:
    """What takes its room is the path of the program, the separator, and an argument in which nothing needs quotes."""
    script = """fits=$((32766 - ${#1} - 1)); x=$(printf %${fits}s | tr ' ' x)
        hostname.exe $x > /dev/null; echo $?; hostname.exe x$x 2> /dev/null; echo $?"""
    done = shell(f"set -- 'C:\\windows\\system32\\hostname.exe'; {script}")
    assert done.stdout.split() == [b"1", b"126"]  # hostname.exe knows no such option


def test_xargs_makes_it_fit(shell: Shell) -> None:
    done = shell("seq 10000 | xargs ./start.exe 'Z:\\usr\\bin\\echo' | tr ' ' '\\n' | grep -c .")
    assert (done.stdout, done.stderr) == (b"10000\n", b"")


@pytest.mark.parametrize(
    "variables",
    [
        "export X=$(printf %32765s x)",
        'for i in $(seq 100); do export "X$i=$(printf %30000s x)"; done; ulimit -s unlimited',
    ],
)
def test_an_environment_that_is_too_large(shell: Shell, variables: str) -> None:
    done = shell(f"{variables}; hostname.exe")
    assert (done.returncode, done.stdout) == (126, b"")
    assert b"Argument list too long" in done.stderr


def test_a_large_environment(shell: Shell) -> None:
    script = """for i in $(seq 50); do export "X$i=$(printf %30000s x)"; done
        ./start.exe bash -c 'echo ${#X1} ${#X50}'"""
    assert shell(script).stdout == b"30000 30000\n"


def test_a_current_folder_that_is_too_long(shell: Shell) -> None:
    """MAX_PATH holds for it whatever the file system can do: the program starts elsewhere, as both are told."""
    script = """d=$(printf %060d 1); for i in 1 2 3 4 5; do mkdir $d; cd $d; done
        cmd.exe /c 'echo %CD%& readlink /proc/self/cwd'; pwd | wc -c"""
    done = shell(script)
    assert done.stdout.split() == [b"C:\\windows", b"/mnt/c/windows", b"312"]
    assert done.stderr.count(b"too long for Windows") == 1
    assert shell("cd program; mkdir $(printf %0220d 1); cd 0*; ../whole.exe").returncode == BESIDE


# ---- scripts and programs without marks


def test_line_ends_of_windows_in_a_script(machine: Lichen, shell: Shell, tmp_path: Path) -> None:
    begin = "printf '#!/bin/sh\\r\\necho no\\n' > script; chmod +x script; "
    run = begin + "bash -c ./script 2>&1; echo $?"
    of_host = subprocess.run(["bash", "-c", run], cwd=tmp_path, check=True, capture_output=True)
    assert shell(run).stdout == of_host.stdout
    script = tmp_path / "script"
    script.write_bytes(b"#!/bin/sh\r\necho no\n")
    script.chmod(0o755)
    done = machine.run("run", "--share", f"{tmp_path}:{tmp_path}", str(script))
    assert (done.returncode, done.stdout) == (127, b"")
    assert b"interpreter '/bin/sh\\r' is missing; the script has the line ends of Windows" in done.stderr


def test_a_windows_program_that_is_named_needs_no_mark(machine: Lichen, folder: Path) -> None:
    share = ("--share", f"{folder}:{folder}:ro")
    assert machine.run("run", *share, f"{folder}/unmarked.exe").returncode == 0
    assert machine.run("run", *share, "--cwd", str(folder), "./unmarked.exe").returncode == 0
    assert machine.run("run", *share, "--env", f"PATH={folder}", "unmarked.exe").returncode == 0
    done = machine.run("run", *share, "sh", "-c", f"{folder}/unmarked.exe")
    assert (done.returncode, b"Permission denied" in done.stderr) == (126, True)


def test_what_one_may_not_read_is_not_run(machine: Lichen, folder: Path) -> None:
    program = "/var/tmp/closed.exe"
    prepare = f"""cp {folder}/unmarked.exe {program}; chmod 600 {program}
        cp /bin/true /var/tmp/closed; chmod 644 /var/tmp/closed"""
    share = f"{folder}:{folder}:ro"
    machine.run("run", "--user", "root", "--share", share, "--cwd", "/", "sh", "-c", prepare)
    done = machine.run("run", "--user", "nobody", program)
    assert (done.returncode, b"is not executable" in done.stderr) == (126, True)
    done = machine.run("run", "/var/tmp/closed")
    assert (done.returncode, b"is not executable" in done.stderr) == (126, True)


# ---- what the machine does not have


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files that the machine hides")
def test_programs_in_folders_that_only_root_may_read(machine: Lichen, tmp_path: Path) -> None:
    """A PATH that leads there, as root's often does, finds nothing on a machine."""
    hidden = Path(tempfile.mkdtemp(prefix=".lichen-test-", dir="/root"))
    try:
        program = hidden / "own-program"
        program.write_text("#!/bin/sh\necho own\n")
        program.chmod(0o755)
        path = {"PATH": f"{hidden}:{os.environ['PATH']}"}
        for name in ("own-program", str(program)):
            done = machine.run("run", "--cwd", "/", "--", name, variables=path)
            assert (done.returncode, done.stdout) == (127, b"")
            assert b"only root may read it on the host: start the machine with --root-files" in done.stderr
            assert f"--share {hidden}\n".encode() in done.stderr
        share = ("--share", str(hidden))
        assert machine.run("run", *share, "own-program", variables=path).stdout == b"own\n"
    finally:
        shutil.rmtree(hidden)


def test_programs_in_folders_that_are_the_machines_own(machine: Lichen, tmp_path: Path) -> None:
    program = tmp_path / "own-program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    done = machine.run("run", "--cwd", "/", "own-program", variables={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert done.returncode == 127
    assert f"it is on the host, so show it to the machine with --share {tmp_path}\n".encode() in done.stderr
