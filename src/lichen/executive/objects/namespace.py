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
    """An object directory. Names that differ by case alone may be in it together."""

    __slots__ = ("_by_case", "entries")
    type_name: ClassVar[str] = "Directory"
    rights: ClassVar[Rights] = DIRECTORY

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[str, Object] = {}
        self._by_case: dict[str, list[str]] = {}
        """The names that are the same when case does not count."""

    def get(self, name: str, case_blind: bool = True) -> Object | None:
        """The object of a name: with `case_blind` another one's whose case alone differs, when none has the very name."""
        found = self.entries.get(name)
        if found is None and case_blind and (names := self._by_case.get(fold(name))):
            return self.entries[names[-1]]
        return found

    def insert(self, name: str, object: Object) -> None:
        """Give an object a name; OBJECT_NAME_COLLISION when it is taken. The directory holds no reference."""
        if name in self.entries:
            raise Failure(Status.OBJECT_NAME_COLLISION)
        self.entries[name] = object
        self._by_case.setdefault(fold(name), []).append(name)
        object.named = self, name

    def remove(self, object: Object) -> None:
        """Take away the name of an object that is in the directory."""
        assert object.named is not None
        name = object.named[1]
        object.named = None
        del self.entries[name]
        names = self._by_case[fold(name)]
        names.remove(name)
        if not names:
            del self._by_case[fold(name)]

    def make(self, *components: str) -> Directory:
        """The directory at a path below this one, made if need be; it is permanent."""
        here = self
        for name in components:
            found = here.get(name)
            if found is None:
                found = Directory()
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


def path_of(object: Object) -> str:
    """The whole name of an object that has one, of the root a backslash."""
    return object.full_name() or "\\"


def find(
    root: Directory,
    start: Directory,
    components: tuple[str, ...],
    follow_last: bool = True,
    case_blind: bool = True,
) -> Found:
    """Walk from `start` until an object that is no directory; links go on from `root`.

    OBJECT_NAME_NOT_FOUND for the last name, OBJECT_PATH_NOT_FOUND for one before, which may not be a leaf object either;
    OBJECT_NAME_INVALID for an empty one in a directory.
    """
    here: Object = start
    remaining = list(components)
    links = 0
    while remaining and isinstance(here, Directory):
        name = remaining.pop(0)
        if not name:
            raise Failure(Status.OBJECT_NAME_INVALID)
        child = here.get(name, case_blind)
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
