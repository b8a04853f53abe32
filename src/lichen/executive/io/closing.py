"""What the last close of a file brings to its end: names that were to go then (NT: delete on close; Unix: none).

Whether somebody may delete was asked when the file was opened, or was marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.io import watch
from lichen.executive.io.attributes import Kind
from lichen.executive.io.opening import Options
from lichen.executive.status import Failure

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.location import Location


def finish_delete(file: File) -> None:
    """A file that was to be deleted at its last close was closed; the right to do so was checked at the open."""
    node, location = file.node, file.location
    node.delete_pending = True
    if node.files and not file.options & Options.POSIX:
        return
    node.delete_pending = False
    if location.deleted or location.parent is None:
        return
    try:
        remove_entry(location)
    except Failure:
        return


def remove_entry(location: Location) -> None:
    """Take a name out of its directory, without asking who wants it."""
    parent, node = location.parent, location.node
    assert parent is not None
    if node.kind == Kind.DIRECTORY:
        parent.node.rmdir(location.name, node)
    else:
        parent.node.unlink(location.name, node)
    if node.file_system.devices.watches:
        watch.notify_removed(location)
    location.removed()
