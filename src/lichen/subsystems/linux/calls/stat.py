"""What is known of files: the stat family, statx, readlink.

Source: stat(2), statx(2), readlink(2).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lichen.abi.layout import LP64, layout
from lichen.executive.io.attributes import Attributes, Kind
from lichen.executive.io.device import major, minor
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.files import (
    AT_EMPTY_PATH,
    AT_NO_AUTOMOUNT,
    AT_SYMLINK_NOFOLLOW,
    file_of,
    locate,
)
from lichen.subsystems.linux.records import Stat, Statx, StatxTimestamp
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import (
    AT_FDCWD,
    Address,
    Fd,
    Flags,
    Int,
    OptionalPathName,
    PathName,
    path_of,
)

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.processes import Thread

AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC = 0x2000, 0x4000
AT_STATX_SYNC_TYPE: Final = AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC
_FLAGS: Final = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE
STATX_BASIC_STATS, STATX_BTIME, STATX_MNT_ID, STATX_RESERVED = 0x7FF, 0x800, 0x1000, 0x80000000
STATX_ATTR_MOUNT_ROOT: Final = 0x2000
_NANOSECONDS: Final = 1_000_000_000
_EMPTY: Final = path_of(b"")
_pack_stat: Final[Callable[[Any], bytes]] = layout(Stat, LP64).pack
"""Takes plain tuples in place of the records: fstat is called too often to make four records for it."""
_pack_statx: Final = layout(Statx, LP64).pack


def stat_bytes(attributes: Attributes) -> bytes:
    """struct stat of an object."""
    id, device, kind, mode, links, uid, gid, rdev, size, blocks, unit, accessed, modified, changed = (
        attributes[:14]
    )
    return _pack_stat(
        (
            device,
            id,
            links,
            kind << 12 | mode,
            uid,
            gid,
            rdev,
            size,
            unit,
            blocks,
            divmod(accessed, _NANOSECONDS),
            divmod(modified, _NANOSECONDS),
            divmod(changed, _NANOSECONDS),
        )
    )


@linux.call(amd64=5)
def fstat(thread: Thread, fd: Fd, buffer: Address) -> int:
    """What is known of an open file."""
    thread.memory.write(buffer, stat_bytes(file_of(thread, fd).attributes()))
    return 0


@linux.call(amd64=262)
def newfstatat(thread: Thread, directory: Fd, path: PathName, buffer: Address, flags: Flags) -> int:
    """What is known of a file named relative to a directory, or with AT_EMPTY_PATH of an open file."""
    if flags & ~_FLAGS:
        raise Failure(Status.INVALID_PARAMETER)
    if flags & AT_EMPTY_PATH and not path.text and directory != AT_FDCWD:
        return fstat(thread, directory, buffer)
    location = locate(thread, directory, path, not flags & AT_SYMLINK_NOFOLLOW, bool(flags & AT_EMPTY_PATH))
    thread.memory.write(buffer, stat_bytes(location.node.attributes()))
    return 0


@linux.call(amd64=4)
def stat(thread: Thread, path: PathName, buffer: Address) -> int:
    """What is known of a file."""
    thread.memory.write(buffer, stat_bytes(locate(thread, AT_FDCWD, path).node.attributes()))
    return 0


@linux.call(amd64=6)
def lstat(thread: Thread, path: PathName, buffer: Address) -> int:
    """What is known of a file, or of a symlink itself."""
    thread.memory.write(buffer, stat_bytes(locate(thread, AT_FDCWD, path, follow=False).node.attributes()))
    return 0


@linux.call(amd64=332)
def statx(
    thread: Thread, directory: Fd, path: OptionalPathName, flags: Flags, mask: Flags, buffer: Address
) -> int:
    """What is known of a file, times of creation and mounts included."""
    if flags & ~_FLAGS or flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE or mask & STATX_RESERVED:
        raise Failure(Status.INVALID_PARAMETER)
    if path is None:
        if not flags & AT_EMPTY_PATH:
            raise Failure(Status.ACCESS_VIOLATION)
        path = _EMPTY
    if not path.text and flags & AT_EMPTY_PATH and directory != AT_FDCWD:
        file = file_of(thread, directory)
        thread.memory.write(buffer, _statx_bytes(file.attributes(), file.location))
        return 0
    location = locate(thread, directory, path, not flags & AT_SYMLINK_NOFOLLOW, bool(flags & AT_EMPTY_PATH))
    thread.memory.write(buffer, _statx_bytes(location.node.attributes(), location))
    return 0


def _statx_bytes(attributes: Attributes, location: Location) -> bytes:
    mount = location.mount
    is_root = mount is not None and location is mount.root
    return _pack_statx(
        Statx(
            mask=STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID,
            blksize=attributes.block_size,
            attributes=STATX_ATTR_MOUNT_ROOT if is_root else 0,
            nlink=attributes.links,
            uid=attributes.uid,
            gid=attributes.gid,
            mode=attributes.kind << 12 | attributes.mode,
            ino=attributes.file_id,
            size=attributes.size,
            blocks=attributes.blocks,
            attributes_mask=STATX_ATTR_MOUNT_ROOT,
            atime=_timestamp(attributes.accessed),
            btime=_timestamp(attributes.created),
            ctime=_timestamp(attributes.changed),
            mtime=_timestamp(attributes.modified),
            rdev_major=major(attributes.rdev),
            rdev_minor=minor(attributes.rdev),
            dev_major=major(attributes.device),
            dev_minor=minor(attributes.device),
            mnt_id=attributes.device,
        )
    )


def _timestamp(nanoseconds: int) -> StatxTimestamp:
    return StatxTimestamp(*divmod(nanoseconds, _NANOSECONDS))


@linux.call(amd64=267)
def readlinkat(thread: Thread, directory: Fd, path: PathName, buffer: Address, size: Int) -> int:
    """The text of a symlink; with an empty path, of the one that the descriptor stands for."""
    if size <= 0:
        raise Failure(Status.INVALID_PARAMETER)
    location = locate(thread, directory, path, follow=False, empty=True)
    if location.node.kind != Kind.SYMLINK:
        raise Failure(Status.INVALID_PARAMETER if path.text else Status.OBJECT_NAME_NOT_FOUND)
    text = os.fsencode(location.node.readlink())[:size]
    thread.memory.write(buffer, text)
    return len(text)


@linux.call(amd64=89)
def readlink(thread: Thread, path: PathName, buffer: Address, size: Int) -> int:
    """The text of a symlink."""
    if not path.text:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    return readlinkat(thread, AT_FDCWD, path, buffer, size)
