"""Making, linking, renaming and removing names.

Source: mkdir(2), mknod(2), symlink(2), link(2), rename(2), unlink(2), rmdir(2).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lichen.executive.io import names
from lichen.executive.io.attributes import KINDS, Kind
from lichen.executive.io.node import RENAME_EXCHANGE, RENAME_NO_REPLACE
from lichen.executive.io.opening import Options
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.files import AT_EMPTY_PATH, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, locate, name_of
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import AT_FDCWD, Fd, Flags, Mode, PathName, Uint

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.processes import Thread

_PERMISSIONS: Final = 0o7777
_DIRECTORY_PERMISSIONS: Final = 0o1777


# ---- making


@linux.call(amd64=258)
def mkdirat(thread: Thread, directory: Fd, path: PathName, mode: Mode) -> int:
    """Make a directory."""
    name = name_of(thread, directory, path)
    names.make_directory(thread.process.files, name, mode & _DIRECTORY_PERMISSIONS)
    return 0


@linux.call(amd64=83)
def mkdir(thread: Thread, path: PathName, mode: Mode) -> int:
    """Make a directory."""
    return mkdirat(thread, AT_FDCWD, path, mode)


@linux.call(amd64=259)
def mknodat(thread: Thread, directory: Fd, path: PathName, mode: Mode, device: Uint) -> int:
    """Make an empty file, a FIFO, a socket or a device."""
    kind = mode >> 12 or Kind.REGULAR
    if kind == Kind.DIRECTORY:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if kind not in KINDS or kind == Kind.SYMLINK:
        raise Failure(Status.INVALID_PARAMETER)
    rdev = device if kind in (Kind.CHARACTER, Kind.BLOCK) else 0
    name = name_of(thread, directory, path)
    names.make_node(thread.process.files, name, kind, mode & _PERMISSIONS, rdev)
    return 0


@linux.call(amd64=133)
def mknod(thread: Thread, path: PathName, mode: Mode, device: Uint) -> int:
    """Make an empty file, a FIFO, a socket or a device."""
    return mknodat(thread, AT_FDCWD, path, mode, device)


@linux.call(amd64=266)
def symlinkat(thread: Thread, target: PathName, directory: Fd, path: PathName) -> int:
    """Make a symlink."""
    names.symlink(thread.process.files, os.fsdecode(target.text), name_of(thread, directory, path))
    return 0


@linux.call(amd64=88)
def symlink(thread: Thread, target: PathName, path: PathName) -> int:
    """Make a symlink."""
    return symlinkat(thread, target, AT_FDCWD, path)


@linux.call(amd64=265)
def linkat(
    thread: Thread, old_directory: Fd, old: PathName, new_directory: Fd, new: PathName, flags: Flags
) -> int:
    """Give a file one more name."""
    if flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH):
        raise Failure(Status.INVALID_PARAMETER)
    context = thread.process.files
    if not old.text and not (flags & AT_EMPTY_PATH and context.token.has(Capability.DAC_READ_SEARCH)):
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    source = locate(thread, old_directory, old, bool(flags & AT_SYMLINK_FOLLOW), empty=True)
    _check_linkable(source)
    names.link(context, source, name_of(thread, new_directory, new))
    return 0


def _check_linkable(source: Location) -> None:
    """A file whose last name is gone gets no new one, unless it never had any (O_TMPFILE)."""
    if not source.deleted or source.node.attributes().links:
        return
    if not any(file.options & Options.UNNAMED for file in source.node.files):
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)


@linux.call(amd64=86)
def link(thread: Thread, old: PathName, new: PathName) -> int:
    """Give a file one more name."""
    return linkat(thread, AT_FDCWD, old, AT_FDCWD, new, 0)


# ---- renaming


@linux.call(amd64=316, partial="RENAME_WHITEOUT is refused, as by file systems that do not know it")
def renameat2(
    thread: Thread, old_directory: Fd, old: PathName, new_directory: Fd, new: PathName, flags: Flags
) -> int:
    """Move a name, over what is there (or not), or let two names change places."""
    if flags & ~(RENAME_NO_REPLACE | RENAME_EXCHANGE) or flags == RENAME_NO_REPLACE | RENAME_EXCHANGE:
        raise Failure(Status.INVALID_PARAMETER)
    source, target = name_of(thread, old_directory, old), name_of(thread, new_directory, new)
    names.rename(thread.process.files, source, target, flags)
    return 0


@linux.call(amd64=264)
def renameat(thread: Thread, old_directory: Fd, old: PathName, new_directory: Fd, new: PathName) -> int:
    """Move a name, over what is there."""
    return renameat2(thread, old_directory, old, new_directory, new, 0)


@linux.call(amd64=82)
def rename(thread: Thread, old: PathName, new: PathName) -> int:
    """Move a name, over what is there."""
    return renameat2(thread, AT_FDCWD, old, AT_FDCWD, new, 0)


# ---- removing


@linux.call(amd64=263)
def unlinkat(thread: Thread, directory: Fd, path: PathName, flags: Flags) -> int:
    """Remove a name, or with AT_REMOVEDIR an empty directory."""
    if flags & ~AT_REMOVEDIR:
        raise Failure(Status.INVALID_PARAMETER)
    names.remove(thread.process.files, name_of(thread, directory, path), directory=bool(flags))
    return 0


@linux.call(amd64=87)
def unlink(thread: Thread, path: PathName) -> int:
    """Remove a name."""
    return unlinkat(thread, AT_FDCWD, path, 0)


@linux.call(amd64=84)
def rmdir(thread: Thread, path: PathName) -> int:
    """Remove an empty directory."""
    return unlinkat(thread, AT_FDCWD, path, AT_REMOVEDIR)
