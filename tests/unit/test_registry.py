"""The registry's file: what was committed is what the next machine finds."""

from __future__ import annotations

import errno
import select
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lichen.executive.registry import QUOTA_LIMIT, Registry
from lichen.executive.registry_file import Changes, RegistryFile
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.executive.worker import Worker
from tests.turns import until
from tests.unit.trees import finish


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


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """NtFlushKey says so, and what could not be written is once there is room."""
    path, later = tmp_path / "registry", list[Callable[[], None]]()
    registry = Registry(path, lambda: 0, lambda seconds, action: later.append(action))
    key = registry.make("Software")
    finish(registry.flush())
    database = registry.file._committing
    assert database is not None
    database.execute("PRAGMA max_page_count=1")  # SQLite's way to have a full disk
    registry.set_value(key, "value", 1, bytes(1 << 20))
    registry.create(key, ("below",))
    with pytest.raises(Failure) as caught:
        finish(registry.flush())
    assert caught.value.status == Status.DISK_FULL
    later.pop()()
    database.execute("PRAGMA max_page_count=100000")
    later.pop()()
    assert not later
    registry.file.close()
    after = _opened(path)
    assert after.value(after.find(after.root, ("Software",)), "value").data == bytes(1 << 20)
    assert after.find(after.root, ("Software", "below")).name == "below"
    after.close()


def test_keys_are_only_so_deep(tmp_path: Path) -> None:
    """A tree of any depth could not be written: what is above a key goes to the disk first, level by level."""
    registry = _opened(tmp_path / "registry")
    key = registry.make(*("d",) * 512)
    with pytest.raises(Failure) as failure:
        registry.create(key, ("d",))
    assert failure.value.status == Status.INVALID_PARAMETER
    finish(registry.flush())


def test_the_registry_is_only_so_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lichen.executive.registry.LARGEST", 100_000)
    registry = _opened(tmp_path / "registry")
    key = registry.make("key")
    for _ in range(10):
        registry.set_value(key, "value", 3, bytes(60_000))
    with pytest.raises(Failure) as failure:
        registry.set_value(key, "other", 3, bytes(60_000))
    assert failure.value.status == QUOTA_LIMIT
    for _ in range(10):
        registry.delete_value(key, "value")
        registry.set_value(key, "value", 3, bytes(60_000))
        registry.delete(key)
        key = registry.make("key")
        registry.set_value(key, "value", 3, bytes(60_000))
        registry.rename(key, "k" * 100)
        registry.rename(key, "key")


def test_subkeys_are_in_order(tmp_path: Path) -> None:
    registry = _opened(tmp_path / "registry")
    for name in ("b", "C", "a", "d"):
        registry.make("key", name)
    registry.rename(registry.make("key", "a"), "z")
    registry.delete(registry.make("key", "c"))
    key = registry.make("key")
    assert [key.subkeys[name].name for name in key.order] == ["b", "d", "z"]


def test_what_is_no_registry_is_told(tmp_path: Path) -> None:
    """A program that needs it is refused, and the kernel goes on."""
    path = tmp_path / "registry"
    path.write_bytes(b"no database at all " * 100)
    with pytest.raises(Failure) as caught:
        _opened(path)
    assert caught.value.status == Status.IO_DEVICE_ERROR


def test_keys_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    """And what changes around them stays true: a key that gains a subkey keeps the values that nobody has read."""
    registry = _opened(tmp_path / "registry")
    for name in ("one", "two"):
        registry.set_value(registry.make("above", name), "value", 3, name.encode())
        registry.make("above", name, "below")
    registry.close()
    registry = _opened(tmp_path / "registry")
    above = registry.find(registry.root, ("above",))
    one, two = (registry.find(above, (name,)) for name in ("one", "two"))
    assert one.unread is not None
    registry.create(one, ("new",))
    registry.rename(two, "three")
    registry.close()
    registry = _opened(tmp_path / "registry")
    above = registry.find(registry.root, ("above",))
    assert above.order == ["ONE", "THREE"]
    one, three = (registry.find(above, (name,)) for name in ("one", "three"))
    assert [registry.value(key, "value").data for key in (one, three)] == [b"one", b"two"]
    assert [key.order for key in (one, three)] == [["BELOW", "NEW"], ["BELOW"]]


