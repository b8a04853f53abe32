"""The page cache by itself: what makes room when it is full, and what must not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lichen.platforms.native.pagecache import PageCache

SIZE = 8192


class Host:
    """A cache for two contents, a clock, and what guests have mapped."""

    def __init__(self) -> None:
        self.now, self.looks = 100.0, 0
        self.mapped: list[range] = []
        self.cache = PageCache(self._look, lambda: self.now)
        self.cache.room = 2 * SIZE

    def _look(self, device: int, inode: int) -> list[range]:
        assert (device, inode) == (
            os.fstat(self.cache.descriptor).st_dev,
            os.fstat(self.cache.descriptor).st_ino,
        )
        self.looks += 1
        return self.mapped

    def insert(self, key: str) -> int:
        def content() -> int:
            descriptor = os.memfd_create("content")
            os.write(descriptor, key.encode().ljust(SIZE, b"\xff"))
            return descriptor

        return self.cache.insert(key, content, SIZE)

    def shown(self, offset: int) -> bytes:
        return os.pread(self.cache.descriptor, 1, offset)


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.cache.close()


def test_content_is_copied_once(host: Host) -> None:
    offset = host.insert("a")
    assert host.insert("a") == offset
    assert host.shown(offset) == b"a"
    assert host.cache.room == SIZE


def test_the_oldest_that_nobody_maps_makes_room(host: Host) -> None:
    first, second = host.insert("a"), host.insert("b")
    host.now += 60
    host.insert("a")
    host.now += 60
    third = host.insert("c")
    assert [host.shown(offset) for offset in (first, second, third)] == [b"a", b"\0", b"c"]
    assert host.insert("a") == first
    assert len({first, second, third}) == 3, "an offset is never given out again"
    assert os.fstat(host.cache.descriptor).st_blocks * 512 == 2 * SIZE


def test_what_is_mapped_stays(host: Host) -> None:
    first, second = host.insert("a"), host.insert("b")
    host.now += 60
    host.mapped = [range(first + SIZE - 4096, first + SIZE), range(4096)]
    host.insert("c")
    assert [host.shown(offset) for offset in (first, second)] == [b"a", b"\0"]


def test_what_was_just_asked_for_stays_as_it_may_not_be_mapped_yet(host: Host) -> None:
    host.insert("a")
    host.insert("b")
    with pytest.raises(OSError, match="memory"):
        host.insert("c")
    assert not host.cache.admits("c", SIZE)
    assert host.looks == 1, "a guest that keeps the cache full does not have the host asked each time"
    host.now += 60
    assert host.cache.admits("c", SIZE)


def test_the_end_of_the_file_is_an_error(host: Host) -> None:
    host.cache.allocate((1 << 46) - 8192)
    with pytest.raises(OSError, match="memory"):
        host.cache.allocate(8192)
