"""Opening and creating files: the one function that openat and NtCreateFile both end in (NT: IoCreateFile).

Linux's flags and NT's arguments have become an `Open`. What differs between the worlds is data in it: the disposition, the
share mode, whether symlinks are followed, whether the open is POSIX's and so bound by denials only where the mount says so.
"""

from __future__ import annotations

from typing import Final

from lichen.executive import images
from lichen.executive.io import watch
from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File, PathFile
from lichen.executive.io.links import leads_to_directory
from lichen.executive.io.location import Location
from lichen.executive.io.lookup import Walk, WalkEnd, check_name, find_entry
from lichen.executive.io.node import Node
from lichen.executive.io.opening import Access, Disposition, Open, Options, Outcome, Share
from lichen.executive.io.permission import check_add, check_remove, check_writable, ownership
from lichen.executive.io.watch import Change
from lichen.executive.security import modes
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then

_CREATING: Final = frozenset(
    {Disposition.SUPERSEDE, Disposition.CREATE, Disposition.OPEN_IF, Disposition.OVERWRITE_IF}
)
_OUTCOMES: Final = {
    Disposition.SUPERSEDE: Outcome.SUPERSEDED,
    Disposition.OVERWRITE: Outcome.OVERWRITTEN,
    Disposition.OVERWRITE_IF: Outcome.OVERWRITTEN,
}
_EMPTIED: Final = frozenset(_OUTCOMES.values())
_OF_CONTENT: Final = Access.READ | Access.CONTENT | Access.EXECUTE
"""What nobody has of a socket's name; for anything else it can be opened."""
_HELD: Final = frozenset({Kind.REGULAR, Kind.DIRECTORY, Kind.SYMLINK})
"""Kinds whose content is the file system's own: a read-only one protects it, and those who have it open may deny it."""
_DEVICES: Final = frozenset({Kind.CHARACTER, Kind.BLOCK})


def create_file(
    context: FileSystemContext, start: Location, components: tuple[str, ...], open: Open
) -> File | Blocks[File]:
    """Open, create or overwrite what `components` lead to from `start`, as `open` asks; `outcome` on it says which.

    Returns the File with one reference, which is the caller's; or a generator when a FIFO waits for its other end.
    """
    options, disposition = open.options, open.disposition
    walk = open.walk
    if not options & (Options.OPEN_LINK | Options.NO_FOLLOW) and disposition != Disposition.CREATE:
        walk |= Walk.FOLLOW
    entry = find_entry(context, start, components, walk)
    location = entry.location
    if location is None:
        if disposition not in _CREATING:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        if walk & Walk.DIRECTORY and not options & Options.DIRECTORY:
            raise Failure(Status.FILE_IS_A_DIRECTORY)
        if options & Options.RUNNABLE and start.mount is not None and start.mount.enforces_sharing:
            open = open._replace(mode=open.mode | 0o111)
        return _create(context, entry, open)
    if disposition == Disposition.CREATE:
        raise Failure(Status.OBJECT_NAME_COLLISION)
    if options & Options.UNNAMED:
        return _create_unnamed(context, location, open)
    return open_location(context, location, open)


def open_location(context: FileSystemContext, location: Location, open: Open) -> File | Blocks[File]:
    """Open an existing object that was found already."""
    node, options, access = location.node, open.options, open.access
    if node.kind == Kind.SYMLINK and not options & Options.POSIX:
        _check_link(context, location, open)
    else:
        _check_kind(node.kind, open)
    if options & Options.PATH_ONLY:
        return _opened(PathFile(location, open), Outcome.OPENED)
    if access & Access.MAXIMUM_ALLOWED:
        access = granted_access(context.token, location)
        if node.image_uses is not None and node.image_uses():
            access &= ~Access.CONTENT
        open = open._replace(access=access)
    outcome = _OUTCOMES.get(open.disposition, Outcome.OPENED)
    _check_access(context.token, location, open, outcome != Outcome.OPENED)
    if node.image_uses is not None and (access & Access.CONTENT or outcome != Outcome.OPENED):
        _check_image(node.image_uses(), open)
    if (node.files and node.kind in _HELD) or node.delete_pending:
        _check_sharing(location, open)
    if node.kind == Kind.SYMLINK or (node.kind == Kind.SOCKET and not access & _OF_CONTENT):
        return _opened(PathFile(location, open), outcome)
    if outcome != Outcome.OPENED and node.kind == Kind.REGULAR:
        node.change(AttributeChange(size=0, flags=None if options & Options.POSIX else open.flags))
    return then(node.open(location, open, context.token), lambda file: _opened(file, outcome))


