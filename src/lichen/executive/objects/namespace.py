"""The tree of named objects: directories of events, sections, devices and links, blind to case (NT: Ob).

Files are not in it: a device in the tree (a drive letter, \\Device\\NamedPipe) takes the rest of the name.
A named object stays while a handle refers to it, a permanent one for ever.
"""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

from lichen.executive.io.location import fold
from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import DIRECTORY, LINK, Rights
from lichen.executive.status import Failure, Status

_MOST_LINKS: Final = 32


class Found(NamedTuple):
    """Where a name led: the object and the components behind it, which are the object's own business."""

    object: Object
    rest: tuple[str, ...]


class Directory(Object):
    """An object directory. Entries are (name as given, object)."""

    __slots__ = ("entries", "path")
    type_name: ClassVar[str] = "Directory"
    rights: ClassVar[Rights] = DIRECTORY

    def __init__(self, path: str = "\\") -> None:
        super().__init__()
        self.path = path
        self.entries: dict[str, tuple[str, Object]] = {}

    def get(self, name: str) -> Object | None:
        entry = self.entries.get(fold(name))
        return entry[1] if entry else None

    def insert(self, name: str, object: Object) -> None:
        """Give an object a name; OBJECT_NAME_COLLISION when it is taken. The directory holds no reference."""
        key = fold(name)
        if key in self.entries:
            raise Failure(Status.OBJECT_NAME_COLLISION)
        self.entries[key] = name, object

    def remove(self, name: str) -> None:
        self.entries.pop(fold(name), None)

    def make(self, *components: str) -> Directory:
        """The directory at a path below this one, made if need be; it is permanent."""
        here = self
        for name in components:
            found = here.get(name)
            if found is None:
                found = Directory(here.path.rstrip("\\") + "\\" + name)
                here.insert(name, found)
            if not isinstance(found, Directory):
                raise Failure(Status.OBJECT_TYPE_MISMATCH)
            here = found
        return here


class SymbolicLink(Object):
    """A link from one absolute name to another."""

    __slots__ = ("target",)
    type_name: ClassVar[str] = "SymbolicLink"
    rights: ClassVar[Rights] = LINK

    def __init__(self, target: tuple[str, ...]) -> None:
        super().__init__()
        self.target = target


def find(root: Directory, start: Directory, components: tuple[str, ...], follow_last: bool = True) -> Found:
    """Walk from `start` until an object that is no directory; links go on from `root`.

    OBJECT_NAME_NOT_FOUND for the last name, OBJECT_PATH_NOT_FOUND for one before, which may not be a leaf object either.
    """
    here: Object = start
    remaining = list(components)
    links = 0
    while remaining and isinstance(here, Directory):
        name = remaining.pop(0)
        child = here.get(name)
        if child is None:
            raise Failure(Status.OBJECT_PATH_NOT_FOUND if remaining else Status.OBJECT_NAME_NOT_FOUND)
        if isinstance(child, SymbolicLink) and (remaining or follow_last):
            links += 1
            if links > _MOST_LINKS:
                raise Failure(Status.REPARSE_POINT_NOT_RESOLVED)
            remaining = [*child.target, *remaining]
            child = root
        here = child
    return Found(here, tuple(remaining))
