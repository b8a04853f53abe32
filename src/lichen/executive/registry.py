"""The registry: a tree of keys with typed values, in memory, kept in one SQLite file (NT: Cm).

A key's subkeys and values are read from the disk when somebody first asks for them: of the thousands that a machine begins
with most never are. What was read stays in memory. Changes are collected and committed together: by `flush` (NtFlushKey), a
tenth of a second after the last change, or at shutdown; so the file on disk is always a state that the registry once had
(G27), and the worker waits for it, not the machine's loop (G12). Names are blind to case and keep the case
they were made with. Volatile keys are never written.
"""

from __future__ import annotations

import logging
import sqlite3
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lichen.executive.io.location import fold
from lichen.executive.registry_file import Changes, RegistryFile, StoredKey, Value
from lichen.executive.security.access import Secured
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Waitable
from lichen.executive.worker import Job, Worker

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


class Key(Secured):
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
    """The whole tree. `later(seconds, action)` runs an action from the machine's loop; `now` gives NT times.

    Without a `worker`, as where no machine runs, whoever commits waits for the disk.
    """

    def __init__(
        self,
        path: Path | None,
        now: Callable[[], int],
        later: Callable[[float, Callable[[], None]], object],
        worker: Worker | None = None,
    ) -> None:
        self._now, self._later, self._worker = now, later, worker
        self.root = Key("", None, now())
        self._keys: set[Key] = set()
        self._removed: set[int] = set()
        self._committed: tuple[frozenset[Key], frozenset[int]] = frozenset(), frozenset()
        """What the commit that goes on brings to the disk."""
        self._commit: Job | None = None
        self.require_room: Callable[[int], None] = lambda size: None
        """Fails with DISK_FULL when so many more bytes could not be kept."""
        self._pending = False
        self.file = RegistryFile(path)
        totals = self.file.totals()
        self._next_id = totals.last_id + 1
        self._size = _OVERHEAD * totals.parts + 2 * totals.characters + totals.data
        self.root.unread = self._read

    def _read(self, key: Key) -> None:
        """Read a key's subkeys and values; IO_DEVICE_ERROR when the disk does not give them."""
        subkeys = {}
        try:
            for row in self.file.keys_below(key.id):
                below = Key(row.name, key, row.modified, class_name=row.class_name)
                below.id, below.unread, below.is_link = row.id, self._read, row.is_link
                subkeys[fold(row.name)] = below
            values = {fold(value.name): value for value in self.file.values_of(key.id)}
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
        folded, values = fold(name), key.values
        before = values.get(folded)
        value = Value(before.name if before else name, type, data)
        self._grow(_size_of(value) - (_size_of(before) if before else 0))
        values[folded] = value
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
        if self._commit is not None:  # it began before the last change
            self._pending = True
            self._later(_SETTLE, self._settled)
            return
        with suppress(Failure):  # it was logged, and is tried again
            self._begin_commit()

    def flush(self) -> Blocks[None]:
        """Bring every change so far to the disk; DISK_FULL when that is impossible now, and all is kept."""
        if self._commit is not None:
            with suppress(Failure):  # what it could not write the next one takes along
                yield from self._commit.wait()
        commit = self._commit or self._begin_commit()
        if commit is not None:
            yield from commit.wait()

    def _begin_commit(self) -> Job | None:
        """Have what has changed committed as it is now; None when nothing has, or when it has been done already."""
        changes = self._take_changes()
        if changes is None:
            return None
        work = partial(self.file.commit, changes)
        if self._worker is not None:
            self._commit = self._worker.start(work, self._commit_ended)
            return self._commit
        try:
            work()
        except OSError as error:
            self._commit_ended(error)
            raise Failure.from_host(error) from error
        self._commit_ended(None)
        return None

    def _commit_ended(self, error: OSError | None) -> None:
        self._commit = None
        if error is None:
            self._committed = frozenset(), frozenset()
            return
        log.warning("the registry cannot be written now: %s", error)
        self._take_back()
        if not self._pending:
            self._pending = True
            self._later(_TRY_AGAIN, self._settled)

    def _take_changes(self) -> Changes | None:
        """What has changed, as rows: nothing that happens later changes them."""
        if not self._keys and not self._removed:
            return None
        rows: dict[Key, tuple[StoredKey, tuple[Value, ...]]] = {}
        for key in self._keys:
            self._add_row(key, rows)
        self._committed = frozenset(rows), frozenset(self._removed)
        self._keys.clear()
        self._removed.clear()
        return Changes(self._committed[1], tuple(rows.values()))

    def _add_row(self, key: Key, rows: dict[Key, tuple[StoredKey, tuple[Value, ...]]]) -> None:
        """Add a key and its values; those above it first that are not on disk, so that its row has a parent."""
        above = key.parent
        assert above is not None
        if above.parent is not None and not above.id:
            self._add_row(above, rows)
        if not key.id:
            key.id, self._next_id = self._next_id, self._next_id + 1
        row = StoredKey(key.id, above.id, key.name, key.class_name, key.modified, key.is_link)
        rows[key] = row, tuple(key.values.values())

    def _take_back(self) -> None:
        """What a commit may not have written has changed still."""
        keys, removed = self._committed
        self._keys.update(key for key in keys if not key.deleted)
        self._removed.update(removed)
        self._committed = frozenset(), frozenset()

    def close(self) -> None:
        """Commit and let go of the file. The worker has ended, if there was one, and may have had no time to say how."""
        self._take_back()
        self._worker = self._commit = None
        try:
            self._begin_commit()
        except Failure:
            log.error("the registry's last changes are lost")
        self.file.close()


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
