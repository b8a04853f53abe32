"""Security descriptors as programs give them: what is read is what was packed, and no lie is believed."""

from __future__ import annotations

import random

import pytest

from lichen.abi.memory import Fault
from lichen.executive.security import descriptors
from lichen.executive.security.descriptors import DACL, GROUP, OWNER, SACL
from lichen.executive.status import Failure
from lichen.subsystems.nt.sids import id_of, id_sid, sid

ALL = OWNER | GROUP | DACL | SACL
LIST = descriptors.make_list([(id_sid(0), 0x1F01FF), (id_sid(1000), 0x120089)])
WHOLE = descriptors.present(id_sid(1000), id_sid(5), LIST)


def test_what_was_packed() -> None:
    assert descriptors.unpack(WHOLE.pack(ALL))[1:] == WHOLE[1:]
    assert descriptors.unpack(WHOLE.pack(OWNER))[1:] == (WHOLE.owner, None, None, None)
    assert [entry.who for entry in descriptors.entries(LIST)] == [id_sid(0), id_sid(1000)]


def test_parts_of_another() -> None:
    other = descriptors.present(id_sid(7), id_sid(8), descriptors.make_list([]))
    assert WHOLE.changed(other, GROUP) == WHOLE._replace(group=other.group)
    assert WHOLE.changed(other, DACL).dacl == other.dacl


def test_a_list_that_is_none() -> None:
    """There is one, and it is a null pointer: everybody may do everything."""
    nobody = WHOLE._replace(dacl=None)
    assert descriptors.unpack(nobody.pack(ALL)).control & 0x4
    assert descriptors.unpack(nobody.pack(OWNER)).control & 0x4 == 0


@pytest.mark.parametrize("seed", range(20))
def test_lies(seed: int) -> None:
    """Whatever is in it, reading a descriptor gives one, or a failure with a status."""
    source = random.Random(seed)
    for _ in range(200):
        data = bytearray(WHOLE.pack(ALL))
        for _ in range(source.randrange(1, 6)):
            data[source.randrange(len(data))] = source.choice((0, 1, 4, 0x7F, 0x80, 0xFF))
        try:
            found = descriptors.unpack(bytes(data))
            list(descriptors.entries(found.dacl or LIST))
        except (Failure, Fault):
            continue


@pytest.mark.parametrize("id", [0, 1, 1000, 65534])
def test_who_a_sid_is(id: int) -> None:
    assert id_of(id_sid(id)) == id


@pytest.mark.parametrize(
    "who", [sid(0, authority=1), sid(18), sid(32, 544), sid(21, 0, 0, 0, 1), sid(21, 1, 0, 0, 1001), sid()]
)
def test_who_is_nobody(who: bytes) -> None:
    assert id_of(who) is None
