"""NT names: the machine's object namespace as calls name it, and the paths of files in Windows' terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from lichen.abi.argument import Out
from lichen.executive.io.anonymous import memory_file
from lichen.executive.io.file import File
from lichen.executive.io.location import Location
from lichen.executive.objects import namespace
from lichen.executive.objects.namespace import Directory, Found
from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import DirectoryAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.access import given_descriptor, opened_handle, protect, require
from lichen.subsystems.nt.objects import new_handle, object_of
from lichen.subsystems.nt.spelling import components_for_linux, for_windows
from lichen.subsystems.nt.types import OBJ_OPENIF, Named

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

Kind = TypeVar("Kind", bound=Object)
_LONGEST: Final = 32767
LINUX_EXTENSION: Final = ". "
"""What programs without an extension have one by: PATHEXT lists it, and Win32 takes dots and spaces off a name's end."""


def components_of(name: str) -> tuple[str, ...]:
    """The components of an NT name; OBJECT_NAME_INVALID for one that is too long or has a NUL."""
    if len(name) > _LONGEST or "\0" in name:
        raise Failure(Status.OBJECT_NAME_INVALID)
    return tuple(part for part in name.split("\\") if part)


def file_components_of(name: str) -> tuple[str, ...]:
    """As `components_of`, of a name of files, in Linux' terms."""
    return components_for_linux(components_of(name))


def _start(thread: Thread, name: Named) -> Directory:
    root: Directory = thread.process.machine.namespace
    if name.root:
        return object_of(thread, name.root, Directory, 0)
    if name.name and not name.name.startswith("\\"):
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
    return root


def lookup(thread: Thread, name: Named, follow_last: bool = True) -> Found:
    """Where a name leads in the object namespace."""
    root: Directory = thread.process.machine.namespace
    return namespace.find(root, _start(thread, name), components_of(name.name), follow_last)


def rest_of(name: str, found: Found) -> str:
    """What of a name is behind a device, character by character: to some devices backslashes at its end are a part of it."""
    consumed = len(components_of(name)) - len(found.rest)
    parts = name.split("\\")
    for index, part in enumerate(parts):
        if consumed <= 0:
            return "\\".join(parts[index:])
        consumed -= bool(part)
    return ""


def find(thread: Thread, name: Named, kind: type[Kind]) -> Kind:
    """The named object; OBJECT_NAME_NOT_FOUND, OBJECT_TYPE_MISMATCH."""
    if not name.name:
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
    found = lookup(thread, name, follow_last=not issubclass(kind, namespace.SymbolicLink))
    if found.rest or not isinstance(found.object, kind):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    return found.object


def make_or_open(
    thread: Thread, handle: Out[int], access: int, name: Named, kind: type[Kind], make: Callable[[], Kind]
) -> int:
    """What every creating call does: a handle of a new object, or of the one with its name when OBJ_OPENIF asks for that.

    Returns SUCCESS or OBJECT_NAME_EXISTS; OBJECT_NAME_COLLISION, ACCESS_DENIED, and what `find` raises.
    """
    found = _existing(thread, name, kind)
    if found is None:
        descriptor = given_descriptor(thread, name, kind.rights, kind.of_others)
        made = make()
        protect(thread.process, made, descriptor)
        try:
            enter(thread, name, made)
        except Failure:
            made.release()
            raise
        handle.write(new_handle(thread, made, kind.rights.of_maker(access), name))
        return Status.SUCCESS
    handle.write(opened_handle(thread, found.reference(), access, name))
    return Status.OBJECT_NAME_EXISTS


def open_named(thread: Thread, handle: Out[int], access: int, name: Named, kind: type[Kind]) -> int:
    """What every opening call does: a handle of the object with this name; SUCCESS, and what `find` raises."""
    handle.write(opened_handle(thread, find(thread, name, kind).reference(), access, name))
    return Status.SUCCESS


def _existing(thread: Thread, name: Named, kind: type[Kind]) -> Kind | None:
    if not name.name:
        return None
    try:
        found = find(thread, name, kind)
    except Failure as failure:
        if failure.status != Status.OBJECT_NAME_NOT_FOUND:
            raise
        return None
    if not name.attributes & OBJ_OPENIF:
        raise Failure(Status.OBJECT_NAME_COLLISION)
    return found


def enter(thread: Thread, name: Named, made: Object) -> None:
    """Give a new object its name; it loses it with its last reference."""
    if not name.name:
        return
    *above, last = components_of(name.name)
    root: Directory = thread.process.machine.namespace
    found = namespace.find(root, _start(thread, name), tuple(above))
    if found.rest or not isinstance(found.object, Directory):
        raise Failure(Status.OBJECT_PATH_NOT_FOUND)
    directory = found.object
    require(thread.process, directory, DirectoryAccess.CREATE_OBJECT)
    directory.insert(last, made)
    made.forget_name = lambda: directory.remove(last)


def dos_path(process: Process, location: Location) -> str:
    """The path of a location as Windows programs see it: on the drive whose root is nearest above it."""
    return joined(*drive_of(process, location))


def joined(letter: str, components: tuple[str, ...]) -> str:
    """The path of a file on a drive as Windows programs see it."""
    return f"{letter}:\\" + "\\".join(map(for_windows, components))


def drive_of(process: Process, location: Location) -> tuple[str, tuple[str, ...]]:
    """The letter of the drive whose root is nearest above a location, and the components from there."""
    drives: dict[str, Location] = process.machine.drives
    best: tuple[str, tuple[str, ...]] | None = None
    for letter, root in drives.items():
        place = location.place(root)
        if place.reachable and (best is None or len(place.components) < len(best[1])):
            best = letter, place.components
    return best or ("Z", location.place(None).components)


def drive_above(process: Process, components: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The drive whose root is nearest above a name of Linux', and what is left of that. Links in it stay as they are.

    OBJECT_PATH_NOT_FOUND in a root of one's own, without drives.
    """
    roots = {
        letter: location.place(process.files.root).components
        for letter, location in process.machine.drives.items()
    }
    above = {letter: root for letter, root in roots.items() if components[: len(root)] == root}
    if not above:
        raise Failure(Status.OBJECT_PATH_NOT_FOUND)
    letter = max(above, key=lambda letter: len(above[letter]))
    return letter, components[len(above[letter]) :]


def name_of(process: Process, found: object) -> str:
    """The NT name of an open file; empty for what has none, as far as is known here."""
    if not isinstance(found, File) or found.location.mount is None:
        return ""
    return "\\??\\" + dos_path(process, found.location)


def anonymous_file(thread: Thread, size: int) -> File:
    """A fresh nameless file of `size` zeros, for shared memory."""
    return memory_file(thread.process.machine.memory_files, thread.process.files.token, size)
