"""Making, linking, removing and renaming names: directories' side of the I/O manager."""

from __future__ import annotations

from typing import NamedTuple

from lichen.executive.io import watch
from lichen.executive.io.attributes import Kind
from lichen.executive.io.closing import remove_entry
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.links import leads_to_directory
from lichen.executive.io.location import Location, fold
from lichen.executive.io.lookup import Walk, WalkEnd, check_name, find_entry
from lichen.executive.io.manager import make_entry
from lichen.executive.io.node import RENAME_EXCHANGE, RENAME_NO_REPLACE
from lichen.executive.io.permission import check_add, check_no_denial, check_remove
from lichen.executive.io.watch import Change
from lichen.executive.security import modes
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status

LONGEST_TARGET = 4095


class Name(NamedTuple):
    """A name that is to be made, removed or renamed: where the walk starts, the components, bits of lookup.Walk.

    Walk.DIRECTORY says that the path ended in a slash.
    """

    start: Location
    components: tuple[str, ...]
    walk: int = 0

    def find(self, context: FileSystemContext) -> WalkEnd:
        return find_entry(context, self.start, self.components, self.walk | Walk.NAME)

    @property
    def last(self) -> str:
        return self.components[-1] if self.components else "."


def make_node(context: FileSystemContext, name: Name, kind: int, mode: int, rdev: int = 0) -> Location:
    """Make a directory, regular file, FIFO, socket or device node (mkdir, mknod, bind); `mode` is before the umask.

    OBJECT_NAME_COLLISION when the name is taken, PRIVILEGE_NOT_HELD for a device node by an ordinary user.
    """
    entry = _free(context, name, kind == Kind.DIRECTORY)
    if kind in (Kind.CHARACTER, Kind.BLOCK) and not context.token.has(Capability.MKNOD):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    return make_entry(context, entry.parent, entry.name, kind, mode, rdev)


def make_directory(context: FileSystemContext, name: Name, mode: int = 0o777) -> Location:
    """Make a directory."""
    return make_node(context, name, Kind.DIRECTORY, mode)


def symlink(context: FileSystemContext, target: str, name: Name) -> Location:
    """Make a symlink whose text is `target`."""
    check_target(target)
    parent, last, _ = _free(context, name, False)
    check_name(last)
    check_add(context.token, parent)
    node = parent.node.symlink(last, target, context.token.fsuid, context.token.fsgid)
    return _announce(parent.added(last, node))


def check_target(text: str) -> None:
    """Refuse what no symlink's text can be: OBJECT_NAME_NOT_FOUND when empty, NAME_TOO_LONG, OBJECT_NAME_INVALID."""
    if not text:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    try:
        size = len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise Failure(Status.OBJECT_NAME_INVALID) from None
    if size > LONGEST_TARGET:
        raise Failure(Status.NAME_TOO_LONG)


def link(context: FileSystemContext, source: Location, name: Name) -> Location:
    """Give an existing object one more name; PRIVILEGE_NOT_HELD for a directory, NOT_SAME_DEVICE across mounts."""
    parent, last, _ = _free(context, name, False)
    check_name(last)
    if source.mount is not parent.mount:
        raise Failure(Status.NOT_SAME_DEVICE)
    check_add(context.token, parent)
    if source.node.kind == Kind.DIRECTORY:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if source.node.delete_pending:
        raise Failure(Status.DELETE_PENDING)
    parent.node.link(last, source.node)
    if source.node.file_system.devices.watches:
        watch.tell(source.node, Change.ATTRIBUTES, None)
    return _announce(parent.added(last, source.node))


def _free(context: FileSystemContext, name: Name, slash_is_fine: bool) -> WalkEnd:
    """The place of a name that does not exist yet."""
    entry = name.find(context)
    if entry.location is not None:
        raise Failure(Status.OBJECT_NAME_COLLISION)
    if name.walk & Walk.DIRECTORY and not slash_is_fine:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    return entry


def _announce(location: Location) -> Location:
    if location.node.file_system.devices.watches:
        watch.notify_name(location, Change.CREATE)
    return location


