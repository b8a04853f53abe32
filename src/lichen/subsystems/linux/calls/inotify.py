"""inotify: being told what happens to files and folders.

Source: inotify(7), inotify_add_watch(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import Kind
from lichen.executive.security import modes
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.descriptors.inotify import (
    ALL_EVENTS,
    DO_NOT_FOLLOW,
    EXCLUDE_UNLINKED,
    IGNORED,
    IS_DIRECTORY,
    MASK_ADD,
    MASK_CREATE,
    ONE_SHOT,
    ONLY_DIRECTORY,
    QUEUE_OVERFLOW,
    UNMOUNT,
    Inotify,
)
from lichen.subsystems.linux.descriptors.installing import O_CLOEXEC, O_NONBLOCK, install
from lichen.subsystems.linux.files import file_of, locate
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import AT_FDCWD, Fd, Flags, Int, PathName

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_KNOWN: Final = (
    ALL_EVENTS
    | UNMOUNT
    | QUEUE_OVERFLOW
    | IGNORED
    | ONLY_DIRECTORY
    | DO_NOT_FOLLOW
    | EXCLUDE_UNLINKED
    | MASK_CREATE
    | MASK_ADD
    | IS_DIRECTORY
    | ONE_SHOT
)
_BOTH_MASKS: Final = MASK_ADD | MASK_CREATE


@linux.call(amd64=253)
def inotify_init(thread: Thread) -> int:
    """Make an empty watcher of files."""
    return inotify_init1(thread, 0)


@linux.call(amd64=294)
def inotify_init1(thread: Thread, flags: Flags) -> int:
    """Make a watcher of files that does not block or closes on exec."""
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise Failure(Status.INVALID_PARAMETER)
    return install(thread, Inotify(thread, bool(flags & O_NONBLOCK)), bool(flags & O_CLOEXEC))


@linux.call(amd64=254)
def inotify_add_watch(thread: Thread, fd: Fd, path: PathName, mask: Flags) -> int:
    """Watch a file or a folder, or change what it is watched for."""
    if not mask or mask & ~_KNOWN or mask & _BOTH_MASKS == _BOTH_MASKS:
        raise Failure(Status.INVALID_PARAMETER)
    watcher = _inotify_of(thread, fd)
    node = locate(thread, AT_FDCWD, path, follow=not mask & DO_NOT_FOLLOW).node
    if mask & ONLY_DIRECTORY and node.kind != Kind.DIRECTORY:
        raise Failure(Status.NOT_A_DIRECTORY)
    token = thread.process.files.token
    modes.check(token, node.attributes(), modes.READ, node.kind == Kind.DIRECTORY)
    return watcher.watch(node, mask)


@linux.call(amd64=255)
def inotify_rm_watch(thread: Thread, fd: Fd, number: Int) -> int:
    """Stop watching."""
    watcher = _inotify_of(thread, fd)
    watcher.remove(watcher.find(number))
    return 0


def _inotify_of(thread: Thread, fd: int) -> Inotify:
    file = file_of(thread, fd)
    if not isinstance(file, Inotify):
        raise Failure(Status.INVALID_PARAMETER)
    return file