class SlowFile(RegistryFile):
    """A file whose disk does nothing until it may."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.may_go_on = threading.Event()
        self.commits = 0
        self.is_full = False

    def commit(self, changes: Changes) -> None:
        self.commits += 1
        if self.is_full:
            raise OSError(errno.ENOSPC, "full")
        assert self.may_go_on.wait(10)
        super().commit(changes)


class SlowRegistry:
    """A registry whose commits are the worker's, with what the kernel does about them in the test's hands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.worker = Worker()
        self.later: list[Callable[[], None]] = []
        self.registry = Registry(
            path, lambda: 0, lambda seconds, action: self.later.append(action), self.worker
        )
        self.registry.file.close()
        self.file = self.registry.file = SlowFile(path)

    def wait(self, blocked: Blocks[None]) -> None:
        for wait in blocked:
            for _ in until(partial(wait.objects[0].signalled, None), "the worker is done"):
                select.select([self.worker.descriptor], [], [], 5)
                self.worker.finished()

    def close(self) -> Registry:
        """End as a machine does, and begin anew."""
        self.worker.close()
        self.registry.close()
        return _opened(self.path)


@pytest.fixture
def slow(tmp_path: Path) -> SlowRegistry:
    return SlowRegistry(tmp_path / "registry")


def test_nobody_waits_while_the_disk_is_slow(slow: SlowRegistry) -> None:
    """A commit takes what there was at its beginning; keys are made, read and deleted meanwhile."""
    registry = slow.registry
    first, gone = registry.make("first"), registry.make("gone")
    flushed = registry.flush()
    next(flushed)
    registry.set_value(first, "value", 3, b"late")
    registry.delete(gone)
    registry.make("second")
    slow.later.pop()()  # the tenth of a second after the first change is over
    assert slow.file.commits <= 1
    slow.file.may_go_on.set()
    slow.wait(flushed)
    other = _opened(slow.path)
    assert other.root.order == ["FIRST", "GONE"]
    assert not other.find(other.root, ("first",)).values
    other.close()
    slow.wait(registry.flush())
    after = slow.close()
    assert after.root.order == ["FIRST", "SECOND"]
    assert after.value(after.find(after.root, ("first",)), "value").data == b"late"
    after.close()


def test_a_flush_takes_what_changed_while_another_went_on(slow: SlowRegistry) -> None:
    registry = slow.registry
    registry.make("first")
    next(registry.flush())  # whoever began it is gone
    registry.make("second")
    second, third = registry.flush(), registry.flush()
    next(second), next(third)
    slow.file.may_go_on.set()
    slow.wait(second)
    slow.wait(third)
    assert slow.file.commits == 2
    other = _opened(slow.path)
    assert other.root.order == ["FIRST", "SECOND"]
    other.close()
    slow.close().close()


def test_a_machine_that_ends_in_a_commit_loses_nothing(slow: SlowRegistry) -> None:
    registry = slow.registry
    gone = registry.make("gone")
    registry.make("first")
    next(registry.flush())
    registry.delete(gone)
    registry.make("second")
    slow.file.may_go_on.set()
    after = slow.close()
    assert after.root.order == ["FIRST", "SECOND"]
    after.close()


def test_what_the_worker_could_not_write_is_tried_again(slow: SlowRegistry) -> None:
    registry = slow.registry
    slow.file.may_go_on.set()
    slow.file.is_full = True
    gone = registry.make("gone")
    registry.make("first")
    flushed = registry.flush()
    next(flushed)
    registry.delete(gone)
    with pytest.raises(Failure) as failure:
        slow.wait(flushed)
    assert failure.value.status == Status.DISK_FULL
    slow.file.is_full = False
    slow.later[-1]()
    slow.wait(registry.flush())
    after = slow.close()
    assert after.root.order == ["FIRST"]
    after.close()
