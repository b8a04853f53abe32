"""/proc/PID/mem: the memory of a process as a file, and numa_maps, which tells on which node of memory its pages are.

Whoever has the file open looks into the address space that the process had then: what it executes later is not theirs to see.

Source: proc(5); fs/proc/base.c, fs/proc/task_mmu.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from lichen.abi.memory import BadAddress
from lichen.executive.address_space import AddressSpace
from lichen.executive.interfaces import PAGE
from lichen.executive.processes import Process
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.procfs import usage
from lichen.subsystems.linux.procfs.subjects import Task, encoded, shown

_LINES_AT_ONCE = 64


class ProcessMemory:
    """The address space that a process had when its file was opened."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._space: AddressSpace | None = process.space if process.threads else None

    def _present(self) -> bool:
        return bool(self._process.threads) and self._process.space is self._space

    def read(self, offset: int, size: int) -> bytes:
        """As much as there is from an address on: nothing once the program has gone, IO_DEVICE_ERROR (EIO) for no memory."""
        if not self._present() or not size:
            return b""
        memory = self._process.first_thread.memory
        try:
            return memory.read(offset, size)
        except BadAddress as fault:
            before = fault.address - offset
        if before <= 0:
            raise Failure(Status.IO_DEVICE_ERROR)
        return memory.read(offset, before)

    def write(self, offset: int, data: bytes) -> int:
        """As `read`; what the process itself may not write stays as it is."""
        if not self._present() or not data:
            return 0
        try:
            self._process.first_thread.memory.write(offset, data)
        except BadAddress as fault:
            done = fault.address - offset
            if done <= 0:
                raise Failure(Status.IO_DEVICE_ERROR) from None
            return done
        return len(data)


def memory(task: Task) -> ProcessMemory:
    return ProcessMemory(task.process)


# ---- numa_maps


def numa_maps(task: Task) -> Iterator[bytes]:
    """A line for each region: where it begins, what it is, how many pages it has. A machine has one node."""
    lines = (_numa_line(task, found) for found in usage.regions(task))
    while piece := b"".join(islice(lines, _LINES_AT_ONCE)):
        yield piece


def _numa_line(task: Task, found: usage.Found) -> bytes:
    region, _, sizes = found
    line = b"%08x default" % region.start
    if region.file is not None:
        line += b" file=" + encoded(shown(task, region.file.location), "\n\t= ")
    elif region.name in ("[heap]", "[stack]"):
        line += b" " + region.name.strip("[]").encode()
    pages, anonymous = sizes["Rss"] // PAGE, sizes["Anonymous"] // PAGE
    dirty = (sizes["Shared_Dirty"] + sizes["Private_Dirty"]) // PAGE
    if not pages:
        return line + b"\n"
    counts = [
        ("anon", anonymous),
        ("dirty", dirty),
        ("mapped", pages if pages not in (anonymous, dirty) else 0),
    ]
    counts += [("N0", pages), ("kernelpagesize_kB", PAGE >> 10)]
    return line + "".join(f" {name}={count}" for name, count in counts if count).encode() + b"\n"
