"""The table of locales: its US English has UTF-8 as code pages, the rest stays as it is."""

from __future__ import annotations

import struct

import pytest

from lichen.subsystems.nt.nls import US_ENGLISH, UTF_8, with_utf_8

SECTION, FIRST, SIZE = 0x40, 0x30, 0x148


def table(languages: tuple[int, ...]) -> bytes:
    """A table with a locale for each language, whose code pages are 1252 and 437."""
    data = bytearray(SECTION + FIRST + SIZE * len(languages))
    struct.pack_into("<I", data, 0x10, SECTION)
    struct.pack_into("<HHI", data, SECTION + 0x20, len(languages), SIZE, FIRST)
    for number, language in enumerate(languages):
        at = SECTION + FIRST + SIZE * number
        struct.pack_into("<H", data, at + 8, language)
        struct.pack_into("<2H", data, at + 0x6E, 1252, 437)
    return bytes(data)


def code_pages(data: bytes, number: int) -> tuple[int, ...]:
    return struct.unpack_from("<2H", data, SECTION + FIRST + SIZE * number + 0x6E)


def test_one_locale_is_changed() -> None:
    changed = with_utf_8(table((0x0407, US_ENGLISH, 0x0411)))
    assert [code_pages(changed, number) for number in range(3)] == [(1252, 437), (UTF_8, UTF_8), (1252, 437)]


@pytest.mark.parametrize("data", [b"", b"\0" * 16, b"\xff" * 64, table((US_ENGLISH,))[:-300]])
def test_what_is_laid_out_otherwise_stays(data: bytes) -> None:
    assert with_utf_8(data) == data
