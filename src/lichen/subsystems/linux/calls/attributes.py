"""Who may do what to files, and when it was done: access, chmod, chown, umask, utimensat, extended attributes.

Source: access(2), chmod(2), chown(2), umask(2), utimensat(2), xattr(7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive import security
from lichen.executive.io.attributes import Kind
from lichen.executive.io.permission import check_writable
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.files import AT_EACCESS, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, locate
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import AT_FDCWD, Fd, Flags, Int, PathName

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

F_OK, X_OK, W_OK, R_OK = 0, 1, 2, 4
_STORED: Final = (Kind.REGULAR, Kind.DIRECTORY, Kind.SYMLINK)


@linux.call(amd64=439)
def faccessat2(thread: Thread, directory: Fd, path: PathName, mode: Int, flags: Flags) -> int:
    """Whether the caller may read, write or execute a file; by its real ids, or (AT_EACCESS) its effective ones."""
    if mode & ~(R_OK | W_OK | X_OK) or flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise Failure(Status.INVALID_PARAMETER)
    context = thread.process.files
    if not flags & AT_EACCESS:
        token = context.token
        if token.uid != token.fsuid or token.gid != token.fsgid:
            context = context.copy(token.real())
    location = locate(
        thread, directory, path, not flags & AT_SYMLINK_NOFOLLOW, bool(flags & AT_EMPTY_PATH), context
    )
    if mode:
        node = location.node
        is_directory = node.kind == Kind.DIRECTORY
        security.check(context.token, node.attributes(), mode, is_directory)
        if mode & W_OK and node.kind in _STORED:
            check_writable(node)
        if (
            mode & X_OK
            and node.kind == Kind.REGULAR
            and location.mount is not None
            and location.mount.no_exec
        ):
            raise Failure(Status.ACCESS_DENIED)
    return 0


@linux.call(amd64=269)
def faccessat(thread: Thread, directory: Fd, path: PathName, mode: Int) -> int:
    """Whether the caller may read, write or execute a file, by its real ids."""
    return faccessat2(thread, directory, path, mode, 0)


@linux.call(amd64=21)
def access(thread: Thread, path: PathName, mode: Int) -> int:
    """Whether the caller may read, write or execute a file, by its real ids."""
    return faccessat2(thread, AT_FDCWD, path, mode, 0)
