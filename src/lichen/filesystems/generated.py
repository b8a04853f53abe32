"""The file systems whose content is made up when somebody looks: shows the trees of executive.io.generated.

A file's content is made when reading begins, and again when it goes back to the start: what is read in several pieces is
one snapshot, and a program that keeps the file open sees news (Linux: seq_file). Nodes live as long as somebody uses them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar, Final, cast
from weakref import WeakValueDictionary

from lichen.executive.io.attributes import (
    AttributeChange,
    Attributes,
    DirectoryEntry,
    FileSystemStatistics,
    Kind,
)
from lichen.executive.io.device import Devices
from lichen.executive.io.file import LARGEST_OFFSET, SEEK_CURRENT, SEEK_SET, Data, File
from lichen.executive.io.generated import Attached, Folder, GeneratedEntry, Link, S, Subject, Text, Window
from lichen.executive.io.location import Location, fold
from lichen.executive.io.node import FileSystem, Node
from lichen.executive.io.opening import Access, Open
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait

_BLOCK_SIZE: Final = 1024
_LONGEST_WRITE: Final = 4096
_MOST_AT_ONCE: Final = 1 << 20
_ID_MASK: Final = (1 << 48) - 1
_EVERYBODY_SEARCHES: Final = 0o111
_NEXT_TURN: Final = Wait((), 0.0, interruptible=False)


class GeneratedFileSystem(FileSystem):
    """Shows `tree`, which tells of `subject`."""

    magic: ClassVar[int]
    stable = False
    names_kept = 256

    def __init__(self, tree: Folder[S], subject: S, device: int, devices: Devices) -> None:
        super().__init__(device, devices)
        self.root = GeneratedNode(self, tree, subject, 1)

    def statistics(self) -> FileSystemStatistics:
        return FileSystemStatistics(self.magic, 4096, 0, 0, 0, 0, 0)


class ProcFileSystem(GeneratedFileSystem):
    """/proc."""

    type: ClassVar[str] = "proc"
    magic = 0x9FA0


class SysFileSystem(GeneratedFileSystem):
    """/sys."""

    type: ClassVar[str] = "sysfs"
    magic = 0x62656572


class GeneratedNode(Node):
    """An entry about a subject. `names` are the nodes below it that are in use."""

    __slots__ = ("entry", "id", "made", "names", "subject")

    subject: Subject

    def __init__(
        self, file_system: GeneratedFileSystem, entry: GeneratedEntry[Any], subject: Subject, id: int
    ) -> None:
        super().__init__(file_system, entry.kind)
        self.entry, self.subject, self.id = entry, subject, id
        self.made = file_system.devices.now()
        self.names: WeakValueDictionary[str, GeneratedNode] | None = None
        self.everyone_searches = (
            entry.kind == Kind.DIRECTORY and entry.mode & _EVERYBODY_SEARCHES == _EVERYBODY_SEARCHES
        )

    def attributes(self) -> Attributes:
        entry = self.entry
        uid, gid = self.subject.owner(entry.private)
        mode, links = entry.mode, 1
        if isinstance(entry, Link) and entry.mode_of is not None:
            mode = entry.mode_of(self.subject)
        elif isinstance(entry, Folder):
            links = 2 + sum(below.kind == Kind.DIRECTORY for below in entry.entries.values())
        made = self.made
        return Attributes(
            self.id,
            self.file_system.device,
            self.kind,
            mode,
            links,
            uid,
            gid,
            0,
            0,
            0,
            _BLOCK_SIZE,
            made,
            made,
            made,
            made,
        )

    def change(self, change: AttributeChange) -> None:
        """Only cut off what is not stored anyway: programs open files to write with O_TRUNC."""
        if change != AttributeChange(size=change.size):
            raise Failure(Status.PRIVILEGE_NOT_HELD)

    def _require_subject(self) -> None:
        if not self.subject.exists():
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)

    # ---- names

    def lookup(self, name: str, case_blind: bool = False) -> tuple[str, Node]:
        """The node of a name. A missing one is an error at once: nobody can make it."""
        folder = self.entry
        if not isinstance(folder, Folder):
            raise Failure(Status.NOT_A_DIRECTORY)
        self._require_subject()
        if case_blind and name not in folder.entries:
            name = next((known for known in folder.entries if fold(known) == fold(name)), name)
        entry, subject = folder.entries.get(name), self.subject
        if entry is None:
            found = folder.members.find(subject, name) if folder.members is not None else None
            if found is None or folder.members is None:
                raise Failure(Status.OBJECT_NAME_NOT_FOUND)
            entry, subject = folder.members.entry, found
        return name, self._node(name, entry, subject)

    def _node(self, name: str, entry: GeneratedEntry[Any], subject: Subject) -> GeneratedNode:
        if self.names is None:
            self.names = WeakValueDictionary()
        node = self.names.get(name)
        if node is None or node.subject != subject:
            file_system = cast(GeneratedFileSystem, self.file_system)
            node = GeneratedNode(file_system, entry, subject, self._id_of(name))
            self.names[name] = node
        return node

    def _id_of(self, name: str) -> int:
        """The same name has the same number, whether or not it is in use."""
        return hash((self.id, name)) & _ID_MASK | 2

    def entries(self) -> Iterator[DirectoryEntry]:
        folder = self.entry
        if not isinstance(folder, Folder):
            raise Failure(Status.NOT_A_DIRECTORY)
        self._require_subject()
        for name, entry in folder.entries.items():
            yield DirectoryEntry(name, self._id_of(name), entry.kind)
        if folder.members is not None:
            kind = folder.members.entry.kind
            for name in folder.members.names(self.subject):
                yield DirectoryEntry(name, self._id_of(name), kind)

    def create(self, name: str, kind: int, mode: int, uid: int, gid: int, rdev: int = 0) -> Node:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)

    # ---- links

    def readlink(self) -> str:
        link = self.entry
        if not isinstance(link, Link):
            raise Failure(Status.INVALID_PARAMETER)
        self._admit()
        return link.read(self.subject)

    def follow(self, token: Token) -> Location | None:
        link = self.entry
        if not isinstance(link, Link) or link.follow is None:
            return None
        self._admit()
        return link.follow(self.subject)

    def _admit(self) -> None:
        self._require_subject()
        if self.entry.private:
            self.subject.admit()

    # ---- content

    def open(self, location: Location, open: Open, token: Token) -> File | Blocks[File]:
        self._admit()
        if isinstance(self.entry, Window):
            return WindowFile(location, open, self.entry.attach(self.subject))
        return (
            GeneratedFile(location, open)
            if self.kind == Kind.REGULAR
            else super().open(location, open, token)
        )

    def read_at(self, offset: int, size: int) -> bytes:
        content = self.content()
        return (content if isinstance(content, bytes) else b"".join(content))[offset : offset + size]

    def content(self) -> bytes | Iterator[bytes]:
        """All of the content as it is now; INVALID_CID (ESRCH) when what it tells of is gone."""
        if not isinstance(self.entry, Text):
            raise Failure(Status.INVALID_PARAMETER)
        if not self.subject.exists():
            raise Failure(Status.INVALID_CID)
        return self.entry.read(self.subject)

    def write_at(self, offset: int, data: Data) -> int:
        """Hand over what was written, all of it; the offset means nothing."""
        if not isinstance(self.entry, Text) or self.entry.write is None or len(data) > _LONGEST_WRITE:
            raise Failure(Status.INVALID_PARAMETER)
        if not self.subject.exists():
            raise Failure(Status.INVALID_CID)
        self.entry.write(self.subject, bytes(data))
        return len(data)


class GeneratedFile(File):
    """An open file with the snapshot that is being read."""

    __slots__ = ("_snapshot",)

    seekable = True
    node: GeneratedNode

    def __init__(self, location: Location, open: Open) -> None:
        super().__init__(location, open)
        self._snapshot: bytes | None = None

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        self.require(Access.READ)
        start = self.position if offset is None else offset
        if start < 0:
            raise Failure(Status.INVALID_PARAMETER)
        if start == 0 or self._snapshot is None:
            content = self.node.content()
            if not isinstance(content, bytes):
                pieces = list(islice(content, 2))
                if len(pieces) == 2:
                    return self._read_in_turns(pieces, content, size, offset)
                content = b"".join(pieces)
            self._snapshot = content
        return self._part(self._snapshot, size, offset)

    def _read_in_turns(
        self, pieces: list[bytes], rest: Iterator[bytes], size: int, offset: int | None
    ) -> Blocks[bytes]:
        """Let others run between the pieces of a long content."""
        for piece in rest:
            pieces.append(piece)
            yield _NEXT_TURN
        self._snapshot = b"".join(pieces)
        return self._part(self._snapshot, size, offset)

    def _part(self, content: bytes, size: int, offset: int | None) -> bytes:
        start = self.position if offset is None else offset
        data = content[start : start + size]
        if offset is None:
            self.position += len(data)
        return data

    def write(self, data: Data, offset: int | None = None) -> int:
        self.require(Access.CONTENT)
        count = self.node.write_at(0, data)
        if offset is None:
            self.position += count
        return count

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        if whence not in (SEEK_SET, SEEK_CURRENT):
            raise Failure(Status.INVALID_PARAMETER)
        if whence == SEEK_CURRENT:
            offset += self.position
        if not 0 <= offset <= LARGEST_OFFSET:
            raise Failure(Status.INVALID_PARAMETER)
        self.position = offset
        return offset


class WindowFile(File):
    """An open file that looks at what is elsewhere."""

    __slots__ = ("_attached",)

    seekable = True
    splices_in = False

    def __init__(self, location: Location, open: Open, attached: Attached) -> None:
        super().__init__(location, open)
        self._attached = attached

    def read(self, size: int, offset: int | None = None) -> bytes:
        self.require(Access.READ)
        data = self._attached.read(self.position if offset is None else offset, min(size, _MOST_AT_ONCE))
        if offset is None:
            self.position += len(data)
        return data

    def write(self, data: Data, offset: int | None = None) -> int:
        self.require(Access.CONTENT)
        count = self._attached.write(self.position if offset is None else offset, bytes(data))
        if offset is None:
            self.position += count
        return count

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        if whence not in (SEEK_SET, SEEK_CURRENT):
            raise Failure(Status.INVALID_PARAMETER)
        self.position = (offset + (self.position if whence == SEEK_CURRENT else 0)) & LARGEST_OFFSET
        return self.position
