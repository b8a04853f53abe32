"""What duplicates of handles are given, and whose a program may say that a new object is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.handles import Handle
from lichen.executive.objects.rights import GENERIC_ALL, STATE, SYNCHRONIZE
from lichen.executive.security.access import protect
from lichen.executive.security.descriptors import Account
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure
from lichen.subsystems.nt import access
from lichen.subsystems.nt.status import NtStatus

ROOT, MAKER, STRANGER = (Token.of_user(id, id) for id in (0, 1000, 1001))


def process(token: Token) -> Any:
    """A process as far as access checks know it."""
    return SimpleNamespace(files=SimpleNamespace(token=token))


def test_a_duplicate_is_asked_for_again_when_it_is_to_have_more() -> None:
    event = EventObject(True, False)
    protect(process(MAKER), event, None)
    slot = Handle(event, SYNCHRONIZE, False)
    assert access.granted_again(process(STRANGER), slot, SYNCHRONIZE) == SYNCHRONIZE
    assert access.granted_again(process(MAKER), slot, GENERIC_ALL) == STATE.all
    with pytest.raises(Failure):
        access.granted_again(process(STRANGER), slot, GENERIC_ALL)


def test_an_ordinary_user_makes_nobody_else_an_owner() -> None:
    access.check_owner(MAKER, None)
    access.check_owner(MAKER, Account(1000))
    access.check_owner(ROOT, Account(1000))
    with pytest.raises(Failure) as raised:
        access.check_owner(MAKER, Account(1001))
    assert raised.value.status == NtStatus.INVALID_OWNER
