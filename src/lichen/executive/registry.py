"""The registry: a tree of keys with typed values, in memory, kept in one SQLite file (NT: Cm).

A key's subkeys and values are read from the disk when somebody first asks for them: of the thousands that a machine begins
with most never are. What was read stays in memory. Changes are collected and committed together: by `flush` (NtFlushKey), a
tenth of a second after the last change, or at shutdown; so the file on disk is always a state that the registry once had
(DECISIONS 27). Names are blind to case and keep the case they were made with. Volatile keys are never written.
"""

from __future__ import annotations

import logging
import sqlite3
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.io.location import fold
from lichen.executive.registry_file import Transaction, loaded_name, opened, stored_name
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Waitable

if TYPE_CHECKING:
    from lichen.executive.security.descriptors import Descriptor

log = logging.getLogger("lichen.registry")

LONGEST_NAME: Final = 256
LONGEST_VALUE_NAME: Final = 16383
LARGEST_VALUE: Final = 1 << 20
DEEPEST: Final = 512
"""Levels of keys, as many as NT has: what goes up or down the tree does so level by level."""
LARGEST: Final = 256 << 20
"""Bytes of the whole registry, all of which is in the kernel's memory."""
QUOTA_LIMIT: Final = 0xC0000256
KEY_DELETED: Final = 0xC000017C
CHILD_MUST_BE_VOLATILE: Final = 0xC0000181
LINK_VALUE, REG_LINK = "SymbolicLinkValue", 6
"""The one value of a key that is a link: the whole name of another key."""
_MOST_LINKS: Final = 32
_LONGEST_TARGET: Final = 65534
NAMES, VALUES = 0x1, 0x4
"""What happens to a key, in the bits of REG_NOTIFY_CHANGE_*: subkeys come, go or are renamed; values are set or deleted."""
_OVERHEAD: Final = 512
"""Bytes that a key or a value takes besides its name and data, roughly."""
_SETTLE: Final = 0.1
_TRY_AGAIN: Final = 5.0


class Value(NamedTuple):
    """A value: its name as given, its REG_* type and its bytes."""

    name: str
    type: int
    data: bytes


class Changed(Waitable):
    """Signalled by the next change of a key."""

    __slots__ = ("is_set",)

    def __init__(self) -> None:
        super().__init__()
        self.is_set = False

    def signalled(self, waiter: object) -> bool:
        return self.is_set

    def set(self) -> None:
        self.is_set = True
        self.wake()


class Key:
    """One key. `id` is its row; 0 for keys that are not (yet) on disk. A link leads to the key that its value names.

    `unread` reads what is below a key that is on disk, and is None when that has happened.
    """

    __slots__ = (
        "__weakref__",
        "_order",
        "_subkeys",
        "_values",
        "class_name",
        "deleted",
        "id",
        "is_link",
        "modified",
        "name",
        "parent",
        "security",
        "unread",
        "volatile",
        "watchers",
    )

    def __init__(
        self, name: str, parent: Key | None, modified: int, volatile: bool = False, class_name: str = ""
    ) -> None:
        self.name, self.parent, self.modified, self.volatile, self.class_name = (
            name,
            parent,
            modified,
            volatile,
            class_name,
        )
        self.id = 0
        self.deleted = self.is_link = False
        self.unread: Callable[[Key], None] | None = None
        self._subkeys: dict[str, Key] = {}
        self._order: list[str] | None = []
        self._values: dict[str, Value] = {}
        self.watchers: dict[Changed, tuple[int, bool]] = {}
        self.security: Descriptor | None = None

    @property
    def subkeys(self) -> dict[str, Key]:
        """The subkeys by their folded names."""
        if self.unread is not None:
            self.unread(self)
        return self._subkeys

    @property
    def order(self) -> list[str]:
        """The folded names of the subkeys, sorted."""
        if self._order is None or self.unread is not None:
            self._order = sorted(self.subkeys)
        return self._order

    @property
    def values(self) -> dict[str, Value]:
        """The values by their folded names."""
        if self.unread is not None:
            self.unread(self)
        return self._values

    def fill(self, subkeys: dict[str, Key], values: dict[str, Value]) -> None:
        """What was read of the key."""
        self.unread = None
        self._subkeys, self._values, self._order = subkeys, values, None

    def gain(self, below: Key) -> None:
        """Another key becomes a subkey."""
        folded, order = fold(below.name), self.order
        self.subkeys[folded] = below
        insort(order, folded)

    def lose(self, below: Key) -> None:
        """A subkey is one no longer."""
        folded, order = fold(below.name), self.order
        del self.subkeys[folded]
        del order[bisect_left(order, folded)]

    def path(self) -> tuple[str, ...]:
        """The names from the root down to this key."""
        names: list[str] = []
        key: Key | None = self
        while key is not None and key.parent is not None:
            names.append(key.name)
            key = key.parent
        return tuple(reversed(names))

    def forget(self, changed: Changed) -> None:
        """What `Registry.watch` returned is watched no longer; those who still wait for it go on."""
        self.watchers.pop(changed, None)
        changed.set()

    def check(self) -> None:
        """KEY_DELETED when the key is gone."""
        if self.deleted:
            raise Failure(KEY_DELETED)


