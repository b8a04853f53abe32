"""Changing what is known of an object: mode, owner, times, size, extended attributes, with POSIX's rules of who may."""

from __future__ import annotations

from typing import Final

from lichen.executive.io import watch
from lichen.executive.io.applying import apply_change, check_size
from lichen.executive.io.attributes import SET_GID, AttributeChange, Attributes, Kind, without_set_ids
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.location import Location
from lichen.executive.io.node import Node
from lichen.executive.io.permission import check_writable
from lichen.executive.io.watch import Change
from lichen.executive.security import modes
from lichen.executive.security.tokens import Capability, Token
from lichen.executive.status import Failure, Status

LONGEST_ATTRIBUTE: Final = 65536


def change_attributes(
    context: FileSystemContext, location: Location, change: AttributeChange, to_now: bool = False
) -> None:
    """Change mode, owner, times, flags or size of an object if the caller may.

    `to_now` says that the times in `change` are the present, which whoever may write the file may set.
    PRIVILEGE_NOT_HELD for what is the owner's, ACCESS_DENIED for size and `to_now`.
    """
    token, node = context.token, location.node
    check_writable(node)
    attributes = node.attributes()
    if change.mode is not None:
        modes.check_owner(token, attributes)
        change = change._replace(mode=_allowed_mode(token, attributes, change.mode))
    if change.size is not None:
        modes.check(token, attributes, modes.WRITE)
        check_size(node, change.size)
        if node.image_uses is not None and node.image_uses():
            raise Failure(Status.IMAGE_BUSY)
        mode = without_set_ids(attributes.mode)
        if change.mode is None and mode != attributes.mode and not token.has(Capability.FSETID):
            change = change._replace(mode=mode)
    if change.uid is not None or change.gid is not None:
        change = _change_owner(token, attributes, change)
    if change.accessed is not None or change.modified is not None:
        _check_times(token, attributes, to_now)
    apply_change(location, change)


def _check_times(token: Token, attributes: Attributes, to_now: bool) -> None:
    if token.fsuid == attributes.uid or token.has(Capability.FOWNER):
        return
    if not to_now:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    modes.check(token, attributes, modes.WRITE)


def _allowed_mode(token: Token, attributes: Attributes, mode: int) -> int:
    """A mode without the set-group-id bit where the caller is not in the group."""
    if mode & SET_GID and not token.member_of(attributes.gid) and not token.has(Capability.FSETID):
        mode &= ~SET_GID
    return mode & 0o7777


def _change_owner(token: Token, attributes: Attributes, change: AttributeChange) -> AttributeChange:
    """Check chown(2)'s rules; its side effect on a file is to take set-id bits away."""
    if not token.has(Capability.CHOWN):
        owner = token.fsuid == attributes.uid
        same_uid = change.uid is None or change.uid == attributes.uid
        own_group = change.gid is None or change.gid == attributes.gid or token.member_of(change.gid)
        if not (owner and same_uid and own_group):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
    if attributes.kind == Kind.DIRECTORY or change.mode is not None:
        return change
    mode = without_set_ids(attributes.mode)
    return change if mode == attributes.mode else change._replace(mode=mode)


# ---- extended attributes


def get_attribute(context: FileSystemContext, location: Location, name: str) -> bytes:
    """The value of an extended attribute; NO_ATTRIBUTE when there is none, NOT_SUPPORTED for an unknown kind of name."""
    _check_attribute(context.token, location.node, name, modes.READ)
    return location.node.get_attribute(name)


def set_attribute(
    context: FileSystemContext, location: Location, name: str, value: bytes, create: bool, replace: bool
) -> None:
    """Set an extended attribute; `create`: OBJECT_NAME_COLLISION when it exists, `replace`: NO_ATTRIBUTE if not."""
    node = location.node
    check_writable(node)
    _check_attribute(context.token, node, name, modes.WRITE)
    if len(value) > LONGEST_ATTRIBUTE:
        raise Failure(Status.INVALID_BUFFER_SIZE)
    if create or replace:
        exists = name in node.list_attributes()
        if create and exists:
            raise Failure(Status.OBJECT_NAME_COLLISION)
        if replace and not exists:
            raise Failure(Status.NO_ATTRIBUTE)
    node.set_attribute(name, value)
    if node.file_system.devices.watches:
        watch.notify(location, Change.ATTRIBUTES)


def remove_attribute(context: FileSystemContext, location: Location, name: str) -> None:
    """Remove an extended attribute; NO_ATTRIBUTE when there is none."""
    check_writable(location.node)
    _check_attribute(context.token, location.node, name, modes.WRITE)
    location.node.remove_attribute(name)
    if location.node.file_system.devices.watches:
        watch.notify(location, Change.ATTRIBUTES)


def _check_attribute(token: Token, node: Node, name: str, wanted: int) -> None:
    """The rules of xattr(7): `user.` by the mode of files and directories only, `trusted.` for administrators."""
    kind, dot, rest = name.partition(".")
    if len(name.encode("utf-8", "surrogateescape")) > 255:
        raise Failure(Status.OUT_OF_RANGE)
    if not dot or not rest:
        raise Failure(Status.NOT_SUPPORTED)
    if kind == "trusted":
        if not token.has(Capability.SYS_ADMIN):
            raise Failure(Status.NO_ATTRIBUTE if wanted == modes.READ else Status.PRIVILEGE_NOT_HELD)
    elif kind == "security":
        if wanted == modes.WRITE and not token.has(Capability.SYS_ADMIN):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
    elif kind == "user":
        if node.kind not in (Kind.REGULAR, Kind.DIRECTORY):
            raise Failure(Status.NO_ATTRIBUTE if wanted == modes.READ else Status.PRIVILEGE_NOT_HELD)
        modes.check(token, node.attributes(), wanted, node.kind == Kind.DIRECTORY)
    else:
        raise Failure(Status.NOT_SUPPORTED)
