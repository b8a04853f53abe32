"""Changing an object for one whose right to do so was checked when it was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.io import watch
from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.watch import Change
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.io.node import Node

LARGEST_FILE: Final = (1 << 63) - 1


def apply_change(location: Location, change: AttributeChange) -> None:
    """Change attributes for one whose right to it was checked, when a handle with that access was opened (NT)."""
    location.node.change(change)
    if location.node.file_system.devices.watches:
        what = Change.ATTRIBUTES if change.size is None else Change.MODIFY
        watch.notify(location, what)


def check_size(node: Node, size: int) -> None:
    """Whether a node can be given this size at all."""
    if node.kind == Kind.DIRECTORY:
        raise Failure(Status.FILE_IS_A_DIRECTORY)
    if node.kind != Kind.REGULAR or size < 0:
        raise Failure(Status.INVALID_PARAMETER)
    if size > LARGEST_FILE:
        raise Failure(Status.FILE_TOO_LARGE)


def truncate(location: Location, size: int) -> None:
    """Set the size of an object that the caller has opened for writing."""
    check_size(location.node, size)
    apply_change(location, AttributeChange(size=size))
