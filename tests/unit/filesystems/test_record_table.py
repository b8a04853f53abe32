"""Tables of records: what was stored the next machine finds, however slow or full the disk is, whoever is killed."""

from __future__ import annotations

import errno
import os
import resource
import select
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lichen.executive.worker import Worker
from lichen.filesystems.recordfile import RecordFile
from lichen.filesystems.recordlog import Change, Row, Shape
from lichen.filesystems.recordtable import RecordTable
from lichen.filesystems.sharerecords import ShareRecord, ShareRecords
from tests.turns import until

SHAPE = Shape("thing", ("inode",), ("number", "data"))


def found(path: Path) -> dict[int | bytes, Row]:
    """What a machine that begins now would find."""
    return {row[0]: row[1:] for row in RecordTable(path, SHAPE, None).read()}


def logs(path: Path) -> list[str]:
    return sorted(name for name in os.listdir(path.parent) if ".log." in name)


class SlowFile(RecordFile):
    """A file whose disk does nothing until it may."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SHAPE)
        self.may_go_on = threading.Event()
        self.commits: list[tuple[Change, ...]] = []
        self.is_full = False

    def commit(self, changes: Iterable[Change], log: int) -> None:
        self.commits.append(tuple(changes))
        assert self.may_go_on.wait(10)
        if self.is_full:
            raise OSError(errno.ENOSPC, "full")
        super().commit(changes, log)


class SlowTable:
    """A table on such a disk, with what the kernel does about commits in the test's hands."""

    def __init__(self, path: Path) -> None:
        self.path, self.worker = path, Worker()
        self.table = RecordTable(path, SHAPE, self.worker)
        self.file = self.table.file = SlowFile(path)

    def settle(self) -> None:
        """Let the disk work, until there is nothing left to do."""
        self.file.may_go_on.set()
        for _ in until(lambda: self.table._commit is None, "all is committed"):
            select.select([self.worker.descriptor], [], [], 5)
            self.worker.finished()

    def end(self) -> None:
        """As a machine does."""
        self.file.may_go_on.set()
        self.worker.close()
        self.table.close()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[SlowTable]:
    slow = SlowTable(tmp_path / "table.sqlite")
    yield slow
    if slow.worker._thread is not None:
        slow.end()


def test_nobody_waits_while_the_disk_is_slow(slow: SlowTable) -> None:
    """And a kernel that is killed meanwhile has lost nothing."""
    table = slow.table
    table.store((1,), (1, b"first"))
    table.store((2,), (2, b"second"))
    table.store((1,), None)
    table.store((3,), (3, b"third"))
    assert found(slow.path) == {2: (2, b"second"), 3: (3, b"third")}
    slow.settle()
    assert slow.file.commits == [
        (((1,), (1, b"first")),),
        (((2,), (2, b"second")), ((1,), None), ((3,), (3, b"third"))),
    ]
    assert not logs(slow.path)
    assert found(slow.path) == {2: (2, b"second"), 3: (3, b"third")}


def test_a_machine_that_ends_in_a_commit_loses_nothing(slow: SlowTable) -> None:
    for number in range(5):
        slow.table.store((number % 3,), (number, b""))
    slow.end()
    assert not logs(slow.path)
    assert found(slow.path) == {0: (3, b""), 1: (4, b""), 2: (2, b"")}


