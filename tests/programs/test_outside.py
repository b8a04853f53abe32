"""What the host's own programs change while a machine runs, as guests of both worlds see it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain, host_program

SOURCES = Path(__file__).parent / "outside"
PROGRAM = '#include <stdio.h>\nint main(void) { puts("%s"); return 0; }\n'


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the host's root, which machines show: /tmp is their own."""
    with tempfile.TemporaryDirectory(prefix="lichen-test-", dir="/var/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def shell(machine: Lichen, script: str) -> str:
    done = bash(machine, script)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().replace("\r\n", "\n")


def test_edited_replaced_new_and_removed_files(machine: Lichen, folder: Path) -> None:
    edited, replaced, late = (folder / name for name in ("edited.txt", "replaced.txt", "late.txt"))
    for path in edited, replaced:
        path.write_text("one\n")
    look = (
        f"cd {folder}; wc -c < edited.txt; cat *.txt; test -e late.txt; echo $?; ls;"
        "cmd.exe /c 'type EDITED.TXT & type REPLACED.TXT & if exist LATE.TXT (echo late) else (echo none)'"
    )
    names = "edited.txt\nreplaced.txt\n"
    assert shell(machine, look) == f"4\none\none\n1\n{names}one\none\nnone\n"
    edited.write_text("edited\n")
    (folder / "new").write_text("two\n")
    (folder / "new").rename(replaced)
    late.write_text("here\n")
    assert (
        shell(machine, look)
        == "7\nedited\nhere\ntwo\n0\nedited.txt\nlate.txt\nreplaced.txt\nedited\ntwo\nlate\n"
    )
    late.unlink()
    assert shell(machine, look) == f"7\nedited\ntwo\n1\n{names}edited\ntwo\nnone\n"


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "by rename"])
def test_a_rebuilt_program_is_the_new_one(
    machine: Lichen, folder: Path, linux_c: Toolchain, windows_c: Toolchain, in_place: bool
) -> None:
    def build(text: str) -> None:
        source = folder / f"{text}.c"
        source.write_text(PROGRAM % text)
        for compiler, name in ((linux_c, "program"), (windows_c, "program.exe")):
            built = compiler.compile(source)
            target = folder / name if in_place else folder / f"{name}.new"
            target.write_bytes(built.read_bytes())
            target.chmod(0o755)
            target.replace(folder / name)

    for text in ("first", "later", "a third"):
        build(text)
        assert shell(machine, f"cd {folder}; ./program; ./program.exe") == f"{text}\n{text}\n"


def test_git_sees_what_was_changed(machine: Lichen, folder: Path) -> None:
    program = host_program("git")

    def git(*words: str) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run([program, "-C", folder, *identity, *words], check=True, capture_output=True)

    (folder / "kept").write_text("1")
    git("init")
    git("add", "kept")
    git("commit", "-m", "first")
    status = f"cd {folder}; git -c safe.directory='*' status --short"
    assert shell(machine, status) == ""
    (folder / "kept").write_text("2")  # as many bytes as before
    (folder / "fresh").touch()
    assert shell(machine, status) == " M kept\n?? fresh\n"
    git("checkout", "kept")
    (folder / "fresh").unlink()
    assert shell(machine, status) == ""


def test_tail_follows(machine: Lichen, folder: Path, tmp_path: Path) -> None:
    for path, share in ((folder, ()), (tmp_path, ("--share", f"{tmp_path}:{tmp_path}:ro"))):
        log = path / "log"
        log.write_text("begin\n")
        following = machine.start("run", *share, "--", "tail", "-f", str(log))
        assert following.stdin is not None
        assert following.stdout is not None
        assert following.stdout.readline() == b"begin\n"
        for text in (b"second\n", b"third\n"):
            with log.open("ab") as file:
                file.write(text)
            assert following.stdout.readline() == text
        following.terminate()
        following.communicate(timeout=20)


