"""Who somebody is in NT's words: security identifiers made of the executive's ids.

User 0 is the Administrator of the machine; other ids are users of the machine's own authority.

Source: [MS-DTYP] 2.4.2 SIDs.
"""

from __future__ import annotations

from typing import Final

from lichen.abi.layout import layout
from lichen.executive.security.descriptors import Account, Foreign, Known, Principal
from lichen.executive.security.tokens import Token
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


_ACCOUNT_SIZE: Final = len(sid(*_MACHINE_AUTHORITY, 0))
_OF_MACHINE: Final = sid(*_MACHINE_AUTHORITY, 0)[: -ULONG.size]
_OF_KNOWN: Final = {
    Known.EVERYONE: sid(0, authority=1),
    Known.AUTHENTICATED: sid(11),
    Known.USERS: sid(32, 545),
    Known.ADMINISTRATORS: sid(32, 544),
    Known.SYSTEM: sid(18),
}
_KNOWN: Final = {data: who for who, data in _OF_KNOWN.items()}


def user_sid(token: Token) -> bytes:
    """The SID of a token's user."""
    return id_sid(token.uid)


def id_sid(id: int) -> bytes:
    """The SID of a user or group of the machine."""
    return sid(*_MACHINE_AUTHORITY, _ADMINISTRATOR if id == 0 else _FIRST_USER + id)


def sid_of(who: Principal) -> bytes:
    """The SID of somebody."""
    if isinstance(who, Known):
        return _OF_KNOWN[who]
    return id_sid(who.id) if isinstance(who, Account) else who.name


def principal_of(data: bytes) -> Principal:
    """Who has a SID; somebody foreign when nobody here does."""
    known = _KNOWN.get(data)
    return known if known is not None else _account(data) or Foreign(data)


def _account(data: bytes) -> Account | None:
    if len(data) != _ACCOUNT_SIZE or data[: -ULONG.size] != _OF_MACHINE:
        return None
    relative = ULONG.unpack(data[-ULONG.size :])
    if relative == _ADMINISTRATOR:
        return Account(0)
    return Account(relative - _FIRST_USER) if relative > _FIRST_USER else None


def sid_text(data: bytes) -> str:
    """S-1-5-21-..."""
    authority = int.from_bytes(_HEAD.unpack(data).identifier_authority, "big")
    return "-".join(map(str, ("S", 1, authority, *_parts(data))))


def groups_of(token: Token) -> list[tuple[bytes, int]]:
    """The groups of a token with their attributes."""
    groups = [(sid_of(who), _ENABLED_MANDATORY) for who in (Known.EVERYONE, Known.AUTHENTICATED, Known.USERS)]
    if token.elevated:
        groups.append((sid_of(Known.ADMINISTRATORS), _OWNER_GROUP))
    return groups
