"""Mounting, which a machine does not let its programs do, and file handles, which its file systems do not give out.

Source: mount(2), umount(2), pivot_root(2), open_by_handle_at(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.files import AT_EMPTY_PATH, AT_SYMLINK_FOLLOW, locate
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Address, Fd, Flags, Int, OptionalPathName, PathName, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_REFUSED = "always refused: a machine's mounts are made when it boots"


@linux.call(amd64=165, partial=_REFUSED)
def mount(
    thread: Thread,
    source: OptionalPathName,
    target: PathName,
    type: OptionalPathName,
    flags: Size,
    data: Address,
) -> int:
    """Attach a file system."""
    raise Failure(Status.PRIVILEGE_NOT_HELD)


@linux.call(amd64=166, partial=_REFUSED)
def umount2(thread: Thread, target: PathName, flags: Int) -> int:
    """Detach a file system."""
    raise Failure(Status.PRIVILEGE_NOT_HELD)


@linux.call(amd64=155, partial=_REFUSED)
def pivot_root(thread: Thread, root: PathName, old_root: PathName) -> int:
    """Change the root of the tree for everybody."""
    raise Failure(Status.PRIVILEGE_NOT_HELD)


@linux.call(amd64=303, partial="no file system gives out handles")
def name_to_handle_at(
    thread: Thread, directory: Fd, path: PathName, handle: Address, mount: Address, flags: Flags
) -> int:
    """A handle by which a file could be opened without its name."""
    if flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH):
        raise Failure(Status.INVALID_PARAMETER)
    locate(thread, directory, path, bool(flags & AT_SYMLINK_FOLLOW), bool(flags & AT_EMPTY_PATH))
    raise Failure(Status.NOT_SUPPORTED)


@linux.call(amd64=304, partial="no file system gives out handles")
def open_by_handle_at(thread: Thread, mount: Fd, handle: Address, flags: Flags) -> int:
    """Open a file by its handle."""
    raise Failure(Status.PRIVILEGE_NOT_HELD)
