"""What the mode bits, the sticky bit and a read-only file system say about names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.io.attributes import SET_GID, STICKY, Kind
from lichen.executive.io.location import Location
from lichen.executive.io.node import Node
from lichen.executive.io.opening import Share
from lichen.executive.security import modes
from lichen.executive.security.tokens import Capability, Token
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.io.file import File


def check_writable(node: Node) -> None:
    """MEDIA_WRITE_PROTECTED when the file system is read-only."""
    if node.file_system.read_only:
        raise Failure(Status.MEDIA_WRITE_PROTECTED)


def check_add(token: Token, directory: Location) -> None:
    """Whether `token` may add names to a directory; one that is removed takes none."""
    if directory.deleted:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    if directory.node.kind != Kind.DIRECTORY:
        raise Failure(Status.NOT_A_DIRECTORY)
    check_writable(directory.node)
    if not token.overrides:
        attributes = directory.node.attributes()
        modes.check(token, attributes, modes.WRITE | modes.EXECUTE, directory=True)


def check_remove(token: Token, directory: Location, node: Node) -> None:
    """Whether `token` may take the name of `node` out of a directory."""
    check_writable(directory.node)
    attributes = directory.node.attributes()
    modes.check(token, attributes, modes.WRITE | modes.EXECUTE, directory=True)
    if (
        attributes.mode & STICKY
        and token.fsuid not in (attributes.uid, node.attributes().uid)
        and not token.has(Capability.FOWNER)
    ):
        raise Failure(Status.PRIVILEGE_NOT_HELD)


def check_no_denial(location: Location, by: File | None = None) -> None:
    """ACCESS_DENIED when a Windows open forbids deletion where that binds Linux programs too (G23).

    `by` is the open file, if any, through which the object is moved: what it denies binds the others.
    """
    node = location.node
    enforced = node.denials and location.mount is not None and location.mount.enforces_sharing
    if enforced and any(not file.share & Share.DELETE for file in node.files if file is not by):
        raise Failure(Status.ACCESS_DENIED)


def ownership(token: Token, directory: Node, kind: int, mode: int, umask: int) -> tuple[int, int, int]:
    """(mode, uid, gid) of a new object: in a set-group-id directory the group, and on directories the bit, are inherited."""
    mode &= ~umask
    above = directory.attributes()
    if not above.mode & SET_GID:
        return mode, token.fsuid, token.fsgid
    if kind == Kind.DIRECTORY:
        mode |= SET_GID
    elif mode & 0o2010 == 0o2010 and not token.member_of(above.gid) and not token.has(Capability.FSETID):
        mode &= ~SET_GID
    return mode, token.fsuid, above.gid
