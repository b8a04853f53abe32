"""Extended attributes of files.

Source: xattr(7), setxattr(2), getxattr(2), listxattr(2), removexattr(2).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final

from lichen.abi.argument import Arg, show_bytes
from lichen.abi.memory import Memory
from lichen.executive.io import metadata
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.files import locate, opened_file_of
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import AT_FDCWD, Address, Fd, Flags, PathName, Size

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.processes import Thread

XATTR_CREATE, XATTR_REPLACE = 1, 2
_LONGEST_NAME: Final = 255
_LONGEST_VALUE: Final = 65536


def read_name(memory: Memory, address: int) -> str:
    """The name of an attribute; OUT_OF_RANGE when it is empty or longer than 255 bytes."""
    name = memory.cstring(address, _LONGEST_NAME + 1)
    if not 0 < len(name) <= _LONGEST_NAME:
        raise Failure(Status.OUT_OF_RANGE)
    return os.fsdecode(name)


Name = Annotated[
    str,
    Arg("read_name(memory, {x})", lambda name: show_bytes(os.fsencode(name)), {"read_name": read_name}),
]


# ---- setting


def _set(thread: Thread, location: Location, name: str, value: int, size: int, flags: int) -> int:
    if flags & ~(XATTR_CREATE | XATTR_REPLACE):
        raise Failure(Status.INVALID_PARAMETER)
    if size > _LONGEST_VALUE:
        raise Failure(Status.INVALID_BUFFER_SIZE)
    data = thread.memory.read(value, size) if size else b""
    create, replace = bool(flags & XATTR_CREATE), bool(flags & XATTR_REPLACE)
    metadata.set_attribute(thread.process.files, location, name, data, create, replace)
    return 0


@linux.call(amd64=188)
def setxattr(thread: Thread, path: PathName, name: Name, value: Address, size: Size, flags: Flags) -> int:
    """Set an extended attribute of a file."""
    return _set(thread, locate(thread, AT_FDCWD, path), name, value, size, flags)


@linux.call(amd64=189)
def lsetxattr(thread: Thread, path: PathName, name: Name, value: Address, size: Size, flags: Flags) -> int:
    """Set an extended attribute of a file, or of a symlink itself."""
    return _set(thread, locate(thread, AT_FDCWD, path, follow=False), name, value, size, flags)


@linux.call(amd64=190)
def fsetxattr(thread: Thread, fd: Fd, name: Name, value: Address, size: Size, flags: Flags) -> int:
    """Set an extended attribute of an open file."""
    return _set(thread, opened_file_of(thread, fd).location, name, value, size, flags)


# ---- getting


def _answer(thread: Thread, data: bytes, buffer: int, size: int) -> int:
    """Store what fits into `size` bytes as a whole; a size of 0 only asks for the length."""
    if size:
        if len(data) > size:
            raise Failure(Status.OUT_OF_RANGE)
        thread.memory.write(buffer, data)
    return len(data)


def _get(thread: Thread, location: Location, name: str, buffer: int, size: int) -> int:
    return _answer(thread, metadata.get_attribute(thread.process.files, location, name), buffer, size)


@linux.call(amd64=191)
def getxattr(thread: Thread, path: PathName, name: Name, value: Address, size: Size) -> int:
    """The value of an extended attribute of a file."""
    return _get(thread, locate(thread, AT_FDCWD, path), name, value, size)


@linux.call(amd64=192)
def lgetxattr(thread: Thread, path: PathName, name: Name, value: Address, size: Size) -> int:
    """The value of an extended attribute of a file, or of a symlink itself."""
    return _get(thread, locate(thread, AT_FDCWD, path, follow=False), name, value, size)


@linux.call(amd64=193)
def fgetxattr(thread: Thread, fd: Fd, name: Name, value: Address, size: Size) -> int:
    """The value of an extended attribute of an open file."""
    return _get(thread, opened_file_of(thread, fd).location, name, value, size)


def _list(thread: Thread, location: Location, buffer: int, size: int) -> int:
    administrator = thread.process.files.token.has(Capability.SYS_ADMIN)
    names = location.node.list_attributes()
    shown = [name for name in names if administrator or not name.startswith("trusted.")]
    return _answer(thread, b"".join(os.fsencode(name) + b"\0" for name in shown), buffer, size)


@linux.call(amd64=194)
def listxattr(thread: Thread, path: PathName, names: Address, size: Size) -> int:
    """The names of the extended attributes of a file."""
    return _list(thread, locate(thread, AT_FDCWD, path), names, size)


@linux.call(amd64=195)
def llistxattr(thread: Thread, path: PathName, names: Address, size: Size) -> int:
    """The names of the extended attributes of a file, or of a symlink itself."""
    return _list(thread, locate(thread, AT_FDCWD, path, follow=False), names, size)


@linux.call(amd64=196)
def flistxattr(thread: Thread, fd: Fd, names: Address, size: Size) -> int:
    """The names of the extended attributes of an open file."""
    return _list(thread, opened_file_of(thread, fd).location, names, size)


# ---- removing


@linux.call(amd64=197)
def removexattr(thread: Thread, path: PathName, name: Name) -> int:
    """Remove an extended attribute of a file."""
    metadata.remove_attribute(thread.process.files, locate(thread, AT_FDCWD, path), name)
    return 0


@linux.call(amd64=198)
def lremovexattr(thread: Thread, path: PathName, name: Name) -> int:
    """Remove an extended attribute of a file, or of a symlink itself."""
    metadata.remove_attribute(thread.process.files, locate(thread, AT_FDCWD, path, follow=False), name)
    return 0


@linux.call(amd64=199)
def fremovexattr(thread: Thread, fd: Fd, name: Name) -> int:
    """Remove an extended attribute of an open file."""
    metadata.remove_attribute(thread.process.files, opened_file_of(thread, fd).location, name)
    return 0