class Registry:
    """The whole tree. `later(seconds, action)` runs an action from the machine's loop; `now` gives NT times."""

    def __init__(
        self, path: Path | None, now: Callable[[], int], later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._now, self._later = now, later
        self.root = Key("", None, now())
        self._keys: set[Key] = set()
        self._removed: set[int] = set()
        self._next_id = 1
        self._size = 0
        self.require_room: Callable[[int], None] = lambda size: None
        """Fails with DISK_FULL when so many more bytes could not be kept."""
        self._pending = False
        self._error: sqlite3.Error | None = None
        self._database = opened(path)
        self._load()

    def _load(self) -> None:
        """Count what there is; the keys themselves are read one by one."""
        self.root.unread = self._read
        (last, characters, keys) = self._database.execute(
            "SELECT ifnull(max(id), 0), ifnull(sum(length(name) + length(class)), 0), count(*) FROM keys"
        ).fetchone()
        (more, size, values) = self._database.execute(
            "SELECT ifnull(sum(length(name)), 0), ifnull(sum(length(data)), 0), count(*) FROM value"
        ).fetchone()
        self._next_id = last + 1
        self._size = _OVERHEAD * (keys + values) + 2 * (characters + more) + size

    def _read(self, key: Key) -> None:
        """Read a key's subkeys and values; IO_DEVICE_ERROR when the disk does not give them."""
        subkeys, values = {}, {}
        rows = "SELECT id, name, class, modified, key FROM keys LEFT JOIN links ON key = id WHERE parent = ?"
        try:
            for id, stored, class_name, modified, link in self._database.execute(rows, (key.id,)):
                name = loaded_name(stored)
                below = subkeys[fold(name)] = Key(name, key, modified, class_name=loaded_name(class_name))
                below.id, below.unread, below.is_link = id, self._read, link is not None
            rows = "SELECT name, type, data FROM value WHERE key = ?"
            for stored, type_, data in self._database.execute(rows, (key.id,)):
                name = loaded_name(stored)
                values[fold(name)] = Value(name, type_, data)
        except sqlite3.Error as error:
            log.error("the registry cannot be read: %s", error)
            raise Failure(Status.IO_DEVICE_ERROR) from error
        key.fill(subkeys, values)

    @property
    def is_empty(self) -> bool:
        """Whether nobody has ever written anything."""
        return not self.root.subkeys

    # ---- keys

    def find(self, start: Key, components: tuple[str, ...], open_link: bool = False) -> Key:
        """An existing key, a link itself at the end with `open_link`; OBJECT_NAME_NOT_FOUND."""
        above, name = self.reach(start, components, open_link)
        if name is not None:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return above

    def reach(
        self, start: Key, components: tuple[str, ...], open_link: bool = False
    ) -> tuple[Key, str | None]:
        """Where a name leads by way of links: (the key, None), or (the key above it, its name) when it is yet to be made.

        OBJECT_NAME_NOT_FOUND when more than the last key is missing, INVALID_PARAMETER for too long a name or too many links.
        """
        start.check()
        key, links = start, 0
        remaining = list(reversed(components))
        while True:
            if key.is_link and (remaining or not open_link):
                links += 1
                if links > _MOST_LINKS or len(remaining) > DEEPEST:
                    raise Failure(Status.INVALID_PARAMETER)
                remaining += reversed(_target_of(key))
                key = self.root
                continue
            if not remaining:
                return key, None
            name = remaining.pop()
            if len(name) > LONGEST_NAME:
                raise Failure(Status.INVALID_PARAMETER)
            below = key.subkeys.get(fold(name))
            if below is None:
                if remaining:
                    raise Failure(Status.OBJECT_NAME_NOT_FOUND)
                return key, name
            key = below

    def create(
        self, start: Key, components: tuple[str, ...], volatile: bool = False, class_name: str = ""
    ) -> tuple[Key, bool]:
        """The key at `components`, made if need be; (key, whether it was made). All but the last must exist."""
        above, name = self.reach(start, components)
        if name is None:
            return above, False
        return self.add(above, name, volatile, class_name), True

    def add(
        self, above: Key, name: str, volatile: bool = False, class_name: str = "", is_link: bool = False
    ) -> Key:
        """A new key below another, under a name that is free."""
        if above.volatile and not volatile:
            raise Failure(CHILD_MUST_BE_VOLATILE)
        if len(above.path()) >= DEEPEST:
            raise Failure(Status.INVALID_PARAMETER)
        key = Key(name, above, self._now(), volatile, class_name)
        key.is_link = is_link
        self._grow(_size_of(key))
        above.gain(key)
        self._changed(key)
        self._touch(above, NAMES)
        return key

    def make(self, *components: str) -> Key:
        """The key at a path from the root, with every key above it made too."""
        key = self.root
        for name in components:
            key, _ = self.create(key, (name,))
        return key

    def delete(self, key: Key) -> None:
        """Remove a key without subkeys; CANNOT_DELETE when it has some or is a root."""
        key.check()
        if key.subkeys or key.parent is None:
            raise Failure(Status.CANNOT_DELETE)
        key.parent.lose(key)
        key.deleted = True
        self._size -= _size_of(key) + sum(map(_size_of, key.values.values()))
        self._keys.discard(key)
        if key.id:
            self._removed.add(key.id)
        self._touch(key.parent, NAMES)
        for changed in tuple(key.watchers):
            key.forget(changed)

    def rename(self, key: Key, name: str) -> None:
        """Give a key another name; OBJECT_NAME_COLLISION."""
        key.check()
        if key.parent is None or fold(name) in key.parent.subkeys:
            raise Failure(Status.OBJECT_NAME_COLLISION)
        key.parent.lose(key)
        self._size += 2 * (len(name) - len(key.name))
        key.name = name
        key.parent.gain(key)
        self._changed(key)
        self._touch(key.parent, NAMES)

    # ---- values

    def value(self, key: Key, name: str) -> Value:
        """A value by name; OBJECT_NAME_NOT_FOUND."""
        key.check()
        found = key.values.get(fold(name))
        if found is None:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return found

    def set_value(self, key: Key, name: str, type: int, data: bytes) -> None:
        """Set a value; ACCESS_DENIED for any but that of a link which says where it leads."""
        key.check()
        if len(name) > LONGEST_VALUE_NAME:
            raise Failure(Status.INVALID_PARAMETER)
        if len(data) > LARGEST_VALUE:
            raise Failure(Status.INSUFFICIENT_RESOURCES)
        if key.is_link and (type != REG_LINK or fold(name) != fold(LINK_VALUE)):
            raise Failure(Status.ACCESS_DENIED)
        before = key.values.get(fold(name))
        value = Value(before.name if before else name, type, data)
        self._grow(_size_of(value) - (_size_of(before) if before else 0))
        key.values[fold(name)] = value
        self._touch(key, VALUES)

    def delete_value(self, key: Key, name: str) -> None:
        """Remove a value; OBJECT_NAME_NOT_FOUND."""
        self._size -= _size_of(self.value(key, name))
        del key.values[fold(name)]
        self._touch(key, VALUES)

    def _grow(self, size: int) -> None:
        """Count what is to be added; QUOTA_LIMIT when it would be too much."""
        if size > 0 and self._size + size > LARGEST:
            raise Failure(QUOTA_LIMIT)
        if size > 0:
            self.require_room(size)
        self._size += size

    # ---- watching

    def watch(self, key: Key, changes: int, subtree: bool) -> Changed:
        """What is signalled by the next of some `changes` to a key, or to anything below it too."""
        key.check()
        changed = Changed()
        key.watchers[changed] = changes, subtree
        return changed

    def _notify(self, key: Key, change: int) -> None:
        here: Key | None = key
        while here is not None:
            if here.watchers:
                for changed, (changes, subtree) in tuple(here.watchers.items()):
                    if changes & change and (subtree or here is key):
                        here.forget(changed)
            here = here.parent

    # ---- the disk

    def _touch(self, key: Key, change: int) -> None:
        key.modified = self._now()
        self._changed(key)
        self._notify(key, change)

    def _changed(self, key: Key) -> None:
        if key.volatile or key.parent is None:
            return
        self._keys.add(key)
        if not self._pending:
            self._pending = True
            self._later(_SETTLE, self._settled)

    def _settled(self) -> None:
        self._pending = False
        try:
            self.flush()
        except Failure:
            log.warning("the registry cannot be written now: %s", self._error)
            self._pending = True
            self._later(_TRY_AGAIN, self._settled)

    def flush(self) -> None:
        """Bring every change to the disk in one transaction; DISK_FULL when that is impossible now, and all is kept."""
        if not self._keys and not self._removed:
            return
        try:
            with Transaction(self._database):
                for id in self._removed:
                    self._database.execute("DELETE FROM keys WHERE id = ?", (id,))
                    self._database.execute("DELETE FROM value WHERE key = ?", (id,))
                    self._database.execute("DELETE FROM links WHERE key = ?", (id,))
                for key in self._keys:
                    self._store(key)
        except sqlite3.Error as error:
            self._error = error
            raise Failure(Status.DISK_FULL) from error
        self._keys.clear()
        self._removed.clear()

    def _store(self, key: Key) -> int:
        """Write a key and its values; those above it first, so that its row has a parent."""
        above = key.parent
        parent = 0 if above is None or above.parent is None else above.id or self._store(above)
        if not key.id:
            key.id, self._next_id = self._next_id, self._next_id + 1
        values = list(key.values.values())  # before anything of it goes from the disk
        row = key.id, parent, stored_name(key.name), stored_name(key.class_name), key.modified
        self._database.execute("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)", row)
        if key.is_link:
            self._database.execute("INSERT OR REPLACE INTO links VALUES (?)", (key.id,))
        self._database.execute("DELETE FROM value WHERE key = ?", (key.id,))
        rows = ((key.id, stored_name(value.name), value.type, value.data) for value in values)
        self._database.executemany("INSERT INTO value VALUES (?, ?, ?, ?)", rows)
        return key.id

    def close(self) -> None:
        """Commit and let go of the file."""
        try:
            self.flush()
        except Failure:
            log.error("the registry's last changes are lost: %s", self._error)
        self._database.close()


def _target_of(link: Key) -> list[str]:
    """The names from the root down to where a link leads; OBJECT_NAME_NOT_FOUND for one that leads nowhere."""
    value = link.values.get(fold(LINK_VALUE))
    data = value.data[:_LONGEST_TARGET] if value is not None else b""
    text = data[: len(data) & -2].decode("utf-16-le", "surrogatepass")
    if not text.startswith("\\"):
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    return [name for name in text.split("\\") if name]


def _size_of(part: Key | Value) -> int:
    """The bytes of memory that a key takes without its values, or a value."""
    rest = len(part.class_name) * 2 if isinstance(part, Key) else len(part.data)
    return _OVERHEAD + 2 * len(part.name) + rest


def walk(key: Key) -> Iterator[Key]:
    """A key and everything below it."""
    yield key
    for below in key.subkeys.values():
        yield from walk(below)
