"""Address spaces: regions that are split and joined, and where there is room."""

from __future__ import annotations

import random
import time
from typing import Any, cast

import pytest

from lichen.executive.address_space import GUARD_GAP, AddressSpace, Region
from lichen.executive.interfaces import PAGE
from lichen.executive.status import Failure, Status

LOW, HIGH = 0x10000, 0x200000


def pages(space: AddressSpace) -> dict[int, int]:
    """The protection of each page."""
    return {
        page: region.protection for region in space.regions for page in range(region.start, region.end, PAGE)
    }


def test_random_changes_leave_what_a_table_of_pages_has() -> None:
    chance = random.Random(3)
    space, table = AddressSpace(LOW, HIGH), dict[int, int]()
    for _ in range(2000):
        start = chance.randrange(LOW, HIGH, PAGE)
        end = min(HIGH, start + chance.randrange(1, 20) * PAGE)
        protection = chance.randrange(8)
        action = chance.choice(("insert", "remove", "protect"))
        if action == "insert":
            space.insert(Region(start, end, protection))
            table |= dict.fromkeys(range(start, end, PAGE), protection)
        elif action == "remove":
            assert sum(part.size for part in space.remove(start, end)) == PAGE * sum(
                table.pop(page, None) is not None for page in range(start, end, PAGE)
            )
        else:
            space.protect(start, end, protection)
            table |= dict.fromkeys(table.keys() & set(range(start, end, PAGE)), protection)
        assert pages(space) == table
        assert all(
            before.end <= after.start for before, after in zip(space.regions, space.regions[1:], strict=False)
        )


