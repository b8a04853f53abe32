"""What guests have in shares and the host has not: FIFOs, devices, sockets and set-id bits, in a table of the machine's."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.device import Devices
from lichen.executive.io.node import Node
from lichen.executive.status import Status
from lichen.filesystems import hostcalls
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.sharerecords import ShareRecords
from tests.unit.trees import status_of

RDEV = 0x103


made: list[ShareRecords] = []


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "probe").touch()
    if hostcalls.born(str(tmp_path / "share" / "probe")) is None:
        pytest.skip("the host does not tell when files were born")
    yield tmp_path / "share"
    while made:
        made.pop().close()


def records_of(folder: Path) -> ShareRecords:
    made.append(ShareRecords(folder.parent / "shares.sqlite", None))
    return made[-1]


def share(folder: Path) -> Node:
    """The root of the share, as a machine that begins anew sees it."""
    return HostFileSystem(folder, 1, Devices(), stable=False, records=records_of(folder)).root


def found(root: Node, name: str) -> Node:
    place = root.lookup(name)
    assert place is not None
    return place[1]


def test_special_files_are_empty_on_the_host(folder: Path) -> None:
    root = share(folder)
    for name, kind in (("fifo", Kind.FIFO), ("socket", Kind.SOCKET), ("device", Kind.CHARACTER)):
        node = root.create(name, kind, 0o640, 0, 0, RDEV if kind == Kind.CHARACTER else 0)
        assert (node.kind, node.attributes().kind, node.attributes().mode) == (kind, kind, 0o640)
        state = (folder / name).lstat()
        assert stat.S_ISREG(state.st_mode)
        assert state.st_size == 0
    assert root.attributes().kind == Kind.DIRECTORY
    for begun in (root, share(folder)):
        assert {entry.name: entry.kind for entry in begun.entries()} == {
            "probe": Kind.REGULAR,
            "fifo": Kind.FIFO,
            "socket": Kind.SOCKET,
            "device": Kind.CHARACTER,
        }
        assert found(begun, "device").attributes().rdev == RDEV


def test_special_files_keep_what_they_are(folder: Path) -> None:
    root = share(folder)
    fifo = root.create("fifo", Kind.FIFO, 0o600, 0, 0)
    fifo.change(AttributeChange(mode=0o644))
    root.link("other", fifo)
    root.rename("fifo", fifo, root, "moved", None)
    assert found(share(folder), "moved").attributes().mode == 0o644
    assert found(share(folder), "other").kind == Kind.FIFO
    root.unlink("moved", fifo)
    root.unlink("other", fifo)
    (folder / "moved").touch()
    assert found(share(folder), "moved").kind == Kind.REGULAR


def test_set_id_bits(folder: Path) -> None:
    root = share(folder)
    program = root.create("program", Kind.REGULAR, 0o4755, 0, 0)
    inner = root.create("inner", Kind.DIRECTORY, 0o2755, 0, 0)
    program.write_at(0, b"code")
    assert program.attributes().mode == 0o755  # it was written behind the backs of those who gave the bits
    program.change(AttributeChange(mode=0o6711))
    program.change(AttributeChange(modified=1_000_000_000))
    for node in (program, found(share(folder), "program")):
        assert node.attributes().mode == 0o6711
    assert found(share(folder), "inner").attributes().mode == inner.attributes().mode == 0o2755
    for name, mode in (("program", 0o711), ("inner", 0o755)):
        assert stat.S_IMODE((folder / name).stat().st_mode) == mode
    program.change(AttributeChange(mode=0o755))
    assert found(share(folder), "program").attributes().mode == 0o755


def test_what_others_write_is_nobodys_program(folder: Path) -> None:
    root = share(folder)
    program = root.create("program", Kind.REGULAR, 0o755, 0, 0)
    program.write_at(0, b"code")
    program.change(AttributeChange(mode=0o4755))
    assert program.attributes().mode == 0o4755
    os.utime(folder / "program", ns=(0, 5_000_000_000))
    (folder / "program").write_text("other code")
    assert program.attributes().mode == 0o755


def test_another_file_of_the_same_number(folder: Path) -> None:
    root = share(folder)
    root.create("fifo", Kind.FIFO, 0o600, 0, 0)
    records = records_of(folder)
    (inode,) = records._records
    ((born, record),) = records._records[inode].items()
    records._records[inode] = {born - 1: record}
    node = HostFileSystem(folder, 1, Devices(), stable=False, records=records).root
    assert found(node, "fifo").kind == Kind.REGULAR


def test_no_records_no_special_files(folder: Path) -> None:
    root = HostFileSystem(folder, 1, Devices(), stable=False).root
    assert status_of(root.create, "fifo", Kind.FIFO, 0o600, 0, 0) == Status.PRIVILEGE_NOT_HELD
    assert not (folder / "fifo").exists()
