"""What changes in a directory, kept for whoever asks through one handle (NtNotifyChangeDirectoryFile).

The first request of a handle says what is watched; what happens between two requests is kept for the next one.

Source: [MS-FSCC] 2.7.1 FILE_NOTIFY_INFORMATION; [MS-SMB2] 2.2.35 for the filter.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.layout import layout
from lichen.executive.io import watch
from lichen.executive.io.attributes import Kind
from lichen.executive.io.watch import Change
from lichen.executive.security.modes import READ, allows
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Condition, Wait
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.files import FileNotifyInformation
from lichen.subsystems.nt.spelling import for_windows
from lichen.subsystems.nt.types import encode

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.io.node import Node
    from lichen.executive.security.tokens import Token

FILE_NAME, DIRECTORY_NAME, ATTRIBUTES, SIZE, LAST_WRITE, LAST_ACCESS = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
_CREATION, _EXTENDED, _SECURITY = 0x40, 0x80, 0x100
_ADDED, _REMOVED, _MODIFIED, _OLD_NAME, _NEW_NAME = 1, 2, 3, 4, 5
_MOST_RECORDS: Final = 4096
_MOST_DIRECTORIES: Final = 4096
_AT_ONCE: Final = 32
_RECORD: Final = layout(FileNotifyInformation, MODEL)
_MODIFICATIONS: Final = (
    (Change.MODIFY, SIZE | LAST_WRITE),
    (Change.ATTRIBUTES, ATTRIBUTES | LAST_WRITE | LAST_ACCESS | _CREATION | _EXTENDED | _SECURITY),
    (Change.ACCESS, LAST_ACCESS),
)


class _Record(NamedTuple):
    action: int
    directory: Location
    name: str
    path: str
    cookie: int


class _Watched:
    """One directory among those that are watched."""

    def __init__(self, owner: DirectoryWatch, location: Location) -> None:
        self.owner, self.location = owner, location

    def changed(self, node: Node, change: int, name: str | None, cookie: int) -> None:
        if name is not None:
            if not change & Change.UNLINKED:
                self.owner.note(self.location, change, name, cookie)
        elif change & Change.UNLINKED:
            self.owner.forget(self)
        elif change & Change.OVERFLOW:
            self.owner.overflow()


class DirectoryWatch:
    """The changes of a directory, and of those below it with `subtree`, that one handle has not been told yet."""

    def __init__(self, top: Location, filter: int, subtree: bool, token: Token | None = None) -> None:
        """`token` says below which directories names may be told; None for all."""
        self.top, self.filter, self.subtree, self._token = top, filter, subtree, token
        self._new: list[Location] = []
        """Directories that are yet to be watched."""
        self._records: list[_Record] = []
        self._overflowed = self._gone = False
        self._tells_names: bool | None = None
        self._watched: dict[_Watched, None] = {}
        self._changed = Condition(lambda: bool(self._records) or self._overflowed or self._gone)
        self._add(top)
        self.grow()

    def close(self) -> None:
        """Stop watching."""
        for each in tuple(self._watched):
            watch.remove(each.location.node, each)
        self._watched.clear()
        self._changed = Condition(lambda: False)  # the one until now refers to this watch

    def expect(self, names: bool) -> None:
        """Somebody asks: the first time settles whether names are told, or just that something has changed."""
        if self._tells_names is None:
            self._tells_names = names

    def wait(self) -> Blocks[None]:
        """Wait for a change; DELETE_PENDING when the directory itself has gone."""
        while not self._changed.predicate():
            yield Wait((self._changed,), interruptible=False)
        if self._gone and not self._records:
            raise Failure(Status.DELETE_PENDING)

    def take(self, size: int) -> bytes | None:
        """FILE_NOTIFY_INFORMATION of all changes; None when they are too many for `size` or for the watch itself."""
        records, self._records = self._records, []
        overflowed, self._overflowed = self._overflowed, False
        out = bytearray()
        for number, record in enumerate(records):
            name = encode(record.path)
            following = (_RECORD.size + len(name) + 3) & -4 if number + 1 < len(records) else 0
            head = _RECORD.pack(FileNotifyInformation(following, record.action, len(name)))
            out += (head + name).ljust(following, b"\0")
        told = self._tells_names is not False and not overflowed and len(out) <= size
        return bytes(out) if told else None

    # ---- what happens

    def note(self, directory: Location, change: int, name: str, cookie: int) -> None:
        """A name in one of the directories has changed."""
        before = len(self._records), self._overflowed
        is_directory = bool(change & Change.IS_DIRECTORY)
        if change & (Change.CREATE | Change.MOVED_TO) and is_directory and self.subtree:
            self._add_name(directory, name)
        if change & (Change.CREATE | Change.DELETE | Change.MOVED_FROM | Change.MOVED_TO):
            if self.filter & (DIRECTORY_NAME if is_directory else FILE_NAME):
                self._note_name(directory, change, name, cookie)
        elif any(change & bits and self.filter & wanted for bits, wanted in _MODIFICATIONS):
            last = self._records[-1] if self._records else None
            if last is None or (last.action, last.directory, last.name) != (_MODIFIED, directory, name):
                self._append(_MODIFIED, directory, name, 0)
        if (len(self._records), self._overflowed) != before:
            self._changed.wake()

    def _note_name(self, directory: Location, change: int, name: str, cookie: int) -> None:
        """A name came or went; both at once, within one directory, is a renaming."""
        if change & Change.MOVED_TO and self._records:
            last = self._records[-1]
            if (last.action, last.directory, last.cookie) == (_REMOVED, directory, cookie):
                self._records[-1] = last._replace(action=_OLD_NAME)
                self._append(_NEW_NAME, directory, name, 0)
                return
        came = change & (Change.CREATE | Change.MOVED_TO)
        self._append(_ADDED if came else _REMOVED, directory, name, cookie)

    def overflow(self) -> None:
        """More has happened than is known."""
        self._records.clear()
        self._overflowed = True
        self._changed.wake()

    def _append(self, action: int, directory: Location, name: str, cookie: int) -> None:
        if len(self._records) >= _MOST_RECORDS:
            self._records.clear()
            self._overflowed = True
        else:
            path = "\\".join(map(for_windows, (*directory.place(self.top).components, name)))
            self._records.append(_Record(action, directory, name, path, cookie))

    def forget(self, gone: _Watched) -> None:
        """A watched directory has been removed."""
        self._watched.pop(gone, None)
        watch.remove(gone.location.node, gone)
        if gone.location is self.top:
            self._gone = True
            self._changed.wake()

    # ---- directories

    def _add(self, location: Location) -> None:
        """Watch a directory, and later with `subtree` those below it."""
        watched = _Watched(self, location)
        self._watched[watched] = None
        watch.add(location.node, watched)
        if self.subtree:
            with suppress(Failure, OSError):  # gone meanwhile, or not the kernel's to read
                names = [entry.name for entry in location.node.entries() if entry.kind == Kind.DIRECTORY]
                found = [child.inner() for name in names if (child := location.child(name)) is not None]
                self._new += filter(self._may_tell, found)

    def _may_tell(self, location: Location) -> bool:
        return self._token is None or allows(self._token, location.node.attributes(), READ, directory=True)

    def grow(self) -> bool:
        """Watch some more of the directories below; whether there are others left."""
        for _ in range(_AT_ONCE):
            if not self._new or len(self._watched) >= _MOST_DIRECTORIES:
                self._new.clear()
                return False
            self._add(self._new.pop())
        return bool(self._new)

    def _add_name(self, directory: Location, name: str) -> None:
        found = directory.child(name)
        if found is None or len(self._watched) >= _MOST_DIRECTORIES or not self._may_tell(found):
            return
        if all(each.location is not found for each in self._watched):
            self._add(found)
            while self.grow():
                pass
