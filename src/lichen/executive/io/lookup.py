"""The walk along a list of names: the one place where paths of both worlds become Locations.

A warm component costs one dictionary access and a few attribute tests; everything rare (dots, symlinks, the cold cache,
restrictions) is in a function of its own. Names are component tuples: an absolute path starts at `context.root`, and a
trailing slash is the flag DIRECTORY.
"""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.location import Location
from lichen.executive.security import modes
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status

MOST_LINKS: Final = 40
MOST_NAMES_OF_LINKS: Final = 1024
"""Names that all links of one walk may add: 40 links of the longest targets would hold up everybody for most of a second."""
LONGEST_NAME: Final = 255
_MOST_NAMES: Final = 16384


class Walk:
    """How to walk."""

    FOLLOW: Final = 0x1
    """Follow a symlink at the end too."""
    CASE_BLIND: Final = 0x2
    DIRECTORY: Final = 0x4
    """What is at the end must be a directory: a trailing slash. Implies FOLLOW."""
    BENEATH: Final = 0x8
    """Never leave the start (RESOLVE_BENEATH): NOT_SAME_DEVICE."""
    IN_ROOT: Final = 0x10
    """The start is the root (RESOLVE_IN_ROOT)."""
    NO_SYMLINKS: Final = 0x20
    NO_MAGIC_LINKS: Final = 0x40
    NO_CROSSING: Final = 0x80
    """Never enter another mount (RESOLVE_NO_XDEV): NOT_SAME_DEVICE."""
    NAME: Final = 0x100
    """The last name itself is meant, to be made, removed or renamed: DIRECTORY neither follows it nor fails."""
    RESTRICTED: Final = BENEATH | IN_ROOT | NO_SYMLINKS | NO_MAGIC_LINKS | NO_CROSSING


_CHECKING: Final = Walk.DIRECTORY | Walk.NAME


class Written(str):
    """A name that its caller writes otherwise than file systems have it, `stored`; None when no file can have it (013)."""

    __slots__ = ("stored",)
    stored: str | None

    def __new__(cls, name: str, stored: str | None) -> Written:
        written = super().__new__(cls, name)
        written.stored = stored
        return written


