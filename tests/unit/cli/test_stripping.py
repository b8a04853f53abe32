"""PE files lose their debug sections, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.cli.stripping import without_debug_sections
from lichen.subsystems.nt import pe
from tests.toolchain import Toolchain

SOURCE = Path(__file__).parents[2] / "programs/windows/crash.c"


@pytest.fixture(params=[(), ("-shared",)], ids=["program", "library"])
def whole(request: pytest.FixtureRequest, windows_c: Toolchain) -> bytes:
    return windows_c.compile(SOURCE, *request.param).read_bytes()


def test_what_is_loaded_stays_the_same(whole: bytes) -> None:
    smaller = without_debug_sections(whole)
    before, after = pe.parse(whole), pe.parse(smaller)
    assert len(smaller) < len(whole) * 2 / 3
    assert after.image[after.header_size :] == before.image[after.header_size : after.size]
    assert (after.entry, after.exports, after.directories) == (
        before.entry,
        before.exports,
        before.directories,
    )
    kept = [section for section in before.sections if section.name[:1] != b"/"]
    assert [section[1:] for section in after.sections] == [section[1:] for section in kept]


def test_once_is_enough(whole: bytes) -> None:
    smaller = without_debug_sections(whole)
    assert without_debug_sections(smaller) == smaller


@pytest.mark.parametrize("size", [0, 1, 0x3C, 0x40, 0x90, 0x180, 0x400])
def test_what_is_no_whole_pe_file_stays_as_it_is(whole: bytes, size: int) -> None:
    assert without_debug_sections(whole[:size]) == whole[:size]


def test_headers_that_lie(whole: bytes) -> None:
    """Whatever a header says, it ends without an error that is not expected."""
    for offset in range(0x80, 0x300):
        for value in (0, 0xFF):
            without_debug_sections(whole[:offset] + bytes([value]) + whole[offset + 1 :])
