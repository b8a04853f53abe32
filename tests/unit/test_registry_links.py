"""Keys that lead to other keys: what a name finds by way of them, and that they are links again after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.executive.registry import LINK_VALUE, REG_LINK, Key, Registry
from lichen.executive.status import Failure, Status
from tests.unit.trees import finish


def _opened(path: Path | None = None) -> Registry:
    return Registry(path, lambda: 0, lambda seconds, action: None)


def _link(registry: Registry, above: Key, name: str, target: str) -> Key:
    link = registry.add(above, name, is_link=True)
    registry.set_value(link, LINK_VALUE, REG_LINK, target.encode("utf-16-le"))
    return link


def test_a_link_leads_on_in_the_middle_and_at_the_end_of_a_name() -> None:
    registry = _opened()
    target = registry.make("A", "Target", "Below").parent
    link = _link(registry, registry.make("B"), "Link", "\\A\\Target")
    assert registry.find(registry.root, ("b", "link")) is target
    assert registry.find(registry.root, ("b", "link", "below")).name == "Below"
    assert registry.find(registry.root, ("b", "link"), open_link=True) is link
    assert registry.find(link, ("below",)).name == "Below"


def test_what_a_link_leads_to_is_made_there() -> None:
    registry = _opened()
    _link(registry, registry.make("B"), "Link", "\\A\\New")
    above = registry.make("A")
    made, is_new = registry.create(registry.root, ("B", "Link"))
    assert (made.parent, made.name, is_new) == (above, "New", True)


@pytest.mark.parametrize("target", ["", "A", "\\None\\None", "\\A\0"])
def test_links_that_lead_nowhere(target: str) -> None:
    registry = _opened()
    registry.make("A")
    _link(registry, registry.root, "Link", target)
    with pytest.raises(Failure) as raised:
        registry.find(registry.root, ("Link",))
    assert raised.value.status == Status.OBJECT_NAME_NOT_FOUND


def test_links_in_a_circle_have_an_end() -> None:
    registry = _opened()
    _link(registry, registry.root, "One", "\\Two\\x")
    _link(registry, registry.root, "Two", "\\One\\x")
    with pytest.raises(Failure) as raised:
        registry.find(registry.root, ("One",))
    assert raised.value.status == Status.INVALID_PARAMETER


def test_a_name_does_not_grow_without_end() -> None:
    registry = _opened()
    _link(registry, registry.root, "Link", "\\Link" + "\\x" * 16000)
    with pytest.raises(Failure) as raised:
        registry.find(registry.root, ("Link",))
    assert raised.value.status == Status.INVALID_PARAMETER


def test_a_link_has_no_other_value() -> None:
    registry = _opened()
    link = _link(registry, registry.root, "Link", "\\A")
    for name, kind in (("Other", REG_LINK), (LINK_VALUE, 1)):
        with pytest.raises(Failure) as raised:
            registry.set_value(link, name, kind, b"")
        assert raised.value.status == Status.ACCESS_DENIED


def test_links_are_kept(tmp_path: Path) -> None:
    before = _opened(tmp_path / "registry")
    before.make("A")
    _link(before, before.root, "Link", "\\A")
    gone = _link(before, before.root, "Gone", "\\A")
    finish(before.flush())
    before.delete(gone)
    before.add(before.root, "Gone")
    before.close()
    after = _opened(tmp_path / "registry")
    assert after.find(after.root, ("Link",)).name == "A"
    assert after.find(after.root, ("Gone",)).name == "Gone"
    after.close()
