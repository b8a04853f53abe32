"""The records of a private layer where its host's file system has no extended attributes: one SQLite table by inode."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from lichen.filesystems.hostnode import HostNode
from lichen.filesystems.records import Record


class TableRecords:
    """Records in a SQLite table beside the files, all of them in memory too: there are few where files are ordinary."""

    def __init__(self, path: Path) -> None:
        self._table = sqlite3.connect(path, isolation_level=None)
        self._table.execute("PRAGMA journal_mode=WAL")
        self._table.execute("PRAGMA synchronous=NORMAL")
        self._table.execute(
            "CREATE TABLE IF NOT EXISTS record (inode INTEGER PRIMARY KEY, data BLOB NOT NULL)"
        )
        rows = self._table.execute("SELECT inode, data FROM record")
        self._records = {inode: Record.unpack(data) for inode, data in rows}

    def get(self, directory: int, name: str, inode: int) -> Record | None:
        return self._records.get(inode)

    def set(self, node: HostNode, record: Record | None) -> None:
        inode = node.identity[1]
        try:
            if record is not None:
                row = (inode, record.pack())
                self._table.execute("INSERT OR REPLACE INTO record VALUES (?, ?)", row)
                self._records[inode] = record
            elif inode in self._records:
                self._table.execute("DELETE FROM record WHERE inode = ?", (inode,))
                del self._records[inode]
        except sqlite3.Error as error:
            full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
            raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from None

    def made(self, node: HostNode) -> None:
        self.set(node, None)

    def gone(self, node: HostNode) -> None:
        self.set(node, None)

    def close(self) -> None:
        self._table.close()
