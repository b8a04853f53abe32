"""Requests to `File.control` that more than one kind of file understands (NT: FSCTL codes; Unix: ioctl and fcntl)."""

from __future__ import annotations

from typing import NamedTuple


class BytesAvailable(NamedTuple):
    """How many bytes a read would give without waiting (FIONREAD): an int."""


class PipeCapacity(NamedTuple):
    """How many bytes a pipe holds at most (F_GETPIPE_SZ): an int."""


class SetPipeCapacity(NamedTuple):
    """Have a pipe hold at least `size` bytes (F_SETPIPE_SZ): what it holds now.

    SHARING_VIOLATION (EBUSY) when it holds more already, PRIVILEGE_NOT_HELD above what a machine allows.
    """

    size: int


class PeekPipe(NamedTuple):
    """What a read of `size` bytes would give (tee, splice), without taking it: bytes, empty when there are none."""

    size: int
