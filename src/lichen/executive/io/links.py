"""Whether a symlink counts as a directory, which only NT asks (reparse points).

Linux knows a link by its text alone. NT asks in addition whether it is a directory, which it is where it leads to one now;
of a link that leads nowhere yet, a slash at the end of its text tells.
"""

from __future__ import annotations

from lichen.executive.io.attributes import Attributes, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.location import Location
from lichen.executive.io.lookup import Walk, find
from lichen.executive.status import Failure


def behind(context: FileSystemContext, link: Location) -> Attributes | None:
    """The attributes of what a symlink leads to, seen as NT looks; None when it leads nowhere."""
    if link.parent is None:
        return None
    try:
        found = find(context, link.parent, (link.name,), Walk.FOLLOW | Walk.CASE_BLIND)
        return found.node.attributes()
    except Failure:
        return None


def leads_to_directory(context: FileSystemContext, link: Location) -> bool:
    """Whether a symlink is one to a directory."""
    found = behind(context, link)
    if found is not None:
        return found.kind == Kind.DIRECTORY
    try:
        return link.node.target().directory
    except Failure:
        return False
