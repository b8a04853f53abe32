"""Opening files: open, openat, openat2, creat, memfd_create.

Source: open(2), openat2(2), memfd_create(2).
"""

from __future__ import annotations

import os
from types import GeneratorType
from typing import TYPE_CHECKING, Annotated, Final, cast

from lichen.abi.argument import Arg, flag_names, show_bytes
from lichen.abi.layout import LP64, layout
from lichen.executive.io.attributes import AttributeChange
from lichen.executive.io.file import File
from lichen.executive.io.lookup import Walk, find_entry
from lichen.executive.io.manager import create_file
from lichen.executive.io.opening import Open
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then
from lichen.subsystems.linux.files import anonymous_file, start_of
from lichen.subsystems.linux.openflags import (
    ACCESS_MODE,
    CREATING,
    PATH_FLAGS,
    VALID,
    OpenFlag,
    open_request,
)
from lichen.subsystems.linux.records import OpenHow
from lichen.subsystems.linux.seals import F_SEAL_EXEC, F_SEAL_SEAL, seal
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import AT_FDCWD, Address, Fd, Flags, Mode, Path, PathName, Result, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_show_flags = flag_names(OpenFlag, "O_")
OpenFlags = Annotated[
    int,
    Arg(
        "{x} & 0xffffffff",
        lambda flags: ("" if flags & ACCESS_MODE or not flags else "O_RDONLY|") + _show_flags(flags),
    ),
]

RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS = 1, 2, 4
RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_CACHED = 8, 0x10, 0x20
_RESTRICTIONS: Final = (
    (RESOLVE_NO_XDEV, Walk.NO_CROSSING),
    (RESOLVE_NO_MAGICLINKS, Walk.NO_MAGIC_LINKS),
    (RESOLVE_NO_SYMLINKS, Walk.NO_SYMLINKS),
    (RESOLVE_BENEATH, Walk.BENEATH),
    (RESOLVE_IN_ROOT, Walk.IN_ROOT),
    (RESOLVE_CACHED, 0),
)
MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB, MFD_NOEXEC_SEAL, MFD_EXEC = 0x1, 0x2, 0x4, 0x8, 0x10
_EXEC_FLAGS: Final = MFD_EXEC | MFD_NOEXEC_SEAL
_MEMORY_FLAGS: Final = MFD_CLOEXEC | MFD_ALLOW_SEALING | _EXEC_FLAGS
_LONGEST_MEMORY_NAME: Final = 249
MemoryName = Annotated[bytes, Arg(f"memory.cstring({{x}}, {_LONGEST_MEMORY_NAME + 1})", show_bytes)]
_HOW: Final = layout(OpenHow, LP64)
_LARGEST_HOW: Final = 4096
_MODE: Final = 0o7777


@linux.call(amd64=257)
def openat(thread: Thread, directory: Fd, path: PathName, flags: OpenFlags, mode: Mode) -> Result:
    """Open, and perhaps create, a file named relative to a directory."""
    flags &= VALID
    mode = mode & _MODE if flags & CREATING else 0
    request = open_request(flags, mode, Walk.DIRECTORY if path.directory else 0)
    return _open(thread, directory, path, flags, request)


@linux.call(amd64=2)
def open_(thread: Thread, path: PathName, flags: OpenFlags, mode: Mode) -> Result:
    """Open, and perhaps create, a file."""
    return openat(thread, AT_FDCWD, path, flags, mode)


@linux.call(amd64=85)
def creat(thread: Thread, path: PathName, mode: Mode) -> Result:
    """Create or empty a file and open it for writing."""
    return openat(thread, AT_FDCWD, path, OpenFlag.CREAT | OpenFlag.WRONLY | OpenFlag.TRUNC, mode)


