"""The handle table: lowest free index, references, fork, exec, limits."""

from __future__ import annotations

import random

import pytest

from lichen.executive.objects.handles import HandleTable, handle_of, index_of
from lichen.executive.objects.object import Object
from lichen.executive.status import Failure, Status
from tests.unit.trees import status_of


class Probe(Object):
    """Counts what happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = self.closes = 0

    def closed(self) -> None:
        self.ended += 1

    def handle_closed(self, owner: object) -> None:
        self.closes += 1


def test_lowest_free_index_is_taken() -> None:
    table = HandleTable()
    assert [table.insert(Probe()) for _ in range(5)] == [0, 1, 2, 3, 4]
    for index in (3, 1):
        table.close(index)
    assert [table.insert(Probe()) for _ in range(3)] == [1, 3, 5]
    table.close(0)
    assert table.insert(Probe(), lowest=2) == 6
    assert table.insert(Probe(), lowest=100) == 100
    assert [table.insert(Probe()) for _ in range(2)] == [0, 7]


def test_indices_agree_with_a_simple_model() -> None:
    chance, table, model = random.Random(1), HandleTable(64), set[int]()
    for _ in range(5000):
        choice, index = chance.randrange(4), chance.randrange(70)
        if choice == 0:
            free = next((i for i in range(64) if i not in model), None)
            if free is None:
                assert status_of(table.insert, Probe()) == Status.TOO_MANY_OPENED_FILES
            else:
                assert table.insert(Probe()) == free
                model.add(free)
        elif choice == 1:
            assert (status_of(table.close, index) == 0) == (index in model)
            model.discard(index)
        elif choice == 2:
            assert (status_of(table.place, index, Probe()) == 0) == (index < 64)
            model |= {index} if index < 64 else set()
        else:
            expected = next((i for i in range(index, 64) if i not in model), None)
            if expected is None:
                assert status_of(table.insert, Probe(), lowest=index) == Status.TOO_MANY_OPENED_FILES
            else:
                assert table.insert(Probe(), lowest=index) == expected
                model.add(expected)
        assert [i for i, _ in table] == sorted(model)
    assert len(table._free) < 300


def test_the_table_owns_what_is_inserted() -> None:
    table, probe = HandleTable(), Probe()
    index = table.insert(probe)
    copy = table.insert(probe.reference())
    table.close(index)
    assert (probe.ended, probe.closes) == (0, 1)
    table.close(copy)
    assert (probe.ended, probe.closes) == (1, 2)
    with pytest.raises(Failure) as failure:
        table.get(copy)
    assert failure.value.status == Status.INVALID_HANDLE


def test_what_finds_no_room_is_released() -> None:
    table, probe = HandleTable(limit=1), Probe()
    table.insert(Probe())
    assert status_of(table.insert, probe) == Status.TOO_MANY_OPENED_FILES
    assert status_of(table.place, 7, second := Probe()) == Status.INVALID_HANDLE
    assert (probe.ended, second.ended) == (1, 1)


def test_place_closes_what_was_there() -> None:
    table, old, new = HandleTable(), Probe(), Probe()
    table.insert(old)
    table.place(0, new)
    assert (old.ended, new.ended) == (1, 0)
    assert table.get(0) is new


def test_fork_shares_objects_and_exec_closes_some() -> None:
    table, kept, closed = HandleTable(), Probe(), Probe()
    table.insert(kept, access=5)
    table.insert(closed, inherit=False)
    child = table.duplicate()
    heir = table.duplicate(inheritable_only=True)
    assert [index for index, _ in heir] == [0]
    assert child.handle(0).access == 5
    child.close_on_exec()
    assert [index for index, _ in child] == [0]
    assert child.insert(Probe()) == 1
    for each in (table, child, heir):
        each.release()
    assert (kept.ended, closed.ended) == (1, 1)


def test_a_shared_table_lives_until_its_last_user() -> None:
    table, probe = HandleTable(), Probe()
    table.insert(probe)
    table.reference().release()
    assert probe.ended == 0
    table.release()
    assert probe.ended == 1


@pytest.mark.parametrize("index", [-1, 1, 1 << 40])
def test_bad_indices(index: int) -> None:
    table = HandleTable()
    table.insert(Probe())
    assert status_of(table.get, index) == Status.INVALID_HANDLE
    assert status_of(table.close, index) == Status.INVALID_HANDLE


def test_nt_handles_are_multiples_of_four() -> None:
    assert [handle_of(index) for index in (0, 1, 9)] == [4, 8, 40]
    assert [index_of(handle) for handle in (4, 5, 7, 40, 0)] == [0, 0, 0, 9, -1]
