"""From NT's ways of naming and opening files to the executive's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.io.file import File
from lichen.executive.io.lookup import Walk
from lichen.executive.io.names import Name
from lichen.executive.io.opening import Access, Disposition, Open, Options, Share
from lichen.executive.objects.opening import open_object
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import names
from lichen.subsystems.nt.spelling import split

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.types import Named

FILE_DIRECTORY_FILE, FILE_WRITE_THROUGH, FILE_SEQUENTIAL_ONLY, FILE_NO_BUFFERING = 0x1, 0x2, 0x4, 0x8
FILE_SYNCHRONOUS_IO_ALERT, FILE_SYNCHRONOUS_IO_NONALERT, FILE_NON_DIRECTORY_FILE = 0x10, 0x20, 0x40
FILE_DELETE_ON_CLOSE, FILE_OPEN_BY_FILE_ID, FILE_OPEN_FOR_BACKUP = 0x1000, 0x2000, 0x4000
FILE_OPEN_REPARSE_POINT: Final = 0x200000
_OPTIONS: Final = {
    FILE_DIRECTORY_FILE: Options.DIRECTORY,
    FILE_NON_DIRECTORY_FILE: Options.NON_DIRECTORY,
    FILE_WRITE_THROUGH: Options.SYNCHRONOUS,
    FILE_SEQUENTIAL_ONLY: Options.SEQUENTIAL,
    FILE_NO_BUFFERING: Options.UNBUFFERED,
    FILE_SYNCHRONOUS_IO_ALERT: Options.ALERTABLE,
    FILE_DELETE_ON_CLOSE: Options.DELETE_ON_CLOSE,
    FILE_OPEN_REPARSE_POINT: Options.OPEN_LINK,
}
_KEPT_FLAGS: Final = 0x2026
FILE_ATTRIBUTE_READONLY, FILE_ATTRIBUTE_REPARSE_POINT = 0x1, 0x400
_FOR_DELETION: Final = Access.DELETE | Access.SYNCHRONIZE | Access.READ_ATTRIBUTES
_PROGRAMS: Final = (".exe", ".com")


def open_of(name: str, access: int, disposition: int, share: int, options: int, attributes: int = 0) -> Open:
    """The executive's open request for NtCreateFile's arguments.

    What is opened only to be deleted or renamed is a link itself: Wine's DLLs mean it so and do not say it. The attribute of
    links asks for one too: CreateFileW has no other way to pass that flag on (`mends`).
    """
    if (options & FILE_DIRECTORY_FILE and options & FILE_NON_DIRECTORY_FILE) or disposition > 5 or share & ~7:
        raise Failure(Status.INVALID_PARAMETER)
    bits = 0 if options & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT) else Options.OVERLAPPED
    for option, meaning in _OPTIONS.items():
        if options & option:
            bits |= meaning
    for_deletion = access & Access.DELETE and not access & ~_FOR_DELETION
    if for_deletion or attributes & FILE_ATTRIBUTE_REPARSE_POINT:
        bits |= Options.OPEN_LINK
    mode = (
        0o777 if options & FILE_DIRECTORY_FILE else 0o444 if attributes & FILE_ATTRIBUTE_READONLY else 0o666
    )
    if disposition != Disposition.OPEN:
        mode = runnable_mode(name.rstrip("\\"), mode)
    bits, walk = _as_named(name, disposition, bits)
    return Open(access, disposition, share & Share.ALL, bits, mode, walk, attributes & _KEPT_FLAGS)


def _as_named(name: str, disposition: int, options: int) -> tuple[int, int]:
    """Options and walk of an open, of which a name says something too: by its end, and as all names are blind to case."""
    if not name.endswith("\\") or name.endswith(":\\"):
        return options | Options.RUNNABLE, Walk.CASE_BLIND
    if options & Options.OPEN_LINK and disposition == Disposition.OPEN:
        return options | Options.DIRECTORY, Walk.CASE_BLIND  # the link to a directory, not the directory
    return options | Options.RUNNABLE, Walk.CASE_BLIND | Walk.DIRECTORY


def runnable_mode(name: str, mode: int) -> int:
    """A file's mode under a name of Windows': what is named as a program may be run by whoever may read it."""
    return mode | (mode & 0o444) >> 2 if name.lower().endswith(_PROGRAMS) else mode


def open_at_once(thread: Thread, name: Named, request: Open) -> File:
    """Open what an OBJECT_ATTRIBUTES names, without a handle and without waiting; OBJECT_TYPE_MISMATCH for what would wait."""
    options, walk = _as_named(name.name, request.disposition, request.options)
    request = request._replace(options=options, walk=walk)
    file = open_object(thread.process, name.root, split(name.name), request)
    if not isinstance(file, File):
        file.close()
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    return file


def name_for(thread: Thread, name: Named) -> Name:
    """The name of a file that is to be made: below an open directory, or on a drive; NOT_SAME_DEVICE elsewhere."""
    return Name(*names.place(thread, name), Walk.CASE_BLIND)
