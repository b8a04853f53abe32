"""Locks of both worlds on one node, their owners, waiting and deadlocks."""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

import pytest

from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.file import File
from lichen.executive.io.locks import END, MOST_RANGES, Locks, Range, WholeLock, locks_of
from lichen.executive.io.opening import Open
from lichen.executive.objects.handles import HandleTable
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Wait
from lichen.filesystems.memory_files import MemoryFileSystem
from tests.unit.trees import BOTH, at, context_of, finish, opened, status_of, write


@pytest.fixture
def context() -> FileSystemContext:
    context = context_of(MemoryFileSystem(1, Devices()))
    write(context, "file", b"0123456789")
    write(context, "second", b"")
    return context


@pytest.fixture
def locks(context: FileSystemContext) -> Locks:
    return locks_of(at(context, "file").node)


def parked(blocked: Any) -> Generator[Wait, int, None]:
    """A generator that has begun to wait."""
    assert isinstance(blocked, Generator)
    wait = blocked.send(None)
    assert isinstance(wait, Wait)
    assert not wait.objects[0].signalled(None)
    return blocked


def held(locks: Locks, owner: object) -> list[tuple[int, int, bool]]:
    return sorted((r.start, r.end, r.exclusive) for r in locks.ranges if r.owner is owner)


def test_ranges_of_one_owner_split_and_join(locks: Locks) -> None:
    owner = object()
    locks.lock(Range(owner, 0, 100, True), wait=False)
    locks.lock(Range(owner, 40, 60, False), wait=False)
    assert held(locks, owner) == [(0, 40, True), (40, 60, False), (60, 100, True)]
    locks.lock(Range(owner, 40, 60, True), wait=False)
    assert held(locks, owner) == [(0, 100, True)]
    locks.unlock(owner, 10, 20)
    locks.unlock(owner, 90, END)
    assert held(locks, owner) == [(0, 10, True), (20, 90, True)]
    locks.lock(Range(owner, 10, 20, True), wait=False)
    assert held(locks, owner) == [(0, 90, True)]


def test_ranges_agree_with_a_model_of_bytes(locks: Locks) -> None:
    chance, owners = random.Random(3), [object() for _ in range(3)]
    model: list[dict[object, bool]] = [{} for _ in range(30)]
    for _ in range(3000):
        owner, start = chance.choice(owners), chance.randrange(30)
        end, exclusive = chance.randrange(start + 1, 31), chance.random() < 0.5
        if chance.random() < 0.4:
            locks.unlock(owner, start, end)
            for byte in model[start:end]:
                byte.pop(owner, None)
            continue
        taken = any(
            other is not owner and (exclusive or theirs)
            for byte in model[start:end]
            for other, theirs in byte.items()
        )
        status = status_of(locks.lock, Range(owner, start, end, exclusive), wait=False)
        assert status == (Status.FILE_LOCK_CONFLICT if taken else 0)
        if not taken:
            for byte in model[start:end]:
                byte[owner] = exclusive
        for each in owners:
            shown = {n: r[2] for r in held(locks, each) for n in range(r[0], r[1])}
            assert shown == {n: byte[each] for n, byte in enumerate(model) if each in byte}


def test_one_file_does_not_hold_locks_without_end(locks: Locks) -> None:
    for number in range(MOST_RANGES):
        locks.lock(Range("one", 2 * number, 2 * number + 1, False), wait=False)
    extra = Range("one", 1 << 40, 1 << 41, False)
    assert status_of(locks.lock, extra, wait=False) == Status.LOCK_NOT_GRANTED
    locks.unlock("one", 0, END)
    assert status_of(locks.lock, extra, wait=False) == 0


def test_the_conflict_is_told(locks: Locks) -> None:
    locks.lock(Range("one", 10, 20, False, process=12), wait=False)
    assert locks.conflict(Range("two", 0, 15, False)) is None
    conflict = locks.conflict(Range("two", 0, 15, True))
    assert conflict is not None
    assert (conflict.start, conflict.end, conflict.process) == (10, 20, 12)


def test_a_waiter_gets_its_lock_when_the_way_is_free(locks: Locks) -> None:
    locks.lock(Range("one", 0, 10, True), wait=False)
    blocked = parked(locks.lock(Range("two", 5, 15, True), wait=True))
    locks.unlock("one", 0, END)
    finish(blocked)
    assert held(locks, "two") == [(5, 15, True)]


