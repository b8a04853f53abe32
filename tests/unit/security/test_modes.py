"""Mode bits and entries: two views of who may do what with a file."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import pytest

from lichen.executive.io.opening import Access
from lichen.executive.objects.rights import FILE, GENERIC_ALL, GENERIC_READ
from lichen.executive.security import modes
from lichen.executive.security.access import allowed_by
from lichen.executive.security.descriptors import (
    AccessEntry,
    AccessList,
    Account,
    Known,
    Part,
    Principal,
)
from lichen.executive.security.modes import EXECUTE, READ, WRITE, as_descriptor, as_mode
from lichen.executive.security.tokens import Capability, Token
from lichen.executive.status import Failure, Status

OWNER, GROUP = 1000, 50
NEEDED = {READ: Access.READ, WRITE: Access.WRITE, EXECUTE: Access.EXECUTE}
FULL = 0x1F01FF


class Thing(NamedTuple):
    mode: int
    uid: int = OWNER
    gid: int = GROUP


def entries(thing: Thing) -> tuple[AccessEntry, ...]:
    found = as_descriptor(thing).access
    assert found is not None
    return found.entries


def listed(*found: tuple[bool, int, Principal]) -> AccessList:
    return AccessList(tuple(AccessEntry(*one) for one in found))


def bits(rights: int) -> int:
    return sum(bit for bit, right in NEEDED.items() if rights & right)


class TestModesAsEntries:
    def test_whose_it_is(self) -> None:
        found = as_descriptor(Thing(0o644))
        assert (found.owner, found.group, found.parts) == (Account(OWNER), Account(GROUP), Part.ALL)

    def test_usual_modes_allow_only(self) -> None:
        assert entries(Thing(0o755)) == (
            AccessEntry(True, FULL, Account(OWNER)),
            AccessEntry(True, 0x1200A9, Account(GROUP)),
            AccessEntry(True, 0x1200A9, Known.EVERYONE),
        )
        assert entries(Thing(0o640)) == (
            AccessEntry(True, 0x1F019F, Account(OWNER)),
            AccessEntry(True, 0x120089, Account(GROUP)),
        )

    def test_what_a_class_lacks_and_a_later_one_has_is_denied(self) -> None:
        assert entries(Thing(0o077))[0] == AccessEntry(
            False, Access.READ | Access.CONTENT | Access.EXECUTE, Account(OWNER)
        )
        assert AccessEntry(False, Access.READ, Account(GROUP)) in entries(Thing(0o604))

    def test_an_owner_may_always_change_it(self) -> None:
        owner = Token.of_user(OWNER, OWNER)
        able = allowed_by(as_descriptor(Thing(0)), owner, FILE)
        assert able & Access.WRITE_DAC
        assert not bits(able)

    def test_every_mode_comes_back(self) -> None:
        for mode in range(0o1000):
            assert as_mode(as_descriptor(Thing(mode)).access, OWNER, GROUP) == mode

    @pytest.mark.parametrize("user", [(OWNER, 7), (8, GROUP), (8, 7, (GROUP,)), (9, 9)])
    def test_the_list_gives_what_the_mode_does_and_a_group_nothing_more(self, user: tuple[Any, ...]) -> None:
        token = Token.of_user(*user)
        for mode in range(0o1000):
            thing = Thing(mode)
            by_list = bits(allowed_by(as_descriptor(thing), token, FILE))
            by_mode = sum(bit for bit in NEEDED if modes.allows(token, thing, bit))
            assert by_list & ~by_mode == 0
            assert by_list == by_mode or token.member_of(GROUP)

    def test_a_group_of_the_owners_number_is_the_owner(self) -> None:
        for mode in range(0o1000):
            found = as_mode(as_descriptor(Thing(mode, OWNER, OWNER)).access, OWNER, OWNER)
            assert found & 0o707 == mode & 0o707
            assert found >> 3 & 7 == mode & 7


STRANGER = Token.of_user(9, 9)


class TestEntriesAsMode:
    def test_no_list(self) -> None:
        assert as_mode(None, OWNER, GROUP) == 0o777

    def test_an_empty_list(self) -> None:
        assert as_mode(AccessList(()), OWNER, GROUP) == 0

    @pytest.mark.parametrize("who", [Known.EVERYONE, Known.AUTHENTICATED, Known.USERS])
    def test_what_everybody_has_all_classes_have(self, who: Known) -> None:
        assert as_mode(listed((True, GENERIC_READ, who)), OWNER, GROUP) == 0o444

    @pytest.mark.parametrize(
        ("found", "mode"),
        [
            (listed((True, GENERIC_ALL, Account(OWNER)), (True, GENERIC_READ, Known.EVERYONE)), 0o744),
            (listed((True, GENERIC_ALL, Account(GROUP))), 0o070),
            (listed((False, Access.WRITE, Known.EVERYONE), (True, GENERIC_ALL, Account(OWNER))), 0o500),
            (listed((True, GENERIC_ALL, Account(OWNER)), (False, Access.WRITE, Known.EVERYONE)), 0o700),
            (listed((True, GENERIC_ALL, Account(77)), (True, GENERIC_ALL, Known.ADMINISTRATORS)), 0),
            (listed((True, Access.APPEND | Access.READ_ATTRIBUTES, Known.EVERYONE)), 0),
        ],
    )
    def test_what_lists_come_to(self, found: AccessList, mode: int) -> None:
        assert as_mode(found, OWNER, GROUP) == mode


class TestChecks:
    def test_the_capability_to_read_everything(self) -> None:
        reader = replace(STRANGER, effective=1 << Capability.DAC_READ_SEARCH)
        for directory, wanted in product((False, True), range(8)):
            able = READ | EXECUTE if directory else READ
            assert modes.allows(reader, Thing(0), wanted, directory) == (not wanted & ~able)

    def test_a_check_denies(self) -> None:
        modes.check(Token.of_user(OWNER, 1), Thing(0o400), READ)
        with pytest.raises(Failure) as raised:
            modes.check(STRANGER, Thing(0o400), READ)
        assert raised.value.status == Status.ACCESS_DENIED

    def test_who_is_the_owner(self) -> None:
        modes.check_owner(Token.of_user(OWNER, 1), Thing(0))
        modes.check_owner(Token.of_user(0, 0), Thing(0))
        with pytest.raises(Failure) as raised:
            modes.check_owner(STRANGER, Thing(0o777))
        assert raised.value.status == Status.PRIVILEGE_NOT_HELD
