"""Every program in linux/ states what Linux does: it must hold on the host, and print the same as a guest.

Dynamic builds are compared; with CONFORMANCE_STATIC in the environment, static ones are too.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.conftest import Run
from tests.toolchain import Toolchain

SOURCES = sorted((Path(__file__).parent / "linux").glob("*.c"))
LINKINGS = {"dynamic": ("-pthread",), "static": ("-pthread", "-static")}
GUEST_LINKINGS = ["dynamic", "static"] if "CONFORMANCE_STATIC" in os.environ else ["dynamic"]

each_topic = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


@each_topic
@pytest.mark.parametrize("linking", LINKINGS)
def test_holds_on_the_host(source: Path, linking: str, linux_c: Toolchain, run_on_host: Run) -> None:
    run = run_on_host(linux_c.compile(source, *LINKINGS[linking]))
    lines = run.stdout.decode().splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert (run.returncode, run.stderr) == (0, b"")
    assert len(lines) >= 5
    assert [line for line, times in Counter(lines).items() if times > 1] == []


@each_topic
def test_does_not_depend_on_the_user(
    source: Path, linux_c: Toolchain, run_on_host: Run, run_as_ordinary_user: Run
) -> None:
    program = linux_c.compile(source, *LINKINGS["dynamic"])
    assert run_as_ordinary_user(program).stdout.decode() == run_on_host(program).stdout.decode()


@each_topic
@pytest.mark.parametrize("linking", GUEST_LINKINGS)
def test_guest_prints_the_same(
    source: Path, linking: str, linux_c: Toolchain, run_as_guest: Run, run_on_host: Run
) -> None:
    program = linux_c.compile(source, *LINKINGS[linking])
    host, guest = run_on_host(program), run_as_guest(program)
    assert guest.stdout.decode(errors="replace") == host.stdout.decode()
    assert (guest.returncode, guest.stderr) == (host.returncode, host.stderr)
