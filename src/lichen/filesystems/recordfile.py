"""The SQLite file of a table of records. It knows up to which log everything is in it (recordtable.py)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from lichen.executive.database import Transaction, connected, host_error
from lichen.filesystems.recordlog import Change, Row, Shape


class RecordFile:
    """The file at `path`. `commit` may be called in another thread than the rest; errors come out as OSError."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self._path, self._shape = path, shape
        self._committing: sqlite3.Connection | None = None

    def read(self) -> tuple[int, list[Row]]:
        """The number of the last log that was committed, and all rows; numbers in them are signed."""
        try:
            with closing(self._connected()) as database:
                ((log,),) = database.execute("PRAGMA user_version")
                return log, database.execute(f"SELECT * FROM {self._shape.name}").fetchall()
        except sqlite3.Error as error:
            raise host_error(error) from error

    def commit(self, changes: Iterable[Change], log: int) -> None:
        """Bring changes to the disk in one transaction, those of log number `log` and of all before it."""
        shape = self._shape
        places = ", ".join("?" * (len(shape.keys) + len(shape.columns)))
        condition = " AND ".join(f"{name} = ?" for name in shape.keys)
        try:
            if self._committing is None:
                self._committing = self._connected()
            with Transaction(self._committing) as database:
                for key, row in changes:
                    if row is None:
                        database.execute(f"DELETE FROM {shape.name} WHERE {condition}", _stored(key))
                    else:
                        database.execute(
                            f"INSERT OR REPLACE INTO {shape.name} VALUES ({places})", _stored(key + row)
                        )
                database.execute(f"PRAGMA user_version = {log}")
        except sqlite3.Error as error:
            raise host_error(error) from error

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file, which is made with its table when it is missing."""
        keys, columns = self._shape.keys, self._shape.columns
        named = ", ".join([*(f"{name} INTEGER NOT NULL" for name in keys), *columns])
        database = connected(self._path)
        try:
            database.execute(
                f"CREATE TABLE IF NOT EXISTS {self._shape.name} ({named}, PRIMARY KEY ({', '.join(keys)}))"
            )
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        if self._committing is not None:
            self._committing.close()
            self._committing = None


def _stored(row: Row) -> Row:
    """A row as SQLite takes it, whose numbers have a sign: 64-bit inode and device numbers have none."""
    return tuple(
        (part + (1 << 63) & (1 << 64) - 1) - (1 << 63) if isinstance(part, int) else part for part in row
    )
