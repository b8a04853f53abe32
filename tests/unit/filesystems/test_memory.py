"""tmpfs: content that grows, maps and shrinks, limits, seals, and memory that is given back."""

from __future__ import annotations

import gc
import mmap
import os

import pytest

from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.file import RegularFile
from lichen.executive.io.location import anonymous
from lichen.executive.io.metadata import set_attribute
from lichen.executive.io.names import link, make_directory, make_node, remove, rename, symlink
from lichen.executive.io.opening import Open
from lichen.executive.status import Status
from lichen.filesystems import content, devices
from lichen.filesystems.content import SMALL
from lichen.filesystems.memory_files import MemoryFileSystem, MemoryNode, Seal
from tests.unit.trees import (
    BOTH,
    at,
    context_of,
    host_descriptors,
    name,
    names,
    opened,
    read,
    status_of,
    write,
)


@pytest.fixture
def system() -> MemoryFileSystem:
    ticks = iter(range(1, 1 << 30))
    return MemoryFileSystem(1, Devices(), capacity=8 << 20, most_files=50, clock=lambda: next(ticks))


@pytest.fixture
def context(system: MemoryFileSystem) -> FileSystemContext:
    return context_of(system)


def test_content_grows_from_small_to_large(context: FileSystemContext, system: MemoryFileSystem) -> None:
    write(context, "file", b"start")
    file = opened(context, "file", Open(BOTH))
    file.write(b"x", SMALL - 1)
    file.write(b"yz", SMALL)
    assert file.read(4, SMALL - 2) == b"\0xyz"
    assert file.read(5, 0) == b"start"
    file.truncate(1 << 50)
    assert file.read(1 << 50, (1 << 50) - 3) == b"\0\0\0"
    assert file.attributes().size == 1 << 50
    assert file.attributes().blocks * 512 <= system.used < 4 << 20
    file.truncate(3)
    assert file.read(100, 0) == b"sta"
    file.release()


def test_content_takes_pages(context: FileSystemContext, system: MemoryFileSystem) -> None:
    write(context, "file", b"start")
    file = opened(context, "file", Open(BOTH))
    assert (file.attributes().blocks, system.used) == (8, 4096)
    file.truncate(SMALL)
    assert (file.attributes().size, file.attributes().blocks) == (SMALL, 8)
    file.release()


def test_a_full_file_system(context: FileSystemContext, system: MemoryFileSystem) -> None:
    write(context, "file", b"x" * (6 << 20))
    assert status_of(write, context, "more", b"x" * (3 << 20)) == Status.DISK_FULL
    statistics = system.statistics()
    assert (statistics.blocks, statistics.free) == (2048, 512)
    remove(context, name(context, "file"), directory=False)
    assert system.used == 0
    for number in range(48):
        write(context, f"f{number}", b"")
    assert status_of(write, context, "one too many", b"") == Status.DISK_FULL


def test_what_is_unreachable_is_freed(context: FileSystemContext, system: MemoryFileSystem) -> None:
    before = host_descriptors()
    write(context, "file", b"x" * (2 << 20))
    set_attribute(context, at(context, "file"), "user.x", b"v" * 100, create=False, replace=False)
    file = opened(context, "file")
    remove(context, name(context, "file"), directory=False)
    assert system.used > 2 << 20
    assert file.read(2) == b"xx"
    file.release()
    assert (system.used, system.files, host_descriptors()) == (0, 1, before)
    write(context, "a", b"a")
    write(context, "b", b"b")
    rename(context, name(context, "a"), name(context, "b"))
    assert system.files == 2
    system.close()


def test_mapped_content_is_the_files(context: FileSystemContext) -> None:
    write(context, "file", b"0123")
    node = at(context, "file").node
    assert node.mapping().key is None
    descriptor = node.open_host(writable=True)
    view = mmap.mmap(descriptor, 4)
    os.close(descriptor)
    view[1:3] = b"xy"
    assert read(context, "file") == b"0xy3"
    file = opened(context, "file", Open(BOTH))
    file.write(b"z")
    assert view[:4] == b"zxy3"
    file.release()
    view.close()


def test_a_file_without_a_name(system: MemoryFileSystem) -> None:
    node = system.root.create_unnamed(0o600, 0, 0)
    file = RegularFile(anonymous("memfd:x", node), Open(BOTH))
    file.write(b"x" * (2 << 20))
    assert file.attributes().links == 0
    assert not file.location.place(None).reachable
    file.release()
    assert (system.used, system.files) == (0, 1)


