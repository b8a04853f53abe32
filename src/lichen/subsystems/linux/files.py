"""From the descriptors and paths of Linux calls to the executive's files and locations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.location import Location, anonymous
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.manager import open_location
from lichen.executive.io.names import Name
from lichen.executive.io.opening import Access, Open, Options, Share
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.types import AT_FDCWD, Path

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_REMOVEDIR: Final = 0x200
AT_EACCESS: Final = 0x200
AT_SYMLINK_FOLLOW: Final = 0x400
AT_NO_AUTOMOUNT: Final = 0x800
AT_EMPTY_PATH: Final = 0x1000

_EXECUTE: Final = Open(Access.EXECUTE, share=Share.READ | Share.DELETE, options=Options.POSIX | Options.IMAGE)
_MEMORY: Final = Open(Access.READ | Access.WRITE, options=Options.POSIX)


def file_of(thread: Thread, fd: int) -> File:
    """The open file of a descriptor; INVALID_HANDLE (EBADF) when it is none."""
    found = thread.process.handles.get(fd)
    if isinstance(found, File):
        return found
    raise Failure(Status.INVALID_HANDLE)


def opened_file_of(thread: Thread, fd: int) -> File:
    """As `file_of`, but INVALID_HANDLE too for a descriptor that only stands for a place (O_PATH)."""
    file = file_of(thread, fd)
    if file.options & Options.PATH_ONLY:
        raise Failure(Status.INVALID_HANDLE)
    return file


def start_of(process: Process, directory: int, path: Path) -> Location:
    """Where the walk of a path begins: the root, the current folder, or what a descriptor stands for."""
    context = process.files
    if path.absolute:
        return context.root
    if directory == AT_FDCWD:
        return context.current
    file = process.handles.get(directory)
    if not isinstance(file, File):
        raise Failure(Status.INVALID_HANDLE)
    return file.location


def walk_of(path: Path, follow: bool) -> int:
    """The walk flags of a path."""
    return (Walk.FOLLOW if follow else 0) | (Walk.DIRECTORY if path.directory else 0)


def locate(
    thread: Thread,
    directory: int,
    path: Path,
    follow: bool = True,
    empty: bool = False,
    context: FileSystemContext | None = None,
) -> Location:
    """What a path leads to; with `empty` (AT_EMPTY_PATH) the empty path is the descriptor's own file.

    `context` is in the place of the process's own, to walk as somebody else.
    """
    process = thread.process
    if not path.text:
        if not empty:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return start_of(process, directory, path)
    start = start_of(process, directory, path)
    return find(context or process.files, start, path.components, walk_of(path, follow))


def name_of(thread: Thread, directory: int, path: Path) -> Name:
    """A path as a name to be made, removed or renamed, for which a last `.` is a name of its own."""
    if not path.text:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    start, components = start_of(thread.process, directory, path), path.components
    if not path.directory:
        return Name(start, components)
    if path.text.rstrip(b"/").rpartition(b"/")[2] == b".":
        components += (".",)
    return Name(start, components, Walk.DIRECTORY)


def opened_for_execution(
    process: Process, path: Path, directory: int = AT_FDCWD, follow: bool = True
) -> File:
    """Open a program: a regular file with permission to execute; ACCESS_DENIED for anything else."""
    if not path.text:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    location = find(process.files, start_of(process, directory, path), path.components, walk_of(path, follow))
    return execution_of(process.files, location)


def execution_of(context: FileSystemContext, location: Location) -> File:
    """Open a location that is to be executed."""
    if location.node.kind == Kind.SYMLINK:
        raise Failure(Status.REPARSE_POINT_NOT_RESOLVED)
    if location.node.kind != Kind.REGULAR:
        raise Failure(Status.ACCESS_DENIED)
    return cast(File, open_location(context, location, _EXECUTE))


def anonymous_file(thread: Thread, size: int, name: str = "/dev/zero") -> File:
    """A new file in memory, of `size` zeros, open for reading and writing; no name leads to it."""
    process = thread.process
    token = process.files.token
    node = process.machine.memory_files.root.create_unnamed(0o777, token.fsuid, token.fsgid)
    if size:
        node.change(AttributeChange(size=size))
    location = anonymous(name, node)
    location.deleted = True
    return cast(File, node.open(location, _MEMORY, token))
