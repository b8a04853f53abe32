"""Every program in nt/ states what Windows does: it must hold in a machine, and print the same under the host's Wine.

Not even Wine does all that Windows does: BEYOND_WINE names the programs whose facts only a machine is held to.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from lichen.subsystems.nt import userland
from tests import userlands
from tests.conformance import wine
from tests.conformance.conftest import Run
from tests.toolchain import Toolchain

_NEWER = 10
SOURCES = sorted((Path(__file__).parent / "nt").glob("*.c"))
BEYOND_WINE = {
    "busy": "Wine lets a running program be appended to",
    "codepages": "Wine has no console where there is no terminal",
    "ansi": "Wine takes the code pages of the locale",
    "overflow": "Wine leaves handlers of a stack overflow less than they ask for",
    "socket_ends": "Wine forgets control data, reuses no socket, and shares ports before anybody listens",
    "socket_handing": "to Wine an inherited socket is none, and a deferred connection nothing to select for",
    "local_sockets": "Wine has no local sockets",
    "views": "Wine goes on sharing the pages of a view that are to be copied on write from now on",
    "suspending": "under Wine a thread that is suspended hundreds of times stands still for ever now and then",
    "deletion": "Wine ends pending deletions otherwise, and Wine 8 lacks the information classes 64 and 65",
    "links": "Wine makes no symbolic links, has none as objects of their own, and knows junctions of its own only",
    "spellings": "Wine's files have no colon refused, and no letters changed by a renaming",
    "limits": "Wine tells no limits of jobs, and has no jobs within jobs",
    "lists": "Wine keeps no more of a file's list than its mode",
    "first_pipes": "Wine takes the flag for one of the rights",
    "far_buffers": "Wine ends the process",
    "refused": "Wine leaves the process when the place for its handle is bad",
    "shares": "the server is WSL's",
    "shutdown": "Wine only says that it shuts down",
    "stat_information": "Wine 8 lacks the information class 68, and Wine 10 tells no rights of the handle in it",
    "strict": "Wine opens the token of a process by any handle, and extends a file's handle when it is duplicated",
    "locks": "Wine's locks are the host's, which one process does not hold against itself",
}
LIBRARIES = ("-lws2_32", "-liphlpapi")
if wine.release() < _NEWER:
    BEYOND_WINE["network"] = (
        "Wine 8 tells no changes, no neighbours of both families, and sometimes no owners"
    )
    BEYOND_WINE["placeholders"] = "Wine 8 has no placeholders"
else:
    BEYOND_WINE["access"] = "Wine 10 tells where a process's memory is by a handle without the right"
    BEYOND_WINE["sharing"] = "Wine 10 does not hide a file that is made hidden"
if os.geteuid():
    BEYOND_WINE["sharing"] = "Wine keeps attributes where an ordinary user's read-only file lets nobody write"

ON_OLDER_WINE = ("ansi", "apcs", "exceptions", "messages", "processes", "threads", "unwinding", "walking")
"""What differs between the releases of Wine: how a program is started and called back."""

each_topic = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


@pytest.fixture(autouse=True)
def _userland() -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)


@each_topic
def test_holds_in_a_machine(source: Path, windows_c: Toolchain, run_as_guest: Run) -> None:
    _holds(run_as_guest(windows_c.compile(source, *LIBRARIES)))


@pytest.mark.parametrize("topic", ON_OLDER_WINE)
def test_holds_on_the_files_of_an_older_wine(
    topic: str, windows_c: Toolchain, run_as_guest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if userlands.older() is None:
        pytest.skip("needs a host with the package libwine of Debian 12")
    monkeypatch.setenv(userland.SETTING, "/")
    _holds(run_as_guest(windows_c.compile(Path(__file__).parent / "nt" / f"{topic}.c")))


def _holds(run: subprocess.CompletedProcess[bytes]) -> None:
    """Every line of a program begins with `ok`, and none is there twice."""
    lines = run.stdout.decode(errors="replace").splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert (run.returncode, run.stderr) == (0, b"")
    assert len(lines) >= 5
    assert [line for line, times in Counter(lines).items() if times > 1] == []


@pytest.mark.parametrize(
    "source", [source for source in SOURCES if source.stem not in BEYOND_WINE], ids=lambda source: source.stem
)
def test_wine_prints_the_same(
    source: Path, windows_c: Toolchain, run_as_guest: Run, run_under_wine: Run
) -> None:
    program = windows_c.compile(source, *LIBRARIES)
    wine, guest = run_under_wine(program), run_as_guest(program)
    assert guest.stdout.decode(errors="replace") == wine.stdout.decode(errors="replace")
    assert guest.returncode == wine.returncode
