"""The locks of files: /proc/locks, and what fdinfo tells of those that a descriptor stands for.

Source: proc(5), "/proc/locks"; lslocks(8) for what is read from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lichen.executive.io.device import major, minor
from lichen.executive.io.file import File
from lichen.executive.io.locks import Locks, Range, WholeLock
from lichen.executive.status import Failure
from lichen.subsystems.linux.procfs.subjects import Task, Whole

if TYPE_CHECKING:
    from lichen.executive.io.node import Node

_LARGEST: Final = (1 << 63) - 1


def all_locks(machine: Whole) -> Iterator[bytes]:
    """A line for each lock, with those behind it that wait for it to go."""
    number = 0
    for held in tuple(machine.state.processes.init.files.devices.locks.held):
        lines, number = _lines_of(held, number)
        yield "".join(lines).encode()


def _lines_of(held: Locks, number: int) -> tuple[list[str], int]:
    lines: list[str] = []
    where = _where(held.node)
    for range_ in held.ranges:
        number += 1
        lines.append(f"{number}: {_range(range_, where)}")
        waiting = [wanted for wanted in held.waiting_for_ranges() if held.conflict(wanted) is range_]
        lines += [f"{number}: -> {_range(wanted, where)}" for wanted in waiting]
    for index, whole in enumerate(held.whole.values()):
        number += 1
        lines.append(f"{number}: {_whole(whole, where)}")
        if not index:
            lines += [f"{number}: -> {_whole(wanted, where)}" for wanted in held.waiting_for_whole.values()]
    return lines, number


def of_descriptor(task: Task, file: File) -> str:
    """The locks that the process or this open file of it has on a file, as lines of fdinfo."""
    held = file.node.locks
    if held is None:
        return ""
    where = _where(file.node)
    lines = [_range(range_, where) for range_ in held.ranges if range_.owner in (file, task.process.handles)]
    if (whole := held.whole.get(file)) is not None:
        lines.append(_whole(whole, where))
    return "".join(f"lock:\t{number}: {line}" for number, line in enumerate(lines, 1))


def _where(node: Node) -> str:
    """Device and inode number; zeros for what the host has taken away."""
    try:
        found = node.attributes()
    except Failure:
        return "00:00:0"
    return f"{major(found.device):02x}:{minor(found.device):02x}:{found.file_id}"


def _range(held: Range, where: str) -> str:
    """Locks of Windows programs are an open file's, and the only ones that forbid reading and writing."""
    kind = "POSIX " if held.process >= 0 else "OFDLCK"
    force = "MANDATORY" if held.mandatory else "ADVISORY "
    end = "EOF" if held.end > _LARGEST else str(held.end - 1)
    return f"{kind} {force} {_type(held.exclusive)} {held.process} {where} {held.start} {end}\n"


def _whole(held: WholeLock, where: str) -> str:
    return f"FLOCK  ADVISORY  {_type(held.exclusive)} {held.process} {where} 0 EOF\n"


def _type(exclusive: bool) -> str:
    return "WRITE" if exclusive else "READ"
