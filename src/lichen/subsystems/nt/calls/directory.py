"""Listing directories, and telling what changes in them.

Source: NtQueryDirectoryFile, NtNotifyChangeDirectoryFile (ntifs.h); [MS-FSCC] 2.4 for the records, [MS-FSA] 2.1.4.4 for
the masks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.argument import Out
from lichen.abi.layout import layout, u32
from lichen.executive.io.attributes import Attributes, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import ChangeRecord, DirectoryFile, File, Listing
from lichen.executive.io.location import fold
from lichen.executive.io.lookup import LONGEST_NAME, Walk, check_name, find
from lichen.executive.io.opening import Access
from lichen.executive.security import modes
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.nt.calls.file import allocation_of, flags_of, size_of, times_of
from lichen.subsystems.nt.completions import Completion
from lichen.subsystems.nt.directory_watch import DirectoryWatch
from lichen.subsystems.nt.links import shown, tag_of
from lichen.subsystems.nt.names import LINUX_EXTENSION
from lichen.subsystems.nt.objects import directory_of, file_of
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.records.files import (
    FileBothDirectoryInformation,
    FileDirectoryInformation,
    FileFullDirectoryInformation,
    FileIdBothDirectoryInformation,
    FileIdFullDirectoryInformation,
    FileNamesInformation,
)
from lichen.subsystems.nt.spelling import for_linux, for_windows
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, Handle, Result, Text, encode

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_RESTART, _SINGLE = 1, 2
_CHANGES: Final = 0xFFF
_ALIGNMENT: Final = 8
_DOTS: Final = 2
_LONGEST_MASK: Final = 2 * LONGEST_NAME
_LARGEST_ANSWER: Final = 1 << 16
"""Bytes of names that one call gives: a program asks for more of them anyway."""
_ANY_EXTENSION: Final = re.compile(r"""([^*?<>"]+)"\*""")
"""What Win32 makes of the mask NAME.*"""
_LINKS_AT_ONCE: Final = 64
"""Of each of which has to be found out whether it leads to a directory, a long way perhaps."""
_EVERYTHING: Final = re.compile(".*", re.DOTALL)
_WILDCARDS: Final = re.compile('[*?<>"]')
_NOT_ONE: Final = frozenset(("", ".", ".."))
"""Masks without wildcards that are no name in a directory."""
_DOS_PIECES: Final = {"?": ".", ">": r"(?:[^.]|$|(?=\.))", '"': r"(?:\.|$)"}


@lru_cache(256)
def mask_pattern(mask: str) -> re.Pattern[str]:
    """The pattern of a mask: `*` and `?`, and what Win32 makes of them for DOS's sake: `<`, `>` and `"`.

    OBJECT_NAME_INVALID for a mask that is longer than any name with a star between all its characters.
    """
    if mask in ("", "*", "*.*"):
        return _EVERYTHING
    if len(mask) > _LONGEST_MASK:
        raise Failure(Status.OBJECT_NAME_INVALID)
    ending = ""
    if mask.endswith(".*"):  # a name without an extension has an empty one
        mask, ending = mask[:-2], r"(?:\..*)?"
    begin, *parts = ("".join(map(_piece, part)) for part in re.split("[*<]+", mask))
    text = begin
    if parts:
        # What is between two stars is best where it ends first. A search that came back to look for another place, for each
        # star again, would hold the kernel for ever.
        text += "".join(f"(?>.*?{part})" for part in parts[:-1]) + ".*" + parts[-1]
    return re.compile(text + ending, re.DOTALL | re.IGNORECASE)


def _piece(character: str) -> str:
    return _DOS_PIECES.get(character) or re.escape(character)


Record = Callable[[Attributes, int, bytes], bytes]
"""Makes a record, which is the last, of an entry's attributes, its reparse tag and its name."""
_Common = tuple[int, int, int, int, int, int, int, int, int, int]


def _common(attributes: Attributes, name: bytes) -> _Common:
    """The fields with which most records begin."""
    created, accessed, modified, changed = times_of(attributes)
    sizes = size_of(attributes), allocation_of(attributes)
    return 0, 0, created, accessed, modified, changed, *sizes, flags_of(attributes), len(name)


_DIRECTORY, _FULL = layout(FileDirectoryInformation, MODEL), layout(FileFullDirectoryInformation, MODEL)
_BOTH, _ID_BOTH = layout(FileBothDirectoryInformation, MODEL), layout(FileIdBothDirectoryInformation, MODEL)
_ID_FULL, _NAMES = layout(FileIdFullDirectoryInformation, MODEL), layout(FileNamesInformation, MODEL)
_RECORDS: Final[dict[int, Record]] = {
    1: lambda a, tag, name: _DIRECTORY.pack(FileDirectoryInformation(*_common(a, name))) + name,
    2: lambda a, tag, name: _FULL.pack(FileFullDirectoryInformation(*_common(a, name), tag)) + name,
    3: lambda a, tag, name: _BOTH.pack(FileBothDirectoryInformation(*_common(a, name), tag)) + name,
    12: lambda a, tag, name: _NAMES.pack(FileNamesInformation(0, 0, len(name))) + name,
    37: lambda a, tag, name: (
        _ID_BOTH.pack(FileIdBothDirectoryInformation(*_common(a, name), tag, 0, b"", a.file_id)) + name
    ),
    38: lambda a, tag, name: (
        _ID_FULL.pack(FileIdFullDirectoryInformation(*_common(a, name), tag, a.file_id)) + name
    ),
}
"""By information class."""


@nt.call()
def NtQueryDirectoryFile(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Out[IoStatusBlock],
    buffer: Address,
    size: u32,
    information_class: u32,
    single: Boolean,
    mask: Text,
    restart: Boolean,
) -> int:
    """The next names of a directory."""
    flags = (_SINGLE if single else 0) | (_RESTART if restart else 0)
    return _query(thread, handle, status, buffer, size, information_class, flags, mask)


@nt.call()
def NtQueryDirectoryFileEx(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Out[IoStatusBlock],
    buffer: Address,
    size: u32,
    information_class: u32,
    flags: u32,
    mask: Text,
) -> int:
    """The next names of a directory."""
    return _query(thread, handle, status, buffer, size, information_class, flags, mask)


def _query(
    thread: Thread,
    handle: int,
    status: Out[IoStatusBlock],
    buffer: int,
    size: int,
    information_class: int,
    flags: int,
    mask: str,
) -> int:
    file = file_of(thread, handle, Access.READ)
    record = _RECORDS.get(information_class)
    if record is None:
        raise Failure(Status.INVALID_INFO_CLASS)
    directory = directory_of(file)
    listing = directory.listing
    first = listing is None or bool(flags & _RESTART)
    if listing is None or flags & _RESTART:
        listing = directory.listing = _listing(directory, mask)
        directory.position = 0
    names = _Names(thread.process, directory, listing.program)
    data = _fill(names, listing, record, min(size, _LARGEST_ANSWER), bool(flags & _SINGLE))
    if not data:
        if directory.position < len(listing.entries):
            raise Failure(Status.BUFFER_OVERFLOW)
        if first:
            raise Failure(NtStatus.NO_SUCH_FILE)
        status.write(IoStatusBlock(Status.NO_MORE_FILES, 0))  # a warning is told there too, an error is not
        return Status.NO_MORE_FILES
    thread.memory.write(buffer, data)
    status.write(IoStatusBlock(Status.SUCCESS, len(data)))
    return Status.SUCCESS


def _listing(directory: File, mask: str) -> Listing:
    """The names in the order that NTFS keeps them in and programs count on, behind the two dots.

    A mask without wildcards finds one name at most: the one that an open of it would find.
    """
    pattern = mask_pattern(mask)
    if mask not in _NOT_ONE and not _WILDCARDS.search(mask):
        return Listing(_EVERYTHING, _single(directory, mask))
    names = [entry.name for entry in directory.directory_entries(restart=True)]
    entries = [(for_windows(name), name) for name in names]
    ordered = entries[:_DOTS] + sorted(entries[_DOTS:], key=lambda entry: (fold(entry[0]), entry[0]))
    program = _ANY_EXTENSION.fullmatch(mask)
    return Listing(pattern, ordered, fold(program[1]) if program else "")


def _single(directory: File, mask: str) -> list[tuple[str, str]]:
    directory.require(Access.READ)
    name = for_linux(mask)
    try:
        check_name(name)
        child = directory.location.child(name, case_blind=True)
    except Failure:
        return []
    return [] if child is None else [(for_windows(child.name), child.name)]


class _Names(NamedTuple):
    """How the names of a directory are shown to a process.

    A Linux program that was asked for with any extension, as by cmd.exe along PATH, has the one of Linux programs.
    """

    process: Process
    directory: File
    program: str

    def shown(self, name: str) -> str:
        """The name of an entry."""
        if self.program and fold(name) == self.program and self._is_program(name):
            return name + LINUX_EXTENSION
        return name

    def _is_program(self, name: str) -> bool:
        mount, context = self.directory.location.mount, self.process.files
        if mount is None or mount.enforces_sharing:
            return False
        try:
            attributes = find(context, self.directory.location, (name,), Walk.FOLLOW).node.attributes()
            modes.check(context.token, attributes, modes.EXECUTE)
        except Failure:
            return False
        return attributes.kind == Kind.REGULAR


def _fill(names: _Names, listing: Listing, record: Record, size: int, single: bool) -> bytes:
    """As many records as fit, each telling where the next one is; the directory's position moves on."""
    directory, pattern, entries = names.directory, listing.pattern, listing.entries
    out = bytearray()
    last = links = 0
    while directory.position < len(entries):
        shown, name = entries[directory.position]
        found = _attributes(names.process.files, directory, name) if pattern.fullmatch(shown) else None
        if found is not None:
            start = (len(out) + _ALIGNMENT - 1) & -_ALIGNMENT
            data = record(*found, encode(names.shown(shown)))
            if start + len(data) > size:
                break
            if out:
                out[last : last + ULONG.size] = ULONG.pack(start - last)
            out += bytes(start - len(out)) + data
            last = start
            links += found[1] != 0
        directory.position += 1
        if out and (single or links >= _LINKS_AT_ONCE):
            break
    return bytes(out)


def _attributes(context: FileSystemContext, directory: File, name: str) -> tuple[Attributes, int] | None:
    """The attributes of an entry and its reparse tag; None when it has gone meanwhile."""
    location = directory.location
    if name == ".":
        return location.node.attributes(), 0
    if name == "..":
        return location.up(None).node.attributes(), 0
    try:
        child = location.child(name)
        if child is None:
            return None
        child = child.inner()
        return shown(context, child), tag_of(child.node)
    except Failure:
        return None


@nt.call(partial="at most 4096 directories of a tree are watched")
def NtNotifyChangeDirectoryFile(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    buffer: Address,
    size: u32,
    filter: u32,
    subtree: Boolean,
) -> Result:
    """Tell what changes in a directory; NOTIFY_ENUM_DIR when that is more than fits."""
    if not status:
        raise Failure(Status.ACCESS_VIOLATION)
    if not filter or filter & ~_CHANGES:
        raise Failure(Status.INVALID_PARAMETER)
    directory = directory_of(file_of(thread, handle, Access.READ))
    completion = Completion(thread, directory, event, routine, context, status)
    watch = _watch_of(thread, directory, filter, subtree)
    watch.expect(bool(size))

    def tell() -> Blocks[int]:
        yield from watch.wait()
        data = watch.take(size)
        if not data:
            return completion.end(NtStatus.NOTIFY_ENUM_DIR, 0)
        thread.memory.write(buffer, data)
        return completion.end(Status.SUCCESS, len(data))

    def begin() -> Blocks[int]:
        while watch.grow():
            yield Wait((), thread.process.machine.scheduler.clock(), interruptible=False)
        return completion.pend(tell())

    # Even on a synchronous handle it goes on by itself: that is how kernelbase uses it.
    return begin() if watch.grow() else completion.pend(tell())


def _watch_of(thread: Thread, directory: DirectoryFile, filter: int, subtree: bool) -> ChangeRecord:
    """What watches for a handle, from its first request until it is closed."""
    if directory.changes is None:
        watch = DirectoryWatch(directory.location, filter, subtree, thread.process.files.token)
        directory.when_closed = {**(directory.when_closed or {}), watch.close: None}
        directory.changes = watch
    return directory.changes
