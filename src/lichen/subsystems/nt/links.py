"""Symlinks as NT has them: reparse points that are symbolic links or junctions (docs/decisions/012).

What a link leads to is kept as a symlink's text in Linux' terms, so both worlds follow it; a Windows path is translated when
a link is made and when it is read. An absolute text that ends in a slash is a junction, every other one a symbolic link.

Source: [MS-FSCC] 2.1.2 REPARSE_DATA_BUFFER, 2.3.41 and 2.3.91.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import Layout, layout
from lichen.executive.io.attributes import Attributes, Flag, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.links import behind, leads_to_directory
from lichen.executive.io.location import Location
from lichen.executive.io.lookup import Walk, find, find_entry
from lichen.executive.io.names import LONGEST_TARGET, Name, become_link, become_plain, symlink
from lichen.executive.io.node import Node
from lichen.executive.io.requests import Answer, DeviceRequest
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import names
from lichen.subsystems.nt.files import name_for
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.links import JunctionData, ReparseData, SymbolicLinkData
from lichen.subsystems.nt.spelling import file_components_of, for_windows
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.types import Named, decode, encode

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

SYMBOLIC_LINK, JUNCTION = 0xA000000C, 0xA0000003
LOCAL_SOCKET: Final = 0x80000023
_RELATIVE: Final = 1
_HEAD: Final = layout(ReparseData, MODEL)
_SYMBOLIC_LINK, _JUNCTION = layout(SymbolicLinkData, MODEL), layout(JunctionData, MODEL)
_LARGEST: Final = 16384
_NT_PREFIX: Final = "\\??\\"
_DIRECTORY: Final = 1
_UNPRIVILEGED: Final = 2
_LONGEST_PREFIX: Final = 64
"""Units of an NT name that a text of Linux' does not have: a volume's own name is the longest."""


# ---- what is known of a link


def shown(context: FileSystemContext, location: Location) -> Attributes:
    """The attributes of an object itself: a link has no size, and is marked as a directory when it leads to one."""
    attributes = location.node.attributes()
    if attributes.kind != Kind.SYMLINK:
        return attributes
    flags = attributes.flags | (Flag.DIRECTORY if leads_to_directory(context, location) else 0)
    return attributes._replace(size=0, blocks=0, flags=flags)


def shown_by_name(context: FileSystemContext, location: Location) -> Attributes:
    """As `shown`, but with the times and the size of what a link leads to.

    Wine's C runtimes take stat(2) from what is asked by name. Programs that know links ask those for a handle.
    """
    attributes = shown(context, location)
    if attributes.kind == Kind.SYMLINK and (found := behind(context, location)) is not None:
        return found._replace(kind=Kind.SYMLINK, mode=attributes.mode, flags=attributes.flags)
    return attributes


def attributes_of(thread: Thread, file: File) -> Attributes:
    """The attributes of an open file as NT shows them."""
    if file.node.kind != Kind.SYMLINK:
        return file.attributes()
    return shown(thread.process.files, file.location)


def tag_of(node: Node) -> int:
    """The reparse tag of an object; 0 for what is no reparse point."""
    if node.kind == Kind.SOCKET:
        return LOCAL_SOCKET
    if node.kind != Kind.SYMLINK:
        return 0
    try:
        target = node.target()
    except Failure:
        return SYMBOLIC_LINK
    return JUNCTION if target.absolute and target.directory else SYMBOLIC_LINK


# ---- control codes


def set_point(file: File, request: DeviceRequest) -> Answer:
    """Make a file or a directory a link (FSCTL_SET_REPARSE_POINT)."""
    tag, length, _ = _given(file, request.data)
    if len(request.data) != _HEAD.size + length:
        raise Failure(NtStatus.REPARSE_DATA_INVALID)
    thread = request.thread
    become_link(thread.process.files, file, _text(thread, file, tag, request.data))
    return Status.SUCCESS, b""


def delete_point(file: File, request: DeviceRequest) -> Answer:
    """Make a link what it was before (FSCTL_DELETE_REPARSE_POINT)."""
    _, length, known = _given(file, request.data)
    if not known:
        raise Failure(NtStatus.NOT_A_REPARSE_POINT)
    if length:
        raise Failure(NtStatus.REPARSE_DATA_INVALID)
    become_plain(request.thread.process.files, file)
    return Status.SUCCESS, b""


def _given(file: File, data: bytes) -> tuple[int, int, int]:
    """The tag and the length of what is given, and the tag that the file has."""
    if file.location.mount is None:
        raise Failure(Status.INVALID_DEVICE_REQUEST)
    if len(data) < _HEAD.size:
        raise Failure(NtStatus.REPARSE_DATA_INVALID)
    tag, length, _ = _HEAD.unpack(data)
    known = tag_of(file.node)
    if known not in (0, tag) or known == LOCAL_SOCKET:
        raise Failure(NtStatus.REPARSE_TAG_MISMATCH)
    return tag, length, known


def get_point(file: File, request: DeviceRequest) -> Answer:
    """What a link leads to (FSCTL_GET_REPARSE_POINT)."""
    process, room = request.thread.process, request.room
    tag = tag_of(file.node)
    if not tag:
        raise Failure(NtStatus.NOT_A_REPARSE_POINT)
    if room < _HEAD.size:
        raise Failure(Status.BUFFER_TOO_SMALL)
    if tag == LOCAL_SOCKET:
        return Status.SUCCESS, _HEAD.pack(ReparseData(tag, 0, 0))
    target = file.node.target()
    if target.absolute:
        letter, rest = names.drive_above(process, target.components)
        shown = names.joined(letter, rest)
        stored = _NT_PREFIX + shown
    else:
        shown = stored = "\\".join(map(for_windows, target.components)) or "."
    substitute, printed = encode(stored), encode(shown)
    if len(substitute) + len(printed) > _LARGEST - 20:
        printed = b""
    size = _SYMBOLIC_LINK.size if tag == SYMBOLIC_LINK else _JUNCTION.size
    length = size - _HEAD.size + len(substitute) + len(printed)
    link = JunctionData(tag, length, 0, 0, len(substitute), len(substitute), len(printed))
    if tag == SYMBOLIC_LINK:
        head = _SYMBOLIC_LINK.pack(SymbolicLinkData(*link, 0 if target.absolute else _RELATIVE))
    else:
        head = _JUNCTION.pack(link)
    data = head + substitute + printed
    return (Status.SUCCESS if len(data) <= room else Status.BUFFER_OVERFLOW), data[:room]


def _text(thread: Thread, file: File, tag: int, data: bytes) -> str:
    """The text of the symlink that a REPARSE_DATA_BUFFER asks for."""
    context, parent = thread.process.files, file.location.parent
    if tag not in (SYMBOLIC_LINK, JUNCTION):
        raise Failure(Status.NOT_SUPPORTED)
    directory = file.node.kind == Kind.DIRECTORY or bool(shown(context, file.location).flags & Flag.DIRECTORY)
    if tag == JUNCTION and not directory:
        raise Failure(Status.NOT_A_DIRECTORY)
    if parent is None:
        raise Failure(Status.ACCESS_DENIED)
    head: Layout[SymbolicLinkData] | Layout[JunctionData] = (
        _SYMBOLIC_LINK if tag == SYMBOLIC_LINK else _JUNCTION
    )
    if len(data) < head.size:
        raise Failure(NtStatus.REPARSE_DATA_INVALID)
    link = head.unpack(data)
    stored = data[head.size + link.substitute_name_offset :][: link.substitute_name_length]
    if not stored or len(stored) != link.substitute_name_length:
        raise Failure(NtStatus.REPARSE_DATA_INVALID)
    relative = isinstance(link, SymbolicLinkData) and link.flags & _RELATIVE
    return _linux_text(thread, parent, decode(stored), bool(relative), directory, tag == JUNCTION)


# ---- from Windows paths to texts


def _linux_text(
    thread: Thread, parent: Location, path: str, relative: bool, directory: bool, junction: bool
) -> str:
    """The text of a link in `parent` to a Windows path: an NT name, or a relative one that may begin at the drive's root."""
    process = thread.process
    if len(path) > LONGEST_TARGET + _LONGEST_PREFIX:
        raise Failure(Status.NAME_TOO_LONG)
    if relative and path[:1] != "\\":
        start, before = parent, ""
        components = file_components_of(path)
    else:
        if relative:
            path = f"{_NT_PREFIX}{names.drive_of(process, parent)[0]}:{path}"
        try:
            start, components = names.place(thread, Named(0, path, 0))
        except Failure as failure:
            if failure.status == Status.NOT_SAME_DEVICE:
                raise Failure(NtStatus.REPARSE_DATA_INVALID) from None
            raise
        place = start.place(process.files.root)
        if not place.reachable:
            raise Failure(NtStatus.REPARSE_DATA_INVALID)
        before = "".join(f"/{name}" for name in place.components) + "/"
    text = before + "/".join(_spelled(process.files, start, components))
    if not text:
        raise Failure(NtStatus.REPARSE_DATA_INVALID)
    if junction or (directory and not _is_directory(process.files, start, components)):
        return text.rstrip("/") + "/"
    return text.rstrip("/") or "/"