def test_a_waiter_that_gives_up_leaves_no_trace(locks: Locks) -> None:
    locks.lock(Range("one", 0, 10, True), wait=False)
    blocked = parked(locks.lock(Range("two", 5, 15, True), wait=True))
    blocked.close()
    locks.unlock("one", 0, END)
    assert locks.node.locks is None


def test_a_circle_of_waiters_is_refused(context: FileSystemContext, locks: Locks) -> None:
    second = locks_of(at(context, "second").node)
    locks.lock(Range("a", 0, 1, True), wait=False)
    second.lock(Range("b", 0, 1, True), wait=False)
    second.lock(Range("c", 5, 6, True), wait=False)
    waiting = [parked(second.lock(Range("a", 0, 1, True), wait=True))]
    waiting.append(parked(second.lock(Range("b", 5, 6, True), wait=True)))
    circle = locks.lock(Range("c", 0, 1, True), wait=True)
    assert isinstance(circle, Generator)
    with pytest.raises(Failure) as failure:
        circle.send(None)  # type: ignore[arg-type]  # the first value sent is None by definition
    assert failure.value.status == Status.POSSIBLE_DEADLOCK
    for blocked in waiting:
        blocked.close()


def test_closing_drops_the_locks_of_a_process(context: FileSystemContext) -> None:
    table = HandleTable()
    first, second = opened(context, "file"), opened(context, "file")
    locks_of(first.node).lock(Range(table, 0, END, True), wait=False)
    index, other = table.insert(first), table.insert(second)
    table.close(other)
    assert first.node.locks is None
    table.close(index)


def test_closing_the_last_reference_drops_the_locks_of_a_file(context: FileSystemContext) -> None:
    table, file = HandleTable(), opened(context, "file")
    locks_of(file.node).lock(Range(file, 0, END, True), wait=False)
    locks_of(file.node).lock_whole(file, WholeLock(True, 1), wait=False)
    index, copy = table.insert(file), table.insert(file.reference())
    table.close(index)
    assert file.node.locks is not None
    table.close(copy)
    assert file.node.locks is None


def test_whole_file_locks(context: FileSystemContext, locks: Locks) -> None:
    one, two = opened(context, "file"), opened(context, "file")
    locks.lock_whole(one, WholeLock(False, 1), wait=False)
    locks.lock_whole(two, WholeLock(False, 2), wait=False)
    assert status_of(locks.lock_whole, one, WholeLock(True, 1), wait=False) == Status.FILE_LOCK_CONFLICT
    blocked = parked(locks.lock_whole(one, WholeLock(True, 1), wait=True))
    locks.unlock_whole(two)
    finish(blocked)
    assert locks.whole == {one: WholeLock(True, 1)}
    assert status_of(locks.lock_whole, two, WholeLock(False, 2), wait=False) == Status.FILE_LOCK_CONFLICT
    one.release()
    assert locks.node.locks is None
    two.release()


def test_nt_locks_forbid_reading_and_writing(context: FileSystemContext) -> None:
    one, two = (opened(context, "file", Open(BOTH)) for _ in range(2))
    locks = locks_of(one.node)
    locks.lock(Range(one, 2, 4, True, mandatory=True), wait=False)
    locks.lock(Range(one, 6, 8, False, mandatory=True), wait=False)
    assert status_of(two.read, 3, 0) == Status.FILE_LOCK_CONFLICT
    assert status_of(two.read, 2, 0) == 0
    assert status_of(two.read, 2, 6) == 0
    assert status_of(two.write, b"x", 6) == Status.FILE_LOCK_CONFLICT
    assert status_of(one.write, b"x", 2) == 0
    assert status_of(one.write, b"x", 6) == Status.FILE_LOCK_CONFLICT
    assert (
        status_of(locks.lock, Range(one, 3, 5, True, mandatory=True), wait=False) == Status.FILE_LOCK_CONFLICT
    )
    assert status_of(locks.unlock_exactly, one, 2, 3) == Status.RANGE_NOT_LOCKED
    locks.unlock_exactly(one, 2, 4)
    assert status_of(two.read, 3, 0) == 0
    release_all(one, two)
    assert at(context, "file").node.locks is None


def release_all(*files: File) -> None:
    for file in files:
        file.release()
