"""What a handle can refer to (NT: Ob).

Objects count their references by hand: whether the last end of a pipe is closed is something that guests observe, so it
may not wait for Python's collector. A reference is owned by whoever made the object or called `reference`, and is either
given to a handle table or given back by `release`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

ObjectT = TypeVar("ObjectT", bound="Object")


class Object:
    """A kernel object: born with one reference, which belongs to its maker."""

    __slots__ = ("__weakref__", "forget_name", "references")

    type_name: ClassVar[str] = "Object"
    """The name of its NT object type."""

    def __init__(self) -> None:
        self.references = 1
        self.forget_name: Callable[[], None] | None = None
        """Takes the object's name out of the namespace, when it has one."""

    def reference(self: ObjectT) -> ObjectT:
        """Take one more reference, and return the object."""
        self.references += 1
        return self

    def release(self) -> None:
        """Give one reference back; the last one calls `closed`."""
        self.references -= 1
        if self.references == 0:
            if self.forget_name is not None:
                self.forget_name()
            self.closed()

    def closed(self) -> None:
        """The last reference is gone: undo what the object's existence means to others."""

    def handle_closed(self, owner: object) -> None:
        """One handle of the table `owner` was closed, which may not be the last one."""