def test_a_full_disk_loses_nothing(slow: SlowTable) -> None:
    """What could not be committed is in the logs, and is tried again when as much has changed, or at the end."""
    slow.file.is_full = True
    slow.table.store((1,), (1, b"old"))
    slow.table.store((1,), (2, b"new"))
    slow.settle()
    assert found(slow.path) == {1: (2, b"new")}
    for number in range(63):
        slow.table.store((2,), (number, b""))
    assert len(slow.file.commits) == 1
    slow.file.is_full = False
    slow.table.store((2,), (63, b""))
    slow.settle()
    assert slow.file.commits[1:] == [(((1,), (2, b"new")), ((2,), (63, b"")))]
    assert not logs(slow.path)
    slow.file.is_full = True
    slow.table.store((3,), (3, b""))
    slow.end()
    assert logs(slow.path)
    assert found(slow.path) == {1: (2, b"new"), 2: (63, b""), 3: (3, b"")}
    table = RecordTable(slow.path, SHAPE, None)
    table.read()
    table.close()
    assert not logs(slow.path)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """A host that takes no more than so many bytes of a file: it writes the part for which there is room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_the_log_does_not_take_is_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "table.sqlite"
    table = RecordTable(path, SHAPE, None)
    table.store((1,), (1, b"first"))
    with files_up_to((tmp_path / "table.log.1").stat().st_size + 10):
        for _ in range(2):
            with pytest.raises(OSError, match="no room"):
                table.store((2,), (2, b"second"))
    table.store((3,), (3, b"third"))
    assert found(path) == {1: (1, b"first"), 3: (3, b"third")}
    table.close()
    assert found(path) == {1: (1, b"first"), 3: (3, b"third")}


def test_what_a_power_failure_has_left_of_a_line_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "table.sqlite"
    table = RecordTable(path, SHAPE, None)
    table.store((1,), (1, b"first"))
    table.store((2,), (2, b"second"))
    log = tmp_path / "table.log.1"
    whole = log.read_bytes()
    for size in range(len(whole.split(b"\n")[0]) + 1, len(whole) - 1):
        log.write_bytes(whole[:size])
        assert found(path) == {1: (1, b"first")}
    table._log.close()


def test_a_log_that_stayed_after_its_commit_says_nothing(tmp_path: Path) -> None:
    """As when the kernel is killed before it removes it; and no later log has its number."""
    path = tmp_path / "table.sqlite"
    table = RecordTable(path, SHAPE, None)
    table.store((1,), (1, b"old"))
    old = (tmp_path / "table.log.1").read_bytes()
    table.close()
    table = RecordTable(path, SHAPE, None)
    table.read()
    table.store((1,), (1, b"new"))
    (tmp_path / "table.log.1").write_bytes(old)
    assert found(path) == {1: (1, b"new")}
    assert logs(path) == ["table.log.2"]
    table.close()
    (tmp_path / "table.log.1").write_bytes(old)
    assert found(path) == {1: (1, b"new")}


def test_numbers_of_64_bits_come_back(tmp_path: Path) -> None:
    """Inode numbers of some file systems of hosts, and device numbers that guests choose, have their highest bit set."""
    large = (1 << 64) - 5
    record = ShareRecord(2, 0o4000, large, -1)
    records = ShareRecords(tmp_path / "shares.sqlite", None)
    records._store(large, 7, record)
    for _ in range(2):
        records = ShareRecords(tmp_path / "shares.sqlite", None)
        assert records._records == {large: {7: record}}
        records.close()  # from the log to the table


def test_tables_of_earlier_machines_are_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shares.sqlite")) as database:
        database.execute(
            "CREATE TABLE file (inode INTEGER, born INTEGER, kind INTEGER, bits INTEGER, "
            "rdev INTEGER, modified INTEGER, PRIMARY KEY (inode, born))"
        )
        database.execute("INSERT INTO file VALUES (1, 2, 3, 4, 5, 6)")
        database.commit()
    records = ShareRecords(tmp_path / "shares.sqlite", None)
    assert records._records == {1: {2: ShareRecord(3, 4, 5, 6)}}
    records._store(1, 2, None)
    records.close()
    records = ShareRecords(tmp_path / "shares.sqlite", None)
    assert not records._records
    records.close()


def test_what_is_no_table_is_told(tmp_path: Path) -> None:
    path = tmp_path / "table.sqlite"
    path.write_bytes(b"no database at all " * 100)
    with pytest.raises(OSError, match="not a database"):
        RecordTable(path, SHAPE, None).read()
