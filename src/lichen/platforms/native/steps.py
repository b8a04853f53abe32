"""Memory operations as the host calls that the stub page makes one after the other."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from lichen.executive.interfaces import Backing, Map, MemoryOperation, Move, Protect, Unmap
from lichen.platforms.native import filters
from lichen.platforms.native.zygote import PAGE_CACHE_DESCRIPTOR

MAP, PROTECT, UNMAP, CLOSE, MOVE = 9, 10, 11, 3, 25
_PRIVATE, _SHARED, _FIXED, _ANONYMOUS, _NO_RESERVE = 0x02, 0x01, 0x10, 0x20, 0x4000
OPERATION: Final = struct.Struct("<7Q")
MASK: Final = 0xFFFFFFFFFFFFFFFF


class Step(NamedTuple):
    """One host call for the stub: number and six arguments; `checked` when the filter will ask the kernel about it."""

    words: tuple[int, int, int, int, int, int, int]
    checked: bool = False
    descriptor: int | None = None


def encode(operation: MemoryOperation) -> list[Step]:
    """The host calls of one memory operation."""
    match operation:
        case Unmap(address, size):
            return [Step((UNMAP, address, size, 0, 0, 0, 0))]
        case Protect(address, size, protection):
            return [Step((PROTECT, address, size, protection, 0, 0, 0))]
        case Move(address, old_size, new_size, target):
            return [Step((MOVE, address, old_size, new_size, 3, target, 0))]
        case Map(address, size, protection, backing, shared):
            return _encode_map(address, size, protection, backing, _SHARED if shared else _PRIVATE)


def _encode_map(
    address: int, size: int, protection: int, backing: Backing | None, sharing: int
) -> list[Step]:
    flags = sharing | _FIXED | _NO_RESERVE
    if backing is None:
        return [Step((MAP, address, size, protection, flags | _ANONYMOUS, -1, 0))]
    if backing.descriptor is None:
        return [Step((MAP, address, size, protection, flags, PAGE_CACHE_DESCRIPTOR, backing.offset), True)]
    transient = filters.TRANSIENT_DESCRIPTOR
    return [
        Step((MAP, address, size, protection, flags, transient, backing.offset), True, backing.descriptor),
        Step((CLOSE, transient, 0, 0, 0, 0, 0)),
    ]
