"""One object of a file system (NT: FCB and its driver's dispatch table; Unix: inode), and the file system itself.

A driver subclasses Node and answers what it can; the rest fails as it does on a system without the feature. A node knows
neither its name nor who asks: names are Locations, permission is the I/O manager's. Content operations are on the node, so
a driver decides how few host descriptors it keeps, and every open file of a node sees the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple
from weakref import ref

from lichen.executive.io.attributes import (
    AttributeChange,
    Attributes,
    DirectoryEntry,
    FileSystemStatistics,
    Kind,
)
from lichen.executive.io.file import DirectoryFile, File, RegularFile
from lichen.executive.io.opening import Access, Open
from lichen.executive.security.tokens import Capability, Token
from lichen.executive.status import Failure, Status
from lichen.executive.worker import Work, perform

if TYPE_CHECKING:
    from lichen.executive.io.device import Devices
    from lichen.executive.io.generated import Subject
    from lichen.executive.io.location import Location
    from lichen.executive.io.locks import Locks
    from lichen.executive.io.watch import Watcher
    from lichen.executive.wait import Blocks

RENAME_NO_REPLACE: Final = 1
RENAME_EXCHANGE: Final = 2


class MappedContent(NamedTuple):
    """What a memory mapping of a file shows.

    `key` names the content as it is now, for a page cache (None: it may change under a mapping, map the host file itself);
    `host_mappable` says whether `Node.open_host` can give a host descriptor at all.
    """

    key: tuple[int, ...] | None
    size: int
    host_mappable: bool = True


class Target(NamedTuple):
    """A symlink's text, taken apart: from the root or from the link's directory; `directory` when it ends in a slash."""

    absolute: bool
    components: tuple[str, ...]
    directory: bool


class FileSystem:
    """One mounted driver instance: `type` is its name in /proc/mounts, `device` its st_dev."""

    type: ClassVar[str] = "none"
    stable: bool = True
    """Whether the driver can vouch for names, so that the name cache may answer for it."""
    names_kept: ClassVar[int] = 32768
    """How many places of it the name cache keeps that nobody uses."""
    root: Node

    def __init__(self, device: int, devices: Devices, read_only: bool = False) -> None:
        self.device, self.devices, self.read_only = device, devices, read_only

    def statistics(self) -> FileSystemStatistics:
        return FileSystemStatistics(0, 4096, 0, 0, 0, 0, 0)

    def sync(self) -> Blocks[None] | None:
        """Bring everything to the disk."""
        return perform(self.devices.worker, self.sync_work())

    def sync_work(self) -> Work | None:
        """What `sync` has to do, as a function that another host thread may call; None: nothing."""
        return None

    def close(self) -> None:
        """Give back what the driver holds of the host; nothing uses the file system any more."""


class Node:
    """One object. The slots here belong to the I/O manager, but for `attachment`, which is its driver's or device's."""

    __slots__ = (
        "__weakref__",
        "attachment",
        "delete_pending",
        "denials",
        "everyone_searches",
        "file_system",
        "files",
        "image_uses",
        "kind",
        "locks",
        "place",
        "watchers",
    )

    def __init__(self, file_system: FileSystem, kind: int) -> None:
        self.file_system, self.kind = file_system, kind
        self.everyone_searches = False
        """Set by a driver while every class of a directory's mode has the search bit: saves the check."""
        self.files: dict[File, None] = {}
        """The open files of this node, each counted once."""
        self.denials = 0
        """How many of them deny others something."""
        self.delete_pending = False
        self.attachment: object = None
        self.locks: Locks | None = None
        self.watchers: list[Watcher] | None = None
        self.image_uses: Callable[[], int] | None = None
        """How a file that has been an image is one now (executive.images)."""
        self.place: ref[Location] | None = None
        """A directory's place in the tree of names, once it was found there."""

    @property
    def subject(self) -> Subject | None:
        """What an entry that is made up tells of (executive.io.generated); None for all other nodes."""
        return None

    def abandoned(self) -> None:
        """The last open file closed, and the name it was opened by is removed or never was: free what nobody can reach."""

    # ---- attributes

    def attributes(self) -> Attributes:
        raise NotImplementedError

    def change(self, change: AttributeChange) -> None:
        """Apply what is not None; the caller's right to do so has been checked."""
        raise Failure(Status.MEDIA_WRITE_PROTECTED)

    def touch(self) -> None:
        """The object was written to by way of a memory mapping."""

    # ---- being watched

    def watched(self, begins: bool) -> None:
        """From now on somebody is told of what happens to the object (executive.io.watch); not `begins`: nobody any more."""

    def changed_here(self, change: int, name: str | None) -> None:
        """The executive has changed the object, which is watched, or a name in it."""

    # ---- a directory's names: asked only of nodes of kind DIRECTORY

    def keeps_names(self) -> bool:
        """Whether what is found or missed from now on stays true until the executive changes it or `outside` is told."""
        return self.file_system.stable

    def vanished(self) -> None:
        """Others have taken the name away that the object was found at."""

    def lookup(self, name: str, case_blind: bool = False) -> tuple[str, Node] | None:
        """The name as it is stored and its node; None when there is none. The same object gives the same Node."""
        raise Failure(Status.NOT_A_DIRECTORY)

    def entries(self) -> Iterable[DirectoryEntry]:
        """Every name but `.` and `..`; the iterable is used up at once."""
        raise Failure(Status.NOT_A_DIRECTORY)

    def create(self, name: str, kind: int, mode: int, uid: int, gid: int, rdev: int = 0) -> Node:
        """Make a new object of any kind but SYMLINK under a name that is free."""
        raise Failure(Status.PRIVILEGE_NOT_HELD)

    def create_unnamed(self, mode: int, uid: int, gid: int) -> Node:
        """Make a regular file without a name on this directory's file system (O_TMPFILE)."""
        raise Failure(Status.NOT_SUPPORTED)

    def symlink(self, name: str, target: str, uid: int, gid: int) -> Node:
        raise Failure(Status.PRIVILEGE_NOT_HELD)

    def link(self, name: str, node: Node) -> None:
        """Give `node`, of the same file system, one more name."""
        raise Failure(Status.PRIVILEGE_NOT_HELD)

    def unlink(self, name: str, node: Node) -> None:
        """Remove a name of something else than a directory; its content lives while it is open."""
        raise Failure(Status.PRIVILEGE_NOT_HELD)

    def rmdir(self, name: str, node: Node) -> None:
        """Remove a directory; DIRECTORY_NOT_EMPTY when it has entries."""
        raise Failure(Status.PRIVILEGE_NOT_HELD)

    def rename(self, name: str, node: Node, target: Node, target_name: str, replaced: Node | None) -> None:
        """Move a name of this directory to `target` (of the same file system), over what is there, as one step.

        `replaced` has a kind that fits (checked); DIRECTORY_NOT_EMPTY when it is a directory with entries.
        """
        raise Failure(Status.PRIVILEGE_NOT_HELD)

    def exchange(self, name: str, node: Node, target: Node, target_name: str, other: Node) -> None:
        """Let two names change places as one step."""
        raise Failure(Status.INVALID_PARAMETER)

    # ---- symlinks

    def readlink(self) -> str:
        """A symlink's text as it was given, or what a magic link shows."""
        raise Failure(Status.INVALID_PARAMETER)

    def target(self) -> Target:
        """Where a symlink leads. Its text is the one place where components are stored joined, by slashes."""
        text = self.readlink()
        components = tuple(part for part in text.split("/") if part)
        return Target(text.startswith("/"), components, text.endswith(("/", "/.")))

    def follow(self, token: Token) -> Location | None:
        """Where a magic link (/proc/self/fd/1) leads, without any names; None for an ordinary symlink."""
        return None

    # ---- content

    def open(self, location: Location, open: Open, token: Token) -> File | Blocks[File]:
        """An open file of this node. Here the driver meets an open for writing for the first time: errors come now."""
        if self.kind == Kind.REGULAR:
            self.opening(open.access)
            strips = open.access & Access.CONTENT and not token.has(Capability.FSETID)
            return RegularFile(location, open, bool(strips))
        if self.kind == Kind.DIRECTORY:
            return DirectoryFile(location, open)
        return self.file_system.devices.open(location, open, token)

    def opening(self, access: int) -> None:
        """A regular file is about to be opened with these rights: fail now if the content cannot be had."""

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes; empty at the end."""
        raise Failure(Status.INVALID_PARAMETER)

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> int:
        """How many bytes were written, at least one."""
        raise Failure(Status.INVALID_PARAMETER)

    def append(self, data: bytes | bytearray | memoryview) -> tuple[int, int]:
        """Write at the end as one step: (where that was, how many bytes)."""
        end = self.size()
        return end, self.write_at(end, data)

    def size(self) -> int:
        return self.attributes().size

    def check_room(self, mode: int, offset: int, size: int) -> None:
        """DISK_FULL or FILE_TOO_LARGE when `allocate` could not do all of this, part by part, as things are."""

    def allocate(self, mode: int, offset: int, size: int) -> None:
        """fallocate(2): reserve (0), keep the size (1), punch a hole (3), zero a range (0x10)."""
        raise Failure(Status.NOT_SUPPORTED)

    def seek_data(self, offset: int) -> int:
        """The first offset with data from `offset` on; NO_SUCH_DEVICE (ENXIO) at or beyond the end."""
        if not 0 <= offset < self.size():
            raise Failure(Status.NO_SUCH_DEVICE)
        return offset

    def seek_hole(self, offset: int) -> int:
        """The start of the first hole from `offset` on; the end of the file is one."""
        size = self.size()
        if not 0 <= offset < size:
            raise Failure(Status.NO_SUCH_DEVICE)
        return size

    def sync(self, data_only: bool = False) -> Blocks[None] | None:
        """Bring the object to the disk."""
        return perform(self.file_system.devices.worker, self.sync_work(data_only))

    def sync_work(self, data_only: bool = False) -> Work | None:
        """What `sync` has to do, as a function that another host thread may call; None: nothing."""
        return None

    def mapping(self) -> MappedContent:
        """What a memory mapping shows; NO_DEVICE when the object cannot be mapped."""
        raise Failure(Status.NO_DEVICE)

    def open_host(self, writable: bool) -> int:
        """A new host descriptor of the content, O_RDONLY or O_RDWR; the caller closes it. A mapping needs it."""
        raise Failure(Status.NO_DEVICE)

    # ---- extended attributes

    def get_attribute(self, name: str) -> bytes:
        """The value of an extended attribute by its full name ("user.x"); NO_ATTRIBUTE when there is none."""
        raise Failure(Status.NOT_SUPPORTED)

    def set_attribute(self, name: str, value: bytes) -> None:
        raise Failure(Status.NOT_SUPPORTED)

    def list_attributes(self) -> list[str]:
        return []

    def remove_attribute(self, name: str) -> None:
        raise Failure(Status.NOT_SUPPORTED)
