"""Descriptors as such: duplicating and closing them, and ioctl, which hands requests to what is behind one.

Source: dup(2), close(2), close_range(2), ioctl(2), ioctl_tty(2) for FIONREAD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Options
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.files import opened_file_of
from lichen.subsystems.linux.openflags import OpenFlag
from lichen.subsystems.linux.requests import HANDLERS, control, declare_ioctl, read_int, write_int
from lichen.subsystems.linux.signaldriven import set_asynchronous
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Address, Fd, Flags, Result, Uint

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

FIONREAD, FIONBIO, FIOASYNC, FIONCLEX, FIOCLEX, FIGETBSZ = 0x541B, 0x5421, 0x5452, 0x5450, 0x5451, 2
FICLONE, FICLONERANGE = 0x40049409, 0x4020940D
CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC = 2, 4


@linux.call(amd64=32)
def dup(thread: Thread, fd: Fd) -> int:
    """Another descriptor of the same open file."""
    return duplicate(thread, fd, 0, True)


def duplicate(thread: Thread, fd: int, lowest: int, inherit: bool) -> int:
    """The lowest free descriptor from `lowest` on, made a duplicate of `fd`."""
    handles = thread.process.handles
    handle = handles.handle(fd)
    return handles.insert(handle.object.reference(), handle.access, inherit, lowest)


@linux.call(amd64=33)
def dup2(thread: Thread, old: Fd, new: Fd) -> int:
    """Make one given descriptor a duplicate of another."""
    handles = thread.process.handles
    handle = handles.handle(old)
    if old != new:
        handles.place(new, handle.object.reference(), handle.access)
    return new


@linux.call(amd64=292)
def dup3(thread: Thread, old: Fd, new: Fd, flags: Flags) -> int:
    """As dup2, with O_CLOEXEC, and for two different descriptors only."""
    if flags & ~OpenFlag.CLOEXEC or old == new:
        raise Failure(Status.INVALID_PARAMETER)
    handles = thread.process.handles
    handle = handles.handle(old)
    handles.place(new, handle.object.reference(), handle.access, not flags)
    return new


@linux.call(amd64=3)
def close(thread: Thread, fd: Fd) -> int:
    """Give a descriptor back."""
    thread.process.handles.close(fd)
    return 0


@linux.call(amd64=436)
def close_range(thread: Thread, first: Uint, last: Uint, flags: Flags) -> int:
    """Close all descriptors from `first` to `last`, or have exec close them."""
    if flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) or first > last:
        raise Failure(Status.INVALID_PARAMETER)
    process = thread.process
    if flags & CLOSE_RANGE_UNSHARE and process.handles.users > 1:
        shared, process.handles = process.handles, process.handles.duplicate()
        shared.release()
    for fd, handle in list(process.handles):
        if first <= fd <= last:
            if flags & CLOSE_RANGE_CLOEXEC:
                handle.inherit = False
            else:
                process.handles.close(fd)
    return 0


# ---- ioctl


@linux.call(amd64=16)
def ioctl(thread: Thread, fd: Fd, request: Uint, argument: Address) -> Result:
    """Ask something of a device that no other call does."""
    file = opened_file_of(thread, fd)
    if request in (FIOCLEX, FIONCLEX):
        thread.process.handles.handle(fd).inherit = request == FIONCLEX
        return 0
    if request == FIOASYNC:
        if not set_asynchronous(thread, fd, file, bool(read_int(thread, argument))):
            raise Failure(Status.NOT_A_TERMINAL)
        return 0
    handler = HANDLERS.get(request)
    if handler is None:
        raise Failure(Status.NOT_A_TERMINAL)
    return handler(thread, file, argument)


@declare_ioctl(FICLONE, FICLONERANGE)
def _clone(thread: Thread, file: File, argument: int) -> Result:
    """Share the blocks of another file: no file system here does."""
    raise Failure(Status.NOT_SUPPORTED)


@declare_ioctl(FIONBIO)
def _set_nonblocking(thread: Thread, file: File, argument: int) -> Result:
    if read_int(thread, argument):
        file.options |= Options.NONBLOCKING
    else:
        file.options &= ~Options.NONBLOCKING
    return 0


@declare_ioctl(FIONREAD)
def _bytes_available(thread: Thread, file: File, argument: int) -> Result:
    if file.node.kind == Kind.REGULAR:
        return write_int(thread, argument, file.node.size() - file.position)
    return control(file, BytesAvailable(), lambda count: write_int(thread, argument, count))


@declare_ioctl(FIGETBSZ)
def _block_size(thread: Thread, file: File, argument: int) -> Result:
    if file.node.kind not in (Kind.REGULAR, Kind.DIRECTORY):
        raise Failure(Status.NOT_A_TERMINAL)
    return write_int(thread, argument, file.attributes().block_size)