@pytest.mark.parametrize("alignment", [PAGE, 16 * PAGE])
def test_room_is_the_first_and_the_last_that_a_search_of_all_places_finds(alignment: int) -> None:
    chance = random.Random(4)
    for _ in range(200):
        space = AddressSpace(LOW, HIGH)
        for _ in range(20):
            start = chance.randrange(LOW, HIGH, PAGE)
            space.insert(Region(start, min(HIGH, start + chance.randrange(1, 30) * PAGE), 3))
        gone = chance.randrange(LOW, HIGH, PAGE)
        space.draining["thread"] = [range(gone, gone + 8 * PAGE)]
        size, bottom = chance.randrange(1, 40) * PAGE, chance.randrange(LOW, HIGH, PAGE)
        first = -(-bottom // alignment) * alignment
        places = [at for at in range(first, HIGH, alignment) if space.is_free(at, at + size)]
        if places:
            assert space.lowest_free(size, bottom, alignment) == places[0]
        else:
            with pytest.raises(Failure) as failure:
                space.lowest_free(size, bottom, alignment)
            assert failure.value.status == Status.NO_MEMORY
        below = [
            at for at in range(LOW, HIGH, alignment) if at + size <= bottom and space.is_free(at, at + size)
        ]
        if below:
            assert space.highest_free(size, bottom, alignment) == below[-1]


def test_what_an_earlier_search_found_misleads_no_later_one() -> None:
    chance = random.Random(5)
    space = AddressSpace(LOW, HIGH)
    for _ in range(1500):
        size, top = chance.randrange(1, 12) * PAGE, chance.choice((HIGH, HIGH, HIGH - 64 * PAGE))
        free = [at for at in range(LOW, top - size + PAGE, PAGE) if space.is_free(at, at + size)]
        if free:
            assert space.highest_free(size, top) == free[-1]
            space.insert(Region(free[-1], free[-1] + size, chance.choice((1, 3))))
        else:
            with pytest.raises(Failure):
                space.highest_free(size, top)
        while len(free) < 40:
            start = chance.randrange(LOW, HIGH, PAGE)
            space.remove(start, start + chance.randrange(1, 20) * PAGE)
            free.append(0)


def test_many_mappings_make_no_search_long() -> None:
    """A walk past all of them for each would take minutes."""
    space = AddressSpace()
    for number in range(60000):
        start = space.highest_free(PAGE, space.high)
        space.insert(Region(start, start + PAGE, number & 1))
    assert len(space.regions) == 60000


def test_many_mappings_make_no_change_long() -> None:
    """Each region taken out or joined by itself moves all behind it: seconds for a call that covers them all."""
    space = AddressSpace()
    for number in range(60000):
        at = LOW + number * PAGE
        space.regions.append(Region(at, at + PAGE, number & 1))
        space._starts.append(at)
    end = LOW + 60000 * PAGE
    begin = time.process_time()
    space.protect(LOW + PAGE, end, 1)
    assert [(region.start, region.end, region.protection) for region in space.regions] == [
        (LOW, LOW + PAGE, 0),
        (LOW + PAGE, end, 1),
    ]
    space.protect(LOW, end - PAGE, 0)
    assert len(space.remove(LOW + PAGE, end)) == 2
    assert [(region.start, region.end) for region in space.regions] == [(LOW, LOW + PAGE)]
    assert time.process_time() - begin < 0.3


# ---- looking


def test_what_is_at_and_around_an_address() -> None:
    space = AddressSpace(LOW, HIGH)
    low, high = Region(LOW, LOW + 2 * PAGE, 1), Region(LOW + 4 * PAGE, LOW + 5 * PAGE, 3)
    assert space.around(LOW) == (None, None)
    for region in (high, low):
        space.insert(region)
    assert [space.find(at) for at in (LOW - 1, LOW, LOW + 2 * PAGE - 1, LOW + 2 * PAGE, HIGH)] == [
        *(None, low, low, None, None)
    ]
    assert space.around(LOW - 1) == (None, low)
    assert space.around(LOW + 3 * PAGE) == (low, high)
    assert space.around(HIGH) == (high, None)
    assert space.total() == 3 * PAGE


def test_a_range_is_mapped_when_every_byte_of_it_is() -> None:
    space = AddressSpace(LOW, HIGH)
    for at, protection in ((LOW, 1), (LOW + PAGE, 3), (LOW + 3 * PAGE, 1)):
        space.insert(Region(at, at + PAGE, protection))
    assert space.is_mapped(LOW, LOW + 2 * PAGE)
    assert space.is_mapped(LOW + PAGE // 2, LOW + PAGE)
    assert not space.is_mapped(LOW, LOW + 3 * PAGE)
    assert not space.is_mapped(LOW + PAGE, LOW + 4 * PAGE), "there is a hole"
    assert not space.is_mapped(LOW - 1, LOW + 1)
    assert not space.is_mapped(HIGH, HIGH + 1)


def test_locked_bytes_are_counted_and_forked_ones_are_not() -> None:
    space = AddressSpace(LOW, HIGH)
    space.insert(Region(LOW, LOW + 4 * PAGE, 3))
    assert space.locked() == 0
    space.lock(LOW + PAGE, LOW + 3 * PAGE, True)
    assert (space.locked(), space.locked(LOW, LOW + 2 * PAGE), len(space.regions)) == (2 * PAGE, PAGE, 3)
    assert space.copy().locked() == 0
    space.lock(LOW, LOW + 4 * PAGE, False)
    assert (space.locked(), len(space.regions)) == (0, 1)
    space.locks_future = True
    space.insert(Region(LOW + 8 * PAGE, LOW + 9 * PAGE, 3))
    assert space.locked() == PAGE


def test_a_fork_has_what_its_parent_had_and_goes_its_own_way() -> None:
    space, file = AddressSpace(LOW, HIGH), File()
    space.insert(Region(LOW, LOW + 2 * PAGE, 3, file=cast(Any, file)))
    space.heap_start, space.heap_end, space.heap_mapped = 1, 2, 3
    space.arguments, space.environment, space.auxiliary = range(4), range(5), b"facts"
    child = space.copy()
    assert (child.heap_start, child.heap_end, child.heap_mapped) == (1, 2, 3)
    assert (child.arguments, child.environment, child.auxiliary) == (range(4), range(5), b"facts")
    assert (child.regions, file.references) == (space.regions, 2)
    child.protect(LOW, LOW + PAGE, 1)
    assert len(space.regions) == 1
    assert (len(child.regions), file.references) == (2, 3)
    child.clear()
    assert (child.regions, child.find(LOW), file.references) == ([], None, 1)
    assert space.find(LOW) is space.regions[0]
    assert child.highest_free(PAGE, HIGH) == HIGH - PAGE


# ---- files


class File:
    """As much of an open file as a region asks for."""

    references = 0

    def reference(self) -> File:
        self.references += 1
        return self

    def release(self) -> None:
        self.references -= 1


def test_every_part_of_a_file_has_its_offset_and_a_reference() -> None:
    space, file = AddressSpace(LOW, HIGH), File()
    space.insert(Region(LOW, LOW + 6 * PAGE, 1, file=cast(Any, file), offset=PAGE))
    (removed,) = space.remove(LOW + 2 * PAGE, LOW + 3 * PAGE)
    assert removed.offset == 3 * PAGE
    assert [(region.start - LOW, region.offset) for region in space.regions] == [
        (0, PAGE),
        (3 * PAGE, 4 * PAGE),
    ]
    assert file.references == 2
    space.protect(LOW + 4 * PAGE, LOW + 5 * PAGE, 3)
    assert file.references == 4
    space.protect(LOW + 4 * PAGE, LOW + 5 * PAGE, 1)
    assert (len(space.regions), file.references) == (2, 2), "neighbours that are alike are one again"
    space.insert(Region(LOW + 2 * PAGE, LOW + 3 * PAGE, 1, file=cast(Any, file), offset=3 * PAGE))
    assert (len(space.regions), file.references) == (1, 1)
    space.insert(Region(LOW + 6 * PAGE, LOW + 7 * PAGE, 1, file=cast(Any, file), offset=0))
    assert (len(space.regions), file.references) == (2, 2), "another part of the file does not continue it"
    space.insert(Region(LOW, HIGH, 0))
    assert file.references == 0


def test_what_is_inserted_after_its_like_is_one_with_it() -> None:
    space, file = AddressSpace(LOW, HIGH), File()
    for number in range(3):
        at = number * PAGE
        space.insert(Region(LOW + at, LOW + at + PAGE, 1, file=cast(Any, file), offset=at))
    assert (len(space.regions), file.references) == (1, 1)


# ---- room


def test_below_a_stack_that_grows_stays_a_gap() -> None:
    space = AddressSpace(LOW, 0x1000000)
    stack = Region(0xF00000, 0x1000000, 3, grows=True)
    space.insert(stack)
    at = space.highest_free(PAGE, space.high)
    assert at == stack.start - GUARD_GAP - PAGE
    space.remove(stack.start, stack.end)
    assert space.highest_free(PAGE, space.high) == space.high - PAGE


def test_a_range_that_is_leaving_is_not_free() -> None:
    space = AddressSpace(LOW, HIGH)
    space.draining["thread"] = [range(HIGH - 2 * PAGE, HIGH), range(LOW, LOW + PAGE)]
    assert space.highest_free(PAGE, HIGH) == HIGH - 3 * PAGE
    assert space.lowest_free(PAGE, LOW) == LOW + PAGE
    assert not space.is_free(HIGH - PAGE, HIGH)
    assert not space.is_free(LOW - PAGE, LOW)
    assert not space.is_free(HIGH, HIGH + PAGE)
    assert not space.is_free(LOW + PAGE, LOW + PAGE)
    del space.draining["thread"]
    assert space.highest_free(PAGE, HIGH) == HIGH - PAGE
