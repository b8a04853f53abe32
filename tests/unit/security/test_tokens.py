"""Tokens: what ids and capabilities allow, and what a change of ids does to them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from lichen.executive.security.modes import EXECUTE, READ, WRITE, allows
from lichen.executive.security.tokens import ALL_CAPABILITIES, Capability, SecureBit, Token
from lichen.executive.status import Failure, Status


class Thing(NamedTuple):
    mode: int
    uid: int
    gid: int


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "groups", "granted"),
    [
        (0o740, 1, 9, (), READ | WRITE | EXECUTE),
        (0o740, 2, 1, (), READ),
        (0o740, 2, 9, (1,), READ),
        (0o704, 2, 1, (), 0),
        (0o047, 1, 1, (), 0),
        (0o741, 2, 9, (), EXECUTE),
    ],
)
def test_only_the_first_class_that_fits_counts(
    mode: int, uid: int, gid: int, groups: tuple[int, ...], granted: int
) -> None:
    token = Token.of_user(uid, gid, groups)
    for wanted in range(8):
        assert allows(token, Thing(mode, 1, 1), wanted) == (not wanted & ~granted)


def test_root_needs_one_execute_bit() -> None:
    root = Token.of_user(0, 0)
    assert allows(root, Thing(0, 1, 1), READ | WRITE)
    assert not allows(root, Thing(0o644, 1, 1), EXECUTE)
    assert allows(root, Thing(0o010, 1, 1), EXECUTE)
    assert allows(root, Thing(0, 1, 1), READ | WRITE | EXECUTE, directory=True)


def test_capabilities_follow_the_user_ids() -> None:
    root = Token.of_user(0, 0)
    assert root.elevated
    assert root.effective == ALL_CAPABILITIES
    gone = root.with_users(5, 5, 5)
    assert not gone.elevated
    assert gone.permitted == gone.effective == 0
    shelved = root.with_users(0, 5, 0)
    assert (shelved.effective, shelved.permitted) == (0, ALL_CAPABILITIES)
    assert shelved.with_users(0, 0, 0).effective == ALL_CAPABILITIES
    served = root.with_users(0, 0, 0, fsuid=5)
    assert not served.overrides
    assert served.has(Capability.SETUID)
    assert served.with_users(0, 0, 0).overrides


def test_the_real_ids_judge_access() -> None:
    set_uid_program = Token.of_user(5, 5).with_users(5, 0, 0)
    assert not set_uid_program.real().overrides
    assert set_uid_program.real().fsuid == 5
    assert Token.of_user(0, 0).real().overrides


def test_set_id_bits_of_a_program() -> None:
    user = Token.of_user(5, 6)
    assert user.for_program(0o755, 0, 0) == user
    root = user.for_program(0o4755, 0, 0)
    assert (root.uid, root.euid, root.suid, root.fsuid, root.egid) == (5, 0, 0, 0, 6)
    assert root.effective == root.permitted == ALL_CAPABILITIES
    assert root.is_changed
    assert user.for_program(0o2755, 0, 9).egid == 9
    assert user.for_program(0o2745, 0, 9).egid == 6, "without x for the group it is a mark of locks"
    bound = replace(user, no_new_privileges=True)
    assert bound.for_program(0o6755, 0, 0) == bound


def test_capabilities_of_a_program() -> None:
    kill = 1 << Capability.KILL
    root = Token.of_user(0, 0)
    assert root.with_capabilities(0, kill, 0).for_program(0o755, 0, 0) == root
    assert replace(root, bounding=kill).for_program(0o755, 0, 0).permitted == kill
    assert root.with_users(0, 5, 0).for_program(0o755, 0, 0).effective == 0
    kept = replace(root, secure_bits=SecureBit.KEEP_CAPABILITIES).with_users(5, 5, 5)
    assert kept.permitted == ALL_CAPABILITIES
    after = kept.for_program(0o755, 0, 0)
    assert (after.permitted, after.secure_bits) == (0, 0)
    ambient = replace(kept, inheritable=kill, ambient=kill).for_program(0o755, 0, 0)
    assert ambient.effective == ambient.permitted == ambient.ambient == kill
    assert ambient.for_program(0o4755, 7, 7).permitted == 0
    assert not replace(root, secure_bits=SecureBit.NO_ROOT).for_program(0o755, 0, 0).permitted


def test_nobody_gives_himself_capabilities() -> None:
    kill, raw = 1 << Capability.KILL, 1 << Capability.NET_ADMIN
    some = replace(Token.of_user(5, 5), permitted=kill, inheritable=0, ambient=0)
    held = some.with_capabilities(kill, kill, kill)
    assert (held.effective, held.permitted, held.inheritable) == (kill, kill, kill)
    for effective, permitted, inheritable in ((0, kill | raw, 0), (raw, kill, 0), (kill, 0, 0), (0, 0, raw)):
        with pytest.raises(Failure) as raised:
            some.with_capabilities(effective, permitted, inheritable)
        assert raised.value.status == Status.PRIVILEGE_NOT_HELD
