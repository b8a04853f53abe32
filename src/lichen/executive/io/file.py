"""An open file (NT: FILE_OBJECT; Unix: open file description), which handles of several processes may share.

Subclasses are the regular file and the directory here, and pipes, terminals, sockets and the like elsewhere. An operation
returns its value, or a generator when it has to wait. What a file was opened for is checked here once for both worlds;
a subsystem whose handles carry less access checks the handle before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol

from lichen.executive.io import transfers, watch
from lichen.executive.io.applying import truncate
from lichen.executive.io.attributes import (
    AttributeChange,
    Attributes,
    DirectoryEntry,
    Kind,
    without_set_ids,
)
from lichen.executive.io.closing import finish_delete
from lichen.executive.io.opening import Access, Open, Options, Outcome, Poll, Share
from lichen.executive.io.watch import Change
from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import FILE, Rights
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Event, Waitable, then

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.io.node import MappedContent
    from lichen.executive.io.requests import Answer, DeviceRequest, NewPipe
    from lichen.executive.io.transfers import Clock
    from lichen.executive.objects.completion import Telling
    from lichen.executive.processes import Process

SEEK_SET, SEEK_CURRENT, SEEK_END, SEEK_DATA, SEEK_HOLE = 0, 1, 2, 3, 4
LARGEST_OFFSET: Final = (1 << 63) - 1
Data = bytes | bytearray | memoryview


class Ready(Waitable):
    """One interest in a file: signalled while the file is ready for anything in `mask`.

    It shares its waiters with the file's `readiness`, so whoever parks here is woken by every change of the file.
    """

    __slots__ = ("file", "mask")

    def __init__(self, file: File, mask: int) -> None:
        self.file, self.mask = file, mask
        self.waiters = file.readiness.waiters

    def signalled(self, waiter: object) -> bool:
        return bool(self.file.poll() & self.mask)


class Pollers(Waitable):
    """A list of those to wake when a file's `poll` may answer something else; not to be waited for by itself."""

    __slots__ = ()

    def signalled(self, waiter: object) -> bool:
        return False


