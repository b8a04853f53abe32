"""What a process has in memory: maps, cmdline, environ.

maps comes from the executive's books. Arguments and environment are read from the process's own memory, where it may have
changed them; the arguments that it was started with stand in for those that cannot be read.

Source: proc(5); fs/proc/task_mmu.c, fs/proc/base.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from lichen.abi.memory import BadAddress
from lichen.executive.address_space import Region
from lichen.executive.interfaces import Protection
from lichen.executive.io.attributes import Attributes
from lichen.executive.io.device import major, minor
from lichen.executive.io.file import File
from lichen.subsystems.linux.procfs.subjects import Task, encoded, shown

NAME_COLUMN: Final = 73
_MOST_STRINGS: Final = 4 << 20
_LINES_AT_ONCE: Final = 1024


def maps(task: Task) -> Iterator[bytes]:
    """A line for each region: range, rights, offset, device, inode, name."""
    regions = iter(task.process.space.regions.copy() if task.leader is not None else ())
    lines = lines_of(task, regions)
    while piece := b"".join(islice(lines, _LINES_AT_ONCE)):
        yield piece


def lines_of(task: Task, regions: Iterable[Region]) -> Iterator[bytes]:
    """The lines of some regions of a process."""
    files: dict[File, tuple[Attributes, bytes]] = {}
    for region in regions:
        file = region.file
        if file is not None and file not in files:
            files[file] = file.node.attributes(), encoded(shown(task, file.location), "\n")
        attributes, name = files[file] if file is not None else (None, encoded(region.name, "\n"))
        yield _line(region, attributes, name)


def _line(region: Region, attributes: Attributes | None, name: bytes) -> bytes:
    protection = region.protection
    rights = "".join(
        letter if protection & right else "-"
        for letter, right in (("r", Protection.READ), ("w", Protection.WRITE), ("x", Protection.EXECUTE))
    )
    device, inode = (attributes.device, attributes.file_id) if attributes is not None else (0, 0)
    line = (
        f"{region.start:08x}-{region.end:08x} {rights}{'s' if region.shared else 'p'} "
        f"{region.offset:08x} {major(device):02x}:{minor(device):02x} {inode} "
    ).encode()
    return (line.ljust(NAME_COLUMN) + name if name else line) + b"\n"


def _strings(task: Task, where: range) -> bytes | None:
    leader = task.leader
    if leader is None or not where:
        return None
    try:
        return leader.memory.read(where.start, min(len(where), _MOST_STRINGS))
    except BadAddress:
        return None


def command_line(task: Task) -> bytes:
    """The arguments, each with a zero byte behind it. A program that wrote over them has them end at its own zero."""
    if task.process.is_zombie:
        return b""
    space = task.process.space
    found = _strings(task, space.arguments)
    if found is None:
        return b"".join(argument + b"\0" for argument in task.process.arguments)
    if found.endswith(b"\0") or not space.environment:
        return found
    behind = _strings(task, space.environment) or b""
    return (found + behind).partition(b"\0")[0]


def environment(task: Task) -> bytes:
    """The variables of the process, as its world keeps them, each with a zero byte behind it."""
    if task.leader is None:
        return b""
    try:
        return task.process.subsystem.environment(task.process)[:_MOST_STRINGS]
    except BadAddress:
        return b""


def auxiliary_vector(task: Task) -> bytes:
    """What the program was told at its start."""
    return b"" if task.leader is None else task.process.space.auxiliary
