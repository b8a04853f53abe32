"""The room that files take: their length, what is reserved for them, the file systems they are on, and syncing them.

Source: truncate(2), fallocate(2), statfs(2), fsync(2), sync_file_range(2), posix_fadvise(2), readahead(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.executive.io.anonymous import NO_KIND
from lichen.executive.io.applying import check_size
from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.opening import Access
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks, Wait, then
from lichen.subsystems.linux.files import file_of, locate, opened_file_of
from lichen.subsystems.linux.records import StatFs
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.transfers import check_file_size
from lichen.subsystems.linux.types import AT_FDCWD, Fd, Flags, Int, Long, PathName, Result, Size

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.location import Location
    from lichen.executive.processes import Thread

_PART: Final = 1 << 25
"""Bytes of a file that are reserved in one turn of the kernel."""
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_COLLAPSE_RANGE = 0x1, 0x2, 0x8
FALLOC_FL_ZERO_RANGE, FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE = 0x10, 0x20, 0x40
_ALLOCATIONS: Final = (
    0,
    FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_ZERO_RANGE,
    FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
)
ST_RDONLY, ST_NODEV, ST_NOEXEC, ST_VALID, ST_RELATIME = 0x1, 0x4, 0x8, 0x20, 0x1000
SYNC_FILE_RANGE_FLAGS: Final = 7
_HIGHEST_ADVICE: Final = 5
_LARGEST_OFFSET: Final = (1 << 63) - 1
_UNNAMED_TYPES: Final = {Kind.FIFO: 0x50495045, Kind.SOCKET: 0x534F434B, NO_KIND: 0x09041934}
"""The types of Linux's file systems for objects without names: pipefs, sockfs, anon_inodefs."""


# ---- length


@linux.call(amd64=76)
def truncate(thread: Thread, path: PathName, size: Long) -> int:
    """Set the length of a file."""
    if size < 0:
        raise Failure(Status.INVALID_PARAMETER)
    location = locate(thread, AT_FDCWD, path)
    check_size(location.node, size)
    check_file_size(thread, size, location.node.size())
    change_attributes(thread.process.files, location, AttributeChange(size=size))
    return 0


@linux.call(amd64=77)
def ftruncate(thread: Thread, fd: Fd, size: Long) -> int:
    """Set the length of a file that is open for writing."""
    if size < 0:
        raise Failure(Status.INVALID_PARAMETER)
    file = opened_file_of(thread, fd)
    if file.node.kind == Kind.REGULAR and file.access & Access.CONTENT:
        check_file_size(thread, size, file.node.size())
    file.truncate(size)
    return 0


@linux.call(amd64=285, partial="ranges cannot be collapsed, inserted or unshared")
def fallocate(thread: Thread, fd: Fd, mode: Flags, offset: Long, size: Long) -> Result:
    """Reserve room for a part of a file, or give a part of it back."""
    file = opened_file_of(thread, fd)
    if offset < 0 or size <= 0:
        raise Failure(Status.INVALID_PARAMETER)
    if mode not in _ALLOCATIONS:
        raise Failure(Status.NOT_SUPPORTED)
    kind = file.node.kind
    if not file.access & Access.CONTENT:
        raise Failure(Status.INVALID_HANDLE)
    if kind == Kind.FIFO:
        raise Failure(Status.NOT_SEEKABLE)
    if kind == Kind.REGULAR and not mode & FALLOC_FL_KEEP_SIZE and offset + size <= _LARGEST_OFFSET:
        check_file_size(thread, offset + size, file.node.size())
    if mode & ~FALLOC_FL_KEEP_SIZE or size <= _PART:
        file.allocate(mode, offset, size)
        return 0
    return _reserve(thread, file, mode, offset, size)


def _reserve(thread: Thread, file: File, mode: int, offset: int, size: int) -> Blocks[int]:
    """Reserve much room: the kernel does other things between the parts. What fails leaves no longer file than before."""
    before = file.node.size()
    if offset + size <= _LARGEST_OFFSET and file.node.kind == Kind.REGULAR:
        file.node.check_room(mode, offset, size)
    try:
        for start in range(offset, offset + size, _PART):
            file.allocate(mode, start, min(_PART, offset + size - start))
            yield Wait((), thread.process.machine.scheduler.clock())
    except (Failure, Interrupted):
        if file.node.size() > before or mode & FALLOC_FL_KEEP_SIZE:  # what lies beyond the end goes too
            file.node.change(AttributeChange(size=before))
        raise
    return 0