class File(Object):
    """An open file. `access` are the rights (opening.Access) that it was opened with, `position` where it stands."""

    __slots__ = (
        "_done",
        "_readiness",
        "access",
        "location",
        "node",
        "options",
        "outcome",
        "ownership",
        "position",
        "share",
        "telling",
        "when_closed",
    )

    type_name: ClassVar[str] = "File"
    rights: ClassVar[Rights] = FILE
    seekable: ClassVar[bool] = False
    discards: ClassVar[bool] = False
    """Whether what is written vanishes without being looked at."""
    is_console: ClassVar[bool] = False
    splices_out: ClassVar[bool] = True
    splices_in: ClassVar[bool] = True
    """Whether its bytes go to, and come from, another file without a program's memory between (splice, sendfile)."""
    has_event: ClassVar[bool] = False
    """Whether a wait for it waits for operations to complete even where those do not go on by themselves."""
    has_position: ClassVar[bool] = True
    """Whether `position` is kept in the object; else the subclass knows it otherwise."""

    def __init__(self, location: Location, open: Open) -> None:
        super().__init__()
        self.location, self.node = location, location.node
        self.access, _, self.share, self.options, _, _, _ = open
        if self.has_position:
            self.position = 0
        self.outcome = Outcome.OPENED
        self._readiness: Waitable | None = None
        self._done: Event | None = None
        self.when_closed: dict[Callable[[], None], None] | None = None
        """Called once the last reference is gone: an epoll forgets the file then."""
        self.telling: Telling | None = None
        """How the ends of operations are told beyond its signal; None for as usual."""
        self.ownership: object = None
        """Whom a subsystem tells of it by signals, which hardly any file has."""
        self.node.files[self] = None
        if self.share != Share.ALL:
            self.node.denials += 1

    def closed(self) -> None:
        """The last reference is gone. A subclass that overrides this calls it."""
        for action in tuple(self.when_closed or ()):
            action()
        node = self.node
        node.files.pop(self, None)
        if self.share != Share.ALL:
            node.denials -= 1
        if node.locks is not None:
            node.locks.release(self)
        if not node.files and (self.location.deleted or self.location.parent is None):
            node.abandoned()
        if node.file_system.devices.watches:
            wrote = self.access & Access.CONTENT
            watch.notify(self.location, Change.CLOSE_WRITE if wrote else Change.CLOSE_NO_WRITE)
            if self.location.deleted:
                watch.notify_closed(node)
        if self.options & Options.DELETE_ON_CLOSE or node.delete_pending:
            finish_delete(self)

    def stand_for(self, location: Location) -> None:
        """Go on as an open file of what has taken the place of its object."""
        denies = self.share != Share.ALL
        self.node.files.pop(self, None)
        self.node.denials -= denies
        self.location, self.node = location, location.node
        self.node.files[self] = None
        self.node.denials += denies

    def handle_closed(self, owner: object) -> None:
        if self.node.locks is not None:
            self.node.locks.release(owner)

    # ---- content

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        """At most `size` bytes from `offset`, or from the position, which moves on; empty at the end."""
        raise Failure(Status.INVALID_PARAMETER)

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        """Write at `offset`, or at the position, which moves on; returns how many bytes were taken."""
        raise Failure(Status.INVALID_PARAMETER)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Move the position and return it."""
        raise Failure(Status.NOT_SEEKABLE)

    def truncate(self, size: int) -> None:
        raise Failure(Status.INVALID_PARAMETER)

    def allocate(self, mode: int, offset: int, size: int) -> None:
        """fallocate(2); the modes are those of Node.allocate."""
        raise Failure(Status.NO_DEVICE)

    def sync(self, data_only: bool = False) -> Blocks[None] | None:
        """Bring the object to the disk; what it returns has to be waited for."""
        raise Failure(Status.INVALID_PARAMETER)

    def mapping(self) -> MappedContent | None:
        """What a memory mapping of the file shows; None for anonymous memory (/dev/zero)."""
        raise Failure(Status.NO_DEVICE)

    def directory_entries(self, restart: bool = False) -> list[DirectoryEntry]:
        """The names of a directory, `.` and `..` first, as they were at the first call or at the last restart.

        The cursor of a reader is an index in this list, kept in `position`: names that go meanwhile move no others.
        """
        raise Failure(Status.NOT_A_DIRECTORY)

    # ---- as NT's calls see it

    def read_waiting(self, size: int, offset: int | None, clock: Clock) -> bytes | Blocks[bytes]:
        """As `read`, waiting whatever Linux programs have set on the file."""
        return transfers.read(self, size, offset, clock)

    def write_waiting(self, data: bytes, offset: int | None, clock: Clock) -> int | Blocks[int]:
        """As `write`, waiting whatever Linux programs have set on the file."""
        return transfers.write(self, data, offset, clock)

    def read_status(self, data: bytes, size: int) -> int:
        """The status of a read of `size` bytes that has given these."""
        if data or not size:
            return Status.SUCCESS
        return Status.END_OF_FILE if self.seekable or self.node.kind == Kind.CHARACTER else Status.PIPE_BROKEN

    def flush(self) -> Blocks[None] | None:
        """Have what was written reach what it is for."""
        return self.sync() if self.node.kind in (Kind.REGULAR, Kind.DIRECTORY) else None

    def full_name(self) -> str | None:
        return None

    def name_on_device(self) -> str | None:
        """Its name below its device; None for what is named by its place."""
        return None

    def open_relative(
        self, process: Process, rest: tuple[str, ...], open: Open
    ) -> File | Blocks[File] | None:
        return None

    def create_pipe(self, process: Process, name: str, open: Open, new: NewPipe) -> File:
        raise Failure(Status.OBJECT_TYPE_MISMATCH)

    def device_control(self, request: DeviceRequest) -> int | Blocks[int] | None:
        """Carry out a request to a device, and tell its end; INVALID_DEVICE_REQUEST for what the file does not know."""
        raise Failure(Status.INVALID_DEVICE_REQUEST)

    def file_system_control(self, request: DeviceRequest) -> Answer | Blocks[Answer] | None:
        """Carry out a request to a file system; None for what any file system may be asked."""
        return None

    # ---- the object

    @property
    def by_mode(self) -> File | None:
        return self

    def attributes(self) -> Attributes:
        return self.node.attributes()

    def control(self, request: object) -> object:
        """Carry out a device request, an instance of a class that the driver declares; may return a generator.

        Raises INVALID_DEVICE_REQUEST (ENOTTY) for what the file does not know.
        """
        raise Failure(Status.INVALID_DEVICE_REQUEST)

    def poll(self) -> int:
        """What the file is ready for now, in bits of opening.Poll."""
        return Poll.READABLE | Poll.WRITABLE

    @property
    def readiness(self) -> Waitable:
        """The list of those to wake when `poll` may answer something else; a pipe's two ends may share one."""
        if self._readiness is None:
            self._readiness = Pollers()
        return self._readiness

    @property
    def done(self) -> Event:
        """Signalled when an operation that goes on after its call has completed (NT: the event in a file object)."""
        if self._done is None:
            self._done = Event(is_set=True)
        return self._done

    @property
    def completes(self) -> bool:
        """Whether a wait for the file waits for its operations to complete."""
        return bool(self.options & Options.OVERLAPPED) or self.has_event

    @property
    def waitable(self) -> Waitable:
        return self.done if self.completes else self.ready(0xFFFF)

    def ready(self, mask: int) -> Ready:
        """What to wait for to be woken when the file is ready for anything in `mask`."""
        return Ready(self, mask)

    def refresh(self) -> None:
        """Notify of what has changed outside of the machine, should nobody have told of it yet."""

    def notify(self) -> None:
        """What `poll` answers may have changed."""
        if self._readiness is not None:
            self._readiness.wake()

    def require(self, access: int) -> None:
        """INVALID_HANDLE (EBADF) unless the file was opened with one of these rights and for more than its path."""
        if not self.access & access or self.options & Options.PATH_ONLY:
            raise Failure(Status.INVALID_HANDLE)


