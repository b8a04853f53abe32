"""Rights: what the generic ones stand for, what is implied, and what a maker is granted."""

from __future__ import annotations

import pytest

from lichen.executive.objects import rights
from lichen.executive.objects.rights import (
    DELETE,
    GENERIC_ALL,
    GENERIC_EXECUTE,
    GENERIC_READ,
    GENERIC_WRITE,
    MAXIMUM_ALLOWED,
    PROCESS,
    READ_CONTROL,
    SYNCHRONIZE,
    THREAD,
    ProcessAccess,
    Rights,
    ThreadAccess,
)

ALL = {name: value for name, value in vars(rights).items() if isinstance(value, Rights)}
PLAIN = Rights(read=0x1, write=0x2, execute=0x4, all=0xF)


@pytest.mark.parametrize(
    ("asked", "spelt"),
    [
        (0, 0),
        (0x8, 0x8),
        (GENERIC_READ, 0x1),
        (GENERIC_WRITE | 0x8, 0xA),
        (GENERIC_READ | GENERIC_EXECUTE, 0x5),
        (GENERIC_ALL, 0xF),
        (GENERIC_READ | DELETE | MAXIMUM_ALLOWED, 0x1 | DELETE | MAXIMUM_ALLOWED),
    ],
)
def test_generic_rights_are_spelled_out_and_others_stay(asked: int, spelt: int) -> None:
    assert PLAIN.spell(asked) == spelt


@pytest.mark.parametrize(
    ("asked", "granted"),
    [(MAXIMUM_ALLOWED, 0xF), (MAXIMUM_ALLOWED | 0x1, 0xF), (GENERIC_WRITE, 0x2), (0x18, 0x8), (0, 0)],
)
def test_a_maker_is_granted_what_there_is_of_what_it_asks_for(asked: int, granted: int) -> None:
    assert PLAIN.of_maker(asked) == granted


@pytest.mark.parametrize(
    ("type_", "right", "lesser"),
    [
        (PROCESS, ProcessAccess.QUERY_INFORMATION, ProcessAccess.QUERY_LIMITED),
        (PROCESS, ProcessAccess.SET_INFORMATION, ProcessAccess.SET_LIMITED),
        (THREAD, ThreadAccess.QUERY_INFORMATION, ThreadAccess.QUERY_LIMITED),
        (THREAD, ThreadAccess.SET_INFORMATION, ThreadAccess.SET_LIMITED),
        (THREAD, ThreadAccess.SUSPEND_RESUME, ThreadAccess.RESUME),
    ],
)
def test_a_right_includes_its_lesser_one_and_not_the_other_way_round(
    type_: Rights, right: int, lesser: int
) -> None:
    assert type_.spell(right) == right | lesser
    assert type_.spell(lesser) == lesser


@pytest.mark.parametrize("name", ALL)
def test_every_types_rights_are_among_all_of_its_own(name: str) -> None:
    of = ALL[name]
    for generic in (GENERIC_READ, GENERIC_WRITE, GENERIC_EXECUTE, GENERIC_ALL):
        spelt = of.spell(generic)
        assert spelt & of.all == spelt
        assert spelt & READ_CONTROL
    assert of.of_maker(GENERIC_ALL) == of.of_maker(MAXIMUM_ALLOWED) == of.all
    assert of.of_maker(0x8000) in (0, 0x8000)


def test_what_can_be_waited_for_can_be_waited_for_by_who_may_do_all() -> None:
    waited_for = {name for name, of in ALL.items() if of.all & SYNCHRONIZE}
    assert waited_for == {"STATE", "MUTANT", "JOB", "PROCESS", "THREAD", "FILE"}
