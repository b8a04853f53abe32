"""A machine has one name: what `hostname` sets, Windows programs that start afterwards and those that run find as theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain

_WINDOWS: Final = Path(__file__).parent / "windows"


def test_a_new_name_is_windows_too(machine: Lichen, windows_c: Toolchain) -> None:
    program = windows_c.compile(_WINDOWS / "name.c")
    script = f"""
    old=$(hostname); coproc {program} wait; read -r _ <&${{COPROC[0]}}
    hostname meadow; {program}; cmd.exe /c 'echo %COMPUTERNAME%'
    echo go >&${{COPROC[1]}}; cat <&${{COPROC[0]}}
    echo a-name-that-is-longer > /proc/sys/kernel/hostname; {program}; hostname $old"""
    done = bash(machine, script, program.parent)
    assert done.stdout.decode().replace("\r", "").splitlines() == [
        "MEADOW meadow",
        "MEADOW",
        "MEADOW meadow",
        "A-NAME-THAT-IS- a-name-that-is-longer",
    ]
