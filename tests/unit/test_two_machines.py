"""Two machines in one process know nothing of each other, though their processes, users and files have the same numbers."""

from __future__ import annotations

import errno
import os
import signal
import struct
from functools import cached_property

import pytest

from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.location import Mount
from lichen.executive.security.tokens import Token
from lichen.filesystems.memory_files import MemoryFileSystem
from lichen.filesystems.pipe import Pipes
from lichen.subsystems.linux.procfs.locks import all_locks
from lichen.subsystems.linux.procfs.subjects import Whole
from lichen.subsystems.linux.state import linux_of
from tests.unit.subsystems.linux.machine import ADDRESS, USER, Machine

F_SETFL, F_SETLK, F_SETOWN, F_NOTIFY = 4, 6, 8, 1026
DN_CREATE = 4
IN_CREATE, IN_MOVED = 0x100, 0xC0
PATH, LATER = ADDRESS, ADDRESS + 0x100
EXCLUSIVE, NONBLOCKING = 1, os.O_NONBLOCK


class World(Machine):
    """A machine with a tree of files and pipes, whose first process blocks every signal."""

    def __init__(self) -> None:
        super().__init__(USER)
        Pipes().register(self.devices)
        linux_of(self.thread).mask = ~0

    @cached_property
    def root(self) -> Mount:
        return Mount(MemoryFileSystem(40, self.devices), "root")

    def context(self, token: Token) -> FileSystemContext:
        return FileSystemContext(self.root.root, self.root.root, token)

    def does(self, name: str, *arguments: int | str) -> int:
        """Make a call that goes well; names are put into memory."""
        places = iter((PATH, LATER))
        raw = [
            each if isinstance(each, int) else self.put(each.encode() + b"\0", next(places))
            for each in arguments
        ]
        result = self.call(name, *raw)
        assert result is not None
        assert result >= 0, errno.errorcode[-result]
        return result

    def make(self, path: str) -> int:
        return self.does("open", path, os.O_RDWR | os.O_CREAT, 0o644)

    def pending(self) -> int:
        """The signals that the first process has pending, as a mask of their numbers."""
        self.does("rt_sigpending", ADDRESS, 8)
        (mask,) = struct.unpack("<Q", self.get(8))
        return int(mask)


def bit(number: int) -> int:
    return 1 << number - 1


@pytest.fixture
def worlds() -> tuple[World, World]:
    first, second = World(), World()
    assert first.thread.id == second.thread.id
    assert first.root.root.node.attributes().file_id == second.root.root.node.attributes().file_id
    return first, second


def test_a_watch(worlds: tuple[World, World]) -> None:
    first, second = worlds
    queue = first.does("inotify_init1", NONBLOCKING)
    first.does("inotify_add_watch", queue, "/", IN_CREATE)
    assert first.devices.watches
    assert not second.devices.watches
    second.make("/file")
    assert first.call("read", queue, ADDRESS, 256) == -errno.EAGAIN
    first.make("/file")
    assert first.does("read", queue, ADDRESS, 256) == 32
    first.does("close", queue)
    assert not first.devices.watches


def test_a_share_of_the_watches(worlds: tuple[World, World]) -> None:
    for world in worlds:
        world.state.system.limits.watchers = 1
        world.does("inotify_init")
        assert world.call("inotify_init") == -errno.EMFILE


def test_the_numbers_of_moves(worlds: tuple[World, World]) -> None:
    cookies = []
    for world in worlds:
        queue = world.does("inotify_init1", NONBLOCKING)
        world.does("inotify_add_watch", queue, "/", IN_MOVED)
        world.make("/old")
        world.does("rename", "/old", "/new")
        world.does("read", queue, ADDRESS, 256)
        cookies.append(struct.unpack("<iII", world.get(12))[2])
    assert cookies[0] == cookies[1] > 0


def test_a_lock(worlds: tuple[World, World]) -> None:
    first, second = worlds
    lock = struct.pack("<hh4xqqi4x", EXCLUSIVE, 0, 0, 10, 0)
    for world in worlds:
        fd = world.make("/file")
        assert world.call("fcntl", fd, F_SETLK, world.put(lock)) == 0
        assert len(list(all_locks(Whole(world.state)))) == 1
    first.does("close", 0)
    assert not list(all_locks(Whole(first.state)))
    assert len(list(all_locks(Whole(second.state)))) == 1


def test_an_asynchronous_signal(worlds: tuple[World, World]) -> None:
    first, second = worlds
    for world in worlds:
        world.does("pipe", ADDRESS)
        world.does("fcntl", 0, F_SETFL, os.O_ASYNC | NONBLOCKING)
        world.does("fcntl", 0, F_SETOWN, world.thread.process.id)
    first.does("write", 1, ADDRESS, 1)
    assert first.pending() == bit(signal.SIGIO)
    assert second.pending() == 0


def test_a_signal_for_a_directory(worlds: tuple[World, World]) -> None:
    first, second = worlds
    for world in worlds:
        folder = world.does("open", "/", os.O_RDONLY | os.O_DIRECTORY, 0)
        world.does("fcntl", folder, F_NOTIFY, DN_CREATE)
    first.make("/file")
    assert first.pending() == bit(signal.SIGIO)
    assert second.pending() == 0
    second.does("close", 0)
    assert not second.devices.watches


def test_large_files_in_memory(worlds: tuple[World, World]) -> None:
    """What one machine has of the host's descriptors does not count against the other."""
    first, _ = worlds
    fd = first.make("/large")
    first.does("ftruncate", fd, 1 << 21)
    pools = [
        world.root.file_system.pool
        for world in worlds
        if isinstance(world.root.file_system, MemoryFileSystem)
    ]
    assert [len(pool.on_host) for pool in pools] == [1, 0]
