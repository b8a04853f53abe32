"""Every handle of a Windows program is a descriptor to look at: stat, lsof and fuser take them as they take Linux' own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain, host_program

_WINDOWS: Final = Path(__file__).parent / "windows"
_TYPES: Final = {
    "Event",
    "Mutant",
    "Semaphore",
    "Timer",
    "IoCompletion",
    "Job",
    "Section",
    "Thread",
    "Process",
    "Key",
}


def test_every_handle_can_be_looked_at(machine: Lichen, windows_c: Toolchain) -> None:
    handles = windows_c.compile(_WINDOWS / "handles.c", "-ladvapi32")
    script = f"""
    coproc {handles}; read -r _ <&${{COPROC[0]}}; cd /proc/$COPROC_PID/fd
    for each in *; do stat -L -c '%a %F' $each > /dev/null || exit; readlink $each; done; kill $COPROC_PID"""
    done = bash(machine, script, handles.parent)
    assert done.stderr == b""
    shown = done.stdout.decode().splitlines()
    assert {f"anon_inode:[{name}]" for name in _TYPES} <= set(shown)


def test_lsof_and_fuser_find_windows_programs(machine: Lichen, windows_c: Toolchain) -> None:
    host_program("lsof")
    host_program("fuser", "psmisc")
    handles = windows_c.compile(_WINDOWS / "handles.c", "-ladvapi32")
    script = f"""
    {handles} < /dev/null > /tmp/held & until grep -q ready /tmp/held; do sleep 0.05; done; lsof -p $! > /tmp/all; echo $?
    grep -c a_inode /tmp/all; fuser /tmp/held 2>/dev/null; echo; fuser -s -k /tmp/held; wait $!; echo $?"""
    done = bash(machine, script, handles.parent)
    status, count, found, ended = done.stdout.decode().split()
    assert (status, int(count) >= len(_TYPES), found.isdecimal(), ended) == ("0", True, True, "137"), done