def edit(folder: Path) -> None:
    (folder / "made").write_text("1")
    (folder / "made").chmod(0o666)
    (folder / "made").rename(folder / "moved")
    os.mkfifo(folder / "fifo")
    (folder / "sub").mkdir()
    (folder / "sub").rmdir()
    (folder / "moved").unlink()
    (folder / "stop").touch()


def watch(machine: Lichen, program: Path, folder: Path, shared: bool, act: str | None = None) -> list[str]:
    """What a program that watches a folder prints while it is edited: by a guest's `act`, or by the host."""
    shares = ["--share", f"{program.parent}:{program.parent}:ro"]
    shares += ["--share", f"{folder}:{folder}"] if shared else []
    words = ("run", *shares, "--")
    place = "Z:" + str(folder).replace("/", "\\") if program.suffix else str(folder)
    script = f"{program} '{place}' & read; {act or ':'}; wait"
    watching = machine.start(*words, "bash", "-c", script)
    assert watching.stdin is not None
    assert watching.stdout is not None
    assert watching.stdout.readline().strip() == b"ready"
    watching.stdin.write(b"\n")
    watching.stdin.flush()
    if act is None:
        edit(folder)
    told, errors = watching.communicate(timeout=20)
    assert watching.returncode == 0, errors
    return told.decode().replace("\r\n", "\n").splitlines()


LINUX = [
    "100 made",
    "2 made",
    "8 made",
    "4 made",
    "40 made",
    "80 moved",
    "40000100 sub",
    "40000200 sub",
    "200 moved",
]
WINDOWS = ["1 made", "3 made", "4 made", "5 moved", "1 sub", "2 sub", "2 moved"]
GUEST = "printf 1 > made; chmod 666 made; mv made moved; mkdir sub; rmdir sub; rm moved; touch stop"


def test_inotify_tells_of_the_host_s_edits(
    machine: Lichen, folder: Path, tmp_path: Path, linux_c: Toolchain
) -> None:
    program = linux_c.compile(SOURCES / "watcher.c", "-static")
    assert watch(machine, program, folder, shared=False) == LINUX
    assert watch(machine, program, tmp_path, shared=True) == LINUX


def test_what_guests_do_in_a_share_is_told_once(lichen: Lichen, tmp_path: Path, linux_c: Toolchain) -> None:
    program = linux_c.compile(SOURCES / "watcher.c", "-static")
    assert watch(lichen, program, tmp_path, True, f"cd {tmp_path}; {GUEST}") == LINUX


def test_directory_changes_tell_of_the_host_s_edits(
    machine: Lichen, folder: Path, windows_c: Toolchain
) -> None:
    program = windows_c.compile(SOURCES / "watcher_nt.c")
    told = watch(machine, program, folder, shared=False)
    once = [line for at, line in enumerate(told) if line != told[at - 1] or not at]
    assert once == WINDOWS


def test_a_watched_folder_that_the_host_removes(machine: Lichen, folder: Path, linux_c: Toolchain) -> None:
    program = linux_c.compile(SOURCES / "watcher.c", "-static")
    (folder / "sub").mkdir()
    shares = ("--share", f"{program.parent}:{program.parent}:ro")
    watching = machine.start("run", *shares, "--", str(program), str(folder / "sub"))
    assert watching.stdin is not None
    assert watching.stdout is not None
    assert watching.stdout.readline() == b"ready\n"
    (folder / "sub").rmdir()
    assert watching.communicate(timeout=20)[0] == b"400 \n8000 \n"


def test_what_the_host_mounts_shows(machine: Lichen, folder: Path) -> None:
    place = folder / "place"
    place.mkdir()
    look = f"cat {place}/file 2>&1; ls {place}"
    assert "No such file" in shell(machine, look)
    done = subprocess.run(["mount", "-t", "tmpfs", "none", place], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("needs the right to mount")
    try:
        (place / "file").write_text("mounted\n")
        assert shell(machine, look) == "mounted\nfile\n"
    finally:
        subprocess.run(
            ["umount", "--lazy", place], check=True
        )  # the kernel may still have folders of it open
    assert "No such file" in shell(machine, look)
