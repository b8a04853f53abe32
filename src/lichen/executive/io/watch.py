"""Telling those who watch a node what happens to it (inotify, NtNotifyChangeDirectoryFile).

Most of the time nobody on the machine watches anything, so an operation tests `Devices.watches` of its node before all else.
"""

from __future__ import annotations

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
    OVERFLOW: Final = 0x4000
    """More than can be told."""
    IS_DIRECTORY: Final = 0x4000_0000
    UNLINKED: Final = 0x1_0000
    """No bit of inotify's. With a name: it is the object's no longer, which goes on while it is open; else: the last name of
    the watched object is gone."""


class Watcher(Protocol):
    """Whoever wants to know what happens to a node or to the names in it."""

    def changed(self, node: Node, change: int, name: str | None, cookie: int) -> None:
        """`name` is None for the watched node itself; `cookie` pairs MOVED_FROM with MOVED_TO."""


class WatchShare:
    """What one user of a machine has of the watches that there are; it lasts as long as somebody refers to it."""

    __slots__ = ("__weakref__", "watchers", "watches")

    def __init__(self) -> None:
        self.watchers = self.watches = 0


def add(node: Node, watcher: Watcher) -> None:
    """Start telling `watcher` about `node`, which is kept alive for it; a second time changes nothing."""
    watches = node.file_system.devices.watches
    if (node, watcher) not in watches:
        watches[node, watcher] = None
        begins = node.watchers is None
        node.watchers = [*(node.watchers or ()), watcher]
        if begins:
            node.watched(True)


def remove(node: Node, watcher: Watcher) -> None:
    """Stop telling `watcher` about `node`; nothing happens when it was not watching."""
    watches = node.file_system.devices.watches
    if (node, watcher) in watches:
        del watches[node, watcher]
        node.watchers = [other for other in node.watchers or () if other is not watcher] or None
        if node.watchers is None:
            node.watched(False)


def notify(location: Location, change: int, cookie: int = 0) -> None:
    """Something happened to the object at `location`: tell the watchers of its directory, and then its own."""
    if not location.node.file_system.devices.watches:
        return
    if location.node.kind == Kind.DIRECTORY:
        change |= Change.IS_DIRECTORY
    if location.parent is not None:
        unlinked = Change.UNLINKED if location.deleted else 0
        tell(location.parent.node, change | unlinked, location.name, cookie)
    tell(location.node, change, None, cookie)


def tell(node: Node, change: int, name: str | None, cookie: int = 0) -> None:
    """Tell the watchers of one node what was done to it here."""
    if node.watchers is not None:
        node.changed_here(change, name)
        tell_outside(node, change, name, cookie)


def tell_outside(node: Node, change: int, name: str | None, cookie: int = 0) -> None:
    """Tell the watchers of one node what was done to it without the executive."""
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
    node = location.node
    if node.watchers is not None:
        if node.kind != Kind.DIRECTORY:
            tell(node, Change.ATTRIBUTES, None)
        notify_unlinked(node)
    notify_name(location, Change.DELETE)


def notify_unlinked(node: Node) -> None:
    """A name of the object has gone: perhaps it was the last one, and the object itself goes unless it is open."""
    if node.watchers is not None and _has_no_name(node):
        tell(node, Change.UNLINKED, None)
        notify_closed(node)


def notify_closed(node: Node) -> None:
    """Perhaps nobody has the object open any more: without a name it goes then."""
    if node.watchers is not None and not node.files and _has_no_name(node):
        tell(node, Change.DELETE_SELF, None)


def _has_no_name(node: Node) -> bool:
    """Whether an object of which one name has gone had no other."""
    return node.kind == Kind.DIRECTORY or not node.attributes().links


def new_cookie(moved: Node) -> int:
    """A number that ties the two events of one move together."""
    return next(moved.file_system.devices.moves) & 0xFFFF_FFFF
