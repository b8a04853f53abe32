"""Watching keys: each is told once, of what was asked for, and forgotten with its watcher."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lichen.executive.registry import NAMES, VALUES, Changed, Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry(None, lambda: 0, lambda seconds, action: None)
    registry.make("top", "below")
    yield registry
    registry.close()


def test_what_is_told(registry: Registry) -> None:
    top, below = registry.make("top"), registry.make("top", "below")
    watched: dict[str, Changed] = {
        "names": registry.watch(top, NAMES, subtree=False),
        "values": registry.watch(top, VALUES, subtree=False),
        "values below": registry.watch(top, VALUES, subtree=True),
    }

    def told() -> list[str]:
        found = [what for what, changed in watched.items() if changed.is_set]
        for what in found:
            del watched[what]
        return found

    registry.set_value(below, "x", 1, b"")
    assert told() == ["values below"]
    registry.set_value(top, "x", 1, b"")
    assert told() == ["values"]
    registry.rename(below, "renamed")
    assert told() == ["names"]
    assert not top.watchers


def test_a_key_that_goes_tells_its_watchers(registry: Registry) -> None:
    below = registry.make("top", "below")
    changed = registry.watch(below, VALUES, subtree=False)
    registry.delete(below)
    assert changed.is_set


def test_forgetting(registry: Registry) -> None:
    top = registry.make("top")
    first, second = (registry.watch(top, VALUES, subtree=False) for _ in range(2))
    top.forget(first)
    assert (first.is_set, second.is_set, len(top.watchers)) == (True, False, 1)
