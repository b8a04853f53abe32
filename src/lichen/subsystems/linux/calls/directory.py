"""Reading directories, and where a process stands in the tree: getdents, getcwd, chdir, chroot.

Source: getdents(2), getcwd(2), chdir(2), chroot(2).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import DirectoryEntry, Kind
from lichen.executive.security import modes
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.files import file_of, locate
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import AT_FDCWD, Address, Fd, PathName, Size, Uint

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.processes import Thread

_HEAD_64: Final = struct.Struct("<QqHB")
_HEAD: Final = struct.Struct("<QqH")
_LARGEST_BUFFER: Final = 1 << 16
"""Bytes of entries that one call gives: a program asks for more of them anyway."""


def _entry_64(entry: DirectoryEntry, next: int) -> bytes:
    """struct linux_dirent64: the type precedes the name."""
    name = os.fsencode(entry.name)
    size = (_HEAD_64.size + len(name) + 8) & -8
    return (_HEAD_64.pack(entry.file_id, next, size, entry.kind) + name).ljust(size, b"\0")


def _entry(entry: DirectoryEntry, next: int) -> bytes:
    """struct linux_dirent: the type is its last byte."""
    name = os.fsencode(entry.name)
    size = (_HEAD.size + len(name) + 2 + 7) & -8
    return (_HEAD.pack(entry.file_id, next, size) + name).ljust(size - 1, b"\0") + bytes((entry.kind,))


def _read(
    thread: Thread, fd: int, buffer: int, room: int, form: Callable[[DirectoryEntry, int], bytes]
) -> int:
    file = file_of(thread, fd)
    entries = file.directory_entries()
    index, room = file.position, min(room, _LARGEST_BUFFER)
    parts: list[bytes] = []
    while index < len(entries):
        data = form(entries[index], index + 1)
        if len(data) > room:
            if not parts:
                raise Failure(Status.INVALID_PARAMETER)
            break
        parts.append(data)
        room -= len(data)
        index += 1
    data = b"".join(parts)
    thread.memory.write(buffer, data)
    file.position = index
    return len(data)


@linux.call(amd64=217)
def getdents64(thread: Thread, fd: Fd, buffer: Address, size: Uint) -> int:
    """The next entries of an open directory."""
    return _read(thread, fd, buffer, size, _entry_64)


@linux.call(amd64=78)
def getdents(thread: Thread, fd: Fd, buffer: Address, size: Uint) -> int:
    """The next entries of an open directory, in the old form."""
    return _read(thread, fd, buffer, size, _entry)


@linux.call(amd64=79)
def getcwd(thread: Thread, buffer: Address, size: Size) -> int:
    """The path of the current folder; returns its length with the zero byte."""
    context = thread.process.files
    place = context.current.place(context.root)
    if place.deleted:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    path = os.fsencode("/" + "/".join(place.components)) + b"\0"
    if not place.reachable:
        path = b"(unreachable)" + path
    if len(path) > size:
        raise Failure(Status.OUT_OF_RANGE)
    thread.memory.write(buffer, path)
    return len(path)


def _check_enterable(thread: Thread, location: Location) -> None:
    if location.node.kind != Kind.DIRECTORY:
        raise Failure(Status.NOT_A_DIRECTORY)
    modes.check(thread.process.files.token, location.node.attributes(), modes.EXECUTE, directory=True)


@linux.call(amd64=80)
def chdir(thread: Thread, path: PathName) -> int:
    """Change the current folder."""
    location = locate(thread, AT_FDCWD, path)
    _check_enterable(thread, location)
    thread.process.files.current = location
    return 0


@linux.call(amd64=81)
def fchdir(thread: Thread, fd: Fd) -> int:
    """Make an open directory the current folder."""
    location = file_of(thread, fd).location
    _check_enterable(thread, location)
    thread.process.files.current = location
    return 0


@linux.call(amd64=161)
def chroot(thread: Thread, path: PathName) -> int:
    """Change what `/` means to the process; the current folder stays where it is."""
    location = locate(thread, AT_FDCWD, path)
    _check_enterable(thread, location)
    context = thread.process.files
    if not context.token.has(Capability.SYS_CHROOT):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    context.root = location
    return 0