def _opened(file: File, outcome: int) -> File:
    file.outcome = outcome
    if file.node.file_system.devices.watches and not file.options & Options.PATH_ONLY:
        watch.notify(file.location, Change.OPEN)
        if outcome in _EMPTIED and file.node.kind == Kind.REGULAR:
            watch.notify(file.location, Change.MODIFY)
    return file


def _check_kind(kind: int, open: Open) -> None:
    options = open.options
    if kind == Kind.DIRECTORY:
        if options & Options.NON_DIRECTORY:
            raise Failure(Status.FILE_IS_A_DIRECTORY)
        if options & Options.POSIX and not options & Options.PATH_ONLY:
            if open.access & Access.CONTENT or open.disposition != Disposition.OPEN:
                raise Failure(Status.FILE_IS_A_DIRECTORY)
        elif open.disposition in _OUTCOMES:
            raise Failure(Status.OBJECT_NAME_COLLISION)
        return
    if options & Options.NO_FOLLOW and kind == Kind.SYMLINK:
        raise Failure(
            Status.NOT_A_DIRECTORY if options & Options.DIRECTORY else Status.REPARSE_POINT_NOT_RESOLVED
        )
    if options & Options.DIRECTORY:
        raise Failure(Status.NOT_A_DIRECTORY)


def _check_link(context: FileSystemContext, location: Location, open: Open) -> None:
    """NT opens a link itself as a directory or not, whichever it leads to."""
    if open.disposition in _OUTCOMES:
        raise Failure(Status.OBJECT_NAME_COLLISION)
    if open.options & (Options.DIRECTORY | Options.NON_DIRECTORY):
        directory = leads_to_directory(context, location)
        if directory and open.options & Options.NON_DIRECTORY:
            raise Failure(Status.FILE_IS_A_DIRECTORY)
        if not directory and open.options & Options.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)


def _check_access(token: Token, location: Location, open: Open, overwrites: bool) -> None:
    node, access = location.node, open.access
    writes = access & Access.CONTENT or overwrites
    if writes and node.file_system.read_only and node.kind in _HELD:
        raise Failure(Status.MEDIA_WRITE_PROTECTED)
    wanted = modes.WRITE if writes else 0
    if access & Access.READ:
        wanted |= modes.READ
    if access & Access.EXECUTE:
        wanted |= modes.EXECUTE
    deletes = open.options & Options.DELETE_ON_CLOSE
    if deletes and not open.options & Options.POSIX:
        require_removable(node)
    if deletes and not open.options & Options.POSIX and is_viewed(node):
        raise Failure(Status.CANNOT_DELETE)
    if (writes or deletes) and not open.options & Options.POSIX and node.attributes().read_only:
        raise Failure(Status.CANNOT_DELETE if deletes else Status.ACCESS_DENIED)
    if wanted and (not token.overrides or access & Access.EXECUTE):
        modes.check(token, node.attributes(), wanted, node.kind == Kind.DIRECTORY)
    if access & (Access.WRITE_ATTRIBUTES | Access.WRITE_EXTENDED) and node.kind in _HELD:
        check_writable(node)
    if access & (Access.WRITE_DAC | Access.WRITE_OWNER):
        modes.check_owner(token, node.attributes())
    if open.options & Options.NO_ACCESS_TIME and open.options & Options.POSIX:
        modes.check_owner(token, node.attributes())
    if (access & Access.DELETE or deletes) and location.parent is not None:
        check_remove(token, location.parent, node)


def granted_access(token: Token, location: Location) -> int:
    """All the rights that `token` would be given to an object (NT's MAXIMUM_ALLOWED)."""
    node = location.node
    attributes = node.attributes()
    directory = node.kind == Kind.DIRECTORY
    access = Access.READ_ATTRIBUTES | Access.READ_EXTENDED | Access.READ_CONTROL | Access.SYNCHRONIZE
    if modes.allows(token, attributes, modes.READ, directory):
        access |= Access.READ
    if modes.allows(token, attributes, modes.EXECUTE, directory):
        access |= Access.EXECUTE
    if not node.file_system.read_only:
        if modes.allows(token, attributes, modes.WRITE, directory):
            access |= Access.CONTENT | Access.WRITE_ATTRIBUTES | Access.WRITE_EXTENDED
            access |= Access.DELETE_CHILD if directory else 0
        if token.fsuid == attributes.uid or token.overrides:
            access |= Access.WRITE_DAC | Access.WRITE_OWNER | Access.WRITE_ATTRIBUTES
        if location.parent is not None and _may_remove(token, location.parent, node):
            access |= Access.DELETE
    return access


def _may_remove(token: Token, directory: Location, node: Node) -> bool:
    try:
        check_remove(token, directory, node)
    except Failure:
        return False
    return True


# ---- share modes