def remove(context: FileSystemContext, name: Name, directory: bool) -> None:
    """Remove a directory (rmdir) or anything else (unlink).

    DIRECTORY_NOT_EMPTY, FILE_IS_A_DIRECTORY, NOT_A_DIRECTORY; SHARING_VIOLATION (EBUSY) for a root or a mount point.
    """
    entry = name.find(context)
    location = entry.location
    if entry.name == ".":
        if not directory:
            raise Failure(Status.FILE_IS_A_DIRECTORY)
        if not name.components:
            raise Failure(Status.SHARING_VIOLATION)
        raise Failure(Status.INVALID_PARAMETER if name.last == "." else Status.DIRECTORY_NOT_EMPTY)
    if location is None:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    if location.parent is None:
        raise Failure(Status.SHARING_VIOLATION)
    check_remove(context.token, location.parent, location.node)
    is_directory = location.node.kind == Kind.DIRECTORY
    if is_directory and not directory:
        raise Failure(Status.FILE_IS_A_DIRECTORY)
    if not is_directory and (directory or name.walk & Walk.DIRECTORY):
        raise Failure(Status.NOT_A_DIRECTORY)
    check_no_denial(location)
    if is_directory and _is_in_use(location):
        raise Failure(Status.SHARING_VIOLATION)
    remove_entry(location)


def _is_in_use(location: Location) -> bool:
    """Whether something is mounted here."""
    return location.mounted is not None


def new_place(context: FileSystemContext, source: Location, name: Name) -> WalkEnd:
    """What is at the name that `source` is to have: `source` itself when that is its name in other letters.

    Then another one beside it, which differs from both in its letters only, is not what is meant.
    """
    entry = name.find(context)
    if (
        name.walk & Walk.CASE_BLIND
        and entry.location is not None
        and entry.location.name != name.last
        and entry.parent is source.parent
        and fold(name.last) == fold(source.name)
    ):
        return entry._replace(location=source)
    return entry


def rename(context: FileSystemContext, old: Name, new: Name, flags: int = 0) -> None:
    """Move an object to another name, over what is there, or exchange two (`flags`: node.RENAME_*)."""
    source, target = old.find(context), new.find(context)
    respelled = new.walk & Walk.CASE_BLIND and target.location is source.location
    if flags & RENAME_NO_REPLACE and target.location is not None and not respelled:
        raise Failure(Status.OBJECT_NAME_COLLISION)
    if source.location is None:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    if "." in (source.name, target.name):
        raise Failure(Status.SHARING_VIOLATION)
    slash = old.walk & Walk.DIRECTORY or (new.walk & Walk.DIRECTORY and not flags & RENAME_EXCHANGE)
    if slash and source.location.node.kind != Kind.DIRECTORY:
        raise Failure(Status.NOT_A_DIRECTORY)
    if target.location is None and flags & RENAME_EXCHANGE:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    name = new.last if new.walk & Walk.CASE_BLIND else target.name
    rename_location(context, source.location, target.parent, name, target.location, flags)


def rename_location(
    context: FileSystemContext,
    source: Location,
    directory: Location,
    name: str,
    replaced: Location | None,
    flags: int = 0,
    by: File | None = None,
) -> None:
    """Move the object at `source` to `name` in `directory`, where `replaced` is what is there now.

    `by` is the open file that is moved, when it is one (NT), and not a name.
    """
    check_name(name)
    if source.mount is not directory.mount or (replaced is not None and replaced.mount is not source.mount):
        raise Failure(Status.NOT_SAME_DEVICE)
    if source.parent is None or source.mounted is not None:
        raise Failure(Status.SHARING_VIOLATION)
    if source.deleted:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    if (
        replaced is not None
        and replaced.node is source.node
        and not (replaced is source and name != source.name)
    ):
        return
    over = None if replaced is source else replaced
    _check_rename(context, source, source.parent, directory, over, flags, by)
    watches = source.node.file_system.devices.watches
    if replaced is not None and flags & RENAME_EXCHANGE:
        source.parent.node.exchange(source.name, source.node, directory.node, replaced.name, replaced.node)
        source.exchanged(replaced)
        if watches:
            _tell_exchange(source, replaced)
        return
    cookie = watch.new_cookie(source.node) if watches else 0
    source.parent.node.rename(
        source.name, source.node, directory.node, name, None if over is None else over.node
    )
    if watches:
        watch.notify_name(source, Change.MOVED_FROM, cookie)
    if over is not None:
        over.removed()
    source.moved(directory, name)
    if watches:
        watch.notify_name(source, Change.MOVED_TO, cookie)
        if over is not None:
            watch.tell(over.node, Change.ATTRIBUTES | _directory_bit(over), None)
        watch.tell(source.node, Change.MOVE_SELF, None)
        if over is not None:
            watch.notify_unlinked(over.node)