def stored(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names as file systems have them; OBJECT_NAME_INVALID when no file can have one, or they are more than any name has."""
    found: tuple[str | None, ...] = names
    if Written in map(type, names):
        found = tuple(name.stored if isinstance(name, Written) else name for name in names)
    if None in found or len(found) > _MOST_NAMES:
        raise Failure(Status.OBJECT_NAME_INVALID)
    return cast(tuple[str, ...], found)


class WalkEnd(NamedTuple):
    """Where a walk ended: a directory, the last name in it, and what is there (None: nothing).

    The name is `.` when the walk ended at a directory without naming it (no components, or dots at the end).
    """

    parent: Location
    name: str
    location: Location | None


def find(
    context: FileSystemContext, start: Location, components: tuple[str, ...], flags: int = Walk.FOLLOW
) -> Location:
    """The existing place that `components` lead to from `start`.

    OBJECT_NAME_NOT_FOUND, OBJECT_PATH_NOT_FOUND, NOT_A_DIRECTORY, ACCESS_DENIED, REPARSE_POINT_NOT_RESOLVED (too many
    links), NAME_TOO_LONG.
    """
    location = find_entry(context, start, components, flags).location
    if location is None:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    return location


def find_entry(
    context: FileSystemContext, start: Location, components: tuple[str, ...], flags: int = 0
) -> WalkEnd:
    """As `find`, but the last name need not exist."""
    for pending, learn in context.root.node.file_system.devices.outside:
        if told := pending(0, 1):
            learn(told)
    if flags & Walk.RESTRICTED or not components:
        return _Slowly(context, start, flags).walk(start, components)
    everywhere = context.token.overrides
    follow = flags & Walk.FOLLOW or flags & _CHECKING == Walk.DIRECTORY
    parent = location = start
    last = "."
    index = links = names = 0
    while index < len(components):
        name = components[index]
        if not (everywhere or location.node.everyone_searches):
            _check_search(context.token, location)
        cached = location.children.get(name)
        child = cached() if cached is not None else None
        if child is None:
            return _Slowly(context, start, flags, links, names).walk(location, components[index:])
        index += 1
        if child.node.kind == Kind.SYMLINK and (index < len(components) or follow):
            target = child.target
            links += 1
            if target is None or links > MOST_LINKS:
                slowly = _Slowly(context, start, flags, links - 1, names)
                return slowly.walk(location, components[index - 1 :])
            if (names := names + len(target.components)) > MOST_NAMES_OF_LINKS:
                raise Failure(Status.REPARSE_POINT_NOT_RESOLVED)
            components, index = target.components + components[index:], 0
            if target.absolute:
                location = context.root
            parent, last = location, "."
            continue
        if child.mounted is not None:
            child = child.inner()
        parent, location, last = location, child, name
    if flags & _CHECKING == Walk.DIRECTORY and location.node.kind != Kind.DIRECTORY:
        raise Failure(Status.NOT_A_DIRECTORY)
    return WalkEnd(parent, last, location)


def _check_search(token: Token, location: Location) -> None:
    if location.node.kind != Kind.DIRECTORY:
        raise Failure(Status.NOT_A_DIRECTORY)
    modes.check(token, location.node.attributes(), modes.EXECUTE, directory=True)


class _Slowly:
    """A walk that met something rare."""

    def __init__(
        self, context: FileSystemContext, start: Location, flags: int, links: int = 0, names: int = 0
    ) -> None:
        self.context, self.start, self.flags = context, start, flags
        self.root = start if flags & Walk.IN_ROOT else context.root
        self.links, self.names = links, names
        self.must_be_directory = flags & _CHECKING == Walk.DIRECTORY

    def walk(self, location: Location, components: tuple[str, ...]) -> WalkEnd:
        """Go on from `location`, to which the walk has come already."""
        remaining = list(reversed(components))
        entry = WalkEnd(location, ".", location)
        while remaining:
            name = remaining.pop()
            entry = self.step(entry.location, name)
            if entry.location is None:
                if remaining:
                    raise Failure(Status.OBJECT_PATH_NOT_FOUND)
                return entry
            follows = remaining or self.must_be_directory or self.flags & Walk.FOLLOW
            if entry.location.node.kind == Kind.SYMLINK and follows:
                entry = self.through_link(entry, remaining)
        if (
            self.must_be_directory
            and entry.location is not None
            and entry.location.node.kind != Kind.DIRECTORY
        ):
            raise Failure(Status.NOT_A_DIRECTORY)
        return entry

    def step(self, location: Location | None, name: str) -> WalkEnd:
        """One name further."""
        assert location is not None
        if location.node.kind != Kind.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)
        if not location.node.everyone_searches:
            _check_search(self.context.token, location)
        if name == ".":
            return WalkEnd(location, ".", location)
        if name == "..":
            above = self.above(location)
            return WalkEnd(above, ".", above)
        check_name(name)
        child = location.child(name, bool(self.flags & Walk.CASE_BLIND))
        if child is None:
            return WalkEnd(location, name, None)
        if child.mounted is not None:
            if self.flags & Walk.NO_CROSSING:
                raise Failure(Status.NOT_SAME_DEVICE)
            return WalkEnd(location, child.name, child.inner())
        return WalkEnd(location, child.name, child)

    def above(self, location: Location) -> Location:
        if location is self.start and self.flags & Walk.BENEATH:
            raise Failure(Status.NOT_SAME_DEVICE)
        above = location.up(self.root)
        if self.flags & Walk.NO_CROSSING and above.mount is not location.mount:
            raise Failure(Status.NOT_SAME_DEVICE)
        return above

    def through_link(self, entry: WalkEnd, remaining: list[str]) -> WalkEnd:
        """Where a symlink leads; the names in it are put before the remaining ones."""
        assert entry.location is not None
        self.links += 1
        if self.links > MOST_LINKS or self.flags & Walk.NO_SYMLINKS:
            raise Failure(Status.REPARSE_POINT_NOT_RESOLVED)
        link = entry.location.node
        jump = link.follow(self.context.token)
        if jump is not None:
            self.check_jump(jump)
            return WalkEnd(jump.parent or jump, jump.name if jump.parent else ".", jump)
        target = link.target()
        if not target.absolute and not target.components:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        self.names += len(target.components)
        if self.names > MOST_NAMES_OF_LINKS:
            raise Failure(Status.REPARSE_POINT_NOT_RESOLVED)
        if link.file_system.stable and not target.directory:
            entry.location.target = target
        if target.directory and not remaining:
            self.must_be_directory = True
        remaining.extend(reversed(target.components))
        if not target.absolute:
            return WalkEnd(entry.parent, ".", entry.parent)
        if self.flags & Walk.BENEATH or (
            self.flags & Walk.NO_CROSSING and self.root.mount is not entry.location.mount
        ):
            raise Failure(Status.NOT_SAME_DEVICE)
        return WalkEnd(self.root, ".", self.root)

    def check_jump(self, jump: Location) -> None:
        if self.flags & Walk.NO_MAGIC_LINKS:
            raise Failure(Status.REPARSE_POINT_NOT_RESOLVED)
        if self.flags & (Walk.BENEATH | Walk.IN_ROOT | Walk.NO_CROSSING):
            raise Failure(Status.NOT_SAME_DEVICE)


def check_name(name: str) -> None:
    """Refuse what no file system stores: NAME_TOO_LONG; OBJECT_NAME_INVALID, also for text with lone surrogates."""
    try:
        size = len(name) if name.isascii() else len(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise Failure(Status.OBJECT_NAME_INVALID) from None
    if size > LONGEST_NAME:
        raise Failure(Status.NAME_TOO_LONG)
    if not name or "/" in name or "\0" in name:
        raise Failure(Status.OBJECT_NAME_INVALID)
