"""From the descriptors and paths of Linux calls to the executive's files and locations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.location import Location
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.manager import open_location
from lichen.executive.io.opening import Access, Open, Options, Share
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.types import AT_FDCWD, Path

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_EXECUTE: Final = Open(Access.EXECUTE, share=Share.READ | Share.DELETE, options=Options.POSIX | Options.IMAGE)


def file_of(thread: Thread, fd: int) -> File:
    """The open file of a descriptor; INVALID_HANDLE (EBADF) when it is none."""
    found = thread.process.handles.get(fd)
    if not isinstance(found, File):
        raise Failure(Status.INVALID_HANDLE)
    return found


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


def locate(thread: Thread, directory: int, path: Path, follow: bool = True, empty: bool = False) -> Location:
    """What a path leads to; with `empty` (AT_EMPTY_PATH) the empty path is the descriptor's own file."""
    if not path.text:
        if not empty:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return start_of(thread.process, directory, path)
    process = thread.process
    return find(process.files, start_of(process, directory, path), path.components, walk_of(path, follow))


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
    if location.node.kind != 8:
        raise Failure(Status.ACCESS_DENIED)
    return cast(File, open_location(context, location, _EXECUTE))
