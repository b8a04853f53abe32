"""The room of a machine's disk: what is counted is what is there, and no road leads beyond the size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.metadata import set_attribute
from lichen.executive.io.names import link, make_directory, make_node, remove, rename, symlink
from lichen.executive.io.opening import Disposition, Open, Options
from lichen.executive.registry import Registry
from lichen.executive.status import Failure, Status
from lichen.filesystems.disk import Disk, size_of
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.memory_files import MemoryFileSystem, Pool
from lichen.filesystems.union import UnionFileSystem
from tests.unit.trees import BOTH, at, context_of, make_host_tree, name, names, opened, status_of, write

SIZE = 4 << 20
MAKE = Open(BOTH, Disposition.OPEN_IF, options=Options.POSIX)
CONTENT = {"folder/one": "1", "folder/two": "2" * 10000, "folder/link": "->one", "large": "x" * 300000}


class Machine:
    """A union whose layer has a size."""

    def __init__(self, folder: Path, size: int | None = SIZE) -> None:
        lower = HostFileSystem(make_host_tree(folder / "lower", CONTENT), 1, Devices(), read_only=True)
        self.folder = folder / "layer"
        self.folder.mkdir()
        self.disk = Disk(self.folder)
        self.system = UnionFileSystem(lower, self.folder, 2, Devices(), disk=self.disk)
        self.disk.limit(size)
        self.context: FileSystemContext = context_of(self.system)

    def close(self) -> None:
        self.system.close()
        self.disk.close()

    def truly_used(self) -> int:
        again = Disk(self.folder, SIZE)
        again.close()
        return again.used


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.close()


def test_what_is_counted_is_what_is_there(machine: Machine) -> None:
    context = machine.context

    def check() -> None:
        assert machine.disk.used == machine.truly_used()

    write(context, "new", b"x" * 70000)
    check()
    write(context, "new", b"y")
    check()
    write(context, "folder/one", b"copied up")
    check()
    at(context, "large").node.change(AttributeChange(mode=0o600))
    check()
    make_directory(context, name(context, "made"))
    for number in range(100):
        write(context, f"made/{number:0100}", b"1")
    check()
    link(context, at(context, "new"), name(context, "made/again"))
    symlink(context, "t" * 3000, name(context, "made/link"))
    make_node(context, name(context, "fifo"), Kind.FIFO, 0o600)
    check()
    rename(context, name(context, "made/again"), name(context, "large"))
    rename(context, name(context, "folder"), name(context, "renamed"))
    check()
    remove(context, name(context, "renamed/two"), directory=False)
    remove(context, name(context, "fifo"), directory=False)
    check()
    file = opened(context, "new", MAKE)
    remove(context, name(context, "new"), directory=False)
    remove(context, name(context, "large"), directory=False)
    assert file.write(b"z" * 100000) == 100000
    file.release()
    check()
    for entry in names(context, "made"):
        remove(context, name(context, f"made/{entry}"), directory=False)
    remove(context, name(context, "made"), directory=True)
    check()


def test_a_write_takes_what_fits_and_then_fails(machine: Machine) -> None:
    file = opened(machine.context, "big", MAKE)
    assert [status_of(file.write, bytes(1 << 20)) for _ in range(5)] == [0, 0, 0, 0, Status.DISK_FULL]
    assert SIZE - (64 << 10) <= file.attributes().size < SIZE
    assert file.write(b"again", 0) == 5
    statistics = machine.system.statistics()
    assert statistics.blocks * statistics.block_size == SIZE
    assert statistics.available == statistics.free <= 1
    assert status_of(make_directory, machine.context, name(machine.context, "more")) == Status.DISK_FULL
    assert status_of(write, machine.context, "folder/one", b"copy") == Status.DISK_FULL
    file.truncate(0)
    assert file.write(b"fits", 0) == 4
    file.release()


def test_room_that_is_reserved(machine: Machine) -> None:
    file = opened(machine.context, "reserved", MAKE)
    for mode, offset, size in ((0, 0, SIZE), (1, 1 << 30, SIZE), (1, 0, 1 << 60), (1, 1 << 61, 1 << 61)):
        with pytest.raises(Failure) as raised:
            file.node.check_room(mode, offset, size)
        assert raised.value.status in (Status.DISK_FULL, Status.FILE_TOO_LARGE)
        assert file.attributes().blocks == 0
    file.allocate(1, 1 << 30, SIZE // 2)
    for offset in (0, 1 << 20, 1 << 31):
        with pytest.raises(Failure):
            file.allocate(1, offset, SIZE // 2 + (1 << 18))
    file.release()
    assert machine.truly_used() < SIZE


def test_holes_that_a_mapping_could_fill(machine: Machine) -> None:
    for number in range(3):
        file = opened(machine.context, f"hole{number}", MAKE)
        file.truncate(SIZE // 2 - (1 << 18))
        if number == 2:
            with pytest.raises(Failure) as raised:
                file.node.open_host(True)
            assert raised.value.status == Status.DISK_FULL
        else:
            os.close(file.node.open_host(True))
            file.write(b"x", 0)
        file.release()


def test_many_small_things(machine: Machine) -> None:
    def fill(make: str) -> None:
        for number in range(SIZE):
            if make == "files":
                write(machine.context, f"f{number:0200}", b"")
            elif make == "links":
                link(machine.context, at(machine.context, "f"), name(machine.context, f"l{number:0200}"))
            else:
                file = at(machine.context, f"f{number:0200}")
                set_attribute(machine.context, file, "user.long", bytes(3000), False, False)

    write(machine.context, "f", b"")
    machine.disk.limit(machine.truly_used() + (1 << 19))
    for what in ("files", "attributes", "links"):
        assert status_of(fill, what) in (Status.DISK_FULL, Status.OBJECT_NAME_NOT_FOUND)
    assert machine.disk.size is not None
    assert machine.truly_used() < machine.disk.size + (1 << 16)


def test_the_host_s_disk_is_not_filled(tmp_path: Path) -> None:
    machine = Machine(tmp_path, None)
    state = os.statvfs(tmp_path)
    there = state.f_bavail * state.f_frsize
    statistics = machine.system.statistics()
    assert there - statistics.available * statistics.block_size > 0
    file = opened(machine.context, "all", MAKE)
    with pytest.raises(Failure) as raised:
        file.allocate(0, 0, there - (1 << 20))
    assert raised.value.status == Status.DISK_FULL
    assert file.attributes().blocks == 0
    file.release()
    machine.close()


def test_the_registry_needs_room(machine: Machine) -> None:
    registry = Registry(None, lambda: 0, lambda seconds, action: None)
    registry.require_room = machine.disk.require
    key, _ = registry.create(registry.root, ("key",))
    machine.disk.limit(machine.disk.used + (1 << 16))
    registry.set_value(key, "small", 3, bytes(1000))
    assert status_of(registry.set_value, key, "large", 3, bytes(1 << 16)) == Status.DISK_FULL


def test_file_systems_in_memory_share_what_there_is() -> None:
    pool = Pool()
    pool.capacity = 1 << 20
    first, second = (MemoryFileSystem(number, Devices(), pool=pool) for number in (1, 2))
    context, other = context_of(first), context_of(second)
    write(context, "file", bytes(700 << 10))
    assert status_of(write, other, "file", bytes(700 << 10)) == Status.DISK_FULL
    sparse = opened(other, "sparse", MAKE)
    sparse.truncate(1 << 30)
    told = [status_of(sparse.write, bytes(1 << 16), offset) for offset in range(0, 1 << 30, 1 << 20)]
    assert told[0] == 0
    assert told[-1] == Status.DISK_FULL
    sparse.release()
    assert pool.used <= pool.capacity
    remove(context, name(context, "file"), directory=False)
    write(other, "file", bytes(200 << 10))


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("10K", 10 << 10), ("500m", 500 << 20), ("10G", 10 << 30), ("2T", 2 << 40)]
)
def test_sizes(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "G", "1.5G", "10X", "1 G"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        size_of(text)
