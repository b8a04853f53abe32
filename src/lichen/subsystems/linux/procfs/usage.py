"""What a process's memory and transfers come to: smaps, smaps_rollup, io.

Which regions there are the executive's books say; how much of each is in memory the host is asked, which knows its own
mappings at the same addresses. One of those may be several regions, which then get their shares.

Source: proc(5); fs/proc/task_mmu.c, fs/proc/base.c.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from lichen.executive.address_space import Region
from lichen.executive.interfaces import PAGE, MappingUsage, Protection
from lichen.subsystems.linux.procfs import memory_tables
from lichen.subsystems.linux.procfs.subjects import Task

_SIZES: Final = (
    *("Rss", "Pss", "Pss_Dirty", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty"),
    *("Referenced", "Anonymous", "LazyFree", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped"),
    *("Shared_Hugetlb", "Private_Hugetlb", "Swap", "SwapPss", "Locked"),
)
_DIRTY: Final = "Pss_Dirty"
_PARTS: Final = ("Pss_Anon", "Pss_File", "Pss_Shmem")

_REGIONS_AT_ONCE: Final = 64

Sizes = Mapping[str, int]
Found = tuple[Region, bytes, Sizes]
"""A region with its line in maps and the bytes of it by what they are."""


def smaps(task: Task) -> Iterator[bytes]:
    """The lines of maps, each with what of the region is in memory."""
    found = regions(task)
    while piece := b"".join(map(_described, islice(found, _REGIONS_AT_ONCE))):
        yield piece


def _described(found: Found) -> bytes:
    region, head, sizes = found
    lines = [head, _row("Size", region.size), _row("KernelPageSize", PAGE), _row("MMUPageSize", PAGE)]
    lines += [_row(name, sizes[name]) for name in _SIZES]
    lines.append(f"{'THPeligible:':16}{0:8d}\nVmFlags: {_flags(region)} \n".encode())
    return b"".join(lines)


def rollup(task: Task) -> Iterator[bytes]:
    """The sums of all regions."""
    sums = dict.fromkeys((*_SIZES, *_PARTS), 0)
    known = task.process.space.regions.copy()
    if task.leader is None or not known:
        return
    for number, (region, _, sizes) in enumerate(regions(task)):
        if number % _REGIONS_AT_ONCE == 0:
            yield b""
        for name, size in sizes.items():
            sums[name] += size
        anonymous = sizes["Pss"] if region.file is None else min(sizes["Anonymous"], sizes["Pss"])
        sums["Pss_Anon"] += anonymous
        sums["Pss_File"] += sizes["Pss"] - anonymous
    head = f"{known[0].start:08x}-{known[-1].end:08x} ---p 00000000 00:00 0 ".encode()
    at = _SIZES.index(_DIRTY) + 1
    names = (*_SIZES[:at], *_PARTS, *_SIZES[at:])
    yield (
        head.ljust(memory_tables.NAME_COLUMN)
        + b"[rollup]\n"
        + b"".join(_row(name, sums[name]) for name in names)
    )


def _row(name: str, size: int) -> bytes:
    return f"{name + ':':16}{size >> 10:8d} kB\n".encode()


def regions(task: Task) -> Iterator[Found]:
    """Each region with its line in maps and the bytes of it by what they are."""
    leader = task.leader
    if leader is None:
        return
    known = task.process.space.regions.copy()
    mappings, near = leader.guest.mappings(), deque[MappingUsage]()
    for region, head in zip(known, memory_tables.lines_of(task, known), strict=True):
        while near and near[0].end <= region.start:
            near.popleft()
        while not near or near[-1].end < region.end:
            if (mapping := next(mappings, None)) is None:
                break
            if mapping.end > region.start:
                near.append(mapping)
        yield region, head, _share(region, near)


def _share(region: Region, mappings: Iterable[MappingUsage]) -> Sizes:
    """What of the host's mappings (those from the region's start on) is the region's."""
    sums = dict.fromkeys(_SIZES, 0)
    for mapping in mappings:
        if mapping.start >= region.end:
            break
        common = min(mapping.end, region.end) - max(mapping.start, region.start)
        for name in _SIZES:
            sums[name] += mapping.sizes.get(name, 0) * common // (mapping.end - mapping.start)
    sums["Locked"] = sums["Pss"] if region.locked else 0
    return sums


def _flags(region: Region) -> str:
    protection = region.protection
    rights = (("rd", Protection.READ), ("wr", Protection.WRITE), ("ex", Protection.EXECUTE))
    flags = [flag for flag, right in rights if protection & right]
    flags += ["sh"] if region.shared else []
    flags += ["mr", "mw", "me"]
    flags += ["ms"] if region.shared else []
    flags += ["gd"] if region.grows else []
    flags += ["lo"] if region.locked else []
    return " ".join((*flags, "ac"))


def transfers(task: Task) -> bytes:
    """What the process has read and written by calls. What of that reached a disk only the host knows."""
    counters = task.process.counters
    rows = {
        "rchar": counters.read_bytes,
        "wchar": counters.written_bytes,
        "syscr": counters.reads,
        "syscw": counters.writes,
        "read_bytes": 0,
        "write_bytes": 0,
        "cancelled_write_bytes": 0,
    }
    return "".join(f"{name}: {value}\n" for name, value in rows.items()).encode()
