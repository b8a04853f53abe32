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
from lichen.executive.security.access import protect, require
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.access import given_descriptor, opened_handle
from lichen.subsystems.nt.named_pipes import PipeEnd, PipeRoot
from lichen.subsystems.nt.objects import new_handle, object_of
from lichen.subsystems.nt.registry_keys import KeyObject, name_of_key
from lichen.subsystems.nt.spelling import components_for_linux, for_windows
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.types import NOTHING, OBJ_CASE_INSENSITIVE, OBJ_OPENIF, Named

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


def path_of(name: str) -> tuple[str, ...]:
    """The components of a name in the object namespace, empty ones included; OBJECT_NAME_INVALID for one that is too long."""
    if len(name) >= _LONGEST:
        raise Failure(Status.OBJECT_NAME_INVALID)
    text = name.removeprefix("\\")
    return tuple(text.split("\\")) if text else ()


def _start(thread: Thread, name: Named) -> Directory:
    root: Directory = thread.process.machine.namespace
    if name.root:
        root = object_of(thread, name.root, Directory, 0)
    if name.name and bool(name.root) == name.name.startswith("\\"):
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
    return root


def reach(thread: Thread, name: Named, case_blind: bool, follow_last: bool = True) -> Found:
    """Where a name leads in the object namespace; what is behind a device, empty components included, is for that to read."""
    root: Directory = thread.process.machine.namespace
    return namespace.find(root, _start(thread, name), path_of(name.name), follow_last, case_blind)


def lookup(thread: Thread, name: Named) -> Found:
    """Where a file's name leads, which is blind to case, and the components behind the device."""
    found = reach(thread, name, case_blind=True)
    return Found(found.object, components_of("\\".join(found.rest)))


def find(thread: Thread, name: Named, kind: type[Kind]) -> Kind:
    """The named object; OBJECT_NAME_NOT_FOUND, OBJECT_TYPE_MISMATCH."""
    if not name.name:
        return _root_itself(thread, name, kind)
    blind = bool(name.attributes & OBJ_CASE_INSENSITIVE)
    found = reach(thread, name, blind, _follows(kind))
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
        found = reach(thread, name, bool(name.attributes & OBJ_CASE_INSENSITIVE), _follows(kind))
    except Failure as failure:
        if failure.status == Status.OBJECT_NAME_NOT_FOUND:
            return None
        raise
    if not found.rest and not name.attributes & OBJ_OPENIF:
        raise Failure(Status.OBJECT_NAME_COLLISION)
    if found.rest or not isinstance(found.object, kind):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    return found.object


def _follows(kind: type[Object]) -> bool:
    return not issubclass(kind, namespace.SymbolicLink)


def enter(thread: Thread, name: Named, made: Object) -> None:
    """Give a new object its name; it loses it with its last reference."""
    if not name.name:
        return
    *above, last = path_of(name.name)
    root: Directory = thread.process.machine.namespace
    blind = bool(name.attributes & OBJ_CASE_INSENSITIVE)
    found = namespace.find(root, _start(thread, name), tuple(above), case_blind=blind)
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
    if isinstance(found, File):
        if isinstance(found, PipeEnd | PipeRoot):
            return _name_of_pipe(found)
        return "\\??\\" + dos_path(process, found.location) if found.location.mount is not None else ""
    if isinstance(found, KeyObject):
        found.key.check()
        return name_of_key(found.key)
    root = found is process.machine.namespace
    return namespace.path_of(found) if isinstance(found, Object) and (found.named is not None or root) else ""


def _name_of_pipe(end: PipeEnd | PipeRoot) -> str:
    if isinstance(end, PipeRoot):
        return namespace.path_of(end.device)
    end.require_pipe()
    if not end.pipe.name:
        raise Failure(NtStatus.OBJECT_PATH_INVALID)
    return namespace.path_of(end.pipe.device) + "\\" + end.pipe.name


def anonymous_file(thread: Thread, size: int) -> File:
    """A fresh nameless file of `size` zeros, for shared memory."""
    return memory_file(thread.process.machine.memory_files, thread.process.files.token, size)
