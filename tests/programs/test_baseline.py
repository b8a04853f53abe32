"""After programs that did their worst, a machine has of the host what it had before, and its kernel has met no surprise."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests.programs.conftest import Lichen, children_of, eventually
from tests.toolchain import Toolchain

ESCAPE = Path(__file__).parent.parent / "escape"
FLAGS = ("-pthread", "-static")


def of_the_host(lichen: Lichen) -> tuple[int, int]:
    """How many tasks of the host a machine has, and how many descriptors; files that it has seen may stay open."""
    kernel = int(lichen.facts()["pid"])
    descriptors = 0
    for path in Path(f"/proc/{kernel}/fd").iterdir():
        with suppress(FileNotFoundError):
            link = os.readlink(path)
            descriptors += not link.startswith("/") or "memfd:" in link
    return len(children_of(kernel)), descriptors


@pytest.mark.timeout(180)
def test_everything_is_given_back(
    lichen: Lichen, linux_c: Toolchain, windows_c: Toolchain, programs: Path
) -> None:
    """Random calls with lies for arguments, damaged stubs, bombs of threads and descriptors, of both worlds."""
    share = ("--share", f"{programs}:{programs}:ro")
    hostile: list[tuple[Path, *tuple[str, ...]]] = [
        (linux_c.compile(ESCAPE / "numbers.c", *FLAGS),),
        (linux_c.compile(ESCAPE / "memory.c", *FLAGS),),
        (linux_c.compile(ESCAPE / "self_unmap.c", *FLAGS),),
        (linux_c.compile(ESCAPE / "bombs.c", *FLAGS), "thread"),
        (linux_c.compile(ESCAPE / "bombs.c", *FLAGS), "descriptor"),
    ]
    if find_userland() is not None:
        hostile.append((windows_c.compile(ESCAPE / "windows" / "entrances.c"), "/var/tmp/canary"))
    with lichen.start("run", *share, "--", "sh", "-c", "echo ready; read line; true") as keeper:
        assert keeper.stdout is not None
        keeper.stdout.readline()
        lichen.run("run", *(["hostname.exe"] if find_userland() else ["true"]))
        before = of_the_host(lichen)
        for program, *arguments in hostile:
            done = lichen.run("run", *share, "--", str(program), *arguments)
            told = program.name, done.returncode, done.stdout[-500:], done.stderr[-500:]
            assert done.stdout.splitlines()[-1:] == [b"afterwards: exit 0"], told
        assert "kernel errors     none" in lichen.run("status").stdout.decode()
        assert lichen.run("run", "ps", "-e", "-o", "comm=").stdout.split() == [b"init", b"sh", b"ps"]
        eventually(lambda: all(now <= then for now, then in zip(of_the_host(lichen), before, strict=True)))
        keeper.communicate(b"\n")
    assert "Traceback" not in lichen.log()
