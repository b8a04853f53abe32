"""Reading, writing, seeking and listing through open files."""

from __future__ import annotations

import random
import select
from collections.abc import Generator
from pathlib import Path

import pytest

from lichen.executive.io.attributes import AttributeChange
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.file import LARGEST_OFFSET, SEEK_CURRENT, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.names import make_directory, remove
from lichen.executive.io.opening import Access, Disposition, Open, Options, Poll
from lichen.executive.status import Status
from lichen.executive.worker import Worker
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.memory_files import MemoryFileSystem
from tests.unit.trees import BOTH, as_user, at, context_of, finish, name, opened, read, status_of, write


@pytest.fixture
def context() -> FileSystemContext:
    context = context_of(MemoryFileSystem(1, Devices()))
    write(context, "file", b"0123456789")
    return context


def test_the_position_moves_with_reads_and_writes(context: FileSystemContext) -> None:
    file = opened(context, "file", Open(BOTH))
    assert (file.read(4), file.read(4, 1), file.position) == (b"0123", b"1234", 4)
    assert (file.write(b"xy"), file.write(b"z", 0), file.position) == (2, 1, 6)
    assert (file.read(100), file.read(100)) == (b"6789", b"")
    file.release()
    assert read(context, "file") == b"z123xy6789"


@pytest.mark.parametrize(
    ("offset", "whence", "result"),
    [
        (3, SEEK_SET, 3),
        (-1, SEEK_CURRENT, 4),
        (5, SEEK_END, 15),
        (4, SEEK_DATA, 4),
        (4, SEEK_HOLE, 10),
        (1 << 40, SEEK_SET, 1 << 40),
    ],
)
def test_seek(context: FileSystemContext, offset: int, whence: int, result: int) -> None:
    file = opened(context, "file")
    file.read(5)
    assert file.seek(offset, whence) == result
    assert file.read(1) == b"0123456789"[result : result + 1]
    file.release()


@pytest.mark.parametrize(
    ("offset", "whence", "status"),
    [
        (-1, SEEK_SET, Status.INVALID_PARAMETER),
        (-11, SEEK_END, Status.INVALID_PARAMETER),
        (LARGEST_OFFSET, SEEK_END, Status.INVALID_PARAMETER),
        (0, 9, Status.INVALID_PARAMETER),
        (10, SEEK_DATA, Status.NO_SUCH_DEVICE),
        (-1, SEEK_HOLE, Status.NO_SUCH_DEVICE),
    ],
)
def test_seek_refuses(context: FileSystemContext, offset: int, whence: int, status: int) -> None:
    file = opened(context, "file")
    assert status_of(file.seek, offset, whence) == status
    assert file.position == 0
    file.release()


def test_writes_at_the_edge_of_what_there_is(context: FileSystemContext) -> None:
    file = opened(context, "file", Open(BOTH))
    assert status_of(file.write, b"x", LARGEST_OFFSET) == Status.FILE_TOO_LARGE
    assert status_of(file.write, b"x", -1) == Status.INVALID_PARAMETER
    assert status_of(file.read, 1, -1) == Status.INVALID_PARAMETER
    assert file.read(1, LARGEST_OFFSET) == b""
    assert file.write(b"") == 0
    assert file.attributes().size == 10
    assert file.write(b"x", 12) == 1
    assert file.read(9, 9) == b"9\0\0x"
    file.release()


def test_appending(context: FileSystemContext) -> None:
    one = opened(context, "file", Open(BOTH, options=Options.APPEND))
    two = opened(context, "file", Open(Access.APPEND))
    assert (one.write(b"a"), two.write(b"b"), one.write(b"c")) == (1, 1, 1)
    assert (one.position, two.position) == (13, 12)
    assert one.read(5, 9) == b"9abc"
    one.release()
    two.release()


def test_a_file_is_always_ready(context: FileSystemContext) -> None:
    file = opened(context, "file")
    assert file.poll() == Poll.READABLE | Poll.WRITABLE
    assert file.ready(Poll.READABLE).signalled(None)
    assert status_of(file.control, object()) == Status.INVALID_DEVICE_REQUEST
    assert status_of(file.directory_entries) == Status.NOT_A_DIRECTORY
    file.release()


def test_a_directory_is_not_read_or_written(context: FileSystemContext) -> None:
    folder = opened(context, "")
    assert status_of(folder.read, 1) == Status.FILE_IS_A_DIRECTORY
    assert status_of(folder.write, b"x") == Status.INVALID_HANDLE
    assert status_of(folder.mapping) == Status.NO_DEVICE
    folder.release()


@pytest.mark.parametrize("seed", range(5))
def test_names_that_stay_are_listed_once_whatever_else_goes(context: FileSystemContext, seed: int) -> None:
    make_directory(context, name(context, "many"))
    chance = random.Random(seed)
    everything = {f"f{number}" for number in range(100)}
    for each in everything:
        write(context, f"many/{each}", b"")
    folder, seen, removed = opened(context, "many"), list[str](), set[str]()
    while batch := folder.directory_entries()[folder.position : folder.position + chance.randrange(1, 20)]:
        folder.position += len(batch)
        seen += [entry.name for entry in batch]
        for victim in chance.sample(sorted(everything - removed), 5):
            remove(context, name(context, f"many/{victim}"), directory=False)
            removed.add(victim)
        write(context, f"many/new{len(seen)}", b"")
    assert len(seen) == len(set(seen))
    assert everything - removed <= set(seen)
    folder.seek(0)
    assert {entry.name for entry in folder.directory_entries()} >= {"."} | everything - removed
    assert len(folder.directory_entries()) < 100
    folder.release()


def test_listing_ends_with_the_directory(context: FileSystemContext) -> None:
    make_directory(context, name(context, "short"))
    folder, late = opened(context, "short"), opened(context, "short")
    assert [entry.name for entry in folder.directory_entries()] == [".", ".."]
    remove(context, name(context, "short"), directory=True)
    assert status_of(late.directory_entries) == Status.OBJECT_NAME_NOT_FOUND
    folder.release()
    late.release()


@pytest.mark.parametrize(
    ("mode", "uid", "left"),
    [(0o6777, 5, 0o777), (0o2766, 5, 0o2766), (0o4777, 0, 0o4777), (0o4777, 5, 0o777)],
)
@pytest.mark.parametrize("change", ["write", "truncate", "by name"])
def test_changed_programs_lose_their_set_id_bits(
    context: FileSystemContext, mode: int, uid: int, left: int, change: str
) -> None:
    change_attributes(context, at(context, "file"), AttributeChange(mode=mode))
    user = as_user(context, uid, uid)
    file = opened(user, "file", Open(BOTH))
    if change == "write":
        file.write(b"x")
    elif change == "truncate":
        file.truncate(3)
    else:
        change_attributes(user, file.location, AttributeChange(size=3))
    assert file.attributes().mode == left
    file.release()


def test_a_synchronous_write_waits_for_the_disk(tmp_path: Path) -> None:
    worker, devices = Worker(), Devices()
    devices.worker = worker
    system = HostFileSystem(tmp_path, 1, devices)
    context = context_of(system)
    file = opened(context, "new", Open(BOTH, Disposition.CREATE, options=Options.SYNCHRONOUS))
    blocked = file.write(b"text")
    assert isinstance(blocked, Generator)
    next(blocked)
    select.select([worker.descriptor], [], [], 5)
    worker.finished()
    assert finish(blocked) == 4
    file.release()
    worker.close()
    system.close()