def _needs(access: int) -> int:
    """The share bits that others must have granted for this access."""
    needed = Share.READ if access & (Access.READ | Access.EXECUTE) else 0
    if access & Access.CONTENT:
        needed |= Share.WRITE
    if access & Access.DELETE:
        needed |= Share.DELETE
    return needed


def _check_sharing(location: Location, open: Open) -> None:
    """Whether the open files of the node and this open allow each other (NT: IoCheckShareAccess)."""
    node = location.node
    if node.delete_pending:
        raise Failure(Status.DELETE_PENDING)
    if not node.denials and open.share == Share.ALL:
        return
    needed = _needs(open.access)
    if not needed:
        return
    posix = open.options & Options.POSIX
    for file in node.files:
        held = _needs(file.access) if not file.options & Options.PATH_ONLY else 0
        if not held or not (needed & ~file.share or held & ~open.share):
            continue
        if (file.options | open.options) & Options.IMAGE and posix:
            raise Failure(Status.IMAGE_BUSY)
        if not posix:
            raise Failure(Status.SHARING_VIOLATION)
        if location.mount is not None and location.mount.enforces_sharing:
            raise Failure(Status.ACCESS_DENIED)


def _check_image(uses: int, open: Open) -> None:
    """Whether a file can be written to: nobody writes to one that is run or mapped as an image."""
    if uses:
        raise Failure(Status.IMAGE_BUSY if open.options & Options.POSIX else Status.SHARING_VIOLATION)


# ---- making


def _create(context: FileSystemContext, entry: WalkEnd, open: Open) -> File | Blocks[File]:
    if open.options & Options.DIRECTORY and open.options & Options.POSIX:
        raise Failure(Status.INVALID_PARAMETER)
    kind = Kind.DIRECTORY if open.options & Options.DIRECTORY else Kind.REGULAR
    location = make_entry(context, entry.parent, entry.name, kind, open.mode)
    if open.flags:
        location.node.change(AttributeChange(flags=open.flags))
    if open.access & Access.MAXIMUM_ALLOWED:
        open = open._replace(access=Access.ALL)
    return then(
        location.node.open(location, open, context.token), lambda file: _opened(file, Outcome.CREATED)
    )


def make_entry(
    context: FileSystemContext, directory: Location, name: str, kind: int, mode: int, rdev: int = 0
) -> Location:
    """Make an object under a name that is known to be free; `mode` is before the umask."""
    check_name(name)
    token = context.token
    check_add(token, directory)
    mode, uid, gid = ownership(token, directory.node, kind, mode, context.umask)
    node = directory.node.create(name, kind, mode, uid, gid, rdev)
    location = directory.added(name, node)
    if node.file_system.devices.watches:
        watch.notify_name(location, Change.CREATE)
    return location


def _create_unnamed(context: FileSystemContext, directory: Location, open: Open) -> File | Blocks[File]:
    token = context.token
    check_add(token, directory)
    mode, uid, gid = ownership(token, directory.node, Kind.REGULAR, open.mode, context.umask)
    node = directory.node.create_unnamed(mode, uid, gid)
    location = Location(directory.mount, directory, f"#{node.attributes().file_id}", node)
    location.deleted = True
    open = open._replace(options=open.options & ~Options.DIRECTORY)
    return then(node.open(location, open, token), lambda file: _opened(file, Outcome.CREATED))


# ---- deletion at close


def require_removable(node: Node) -> None:
    """INVALID_PARAMETER for a device: to NT its name stands for the device, which nobody deletes, renames or replaces."""
    if node.kind in _DEVICES:
        raise Failure(Status.INVALID_PARAMETER)


def is_viewed(node: Node) -> bool:
    """Whether a process of NT's has a file mapped as an image, so that NT lets nobody delete or replace it."""
    return node.image_uses is not None and bool(node.image_uses() & images.VIEWED)


def set_disposition(file: File, delete: bool, posix: bool = False) -> None:
    """Let the name go when the last open file of the node closes, or keep it after all (NT: FileDisposition).

    With `posix` it goes when `file` closes, whoever else has the node open. DIRECTORY_NOT_EMPTY; CANNOT_DELETE for a file
    that is marked read-only or mapped as an image, a root or a mount point.
    """
    node, location = file.node, file.location
    if delete:
        require_removable(node)
        if location.parent is None or location.mounted is not None or node.attributes().read_only:
            raise Failure(Status.CANNOT_DELETE)
        if is_viewed(node):
            raise Failure(Status.CANNOT_DELETE)
        if node.kind == Kind.DIRECTORY and next(iter(node.entries()), None) is not None:
            raise Failure(Status.DIRECTORY_NOT_EMPTY)
    node.delete_pending = delete
    file.options &= ~(Options.DELETE_ON_CLOSE | Options.POSIX)
    if delete and posix:
        file.options |= Options.DELETE_ON_CLOSE | Options.POSIX
