"""What is kept of a started program."""

from __future__ import annotations

from lichen.executive.programs import _shown


def test_arguments_are_kept_up_to_a_size() -> None:
    assert _shown((b"program", b"", b"argument")) == (b"program", b"", b"argument")
    shown = _shown((b"program", *[b"x" * 120_000] * 20))
    assert shown[0] == b"program"
    assert 10_000 < sum(map(len, shown)) < 40_000
    assert len(_shown((b"",) * 1_000_000)) < 40_000