# ---- file systems


@linux.call(amd64=137)
def statfs(thread: Thread, path: PathName, result: Out[StatFs]) -> int:
    """How large and how full the file system of a file is."""
    result.write(_statistics(locate(thread, AT_FDCWD, path)))
    return 0


@linux.call(amd64=138)
def fstatfs(thread: Thread, fd: Fd, result: Out[StatFs]) -> int:
    """How large and how full the file system of an open file is."""
    result.write(_statistics(file_of(thread, fd).location))
    return 0


def _statistics(location: Location) -> StatFs:
    system, mount = location.node.file_system, location.mount
    found = system.statistics()
    flags = ST_VALID | ST_RELATIME
    if system.read_only:
        flags |= ST_RDONLY
    if mount is not None:
        flags |= (ST_NOEXEC if mount.no_exec else 0) | (ST_NODEV if mount.no_devices else 0)
    return StatFs(
        type=found.type or _UNNAMED_TYPES.get(location.node.kind, 0),
        bsize=found.block_size,
        blocks=found.blocks,
        bfree=found.free,
        bavail=found.available,
        files=found.files,
        ffree=found.free_files,
        fsid=(system.device, 0),
        namelen=found.name_length,
        frsize=found.block_size,
        flags=flags,
    )


# ---- bringing things to the disk


@linux.call(amd64=162)
def sync(thread: Thread) -> Blocks[int]:
    """Bring all file systems to the disk; it tells nobody of errors."""
    for mount in list(thread.process.machine.mounts):
        if not mount.read_only:
            try:
                yield from mount.file_system.sync() or ()
            except Failure:
                continue
    return 0


@linux.call(amd64=74)
def fsync(thread: Thread, fd: Fd) -> int | Blocks[int]:
    """Bring a file to the disk."""
    return then(opened_file_of(thread, fd).sync(), _done)


def _done(_: None) -> int:
    return 0


@linux.call(amd64=75)
def fdatasync(thread: Thread, fd: Fd) -> int | Blocks[int]:
    """Bring the content of a file to the disk."""
    return then(opened_file_of(thread, fd).sync(data_only=True), _done)


@linux.call(amd64=306)
def syncfs(thread: Thread, fd: Fd) -> int | Blocks[int]:
    """Bring the file system of an open file to the disk."""
    return then(opened_file_of(thread, fd).node.file_system.sync(), _done)


@linux.call(amd64=277)
def sync_file_range(thread: Thread, fd: Fd, offset: Long, size: Long, flags: Flags) -> int | Blocks[int]:
    """Bring a part of a file to the disk."""
    file = opened_file_of(thread, fd)
    if flags & ~SYNC_FILE_RANGE_FLAGS or offset < 0 or size < 0 or offset + size > _LARGEST_OFFSET:
        raise Failure(Status.INVALID_PARAMETER)
    if file.node.kind not in (Kind.REGULAR, Kind.DIRECTORY, Kind.BLOCK):
        raise Failure(Status.NOT_SEEKABLE)
    return then(file.sync(data_only=True), _done) if flags else 0


# ---- advice


@linux.call(amd64=221)
def fadvise64(thread: Thread, fd: Fd, offset: Long, size: Long, advice: Int) -> int:
    """Advice about how a file will be read: the host decides about its memory."""
    file = opened_file_of(thread, fd)
    if file.node.kind == Kind.FIFO:
        raise Failure(Status.NOT_SEEKABLE)
    if size < 0 or not 0 <= advice <= _HIGHEST_ADVICE:
        raise Failure(Status.INVALID_PARAMETER)
    return 0


@linux.call(amd64=187)
def readahead(thread: Thread, fd: Fd, offset: Long, size: Size) -> int:
    """Advice to read a part of a file soon."""
    file = opened_file_of(thread, fd)
    if not file.access & Access.READ:
        raise Failure(Status.INVALID_HANDLE)
    if file.node.kind not in (Kind.REGULAR, Kind.BLOCK):
        raise Failure(Status.INVALID_PARAMETER)
    return 0
