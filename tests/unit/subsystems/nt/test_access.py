"""Who is given which rights to an object: its maker, administrators, and whom its descriptor names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lichen.executive.objects.dispatcher import EventObject, ProcessObject
from lichen.executive.objects.handles import Handle
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
from lichen.executive.security import Token, descriptors
from lichen.executive.security.descriptors import DACL, Descriptor
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import access
from lichen.subsystems.nt.sids import EVERYONE, id_sid

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


def listed(*entries: tuple[bytes, int]) -> Descriptor:
    return descriptors.present(id_sid(1000), id_sid(1000), descriptors.make_list(list(entries)))


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
        event = made(listed()._replace(dacl=None))
        assert access.allowed(process(STRANGER), event) == STATE.all

    def test_an_empty_list_nobody_but_who_may_change_it(self) -> None:
        event = made(listed())
        assert access.allowed(process(STRANGER), event) == 0
        assert access.allowed(process(MAKER), event) == READ_CONTROL | WRITE_DAC
        assert access.allowed(process(ROOT), event) == WRITE_OWNER

    def test_a_list_gives_what_it_says(self) -> None:
        event = made(listed((EVERYONE, LOOK), (id_sid(1000), GENERIC_ALL)))
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

    def test_a_duplicate_is_asked_for_again_when_it_is_to_have_more(self) -> None:
        event = made()
        slot = Handle(event, SYNCHRONIZE, False)
        assert access.granted_again(process(STRANGER), slot, SYNCHRONIZE) == SYNCHRONIZE
        assert access.granted_again(process(MAKER), slot, GENERIC_ALL) == STATE.all
        with pytest.raises(Failure):
            access.granted_again(process(STRANGER), slot, GENERIC_ALL)


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
        found = self.target(listed((EVERYONE, GENERIC_ALL)))
        assert access.allowed(process(STRANGER), found) == found.of_others
        found = self.target(listed((EVERYONE, SYNCHRONIZE)))
        assert access.allowed(process(MAKER), found) == SYNCHRONIZE | READ_CONTROL | WRITE_DAC


class TestDescriptors:
    def test_the_first_entry_for_a_right_decides(self) -> None:
        data = bytearray(listed((id_sid(1001), LOOK), (EVERYONE, GENERIC_ALL)).dacl or b"")
        data[8] = 1  # the first one denies
        who = (id_sid(1001), EVERYONE)
        assert descriptors.granted(bytes(data), who, STATE) == STATE.all & ~LOOK
        assert descriptors.granted(bytes(data), (EVERYONE,), STATE) == STATE.all

    def test_which_parts_are_there(self) -> None:
        assert listed()._replace(owner=None, group=None).parts == DACL
        assert Descriptor(0, None, None, None, None).parts == 0

    def test_an_ordinary_user_makes_nobody_else_an_owner(self) -> None:
        access.check_owner(MAKER, id_sid(1000))
        access.check_owner(ROOT, id_sid(1000))
        with pytest.raises(Failure):
            access.check_owner(MAKER, id_sid(1001))