def _open(thread: Thread, directory: int, path: Path, flags: int, request: Open) -> Result:
    if not path.text:
        raise Failure(Status.OBJECT_NAME_NOT_FOUND)
    process = thread.process
    process.handles.require_room()
    start = start_of(process, directory, path)
    if flags & OpenFlag.CREAT and path.directory and not flags & OpenFlag.PATH:
        find_entry(process.files, start, path.components, request.walk | Walk.NAME)
        raise Failure(Status.FILE_IS_A_DIRECTORY)
    file = create_file(process.files, start, path.components, request)
    if type(file) is GeneratorType:
        return then(cast(File | Blocks[File], file), lambda file: _insert(thread, file, flags))
    return _insert(thread, cast(File, file), flags)


def _insert(thread: Thread, file: File, flags: int) -> int:
    if flags & ACCESS_MODE == ACCESS_MODE and not flags & OpenFlag.PATH:
        file.access = 0  # both rights were asked for, and neither is given: only ioctl works
    return thread.process.handles.insert(file, file.access, not flags & OpenFlag.CLOEXEC)


@linux.call(amd64=437, partial="RESOLVE_CACHED always answers EAGAIN")
def openat2(thread: Thread, directory: Fd, path: PathName, how: Address, size: Size) -> Result:
    """Open a file with restrictions on the way to it; contradictions and unknown bits are errors."""
    wanted = _read_how(thread, how, size)
    walk = Walk.DIRECTORY if path.directory else 0
    for restriction, bits in _RESTRICTIONS:
        if wanted.resolve & restriction:
            walk |= bits
    if wanted.resolve & RESOLVE_CACHED:
        raise Failure(Status.DEVICE_NOT_READY)
    if path.absolute:
        if walk & Walk.BENEATH:
            raise Failure(Status.NOT_SAME_DEVICE)
        if walk & Walk.IN_ROOT:
            path = path._replace(absolute=False)
    return _open(thread, directory, path, wanted.flags, open_request(wanted.flags, wanted.mode, walk))


def _read_how(thread: Thread, address: int, size: int) -> OpenHow:
    """The open_how of a call, checked; a longer record must hold nothing but zeros beyond what is known."""
    if size < _HOW.size:
        raise Failure(Status.INVALID_PARAMETER)
    if size > _LARGEST_HOW:
        raise Failure(Status.INVALID_BUFFER_SIZE)
    data = thread.memory.read(address, size)
    if any(data[_HOW.size :]):
        raise Failure(Status.INVALID_BUFFER_SIZE)
    how = _HOW.unpack(data)
    known = sum(bit for bit, _ in _RESTRICTIONS)
    both = RESOLVE_BENEATH | RESOLVE_IN_ROOT
    if how.flags & ~VALID or how.resolve & ~known or how.resolve & both == both:
        raise Failure(Status.INVALID_PARAMETER)
    if how.mode & ~(_MODE if how.flags & CREATING else 0):
        raise Failure(Status.INVALID_PARAMETER)
    if how.flags & OpenFlag.PATH and how.flags & ~PATH_FLAGS:
        raise Failure(Status.INVALID_PARAMETER)
    return how


@linux.call(amd64=319, partial="no huge pages")
def memfd_create(thread: Thread, name: MemoryName, flags: Flags) -> int:
    """Make a file in memory without a name in the tree; `name` is only shown."""
    if flags & ~(_MEMORY_FLAGS | MFD_HUGETLB) or flags & _EXEC_FLAGS == _EXEC_FLAGS:
        raise Failure(Status.INVALID_PARAMETER)
    if len(name) > _LONGEST_MEMORY_NAME:
        raise Failure(Status.INVALID_PARAMETER)
    if flags & MFD_HUGETLB:
        raise Failure(Status.NOT_IMPLEMENTED)
    file = anonymous_file(thread, 0, f"/memfd:{os.fsdecode(name)}")
    if flags & MFD_NOEXEC_SEAL:
        file.node.change(AttributeChange(mode=0o666))
        seal(file, F_SEAL_EXEC)
    elif not flags & MFD_ALLOW_SEALING:
        seal(file, F_SEAL_SEAL)
    return thread.process.handles.insert(file, file.access, not flags & MFD_CLOEXEC)
