"""Where the magic links of a process lead: fd, exe, cwd, root; and what fdinfo tells of a descriptor.

Source: proc(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lichen.executive.io.anonymous import NO_KIND
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.location import Location
from lichen.executive.io.opening import Access, Options
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.descriptors.anonymous import AnonymousFile
from lichen.subsystems.linux.openflags import OpenFlag, status_flags
from lichen.subsystems.linux.procfs.locks import of_descriptor
from lichen.subsystems.linux.procfs.subjects import Descriptor, Task, number, shown

_READS: Final = Access.READ | Access.EXECUTE


# ---- the folder fd


def names(task: Task) -> Iterator[str]:
    if not task.process.is_zombie:
        for index, _ in task.process.handles:
            yield str(index)


def find(task: Task, name: str) -> Descriptor | None:
    descriptor = Descriptor(task, number(name))
    return descriptor if descriptor.find() is not None else None


def text(descriptor: Descriptor) -> str:
    """The path of a file; what is no file is called by its type."""
    return shown(descriptor.task, follow(descriptor))


def follow(descriptor: Descriptor) -> Location:
    """The place of a file. Objects that are no files have a place all the same, one for each type, of which stat tells."""
    found = descriptor.handle.object.plain
    if isinstance(found, File):
        return found.location
    places = descriptor.task.machine.places_of_types
    place = places.get(found.type_name)
    if place is None:
        init = descriptor.task.process.machine.processes.init
        anonymous = init.files.devices.anonymous
        place = anonymous.place(NO_KIND, f"[{found.type_name}]", init.files.token)
        places[found.type_name] = place
    return place


def mode(descriptor: Descriptor) -> int:
    """For reading, for writing: what the descriptor is good for."""
    found = descriptor.find()
    file = found.object if found is not None else None
    if not isinstance(file, File):
        return 0o700
    if file.options & Options.PATH_ONLY:
        return 0o100
    return 0o100 | (0o400 if file.access & _READS else 0) | (0o200 if file.access & Access.CONTENT else 0)


def information(descriptor: Descriptor) -> bytes:
    """fdinfo: position, flags, mount, inode, locks, and what only a file of its kind has."""
    handle = descriptor.handle
    file = handle.object.plain
    if not isinstance(file, File):
        return b"pos:\t0\nflags:\t02\nmnt_id:\t0\nino:\t0\n"
    flags = status_flags(file) | (0 if handle.inherit else OpenFlag.CLOEXEC)
    file_system = file.node.file_system
    extra = file.information() if isinstance(file, AnonymousFile) else ""
    return (
        f"pos:\t{file.position}\nflags:\t0{flags:o}\nmnt_id:\t{file_system.device}\n"
        f"ino:\t{file.attributes().file_id}\n{of_descriptor(descriptor.task, file)}{extra}"
    ).encode()


# ---- the links of the process


def _context(task: Task) -> FileSystemContext:
    if task.process.is_zombie:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    return task.process.files


def program(task: Task) -> Location:
    """The file that the process runs; OBJECT_NAME_NOT_FOUND for one that runs none."""
    if task.leader is None or task.process.image is None:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    return task.process.image


def current(task: Task) -> Location:
    return _context(task).current


def root(task: Task) -> Location:
    return _context(task).root
