"""Linux's open flags and the executive's `Open`, in both directions.

A program uses few combinations, so `open_request` remembers what each means: a warm open costs one cache access here.

Source: open(2), fcntl(2); fs/open.c decides what contradicts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Disposition, Open, Options, Share
from lichen.executive.status import Failure, Status


class OpenFlag:
    """O_* of x86-64."""

    RDONLY: Final = 0
    WRONLY: Final = 0o1
    RDWR: Final = 0o2
    CREAT: Final = 0o100
    EXCL: Final = 0o200
    NOCTTY: Final = 0o400
    TRUNC: Final = 0o1000
    APPEND: Final = 0o2000
    NONBLOCK: Final = 0o4000
    DSYNC: Final = 0o10000
    ASYNC: Final = 0o20000
    DIRECT: Final = 0o40000
    LARGEFILE: Final = 0o100000
    DIRECTORY: Final = 0o200000
    NOFOLLOW: Final = 0o400000
    NOATIME: Final = 0o1000000
    CLOEXEC: Final = 0o2000000
    SYNC: Final = 0o4010000
    PATH: Final = 0o10000000
    TMPFILE: Final = 0o20200000


ACCESS_MODE: Final = 0o3
UNNAMED: Final = 0o20000000
"""The bit of O_TMPFILE that is not O_DIRECTORY."""
CREATING: Final = OpenFlag.CREAT | UNNAMED
PATH_FLAGS: Final = OpenFlag.DIRECTORY | OpenFlag.NOFOLLOW | OpenFlag.PATH | OpenFlag.CLOEXEC
VALID: Final = 0o37777703
_ACCESS: Final = (Access.READ, Access.WRITE, Access.READ | Access.WRITE, Access.READ | Access.WRITE)
_OPTIONS: Final = (
    (OpenFlag.NOCTTY, Options.NO_TERMINAL),
    (OpenFlag.APPEND, Options.APPEND),
    (OpenFlag.NONBLOCK, Options.NONBLOCKING),
    (OpenFlag.DSYNC, Options.SYNCHRONOUS),
    (OpenFlag.DIRECT, Options.DIRECT),
    (OpenFlag.DIRECTORY, Options.DIRECTORY),
    (OpenFlag.NOFOLLOW, Options.NO_FOLLOW),
    (OpenFlag.NOATIME, Options.NO_ACCESS_TIME),
    (UNNAMED, Options.UNNAMED),
)
_SHOWN: Final = (
    (Options.APPEND, OpenFlag.APPEND),
    (Options.NONBLOCKING, OpenFlag.NONBLOCK),
    (Options.SYNCHRONOUS, OpenFlag.SYNC),
    (Options.DIRECT, OpenFlag.DIRECT),
    (Options.DIRECTORY, OpenFlag.DIRECTORY),
    (Options.NO_FOLLOW | Options.OPEN_LINK, OpenFlag.NOFOLLOW),
    (Options.NO_ACCESS_TIME, OpenFlag.NOATIME),
    (Options.PATH_ONLY, OpenFlag.PATH),
    (Options.UNNAMED, OpenFlag.TMPFILE),
)
_CHANGEABLE: Final = Options.APPEND | Options.NONBLOCKING | Options.DIRECT | Options.NO_ACCESS_TIME


@lru_cache(1024)
def open_request(flags: int, mode: int = 0, walk: int = 0) -> Open:
    """What an open with these (valid) flags asks of the I/O manager; INVALID_PARAMETER when they contradict."""
    if flags & OpenFlag.PATH:
        return _path_request(flags & PATH_FLAGS, walk)
    if flags & OpenFlag.CREAT and flags & (OpenFlag.DIRECTORY | UNNAMED):
        raise Failure(Status.INVALID_PARAMETER)
    if flags & UNNAMED and (not flags & OpenFlag.DIRECTORY or not flags & ACCESS_MODE):
        raise Failure(Status.INVALID_PARAMETER)
    options = Options.POSIX
    for flag, option in _OPTIONS:
        if flags & flag:
            options |= option
    return Open(_ACCESS[flags & ACCESS_MODE], _disposition(flags), Share.ALL, options, mode, walk)


def _path_request(flags: int, walk: int) -> Open:
    options = Options.POSIX | Options.PATH_ONLY
    if flags & OpenFlag.DIRECTORY:
        options |= Options.DIRECTORY
    if flags & OpenFlag.NOFOLLOW:
        options |= Options.OPEN_LINK
    return Open(0, Disposition.OPEN, Share.ALL, options, 0, walk)


def _disposition(flags: int) -> int:
    if flags & UNNAMED:
        return Disposition.OPEN_IF
    if flags & OpenFlag.CREAT:
        if flags & OpenFlag.EXCL:
            return Disposition.CREATE
        return Disposition.OVERWRITE_IF if flags & OpenFlag.TRUNC else Disposition.OPEN_IF
    return Disposition.OVERWRITE if flags & OpenFlag.TRUNC else Disposition.OPEN


def status_flags(file: File) -> int:
    """What F_GETFL and /proc/PID/fdinfo show of an open file."""
    access, options = file.access, file.options
    if options & Options.PATH_ONLY:
        flags: int = OpenFlag.RDONLY
    elif access & Access.CONTENT:
        flags = OpenFlag.RDWR if access & Access.READ else OpenFlag.WRONLY
    else:
        flags = OpenFlag.RDONLY if access & (Access.READ | Access.EXECUTE) else ACCESS_MODE
    for option, flag in _SHOWN:
        if options & option:
            flags |= flag
    if access & Access.CONTENT == Access.APPEND:  # a handle of NT's that may only append
        flags |= OpenFlag.APPEND
    if not options & Options.PATH_ONLY and (file.seekable or file.location.mount is not None):
        flags |= OpenFlag.LARGEFILE
    return flags


def set_status_flags(file: File, flags: int) -> None:
    """F_SETFL: replace the flags that can be replaced, and pass over the others."""
    options = file.options & ~_CHANGEABLE
    for flag, option in _OPTIONS:
        if flags & flag:
            options |= option & _CHANGEABLE
    file.options = options
