"""Masks of NtQueryDirectoryFile against names."""

from __future__ import annotations

import time

import pytest

from lichen.executive.status import Failure
from lichen.subsystems.nt.calls.directory import mask_pattern


@pytest.mark.parametrize(
    ("mask", "names", "others"),
    [
        ("*", ("a", "a.b"), ()),
        ("*.*", ("a", "a.b", ""), ()),
        ("a*b*c", ("abc", "aXbYc", "abbcc", "AbxBc"), ("ab", "acb", "xabc", "abcx")),
        ("*a*", ("a", "xax"), ("xyz",)),
        ("a?c", ("abc",), ("ac", "abbc")),
        ("name.*", ("name", "name.", "name.txt", "NAME.x.y"), ("names", "nam")),
        ("*x*y.*", ("xy", "axby.c", "xy.y.y"), ("yx", "x")),
        ("<.txt", ("a.txt", "a.b.txt"), ("atxt",)),
        ("a>>", ("abc", "ab", "a"), ("abcd", "a.bc")),
        ("*>a*", ("xa", "xxa.b"), ("xb", ".a")),
        ('a"b', ("a.b",), ("ab", "axb")),
        ('a"', ("a", "a."), ("ab",)),
        ("*ab*ab", ("abab", "xabab", "ababab"), ("ab", "aab")),
    ],
)
def test_masks(mask: str, names: tuple[str, ...], others: tuple[str, ...]) -> None:
    assert [name for name in names if not mask_pattern(mask).fullmatch(name)] == []
    assert [name for name in others if mask_pattern(mask).fullmatch(name)] == []


def test_no_mask_holds_the_kernel() -> None:
    """A mask that could match in very many ways is soon found not to match."""
    for mask in ("*a" * 100 + "b", "a*" * 100 + "b", "*>a" * 60 + '"b', "<a>" * 60 + "b.*"):
        pattern, begin = mask_pattern(mask), time.process_time()
        assert not pattern.fullmatch("a" * 250 + "c")
        assert time.process_time() - begin < 0.1


def test_a_mask_has_a_length() -> None:
    with pytest.raises(Failure):
        mask_pattern("a*" * 10000)
