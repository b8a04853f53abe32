"""The registry's file: an SQLite database with a row for each key and each value.

It is a state that the registry once had at any moment, as changes come in transactions and the journal is a log.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Final

from lichen.executive.status import Failure, Status

log = logging.getLogger("lichen.registry")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS keys (
    id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name TEXT NOT NULL, class TEXT NOT NULL, modified INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS keys_parent ON keys (parent);
CREATE TABLE IF NOT EXISTS value (
    key INTEGER NOT NULL, name TEXT NOT NULL, type INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (key, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (key INTEGER PRIMARY KEY);
"""


def opened(path: Path | None) -> sqlite3.Connection:
    """The database, with its tables; DISK_FULL or IO_DEVICE_ERROR when the host does not let it be, and the log says why."""
    try:
        database = sqlite3.connect(path or ":memory:", isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.executescript(_SCHEMA)
        except BaseException:
            database.close()
            raise
    except sqlite3.Error as error:
        log.error("the registry %s cannot be opened: %s", path, error)
        full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
        raise Failure(Status.DISK_FULL if full else Status.IO_DEVICE_ERROR) from error
    return database


def stored_name(text: str) -> str | bytes:
    """A name as the database takes it: lone surrogates, which NT allows in names, are no text to it."""
    data = text.encode("utf-8", "surrogatepass")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def loaded_name(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass")


class Transaction:
    """One transaction of a connection."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def __enter__(self) -> None:
        self.database.execute("BEGIN IMMEDIATE")

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
