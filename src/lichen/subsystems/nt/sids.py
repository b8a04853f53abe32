"""Who somebody is in NT's words: security identifiers made of the executive's ids.

User 0 is the Administrator of the machine; other ids are users of the machine's own authority.

Source: [MS-DTYP] 2.4.2 SIDs.
"""

from __future__ import annotations

from typing import Final

from lichen.abi.layout import layout
from lichen.executive.security import Token
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.security import SidHead

_HEAD: Final = layout(SidHead, MODEL)
_MACHINE_AUTHORITY: Final = (21, 0, 0, 0)
_ADMINISTRATOR: Final = 500
_FIRST_USER: Final = 1000
_ENABLED_MANDATORY: Final = 0x7
_OWNER_GROUP: Final = 0xF


def sid(*parts: int, authority: int = 5) -> bytes:
    """A SID: S-1-authority-parts."""
    head = _HEAD.pack(SidHead(1, len(parts), authority.to_bytes(6, "big")))
    return head + b"".join(map(ULONG.pack, parts))


def _parts(data: bytes) -> list[int]:
    """The parts of a SID behind its authority."""
    return ULONG.unpack_array(data[_HEAD.size : _HEAD.size + ULONG.size * data[1]])


EVERYONE: Final = sid(0, authority=1)
ADMINISTRATORS: Final = sid(32, 544)
SYSTEM: Final = sid(18)


def user_sid(token: Token) -> bytes:
    """The SID of a token's user."""
    return id_sid(token.uid)


def id_sid(id: int) -> bytes:
    """The SID of a user or group of the machine."""
    return sid(*_MACHINE_AUTHORITY, _ADMINISTRATOR if id == 0 else _FIRST_USER + id)


def id_of(data: bytes) -> int | None:
    """The user or group of the machine that has a SID; None when it is nobody's."""
    *machine, relative = _parts(data) or [0]
    if sid(*machine, relative) != data or tuple(machine) != _MACHINE_AUTHORITY:
        return None
    if relative == _ADMINISTRATOR:
        return 0
    return relative - _FIRST_USER if relative > _FIRST_USER else None


def sid_text(data: bytes) -> str:
    """S-1-5-21-..."""
    authority = int.from_bytes(_HEAD.unpack(data).identifier_authority, "big")
    return "-".join(map(str, ("S", 1, authority, *_parts(data))))


def groups_of(token: Token) -> list[tuple[bytes, int]]:
    """The groups of a token with their attributes."""
    groups = [
        (EVERYONE, _ENABLED_MANDATORY),
        (sid(11), _ENABLED_MANDATORY),
        (sid(32, 545), _ENABLED_MANDATORY),
    ]
    if token.elevated:
        groups.append((ADMINISTRATORS, _OWNER_GROUP))
    return groups
