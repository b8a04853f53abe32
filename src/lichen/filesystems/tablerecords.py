"""The records of a private layer where its host's file system has no extended attributes: one table by inode number."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lichen.executive.worker import Worker
from lichen.filesystems.hostnode import HostNode
from lichen.filesystems.recordlog import Shape
from lichen.filesystems.records import Record
from lichen.filesystems.recordtable import RecordTable

_SHAPE: Final = Shape("record", ("inode",), ("data",))
_UNSIGNED: Final = (1 << 64) - 1


class TableRecords:
    """Records in a table beside the files, all of them in memory too: there are few where files are ordinary."""

    def __init__(self, path: Path, worker: Worker | None) -> None:
        self.table = RecordTable(path, _SHAPE, worker)
        self._records = {
            inode & _UNSIGNED: Record.unpack(data)
            for inode, data in self.table.read()
            if isinstance(inode, int) and isinstance(data, bytes)
        }

    def get(self, directory: int, name: str, inode: int) -> Record | None:
        return self._records.get(inode)

    def set(self, node: HostNode, record: Record | None) -> None:
        inode = node.identity[1]
        if record is not None:
            self.table.store((inode,), (record.pack(),))
            self._records[inode] = record
        elif inode in self._records:
            self.table.store((inode,), None)
            del self._records[inode]

    def made(self, node: HostNode) -> None:
        self.set(node, None)

    def gone(self, node: HostNode) -> None:
        self.set(node, None)

    def close(self) -> None:
        self.table.close()
