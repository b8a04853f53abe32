"""Security descriptors as programs give them: what is read is what was packed, and no lie is believed."""

from __future__ import annotations

import random

import pytest

from lichen.abi.memory import BadAddress
from lichen.executive.security.descriptors import (
    AccessEntry,
    AccessList,
    Account,
    Descriptor,
    Foreign,
    Known,
    Part,
    allowing,
)
from lichen.executive.status import Failure
from lichen.subsystems.nt import descriptors
from lichen.subsystems.nt.sids import id_sid, principal_of, sid, sid_of
from lichen.subsystems.nt.status import NtStatus

ALL = Part.ALL | descriptors.AUDIT_LIST
DACL_PRESENT = 0x4
WHOLE = allowing(Account(1000), Account(5), (Account(0), 0x1F01FF), (Account(1000), 0x120089))


def access_of(descriptor: Descriptor) -> AccessList:
    assert descriptor.access is not None
    return descriptor.access


def control_of(packed: bytes) -> int:
    return int.from_bytes(packed[2:4], "little")


def test_what_was_packed() -> None:
    found = descriptors.unpack(descriptors.pack(WHOLE, ALL))
    assert found[:2] == WHOLE[:2]
    assert access_of(found).entries == access_of(WHOLE).entries
    assert descriptors.unpack(descriptors.pack(WHOLE, Part.OWNER))[:3] == (WHOLE.owner, None, None)


def test_a_list_that_is_none() -> None:
    """There is one, and it is a null pointer: everybody may do everything."""
    nobody = WHOLE._replace(access=None)
    assert control_of(descriptors.pack(nobody, ALL)) & DACL_PRESENT
    assert descriptors.unpack(descriptors.pack(nobody, ALL)).access is None
    assert control_of(descriptors.pack(nobody, Part.OWNER)) & DACL_PRESENT == 0


def test_a_list_is_told_as_it_was_given() -> None:
    """Entries of other kinds, those that only children get and room to spare are kept, and mean nothing here."""
    audit = bytes([2, 0, 20, 0, *bytes(4), *sid(18), *bytes(0)])
    inherited = bytes([0, 8, 20, 0, 1, 0, 0, 0, *sid(18)])
    denial = bytes([1, 0, 20, 0, 1, 0, 0, 0, *sid(0, authority=1)])
    body = audit + inherited + denial
    given = bytes([4, 0, 8 + len(body) + 12, 0, 3, 0, 0, 0]) + body + b"some room   "
    data = bytes([1, 0, 4, 0x94, *bytes(12), 20, 0, 0, 0]) + given
    found = descriptors.unpack(data)
    assert access_of(found).entries == (AccessEntry(False, 1, Known.EVERYONE),)
    assert descriptors.pack(found, ALL) == data
    assert descriptors.pack_list(access_of(found)) == given


@pytest.mark.parametrize("seed", range(20))
def test_lies(seed: int) -> None:
    """Whatever is in it, reading a descriptor gives one, or a failure with a status."""
    source = random.Random(seed)
    for _ in range(200):
        data = bytearray(descriptors.pack(WHOLE, ALL))
        for _ in range(source.randrange(1, 6)):
            data[source.randrange(len(data))] = source.choice((0, 1, 4, 0x7F, 0x80, 0xFF))
        try:
            descriptors.pack(descriptors.unpack(bytes(data)), ALL)
        except (Failure, BadAddress):
            continue


@pytest.mark.parametrize("id", [0, 1, 1000, 65534])
def test_who_a_sid_is(id: int) -> None:
    assert principal_of(id_sid(id)) == Account(id)
    assert sid_of(Account(id)) == id_sid(id)


@pytest.mark.parametrize("who", list(Known))
def test_whom_everybody_knows(who: Known) -> None:
    assert principal_of(sid_of(who)) == who


@pytest.mark.parametrize(
    "who",
    [sid(19), sid(21, 0, 0, 0, 1), sid(21, 0, 0, 0, 1000), sid(21, 1, 0, 0, 1001), sid(), b"\1\5", b""],
)
def test_who_is_nobody(who: bytes) -> None:
    assert principal_of(who) == Foreign(who)
    assert sid_of(Foreign(who)) == who


def test_a_list_of_audits_is_looked_at_though_it_counts_for_nothing() -> None:
    broken = bytes([9, 0, 8, 0, 0, 0, 0, 0])
    data = bytes([1, 0, 0x10, 0x80, *bytes(8), 20, 0, 0, 0, *bytes(4)]) + broken
    with pytest.raises(Failure) as raised:
        descriptors.unpack(data)
    assert raised.value.status == NtStatus.INVALID_ACL
