"""The rule of lengths that the tables of information classes keep, and its exceptions."""

from __future__ import annotations

from typing import Final

import pytest

from lichen.abi.layout import u32
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.information import Information, Settings, Told
from lichen.subsystems.nt.records.common import ClientId, UnicodeString

AT: Final = 0x1000


class Room:
    """Memory that keeps what was written, and can be read as that."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = content

    def read(self, address: int, size: int) -> bytes:
        return self.content[address - AT : address - AT + size]

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        assert address == AT
        self.content = bytes(data)

    def cstring(self, address: int, limit: int) -> bytes:
        raise NotImplementedError


information: Final = Information[int](access=1)
settings: Final = Settings[list[object]](access=2)


@information(0, ClientId)
def _ids(subject: int) -> ClientId:
    return ClientId(subject, 7)


@information.value(1, u32, access=3, exact=True, too_small=Status.BUFFER_TOO_SMALL)
def _exact(subject: int) -> int:
    return subject


@information.tailed(2, UnicodeString, least=16, cut=True)
def _text(at: int, subject: int) -> tuple[UnicodeString, bytes]:
    return UnicodeString(4, 4, at), b"abcd"


@information.raw(3, least=2)
def _older(at: int, subject: int) -> bytes:
    return b"1234"


@settings(0, ClientId)
def _set_ids(given: ClientId, found: list[object]) -> None:
    found.append(given)


@settings.tailed(1, ClientId)
def _set_tailed(given: ClientId, behind: bytes, found: list[object]) -> None:
    found.append((given, behind))


settings.accept(2, least=4)


def answer(number: int, size: int) -> tuple[Told, bytes]:
    memory = Room()
    return information.find(number).answer(memory, AT, size, None, 5), memory.content


def status_of(number: int, size: int) -> int:
    with pytest.raises(Failure) as raised:
        answer(number, size)
    return raised.value.status


def test_a_record_is_written_as_a_whole_or_not_at_all() -> None:
    whole = (5).to_bytes(8, "little") + (7).to_bytes(8, "little")
    assert answer(0, 16) == answer(0, 100) == ((Status.SUCCESS, 16), whole)
    assert status_of(0, 15) == Status.INFO_LENGTH_MISMATCH


def test_an_exact_class_wants_no_more_either() -> None:
    assert answer(1, 4)[0] == (Status.SUCCESS, 4)
    assert status_of(1, 3) == status_of(1, 5) == Status.BUFFER_TOO_SMALL


def test_a_text_lies_behind_its_record_and_is_cut() -> None:
    told, data = answer(2, 20)
    assert (told, data[8:]) == ((Status.SUCCESS, 20), (AT + 16).to_bytes(8, "little") + b"abcd")
    assert answer(2, 18) == ((Status.BUFFER_OVERFLOW, 18), data[:18])
    assert status_of(2, 15) == Status.INFO_LENGTH_MISMATCH


def test_an_older_length_is_served_without_a_word() -> None:
    assert answer(3, 3) == ((Status.SUCCESS, 3), b"123")
    assert status_of(3, 1) == Status.INFO_LENGTH_MISMATCH


def test_an_unknown_class_has_the_rights_of_its_family() -> None:
    assert (information.find(9).access, information.find(1).access, settings.find(9).access) == (1, 3, 2)
    assert status_of(9, 100) == Status.INVALID_INFO_CLASS


def test_a_buffer_out_of_reach_is_told_of_as_such() -> None:
    with pytest.raises(Failure) as raised:
        information.find(2).answer(Room(), (1 << 64) - 8, 4, None, 5)
    assert raised.value.status == Status.INFO_LENGTH_MISMATCH


@pytest.mark.parametrize(("number", "size"), [(0, 15), (1, 15), (2, 3)])
def test_a_setting_that_is_too_short_is_not_taken(number: int, size: int) -> None:
    found: list[object] = []
    with pytest.raises(Failure) as raised:
        settings.find(number).take(Room(bytes(40)), AT, size, found)
    assert (raised.value.status, found) == (Status.INFO_LENGTH_MISMATCH, [])


def test_a_setting_gets_its_record_and_what_is_behind_it() -> None:
    found: list[object] = []
    memory = Room(bytes(16) + b"tail and more")
    settings.find(0).take(memory, AT, 16, found)
    settings.find(1).take(memory, AT, 20, found)
    settings.find(2).take(memory, AT, 4, found)
    assert found == [ClientId(0, 0), (ClientId(0, 0), b"tail")]
