"""Objects that are files without ever having had a name: pipes, sockets, and whatever a subsystem makes of its own.

They live in one file system of each machine, so that fstat, /proc/self/fd and reopening work for them as for any node: a
pipe is an unnamed FIFO, opened once for each end by the driver that also answers for FIFOs with a name.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, ClassVar, Final, cast

from lichen.executive.io.attributes import AttributeChange, Attributes, Kind
from lichen.executive.io.location import Location
from lichen.executive.io.node import FileSystem, Node
from lichen.executive.io.opening import Access, Open
from lichen.executive.status import Failure

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.io.device import Devices
    from lichen.executive.io.file import File
    from lichen.executive.security.tokens import Token

NO_KIND: Final = 0
"""The kind of an object that no directory could hold (Linux: anon_inode)."""
_DEVICE: Final = 14
_FIRST_ID: Final = 10
"""netstat takes a socket's id of one digit for none."""
_BLOCK_SIZE: Final = 4096


class AnonymousFileSystem(FileSystem):
    """Where the unnamed objects of a machine are."""

    type: ClassVar[str] = "anonymous"

    def __init__(self, devices: Devices) -> None:
        super().__init__(_DEVICE, devices)
        self._ids = count(_FIRST_ID)

    def place(self, kind: int, label: str, token: Token, mode: int = 0o600) -> Location:
        """A new object; /proc/self/fd shows it as `label:[id]`, or as `anon_inode:label` when it has no kind."""
        id = next(self._ids)
        node = AnonymousNode(self, kind, id, mode, token)
        return Location(None, None, f"{label}:[{id}]" if kind else f"anon_inode:{label}", node)


class AnonymousNode(Node):
    """An object that is nothing but its attributes and what its driver attached to it."""

    __slots__ = ("_attributes",)

    def __init__(self, file_system: AnonymousFileSystem, kind: int, id: int, mode: int, token: Token) -> None:
        super().__init__(file_system, kind)
        now = file_system.devices.now()
        device, uid, gid = file_system.device, token.fsuid, token.fsgid
        self._attributes = Attributes(
            id, device, kind, mode, 1, uid, gid, 0, 0, 0, _BLOCK_SIZE, now, now, now, now
        )

    def attributes(self) -> Attributes:
        return self._attributes

    def change(self, change: AttributeChange) -> None:
        new = {
            name: value for name, value in change._asdict().items() if value is not None and name != "size"
        }
        self._attributes = self._attributes._replace(**new, changed=self.file_system.devices.now())


def memory_file(file_system: FileSystem, token: Token, size: int, name: str = "memory") -> File:
    """A new file in memory, of `size` zeros, open for reading and writing; no name leads to it."""
    node = file_system.root.create_unnamed(0o777, token.fsuid, token.fsgid)
    if size:
        node.change(AttributeChange(size=size))
    location = Location(None, None, name, node)
    location.deleted = True
    return cast("File", node.open(location, Open(Access.READ | Access.WRITE), token))


def create_pipe(context: FileSystemContext, options: int = 0) -> tuple[File, File]:
    """A new pipe: its reading and its writing end, both opened with `options` and with one reference for the caller."""
    location = context.devices.anonymous.place(Kind.FIFO, "pipe", context.token)
    node, token = location.node, context.token
    reader = cast("File", node.open(location, Open(Access.READ, options=options), token))
    try:
        return reader, cast("File", node.open(location, Open(Access.WRITE, options=options), token))
    except Failure:
        reader.release()
        raise
