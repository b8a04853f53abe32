"""How much a process has read and written (NT: IO_COUNTERS): calls and bytes, whatever the files were."""

from __future__ import annotations


class Counters:
    """Counts of one process. Plain numbers that callers add to, as every read and write does."""

    __slots__ = ("read_bytes", "reads", "writes", "written_bytes")

    def __init__(self) -> None:
        self.reads = self.writes = self.read_bytes = self.written_bytes = 0
