"""Threads of Windows programs as Linux sees them: stopped in the midst of what they ask of each other, and overflowing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain

_SOURCES = Path(__file__).parent.parent / "conformance" / "nt"

pytestmark = pytest.mark.skipif(find_userland() is None, reason="needs the package libwine")


def test_a_windows_program_that_is_stopped_again_and_again_goes_on_as_it_was(
    machine: Lichen, windows_c: Toolchain
) -> None:
    program = windows_c.compile(_SOURCES / "suspending.c")
    script = f"""
        {program} > /tmp/told &
        while kill -STOP $!; do
            ps -o stat= -p $! >> /tmp/states
            kill -CONT $!
            sleep 0.05
        done 2> /dev/null
        wait $! && grep -c ^ok /tmp/told
        grep -v ^ok /tmp/told; sort -u /tmp/states | grep -v T
    """
    run = bash(machine, script, program.parent)
    assert (run.stdout.split(), run.stderr) == ([b"85"], b"")


def test_a_stack_overflow_is_a_segmentation_fault_to_a_shell(machine: Lichen, windows_c: Toolchain) -> None:
    program = windows_c.compile(_SOURCES / "overflow.c")
    run = bash(machine, f"{program} plain; echo $?; {program} thread; echo $?", program.parent)
    assert run.stdout.split() == [b"139", b"139"]
    assert run.stderr.count(b"0xc00000fd (stack overflow)") == 2
