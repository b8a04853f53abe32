"""Telling those who watch a node what happens to it (inotify, NtNotifyChangeDirectoryFile).

Most of the time nobody watches anything, so `active` is tested before all else: an operation pays one attribute access.
It is for every machine in this process; a wrong guess costs a look at the node.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from lichen.executive.io.attributes import Kind

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.io.node import Node


class Change:
    """What happened, in the bits of inotify(7)."""

    ACCESS: Final = 0x1
    MODIFY: Final = 0x2
    ATTRIBUTES: Final = 0x4
    CLOSE_WRITE: Final = 0x8
    CLOSE_NO_WRITE: Final = 0x10
    OPEN: Final = 0x20
    MOVED_FROM: Final = 0x40
    MOVED_TO: Final = 0x80
    CREATE: Final = 0x100
    DELETE: Final = 0x200
    DELETE_SELF: Final = 0x400
    MOVE_SELF: Final = 0x800
    UNMOUNT: Final = 0x2000
    IS_DIRECTORY: Final = 0x4000_0000


class Watcher(Protocol):
    """Whoever wants to know what happens to a node or to the names in it."""

    def changed(self, node: Node, change: int, name: str | None, cookie: int) -> None:
        """`name` is None for the watched node itself; `cookie` pairs MOVED_FROM with MOVED_TO."""


active: Final[dict[tuple[Node, Watcher], None]] = {}
"""Who watches what, in all: empty most of the time."""
_cookies: Final = count(1)


def add(node: Node, watcher: Watcher) -> None:
    """Start telling `watcher` about `node`, which is kept alive for it; a second time changes nothing."""
    if (node, watcher) not in active:
        active[node, watcher] = None
        node.watchers = [*(node.watchers or ()), watcher]


def remove(node: Node, watcher: Watcher) -> None:
    """Stop telling `watcher` about `node`; nothing happens when it was not watching."""
    if (node, watcher) in active:
        del active[node, watcher]
        node.watchers = [other for other in node.watchers or () if other is not watcher] or None


def notify(location: Location, change: int, cookie: int = 0) -> None:
    """Something happened to the object at `location`: tell its watchers and those of its directory."""
    if not active:
        return
    if location.node.kind == Kind.DIRECTORY:
        change |= Change.IS_DIRECTORY
    tell(location.node, change, None, cookie)
    if location.parent is not None and not location.deleted:
        tell(location.parent.node, change, location.name, cookie)


def tell(node: Node, change: int, name: str | None, cookie: int = 0) -> None:
    """Tell the watchers of one node."""
    if node.watchers is not None:
        for watcher in node.watchers:
            watcher.changed(node, change, name, cookie)


def notify_name(location: Location, change: int, cookie: int = 0) -> None:
    """A name came or is about to go: tell only those who watch its directory."""
    if location.parent is not None:
        if location.node.kind == Kind.DIRECTORY:
            change |= Change.IS_DIRECTORY
        tell(location.parent.node, change, location.name, cookie)


def notify_removed(location: Location) -> None:
    """A name has been removed from its directory, but not yet from the tree of names."""
    notify_name(location, Change.DELETE)
    node = location.node
    if node.watchers is None:
        return
    if node.kind != Kind.DIRECTORY:
        tell(node, Change.ATTRIBUTES, None)
        if node.files or node.attributes().links:
            return
    tell(node, Change.DELETE_SELF, None)


def new_cookie() -> int:
    """A number that ties the two events of one move together."""
    return next(_cookies) & 0xFFFF_FFFF
