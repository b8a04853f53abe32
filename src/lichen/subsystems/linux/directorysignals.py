"""F_NOTIFY: the owner of an open directory gets a signal when something happens in it, once or always.

Source: fcntl(2) F_NOTIFY.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.io import watch
from lichen.executive.io.attributes import Kind
from lichen.executive.io.watch import Change
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.signaldriven import (
    F_OWNER_PID,
    POLL_MSG,
    OwnerEx,
    Ownership,
    known_ownership,
    ownership_of,
    set_owner,
)

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.node import Node
    from lichen.executive.processes import Thread

DN_ACCESS, DN_MODIFY, DN_CREATE, DN_DELETE, DN_RENAME, DN_ATTRIB = (1 << bit for bit in range(6))
DN_MULTISHOT: Final = 0x8000_0000
_CHANGES: Final = {
    DN_ACCESS: Change.ACCESS,
    DN_MODIFY: Change.MODIFY,
    DN_CREATE: Change.CREATE | Change.MOVED_TO,
    DN_DELETE: Change.DELETE | Change.MOVED_FROM,
    DN_ATTRIB: Change.ATTRIBUTES,
}
_EVENTS: Final = sum(_CHANGES) | DN_RENAME


class Notification:
    """One open directory that is watched: a Watcher of the executive."""

    def __init__(self, ownership: Ownership) -> None:
        self.ownership, self.changes, self.always, self.fd = ownership, 0, False, -1
        self.renamings = False
        self._left = 0
        """The cookie of the latest move out of the directory, which is a renaming when it leads back in."""

    def ask(self, events: int, fd: int) -> None:
        """Watch for more; a signal with data names `fd`."""
        for event, changes in _CHANGES.items():
            self.changes |= changes if events & event else 0
        self.renamings |= bool(events & DN_RENAME)
        self.always |= bool(events & DN_MULTISHOT)
        self.fd = fd
        watch.add(self.ownership.file.node, self)

    def changed(self, node: Node, change: int, name: str | None, cookie: int) -> None:
        """The executive tells of a change."""
        if change & self.changes:
            self._tell()
        if change & Change.MOVED_FROM:
            self._left = cookie
        elif change & Change.MOVED_TO and cookie == self._left and self.renamings:
            self._tell()

    def _tell(self) -> None:
        if self.ownership.notification is not self:
            return
        if not self.always:
            self.stop()
        self.ownership.send(POLL_MSG, self.fd)

    def stop(self) -> None:
        """Watch no longer."""
        file = self.ownership.file
        watch.remove(file.node, self)
        self.ownership.notification = None
        if file.when_closed is not None:
            file.when_closed.pop(self.stop, None)


def notify_of_directory(thread: Thread, fd: int, file: File, argument: int) -> int:
    """F_NOTIFY: ask for signals about a directory, besides what was asked for; no event at all ends it."""
    ownership = known_ownership(file)
    known = ownership.notification if ownership is not None else None
    if not argument & _EVENTS:
        if known is not None:
            known.stop()
        return 0
    if file.node.kind != Kind.DIRECTORY:
        raise Failure(Status.NOT_A_DIRECTORY)
    ownership = ownership_of(thread, file)
    if not ownership.owner.pid:
        set_owner(thread, file, OwnerEx(F_OWNER_PID, thread.process.id))
    if known is None:
        known = ownership.notification = Notification(ownership)
        assert file.when_closed is not None, "whoever has an owner has this"
        file.when_closed[known.stop] = None
    known.ask(argument, fd)
    return 0
