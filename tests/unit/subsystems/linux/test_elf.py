"""ELF files that lie about themselves: they are refused, or what is told of them can be used."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from lichen.executive.status import Failure
from lichen.subsystems.linux import elf

HEADERS = 0x400


def changed(data: bytes, chance: random.Random) -> bytes:
    """Some bytes of the headers are others."""
    copy = bytearray(data)
    for _ in range(chance.randrange(1, 12)):
        copy[chance.randrange(4, HEADERS)] = chance.choice((0, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return bytes(copy)


def test_lies_are_refused_or_within_bounds() -> None:
    chance = random.Random(1)
    data = Path(sys.executable).resolve().read_bytes()[: 2 * HEADERS]
    accepted = 0
    for _ in range(10_000):
        lie = changed(data, chance)

        def read_at(offset: int, size: int, lie: bytes = lie) -> bytes:
            assert 0 <= offset < 1 << 63
            assert 0 <= size < 1 << 20
            return lie[offset : offset + size]

        try:
            image = elf.parse(read_at)
        except Failure:
            continue
        accepted += 1
        assert 0 <= image.entry < 1 << 47
        assert 0 <= image.headers < 1 << 47
        assert 0 <= image.start < image.end <= 1 << 47
    assert accepted


@pytest.mark.parametrize("size", [0, 1, 63, 64, 100])
def test_a_file_that_ends_early_is_refused(size: int) -> None:
    data = Path(sys.executable).resolve().read_bytes()[:size]
    with pytest.raises(Failure):
        elf.parse(lambda offset, count: data[offset : offset + count])
