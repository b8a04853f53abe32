"""fcntl and flock: what can be asked of a descriptor or of the open file behind it, and the locks of files.

Source: fcntl(2), F_GETLK(2const) and its siblings, flock(2), memfd_create(2) for seals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import LP64, layout
from lichen.executive.io.file import SEEK_CURRENT, SEEK_END, SEEK_SET, File
from lichen.executive.io.locks import END, Range, WholeLock, locks_of
from lichen.executive.io.opening import Access, Options
from lichen.executive.io.requests import PipeCapacity, SetPipeCapacity
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.executive.wait import then
from lichen.subsystems.linux import seals, signals
from lichen.subsystems.linux.calls.descriptors import duplicate
from lichen.subsystems.linux.directorysignals import notify_of_directory
from lichen.subsystems.linux.files import file_of, opened_file_of
from lichen.subsystems.linux.openflags import OpenFlag, set_status_flags, status_flags
from lichen.subsystems.linux.processes import require
from lichen.subsystems.linux.records import Flock64
from lichen.subsystems.linux.signaldriven import (
    F_OWNER_PGRP,
    F_OWNER_PID,
    OwnerEx,
    is_asynchronous,
    ownership_of,
    set_asynchronous,
    set_owner,
)
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Fd, Flags, Int, Result, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW = range(8)
F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG, F_SETOWN_EX, F_GETOWN_EX = 8, 9, 10, 11, 15, 16
F_NOTIFY: Final = 1026
F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 36, 37, 38
F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS = 1030, 1031, 1032, 1033, 1034
FD_CLOEXEC: Final = 1
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN = 1, 2, 4, 8
_LARGEST: Final = (1 << 63) - 1
_LARGEST_PIPE: Final = 1 << 31
_FLOCK: Final = layout(Flock64, LP64)
_OWNER: Final = layout(OwnerEx, LP64)

Command = Callable[["Thread", int, "File", int], Result]
"""Carries out one command of fcntl for (thread, descriptor, its file, argument)."""


@linux.call(amd64=72, partial="no leases, no hints about lifetimes")
def fcntl(thread: Thread, fd: Fd, command: Int, argument: Size) -> Result:
    """Carry out one of many commands on a descriptor or on the open file behind it."""
    file = file_of(thread, fd)
    carry_out = _OF_DESCRIPTORS.get(command)
    if carry_out is None:
        if file.options & Options.PATH_ONLY:
            raise Failure(Status.INVALID_HANDLE)
        carry_out = _OF_FILES.get(command)
        if carry_out is None:
            raise Failure(Status.INVALID_PARAMETER)
    return carry_out(thread, fd, file, argument)


def _duplicate(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return _duplicate_above(thread, fd, argument, True)


def _duplicate_for_this_program(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return _duplicate_above(thread, fd, argument, False)


def _duplicate_above(thread: Thread, fd: int, lowest: int, inherit: bool) -> int:
    lowest &= 0xFFFFFFFF
    if lowest >= thread.process.handles.limit:
        raise Failure(Status.INVALID_PARAMETER)
    return duplicate(thread, fd, lowest, inherit)


def _get_descriptor_flags(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return 0 if thread.process.handles.handle(fd).inherit else FD_CLOEXEC


def _set_descriptor_flags(thread: Thread, fd: int, file: File, argument: int) -> Result:
    thread.process.handles.handle(fd).inherit = not argument & FD_CLOEXEC
    return 0


def _get_status_flags(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return status_flags(file) | (OpenFlag.ASYNC if is_asynchronous(file) else 0)


def _set_status_flags(thread: Thread, fd: int, file: File, argument: int) -> Result:
    set_status_flags(file, argument)
    set_asynchronous(thread, fd, file, bool(argument & OpenFlag.ASYNC))
    return 0


# ---- signal-driven I/O


def _get_owner(thread: Thread, fd: int, file: File, argument: int) -> Result:
    kind, id = ownership_of(thread, file).owner
    return -id if kind == F_OWNER_PGRP else id


def _set_owner(thread: Thread, fd: int, file: File, argument: int) -> Result:
    id = (argument & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
    set_owner(thread, file, OwnerEx(F_OWNER_PGRP, -id) if id < 0 else OwnerEx(F_OWNER_PID, id))
    return 0


def _get_owner_ex(thread: Thread, fd: int, file: File, argument: int) -> Result:
    thread.memory.write(argument, _OWNER.pack(ownership_of(thread, file).owner))
    return 0


def _set_owner_ex(thread: Thread, fd: int, file: File, argument: int) -> Result:
    set_owner(thread, file, _OWNER.unpack(thread.memory.read(argument, _OWNER.size)))
    return 0


def _get_signal(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return ownership_of(thread, file).signal


def _set_signal(thread: Thread, fd: int, file: File, argument: int) -> Result:
    if argument > signals.LAST:
        raise Failure(Status.INVALID_PARAMETER)
    ownership_of(thread, file).signal = argument
    return 0


# ---- locks


def _get_lock(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return _find_conflict(thread, file, argument, thread.process.handles)


def _get_open_file_lock(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return _find_conflict(thread, file, argument, file)


def _set_lock(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return _change_lock(thread, file, argument, thread.process.handles, wait=False)


def _set_lock_waiting(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return _change_lock(thread, file, argument, thread.process.handles, wait=True)


def _set_open_file_lock(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return _change_lock(thread, file, argument, file, wait=False)


def _set_open_file_lock_waiting(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return _change_lock(thread, file, argument, file, wait=True)


def _find_conflict(thread: Thread, file: File, address: int, owner: object) -> int:
    """Tell of the first lock that stands in the way of the one at `address`."""
    asked = _read_lock(thread, address, owner is file)
    wanted = _range(thread, file, asked, owner)
    if asked.type == F_UNLCK:
        raise Failure(Status.INVALID_PARAMETER)
    held = locks_of(file.node).conflict(wanted) if file.node.locks is not None else None
    if held is None:
        answer = asked._replace(type=F_UNLCK)
    else:
        length = 0 if held.end >= END else held.end - held.start
        kind = F_WRLCK if held.exclusive else F_RDLCK
        answer = Flock64(kind, SEEK_SET, held.start, length, held.process)
    thread.memory.write(address, _FLOCK.pack(answer))
    return 0


def _change_lock(thread: Thread, file: File, address: int, owner: object, wait: bool) -> Result:
    asked = _read_lock(thread, address, owner is file)
    wanted = _range(thread, file, asked, owner)
    if asked.type == F_UNLCK:
        if file.node.locks is not None:
            file.node.locks.unlock(owner, wanted.start, wanted.end)
        return 0
    needed = Access.CONTENT if wanted.exclusive else Access.READ
    if not file.access & needed:
        raise Failure(Status.INVALID_HANDLE)
    return then(locks_of(file.node).lock(wanted, wait), _nothing)


def _read_lock(thread: Thread, address: int, of_open_file: bool) -> Flock64:
    asked = _FLOCK.unpack(thread.memory.read(address, _FLOCK.size))
    if of_open_file and asked.pid:
        raise Failure(Status.INVALID_PARAMETER)
    return asked


def _range(thread: Thread, file: File, asked: Flock64, owner: object) -> Range:
    """The bytes that a struct flock means."""
    if asked.whence == SEEK_SET:
        start = asked.start
    elif asked.whence == SEEK_CURRENT:
        start = file.position + asked.start
    elif asked.whence == SEEK_END:
        start = file.attributes().size + asked.start
    else:
        raise Failure(Status.INVALID_PARAMETER)
    if asked.len < 0:
        start, end = start + asked.len, start
    else:
        end = start + asked.len if asked.len else END
    if start > _LARGEST or (end != END and end - 1 > _LARGEST):
        raise Failure(Status.VALUE_TOO_LARGE)
    if start < 0 or asked.type not in (F_RDLCK, F_WRLCK, F_UNLCK):
        raise Failure(Status.INVALID_PARAMETER)
    if end == _LARGEST + 1:
        end = END
    process = -1 if owner is file else thread.process.id
    return Range(owner, start, end, asked.type == F_WRLCK, process)


def _nothing(result: None) -> int:
    return 0


@linux.call(amd64=73)
def flock(thread: Thread, fd: Fd, operation: Flags) -> Result:
    """Lock a whole file for the open file, or give the lock back."""
    wanted = operation & ~LOCK_NB
    if wanted not in (LOCK_SH, LOCK_EX, LOCK_UN):
        raise Failure(Status.INVALID_PARAMETER)
    file = opened_file_of(thread, fd)
    if wanted == LOCK_UN:
        if file.node.locks is not None:
            file.node.locks.unlock_whole(file)
        return 0
    lock = WholeLock(wanted == LOCK_EX, thread.process.id)
    return then(locks_of(file.node).lock_whole(file, lock, not operation & LOCK_NB), _nothing)


# ---- pipes


def _get_pipe_size(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return _of_pipe(file, PipeCapacity())


def _set_pipe_size(thread: Thread, fd: int, file: File, argument: int) -> Result:
    size, most = argument & 0xFFFFFFFF, thread.process.machine.system.limits.pipe_bytes
    if most < size <= _LARGEST_PIPE and size > _of_pipe(file, PipeCapacity()):
        require(thread, Capability.SYS_RESOURCE)
    return _of_pipe(file, SetPipeCapacity(size))


def _of_pipe(file: File, request: object) -> int:
    try:
        capacity = file.control(request)
    except Failure as failure:
        if failure.status == Status.INVALID_DEVICE_REQUEST:
            raise Failure(Status.INVALID_HANDLE) from None
        raise
    assert isinstance(capacity, int)
    return capacity


# ---- seals


def _add_seals(thread: Thread, fd: int, file: File, argument: int) -> Result:
    seals.add_seals(thread, file, argument & 0xFFFFFFFF)
    return 0


def _get_seals(thread: Thread, fd: int, file: File, argument: int) -> Result:
    return seals.seals_of(file)


_OF_DESCRIPTORS: Final[dict[int, Command]] = {
    F_DUPFD: _duplicate,
    F_DUPFD_CLOEXEC: _duplicate_for_this_program,
    F_GETFD: _get_descriptor_flags,
    F_SETFD: _set_descriptor_flags,
    F_GETFL: _get_status_flags,
}
_OF_FILES: Final[dict[int, Command]] = {
    F_SETFL: _set_status_flags,
    F_GETOWN: _get_owner,
    F_SETOWN: _set_owner,
    F_GETOWN_EX: _get_owner_ex,
    F_SETOWN_EX: _set_owner_ex,
    F_GETSIG: _get_signal,
    F_SETSIG: _set_signal,
    F_NOTIFY: notify_of_directory,
    F_GETLK: _get_lock,
    F_SETLK: _set_lock,
    F_SETLKW: _set_lock_waiting,
    F_OFD_GETLK: _get_open_file_lock,
    F_OFD_SETLK: _set_open_file_lock,
    F_OFD_SETLKW: _set_open_file_lock_waiting,
    F_SETPIPE_SZ: _set_pipe_size,
    F_GETPIPE_SZ: _get_pipe_size,
    F_ADD_SEALS: _add_seals,
    F_GET_SEALS: _get_seals,
}
