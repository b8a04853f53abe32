"""SQLite as the kernel uses it: a log beside the file, and changes in transactions that are on the disk when they end.

A connection may be made in one thread and used in another, one after the other: commits are the worker's.
"""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path


def connected(path: Path | None) -> sqlite3.Connection:
    """The database at `path`, or a new one in memory."""
    database = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
    except BaseException:
        database.close()
        raise
    return database


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk had no room."""
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL


def host_error(error: sqlite3.Error) -> OSError:
    """An error as the host's file systems would tell it."""
    return OSError(errno.ENOSPC if is_full(error) else errno.EIO, str(error))


class Transaction:
    """One transaction of a connection, which is rolled back when anything fails in it."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def __enter__(self) -> sqlite3.Connection:
        self.database.execute("BEGIN IMMEDIATE")
        return self.database

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            try:
                self.database.execute("COMMIT")
                return
            except sqlite3.Error:
                self._roll_back()
                raise
        self._roll_back()

    def _roll_back(self) -> None:
        """SQLite has done so itself after some errors."""
        if self.database.in_transaction:
            self.database.execute("ROLLBACK")