class PathFile(File):
    """A file opened only to stand for a place (O_PATH): everything but its attributes is refused."""

    __slots__ = ()

    def read(self, size: int, offset: int | None = None) -> bytes:
        raise Failure(Status.INVALID_HANDLE)

    def write(self, data: Data, offset: int | None = None) -> int:
        raise Failure(Status.INVALID_HANDLE)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        raise Failure(Status.INVALID_HANDLE)

    def truncate(self, size: int) -> None:
        raise Failure(Status.INVALID_HANDLE)

    def allocate(self, mode: int, offset: int, size: int) -> None:
        raise Failure(Status.INVALID_HANDLE)

    def sync(self, data_only: bool = False) -> None:
        raise Failure(Status.INVALID_HANDLE)

    def mapping(self) -> MappedContent:
        raise Failure(Status.INVALID_HANDLE)

    def directory_entries(self, restart: bool = False) -> list[DirectoryEntry]:
        raise Failure(Status.INVALID_HANDLE)

    def control(self, request: object) -> object:
        raise Failure(Status.INVALID_HANDLE)


class RegularFile(File):
    """A file whose content is its node's. `strips`: the next write takes away the set-id bits that the file may have."""

    __slots__ = ("strips",)

    seekable = True

    def __init__(self, location: Location, open: Open, strips: bool = False) -> None:
        super().__init__(location, open)
        self.strips = strips

    def read(self, size: int, offset: int | None = None) -> bytes:
        if not self.access & _READABLE:
            raise Failure(Status.INVALID_HANDLE)
        if self.node.locks is not None:
            self.node.locks.check_io(self, self.position if offset is None else offset, size, writing=False)
        if offset is None:
            data = self.node.read_at(self.position, size)
            self.position += len(data)
        else:
            if offset < 0:
                raise Failure(Status.INVALID_PARAMETER)
            data = self.node.read_at(offset, size) if offset < LARGEST_OFFSET else b""
        if data and self.node.file_system.devices.watches:
            watch.notify(self.location, Change.ACCESS)
        return data

    def write(self, data: Data, offset: int | None = None) -> int | Blocks[int]:
        if not self.access & Access.CONTENT:
            raise Failure(Status.INVALID_HANDLE)
        node = self.node
        start = self.position if offset is None else offset
        appending = self.options & Options.APPEND or not self.access & Access.WRITE
        if node.locks is not None:
            node.locks.check_io(self, node.size() if appending else start, len(data), writing=True)
        if not data:
            return 0
        if start < 0:
            raise Failure(Status.INVALID_PARAMETER)
        if start + len(data) > LARGEST_OFFSET:
            raise Failure(Status.FILE_TOO_LARGE)
        if appending:
            start, count = node.append(data)
        else:
            count = node.write_at(start, data)
        if offset is None:
            self.position = start + count
        if self.strips:
            self._strip_set_ids()
        if node.file_system.devices.watches:
            watch.notify(self.location, Change.MODIFY)
        if self.options & Options.SYNCHRONOUS:
            return then(node.sync(data_only=True), lambda _: count)
        return count

    def _strip_set_ids(self) -> None:
        """What a program of whoever may write it does as another user is no longer what its owner meant."""
        self.strips = False
        mode = self.node.attributes().mode
        if without_set_ids(mode) != mode:
            self.node.change(AttributeChange(mode=without_set_ids(mode)))

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        if whence == SEEK_CURRENT:
            offset += self.position
        elif whence == SEEK_END:
            offset += self.node.size()
        elif whence == SEEK_DATA:
            offset = self.node.seek_data(offset)
        elif whence == SEEK_HOLE:
            offset = self.node.seek_hole(offset)
        elif whence != SEEK_SET:
            raise Failure(Status.INVALID_PARAMETER)
        if not 0 <= offset <= LARGEST_OFFSET:
            raise Failure(Status.INVALID_PARAMETER)
        self.position = offset
        return offset

    def truncate(self, size: int) -> None:
        if not self.access & Access.CONTENT:
            raise Failure(Status.INVALID_PARAMETER)
        truncate(self.location, size)
        if self.strips:
            self._strip_set_ids()

    def allocate(self, mode: int, offset: int, size: int) -> None:
        self.require(Access.CONTENT)
        if offset < 0 or size <= 0:
            raise Failure(Status.INVALID_PARAMETER)
        if offset + size > LARGEST_OFFSET:
            raise Failure(Status.FILE_TOO_LARGE)
        self.node.allocate(mode, offset, size)
        if self.node.file_system.devices.watches:
            watch.notify(self.location, Change.MODIFY)

    def sync(self, data_only: bool = False) -> Blocks[None] | None:
        return self.node.sync(data_only)

    def mapping(self) -> MappedContent:
        return self.node.mapping()


