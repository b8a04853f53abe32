"""The host's inotify, as its drivers use it.

Source: inotify(7).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MODIFY, ATTRIBUTES, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF = 0x40, 0x80, 0x100, 0x200, 0x400, 0x800
UNMOUNT, OVERFLOW, IGNORED, IS_DIRECTORY = 0x2000, 0x4000, 0x8000, 0x4000_0000
NAMES: Final = MOVED_FROM | MOVED_TO | CREATE | DELETE
_HEAD: Final = struct.Struct("=iIII")
_BUFFER: Final = 1 << 16


class Event(NamedTuple):
    """One record; `watch` is the host's number of the watch."""

    watch: int
    mask: int
    cookie: int
    name: str


def events(inotify: int) -> Iterator[Event]:
    """What waits to be read now."""
    while True:
        try:
            data = os.read(inotify, _BUFFER)
        except BlockingIOError:
            return
        offset = 0
        while offset < len(data):
            watch, mask, cookie, size = _HEAD.unpack_from(data, offset)
            offset += _HEAD.size
            yield Event(watch, mask, cookie, os.fsdecode(data[offset : offset + size].rstrip(b"\0")))
            offset += size
