"""Who is given which rights to an object: its maker, administrators, and whom its descriptor names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lichen.executive.objects.dispatcher import EventObject, ProcessObject
from lichen.executive.objects.rights import (
    FILE,
    GENERIC_ALL,
    GENERIC_EXECUTE,
    GENERIC_READ,
    GENERIC_WRITE,
    MAXIMUM_ALLOWED,
    PROCESS,
    READ_CONTROL,
    STATE,
    SYNCHRONIZE,
    THREAD,
    WRITE_DAC,
    WRITE_OWNER,
    ProcessAccess,
    StateAccess,
    ThreadAccess,
)
from lichen.executive.security import access
from lichen.executive.security.descriptors import (
    AccessEntry,
    AccessList,
    Account,
    Descriptor,
    Foreign,
    Known,
    Part,
    Principal,
    allowing,
)
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status

ROOT, MAKER, STRANGER = (Token.of_user(id, id) for id in (0, 1000, 1001))
LOOK = SYNCHRONIZE | StateAccess.QUERY_STATE


class TestMasks:
    def test_generic_rights_are_the_types(self) -> None:
        assert STATE.spell(GENERIC_READ) == READ_CONTROL | StateAccess.QUERY_STATE
        assert STATE.spell(GENERIC_WRITE) == READ_CONTROL | StateAccess.MODIFY_STATE
        assert STATE.spell(GENERIC_EXECUTE) == READ_CONTROL | SYNCHRONIZE
        assert STATE.spell(GENERIC_ALL) == STATE.all == 0x1F0003
        assert FILE.spell(GENERIC_ALL) == 0x1F01FF
        assert PROCESS.all == THREAD.all == 0x1FFFFF

    def test_a_right_brings_the_lesser_one(self) -> None:
        assert PROCESS.spell(ProcessAccess.QUERY_INFORMATION) & ProcessAccess.QUERY_LIMITED
        assert THREAD.spell(ThreadAccess.SUSPEND_RESUME) & ThreadAccess.RESUME
        assert not THREAD.spell(ThreadAccess.RESUME) & ThreadAccess.SUSPEND_RESUME

    def test_a_maker_has_what_it_asks_for_and_no_right_that_there_is_not(self) -> None:
        assert STATE.of_maker(SYNCHRONIZE) == SYNCHRONIZE
        assert STATE.of_maker(MAXIMUM_ALLOWED) == STATE.all
        assert STATE.of_maker(0x1000 | SYNCHRONIZE) == SYNCHRONIZE


class Target:
    """A process that others want to open."""

    def __init__(self, token: Token) -> None:
        self.files, self.machine = (
            SimpleNamespace(token=token),
            SimpleNamespace(processes=SimpleNamespace(held={})),
        )
        self.ended, self.id, self.dumpable = None, 8, True


def process(token: Token) -> Any:
    """A process as far as access checks know it."""
    return SimpleNamespace(files=SimpleNamespace(token=token))


def made(descriptor: Descriptor | None = None) -> EventObject:
    event = EventObject(True, False)
    access.protect(process(MAKER), event, descriptor)
    return event


def listed(*entries: tuple[Principal, int]) -> Descriptor:
    return allowing(Account(1000), Account(1000), *entries)


class TestObjects:
    def test_by_default_it_is_its_makers_and_the_administrators(self) -> None:
        event = made()
        assert access.granted(process(MAKER), event, GENERIC_ALL) == STATE.all
        assert access.granted(process(ROOT), event, MAXIMUM_ALLOWED) == STATE.all
        for asked in (SYNCHRONIZE, READ_CONTROL, GENERIC_READ, 0x1):
            with pytest.raises(Failure) as raised:
                access.granted(process(STRANGER), event, asked)
            assert raised.value.status == Status.ACCESS_DENIED

    def test_the_default_descriptor_says_the_same(self) -> None:
        said = access.default_descriptor(MAKER, STATE)
        event = made(said)
        assert access.allowed(process(MAKER), event) == STATE.all
        assert access.allowed(process(ROOT), event) == STATE.all
        assert access.allowed(process(STRANGER), event) == 0

    def test_what_no_user_made_is_everybodys_to_use_and_administrators_to_protect(self) -> None:
        event = EventObject(True, False)
        assert access.granted(process(STRANGER), event, LOOK | StateAccess.MODIFY_STATE)
        assert access.granted(process(ROOT), event, GENERIC_ALL) == STATE.all
        with pytest.raises(Failure):
            access.granted(process(STRANGER), event, WRITE_DAC)

    def test_no_list_lets_everybody_in(self) -> None:
        event = made(listed()._replace(access=None))
        assert access.allowed(process(STRANGER), event) == STATE.all

    def test_an_empty_list_nobody_but_who_may_change_it(self) -> None:
        event = made(listed())
        assert access.allowed(process(STRANGER), event) == 0
        assert access.allowed(process(MAKER), event) == READ_CONTROL | WRITE_DAC
        assert access.allowed(process(ROOT), event) == WRITE_OWNER

    def test_a_list_gives_what_it_says(self) -> None:
        event = made(listed((Known.EVERYONE, LOOK), (Account(1000), GENERIC_ALL)))
        stranger = process(STRANGER)
        assert access.granted(stranger, event, MAXIMUM_ALLOWED) == LOOK
        assert access.granted(stranger, event, SYNCHRONIZE) == SYNCHRONIZE
        with pytest.raises(Failure):
            access.granted(stranger, event, SYNCHRONIZE | StateAccess.MODIFY_STATE)
        assert access.granted(process(MAKER), event, GENERIC_ALL) == STATE.all

    def test_who_raises_his_rights_does_not_share_objects_with_who_started_him(self) -> None:
        event = EventObject(True, False)
        access.protect(process(MAKER.for_program(0o4755, 0, 0)), event, None)
        assert access.allowed(process(MAKER), event) == 0


class TestProcesses:
    def target(self, descriptor: Descriptor | None = None) -> ProcessObject:
        target: Any = Target(MAKER)
        target.security = descriptor
        return ProcessObject(target)

    def test_others_look_at_it(self) -> None:
        found = self.target()
        assert access.allowed(process(MAKER), found) == PROCESS.all
        assert access.allowed(process(ROOT), found) == PROCESS.all
        assert access.granted(process(STRANGER), found, MAXIMUM_ALLOWED) == found.of_others
        for asked in (ProcessAccess.VM_READ, ProcessAccess.TERMINATE, GENERIC_EXECUTE, WRITE_DAC):
            with pytest.raises(Failure):
                access.granted(process(STRANGER), found, asked)

    def test_its_descriptor_takes_rights_away_and_gives_none(self) -> None:
        found = self.target(listed((Known.EVERYONE, GENERIC_ALL)))
        assert access.allowed(process(STRANGER), found) == found.of_others
        found = self.target(listed((Known.EVERYONE, SYNCHRONIZE)))
        assert access.allowed(process(MAKER), found) == SYNCHRONIZE | READ_CONTROL | WRITE_DAC


class TestLists:
    def granted(self, token: Token, *entries: AccessEntry) -> int:
        return access.allowed_by(Descriptor(None, None, AccessList(entries)), token, STATE)

    def test_the_first_entry_for_a_right_decides(self) -> None:
        denial, all = AccessEntry(False, LOOK, Account(1001)), AccessEntry(True, GENERIC_ALL, Known.EVERYONE)
        assert self.granted(STRANGER, denial, all) == STATE.all & ~LOOK
        assert self.granted(STRANGER, all, denial) == STATE.all
        assert self.granted(MAKER, denial, all) == STATE.all

    def test_generic_rights_are_denied_as_what_they_stand_for(self) -> None:
        denial, all = (
            AccessEntry(False, GENERIC_WRITE, Known.EVERYONE),
            AccessEntry(True, GENERIC_ALL, Known.EVERYONE),
        )
        assert self.granted(MAKER, denial, all) == STATE.all & ~(READ_CONTROL | StateAccess.MODIFY_STATE)

    def test_what_there_is_no_right_for_is_not_granted(self) -> None:
        assert (
            self.granted(STRANGER, AccessEntry(True, 0xFFFF_FFFF & ~GENERIC_ALL, Known.EVERYONE)) == STATE.all
        )
        assert self.granted(STRANGER, AccessEntry(True, 0x1000, Known.EVERYONE)) == 0

    @pytest.mark.parametrize("who", list(Known))
    def test_whom_an_entry_means(self, who: Known) -> None:
        everybody = who in (Known.EVERYONE, Known.AUTHENTICATED, Known.USERS)
        entry = AccessEntry(True, LOOK, who)
        assert self.granted(STRANGER, entry) == (LOOK if everybody else 0)
        elevated = everybody or who == Known.ADMINISTRATORS
        assert self.granted(ROOT, entry) == (LOOK if elevated else 0) | WRITE_OWNER

    def test_who_is_foreign_is_nobody(self) -> None:
        for token in (ROOT, MAKER):
            assert not self.granted(token, AccessEntry(True, GENERIC_ALL, Foreign(b"x"))) & ~WRITE_OWNER

    def test_a_group_of_the_machine_only_denies(self) -> None:
        """Its entry may mean the user of the same number, whom it may be meant to allow something."""
        member = Token.of_user(1001, 7, (50,))
        for group in (7, 50):
            assert self.granted(member, AccessEntry(True, LOOK, Account(group))) == 0
            denial, all = (
                AccessEntry(False, LOOK, Account(group)),
                AccessEntry(True, GENERIC_ALL, Known.EVERYONE),
            )
            assert self.granted(member, denial, all) == STATE.all & ~LOOK

    def test_who_acts_as_another_is_allowed_what_both_are_and_denied_what_either_is(self) -> None:
        acting = STRANGER.for_program(0o4755, 1000, 1000)
        for id in (1000, 1001):
            assert self.granted(acting, AccessEntry(True, LOOK, Account(id))) == 0
            denial, all = (
                AccessEntry(False, LOOK, Account(id)),
                AccessEntry(True, GENERIC_ALL, Known.EVERYONE),
            )
            assert self.granted(acting, denial, all) == STATE.all & ~LOOK

    def test_who_acts_as_root_is_one_of_the_administrators(self) -> None:
        acting = STRANGER.for_program(0o4755, 0, 0)
        assert self.granted(acting, AccessEntry(True, LOOK, Known.ADMINISTRATORS)) == LOOK | WRITE_OWNER


class TestDescriptors:
    def test_which_parts_are_there(self) -> None:
        assert listed().parts == Part.ALL
        assert listed()._replace(owner=None, group=None).parts == Part.LIST
        assert Descriptor(None, None, None, 0).parts == 0

    def test_parts_of_another(self) -> None:
        whole, other = listed((Known.EVERYONE, LOOK)), allowing(Account(7), Account(8))._replace(marks=0x1004)
        assert whole.changed(other, 0) == whole
        assert whole.changed(other, Part.OWNER) == whole._replace(owner=Account(7))
        assert whole.changed(other, Part.GROUP) == whole._replace(group=Account(8))
        assert whole.changed(other, Part.LIST) == whole._replace(access=other.access, marks=0x1004)
        assert whole.changed(other, Part.ALL) == other

    def test_an_ordinary_user_makes_nobody_else_an_owner(self) -> None:
        assert access.may_own(MAKER, Account(1000))
        assert access.may_own(ROOT, Account(1000))
        assert not access.may_own(MAKER, Account(1001))
        assert not access.may_own(MAKER, Known.ADMINISTRATORS)

    def test_what_an_elevated_user_makes_is_the_administrators(self) -> None:
        assert access.owner_of(MAKER) == Account(1000)
        assert access.owner_of(ROOT) == Account(0)
        assert access.owner_of(MAKER.for_program(0o4755, 0, 0)) == Known.ADMINISTRATORS

    def test_what_others_have_by_default_is_said(self) -> None:
        said = access.default_descriptor(MAKER, STATE, LOOK)
        assert access.allowed_by(said, STRANGER, STATE) == LOOK
        assert access.allowed_by(said, MAKER, STATE) == STATE.all


def test_a_right_is_required() -> None:
    event = made()
    access.require(process(MAKER), event, SYNCHRONIZE)
    with pytest.raises(Failure):
        access.require(process(STRANGER), event, SYNCHRONIZE)
