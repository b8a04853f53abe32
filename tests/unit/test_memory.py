"""Address spaces: regions that are split and joined, and where there is room."""

from __future__ import annotations

import random
import time

import pytest

from lichen.executive.interfaces import PAGE
from lichen.executive.memory import AddressSpace, Region
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