def _spelled(context: FileSystemContext, start: Location, components: tuple[str, ...]) -> tuple[str, ...]:
    """Names as they are stored, as far as they are there: Linux tells capitals from small letters."""
    spelled: list[str] = []
    here = start
    for name in components:
        try:
            entry = find_entry(context, here, (name,), Walk.CASE_BLIND)
            spelled.append(name if name in (".", "..") else entry.name)
            here = find(context, here, (name,), Walk.FOLLOW | Walk.CASE_BLIND)
        except Failure:
            break
    return (*spelled, *components[len(spelled) :])


def _is_directory(context: FileSystemContext, start: Location, components: tuple[str, ...]) -> bool:
    try:
        found = find(context, start, components, Walk.FOLLOW | Walk.CASE_BLIND)
    except Failure:
        return False
    return found.node.kind == Kind.DIRECTORY


# ---- CreateSymbolicLinkW


def make_symbolic_link(thread: Thread, name: Named, path: str, flags: int) -> None:
    """What CreateSymbolicLinkW does: `path` is a Win32 path, `flags` say whether it is a directory's."""
    if flags & ~(_DIRECTORY | _UNPRIVILEGED):
        raise Failure(Status.INVALID_PARAMETER)
    path = path.replace("/", "\\")
    relative = False
    if path.startswith(("\\\\?\\", _NT_PREFIX)):
        path = _NT_PREFIX + path[4:]
    elif path[1:3] == ":\\":
        path = _NT_PREFIX + path
    elif path.startswith("\\\\"):
        path = f"{_NT_PREFIX}UNC{path[1:]}"
    elif path[1:2] == ":":
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
    else:
        relative = True
    made = name_for(thread, name)
    parent = made.find(thread.process.files).parent
    text = _linux_text(thread, parent, path, relative, bool(flags & _DIRECTORY), junction=False)
    symlink(thread.process.files, text, Name(made.start, made.components, made.walk))
