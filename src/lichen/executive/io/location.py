"""The one tree of names: every place that was looked at lately, over all mounted file systems (Unix: dentry and mount).

A Location is a name in a directory together with the node found there. Locations are unique: as long as anybody holds the
Location of a place, lookups of that place return it, so a rename or a removal is seen by every open file and every current
folder. What others may have changed (`outside`) is doubtful until the driver was asked once more. Children refer to their
parent; a parent knows its children weakly, and each mount keeps the last few thousand Locations alive. So the cache is bounded
without anybody having to count users.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import ref

from lichen.executive.io.attributes import Kind

if TYPE_CHECKING:
    from lichen.executive.io.node import FileSystem, Node, Target

_MISSES_KEPT: Final = 1024
_INDEXES_KEPT: Final = 64


class Place(NamedTuple):
    """Where a Location is, seen from some root: `reachable` is False when it is not below that root."""

    components: tuple[str, ...]
    reachable: bool
    deleted: bool


def fold(name: str) -> str:
    """The form in which names are the same to those who are blind to case: NT upcases character by character."""
    if name.isascii():
        return name.upper()
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in name)


class Mount:
    """A file system in the tree. `source` and `options` are for /proc/mounts.

    `enforces_sharing` makes Linux opens meet the share modes of Windows opens; `case_blind` makes every lookup in it blind.
    """

    def __init__(self, file_system: FileSystem, source: str, options: str = "rw") -> None:
        self.file_system, self.source, self.options = file_system, source, options
        self.point: Location | None = None
        self.enforces_sharing = False
        self.no_exec = self.no_devices = False
        self.recent: deque[Location] = deque(maxlen=file_system.names_kept)
        self.indexed: deque[Location] = deque()
        """The directories whose names are known to the case-blind, the latest last."""
        self.root = Location(self, None, "", file_system.root)

    @property
    def read_only(self) -> bool:
        return self.file_system.read_only

    def attach(self, point: Location) -> None:
        """Cover `point` with the root of this mount."""
        self.point, point.mounted = point, self

    def detach(self) -> None:
        """Uncover the mount point again."""
        if self.point is not None:
            self.point.mounted = None
            self.point = None


class Location:
    """One place. `parent` is None for the root of a mount and for what never had a name (pipes, sockets)."""

    __slots__ = (
        "__weakref__",
        "_absent",
        "_doubtful",
        "_spellings",
        "children",
        "deleted",
        "mount",
        "mounted",
        "name",
        "node",
        "parent",
        "reference",
        "target",
    )

    def __init__(self, mount: Mount | None, parent: Location | None, name: str, node: Node) -> None:
        self.mount, self.parent, self.name, self.node = mount, parent, name, node
        self.mounted: Mount | None = None
        self.deleted = False
        self.reference = ref(self)
        self.children: dict[str, ref[Location]] = {}
        """The known names that the driver vouches for: the walk looks here by itself, and calls `child` for the rest."""
        self._doubtful: dict[str, ref[Location]] | None = None
        """Those that the driver must be asked about before they are used."""
        self.target: Target | None = None
        """Where a symlink leads, once it was followed; asked for again with its name."""
        if node.kind == Kind.DIRECTORY:
            node.place = self.reference
        self._absent: set[str] | None = None
        self._spellings: dict[str, tuple[str, ...]] | None = None
        """The names of a directory that is vouched for by their folded forms, once one blind to case missed something."""

    def __repr__(self) -> str:
        return f"<Location {'/'.join(self.place(None).components)}>"

    def __del__(self) -> None:
        if self.parent is not None:
            self.parent._leave(self)

    # ---- looking

    def child(self, name: str, case_blind: bool = False) -> Location | None:
        """The place of a name in this directory, by the cache or the driver; None when there is no such name.

        `.` and `..` are not known here. NOT_A_DIRECTORY when this is none.
        """
        cached = self.children.get(name)
        if cached is not None and (child := cached()) is not None:
            return child
        if self.deleted:
            return None
        if not self.node.keeps_names():
            return self._revalidate(name, case_blind)
        if self._doubtful and name in self._doubtful and (child := self._revalidate(name, False)) is not None:
            return child
        if case_blind and self._spellings is not None:
            return self._spelled(name)
        if self._absent is not None and name in self._absent:
            return self._spelled(name) if case_blind else None
        found = self.node.lookup(name)
        if found is None:
            self._remember_absent(name)
            return self._spelled(name) if case_blind else None
        child = Location(self.mount, self, *found)
        self.children[child.name] = child.reference
        if self.mount is not None:
            self.mount.recent.append(child)
        return child

    def _spelled(self, name: str) -> Location | None:
        """The place of a name as it is spelled here: exactly so, or else the first that is the same to the case-blind."""
        if self._spellings is None:
            self._index()
        assert self._spellings is not None
        names = self._spellings.get(fold(name))
        if names is None:
            return None
        return self.child(name if name in names else min(names))

    def _index(self) -> None:
        """Learn all names at once: reading the directory for each that is missing would make many files a long wait."""
        names = [entry.name for entry in self.node.entries()]
        self._spellings = {}
        for name in names:
            self._came(name)
        if self.mount is not None:
            self.mount.indexed.append(self)
            if len(self.mount.indexed) > _INDEXES_KEPT:
                self.mount.indexed.popleft()._spellings = None

    def _revalidate(self, name: str, case_blind: bool) -> Location | None:
        """Ask the driver, and keep the known Location when it still tells the truth."""
        found = self.node.lookup(name, case_blind)
        true_name, node = found or (name, None)
        cached = self._doubtful.get(true_name) if self._doubtful else None
        child = cached() if cached is not None else None
        if child is not None:
            if child.node is node or child.mounted is not None:
                child.target = None
                self._leave(child)
                self._cache()[true_name] = child.reference
                return child
            child.removed()
            child.node.vanished()
        return None if node is None else self._adopt(true_name, node)

    def doubt(self, name: str | None) -> None:
        """Others may have changed what is at a name, or at any (None): the driver is asked before it is used again."""
        if self._spellings is not None:
            self._spellings = None
            if self.mount is not None:
                self.mount.indexed.remove(self)
        if name is None:
            self._absent = None
            self._doubtful = {**(self._doubtful or {}), **self.children}
            self.children = {}
            return
        if self._absent:
            self._absent.discard(name)
        known = self.children.pop(name, None)
        if known is not None:
            self._doubtful = self._doubtful or {}
            self._doubtful[name] = known

    def _remember_absent(self, name: str) -> None:
        if self._absent is None:
            self._absent = set()
        elif len(self._absent) >= _MISSES_KEPT:
            self._absent.clear()
        self._absent.add(name)

    def _adopt(self, name: str, node: Node) -> Location:
        child = Location(self.mount, self, name, node)
        self._enter(child)
        return child

    def _enter(self, child: Location) -> None:
        self._cache()[child.name] = child.reference
        if child.mount is not None:
            child.mount.recent.append(child)

    def _cache(self) -> dict[str, ref[Location]]:
        """Where a name belongs that was seen just now."""
        if self.node.keeps_names():
            return self.children
        if self._doubtful is None:
            self._doubtful = {}
        return self._doubtful

    def _leave(self, child: Location) -> None:
        """Know a child no longer."""
        if self.children.get(child.name) is child.reference:
            del self.children[child.name]
        elif self._doubtful and self._doubtful.get(child.name) is child.reference:
            del self._doubtful[child.name]

    def up(self, root: Location | None) -> Location:
        """The directory that `..` means here for whoever has `root` as root directory (None: the top of the tree)."""
        location = self
        while location is not root:
            if location.parent is not None:
                return location.parent
            if location.mount is None or location.mount.point is None:
                break
            location = location.mount.point
        return location

    def inner(self) -> Location:
        """This place, or the root of what is mounted over it."""
        location = self
        while location.mounted is not None:
            location = location.mounted.root
        return location

    def place(self, root: Location | None) -> Place:
        """The components that lead from `root` (None: the top of the tree) to here."""
        names: list[str] = []
        location, deleted = self, self.deleted
        while location is not root:
            if location.parent is not None:
                names.append(location.name)
                deleted = deleted or location.deleted
                location = location.parent
            elif location.mount is not None and location.mount.point is not None:
                location = location.mount.point
            else:
                break
        reachable = root is None or location is root
        if location.mount is None:
            names.append(location.name)
        return Place(tuple(reversed(names)), reachable and location.mount is not None, deleted)

    def is_below(self, other: Location) -> bool:
        """Whether `other` is this place or an ancestor of it."""
        location: Location | None = self
        while location is not None:
            if location is other:
                return True
            location = location.parent or (location.mount.point if location.mount else None)
        return False

    # ---- what the I/O manager did to a name

    def added(self, name: str, node: Node) -> Location:
        """A new name was made in this directory."""
        self._came(name)
        return self._adopt(name, node)

    def removed(self) -> None:
        """The name is gone; whoever holds this Location keeps the node."""
        if self.parent is not None and not self.deleted:
            self.parent._leave(self)
            self.parent._went(self.name)
        self.deleted = True

    def moved(self, parent: Location, name: str) -> None:
        """The name was renamed to `name` in `parent`; what was there has been told `removed`."""
        self.removed()
        self.parent, self.name, self.deleted = parent, name, False
        parent._came(name)
        parent._enter(self)

    def exchanged(self, other: Location) -> None:
        """This place and `other` have changed their names."""
        here, there = (self.parent, self.name), (other.parent, other.name)
        self.removed()
        other.removed()
        for location, (parent, name) in ((self, there), (other, here)):
            assert parent is not None
            location.moved(parent, name)

    def _came(self, name: str) -> None:
        """A name is here now."""
        if self._absent:
            self._absent.discard(name)
        if self._spellings is not None:
            folded = fold(name)
            known = self._spellings.get(folded, ())
            if name not in known:
                self._spellings[folded] = (*known, name)

    def _went(self, name: str) -> None:
        """A name is here no longer."""
        if self._spellings is not None:
            folded = fold(name)
            left = tuple(other for other in self._spellings.get(folded, ()) if other != name)
            if left:
                self._spellings[folded] = left
            else:
                self._spellings.pop(folded, None)


def anonymous(name: str, node: Node) -> Location:
    """The place of an object that never had a name in the tree: `pipe:[123]`."""
    return Location(None, None, name, node)


def is_directory(location: Location) -> bool:
    return location.node.kind == Kind.DIRECTORY
