"""Who may do what to files, and when it was done: access, chmod, chown, umask, utimensat.

Source: access(2), chmod(2), chown(2), umask(2), utimensat(2), utime(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.argument import OptionalIn
from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.permission import check_writable
from lichen.executive.security import modes
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.files import (
    AT_EACCESS,
    AT_EMPTY_PATH,
    AT_SYMLINK_NOFOLLOW,
    locate,
    opened_file_of,
)
from lichen.subsystems.linux.records import Timespec, Timeval, Utimbuf
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import (
    AT_FDCWD,
    Fd,
    Flags,
    Int,
    Mode,
    OptionalPathName,
    Path,
    PathName,
    Uid,
)

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.processes import Thread

F_OK, X_OK, W_OK, R_OK = 0, 1, 2, 4
UTIME_NOW, UTIME_OMIT = 0x3FFFFFFF, 0x3FFFFFFE
_NOBODY: Final = 0xFFFFFFFF
_PERMISSIONS: Final = 0o7777
_SECOND: Final = 1_000_000_000
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
        if mode & W_OK and node.kind in _STORED:
            check_writable(node)
        modes.check(context.token, node.attributes(), mode, node.kind == Kind.DIRECTORY)
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


# ---- mode and owner


@linux.call(amd64=452)
def fchmodat2(thread: Thread, directory: Fd, path: PathName, mode: Mode, flags: Flags) -> int:
    """Change the mode of a file; symlinks have none that could be changed."""
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise Failure(Status.INVALID_PARAMETER)
    location = locate(thread, directory, path, not flags & AT_SYMLINK_NOFOLLOW, bool(flags & AT_EMPTY_PATH))
    return _change_mode(thread, location, mode)


def _change_mode(thread: Thread, location: Location, mode: int) -> int:
    if location.node.kind == Kind.SYMLINK:
        raise Failure(Status.NOT_SUPPORTED)
    change_attributes(thread.process.files, location, AttributeChange(mode=mode & _PERMISSIONS))
    return 0


@linux.call(amd64=268)
def fchmodat(thread: Thread, directory: Fd, path: PathName, mode: Mode) -> int:
    """Change the mode of a file."""
    return fchmodat2(thread, directory, path, mode, 0)


@linux.call(amd64=90)
def chmod(thread: Thread, path: PathName, mode: Mode) -> int:
    """Change the mode of a file."""
    return fchmodat2(thread, AT_FDCWD, path, mode, 0)


@linux.call(amd64=91)
def fchmod(thread: Thread, fd: Fd, mode: Mode) -> int:
    """Change the mode of an open file."""
    return _change_mode(thread, opened_file_of(thread, fd).location, mode)


@linux.call(amd64=260)
def fchownat(thread: Thread, directory: Fd, path: PathName, uid: Uid, gid: Uid, flags: Flags) -> int:
    """Change the owner and the group of a file."""
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise Failure(Status.INVALID_PARAMETER)
    location = locate(thread, directory, path, not flags & AT_SYMLINK_NOFOLLOW, bool(flags & AT_EMPTY_PATH))
    return _change_owner(thread, location, uid, gid)


def _change_owner(thread: Thread, location: Location, uid: int, gid: int) -> int:
    change = AttributeChange(uid=None if uid == _NOBODY else uid, gid=None if gid == _NOBODY else gid)
    change_attributes(thread.process.files, location, change)
    return 0


@linux.call(amd64=92)
def chown(thread: Thread, path: PathName, uid: Uid, gid: Uid) -> int:
    """Change the owner and the group of a file."""
    return fchownat(thread, AT_FDCWD, path, uid, gid, 0)


@linux.call(amd64=94)
def lchown(thread: Thread, path: PathName, uid: Uid, gid: Uid) -> int:
    """Change the owner and the group of a file, or of a symlink itself."""
    return fchownat(thread, AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW)


@linux.call(amd64=93)
def fchown(thread: Thread, fd: Fd, uid: Uid, gid: Uid) -> int:
    """Change the owner and the group of an open file."""
    return _change_owner(thread, opened_file_of(thread, fd).location, uid, gid)


@linux.call(amd64=95)
def umask(thread: Thread, mask: Mode) -> int:
    """Set which permissions new files do not get; returns what it was."""
    context = thread.process.files
    before, context.umask = context.umask, mask & 0o777
    return before


# ---- times


class FileTimes(NamedTuple):
    """struct timespec[2]: when a file was last read and written."""

    accessed: Timespec
    modified: Timespec


class FileTimevals(NamedTuple):
    """struct timeval[2]: the same in microseconds."""

    accessed: Timeval
    modified: Timeval


@linux.call(amd64=280)
def utimensat(
    thread: Thread, directory: Fd, path: OptionalPathName, times: OptionalIn[FileTimes], flags: Flags
) -> int:
    """Set when a file was last read and written; without a path, that of an open file."""
    if times is not None and times.accessed.nsec == UTIME_OMIT and times.modified.nsec == UTIME_OMIT:
        return 0
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) or (path is None and flags):
        raise Failure(Status.INVALID_PARAMETER)
    now = thread.process.machine.system.host.now()
    accessed = now if times is None else _nanoseconds(times.accessed, now)
    modified = now if times is None else _nanoseconds(times.modified, now)
    to_now = times is None or times.accessed.nsec == times.modified.nsec == UTIME_NOW
    change = AttributeChange(accessed=accessed, modified=modified)
    return _set_times(thread, directory, path, flags, change, to_now)


def _nanoseconds(moment: Timespec, now: int) -> int | None:
    if moment.nsec == UTIME_NOW:
        return now
    if moment.nsec == UTIME_OMIT:
        return None
    if not 0 <= moment.nsec < _SECOND:
        raise Failure(Status.INVALID_PARAMETER)
    return moment.sec * _SECOND + moment.nsec


def _set_times(
    thread: Thread, directory: int, path: Path | None, flags: int, change: AttributeChange, to_now: bool
) -> int:
    if path is None:
        location = opened_file_of(thread, directory).location
    else:
        location = locate(
            thread, directory, path, not flags & AT_SYMLINK_NOFOLLOW, bool(flags & AT_EMPTY_PATH)
        )
    change_attributes(thread.process.files, location, change, to_now)
    return 0


@linux.call(amd64=261)
def futimesat(thread: Thread, directory: Fd, path: OptionalPathName, times: OptionalIn[FileTimevals]) -> int:
    """Set when a file was last read and written, in microseconds."""
    if times is None:
        return utimensat(thread, directory, path, None, 0)
    if any(not 0 <= moment.usec < 1_000_000 for moment in times):
        raise Failure(Status.INVALID_PARAMETER)
    accessed, modified = (Timespec(moment.sec, moment.usec * 1000) for moment in times)
    return utimensat(thread, directory, path, FileTimes(accessed, modified), 0)


@linux.call(amd64=235)
def utimes(thread: Thread, path: PathName, times: OptionalIn[FileTimevals]) -> int:
    """Set when a file was last read and written, in microseconds."""
    return futimesat(thread, AT_FDCWD, path, times)


@linux.call(amd64=132)
def utime(thread: Thread, path: PathName, times: OptionalIn[Utimbuf]) -> int:
    """Set when a file was last read and written, in seconds."""
    if times is None:
        return utimensat(thread, AT_FDCWD, path, None, 0)
    accessed, modified = Timespec(times.actime, 0), Timespec(times.modtime, 0)
    return utimensat(thread, AT_FDCWD, path, FileTimes(accessed, modified), 0)
