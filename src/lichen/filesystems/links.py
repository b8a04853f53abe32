"""Folders of links: each shows, under the path of another folder, a link to each name of that one which is not to be hidden.

So one party can search the folders of another without meeting in them what it calls by the same name: what it finds is a
link, and whoever follows that is at the thing itself, whose path is the one that everybody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, Final
from weakref import WeakValueDictionary

from lichen.executive.io.attributes import Attributes, DirectoryEntry, Kind
from lichen.executive.io.device import Devices
from lichen.executive.io.location import Location
from lichen.executive.io.location import fold as folded
from lichen.executive.io.node import FileSystem, Node
from lichen.executive.status import Failure, Status

_BLOCK_SIZE: Final = 4096
_ID_MASK: Final = (1 << 48) - 1

Path = tuple[str, ...]


class LinksFileSystem(FileSystem):
    """Shows `folders`, absolute paths of which `find` gives the places; names that `hides` are left out."""

    type: ClassVar[str] = "links"
    stable = False
    names_kept = 1024

    def __init__(
        self,
        folders: frozenset[Path],
        find: Callable[[Path], Location | None],
        hides: Callable[[str], bool],
        device: int,
        devices: Devices,
    ) -> None:
        super().__init__(device, devices, read_only=True)
        self.folders, self.find, self.hides = folders, find, hides
        self.made = devices.now()
        self.root = _Folder(self, ())


class _Shown(Node):
    """A folder or a link, by the path that it shows."""

    __slots__ = ("links", "path")

    file_system: LinksFileSystem

    def __init__(self, links: LinksFileSystem, path: Path, kind: int) -> None:
        super().__init__(links, kind)
        self.links, self.path = links, path
        self.everyone_searches = kind == Kind.DIRECTORY

    def attributes(self) -> Attributes:
        is_folder, made = self.kind == Kind.DIRECTORY, self.links.made
        mode, count, size = (0o755, 2, 0) if is_folder else (0o777, 1, len("/".join(self.path)) + 1)
        identity = (_id_of(self.path), self.links.device, self.kind, mode, count, 0, 0, 0)
        return Attributes(*identity, size, 0, _BLOCK_SIZE, made, made, made, made)


class _Link(_Shown):
    __slots__ = ()

    def readlink(self) -> str:
        return "/" + "/".join(self.path)


class _Folder(_Shown):
    """A folder that shows another one, or leads to such folders."""

    __slots__ = ("names",)

    def __init__(self, links: LinksFileSystem, path: Path) -> None:
        super().__init__(links, path, Kind.DIRECTORY)
        self.names: WeakValueDictionary[str, _Shown] = WeakValueDictionary()

    def _below(self) -> list[str]:
        """The names of the folders in this one."""
        depth = len(self.path)
        below = (path[depth] for path in self.links.folders if path[:depth] == self.path != path)
        return sorted(set(below))

    def _shown(self) -> Location | None:
        """The folder whose names are shown here, if there are any and it is there."""
        return self.links.find(self.path) if self.path in self.links.folders else None

    def lookup(self, name: str, case_blind: bool = False) -> tuple[str, Node] | None:
        fold: Callable[[str], str] = folded if case_blind else str
        folder = next((below for below in self._below() if fold(below) == fold(name)), None)
        if folder is not None:
            return folder, self._node(folder, Kind.DIRECTORY)
        shown = self._shown()
        found = shown.child(name, case_blind) if shown is not None and not self.links.hides(name) else None
        return None if found is None else (found.name, self._node(found.name, Kind.SYMLINK))

    def _node(self, name: str, kind: int) -> _Shown:
        node = self.names.get(name)
        if node is None or node.kind != kind:
            path = (*self.path, name)
            node = _Folder(self.links, path) if kind == Kind.DIRECTORY else _Link(self.links, path, kind)
            self.names[name] = node
        return node

    def entries(self) -> Iterator[DirectoryEntry]:
        below = self._below()
        for name in below:
            yield DirectoryEntry(name, _id_of((*self.path, name)), Kind.DIRECTORY)
        shown = self._shown()
        if shown is None:
            return
        for entry in shown.node.entries():
            if entry.name not in below and not self.links.hides(entry.name):
                yield DirectoryEntry(entry.name, _id_of((*self.path, entry.name)), Kind.SYMLINK)

    def create(self, name: str, kind: int, mode: int, uid: int, gid: int, rdev: int = 0) -> Node:
        raise Failure(Status.MEDIA_WRITE_PROTECTED)


def _id_of(path: Path) -> int:
    return hash(path) & _ID_MASK | 2
