"""Opening by name, all the way: root or namespace, the object that a name leads to, a handle (NT: ObOpenObjectByName).

A root is a handle, 0 for none. A name is its components, empty ones included: an absolute one begins with an empty one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.io.file import File
from lichen.executive.io.lookup import stored
from lichen.executive.io.manager import create_file
from lichen.executive.objects import namespace
from lichen.executive.objects.handles import handle_of
from lichen.executive.objects.namespace import Directory, Found
from lichen.executive.objects.rights import FILE
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then

if TYPE_CHECKING:
    from lichen.executive.io.opening import Open
    from lichen.executive.processes import Process


def open_handle(
    process: Process, root: int, names: tuple[str, ...], request: Open, inherit: bool
) -> tuple[int, int] | Blocks[tuple[int, int]]:
    """Open or create what a name means: a handle of the process, and the `Outcome`.

    INVALID_HANDLE, what `reach` raises, what the object thinks of the request; TOO_MANY_OPENED_FILES.
    """

    def opened(file: File) -> tuple[int, int]:
        return handle_of(process.handles.insert(file, file.access, inherit)), file.outcome

    return then(open_object(process, root, names, request), opened)


def open_object(process: Process, root: int, names: tuple[str, ...], request: Open) -> File | Blocks[File]:
    """As `open_handle`, when only the file is wanted; its reference is the caller's."""
    access = FILE.spell(request.access)
    if access != request.access:
        request = request._replace(access=access)
    start, names = reach(process, root, names)
    opened = start.open_relative(process, names, request)
    if opened is not None:
        return opened
    assert isinstance(start, File)
    if names and not names[0]:
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
    return create_file(process.files, start.location, stored(tuple(filter(None, names))), request)


def reach(process: Process, root: int, names: tuple[str, ...]) -> Found:
    """As `find`, blind to case; below a handle that is no directory's the whole name is for that one's object."""
    start = process.handles.named(root).object if root else None
    if start is None or isinstance(start, Directory):
        return find(process, root, names)
    return Found(start, names)


def find(
    process: Process, root: int, names: tuple[str, ...], follow_last: bool = True, case_blind: bool = True
) -> Found:
    """Where a name leads in the namespace, and the rest, which is for that object to read.

    OBJECT_TYPE_MISMATCH for a root that is no directory, OBJECT_PATH_SYNTAX_BAD for an absolute name below one, or another
    without; what `namespace.find` raises.
    """
    top: Directory = process.machine.namespace
    start = process.handles.named(root).object if root else top
    if not isinstance(start, Directory):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    if names and bool(root) is not bool(names[0]):
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
    if not root:
        names = names[1:] if names != ("", "") else ()
    return namespace.find(top, start, names, follow_last, case_blind)
