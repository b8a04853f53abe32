"""Who may look into whom, signal whom and schedule whom."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from lichen.executive.security import inspection
from lichen.executive.security.tokens import Capability, Token
from lichen.executive.status import Failure, Status

ROOT, USER, STRANGER = (Token.of_user(id, id) for id in (0, 1000, 1001))
KILL = 1 << Capability.KILL


def process(token: Token, dumpable: bool = True) -> Any:
    return SimpleNamespace(files=SimpleNamespace(token=token), dumpable=dumpable)


def with_id(token: Token, name: str, id: int) -> Token:
    changed: Any = {name: id}
    return replace(token, **changed)


@pytest.mark.parametrize(
    ("mine", "theirs", "may"),
    [
        (USER, USER, True),
        (USER, STRANGER, False),
        (USER, ROOT, False),
        (ROOT, USER, True),
        (USER, replace(USER, groups=(5,)), True),
        (USER, replace(USER, permitted=KILL), False),
        (replace(USER, permitted=KILL), replace(USER, permitted=KILL), True),
        (replace(USER, permitted=KILL), USER, True),
        (replace(USER, effective=1 << Capability.SYS_PTRACE), ROOT, True),
        (USER.for_program(0o4755, 1001, 0), USER, True),
        (ROOT.with_users(1000, 0, 0), STRANGER, True),
        *((USER, with_id(USER, id, 1001), False) for id in ("uid", "euid", "suid", "gid", "egid", "sgid")),
        *((USER, with_id(USER, id, 1001), True) for id in ("fsuid", "fsgid")),
    ],
)
def test_who_may_look_into_whom(mine: Token, theirs: Token, may: bool) -> None:
    assert inspection.may_inspect(process(mine), process(theirs)) == may


def test_one_may_always_look_into_oneself() -> None:
    same = process(replace(USER, euid=0, permitted=KILL), dumpable=False)
    assert inspection.may_inspect(same, same)


def test_what_is_not_dumpable_is_for_the_privileged() -> None:
    closed = process(USER, dumpable=False)
    assert inspection.may_inspect(process(ROOT), closed)
    assert not inspection.may_inspect(process(USER), closed)


def test_the_check_raises() -> None:
    inspection.check_inspection(process(USER), process(USER))
    with pytest.raises(Failure) as raised:
        inspection.check_inspection(process(USER), process(STRANGER))
    assert raised.value.status == Status.PRIVILEGE_NOT_HELD


def test_who_may_signal_whom() -> None:
    acting = USER.for_program(0o4755, 1001, 0)
    assert inspection.rules_over(ROOT, USER)
    assert inspection.rules_over(USER, USER)
    assert inspection.rules_over(acting, STRANGER)
    assert inspection.rules_over(USER, acting)
    assert not inspection.rules_over(USER, STRANGER)
    assert not inspection.rules_over(USER, ROOT)
    assert not inspection.rules_over(USER, replace(USER, uid=1001, suid=1001)), "who only acts as the user"


def test_who_may_schedule_whom() -> None:
    assert inspection.may_schedule(USER, replace(USER, uid=5))
    assert inspection.may_schedule(USER, replace(USER, euid=5))
    assert inspection.may_schedule(ROOT, STRANGER)
    assert not inspection.may_schedule(USER, STRANGER)


class TestActingAsSomebodyElse:
    @pytest.mark.parametrize(
        "token",
        [
            USER.for_program(0o4755, 0, 0),
            USER.for_program(0o2775, 0, 7),
            USER.with_users(1000, 1000, 1000, fsuid=5),
            replace(USER, permitted=KILL),
        ],
    )
    def test_what_was_gained_is_not_to_leak(self, token: Token) -> None:
        changed = process(USER)
        assert inspection.become(changed, token)
        assert changed.files.token is token
        assert not changed.dumpable

    @pytest.mark.parametrize(
        "token", [USER, replace(USER, groups=(5,)), replace(USER, no_new_privileges=True)]
    )
    def test_nothing_was(self, token: Token) -> None:
        changed = process(USER)
        assert not inspection.become(changed, token)
        assert changed.files.token is token
        assert changed.dumpable
