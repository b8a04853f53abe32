"""NT names: the machine's object namespace as calls name it, and the paths of files in Windows' terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from lichen.abi.argument import Out
from lichen.executive.io.anonymous import memory_file
from lichen.executive.io.file import File
from lichen.executive.io.location import Location
from lichen.executive.io.volume import Volume
from lichen.executive.objects import namespace, opening
from lichen.executive.objects.namespace import Directory, Found
from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import DirectoryAccess
from lichen.executive.security.access import protect, require
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.access import given_descriptor, opened_handle
from lichen.subsystems.nt.objects import file_of, new_handle, object_of
from lichen.subsystems.nt.spelling import file_components_of, for_windows, parts_of, split
from lichen.subsystems.nt.types import NOTHING, OBJ_CASE_INSENSITIVE, OBJ_OPENIF, Named

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Process, Thread

Kind = TypeVar("Kind", bound=Object)
LINUX_EXTENSION: Final = ". "
"""What programs without an extension have one by: PATHEXT lists it, and Win32 takes dots and spaces off a name's end."""


def _reach(thread: Thread, name: Named, kind: type[Object]) -> Found:
    """Where a name of a `kind` of object leads in the namespace; one of links is not followed."""
    if name.root:
        object_of(thread, name.root, Directory, 0)  # a pseudo handle is of another type
    follows, blind = not issubclass(kind, namespace.SymbolicLink), _is_blind(name)
    return opening.find(thread.process, name.root, parts_of(name.name), follows, blind)


def _is_blind(name: Named) -> bool:
    return bool(name.attributes & OBJ_CASE_INSENSITIVE)


def place(thread: Thread, name: Named) -> tuple[Location, tuple[str, ...]]:
    """Where the walk along a file's name starts, below an open file or on a drive, and the components from there.

    NOT_SAME_DEVICE for a name that is not of the machine's tree.
    """
    if name.root:
        return file_of(thread, name.root).location, file_components_of(name.name)
    found, rest = opening.find(thread.process, 0, split(name.name))
    if not isinstance(found, Volume):
        raise Failure(Status.NOT_SAME_DEVICE)
    return found.place(rest)


def find(thread: Thread, name: Named, kind: type[Kind]) -> Kind:
    """The named object; OBJECT_NAME_NOT_FOUND, OBJECT_TYPE_MISMATCH."""
    if not name.name:
        return _root_itself(thread, name, kind)
    found = _reach(thread, name, kind)
    if found.rest or not isinstance(found.object, kind):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    return found.object


def _root_itself(thread: Thread, name: Named, kind: type[Kind]) -> Kind:
    """What an empty name means: the directory or link that it is relative to."""
    if not name.root:
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
    found = object_of(thread, name.root, kind, 0)
    if not isinstance(found, Directory | namespace.SymbolicLink):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    return found


def make_or_open(
    thread: Thread, handle: Out[int], access: int, name: Named, kind: type[Kind], make: Callable[[], Kind]
) -> int:
    """What every creating call does: a handle of a new object, or of the one with its name when OBJ_OPENIF asks for that.

    Returns SUCCESS or OBJECT_NAME_EXISTS; OBJECT_NAME_COLLISION, ACCESS_DENIED, and what `find` raises.
    """
    try:
        found = _existing(thread, name, kind)
    except Failure:
        handle.write(0)
        raise
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
    """What every opening call does: a handle of the object with this name, or 0; SUCCESS, and what `find` raises."""
    try:
        if name is NOTHING:
            raise Failure(Status.INVALID_PARAMETER)
        found = find(thread, name, kind)
    except Failure:
        handle.write(0)
        raise
    handle.write(opened_handle(thread, found.reference(), access, name))
    return Status.SUCCESS


def _existing(thread: Thread, name: Named, kind: type[Kind]) -> Kind | None:
    if not name.name:
        return None
    try:
        found = _reach(thread, name, kind)
    except Failure as failure:
        if failure.status == Status.OBJECT_NAME_NOT_FOUND:
            return None
        raise
    if not found.rest and not name.attributes & OBJ_OPENIF:
        raise Failure(Status.OBJECT_NAME_COLLISION)
    if found.rest or not isinstance(found.object, kind):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    return found.object


def enter(thread: Thread, name: Named, made: Object) -> None:
    """Give a new object its name; it loses it with its last reference."""
    if not name.name:
        return
    *above, last = parts_of(name.name)
    found = opening.find(thread.process, name.root, tuple(above), case_blind=_is_blind(name))
    if found.rest or not isinstance(found.object, Directory):
        raise Failure(Status.OBJECT_PATH_NOT_FOUND)
    directory = found.object
    require(thread.process, directory, DirectoryAccess.CREATE_OBJECT)
    directory.insert(last, made)


def computer_name(host_name: str) -> str:
    """The NetBIOS name of a machine."""
    return host_name.upper()[:15]


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
    """The NT name of an object; empty for what has none. OBJECT_PATH_INVALID for a pipe without a name."""
    if not isinstance(found, Object):
        return ""
    name = found.full_name()
    if isinstance(found, File) and name is None:
        return "\\??\\" + dos_path(process, found.location) if found.location.mount is not None else ""
    return namespace.path_of(found) if found is process.machine.namespace else name or ""


def native_name(machine: MachineState, path: str) -> str:
    """The name in the object namespace of a path on a drive; what is on none keeps its own."""
    dos = machine.namespace.get("??")
    link = dos.get(path[:2]) if isinstance(dos, Directory) else None
    return "\\" + "\\".join(link.target) + path[2:] if isinstance(link, namespace.SymbolicLink) else path


def anonymous_file(thread: Thread, size: int) -> File:
    """A fresh nameless file of `size` zeros, for shared memory."""
    return memory_file(thread.process.machine.memory_files, thread.process.files.token, size)
