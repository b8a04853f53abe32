"""The registry's file: what was committed is what the next machine finds."""

from __future__ import annotations

from pathlib import Path

from lichen.executive.registry import Registry


def _opened(path: Path) -> Registry:
    return Registry(path, lambda: 0, lambda seconds, action: None)


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    """NT names are any 16-bit units: a lone surrogate in one of them once kept everything from being committed."""
    path = tmp_path / "registry"
    before = _opened(path)
    key, _ = before.create(before.create(before.root, ("Software",))[0], ("a\ud800",))
    before.set_value(key, "\udfffb", 1, b"x")
    before.set_value(key, "Größe", 1, b"y")
    before.close()
    after = _opened(path)
    key = after.find(after.root, ("software", "A\ud800"))
    assert {value.name: value.data for value in key.values.values()} == {"\udfffb": b"x", "Größe": b"y"}
    after.close()
