"""What a mapping of a file shows: the page cache or the host's file, and nothing beyond the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lichen.executive import images, sections
from lichen.executive.address_space import Region
from lichen.executive.interfaces import PAGE, Map
from lichen.executive.processes import ExitStatus
from tests.unit.subsystems.linux.machine import Machine

START = 0x40000
HELD_AT = 0x100 * PAGE


class Cache:
    """A page cache that holds what it admits at HELD_AT."""

    empty = os.memfd_create("empty", os.MFD_CLOEXEC)

    def __init__(self, admits: bool = True) -> None:
        self.admitting, self.inserted = admits, dict[Hashable, int]()

    def admits(self, key: Hashable, size: int) -> bool:
        return self.admitting

    def insert(self, key: Hashable, open_: Callable[[], int], size: int) -> int:
        os.close(open_())
        self.inserted[key] = size
        return HELD_AT


class File:
    """A file of the host; `opened` are its descriptors, and whether each may write."""

    def __init__(self, path: Path, size: int, key: Hashable | None) -> None:
        self.path, self.size, self.key = path, size, key
        self.opened: list[tuple[int, bool]] = []
        path.write_bytes(b"x" * size)

    def mapping(self) -> SimpleNamespace:
        return SimpleNamespace(key=self.key, size=self.size)

    def open_host(self, writable: bool) -> int:
        descriptor = os.open(self.path, os.O_RDWR if writable else os.O_RDONLY)
        self.opened.append((descriptor, writable))
        return descriptor

    def is_open(self, descriptor: int) -> bool:
        """Whether a descriptor is one of this file."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except OSError:
            return False


def mapped(
    cache: Cache, file: File, pages: int, offset: int = 0, shared: bool = False, writable: bool = False
) -> list[Map]:
    """What is mapped; each descriptor is open meanwhile, and closed behind it."""
    arguments = cast(Any, cache), cast(Any, file), START, pages * PAGE, 1, offset, shared, writable
    with sections.mapping(*arguments) as operations:
        backing = operations[0].backing
        assert backing is not None
        assert backing.descriptor is None or offset >= file.size or file.is_open(backing.descriptor)
    assert not any(file.is_open(descriptor) for descriptor, _ in file.opened)
    return operations


def shown(operations: list[Map]) -> list[tuple[int, int, str, int]]:
    """(start, pages, what of, offset)."""
    result = []
    for operation in operations:
        assert operation.backing is not None
        descriptor = operation.backing.descriptor
        source = "held" if descriptor is None else "host" if operation is operations[0] else "beyond"
        result.append((operation.address, operation.size // PAGE, source, operation.backing.offset))
    return result


def test_content_that_stays_is_held_once(tmp_path: Path) -> None:
    cache, file = Cache(), File(tmp_path / "file", PAGE + 1, "key")
    assert shown(mapped(cache, file, 2)) == [(START, 2, "held", HELD_AT)]
    assert shown(mapped(cache, file, 1, PAGE, shared=True)) == [(START, 1, "held", HELD_AT + PAGE)]
    assert cache.inserted == {"key": PAGE + 1}


def test_pages_beyond_the_end_are_of_an_empty_file(tmp_path: Path) -> None:
    cache, file = Cache(), File(tmp_path / "file", PAGE + 1, "key")
    inside, beyond = mapped(cache, file, 5)
    assert shown([inside, beyond]) == [(START, 2, "held", HELD_AT), (START + 2 * PAGE, 3, "beyond", 0)]
    assert beyond.backing is not None
    assert beyond.backing.descriptor is not None
    assert os.fstat(beyond.backing.descriptor).st_size == 0
    (only,) = mapped(cache, file, 1, 4 * PAGE)
    assert (only.address, only.size) == (START, PAGE)
    assert only.backing is not None
    assert only.backing.descriptor == beyond.backing.descriptor


@pytest.mark.parametrize(
    ("admits", "key", "shared", "writable", "for_writing"),
    [
        (True, "key", True, True, True),
        (True, None, False, False, False),
        (True, None, True, False, False),
        (False, "key", False, True, False),
        (False, "key", True, True, True),
    ],
)
def test_what_may_change_or_is_too_large_is_the_hosts_file(
    tmp_path: Path, admits: bool, key: str | None, shared: bool, writable: bool, for_writing: bool
) -> None:
    cache, file = Cache(admits), File(tmp_path / "file", 10, key)
    (operation,) = mapped(cache, file, 3, PAGE, shared, writable)
    assert (operation.size, operation.shared) == (3 * PAGE, shared)
    assert shown([operation]) == [(START, 3, "host", PAGE)]
    assert [writes for _, writes in file.opened] == [for_writing]
    assert cache.inserted == {}


# ---- files that are busy


class Node:
    """As much of a node as an image is."""

    image_uses: Callable[[], int] | None = None


class Holder:
    """A place or an allocation that leads to a node."""

    def __init__(self, node: Node) -> None:
        self.node = node


def test_a_file_is_busy_while_a_process_runs_or_shows_it() -> None:
    machine = Machine()
    node, other = Node(), Node()
    images.became_image(machine.state, cast(Any, node))
    uses = node.image_uses
    assert uses is not None
    images.became_image(machine.state, cast(Any, node))
    assert node.image_uses is uses
    assert uses() == 0
    runs, shows = machine.process(), machine.process()
    runs.image = cast(Any, Holder(node))
    assert uses() == images.RUNNING
    for at, of in ((0x20000, other), (0x30000, node)):
        shows.space.insert(Region(at, at + PAGE, 1, allocation=Holder(of)))
    assert uses() == images.RUNNING | images.VIEWED
    runs.terminate(ExitStatus(0))
    assert uses() == images.VIEWED, "a zombie runs nothing"
    shows.space.remove(0x30000, 0x31000)
    assert uses() == 0
