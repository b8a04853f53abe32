"""Address spaces: what each range of guest memory is, and where there is room (NT: Mm).

The books are the kernel's own: a list of regions (NT: virtual address descriptors) sorted by address. The host's page
tables follow them through the platform's memory operations. A guest can falsify its own memory from its stub page, so
nothing here is trusted to protect anybody but that guest.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lichen.executive.interfaces import PAGE, USER_END
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.io.file import File

LOWEST: Final = 0x10000
GUARD_GAP: Final = 256 * PAGE
"""What stays free below a region that grows, so that an overflow does not reach its neighbour."""


def page_down(address: int) -> int:
    """The start of the page that holds `address`."""
    return address & -PAGE


def page_up(address: int) -> int:
    """`address`, or the start of the next page."""
    return (address + PAGE - 1) & -PAGE


@dataclass(slots=True)
class Region:
    """A range of memory with one protection and one content.

    `file` is the open file that it shows from byte `offset` on (None: anonymous memory); `shared` when writes go to the file
    or to other processes; `name` for /proc ("[stack]", "[heap]"). `allocation` is NT's allocation that it is part of, and
    `state` the NT protection of its pages, 0 while they are only reserved. `grows` when it is made larger at its start by
    whoever touches what lies below it.
    """

    start: int
    end: int
    protection: int
    shared: bool = False
    file: File | None = None
    offset: int = 0
    name: str = ""
    allocation: Any = None
    state: int = 0
    grows: bool = False
    locked: bool = False
    """Whether the program asked for it to stay in memory, which is counted; the host decides."""

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def floor(self) -> int:
        """Where what is below it may end at most."""
        return self.start - GUARD_GAP if self.grows else self.start

    def part(self, start: int, end: int) -> Region:
        """The same content in a smaller range."""
        offset = self.offset + start - self.start if self.file else 0
        return Region(
            start,
            end,
            self.protection,
            self.shared,
            self.file,
            offset,
            self.name,
            self.allocation,
            self.state,
            self.grows,
            self.locked,
        )

    def continues(self, other: Region) -> bool:
        """Whether `other` begins where this ends and is one with it."""
        return (
            self.end == other.start
            and self.protection == other.protection
            and self.file is other.file
            and self.shared == other.shared
            and self.name == other.name
            and self.allocation is other.allocation
            and self.state == other.state
            and self.grows == other.grows
            and self.locked == other.locked
            and (self.file is None or self.offset + self.size == other.offset)
        )


class _Searched(NamedTuple):
    """What the latest search from the top found: between `end` and `top` nothing of `size` bytes is free.

    Without it, a program with many mappings would make every further one a walk past all of them.
    """

    top: int
    alignment: int
    size: int
    end: int


class AddressSpace:
    """The regions of one process. Counts its users: processes share one after vfork or clone(CLONE_VM)."""

    def __init__(self, low: int = LOWEST, high: int = USER_END) -> None:
        self.low, self.high = low, high
        self.regions: list[Region] = []
        self._starts: list[int] = []
        self.users = 1
        self.heap_start = self.heap_end = self.heap_mapped = 0
        self.arguments: range = range(0)
        self.environment: range = range(0)
        self.locks_future = False
        """Whether whatever is added is locked."""
        self.auxiliary = b""
        """The vector of facts that the program was started with (Linux)."""
        self.draining: dict[object, list[range]] = {}
        """Ranges given back by a thread that the host may not have unmapped yet: not to be given out (by thread)."""
        self._searched = _Searched(0, 0, 0, 0)

    def copy(self) -> AddressSpace:
        """The space of a forked process."""
        other = AddressSpace(self.low, self.high)
        other.regions = [region.part(region.start, region.end) for region in self.regions]
        for region in other.regions:
            region.locked = False
        other._starts, other._searched = list(self._starts), self._searched
        other.heap_start, other.heap_end, other.heap_mapped = self.heap_start, self.heap_end, self.heap_mapped
        other.arguments, other.environment = self.arguments, self.environment
        other.auxiliary = self.auxiliary
        for region in other.regions:
            if region.file is not None:
                region.file.reference()
        return other

    def clear(self) -> None:
        """Forget every region, when the process ends or starts another program."""
        for region in self.regions:
            if region.file is not None:
                region.file.release()
        self.regions.clear()
        self._starts.clear()
        self._searched = _Searched(0, 0, 0, 0)

    # ---- looking

    def find(self, address: int) -> Region | None:
        """The region that holds `address`."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self.regions[index].end:
            return self.regions[index]
        return None

    def around(self, address: int) -> tuple[Region | None, Region | None]:
        """The regions below and above an address that is in none."""
        index = bisect_right(self._starts, address)
        return (
            self.regions[index - 1] if index else None,
            self.regions[index] if index < len(self.regions) else None,
        )

    def overlapping(self, start: int, end: int) -> Iterator[Region]:
        """The regions that have a byte in [start, end), by address."""
        index = max(0, bisect_right(self._starts, start) - 1)
        while index < len(self.regions) and self.regions[index].start < end:
            if self.regions[index].end > start:
                yield self.regions[index]
            index += 1

    def is_free(self, start: int, end: int) -> bool:
        """Whether nothing is in [start, end) and nothing is about to leave it."""
        if start < self.low or end > self.high or start >= end or next(self.overlapping(start, end), None):
            return False
        return not any(
            range_.start < end and start < range_.stop
            for ranges in self.draining.values()
            for range_ in ranges
        )

    def is_mapped(self, start: int, end: int) -> bool:
        """Whether every byte of [start, end) is in some region."""
        at = start
        for region in self.overlapping(start, end):
            if region.start > at:
                return False
            at = region.end
        return at >= end

    def total(self) -> int:
        """Bytes in all regions."""
        return sum(region.size for region in self.regions)

    def locked(self, start: int = 0, end: int = USER_END) -> int:
        """Bytes in [start, end) that are locked."""
        return sum(
            min(region.end, end) - max(region.start, start)
            for region in self.overlapping(start, end)
            if region.locked
        )

    def highest_free(self, size: int, top: int, alignment: int = PAGE) -> int:
        """The highest free range of `size` bytes that ends at or below `top`; Failure(NO_MEMORY) when there is none."""
        draining = [range_ for ranges in self.draining.values() for range_ in ranges]
        known = self._searched
        skip = (top, alignment) == (known.top, known.alignment) and size >= known.size
        end = known.end if skip else top
        index = bisect_right(self._starts, end - 1) - 1
        while (start := (end - size) & -alignment) >= self.low:
            if index >= 0 and self.regions[index].end > start:
                end = min(end, self.regions[index].floor)
                index -= 1
            elif blocking := [
                range_.start for range_ in draining if range_.start < start + size and start < range_.stop
            ]:
                end = min(blocking)
            else:
                if not draining:
                    self._searched = _Searched(top, alignment, size, start + size)
                return start
        raise Failure(Status.NO_MEMORY)

    def lowest_free(self, size: int, bottom: int, alignment: int = PAGE) -> int:
        """The lowest free range of `size` bytes from `bottom` on; Failure(NO_MEMORY) when there is none."""
        draining = [range_ for ranges in self.draining.values() for range_ in ranges]
        start = max(bottom, self.low)
        index = max(0, bisect_right(self._starts, start) - 1)
        while (start := (start + alignment - 1) & -alignment) + size <= self.high:
            if index < len(self.regions) and self._starts[index] < start + size:
                start = max(start, self.regions[index].end)
                index += 1
            elif blocking := [
                range_.stop for range_ in draining if range_.start < start + size and start < range_.stop
            ]:
                start = max(blocking)
            else:
                return start
        raise Failure(Status.NO_MEMORY)

    # ---- changing

    def insert(self, region: Region) -> None:
        """Add a region; whatever was in its range is replaced. A file in it is referenced."""
        if region.file is not None:
            region.file.reference()
        region.locked = region.locked or self.locks_future
        self.remove(region.start, region.end)
        index = bisect_right(self._starts, region.start)
        if index and self.regions[index - 1].continues(region):
            self.regions[index - 1].end = region.end
            if region.file is not None:
                region.file.release()
            if index < len(self._starts) and self._starts[index] == region.end:
                self._merge(region.start, region.end)
            return
        self.regions.insert(index, region)
        self._starts.insert(index, region.start)
        self._merge(region.start, region.end)

    def remove(self, start: int, end: int) -> list[Region]:
        """Take [start, end) out; returns what was there."""
        first, last = self._window(start, end)
        removed: list[Region] = []
        left: list[Region] = []
        for region in self.regions[first:last]:
            whole = start <= region.start and region.end <= end
            removed.append(region if whole else region.part(max(start, region.start), min(end, region.end)))
            parts = [] if whole else list(self._outside(region, start, end))
            self._divided(region, len(parts))
            left += parts
        self._replace(first, last, left)
        if removed and end > self._searched.end:
            index = bisect_right(self._starts, end - 1)
            above = self.regions[index].floor if index < len(self.regions) else self.high
            self._searched = self._searched._replace(end=min(above, self._searched.top))
        return removed

    def _window(self, start: int, end: int) -> tuple[int, int]:
        """The indexes of the first region that has a byte in [start, end), and behind the last."""
        first = bisect_right(self._starts, start) - 1
        if first < 0 or self.regions[first].end <= start:
            first += 1
        return first, max(first, bisect_left(self._starts, end))

    @staticmethod
    def _outside(region: Region, start: int, end: int) -> Iterator[Region]:
        if region.start < start:
            yield region.part(region.start, start)
        if region.end > end:
            yield region.part(end, region.end)

    def _replace(self, first: int, last: int, regions: list[Region]) -> None:
        """Put regions where others were. All at once: each by itself would move all that are behind it."""
        self.regions[first:last] = regions
        self._starts[first:last] = [region.start for region in regions]

    @staticmethod
    def _divided(region: Region, parts: int) -> None:
        """A region is so many regions now, each with a reference to its file."""
        if region.file is not None:
            for _ in range(parts):
                region.file.reference()
            region.file.release()

    def protect(self, start: int, end: int, protection: int) -> None:
        """Change the protection of [start, end), splitting regions at its ends."""
        self._set(start, end, "protection", protection)

    def lock(self, start: int, end: int, locked: bool) -> None:
        """Count [start, end) as locked, or no longer."""
        self._set(start, end, "locked", locked)

    def _set(self, start: int, end: int, attribute: str, value: int | bool) -> None:
        first, last = self._window(start, end)
        changed: list[Region] = []
        for region in self.regions[first:last]:
            if getattr(region, attribute) == value:
                changed.append(region)
                continue
            if start <= region.start and region.end <= end:
                setattr(region, attribute, value)
                changed.append(region)
                continue
            middle = region.part(max(start, region.start), min(end, region.end))
            setattr(middle, attribute, value)
            parts = sorted([*self._outside(region, start, end), middle], key=lambda part: part.start)
            self._divided(region, len(parts))
            changed += parts
        self._replace(first, last, changed)
        self._merge(start, end)

    def _merge(self, start: int, end: int) -> None:
        """Join neighbours that have become alike."""
        first = max(0, bisect_right(self._starts, start) - 2)
        last = bisect_right(self._starts, end)
        joined: list[Region] = []
        for region in self.regions[first:last]:
            if joined and joined[-1].continues(region):
                joined[-1].end = region.end
                if region.file is not None:
                    region.file.release()
            else:
                joined.append(region)
        if len(joined) < last - first:
            self._replace(first, last, joined)