_READABLE: Final = Access.READ | Access.EXECUTE


class Listing(NamedTuple):
    """What a reader is told of a directory from the beginning to the end, once it has begun with a mask."""

    pattern: re.Pattern[str]
    entries: list[tuple[str, str]]
    """Each name as the reader spells it, and as the node does."""
    program: str = ""
    """The name, folded, that was asked for with any extension."""


class ChangeRecord(Protocol):
    """What has happened in a directory and has not been told yet."""

    def expect(self, names: bool) -> None: ...
    def wait(self) -> Blocks[None]: ...
    def take(self, size: int) -> bytes | None: ...
    def grow(self) -> bool: ...


class DirectoryFile(File):
    """An open directory; `position` is the reader's index in the snapshot, or in the listing that one with a mask began."""

    __slots__ = ("_snapshot", "changes", "listing")

    seekable = has_event = True

    def __init__(self, location: Location, open: Open) -> None:
        super().__init__(location, open)
        self._snapshot: list[DirectoryEntry] | None = None
        self.listing: Listing | None = None
        self.changes: ChangeRecord | None = None

    def read(self, size: int, offset: int | None = None) -> bytes:
        raise Failure(Status.FILE_IS_A_DIRECTORY)

    def write(self, data: Data, offset: int | None = None) -> int:
        raise Failure(Status.INVALID_HANDLE)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        if whence == SEEK_CURRENT:
            offset += self.position
        elif whence == SEEK_END:
            offset += len(self.directory_entries())
        elif whence != SEEK_SET:
            raise Failure(Status.INVALID_PARAMETER)
        if not 0 <= offset <= LARGEST_OFFSET:
            raise Failure(Status.INVALID_PARAMETER)
        self.position = offset
        if offset == 0:
            self._snapshot = None
        return offset

    def sync(self, data_only: bool = False) -> Blocks[None] | None:
        return self.node.sync(data_only)

    def directory_entries(self, restart: bool = False) -> list[DirectoryEntry]:
        self.require(Access.READ)
        if self._snapshot is None or restart:
            if self.location.deleted:
                raise Failure(Status.OBJECT_NAME_NOT_FOUND)
            above = self.location.up(None)
            self._snapshot = [
                DirectoryEntry(".", self.node.attributes().file_id, Kind.DIRECTORY),
                DirectoryEntry("..", above.node.attributes().file_id, Kind.DIRECTORY),
                *self.node.entries(),
            ]
            if self.node.file_system.devices.watches:
                watch.notify(self.location, Change.ACCESS)
        return self._snapshot
