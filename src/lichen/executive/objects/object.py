"""What a handle can refer to (NT: Ob).

Objects count their references by hand: whether the last end of a pipe is closed is something that guests observe, so it
may not wait for Python's collector. A reference is owned by whoever made the object or called `reference`, and is either
given to a handle table or given back by `release`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from lichen.executive.objects.rights import STATE, Rights
from lichen.executive.security.access import Guarded
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.opening import Open
    from lichen.executive.io.requests import NewPipe
    from lichen.executive.objects.namespace import Directory
    from lichen.executive.processes import Process, Thread
    from lichen.executive.registry import Key
    from lichen.executive.security.descriptors import Descriptor
    from lichen.executive.security.tokens import Token
    from lichen.executive.wait import Blocks, Waitable

ObjectT = TypeVar("ObjectT", bound="Object")


class Object(Guarded):
    """A kernel object: born with one reference, which belongs to its maker."""

    __slots__ = ("__weakref__", "named", "references")

    type_name: ClassVar[str] = "Object"
    """The name of its NT object type."""
    rights: ClassVar[Rights] = STATE

    def __init__(self) -> None:
        self.references = 1
        self.named: tuple[Directory, str] | None = None
        """The directory of the namespace that it is in, and its name there."""
        self.maker: Token | None = None
        self.security: Descriptor | None = None

    def reference(self: ObjectT) -> ObjectT:
        """Take one more reference, and return the object."""
        self.references += 1
        return self

    def release(self) -> None:
        """Give one reference back; the last one calls `closed`."""
        self.references -= 1
        if self.references == 0:
            if self.named is not None:
                self.named[0].remove(self)
            self.closed()

    @property
    def waitable(self) -> Waitable:
        """What a wait for the object looks at; OBJECT_TYPE_MISMATCH for one that nobody can wait for."""
        raise Failure(Status.OBJECT_TYPE_MISMATCH)

    @property
    def identity(self) -> object:
        """What the object stands for in the end."""
        return self

    @property
    def plain(self) -> Object:
        """What others get to see in the object's place, where it is one world's way to something that both have."""
        return self

    def full_name(self) -> str | None:
        """The name in the namespace, empty for what has none there; None for a file, which is named by its place."""
        names: list[str] = []
        here: Object = self
        while here.named is not None:
            here, name = here.named
            names.append(name)
        return "".join(f"\\{name}" for name in reversed(names))

    def open_relative(
        self, process: Process, rest: tuple[str, ...], open: Open
    ) -> File | Blocks[File] | None:
        """Open what a name means below the object; None: it is one of files, below this one's place. OBJECT_TYPE_MISMATCH."""
        raise Failure(Status.OBJECT_TYPE_MISMATCH)

    def create_pipe(self, process: Process, name: str, open: Open, new: NewPipe) -> File:
        """Make an instance of the pipe that a name means below the object; OBJECT_NAME_INVALID for what has no pipes."""
        raise Failure(Status.OBJECT_NAME_INVALID)

    def key_below(self, process: Process, rest: tuple[str, ...]) -> tuple[Key, tuple[str, ...]]:
        """The key at which the tree of keys begins, and the names of it that `rest` means; OBJECT_TYPE_MISMATCH."""
        raise Failure(Status.OBJECT_TYPE_MISMATCH)

    def signal(self, thread: Thread, access: int) -> None:
        """Signal, as who holds a handle with these rights; OBJECT_TYPE_MISMATCH for what cannot be signalled so."""
        raise Failure(Status.OBJECT_TYPE_MISMATCH)

    def closed(self) -> None:
        """The last reference is gone: undo what the object's existence means to others."""

    def handle_closed(self, owner: object) -> None:
        """One handle of the table `owner` was closed, which may not be the last one."""