def test_large_files_do_not_take_every_descriptor(
    context: FileSystemContext, system: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.collect()
    monkeypatch.setattr(content, "share_of_descriptors", lambda: len(system.pool.on_host) + 2)
    for path in ("one", "two"):
        write(context, path, bytes(SMALL + 1))
    monkeypatch.setattr(content, "share_of_descriptors", lambda: len(system.pool.on_host))
    assert status_of(write, context, "three", bytes(SMALL + 1)) == Status.INSUFFICIENT_RESOURCES
    write(context, "three", bytes(SMALL))
    remove(context, name(context, "one"), directory=False)
    monkeypatch.setattr(content, "share_of_descriptors", lambda: len(system.pool.on_host) + 1)
    write(context, "three", bytes(SMALL + 1))


def test_a_tree_as_deep_as_a_guest_likes(context: FileSystemContext, system: MemoryFileSystem) -> None:
    system.most_files = 1 << 20
    context = context.copy()
    for _ in range(4000):
        context.root = make_directory(context, name(context, "d"))
    assert len(context.root.place(None).components) == 4000
    del context
    system.close()


@pytest.mark.parametrize(
    ("seal", "forbidden"),
    [
        (Seal.WRITE, {"write", "grow write", "punch"}),
        (Seal.GROW, {"grow write", "grow", "reserve"}),
        (Seal.SHRINK, {"shrink"}),
        (Seal.FUTURE_WRITE, {"write", "grow write", "punch"}),
    ],
)
def test_seals(system: MemoryFileSystem, seal: int, forbidden: set[str]) -> None:
    node = system.root.create_unnamed(0o600, 0, 0)
    file = RegularFile(anonymous("memfd:x", node), Open(BOTH))
    file.write(b"0123")
    assert isinstance(node, MemoryNode)
    node.seals = seal
    status = {
        "write": status_of(file.write, b"x", 0),
        "grow write": status_of(file.write, b"x", 4),
        "punch": status_of(file.allocate, 3, 0, 2),
        "shrink": status_of(file.truncate, 2),
        "grow": status_of(file.truncate, 9),
        "reserve": status_of(file.allocate, 0, 0, 20),
    }
    expected = {key: Status.PRIVILEGE_NOT_HELD if key in forbidden else 0 for key in status}
    assert status == expected
    file.release()


def test_times_tell_what_was_done(context: FileSystemContext) -> None:
    write(context, "file", b"x")
    before = at(context, "file").node.attributes()
    read(context, "file")
    after = at(context, "file").node.attributes()
    assert after.accessed > before.accessed
    assert (after.modified, after.changed) == (before.modified, before.changed)
    read(context, "file")
    assert at(context, "file").node.attributes().accessed == after.accessed
    folder = at(context, "").node.attributes().modified
    write(context, "other", b"")
    assert at(context, "").node.attributes().modified > folder


def test_links_of_directories_count_their_children(context: FileSystemContext) -> None:
    make_directory(context, name(context, "a"))
    make_directory(context, name(context, "a/b"))
    assert [at(context, path).node.attributes().links for path in ("", "a", "a/b")] == [3, 3, 2]
    rename(context, name(context, "a/b"), name(context, "b"))
    assert [at(context, path).node.attributes().links for path in ("", "a", "b")] == [4, 2, 2]


def test_allocation(context: FileSystemContext) -> None:
    write(context, "file", b"0123456789")
    file = opened(context, "file", Open(BOTH))
    file.allocate(1, 0, 1 << 20)
    assert (file.attributes().size, file.attributes().blocks) == (10, 2048)
    file.allocate(3, 2, 3)
    assert file.read(20, 0) == b"01\0\0\x0056789"
    file.allocate(0, 0, 20)
    assert file.attributes().size == 20
    assert status_of(file.allocate, 8, 0, 20) == Status.NOT_SUPPORTED
    assert status_of(file.allocate, 0, 0, 1 << 40) == Status.DISK_FULL
    file.release()


@pytest.mark.parametrize(
    ("device", "data", "written"),
    [("null", b"", 0), ("zero", bytes(5), 0), ("full", bytes(5), Status.DISK_FULL), ("urandom", None, 0)],
)
def test_devices(device: str, data: bytes | None, written: int) -> None:
    registry = Devices()
    devices.register(registry)
    context = context_of(devices.device_tree(1, registry))
    assert at(context, device).node.attributes().kind == Kind.CHARACTER
    file = opened(context, device, Open(BOTH))
    found = file.read(5)
    assert isinstance(found, bytes)
    assert len(found) == 5 if data is None else found == data
    assert status_of(file.write, b"x") == written
    assert file.seek(9) == 0
    assert (status_of(file.mapping) == 0) == (device == "zero")
    file.release()


def test_the_device_tree() -> None:
    registry = Devices()
    devices.register(registry)
    context = context_of(devices.device_tree(1, registry))
    assert {"null", "zero", "full", "random", "urandom", "fd", "stdin", "pts", "shm"} <= set(names(context))
    make_node(context, name(context, "strange"), Kind.CHARACTER, 0o666, 0x1FF)
    assert status_of(opened, context, "strange") == Status.NO_SUCH_DEVICE


def test_what_the_kernel_keeps_in_its_own_memory_is_bounded(
    context: FileSystemContext, system: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lichen.filesystems.memory_files._MOST_ATTACHED", 3000)
    for _ in range(3):
        write(context, "file", b"")
        set_attribute(context, at(context, "file"), "user.a", bytes(1000), False, False)
        symlink(context, "x" * 1500, name(context, "link"))
        assert status_of(symlink, context, "x" * 1500, name(context, "other")) == Status.DISK_FULL
        assert (
            status_of(set_attribute, context, at(context, "file"), "user.b", bytes(1000), False, False)
            == Status.DISK_FULL
        )
        for path in ("file", "link"):
            remove(context, name(context, path), directory=False)
        gc.collect()
        assert (system.attached, system.used, system.files) == (0, 0, 1)


def test_names_count_as_files(context: FileSystemContext, system: MemoryFileSystem) -> None:
    write(context, "file", b"")
    for number in range(48):
        link(context, at(context, "file"), name(context, f"name{number}"))
    assert status_of(link, context, at(context, "file"), name(context, "more")) == Status.DISK_FULL
    rename(context, name(context, "name0"), name(context, "moved"))
    for path in ("file", "moved", *(f"name{number}" for number in range(1, 48))):
        remove(context, name(context, path), directory=False)
    gc.collect()
    assert system.files == 1