def _tell_exchange(first: Location, second: Location) -> None:
    """Two objects have taken each other's place: both have moved."""
    for moved, other in ((first, second), (second, first)):
        cookie, bit = watch.new_cookie(moved.node), _directory_bit(moved)
        if moved.parent is not None and other.parent is not None:
            watch.tell(other.parent.node, Change.MOVED_FROM | bit, other.name, cookie)
            watch.tell(moved.parent.node, Change.MOVED_TO | bit, moved.name, cookie)
        watch.tell(moved.node, Change.MOVE_SELF, None)


def _directory_bit(location: Location) -> int:
    return Change.IS_DIRECTORY if location.node.kind == Kind.DIRECTORY else 0


def _check_rename(
    context: FileSystemContext,
    source: Location,
    parent: Location,
    directory: Location,
    replaced: Location | None,
    flags: int,
    by: File | None,
) -> None:
    token = context.token
    is_directory = source.node.kind == Kind.DIRECTORY
    if directory.is_below(source):
        raise Failure(Status.INVALID_PARAMETER)
    if replaced is not None and source.is_below(replaced):
        raise Failure(Status.INVALID_PARAMETER if flags & RENAME_EXCHANGE else Status.DIRECTORY_NOT_EMPTY)
    check_remove(token, parent, source.node)
    check_no_denial(source, by)
    if replaced is None:
        check_add(token, directory)
    else:
        check_remove(token, directory, replaced.node)
        check_no_denial(replaced)
        if _is_in_use(replaced) or replaced.parent is None:
            raise Failure(Status.SHARING_VIOLATION)
        if not flags & RENAME_EXCHANGE:
            if is_directory and replaced.node.kind != Kind.DIRECTORY:
                raise Failure(Status.NOT_A_DIRECTORY)
            if not is_directory and replaced.node.kind == Kind.DIRECTORY:
                raise Failure(Status.FILE_IS_A_DIRECTORY)
    if is_directory and parent is not directory and not token.overrides:
        modes.check(token, source.node.attributes(), modes.WRITE, directory=True)


# ---- objects that become links, and back (NT: setting and deleting reparse points)


def become_link(context: FileSystemContext, file: File, text: str) -> None:
    """Let the empty file or directory, or the link, that `file` has open become a symlink; `file` stands for that then.

    DIRECTORY_NOT_EMPTY; NOT_SUPPORTED for a file with content, which a symlink has no place for.
    """
    check_target(text)
    parent = _parent_of(context, file)
    node, name = file.node, file.location.name
    if node.kind not in (Kind.REGULAR, Kind.DIRECTORY, Kind.SYMLINK) or (
        node.kind == Kind.REGULAR and node.size()
    ):
        raise Failure(Status.NOT_SUPPORTED)
    before = node.attributes()
    remove_entry(file.location)
    try:
        made = symlink(context, text, Name(parent, (name,)))
    except Failure:
        if node.kind != Kind.SYMLINK:
            make_entry(context, parent, name, node.kind, before.mode)
        raise
    file.stand_for(made)


def become_plain(context: FileSystemContext, file: File) -> None:
    """Let the link that `file` has open become an empty directory, or an empty file, as it counts now."""
    parent = _parent_of(context, file)
    directory = leads_to_directory(context, file.location)
    name = file.location.name
    remove_entry(file.location)
    kind, mode = (Kind.DIRECTORY, 0o777) if directory else (Kind.REGULAR, 0o666)
    file.stand_for(make_entry(context, parent, name, kind, mode))


def _parent_of(context: FileSystemContext, file: File) -> Location:
    """The directory in which the object of an open file may be exchanged for another one."""
    location = file.location
    if location.parent is None or location.mounted is not None:
        raise Failure(Status.ACCESS_DENIED)
    if location.deleted or file.node.delete_pending:
        raise Failure(Status.DELETE_PENDING)
    check_add(context.token, location.parent)
    check_remove(context.token, location.parent, location.node)
    return location.parent
