"""Programs that need windows say so, and end with a status that tells of a program that cannot be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain

pytestmark = pytest.mark.skipif(find_userland() is None, reason="needs a Windows userland")
_SOURCE = Path(__file__).parent / "windows" / "graphical.c"
_SAYS = "needs windows on a screen"


@pytest.mark.parametrize(
    ("program", "status"), [("explorer", 126), ("notepad", 126), ("winver", 126), ("msiexec", 1)]
)
def test_programs_of_the_system(machine: Lichen, program: str, status: int) -> None:
    run = machine.run("run", f"{program}.exe")
    assert run.returncode == status
    assert run.stderr.decode().count(f"{program}.exe: {_SAYS}") == 1


@pytest.mark.parametrize(
    ("argument", "status", "told"),
    [
        ("asks", 126, True),
        ("messages", 255, True),
        ("crashes", 126, True),
        ("fails", 5, True),
        ("works", 0, False),
        ("nothing", 0, False),
    ],
)
def test_what_becomes_of_a_program_without_its_window(
    machine: Lichen, windows_c: Toolchain, argument: str, status: int, told: bool
) -> None:
    program = windows_c.compile(_SOURCE, "-mwindows")
    run = bash(machine, f"{program} {argument}; echo $?", program.parent)
    assert run.stdout.split() == [str(status).encode()]
    assert (_SAYS in run.stderr.decode()) == told
