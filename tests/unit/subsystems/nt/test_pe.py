"""PE files elsewhere than where they want to be; and those that lie about themselves, which are refused."""

from __future__ import annotations

import random
import struct

import pytest

from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import forwarder, pe

HEADERS = 0x400


def test_what_has_nothing_to_relocate_may_be_anywhere() -> None:
    """Unless its file says that the relocations were taken away."""
    data = bytearray(forwarder.build("plain.dll", {"Export": "other.Export"}))
    file = pe.parse(bytes(data))
    elsewhere = file.preferred_base + 0x10000
    moved = file.relocated(elsewhere)
    at = moved.index(struct.pack("<Q", elsewhere))
    assert moved[:at] + file.image[at : at + 8] + moved[at + 8 :] == file.image
    (header,) = struct.unpack_from("<I", data, 0x3C)
    data[header + 22] |= pe.FILE_RELOCS_STRIPPED
    with pytest.raises(Failure) as failure:
        pe.parse(bytes(data)).relocated(elsewhere)
    assert failure.value.status == Status.CONFLICTING_ADDRESSES


def test_lies_are_refused_or_do_no_harm() -> None:
    chance = random.Random(1)
    data = forwarder.build("honest.dll", {f"Export{number}": "other.Export" for number in range(20)})
    assert len(pe.parse(data).exports) == 20
    accepted = 0
    for _ in range(10_000):
        lie = bytearray(data)
        for _ in range(chance.randrange(1, 8)):
            at = chance.randrange(2, HEADERS if chance.random() < 0.7 else len(lie))
            lie[at] = chance.choice((0, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        try:
            file = pe.parse(bytes(lie))
            if file.size > 1 << 24:
                continue
            accepted += 1
            assert len(file.image) == file.size
            assert len(file.relocated(file.preferred_base + 0x10000)) == file.size
            assert len(file.exports) < 1 << 16
        except Failure:
            continue
    assert accepted


def test_a_file_that_broke_off_is_refused() -> None:
    data = forwarder.build("whole.dll", {"Export": "other.Export"})
    section = pe.parse(data).sections[0]
    end = section.offset + min(section.file_size, section.size)
    pe.parse(data[:end])  # what only fills the file up may be missing
    for size in (end - 1, section.offset):
        with pytest.raises(Failure) as failure:
            pe.parse(data[:size])
        assert failure.value.status == Status.INVALID_IMAGE_FORMAT


def test_names_of_exports_have_an_end() -> None:
    data = bytearray(forwarder.build("long.dll", {f"E{number}": "other.Export" for number in range(1000)}))
    data[0x400 + 40 + 10 * 1000 :] = b"x" * (4 << 20)
    try:
        found = pe.parse(bytes(data)).exports
    except Failure:
        found = {}
    assert all(len(name) < 5000 for name in found)
