"""Which Windows userland the tests run on: Lichen's default, kept in the user's own Lichen folder and shared by all runs.

`python -m tests.userlands` brings it there; `make test` does so first. Without it the tests of Windows programs are skipped. A
run can be made on another one, by the variable with which users choose theirs. The host's own older Wine is for a few tests
beside that, and the reference of the conformance programs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from lichen.boot.drives import OWN_PROGRAMS, find_userland
from lichen.daemon import places
from lichen.subsystems.nt import userland
from lichen.subsystems.nt.userland import Userland

_BUILD = Path(__file__).parents[1] / "userland" / "windows" / "build.py"
MISSING = "needs the Windows userland, which `lichen windows --fetch` brings"


def choose() -> None:
    """Have every machine of the tests use the shared userland, unless the user has chosen."""
    shared = Path(places.home()) / "windows"
    found = userland.find([shared])
    if userland.SETTING not in os.environ and found is not None and found.is_current:
        os.environ[userland.SETTING] = str(shared)


def older() -> Userland | None:
    """The host's own Wine, where it is one of before."""
    found = userland.find(["/"])
    return None if found is None or found.is_current else found


def begin_as_the_users(home: Path) -> None:
    """Have new machines in a state folder begin as the user's do: for the host's own Wine that is kept in the state folder."""
    found = find_userland()
    if (
        found is not None
        and (made := found.registry(Path(places.home()))).parent != found.root
        and made.is_file()
    ):
        (home / made.name).symlink_to(made)


@cache
def own_programs() -> bool:
    """Build Lichen's own Windows programs where they are not; whether they are there."""
    subprocess.run([sys.executable, _BUILD], check=True)
    return any(OWN_PROGRAMS.glob("*.exe"))


def main() -> None:
    """Bring the userland, and what new machines begin with, if they are not there; say so if that is impossible."""
    choose()
    found = find_userland()
    old = found is None or (userland.SETTING not in os.environ and not found.is_current)
    words = ["windows", *(["--fetch"] if old else [])]
    if subprocess.run([sys.executable, "-m", "lichen", *words], check=False).returncode:
        sys.stderr.write("tests: so tests of Windows programs are skipped\n")


if __name__ == "__main__":
    main()
