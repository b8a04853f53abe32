"""The host's file calls that Python has no name for."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from lichen.executive.status import Failure
from lichen.executive.worker import Work

P = ParamSpec("P")
R = TypeVar("R")

_libc: Final = ctypes.CDLL(None, use_errno=True)
_RENAMEAT2: Final = 316
_STATX: Final = 332
_CURRENT_DIRECTORY, _NO_FOLLOW, _BIRTH, _BIRTH_AT = -100, 0x100, 0x800, 80


def hosted(operation: Callable[P, R]) -> Callable[P, R]:
    """Turn the host's errors in an operation into the executive's."""

    @wraps(operation)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return operation(*args, **kwargs)
        except OSError as error:
            raise Failure.from_host(error) from None

    return run


def _checked(result: int) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def syncing(descriptor: int, operation: Callable[[int], None]) -> Work:
    """Work that syncs by a descriptor, which it closes."""

    def work() -> None:
        try:
            operation(descriptor)
        finally:
            os.close(descriptor)

    return work


def syncfs(descriptor: int) -> None:
    """syncfs(2)."""
    _checked(_libc.syncfs(descriptor))


def fallocate(descriptor: int, mode: int, offset: int, size: int) -> None:
    """fallocate(2)."""
    _checked(_libc.fallocate(descriptor, mode, ctypes.c_int64(offset), ctypes.c_int64(size)))


def rename(old: str, old_directory: int, new: str, new_directory: int, flags: int) -> None:
    """renameat2(2), by its number: C libraries before 2.28 have no name for it either."""
    number = ctypes.c_long(_RENAMEAT2)
    _checked(_libc.syscall(number, old_directory, os.fsencode(old), new_directory, os.fsencode(new), flags))


def same_file(descriptor: int) -> str:
    """A path of the host that leads to an open descriptor's object, whatever became of its name."""
    return f"/proc/self/fd/{descriptor}"


def disconnect(descriptor: int) -> None:
    """connect(2) to no address at all, which dissolves what a socket is connected to."""
    unspecified = bytes(16)
    _checked(_libc.connect(descriptor, unspecified, len(unspecified)))


def inotify() -> int:
    """inotify_init1(2), for reads that do not wait."""
    descriptor: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    _checked(descriptor)
    return descriptor


def watch(descriptor: int, path: str, mask: int) -> int:
    """inotify_add_watch(2)."""
    number: int = _libc.inotify_add_watch(descriptor, path.encode(), ctypes.c_uint32(mask))
    _checked(number)
    return number


def unwatch(descriptor: int, number: int) -> None:
    """inotify_rm_watch(2); nothing happens when the watch is gone already."""
    _libc.inotify_rm_watch(descriptor, number)


def file_system_type(descriptor: int) -> int:
    """`f_type` of statfs(2)."""
    record = ctypes.create_string_buffer(256)
    _checked(_libc.fstatfs(descriptor, record))
    return int.from_bytes(record.raw[:4], "little")


def born(path: str, directory: int = _CURRENT_DIRECTORY) -> int | None:
    """When an object was made, in ns since 1970; None where the host does not say, or has no such name any more.

    statx(2), by its number. A path through /proc/self/fd leads to the object; no other link is followed.
    """
    record = ctypes.create_string_buffer(256)
    flags = 0 if path.startswith("/proc/self/fd/") else _NO_FOLLOW
    number, mask = ctypes.c_long(_STATX), ctypes.c_uint(_BIRTH)
    if _libc.syscall(number, directory, os.fsencode(path), flags, mask, record) == -1:
        return None
    if not int.from_bytes(record.raw[:4], "little") & _BIRTH:
        return None
    seconds, nanoseconds = struct.unpack_from("<qI", record.raw, _BIRTH_AT)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
