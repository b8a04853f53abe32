"""Flags of an open file are of the world that set them: what Linux set does not make Windows' calls fail, nor the reverse."""

from __future__ import annotations

from pathlib import Path

from tests.programs.conftest import Lichen
from tests.toolchain import Toolchain

HERE = Path(__file__).parent
WINDOWS, SCRIPTS = HERE / "windows", HERE / "scripts"
ERROR_BROKEN_PIPE, ERROR_NO_DATA = 109, 232


def test_flags_of_one_world_in_the_other(machine: Lichen, windows_c: Toolchain) -> None:
    program = windows_c.compile(WINDOWS / "streams.c")
    shares = [word for path in (program.parent, SCRIPTS) for word in ("--share", f"{path}:{path}:ro")]
    done = machine.run("run", *shares, "--", "python3", str(SCRIPTS / "flags.py"), str(program))
    assert done.stdout.decode().splitlines() == [
        f"pipe read 9000, then {ERROR_BROKEN_PIPE} True",
        f"socket read 9000, then {ERROR_BROKEN_PIPE} True",
        "pipe 300000 wrote 300000, then 0",
        "socket 1000000 wrote 1000000, then 0",
        f"broken wrote 0, then {ERROR_NO_DATA}",
        f"broken wrote 0, then {ERROR_BROKEN_PIPE}",
        f"driven read 3000, then {ERROR_BROKEN_PIPE} 0",
        "appended start end wrote 1 3, stands at 9",
        "terminal wrote 30000, then 0",
        "given late 1025",
    ], done.stderr
