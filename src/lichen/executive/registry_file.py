"""The registry's file: an SQLite database with a row for each key and each value.

It is a state that the registry once had at any moment, as changes come in transactions and the journal is a log. Reading and
committing have a connection each, so that the kernel reads keys while the worker commits: rows that a commit changes belong
to keys that have been read.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from lichen.executive.database import Transaction, connected, is_full
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


class Value(NamedTuple):
    """A value: its name as given, its REG_* type and its bytes."""

    name: str
    type: int
    data: bytes


class StoredKey(NamedTuple):
    """A key as its row has it; `parent` is the row of the key above it, 0 for the root."""

    id: int
    parent: int
    name: str
    class_name: str
    modified: int
    is_link: bool


class Changes(NamedTuple):
    """What one transaction brings to the disk: rows of keys that are gone, and keys as they now are with all their values."""

    removed: frozenset[int]
    keys: tuple[tuple[StoredKey, tuple[Value, ...]], ...]


class Totals(NamedTuple):
    """How much there is: the last row's id, the keys and values, and the bytes of their names and data."""

    last_id: int
    parts: int
    characters: int
    data: int


class RegistryFile:
    """The database at `path`, or one in memory that goes with it. `commit` may be called in another thread than the rest."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._reading = _opened(path)
        self._committing: sqlite3.Connection | None = None
        """A thread's wait for the disk must not be the reader's."""

    def totals(self) -> Totals:
        (last_id, characters, keys) = self._reading.execute(
            "SELECT ifnull(max(id), 0), ifnull(sum(length(name) + length(class)), 0), count(*) FROM keys"
        ).fetchone()
        (more, size, values) = self._reading.execute(
            "SELECT ifnull(sum(length(name)), 0), ifnull(sum(length(data)), 0), count(*) FROM value"
        ).fetchone()
        return Totals(last_id, keys + values, characters + more, size)

    def keys_below(self, parent: int) -> Iterator[StoredKey]:
        rows = "SELECT id, name, class, modified, key FROM keys LEFT JOIN links ON key = id WHERE parent = ?"
        for id, name, class_name, modified, link in self._reading.execute(rows, (parent,)):
            yield StoredKey(
                id, parent, _loaded_name(name), _loaded_name(class_name), modified, link is not None
            )

    def values_of(self, key: int) -> Iterator[Value]:
        rows = "SELECT name, type, data FROM value WHERE key = ?"
        for name, type_, data in self._reading.execute(rows, (key,)):
            yield Value(_loaded_name(name), type_, data)

    def commit(self, changes: Changes) -> None:
        """Bring changes to the disk in one transaction, as often as one likes; OSError when that is impossible now."""
        try:
            if self._committing is None:
                self._committing = self._reading if self._path is None else connected(self._path)
            with Transaction(self._committing) as database:
                for table, column in (("keys", "id"), ("value", "key"), ("links", "key")):
                    rows = ((id,) for id in changes.removed)
                    database.executemany(f"DELETE FROM {table} WHERE {column} = ?", rows)
                for key, values in changes.keys:
                    _store(database, key, values)
        except sqlite3.Error as error:
            raise OSError(errno.ENOSPC, str(error)) from error

    def close(self) -> None:
        if self._committing is not None:
            self._committing.close()
        self._reading.close()


def _store(database: sqlite3.Connection, key: StoredKey, values: Iterable[Value]) -> None:
    row = key.id, key.parent, _stored_name(key.name), _stored_name(key.class_name), key.modified
    database.execute("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)", row)
    if key.is_link:
        database.execute("INSERT OR REPLACE INTO links VALUES (?)", (key.id,))
    database.execute("DELETE FROM value WHERE key = ?", (key.id,))
    rows = ((key.id, _stored_name(value.name), value.type, value.data) for value in values)
    database.executemany("INSERT INTO value VALUES (?, ?, ?, ?)", rows)


def _opened(path: Path | None) -> sqlite3.Connection:
    """The database, with its tables; DISK_FULL or IO_DEVICE_ERROR when the host does not let it be, and the log says why."""
    try:
        database = connected(path)
        try:
            database.executescript(_SCHEMA)
        except BaseException:
            database.close()
            raise
    except sqlite3.Error as error:
        log.error("the registry %s cannot be opened: %s", path, error)
        raise Failure(Status.DISK_FULL if is_full(error) else Status.IO_DEVICE_ERROR) from error
    return database


def _stored_name(text: str) -> str | bytes:
    """A name as the database takes it: lone surrogates, which NT allows in names, are no text to it."""
    data = text.encode("utf-8", "surrogatepass")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _loaded_name(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass")
